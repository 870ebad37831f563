//! Warns of nodes and ports that nothing can ever come to.

use std::collections::HashSet;

use jackfield_kernel::{Graph, Law, NodeIndex, Output};
use jackfield_types::{ErrorCode, NodeRole, OnError};

use super::connections::Resolved;
use super::nodes::Draft;
use crate::diagnostic::Diagnostic;
use crate::diagnostics::Findings;
use crate::workflow::{Dialect, Workflow};

pub(super) struct ReachCheck<'a> {
    pub(super) workflow: &'a Workflow,
    pub(super) drafts: &'a [Draft],
    pub(super) connections: &'a [Resolved<'a>],
    pub(super) graph: &'a Graph,
    pub(super) triggers: &'a [NodeIndex],
}

impl ReachCheck<'_> {
    pub(super) fn check(&self, findings: &mut Findings) {
        self.warn_of_dead_ports(findings);
        let is_known = self.drafts.iter().all(|draft| draft.metadata.is_some());
        // Without triggers every node that nothing leads to begins the execution.
        if !self.triggers.is_empty() && is_known {
            self.warn_of_unused(findings);
        }
    }

    fn warn_of_unused(&self, findings: &mut Findings) {
        let attached: HashSet<&str> = self
            .workflow
            .attachments
            .iter()
            .map(|one| &*one.from)
            .collect();
        let is_plain = |index: NodeIndex| {
            let draft = &self.drafts[index.get()];
            draft.spec.role != NodeRole::Trigger
                && !draft.node.disabled
                && !attached.contains(draft.node.name.as_str())
        };
        let all = (0..self.drafts.len()).map(NodeIndex::new);
        let mut reached = vec![false; self.drafts.len()];
        self.spread(self.triggers.iter().copied(), &mut reached);
        let starts: Vec<_> = all
            .clone()
            .filter(|&index| self.graph.is_start(index) && is_plain(index))
            .collect();
        for &index in &starts {
            let (code, message) = match self.workflow.dialect {
                Dialect::Native => (
                    ErrorCode::LIKELY_MISTAKE,
                    "no trigger leads to the node: it starts by itself, whichever trigger started the execution",
                ),
                Dialect::N8n => (
                    ErrorCode::UNUSED_NODE,
                    "no trigger leads to the node: it does not run",
                ),
            };
            self.warn_at(index, code, message, findings);
        }
        // What follows such a node has been said of it.
        self.spread(starts, &mut reached);
        for index in all.filter(|&index| is_plain(index)) {
            if reached[index.get()] || !self.is_first_of_unreached(index, &reached, &is_plain) {
                continue;
            }
            self.warn_at(
                index,
                ErrorCode::UNUSED_NODE,
                "nothing that runs leads to the node: it never does",
                findings,
            );
            self.spread([index], &mut reached);
        }
    }

    /// Whether no other node that would be told of leads to this one, or only in a circle.
    fn is_first_of_unreached(
        &self,
        index: NodeIndex,
        reached: &[bool],
        is_plain: &dyn Fn(NodeIndex) -> bool,
    ) -> bool {
        let mut sources = self.graph.incoming(index).iter().map(|&connection| {
            let connection = self.graph.connection(connection);
            connection.from
        });
        self.graph.law() == Law::DepthFirst
            || !sources.any(|from| !reached[from.get()] && is_plain(from))
    }

    fn warn_at(&self, index: NodeIndex, code: ErrorCode, message: &str, findings: &mut Findings) {
        let node = &self.workflow.nodes[index.get()];
        findings.push(
            Diagnostic::warning(code, message)
                .at(node.pointer())
                .with_node(node.name.as_str())
                .with_hint("connect it, disable it, or remove it"),
        );
    }

    /// Marks nodes and all that connections lead to from there.
    fn spread(&self, from: impl IntoIterator<Item = NodeIndex>, reached: &mut [bool]) {
        let mut open: Vec<NodeIndex> = from.into_iter().collect();
        while let Some(index) = open.pop() {
            if std::mem::replace(&mut reached[index.get()], true) {
                continue;
            }
            let outgoing = self.graph.outgoing(index).iter();
            open.extend(outgoing.map(|&connection| self.graph.connection(connection).to));
        }
    }

    fn warn_of_dead_ports(&self, findings: &mut Findings) {
        let mut has_error_port = vec![false; self.drafts.len()];
        for Resolved { connection, place } in self.connections {
            let draft = &self.drafts[connection.from.get()];
            let why = match connection.output {
                Output::Error => {
                    has_error_port[connection.from.get()] = true;
                    continue;
                }
                Output::Main(0) => continue,
                Output::Main(_) if draft.node.disabled => "is disabled",
                Output::Main(_) if draft.node.pinned.is_some() => "gives pinned items",
                Output::Main(_) => continue,
            };
            let name = draft.node.name.as_str();
            let message = format!("`{name}` {why}, and all it gives leaves by output 0");
            findings.push(
                Diagnostic::warning(ErrorCode::UNUSED_NODE, message)
                    .at(place.pointer())
                    .with_node(name)
                    .with_hint("nothing travels along this connection as long as that is so"),
            );
        }
        for (place, draft) in self.drafts.iter().enumerate() {
            let drops_errors = draft.node.on_error == OnError::ContinueErrorOutput
                && !has_error_port[place]
                && !draft.node.disabled;
            if drops_errors {
                let node = &self.workflow.nodes[place];
                findings.push(
                    Diagnostic::warning(
                        ErrorCode::LIKELY_MISTAKE,
                        "what fails leaves by the port `error`, which leads nowhere: failures go unseen",
                    )
                    .at(node.field("onError"))
                    .with_node(node.name.as_str())
                    .with_hint("connect the port `error`, or choose another `onError`"),
                );
            }
            self.warn_of_gaps(NodeIndex::new(place), findings);
        }
    }

    /// Warns of inputs that nothing is connected to, though a later one is.
    fn warn_of_gaps(&self, index: NodeIndex, findings: &mut Findings) {
        let count = usize::from(self.graph.input_count(index));
        if count < 2 {
            return;
        }
        let mut is_connected = vec![false; count];
        for &connection in self.graph.incoming(index) {
            is_connected[usize::from(self.graph.connection(connection).input)] = true;
        }
        if let Some(input) = is_connected.iter().position(|connected| !connected) {
            let node = &self.workflow.nodes[index.get()];
            let message = format!(
                "nothing leads to input {input} of the node, though something leads to input {}",
                count - 1
            );
            findings.push(
                Diagnostic::warning(ErrorCode::LIKELY_MISTAKE, message)
                    .at(node.pointer())
                    .with_node(node.name.as_str())
                    .with_hint("inputs are counted from 0"),
            );
        }
    }
}
