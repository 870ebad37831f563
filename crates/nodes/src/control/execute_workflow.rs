use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use jackfield_plugin_api::{
    NodeCall, NodeError, NodeOutput, NodeType, Scheduling, SubWorkflow, TypedCall,
    WorkflowReference,
};
use jackfield_types::{ErrorCode, Items, NodeTypeMetadata, Object, ValidationIssue};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::declaration::{declare, example_without_output, tags};
use crate::items::{MAX_ITEMS, take};

/// `execute-workflow`: runs another workflow.
pub(crate) struct ExecuteWorkflow;

const MAX_CONCURRENCY: usize = 64;

/// Parameters of `execute-workflow`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ExecuteWorkflowParams {
    /// Which workflow: an id, name or path that the host knows, or the document itself.
    workflow: Reference,
    /// Whether it runs once with all items, or once for each.
    #[serde(default)]
    mode: Mode,
    /// With `mode: each`, how many run at the same time.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 64))]
    concurrency: NonZeroUsize,
    /// Variables that it begins with, over its own.
    #[serde(default)]
    variables: Object,
}

/// A workflow's name, or the workflow.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Reference(Value);

impl JsonSchema for Reference {
    fn schema_name() -> Cow<'static, str> {
        "WorkflowReference".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // The format tells hosts that templates inside of the document are its own.
        json_schema!({ "type": ["string", "object"], "format": "workflow" })
    }
}

/// How often the other workflow runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Mode {
    /// Once, with all items.
    #[default]
    Once,
    /// Once for each item.
    Each,
}

const fn one() -> NonZeroUsize {
    NonZeroUsize::MIN
}

const DOCUMENTATION: &str = "\
Runs another workflow to its end, for the same tenant, and gives the items of its leaf nodes. The items of this \
node are what its triggers give.

With `mode: once` it runs once, with all items. With `mode: each` it runs once for each item, `concurrency` of them \
at the same time; the results come in the order of the items. The first failure fails the node, unless `onError` lets \
the workflow go on: then the items whose workflow failed are told from the others. How deep workflows \
may call one another is bounded by the host. Templates inside of a document that is given inline are evaluated by \
that workflow, not by this node.";

impl NodeType for ExecuteWorkflow {
    type Params = ExecuteWorkflowParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["sub-workflow", "call", "nested"]),
            examples: vec![example_without_output(
                "Run a workflow for each item, four at a time",
                json!({"workflow": "enrich-customer", "mode": "each", "concurrency": 4}),
            )],
            ..declare(
                "execute-workflow",
                super::CATEGORY,
                "Runs another workflow.",
            )
        }
    }

    async fn run(
        &self,
        call: TypedCall<'_, ExecuteWorkflowParams>,
    ) -> Result<NodeOutput, NodeError> {
        let first = call.any_params()?;
        let issues = self.check(&first);
        if !issues.is_empty() {
            return Err(NodeError::Params(issues));
        }
        match first.mode {
            Mode::Once => {
                let first = call.params()?;
                let items = Arc::clone(call.items());
                let made = run_one(call.untyped(), &first, items).await?;
                let single = call.items().len() == 1;
                Ok(NodeOutput::items(
                    made.iter()
                        .cloned()
                        .map(|item| {
                            let item = item.with_source(None);
                            if single { item.paired_with(0) } else { item }
                        })
                        .collect::<Vec<_>>(),
                ))
            }
            Mode::Each => self.run_each(&call, first.concurrency).await,
        }
    }

    fn check(&self, params: &ExecuteWorkflowParams) -> Vec<ValidationIssue> {
        let mut issues = Vec::new();
        if !matches!(&params.workflow.0, Value::String(_) | Value::Object(_)) {
            let message = "expected a workflow's name or path, or a workflow";
            issues.push(ValidationIssue::parameter("/workflow", message));
        }
        if params.concurrency.get() > MAX_CONCURRENCY {
            let message = format!("at most {MAX_CONCURRENCY} at the same time");
            issues.push(ValidationIssue::parameter("/concurrency", message));
        }
        issues
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}

impl ExecuteWorkflow {
    /// Runs the other workflow once for each item.
    async fn run_each(
        &self,
        call: &TypedCall<'_, ExecuteWorkflowParams>,
        concurrency: NonZeroUsize,
    ) -> Result<NodeOutput, NodeError> {
        let runs = (0..call.items().len())
            .map(|index| async move { (index, self.run_item(call, index).await) });
        let mut runs = stream::iter(runs).buffered(concurrency.get().min(MAX_CONCURRENCY));
        let mut results = call.results();
        let mut count = 0_usize;
        while let Some((index, made)) = runs.next().await {
            let made = match made {
                Ok(made) => made,
                Err(error) => {
                    results.fail(index, error)?;
                    continue;
                }
            };
            count = count.saturating_add(made.len());
            if count > MAX_ITEMS {
                let message = format!("the workflows gave more than {MAX_ITEMS} items together");
                let error = NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message);
                return Err(results.stop(index, error));
            }
            for item in made.iter() {
                results.put(item.clone().paired_with(index));
            }
        }
        results.finish()
    }

    async fn run_item(
        &self,
        call: &TypedCall<'_, ExecuteWorkflowParams>,
        index: usize,
    ) -> Result<Items, NodeError> {
        let params = call.params_for(index)?;
        let issues = self.check(&params);
        if !issues.is_empty() {
            return Err(NodeError::Params(issues));
        }
        let items = Arc::new(vec![take(call.items(), index)]);
        run_one(call.untyped(), &params, items).await
    }
}

async fn run_one(
    call: NodeCall<'_>,
    params: &ExecuteWorkflowParams,
    items: Items,
) -> Result<Items, NodeError> {
    // The document as it is written: its templates are not this node's to evaluate.
    let written = call
        .parameters
        .source()
        .get("workflow")
        .filter(|source| source.is_object());
    let reference = match written.unwrap_or(&params.workflow.0) {
        Value::String(name) => WorkflowReference::Named(name),
        document => WorkflowReference::Inline(document),
    };
    let variables = params.variables.clone();
    call.context
        .workflows
        .run(SubWorkflow {
            reference,
            items,
            variables,
        })
        .await
}
