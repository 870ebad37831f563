//! The document, as it was written: every field understood, nothing checked against a catalog.

use std::sync::Arc;

use jackfield_kernel::{FailureMode, Law, Output};
use jackfield_types::{
    Compensation, Items, NodeId, NodeName, NodeTypeId, Object, OnError, RecoveryStrategy,
    RetryPolicy, Span, VersionSelector,
};
use serde_json::Value;

use crate::expression::{MissingFields, Syntax};
use crate::pointer;
use crate::source::SourceText;

/// The format that a document was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Dialect {
    /// That of `docs/workflow-format.md`.
    #[default]
    Native,
    /// The export format of n8n.
    N8n,
}

impl Dialect {
    /// Which of its strings are templates.
    pub fn syntax(self) -> Syntax {
        match self {
            Self::Native => Syntax::Native,
            Self::N8n => Syntax::N8n,
        }
    }

    /// The law that its workflows run by.
    pub fn law(self) -> Law {
        match self {
            Self::Native => Law::Settled,
            Self::N8n => Law::DepthFirst,
        }
    }
}

/// A workflow: what is to run, and how it is connected.
///
/// Made by [`read_workflow`](crate::read_workflow), or field by field. Nothing about it has been
/// checked but the shape of its fields; [`Workflow::plan`] does the rest.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Workflow {
    /// The format that it was written in.
    pub dialect: Dialect,
    /// Its id, if it has one.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The version of the workflow, as its author counts.
    pub version: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Whether its triggers are to be listened to.
    pub active: bool,
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// The connections that data travels along.
    pub connections: Vec<Connection>,
    /// Connections of other kinds, such as `ai_tool`. They are kept, and nothing travels along
    /// them.
    pub attachments: Vec<Attachment>,
    /// The file that its items come from when the command runs it and is given none: a path
    /// relative to the document. Nothing but the command looks at it.
    pub input: Option<String>,
    /// What the execution's variables are at the start.
    pub variables: Object,
    /// How it runs.
    pub settings: Settings,
    /// How nodes are tried again that don't say so themselves.
    pub retry_policy: Option<RetryPolicy>,
    /// What is done about failures of nodes that don't say so themselves.
    pub error_recovery: Option<RecoveryStrategy>,
    /// What its author or another program noted down about it.
    pub meta: Object,
    /// The text that it was read from.
    pub source: Option<SourceText>,
    /// The document that it was read from, when that had been parsed already.
    pub value: Option<Arc<Value>>,
}

impl Workflow {
    /// The document that it was read from, unless it was changed since, or made field by field: who
    /// reads that again has the same workflow.
    pub fn document(&self) -> Option<SourceText> {
        let document = match (&self.source, &self.value) {
            (Some(source), _) => source.clone(),
            (None, Some(value)) => SourceText::new(self.name.as_str(), value.to_string()),
            (None, None) => return None,
        };
        let (mut read, _) = crate::read_workflow(&document).ok()?;
        read.source.clone_from(&self.source);
        read.value.clone_from(&self.value);
        (read == *self).then_some(document)
    }
}

/// How a workflow runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// What a field that is not there means in expressions.
    pub missing_fields: MissingFields,
    /// How long an execution may take.
    pub timeout: Option<Span>,
    /// What a node's failure means for nodes that do not depend on it.
    pub failure_mode: FailureMode,
    /// What decides in which order nodes run.
    pub law: Law,
    /// The time zone of `$now`, `$today` and of times that name none.
    pub timezone: Option<String>,
}

/// A place in a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Its name.
    pub name: NodeName,
    /// What it runs.
    pub node_type: NodeTypeId,
    /// In which version.
    pub version: VersionSelector,
    /// Its parameters, templates and all: an object.
    pub parameters: Value,
    /// Whether it only passes its first input on.
    pub disabled: bool,
    /// How long an attempt may take.
    pub timeout: Option<Span>,
    /// How it is tried again.
    pub retry_policy: Option<RetryPolicy>,
    /// What is done about a failure that retrying did not mend.
    pub error_recovery_strategy: Option<RecoveryStrategy>,
    /// What undoes it when the execution fails after it.
    pub compensation: Option<Compensation>,
    /// What happens when it has failed for good.
    pub on_error: OnError,
    /// Whether it gives one empty item when it gave nothing.
    pub always_output_data: bool,
    /// Whether it runs for the first item only.
    pub execute_once: bool,
    /// Items that it gives in place of running.
    pub pinned: Option<Items>,
    /// Where it is drawn: across, and down.
    pub position: Option<(f64, f64)>,
    /// What its author noted down about it.
    pub notes: Option<String>,
    /// Its place in the document's list of nodes.
    pub place: usize,
}

impl Node {
    /// A node with nothing but a name, which is its id too, and a node type.
    pub fn new(name: NodeName, id: NodeId, node_type: NodeTypeId) -> Self {
        Self {
            id,
            name,
            node_type,
            version: VersionSelector::Newest,
            parameters: Value::Object(Object::new()),
            disabled: false,
            timeout: None,
            retry_policy: None,
            error_recovery_strategy: None,
            compensation: None,
            on_error: OnError::StopWorkflow,
            always_output_data: false,
            execute_once: false,
            pinned: None,
            position: None,
            notes: None,
            place: 0,
        }
    }

    /// Where it is in the document: a JSON Pointer.
    pub(crate) fn pointer(&self) -> String {
        let mut pointer = "/nodes".to_owned();
        pointer::push_index(&mut pointer, self.place);
        pointer
    }

    /// Where one of its fields is in the document.
    pub(crate) fn field(&self, field: &str) -> String {
        let mut pointer = self.pointer();
        pointer::push_key(&mut pointer, field);
        pointer
    }
}

/// A connection, as it was written: whether its ends are there has not been looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    /// The id or the name of the node that delivers.
    pub from: Arc<str>,
    /// By which port.
    pub output: Output,
    /// The id or the name of the node that receives.
    pub to: String,
    /// By which port.
    pub input: u16,
    /// The expression that decides for each item whether it passes.
    pub condition: Option<String>,
    /// Where it is in the document.
    pub place: ConnectionPlace,
}

/// Where a connection is in its document. Kept in pieces, since there are many connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionPlace {
    /// The JSON Pointer of the port.
    pub port: Arc<str>,
    /// The output, if the port is written with outputs.
    pub output: Option<u16>,
    /// The place among the targets, if there is a list of them.
    pub target: Option<u32>,
}

impl Default for ConnectionPlace {
    fn default() -> Self {
        Self {
            port: "/connections".into(),
            output: None,
            target: None,
        }
    }
}

impl ConnectionPlace {
    /// The JSON Pointer of the connection.
    pub fn pointer(&self) -> String {
        let mut pointer = self.port.to_string();
        if let Some(output) = self.output {
            pointer::push_index(&mut pointer, output.into());
        }
        if let Some(target) = self.target {
            pointer::push_index(&mut pointer, target as usize);
        }
        pointer
    }
}

/// A connection that no data travels along, such as that of a language model to an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its kind: `ai_tool`, `ai_languageModel`, …
    pub kind: String,
    /// The name of the node that is attached.
    pub from: Arc<str>,
    /// The name of the node that it is attached to.
    pub to: String,
}
