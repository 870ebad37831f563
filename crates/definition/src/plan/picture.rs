//! Plans as text, JSON, Mermaid and Graphviz. Names are hostile: whatever they hold, they stay
//! labels.

use std::fmt::Write;

use jackfield_kernel::{NodeIndex, Output};
use jackfield_types::NodeRole;
use serde_json::{Value, json};

use super::{Plan, PlanConnection};

/// How much of a name is drawn.
const LONGEST_LABEL: usize = 80;

impl Plan {
    /// The plan as JSON: its nodes in the order in which they could run one after the other.
    pub fn to_json(&self) -> Value {
        let name = |index: NodeIndex| Value::from(self.node(index).name.as_str());
        let nodes: Vec<Value> = (0..)
            .zip(self.graph.order())
            .map(|(order, &index): (u64, _)| self.node_json(order, index))
            .collect();
        let connections: Vec<Value> = self
            .connections
            .iter()
            .map(|one| {
                let mut json = json!({
                    "from": name(one.from),
                    "output": output_json(one.output),
                    "to": name(one.to),
                    "input": one.input,
                });
                if let Some(condition) = &one.condition {
                    json["condition"] = condition.source().into();
                }
                json
            })
            .collect();
        json!({
            "id": self.id,
            "name": self.name,
            "dialect": self.dialect,
            "law": self.graph.law(),
            "missingFields": self.missing_fields,
            "timeout": self.timeout,
            "timezone": self.time_zone.iana_name(),
            "triggers": self.triggers.iter().map(|&index| name(index)).collect::<Vec<_>>(),
            "leaves": self.leaves.iter().map(|&index| name(index)).collect::<Vec<_>>(),
            "nodes": nodes,
            "connections": connections,
        })
    }

    fn node_json(&self, order: u64, index: NodeIndex) -> Value {
        let node = self.node(index);
        let inputs: Vec<Value> = self
            .graph
            .incoming(index)
            .iter()
            .map(|&connection| {
                let connection = self.connection(connection);
                json!({
                    "input": connection.input,
                    "from": self.node(connection.from).name,
                    "output": output_json(connection.output),
                })
            })
            .collect();
        let loops: Vec<_> = self
            .graph
            .loops_around(index)
            .map(|one| &self.node(self.graph.loop_node(one)).name)
            .collect();
        let mut json = json!({
            "order": order,
            "id": node.id,
            "name": node.name,
            "nodeType": node.node_type,
            "version": node.version,
            "fallbackNodeType": node.fallback.as_ref().map(|fallback| &fallback.node_type),
            "disabled": node.disabled,
            "onError": node.on_error,
            "outputs": node.output_count,
            "isStart": self.graph.is_start(index),
            "inputs": inputs,
            "loops": loops,
        });
        if let Some(compensation) = self.graph.compensation(index) {
            json["compensationNodeType"] = self.node(compensation).node_type.as_str().into();
        }
        json
    }

    /// The plan as a Mermaid flowchart.
    pub fn to_mermaid(&self) -> String {
        let mut text = "flowchart LR\n".to_owned();
        for (place, node) in self.nodes.iter().enumerate() {
            let label = format!(
                "{}<br/>{}",
                mermaid(node.name.as_str()),
                mermaid(node.node_type.as_str())
            );
            let (open, close) = match self.role(place) {
                NodeRole::Trigger => ("([", "])"),
                NodeRole::Loop => ("{{", "}}"),
                NodeRole::Plain => ("[", "]"),
            };
            let _ = writeln!(text, "    n{place}{open}\"{label}\"{close}");
        }
        for one in &self.connections {
            let (from, to) = (one.from.get(), one.to.get());
            let arrow = if one.output == Output::Error {
                "-.->"
            } else {
                "-->"
            };
            let _ = match self.connection_label(one) {
                Some(label) => writeln!(text, "    n{from} {arrow}|\"{}\"| n{to}", mermaid(&label)),
                None => writeln!(text, "    n{from} {arrow} n{to}"),
            };
        }
        let disabled: Vec<String> = (0..self.nodes.len())
            .filter(|&place| self.nodes[place].disabled)
            .map(|place| format!("n{place}"))
            .collect();
        if !disabled.is_empty() {
            let _ = writeln!(
                text,
                "    classDef disabled stroke-dasharray: 4,opacity: 0.5"
            );
            let _ = writeln!(text, "    class {} disabled", disabled.join(","));
        }
        text
    }

    /// The plan as a Graphviz graph.
    pub fn to_dot(&self) -> String {
        let mut text = format!("digraph \"{}\" {{\n    rankdir=LR;\n", dot(&self.name));
        text.push_str("    node [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
        for (place, node) in self.nodes.iter().enumerate() {
            let (name, node_type) = (dot(node.name.as_str()), dot(node.node_type.as_str()));
            let shape = match self.role(place) {
                NodeRole::Trigger => ", shape=cds",
                NodeRole::Loop => ", shape=hexagon",
                NodeRole::Plain => "",
            };
            let style = if node.disabled { ", style=dashed" } else { "" };
            let _ = writeln!(
                text,
                "    n{place} [label=\"{name}\\n{node_type}\"{shape}{style}];"
            );
        }
        for one in &self.connections {
            let (from, to) = (one.from.get(), one.to.get());
            let label = self
                .connection_label(one)
                .map(|label| format!("label=\"{}\"", dot(&label)));
            let style = (one.output == Output::Error).then(|| "style=dashed".to_owned());
            let attributes: Vec<String> = label.into_iter().chain(style).collect();
            let _ = writeln!(text, "    n{from} -> n{to} [{}];", attributes.join(", "));
        }
        text.push_str("}\n");
        text
    }

    fn role(&self, place: usize) -> NodeRole {
        self.graph.node(NodeIndex::new(place)).role
    }

    /// What a connection says beside its ends: output, input and condition, where they matter.
    fn connection_label(&self, one: &PlanConnection) -> Option<String> {
        let from = self.node(one.from);
        let output = match one.output {
            Output::Error => Some("error".to_owned()),
            Output::Main(index) => from.output_name(usize::from(index)),
        };
        let input = (self.graph.input_count(one.to) > 1).then(|| format!("to input {}", one.input));
        let condition = one
            .condition
            .as_ref()
            .map(|condition| format!("if {}", condition.source()));
        let parts: Vec<String> = [output, input, condition].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

fn output_json(output: Output) -> Value {
    match output {
        Output::Main(index) => index.into(),
        Output::Error => "error".into(),
    }
}

/// A label as Mermaid takes it: everything that could end it, or be read as Markdown, HTML or an
/// entity, is written as a character code.
fn mermaid(text: &str) -> String {
    let mut label = String::new();
    for character in shown(text) {
        let is_plain = character.is_alphanumeric()
            || matches!(
                character,
                ' ' | '-' | '.' | '/' | '@' | ',' | ':' | '→' | '…'
            );
        if is_plain {
            label.push(character);
        } else {
            let _ = write!(label, "#{};", u32::from(character));
        }
    }
    label
}

/// A label as Graphviz takes it, between quotes.
fn dot(text: &str) -> String {
    let mut label = String::new();
    for character in shown(text) {
        match character {
            '"' => label.push_str("\\\""),
            '\\' => label.push_str("\\\\"),
            // Graphviz reads entities in labels.
            '&' => label.push_str("&amp;"),
            other => label.push(other),
        }
    }
    label
}

/// What is drawn of a name: a line of bounded length.
fn shown(text: &str) -> impl Iterator<Item = char> {
    let is_cut = text.chars().nth(LONGEST_LABEL).is_some();
    let kept = if is_cut {
        LONGEST_LABEL - 1
    } else {
        LONGEST_LABEL
    };
    let line = text.chars().map(|character| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    });
    line.take(kept).chain(is_cut.then_some('…'))
}
