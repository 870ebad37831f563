//! Resolves connections: both ends, both ports, and the condition.

use std::collections::HashSet;

use jackfield_kernel::{NodeIndex, Output};
use jackfield_types::{ErrorCode, NodeRole, OnError, Ports};

use super::PlanConnection;
use super::mistakes::always_true;
use super::names::Names;
use super::nodes::Draft;
use crate::diagnostic::Diagnostic;
use crate::diagnostics::Findings;
use crate::expression::Expression;
use crate::pointer;
use crate::workflow::{Connection, ConnectionPlace, Dialect, Workflow};

/// A connection with its place in the document.
pub(super) struct Resolved<'w> {
    pub(super) connection: PlanConnection,
    pub(super) place: &'w ConnectionPlace,
}

/// Resolves what can be resolved and reports the rest.
pub(super) fn resolve<'w>(
    workflow: &'w Workflow,
    names: &Names,
    drafts: &[Draft],
    broken: &HashSet<String>,
    findings: &mut Findings,
) -> Vec<Resolved<'w>> {
    let mut resolver = Resolver {
        workflow,
        names,
        drafts,
        broken,
        findings,
    };
    let mut resolved: Vec<_> = workflow
        .connections
        .iter()
        .filter_map(|connection| resolver.resolve(connection))
        .collect();
    if workflow.dialect == Dialect::N8n {
        // The law of n8n serves the topmost node first, and of those the leftmost.
        resolved.sort_by(|a, b| {
            let place = |one: &Resolved<'_>| {
                let (x, y) = drafts[one.connection.to.get()]
                    .node
                    .position
                    .unwrap_or_default();
                (y, x)
            };
            let ((ay, ax), (by, bx)) = (place(a), place(b));
            let by_source = a.connection.from.cmp(&b.connection.from);
            by_source.then(ay.total_cmp(&by)).then(ax.total_cmp(&bx))
        });
    }
    resolved
}

struct Resolver<'a> {
    workflow: &'a Workflow,
    names: &'a Names,
    drafts: &'a [Draft],
    broken: &'a HashSet<String>,
    findings: &'a mut Findings,
}

impl Resolver<'_> {
    fn resolve<'w>(&mut self, connection: &'w Connection) -> Option<Resolved<'w>> {
        let from = self.end(connection, &connection.from, "from");
        let to = self.end(connection, &connection.to, "to");
        let (from, to) = (from?, to?);
        let condition = self.condition(connection, from);
        let output = self.output(connection, from)?;
        self.input(connection, to)?;
        if from == to && !self.is_loop(from) {
            let name = self.name(from);
            self.report(
                Diagnostic::new(
                    ErrorCode::WORKFLOW_CYCLE,
                    format!("the node is connected to itself: `{name} → {name}`"),
                )
                .at(connection.place.pointer())
                .with_node(&*name)
                .with_hint("remove the connection, or put a `loop` node before it"),
            );
            return None;
        }
        let connection_of_plan = PlanConnection {
            from,
            output,
            to,
            input: connection.input,
            condition,
        };
        Some(Resolved {
            connection: connection_of_plan,
            place: &connection.place,
        })
    }

    fn report(&mut self, finding: Diagnostic) {
        self.findings.push(finding);
    }

    fn name(&self, node: NodeIndex) -> String {
        self.drafts[node.get()].node.name.to_string()
    }

    /// Whether the node is, or for all that is known may be, a loop node.
    fn is_loop(&self, node: NodeIndex) -> bool {
        let draft = &self.drafts[node.get()];
        let role = draft.metadata.as_ref().map(|metadata| metadata.role);
        role.is_none_or(|role| role == NodeRole::Loop)
    }

    fn end(&mut self, connection: &Connection, text: &str, end: &str) -> Option<NodeIndex> {
        let found = self.names.find(text);
        if found.is_none() && !self.broken.contains(text) {
            let message = format!("a connection leads {end} `{text}`, which is no node");
            let other = if end == "to" {
                &*connection.from
            } else {
                &*connection.to
            };
            let hint = self.names.hint(text);
            let finding = Diagnostic::new(ErrorCode::CONNECTION_INVALID, message);
            let finding = if end == "to" {
                finding.at_field(connection.place.pointer(), &["node"])
            } else {
                let mut pointer = "/connections".to_owned();
                pointer::push_key(&mut pointer, text);
                finding.at_key(pointer)
            };
            self.report(
                finding
                    .with_node(other)
                    .with_expected("the id or the name of a node")
                    .with_hint_if(hint),
            );
        }
        found
    }

    fn condition(&mut self, connection: &Connection, from: NodeIndex) -> Option<Expression> {
        let text = connection.condition.as_ref()?;
        match Expression::parse(text) {
            Ok(expression) => {
                if expression.texts().next().is_some() {
                    let name = self.name(from);
                    let place = format!("{}/condition", connection.place.pointer());
                    self.report(always_true().at(place).with_node(name));
                }
                Some(expression)
            }
            Err(error) => {
                let name = self.name(from);
                self.report(
                    Diagnostic::new(error.code, error.message)
                        .at(format!("{}/condition", connection.place.pointer()))
                        .within(error.span)
                        .with_node(name)
                        .with_hint_if(error.hint),
                );
                None
            }
        }
    }

    /// The port by which the connection leaves.
    fn output(&mut self, connection: &Connection, from: NodeIndex) -> Option<Output> {
        let draft = &self.drafts[from.get()];
        let continues = draft.node.on_error == OnError::ContinueErrorOutput;
        let Output::Main(index) = connection.output else {
            if !continues {
                let name = self.name(from);
                let message = format!("`{name}` delivers nothing by its port `error`");
                self.report(
                    Diagnostic::warning(ErrorCode::UNUSED_NODE, message)
                        .at(connection.place.pointer())
                        .with_node(name)
                        .with_hint("give the node `\"onError\": \"continueErrorOutput\"`"),
                );
            }
            return Some(Output::Error);
        };
        let Some(metadata) = &draft.metadata else {
            return Some(connection.output);
        };
        let Some(count) = draft.node.output_count else {
            return Some(connection.output);
        };
        if usize::from(index) < count {
            return Some(connection.output);
        }
        // n8n counts the error port as one after the last.
        if continues && self.workflow.dialect == Dialect::N8n && usize::from(index) == count {
            return Some(Output::Error);
        }
        let name = self.name(from);
        let finding = Diagnostic::new(
            ErrorCode::CONNECTION_INVALID,
            format!("`{name}` has no output {index}"),
        )
        .at(connection.place.pointer())
        .with_node(name)
        .with_expected(outputs(&metadata.ports, count));
        self.report(finding);
        None
    }

    fn input(&mut self, connection: &Connection, to: NodeIndex) -> Option<()> {
        let Some(metadata) = &self.drafts[to.get()].metadata else {
            return Some(());
        };
        let inputs = metadata.ports.inputs;
        if connection.input < inputs || inputs == u16::MAX {
            return Some(());
        }
        let name = self.name(to);
        let (message, expected) = match inputs {
            0 => (format!("`{name}` is a trigger and has no input"), None),
            1 => (
                format!("`{name}` has no input {}", connection.input),
                Some("input 0".to_owned()),
            ),
            more => (
                format!("`{name}` has no input {}", connection.input),
                Some(format!("an input from 0 to {}", more - 1)),
            ),
        };
        let mut finding = Diagnostic::new(ErrorCode::CONNECTION_INVALID, message)
            .at_field(connection.place.pointer(), &["index", "input", "node"])
            .with_node(name);
        finding.expected = expected;
        self.report(finding);
        None
    }
}

/// The outputs that there are, for people.
fn outputs(ports: &Ports, count: usize) -> String {
    let dynamic = count.saturating_sub(ports.outputs.len());
    let named: Vec<String> = ports
        .outputs
        .iter()
        .enumerate()
        .map(|(place, name)| format!("{} (`{name}`)", dynamic + place))
        .collect();
    match (dynamic, &*named) {
        (0, []) => "no connection: the node has no output".to_owned(),
        (0, [only]) => format!("output {only}"),
        (0, _) => format!("one of the outputs {}", named.join(", ")),
        (_, []) => format!("an output from 0 to {}", count.saturating_sub(1)),
        (_, _) => format!(
            "an output from 0 to {}, or {}",
            dynamic - 1,
            named.join(", ")
        ),
    }
}
