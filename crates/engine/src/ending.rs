//! What came of attempts, on its way into the journal: with the conditions behind their nodes
//! evaluated, and what failures leave behind bounded.

use jackfield_kernel::{
    ApplyError, Effects, EventKind, NodeIndex, NodePhase, Pass, RunWith, SkipReason,
};
use jackfield_plugin_api::NodeOutput;
use jackfield_types::{ErrorCode, FailureClass, NodeFailure, Outputs};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::conditions::{Conditions, Stopped, Strictness};
use crate::driver::Driver;
use crate::invocation::Ended;
use crate::orders::LONGEST_STRETCH;

/// What cannot be written down before conditions have been evaluated.
pub(crate) enum Unjudged {
    /// An attempt that ended then.
    Ended(Ended, Timestamp),
    /// A node that is passed over.
    PassedOver {
        node: NodeIndex,
        run: u32,
        reason: SkipReason,
    },
}

impl Driver {
    /// Takes what came of an attempt. When conditions stand behind its node, they are for
    /// [`judge`](Self::judge) to evaluate.
    pub(crate) fn end(&mut self, ended: Ended) -> Result<(), ApplyError> {
        let at = self.now();
        let node = ended.node;
        if !self.watches.is_empty()
            && let Some(watch) = self.watches.remove(&node)
        {
            watch.ended(ended.result.as_ref().err().map(|failure| &**failure));
        }
        if let Some((hindered, _)) = self.running.hindered()
            && *hindered == node
        {
            // It was not run, so that nothing came of it.
            return Ok(());
        }
        if self.running.plan.node(node).has_conditions {
            self.unjudged = Some(Box::new(Unjudged::Ended(ended, at)));
            return Ok(());
        }
        let ended = match ended.result {
            Ok(_) => ended,
            Err(failure) => Ended {
                result: Err(self.bounded(node, failure, at).0),
                ..ended
            },
        };
        self.write_end(ended, Vec::new(), at)
    }

    /// Passes a node over. What a disabled one lets pass may be for [`judge`](Self::judge) to say.
    pub(crate) fn pass_over(
        &mut self,
        node: NodeIndex,
        run: u32,
        reason: SkipReason,
    ) -> Result<(), ApplyError> {
        if reason == SkipReason::Disabled && self.running.plan.node(node).has_conditions {
            self.unjudged = Some(Box::new(Unjudged::PassedOver { node, run, reason }));
            return Ok(());
        }
        let passes = Vec::new();
        self.record(EventKind::NodeSkipped {
            node,
            run,
            reason,
            passes,
        })
    }

    /// Evaluates the conditions behind what has just ended or is passed over, and writes it down.
    pub(crate) async fn judge(&mut self) -> Result<(), ApplyError> {
        let Some(unjudged) = self.unjudged.take() else {
            return Ok(());
        };
        // Boxed, so that the driver of workflows without conditions stays small.
        match *unjudged {
            Unjudged::Ended(ended, at) => Box::pin(self.judge_ended(ended, at)).await,
            Unjudged::PassedOver { node, run, reason } => {
                Box::pin(self.judge_passed_over(node, run, reason)).await
            }
        }
    }

    async fn judge_ended(&mut self, ended: Ended, at: Timestamp) -> Result<(), ApplyError> {
        let node = ended.node;
        let mut conditions = self.conditions(node);
        let result = match ended.result {
            Ok(output) => {
                let outputs = self.execution.outputs_after_success(node, &output.outputs);
                match conditions.passes(&outputs, Strictness::Strict).await {
                    Ok(passes) => Ok((output, passes)),
                    Err(Stopped::Failed(failure)) => Err(failure),
                    Err(Stopped::Unwanted) => return self.stop(),
                }
            }
            Err(failure) => Err(failure),
        };
        let (result, passes) = match result {
            Ok((output, passes)) => (Ok(output), passes),
            Err(failure) => {
                let (failure, outputs) = self.bounded(node, failure, at);
                let outputs = outputs.unwrap_or_default();
                match conditions.passes(&outputs, Strictness::Lenient).await {
                    Ok(passes) => (Err(failure), passes),
                    Err(Stopped::Failed(exceeded)) => (Err(exceeded), Vec::new()),
                    Err(Stopped::Unwanted) => return self.stop(),
                }
            }
        };
        self.note_stretch(&conditions);
        self.write_end(Ended { result, ..ended }, passes, at)
    }

    async fn judge_passed_over(
        &mut self,
        node: NodeIndex,
        run: u32,
        reason: SkipReason,
    ) -> Result<(), ApplyError> {
        let input = self.execution.inputs(node).first();
        let outputs = Outputs::first(input.cloned().unwrap_or_default());
        let mut conditions = self.conditions(node);
        let judged = conditions.passes(&outputs, Strictness::Lenient).await;
        self.note_stretch(&conditions);
        let is_stopped = judged.is_err();
        if let Err(Stopped::Failed(failure)) = &judged {
            // It has no failure of its own that could say so.
            let node = &self.running.plan.node(node).name;
            tracing::warn!(target: "engine", %node, %failure, "execution stopped at conditions");
        }
        self.record(EventKind::NodeSkipped {
            node,
            run,
            reason,
            passes: judged.unwrap_or_default(),
        })?;
        if is_stopped { self.stop() } else { Ok(()) }
    }

    /// Ends the execution in the middle of something.
    pub(crate) fn stop(&mut self) -> Result<(), ApplyError> {
        let is_late = |deadline| Instant::now() >= deadline;
        if !self.running.cancellation.is_cancelled() && self.deadline.is_some_and(is_late) {
            self.pass_deadline()
        } else {
            self.record(EventKind::CancelRequested)
        }
    }

    /// A failure that leaves no more behind than may leave the node, and what it leaves behind.
    /// That is worked out only when somebody asks for it.
    fn bounded(
        &self,
        node: NodeIndex,
        mut failure: Box<NodeFailure>,
        at: Timestamp,
    ) -> (Box<NodeFailure>, Option<Outputs>) {
        let running = &self.running;
        let counts = self.in_force.max_output_size.is_some() || running.nested.usage.is_some();
        if !counts && !running.plan.node(node).has_conditions {
            return (failure, None);
        }
        let outputs = self.execution.outputs_after_failure(node, &failure, at);
        let Err(refused) = self.count_after(&failure, outputs.as_ref()) else {
            return (failure, outputs);
        };
        failure = refused;
        let outputs = self.execution.outputs_after_failure(node, &failure, at);
        let Err(mut refused) = self.count_after(&failure, outputs.as_ref()) else {
            return (failure, outputs);
        };
        // What says that it is too much is too much by itself, with all that the node was given.
        refused.class = FailureClass::Final;
        refused.code = ErrorCode::QUOTA_EXCEEDED;
        (refused, None)
    }

    fn count_after(
        &self,
        failure: &NodeFailure,
        outputs: Option<&Outputs>,
    ) -> Result<(), Box<NodeFailure>> {
        let limit = self.in_force.max_output_size;
        outputs.map_or(Ok(()), |outputs| {
            self.running
                .count_after(limit, failure.partial.as_ref(), outputs)
        })
    }

    fn write_end(
        &mut self,
        ended: Ended,
        passes: Vec<Pass>,
        at: Timestamp,
    ) -> Result<(), ApplyError> {
        let Ended {
            node,
            run,
            attempt,
            result,
        } = ended;
        let kind = match result {
            Ok(output) => {
                let NodeOutput {
                    outputs,
                    variables,
                    wait,
                    signal,
                } = output;
                let effects = Effects {
                    variables,
                    passes,
                    wait,
                    signal,
                };
                let effects = (effects != Effects::default()).then(|| Box::new(effects));
                EventKind::AttemptSucceeded {
                    node,
                    run,
                    attempt,
                    outputs,
                    effects,
                }
            }
            Err(failure) => {
                self.count_error(node, &failure.code);
                EventKind::AttemptFailed {
                    node,
                    run,
                    attempt,
                    failure,
                    passes,
                }
            }
        };
        self.record_at(kind, at)
    }

    /// Has others get their turn when conditions held the thread for long.
    fn note_stretch(&mut self, conditions: &Conditions) {
        if conditions.took_long() {
            self.stretch = LONGEST_STRETCH;
        }
    }

    fn count_error(&self, node: NodeIndex, code: &ErrorCode) {
        let spec = self.running.plan.node(node);
        let node_type = match (self.execution.phase(node), &spec.fallback) {
            (
                NodePhase::Running {
                    with: RunWith::Fallback,
                },
                Some(fallback),
            ) => &fallback.node_type,
            _ => &spec.node_type,
        };
        let errors = &self.running.engine().errors;
        errors.record(self.running.tenant_id(), node_type, code);
    }
}
