//! Conditions on connections: which items pass is worked out here and told to the kernel.
//!
//! Conditions are the workflow's, and may take as long as any node: what they compute counts for
//! the execution, and between items others get their turn on the thread, and it is looked whether
//! the execution is still wanted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jackfield_definition::expression::{EvaluationError, Expression};
use jackfield_kernel::{ConnectionIndex, NodeIndex, Output, Pass};
use jackfield_tenancy::Usage;
use jackfield_types::{ErrorCode, FailureClass, Items, NodeFailure, Outputs};

use crate::driver::Driver;
use crate::execution::Running;
use crate::failure_size::shortened;
use crate::parameters::told;
use crate::scope::Scope;

/// How many items are asked about in a row, and for how long, before others get their turn.
const MOST_ITEMS: u32 = 64;
const LONGEST: Duration = Duration::from_millis(2);

/// Why conditions are evaluated no further.
pub(crate) enum Stopped {
    /// One of them failed, or the execution has used up what it may.
    Failed(Box<NodeFailure>),
    /// The execution is to end.
    Unwanted,
}

/// What is to be done about a condition that cannot be evaluated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// It is a failure of the node.
    Strict,
    /// It lets nothing pass: the node has failed already, or is passed over.
    Lenient,
}

/// Evaluates the conditions on the connections that leave a node, for each item.
pub(crate) struct Conditions {
    running: Arc<Running>,
    node: NodeIndex,
    scope: Scope,
    deadline: Option<tokio::time::Instant>,
    /// How much was done since others had their turn.
    items: u32,
    since: Instant,
}

impl Driver {
    pub(crate) fn conditions(&self, node: NodeIndex) -> Conditions {
        let inputs = self.execution.inputs(node);
        let input = inputs.first().cloned().unwrap_or_default();
        let mut scope = Scope::new(&self.running, &self.execution, node, input, self.last);
        scope.run_index = self.execution.turn(node).0;
        Conditions {
            running: Arc::clone(&self.running),
            node,
            scope,
            deadline: self.deadline,
            items: 0,
            since: Instant::now(),
        }
    }
}

impl Conditions {
    /// Whether they took so long that others are to have their turn at once.
    pub(crate) fn took_long(&self) -> bool {
        self.since.elapsed() >= LONGEST
    }

    pub(crate) async fn passes(
        &mut self,
        outputs: &Outputs,
        strictness: Strictness,
    ) -> Result<Vec<Pass>, Stopped> {
        let running = Arc::clone(&self.running);
        let mut passes = Vec::new();
        for &connection in running.plan.graph().outgoing(self.node) {
            let spec = running.plan.connection(connection);
            let items = match spec.output {
                Output::Main(port) => outputs.main.get(usize::from(port)),
                Output::Error => outputs.error.as_ref(),
            };
            let (Some(condition), Some(items)) = (&spec.condition, items) else {
                continue;
            };
            match self.pass(connection, condition, items).await? {
                Ok(pass) => passes.push(pass),
                Err(failure) if strictness == Strictness::Strict => {
                    return Err(Stopped::Failed(failure));
                }
                Err(failure) => {
                    // The failure is masked: what cannot be written cannot be logged either.
                    let node = &running.plan.node(self.node).name;
                    tracing::warn!(target: "engine", %node, %failure, "condition lets nothing pass");
                }
            }
        }
        Ok(passes)
    }

    /// Which items pass, or why the condition cannot be evaluated.
    async fn pass(
        &mut self,
        connection: ConnectionIndex,
        condition: &Expression,
        items: &Items,
    ) -> Result<Result<Pass, Box<NodeFailure>>, Stopped> {
        let running = Arc::clone(&self.running);
        let usage = running.nested.usage.as_ref();
        let mut passed = Vec::new();
        let mut place = 0;
        while place < items.len() {
            self.pause().await?;
            let mut stretch = || self.stretch(condition, items, &mut place, &mut passed);
            let evaluated = match usage {
                Some(usage) => usage.measured(stretch),
                None => stretch(),
            };
            if let Some(Err(exceeded)) = usage.map(Usage::check) {
                return Err(Stopped::Failed(Box::new(exceeded.to_failure())));
            }
            if let Err(failure) = evaluated {
                return Ok(Err(failure));
            }
        }
        Ok(Ok(Pass {
            connection,
            items: passed,
        }))
    }

    /// Goes on with the items until there are no more, or it is time for others.
    fn stretch(
        &mut self,
        condition: &Expression,
        items: &Items,
        place: &mut usize,
        passed: &mut Vec<u32>,
    ) -> Result<(), Box<NodeFailure>> {
        let options = self.scope.options();
        while *place < items.len() && !self.is_time_for_others() {
            let at = self.scope.at_output(items, *place);
            let holds = condition
                .evaluate_truthy(&at, &options)
                .map_err(|error| self.failure(condition, &error))?;
            if holds {
                passed.push(u32::try_from(*place).unwrap_or(u32::MAX));
            }
            *place += 1;
            self.items += 1;
        }
        Ok(())
    }

    fn failure(&self, condition: &Expression, error: &EvaluationError) -> Box<NodeFailure> {
        let about_secrets = !condition.references().secrets.is_empty();
        let told = told(error, about_secrets);
        let message = format!("condition of a connection: {told}");
        let class = if error.code == ErrorCode::TENANT_FORBIDDEN {
            FailureClass::Final
        } else {
            FailureClass::Permanent
        };
        let message = self.running.masked(message);
        shortened(Box::new(NodeFailure::new(
            class,
            error.code.clone(),
            message,
        )))
    }

    fn is_time_for_others(&self) -> bool {
        self.items >= MOST_ITEMS || (self.items > 0 && self.took_long())
    }

    /// Lets others run on the thread when it is time, and sees whether the execution goes on.
    async fn pause(&mut self) -> Result<(), Stopped> {
        if !self.is_time_for_others() {
            return Ok(());
        }
        tokio::task::yield_now().await;
        let is_late = |deadline| tokio::time::Instant::now() >= deadline;
        if self.running.cancellation.is_cancelled() || self.deadline.is_some_and(is_late) {
            return Err(Stopped::Unwanted);
        }
        self.items = 0;
        self.since = Instant::now();
        Ok(())
    }
}
