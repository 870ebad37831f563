//! Conditions on connections: which items pass is worked out here and told to the kernel.

use std::sync::Arc;

use jackfield_definition::expression::Expression;
use jackfield_kernel::{ConnectionIndex, NodeIndex, Output, Pass, SkipReason};
use jackfield_types::{FailureClass, Items, NodeFailure, Outputs};

use crate::driver::Driver;
use crate::scope::Scope;

impl Driver {
    pub(crate) fn passes_of_skipped(&self, node: NodeIndex, reason: SkipReason) -> Vec<Pass> {
        if reason != SkipReason::Disabled || !self.running.plan.node(node).has_conditions {
            return Vec::new();
        }
        let input = self
            .execution
            .inputs(node)
            .first()
            .cloned()
            .unwrap_or_default();
        let outputs = Outputs::first(Arc::clone(&input));
        let scope = Scope::new(&self.running, &self.execution, node, input, self.last);
        self.passes(node, &outputs, &scope).unwrap_or_default()
    }

    /// Evaluates the conditions on the connections that leave a node, for each item.
    pub(crate) fn passes(
        &self,
        node: NodeIndex,
        outputs: &Outputs,
        scope: &Scope,
    ) -> Result<Vec<Pass>, Box<NodeFailure>> {
        let plan = &self.running.plan;
        let mut passes = Vec::new();
        for &connection in plan.graph().outgoing(node) {
            let spec = plan.connection(connection);
            let Some(condition) = &spec.condition else {
                continue;
            };
            let items = match spec.output {
                Output::Main(port) => outputs.main.get(usize::from(port)),
                Output::Error => outputs.error.as_ref(),
            };
            if let Some(items) = items {
                passes.push(pass(connection, condition, items, scope)?);
            }
        }
        Ok(passes)
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
                let message = format!("condition of a connection: {error}");
                NodeFailure::new(FailureClass::Permanent, error.code.clone(), message)
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
