//! Connections, in all the forms in which they are written.
//!
//! By source node, then by port, then by output, each a list of targets. Ports and outputs may
//! be lists or objects with index keys; a target may be an object or the name of a node.

use std::sync::Arc;

use jackfield_kernel::Output;
use jackfield_types::{ErrorCode, NodeName, Object};
use serde_json::Value;

use super::present;
use super::reader::{Reader, describe};
use crate::diagnostic::Diagnostic;
use crate::pointer::Place;
use crate::workflow::{Attachment, Connection, ConnectionPlace, Dialect};

const TARGET_FIELDS: &[&str] = &["node", "type", "port", "index", "input", "condition"];
/// How long the name of a port may be.
const LONGEST_PORT: usize = 128;
/// What JavaScript makes of an object that is used as a text.
const LOST_OBJECT: &str = "[object Object]";

/// All connections of a document.
#[derive(Default)]
pub(super) struct Connections {
    pub(super) data: Vec<Connection>,
    pub(super) attachments: Vec<Attachment>,
}

/// The port of a node, and where it is written.
struct Source<'a> {
    from: &'a Arc<str>,
    port: PortName<'a>,
    pointer: Arc<str>,
}

#[derive(Clone, Copy)]
enum PortName<'a> {
    Main,
    Error,
    /// No data travels here.
    Other(&'a str),
}

/// A target, as it is written.
struct Target<'v> {
    to: &'v str,
    kind: Option<&'v str>,
    /// What is said beside the node; `None` when only its name is written.
    fields: Option<&'v Object>,
}

/// An output of a port, and how it is written.
#[derive(Clone, Copy)]
struct Step {
    output: Option<u16>,
    target: Option<u32>,
}

pub(super) fn connections(
    document: &Object,
    place: &Place<'_>,
    reader: &mut Reader<'_>,
) -> Connections {
    let mut read = Connections::default();
    let Some(sources) = reader.object(document, place, "connections") else {
        return read;
    };
    let place = place.key("connections");
    for (from, ports) in sources {
        let place = place.key(from);
        if from == LOST_OBJECT {
            lost_object(&place, reader);
            continue;
        }
        if let Err(error) = NodeName::parse(from) {
            let finding = Diagnostic::new(ErrorCode::CONNECTION_INVALID, error.to_string());
            reader.report(finding.at_key(place.pointer()));
            continue;
        }
        let from = Arc::from(from.as_str());
        match ports {
            Value::Null => {}
            Value::Object(named) if !is_indexed(named) && !named.contains_key("node") => {
                for (name, outputs) in named {
                    port(&from, name, outputs, &place.key(name), reader, &mut read);
                }
            }
            // Without a port's name: the `main` one.
            outputs => port(&from, "main", outputs, &place, reader, &mut read),
        }
    }
    read
}

fn is_indexed(object: &Object) -> bool {
    !object.is_empty() && object.keys().all(|key| output_index(key).is_some())
}

/// A number as JavaScript would write it as a key.
fn output_index(key: &str) -> Option<u16> {
    key.parse()
        .ok()
        .filter(|index: &u16| index.to_string() == key)
}

fn port(
    from: &Arc<str>,
    name: &str,
    outputs: &Value,
    place: &Place<'_>,
    reader: &mut Reader<'_>,
    read: &mut Connections,
) {
    let port = match name {
        "main" => PortName::Main,
        "error" => PortName::Error,
        other => PortName::Other(other),
    };
    if matches!(port, PortName::Other(_)) && reader.dialect == Dialect::Native {
        let message = format!("a node has no port `{name}`");
        reader.report(
            Diagnostic::new(ErrorCode::CONNECTION_INVALID, message)
                .at_key(place.pointer())
                .with_node(&**from)
                .with_expected("`main` or `error`"),
        );
        return;
    }
    if name.len() > LONGEST_PORT {
        reader.invalid(
            place,
            format!("the name of a port has at most {LONGEST_PORT} bytes"),
        );
        return;
    }
    let source = Source {
        from,
        port,
        pointer: place.pointer().into(),
    };
    match outputs {
        Value::Null => {}
        Value::Array(list) if list.len() > 1 && list.iter().all(is_target) => {
            let message =
                "it is not clear whether these are several outputs or several targets of one";
            reader.report(
                Diagnostic::new(ErrorCode::CONNECTION_INVALID, message)
                    .at(place.pointer())
                    .with_node(&**from)
                    .with_hint("write `[[a, b]]` for two targets of one output, and `[[a], [b]]` for two outputs"),
            );
        }
        Value::Array(list) => {
            for (index, one) in list.iter().enumerate() {
                let here = place.index(index);
                let Ok(index) = u16::try_from(index) else {
                    reader.invalid(&here, "a node has at most 65,536 outputs");
                    break;
                };
                source.output(index, one, &here, reader, read);
            }
        }
        Value::Object(indexed) if !indexed.contains_key("node") => {
            for (key, one) in indexed {
                let here = place.key(key);
                match output_index(key) {
                    Some(index) => source.output(index, one, &here, reader, read),
                    None => reader.report(
                        Diagnostic::new(
                            ErrorCode::CONNECTION_INVALID,
                            format!("`{key}` is no output"),
                        )
                        .at_key(here.pointer())
                        .with_node(&**from)
                        .with_expected("the number of an output, from \"0\""),
                    ),
                }
            }
        }
        single => {
            source.target(
                Step {
                    output: None,
                    target: None,
                },
                single,
                place,
                reader,
                read,
            );
        }
    }
}

fn is_target(value: &Value) -> bool {
    value.is_string() || value.is_number() || value.get("node").is_some()
}

impl Source<'_> {
    fn output(
        &self,
        index: u16,
        targets: &Value,
        place: &Place<'_>,
        reader: &mut Reader<'_>,
        read: &mut Connections,
    ) {
        if index > 0 && matches!(self.port, PortName::Error) && !targets.is_null() {
            let message = format!("the port `error` has just one output, not output {index}");
            let finding = Diagnostic::new(ErrorCode::CONNECTION_INVALID, message);
            reader.report(finding.at(place.pointer()).with_node(&**self.from));
            return;
        }
        match targets {
            Value::Null => {}
            Value::Array(list) => {
                let present = list.iter().enumerate().filter(|(_, one)| !one.is_null());
                for (place_in_list, one) in present {
                    let step = Step {
                        output: Some(index),
                        target: u32::try_from(place_in_list).ok(),
                    };
                    self.target(step, one, &place.index(place_in_list), reader, read);
                }
            }
            single => {
                let step = Step {
                    output: Some(index),
                    target: None,
                };
                self.target(step, single, place, reader, read);
            }
        }
    }

    fn target(
        &self,
        step: Step,
        value: &Value,
        place: &Place<'_>,
        reader: &mut Reader<'_>,
        read: &mut Connections,
    ) {
        let fields = match value {
            Value::String(to) => {
                let target = Target {
                    to,
                    kind: None,
                    fields: None,
                };
                self.add(step, target, place, reader, read);
                return;
            }
            Value::Number(number) => {
                let target = Target {
                    to: &number.to_string(),
                    kind: None,
                    fields: None,
                };
                self.add(step, target, place, reader, read);
                return;
            }
            Value::Object(fields) => fields,
            other => {
                let message = format!("the target of a connection cannot be {}", describe(other));
                reader.report(
                    Diagnostic::new(ErrorCode::CONNECTION_INVALID, message)
                        .at(place.pointer())
                        .with_node(&**self.from)
                        .with_expected("`{\"node\": \"…\", \"index\": 0}` or the name of a node"),
                );
                return;
            }
        };
        reader.enter_node(Some(self.from));
        reader.refuse_unknown(fields, place, "the target of a connection", TARGET_FIELDS);
        match present(fields, "node") {
            Some(Value::String(to)) => {
                let kind = reader.text(fields, place, "type");
                let port = reader.text(fields, place, "port");
                let target = Target {
                    to,
                    kind: kind.or(port),
                    fields: Some(fields),
                };
                self.add(step, target, place, reader, read);
            }
            Some(Value::Number(number)) => {
                let to = &number.to_string();
                let kind = reader.text(fields, place, "type");
                let port = reader.text(fields, place, "port");
                let kind = kind.or(port);
                let fields = Some(fields);
                self.add(step, Target { to, kind, fields }, place, reader, read);
            }
            Some(other) => reader.unexpected(place, "node", other, "the id or name of a node"),
            None => {
                let message = "the target of a connection does not say which node";
                reader.report(
                    Diagnostic::new(ErrorCode::CONNECTION_INVALID, message)
                        .at(place.pointer())
                        .with_expected("the field `node`"),
                );
            }
        }
        reader.enter_node(None);
    }

    fn add(
        &self,
        step: Step,
        Target { to, kind, fields }: Target<'_>,
        place: &Place<'_>,
        reader: &mut Reader<'_>,
        read: &mut Connections,
    ) {
        if to == LOST_OBJECT {
            lost_object(place, reader);
            return;
        }
        let other_kind = match self.port {
            PortName::Other(kind) => Some(kind),
            PortName::Main | PortName::Error => kind.filter(|kind| *kind != "main"),
        };
        if let Some(kind) = other_kind {
            if reader.dialect == Dialect::Native {
                let message = format!("a node has no input port `{kind}`");
                let finding = Diagnostic::new(ErrorCode::CONNECTION_INVALID, message);
                let has_type = fields.is_some_and(|fields| present(fields, "type").is_some());
                let field = if has_type { "type" } else { "port" };
                reader.report(
                    finding
                        .at(place.key(field).pointer())
                        .with_expected("`main`"),
                );
                return;
            }
            let (kind, from) = (kind.to_owned(), Arc::clone(self.from));
            read.attachments.push(Attachment {
                kind,
                from,
                to: to.to_owned(),
            });
            return;
        }
        let input = fields.map_or(Some(0), |fields| input(fields, place, reader));
        let Some(input) = input else { return };
        read.data.push(Connection {
            from: Arc::clone(self.from),
            output: match self.port {
                PortName::Main => Output::Main(step.output.unwrap_or(0)),
                PortName::Error | PortName::Other(_) => Output::Error,
            },
            to: to.to_owned(),
            input,
            condition: fields
                .and_then(|fields| reader.text(fields, place, "condition"))
                .map(str::to_owned),
            place: ConnectionPlace {
                port: Arc::clone(&self.pointer),
                output: step.output,
                target: step.target,
            },
        });
    }
}

/// The input port: `input`, or `index` as n8n calls it.
fn input(fields: &Object, place: &Place<'_>, reader: &mut Reader<'_>) -> Option<u16> {
    let mut read = |field| match present(fields, field) {
        None => Some(None),
        Some(value) => match value.as_u64().and_then(|index| u16::try_from(index).ok()) {
            Some(index) => Some(Some(index)),
            None => {
                reader.unexpected(place, field, value, "the number of an input, from 0");
                None
            }
        },
    };
    match (read("index")?, read("input")?) {
        (Some(index), Some(input)) if index != input => {
            reader.invalid(place, "`index` and `input` both name the input, and differ");
            None
        }
        (index, input) => Some(index.or(input).unwrap_or(0)),
    }
}

fn lost_object(place: &Place<'_>, reader: &mut Reader<'_>) {
    let message = "`[object Object]` is no node: a program that converted this file wrote an object as a text, so where the connection led is lost";
    reader.report(
        Diagnostic::new(ErrorCode::CONNECTION_INVALID, message)
            .at_field(place.pointer(), &["node"])
            .with_expected(
                "`{\"node\": \"…\", \"type\": \"main\", \"index\": 0}` or the name of a node",
            )
            .with_hint("export or convert the workflow again, or write the name of the node here"),
    );
}
