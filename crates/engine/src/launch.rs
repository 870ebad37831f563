//! How the driver begins attempts.

use std::sync::Arc;

use futures_util::FutureExt;
use jackfield_kernel::{ApplyError, NodeIndex, NodePhase, RunWith};
use jackfield_plugin_api::NodeOutput;
use jackfield_tenancy::{CallPermit, QuotaExceeded};
use jackfield_types::{Items, NodeRole};
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio_util::task::AbortOnDropHandle;

use crate::attempt::{Start, broken_off, with_timeout};
use crate::driver::Driver;
use crate::execution::PinnedData;
use crate::invocation::Invocation;
use crate::resolve::{Admitted, Resolved};
use crate::scope::Scope;

/// A call that has waited until its tenant had room for it.
pub(crate) struct Waited {
    invocation: Box<Invocation>,
    start: Start,
    permit: Result<CallPermit, QuotaExceeded>,
}

/// Whether an attempt has the driver's thread for itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Company {
    Alone,
    Others,
}

impl Driver {
    /// Begins an attempt.
    pub(crate) fn start(&mut self, start: Start, company: Company) -> Result<(), ApplyError> {
        let Start { node, run, .. } = start;
        if !matches!(self.execution.phase(node), NodePhase::Running { .. }) {
            // It was broken off before it came to its turn.
            return Ok(());
        }
        let plan = Arc::clone(&self.running.plan);
        if start.attempt > 1
            && start.with == RunWith::Own
            && let Some(registration) = plan.prepared(node).registration(start.with)
        {
            let registry = &self.running.engine().registry;
            registry.record_retry(registration);
        }
        let mut inputs: SmallVec<[Items; 1]> = self.execution.inputs(node).into();
        if plan.node(node).execute_once {
            for items in &mut inputs {
                if items.len() > 1 {
                    *items = Arc::new(vec![items[0].clone()]);
                }
            }
        }
        let loop_state = match plan.graph().node(node).role {
            NodeRole::Loop => self.execution.loop_state(node).cloned().map(Box::new),
            NodeRole::Plain | NodeRole::Trigger => None,
        };
        // The expressions of a loop node see what the last round brought back.
        let input = match &loop_state {
            Some(state) => Arc::clone(&state.returned),
            None => inputs.first().cloned().unwrap_or_default(),
        };
        let mut scope = Scope::new(&self.running, &self.execution, node, input, self.last);
        scope.run_index = run;
        self.running.state().refresh(&mut self.in_force);
        let invocation = Invocation {
            node,
            run,
            attempt: start.attempt,
            with: start.with,
            scope,
            inputs,
            loop_state,
            cancellation: self.later_attempts.clone(),
            max_output_size: self.in_force.max_output_size,
            permit: Mutex::new(None),
        };
        if let Some(pinned) = self.pinned(node) {
            let pinned = Ok(NodeOutput::items(pinned));
            let ended = invocation.uncalled(pinned);
            return self.end(ended);
        }
        let resolved = invocation.resolve(&self.in_force, Admitted::NotYet);
        self.launch(invocation, start, resolved, company)
    }

    /// Goes on with a call that has waited for its turn.
    pub(crate) fn admit(&mut self, waited: Waited) -> Result<(), ApplyError> {
        let Waited {
            invocation,
            start,
            permit,
        } = waited;
        self.running.state().refresh(&mut self.in_force);
        let resolved = match permit {
            Ok(permit) => invocation.resolve(&self.in_force, Admitted::Waited(permit)),
            Err(exceeded) => Resolved::Failed(invocation.over_quota(&exceeded)),
        };
        self.launch(*invocation, start, resolved, Company::Others)
    }

    fn launch(
        &mut self,
        invocation: Invocation,
        start: Start,
        resolved: Resolved,
        company: Company,
    ) -> Result<(), ApplyError> {
        let node = start.node;
        let limit = self.running.plan.node(node).timeout;
        // On the driver's own thread a time limit cannot cut off what computes.
        let has_limit = limit.is_some() || self.deadline.is_some();
        let is_alone = company == Company::Alone && !has_limit;
        let (watch, runs_here, mut future) = match resolved {
            Resolved::Ready {
                registration,
                executor,
                watch,
            } => {
                let runs_here = is_alone || Invocation::runs_inline(&*executor);
                (watch, runs_here, invocation.execute(registration, executor))
            }
            Resolved::Lazy {
                registration,
                watch,
            } => (watch, true, invocation.load_and_execute(registration)),
            Resolved::Failed(failure) => {
                let ended = invocation.uncalled(Err(failure));
                return self.end(ended);
            }
            Resolved::Waiting => {
                self.wait(invocation, start);
                return Ok(());
            }
        };
        if !watch.is_idle() {
            self.watches.insert(node, watch);
        }
        if runs_here {
            // Most calls end at once; they need no place among those that run on.
            if let Some(ended) = (&mut future).now_or_never() {
                return self.end(ended);
            }
        } else {
            let presence = self.presence();
            let task = AbortOnDropHandle::new(tokio::spawn(async move {
                // Nobody in this process runs it anew before it is gone.
                let _presence = presence;
                future.await
            }));
            future = async move {
                match task.await {
                    Ok(ended) => ended,
                    Err(error) => broken_off(start, &error),
                }
            }
            .boxed();
        }
        match limit {
            None => self.in_flight.push(future),
            Some(limit) => self
                .in_flight
                .push(with_timeout(future, limit.into(), start)),
        }
        Ok(())
    }

    /// Has a call wait for its turn. It holds no worker meanwhile, and no time limit of its own
    /// runs: that is for the attempt.
    fn wait(&mut self, invocation: Invocation, start: Start) {
        let state = Arc::clone(self.running.state());
        let invocation = Box::new(invocation);
        self.waiting.push(
            async move {
                let permit = state.tenant.admission().call().await;
                Waited {
                    invocation,
                    start,
                    permit,
                }
            }
            .boxed(),
        );
    }

    fn pinned(&self, node: NodeIndex) -> Option<Items> {
        match self.running.choices.pinned_data {
            PinnedData::Used => self.running.plan.node(node).pinned.clone(),
            PinnedData::Ignored => None,
        }
    }
}
