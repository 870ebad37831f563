use std::sync::Arc;

use super::bucket::Moment;
use super::limits::Resource;
use super::tenant::Admitted;

/// A place that is given back when it is dropped.
#[derive(Debug)]
pub(super) enum Hold {
    /// One for an execution that the gate was not asked for.
    Free(Arc<Admitted>),
    Counted {
        tenant: Arc<Admitted>,
        resource: Resource,
        since: Moment,
    },
}

impl Drop for Hold {
    fn drop(&mut self) {
        match self {
            Self::Free(tenant) => tenant.lane(Resource::Executions).leave_free(),
            Self::Counted {
                tenant,
                resource,
                since,
            } => {
                let lane = tenant.lane(*resource);
                lane.gate.release(lane.flow, *since);
            }
        }
    }
}

/// An execution that may run. Its place goes to the next when this is dropped.
#[derive(Debug)]
#[must_use = "the place is given back when the permit is dropped"]
pub struct ExecutionPermit {
    _hold: Hold,
}

impl ExecutionPermit {
    pub(super) fn new(hold: Hold) -> Self {
        Self { _hold: hold }
    }
}

/// A call that may be made. Its place, if places are counted, goes to the next when this is
/// dropped.
#[derive(Debug)]
#[must_use = "the place is given back when the permit is dropped"]
pub struct CallPermit {
    _hold: Option<Hold>,
}

impl CallPermit {
    pub(super) fn new(hold: Option<Hold>) -> Self {
        Self { _hold: hold }
    }
}
