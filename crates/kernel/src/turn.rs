//! Which events can follow from a state.

use crate::{ApplyError, EventKind, Execution, NodePhase};

impl Execution {
    /// Refuses what cannot have happened in this state.
    pub(crate) fn check(&self, event: &EventKind) -> Result<(), ApplyError> {
        let wrong_state = |state| {
            Err(ApplyError::WrongState {
                event: event.name(),
                state,
            })
        };
        if let EventKind::ExecutionStarted { trigger, .. } = event {
            return match trigger {
                _ if self.started.is_some() => wrong_state("has started"),
                Some(trigger) if trigger.get() >= self.graph.len() => {
                    Err(ApplyError::UnknownNode {
                        node: trigger.get(),
                    })
                }
                Some(_) | None => Ok(()),
            };
        }
        if self.started.is_none() {
            return wrong_state("has not started");
        }
        if self.ended.is_some() {
            return wrong_state("has ended");
        }
        let Some(node) = event.node() else {
            return Ok(());
        };
        let Some(state) = self.nodes.get(node.get()) else {
            return Err(ApplyError::UnknownNode { node: node.get() });
        };
        // Once an execution compensates, nothing else of it goes on; what it waited for may end.
        let is_over = self.compensating.is_some()
            && self.graph.compensated(node).is_none()
            && !matches!(event, EventKind::TimerFired { .. });
        let fits = !is_over
            && match event {
                EventKind::AttemptStarted {
                    run, attempt, with, ..
                } => {
                    (*run, *attempt) == (state.run, state.attempt)
                        && state.phase == NodePhase::Ready { with: *with }
                }
                EventKind::AttemptSucceeded { run, attempt, .. }
                | EventKind::AttemptFailed { run, attempt, .. } => {
                    (*run, *attempt) == (state.run, state.attempt)
                        && matches!(state.phase, NodePhase::Running { .. })
                }
                EventKind::NodeSkipped { run, reason, .. } => {
                    *run == state.run && state.phase == NodePhase::Passing { reason: *reason }
                }
                EventKind::TimerFired { run, attempt, .. } => {
                    (*run, *attempt) == (state.run, state.attempt)
                        && matches!(state.phase, NodePhase::Waiting | NodePhase::Holding)
                }
                EventKind::SignalReceived {
                    run,
                    attempt,
                    signal,
                    ..
                } => {
                    (*run, *attempt) == (state.run, state.attempt)
                        && self.awaited_signal(node).is_some()
                        && !self.has_received(*signal)
                }
                EventKind::InputReplaced { run, inputs, .. } => {
                    *run == state.run
                        && matches!(state.phase, NodePhase::Ready { .. })
                        && inputs.len() == state.inputs.len()
                }
                EventKind::ExecutionStarted { .. }
                | EventKind::ExecutionResumed
                | EventKind::CancelRequested
                | EventKind::DeadlinePassed
                | EventKind::ExecutionFinished { .. } => true,
            };
        if fits {
            return Ok(());
        }
        let (run, attempt) = (state.run, state.attempt);
        Err(ApplyError::OutOfTurn {
            event: event.name(),
            node: node.get(),
            run,
            attempt,
        })
    }
}
