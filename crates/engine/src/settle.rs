//! What an attempt gave, on its way to the journal: counted against the bounds, and masked.
//!
//! All that leaves a call comes through here before it is written: items, changes of variables,
//! messages. What is written afterwards, and what other nodes see, never held what is masked.

use std::sync::Arc;

use jackfield_kernel::EventKind;
use jackfield_plugin_api::NodeOutput;
use jackfield_tenancy::{check_output, output_size};
use jackfield_types::{ByteSize, Items, NodeFailure, NodeTypeId, Object, Outputs, VariableWrite};
use semver::Version;

use crate::execution::Running;
use crate::failure_size::shortened;

impl Running {
    /// Counts and masks how an attempt ended.
    pub(crate) fn settle(
        &self,
        what: (&NodeTypeId, &Version),
        limit: Option<ByteSize>,
        result: Result<NodeOutput, Box<NodeFailure>>,
    ) -> Result<NodeOutput, Box<NodeFailure>> {
        let nested = &self.nested;
        if limit.is_none() && nested.usage.is_none() && nested.redactor.is_idle() {
            return result.map_err(shortened);
        }
        self.count_and_mask(what, limit, result)
            // Once it is masked: a secret that was cut in two could not be told from other text.
            .map_err(shortened)
    }

    fn count_and_mask(
        &self,
        (node_type, version): (&NodeTypeId, &Version),
        limit: Option<ByteSize>,
        result: Result<NodeOutput, Box<NodeFailure>>,
    ) -> Result<NodeOutput, Box<NodeFailure>> {
        let result = match result {
            Ok(output) => self
                .count(limit, &output.outputs, &output.variables)
                .map(|()| output),
            // What was produced must not get through as a part of a failure either.
            Err(failure) => Err(match &failure.partial {
                Some(partial) => self.count(limit, partial, &[]).err().unwrap_or(failure),
                None => failure,
            }),
        };
        let redactor = &self.nested.redactor;
        if redactor.is_idle() {
            return result;
        }
        match result {
            Ok(mut output) => {
                output.outputs = redactor.redact_outputs(node_type, version, output.outputs);
                redactor.redact_variable_writes(&mut output.variables);
                Ok(output)
            }
            Err(mut failure) => {
                redactor.redact_failure(node_type, version, &mut failure);
                Err(failure)
            }
        }
    }

    /// Counts what an attempt gave.
    fn count(
        &self,
        limit: Option<ByteSize>,
        outputs: &Outputs,
        writes: &[VariableWrite],
    ) -> Result<(), Box<NodeFailure>> {
        let usage = self.nested.usage.as_ref();
        check_output(outputs, limit, usage).map_err(|refused| Box::new(refused.to_failure()))?;
        match usage {
            Some(usage) => usage
                .write_variables(self.id, writes)
                .map_err(|exceeded| Box::new(exceeded.to_failure())),
            None => Ok(()),
        }
    }

    /// Counts what a signal brings.
    pub(crate) fn count_brought(
        &self,
        limit: Option<ByteSize>,
        outputs: &Outputs,
    ) -> Result<(), Box<NodeFailure>> {
        self.count(limit, outputs, &[])
    }

    /// Counts what leaves a node that failed, beside what it gave by itself, which is counted.
    pub(crate) fn count_after(
        &self,
        limit: Option<ByteSize>,
        partial: Option<&Outputs>,
        outputs: &Outputs,
    ) -> Result<(), Box<NodeFailure>> {
        check_output(outputs, limit, None).map_err(|refused| Box::new(refused.to_failure()))?;
        let Some(usage) = &self.nested.usage else {
            return Ok(());
        };
        let size = |outputs| output_size(outputs, u64::MAX).unwrap_or(u64::MAX);
        let bytes = size(outputs).saturating_sub(partial.map_or(0, size));
        let items = partial.map_or(0, Outputs::item_count);
        usage
            .add_measured(outputs.item_count().saturating_sub(items), bytes)
            .map_err(|exceeded| Box::new(exceeded.to_failure()))
    }

    /// A text that came up outside of a call, with what may not be seen masked.
    pub(crate) fn masked(&self, text: String) -> String {
        let redactor = &self.nested.redactor;
        if redactor.is_idle() {
            return text;
        }
        redactor.redact_text(&text).into_owned()
    }

    /// Has all secrets masked that the plan names, not only those that were read by then: what is
    /// masked must not depend on timing.
    pub(crate) fn learn_secrets(&self) {
        for name in self.plan.secrets() {
            for secret in self.tenant().secret_texts(name) {
                self.nested.redactor.learn(secret.expose());
            }
        }
    }

    /// The same, when nothing may have been read of the tenant yet.
    pub(crate) async fn read_secrets(&self) {
        if let Some(refresh) = self.tenant().refresh_secrets() {
            refresh.await;
        }
        self.learn_secrets();
    }

    /// Counts once more what an execution used before it was taken up again. What is too much is
    /// told to the next call.
    pub(crate) fn count_again(&self, event: &EventKind) {
        let Some(usage) = &self.nested.usage else {
            return;
        };
        let _ = match event {
            EventKind::ExecutionStarted { variables, .. } => {
                usage.add_variables(self.id, variables)
            }
            EventKind::AttemptSucceeded {
                outputs, effects, ..
            } => {
                let writes = effects.iter().flat_map(|effects| &effects.variables);
                let writes: Vec<_> = writes.cloned().collect();
                let counted = usage.add_output(outputs);
                counted.and_then(|()| usage.write_variables(self.id, &writes))
            }
            EventKind::AttemptFailed { failure, .. } => failure
                .partial
                .as_ref()
                .map_or(Ok(()), |partial| usage.add_output(partial)),
            EventKind::SignalReceived { outputs, .. } => usage.add_output(outputs),
            _ => Ok(()),
        };
    }

    /// What an execution begins with, as it may be written down.
    pub(crate) fn mask_start(&self, items: Items, variables: Arc<Object>) -> (Items, Arc<Object>) {
        let redactor = &self.nested.redactor;
        self.learn_secrets();
        if redactor.is_idle() {
            return (items, variables);
        }
        (
            redactor.redact_items(items),
            redactor.redact_object(variables),
        )
    }
}
