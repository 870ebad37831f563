//! The plans that executions were taken up with last.

use std::collections::VecDeque;
use std::sync::Arc;

use jackfield_store_api::WorkflowVersion;

use super::pinned::Pinned;
use crate::PreparedPlan;

/// How many plans are kept of a tenant.
const MOST_PLANS: usize = 64;

/// Plans of executions that are kept: many are taken up that are pinned to the same.
#[derive(Default)]
pub(crate) struct PinnedPlans(VecDeque<(WorkflowVersion, Pinned, Arc<PreparedPlan>)>);

impl PinnedPlans {
    /// Keeps a plan that was made with just what is pinned.
    pub(crate) fn keep(
        &mut self,
        workflow: &WorkflowVersion,
        pinned: &Pinned,
        plan: &Arc<PreparedPlan>,
    ) {
        if !pinned.fits(plan) || self.find(workflow, pinned).is_some() {
            return;
        }
        if self.0.len() >= MOST_PLANS {
            self.0.pop_back();
        }
        let (workflow, pinned) = (workflow.clone(), pinned.clone());
        self.0.push_front((workflow, pinned, Arc::clone(plan)));
    }

    pub(crate) fn find(
        &mut self,
        workflow: &WorkflowVersion,
        pinned: &Pinned,
    ) -> Option<Arc<PreparedPlan>> {
        let place = self
            .0
            .iter()
            .position(|(of, pins, _)| of == workflow && pins.is_like(pinned))?;
        let found = self.0.remove(place)?;
        let plan = Arc::clone(&found.2);
        self.0.push_front(found);
        Some(plan)
    }
}
