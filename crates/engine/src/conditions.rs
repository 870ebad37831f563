//! Conditions on connections: which items pass is worked out here and told to the kernel.

use jackfield_definition::expression::Expression;
use jackfield_kernel::{ConnectionIndex, NodeIndex, Output, Pass, SkipReason};
use jackfield_types::{ErrorCode, FailureClass, Items, NodeFailure, Outputs};

use crate::driver::Driver;
use crate::parameters::told;
use crate::scope::Scope;

impl Driver {
    pub(crate) fn passes_of_skipped(&self, node: NodeIndex, reason: SkipReason) -> Vec<Pass> {
        if reason != SkipReason::Disabled || !self.running.plan.node(node).has_conditions {
            return Vec::new();
        }
        let input = self.execution.inputs(node).first();
        self.lenient_passes(node, &Outputs::first(input.cloned().unwrap_or_default()))
    }

    /// Evaluates the conditions on the connections that leave a node, for each item.
    pub(crate) fn passes(
        &self,
        node: NodeIndex,
        outputs: &Outputs,
    ) -> Result<Vec<Pass>, Box<NodeFailure>> {
        let scope = self.scope_at_end(node);
        let conditions = self.conditions(node, outputs);
        conditions
            .map(|(connection, condition, items)| pass(connection, condition, items, &scope))
            .collect()
    }

    /// The same for a node that has failed or is passed over: a condition that cannot be evaluated
    /// lets nothing pass.
    pub(crate) fn lenient_passes(&self, node: NodeIndex, outputs: &Outputs) -> Vec<Pass> {
        let scope = self.scope_at_end(node);
        let conditions = self.conditions(node, outputs);
        conditions
            .filter_map(|(connection, condition, items)| {
                pass(connection, condition, items, &scope)
                    .inspect_err(|failure| {
                        // The failure is masked: what cannot be written cannot be logged either.
                        let node = &self.running.plan.node(node).name;
                        tracing::warn!(target: "engine", %node, %failure, "condition lets nothing pass");
                    })
                    .ok()
            })
            .collect()
    }

    fn scope_at_end(&self, node: NodeIndex) -> Scope {
        let input = self
            .execution
            .inputs(node)
            .first()
            .cloned()
            .unwrap_or_default();
        let mut scope = Scope::new(&self.running, &self.execution, node, input, self.last);
        scope.run_index = self.execution.turn(node).0;
        scope
    }

    fn conditions<'a>(
        &'a self,
        node: NodeIndex,
        outputs: &'a Outputs,
    ) -> impl Iterator<Item = (ConnectionIndex, &'a Expression, &'a Items)> {
        let plan = &self.running.plan;
        plan.graph()
            .outgoing(node)
            .iter()
            .filter_map(|&connection| {
                let spec = plan.connection(connection);
                let condition = spec.condition.as_ref()?;
                let items = match spec.output {
                    Output::Main(port) => outputs.main.get(usize::from(port)),
                    Output::Error => outputs.error.as_ref(),
                };
                Some((connection, condition, items?))
            })
    }
}

fn pass(
    connection: ConnectionIndex,
    condition: &Expression,
    items: &Items,
    scope: &Scope,
) -> Result<Pass, Box<NodeFailure>> {
    let options = scope.options();
    let mut passed = Vec::new();
    for place in 0..items.len() {
        let holds = condition
            .evaluate_truthy(&scope.at_output(items, place), &options)
            .map_err(|error| {
                let about_secrets = !condition.references().secrets.is_empty();
                let told = told(&error, about_secrets);
                let message = format!("condition of a connection: {told}");
                let class = if error.code == ErrorCode::TENANT_FORBIDDEN {
                    FailureClass::Final
                } else {
                    FailureClass::Permanent
                };
                let message = scope.running.masked(message);
                NodeFailure::new(class, error.code.clone(), message)
            })?;
        if holds {
            passed.push(u32::try_from(place).unwrap_or(u32::MAX));
        }
    }
    Ok(Pass {
        connection,
        items: passed,
    })
}
