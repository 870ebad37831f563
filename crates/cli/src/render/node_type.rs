use std::fmt::Write;
use std::sync::Arc;

use comfy_table::Cell;
use jackfield::registry::discovery::PluginState;
use jackfield::types::{Example, PluginOrigin, Ports};
use jackfield::{NodeTypeMetadata, Object};
use serde_json::Value;

use super::plugin;
use super::table::{table, to_text};
use super::text::{count, harmless, line};
use crate::terminal::Stream;

/// A node type, where it comes from, and how that stands.
pub(crate) struct Listed {
    pub(crate) metadata: Arc<NodeTypeMetadata>,
    /// The plugin that it comes from; `None` for what is built in.
    pub(crate) origin: Option<Arc<PluginOrigin>>,
    pub(crate) state: PluginState,
}

/// A list of node types, a line each. Where they come from is said if there are plugins.
pub(crate) fn list(listed: &[Listed], stream: Stream) -> String {
    if listed.is_empty() {
        return "no node type fits\n".to_owned();
    }
    let has_plugins = listed.iter().any(|one| one.origin.is_some());
    let mut columns = vec!["node type", "version", "category"];
    if has_plugins {
        columns.extend(["plugin", "digest", "publisher", "state"]);
    }
    columns.push("description");
    let mut table = table(&columns, stream);
    for one in listed {
        let summary = &one.metadata;
        let experimental = if summary.experimental {
            " (experimental)"
        } else {
            ""
        };
        let mut cells = vec![
            Cell::new(&summary.node_type),
            Cell::new(&summary.version),
            Cell::new(line(&summary.category, 40)),
        ];
        if has_plugins {
            cells.extend(origin_cells(one.origin.as_deref()));
            cells.push(plugin::state(&one.state, stream));
        }
        cells.push(Cell::new(format!(
            "{}{experimental}",
            line(&summary.description, 120)
        )));
        table.add_row(cells);
    }
    format!("{}{}\n", to_text(&table), count(listed.len(), "node type"))
}

fn origin_cells(origin: Option<&PluginOrigin>) -> [Cell; 3] {
    match origin {
        None => ["built-in", "", ""].map(Cell::new),
        Some(origin) => [
            Cell::new(origin),
            Cell::new(plugin::short(&origin.digest)),
            Cell::new(origin.signer.as_deref().unwrap_or("unknown")),
        ],
    }
}

/// Everything that a node type says of itself.
pub(crate) fn page(listed: &Listed, versions: &[String], stream: Stream) -> String {
    let metadata = &*listed.metadata;
    let mut page = format!("{} {}\n", metadata.node_type, metadata.version);
    if !metadata.description.is_empty() {
        push(&mut page, &format!("{}\n", metadata.description));
    }
    page.push('\n');
    push(&mut page, &facts(metadata, versions));
    if let Some(origin) = &listed.origin {
        push(&mut page, &provenance(origin, &listed.state));
    }
    if !metadata.documentation.trim().is_empty() {
        push(
            &mut page,
            &format!("\n{}\n", metadata.documentation.trim_end()),
        );
    }
    page.push_str("\nParameters\n");
    page.push_str(&parameters(metadata, stream));
    for example in &metadata.examples {
        push(&mut page, &self::example(example));
    }
    if let Some(schema) = &metadata.schema {
        push(
            &mut page,
            &format!("\nSchema of the parameters\n{}\n", indented(schema)),
        );
    }
    page
}

fn push(page: &mut String, text: &str) {
    page.push_str(&harmless(text));
}

fn facts(metadata: &NodeTypeMetadata, versions: &[String]) -> String {
    let mut facts = String::new();
    let mut fact = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(facts, "{name:<10} {value}");
        }
    };
    fact("category", &metadata.category);
    fact("tags", &metadata.tags.join(", "));
    fact("inputs", &inputs(&metadata.ports));
    fact("outputs", &outputs(&metadata.ports));
    let needs: Vec<String> = metadata
        .dependencies
        .iter()
        .map(|one| format!("{} {}", one.node_type, one.version))
        .collect();
    fact("needs", &needs.join(", "));
    fact("author", metadata.author.as_deref().unwrap_or_default());
    if versions.len() > 1 {
        fact("versions", &versions.join(", "));
    }
    if metadata.experimental {
        fact("state", "experimental: it may change without notice");
    }
    facts
}

/// Which plugin it is from, byte for byte, and how that stands.
fn provenance(origin: &PluginOrigin, state: &PluginState) -> String {
    let signer = origin.signer.as_deref().unwrap_or("unknown");
    format!(
        "plugin     {origin}\ndigest     {}\npublisher  {signer}\nstate      {}\n",
        origin.digest,
        state.as_str()
    )
}

fn inputs(ports: &Ports) -> String {
    match ports.inputs {
        0 => "none: it is a trigger".to_owned(),
        u16::MAX => "any number".to_owned(),
        number => number.to_string(),
    }
}

fn outputs(ports: &Ports) -> String {
    let fixed = ports.outputs.join(", ");
    match &ports.dynamic_outputs {
        Some(dynamic) if fixed.is_empty() => format!("as many as `{}` says", dynamic.parameter),
        Some(dynamic) => format!("as many as `{}` says, then {fixed}", dynamic.parameter),
        None => fixed,
    }
}

fn parameters(metadata: &NodeTypeMetadata, stream: Stream) -> String {
    let Some(schema) = &metadata.schema else {
        return "It takes any.\n".to_owned();
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    let Some(properties) = properties.filter(|properties| !properties.is_empty()) else {
        return "It takes none.\n".to_owned();
    };
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .chain(metadata.required_fields.iter().map(String::as_str))
        .collect();
    let mut table = table(
        &["name", "type", "required", "default", "description"],
        stream,
    );
    for (name, property) in properties {
        let default = property
            .get("default")
            .map(Value::to_string)
            .unwrap_or_default();
        let description = property
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default();
        table.add_row(vec![
            line(name, 40),
            line(&type_of(property, schema, 0), 60),
            if required.contains(&name.as_str()) {
                "yes".to_owned()
            } else {
                String::new()
            },
            line(&default, 30),
            line(description, 200),
        ]);
    }
    to_text(&table)
}

/// A schema in a few words: `text`, `number or text`, `"a" | "b"`.
fn type_of(schema: &Value, root: &Value, depth: usize) -> String {
    if depth > 4 {
        return "any".to_owned();
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let target = target
            .strip_prefix('#')
            .and_then(|pointer| root.pointer(pointer));
        return target.map_or_else(
            || "any".to_owned(),
            |target| type_of(target, root, depth + 1),
        );
    }
    if let Some(constant) = schema.get("const") {
        return constant.to_string();
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values: Vec<String> = values.iter().map(Value::to_string).collect();
        return values.join(" | ");
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(choices) = schema.get(key).and_then(Value::as_array) {
            let mut names: Vec<String> = choices
                .iter()
                .map(|choice| type_of(choice, root, depth + 1))
                .filter(|name| name != "null")
                .collect();
            names.dedup();
            return names.join(" | ");
        }
    }
    match schema.get("type") {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => {
            let names: Vec<&str> = names
                .iter()
                .filter_map(Value::as_str)
                .filter(|name| *name != "null")
                .collect();
            names.join(" | ")
        }
        Some(_) | None => "any".to_owned(),
    }
}

fn example(example: &Example) -> String {
    let mut text = format!("\nExample: {}\n", line(&example.title, 200));
    let mut part = |name: &str, json: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<10} {json}");
    };
    part("parameters", compact(&example.parameters));
    if !example.input.is_empty() {
        part("input", ports(&example.input));
    }
    if !example.variables.is_empty() {
        part("variables", compact(&example.variables));
    }
    if let Some(output) = &example.output {
        part("output", ports(output));
    }
    text
}

/// The items of each port; with one port just its items.
fn ports(ports: &[Vec<Object>]) -> String {
    match ports {
        [items] => compact(items),
        ports => compact(&ports),
    }
}

fn compact(value: &impl serde::Serialize) -> String {
    // Objects with text keys always serialize.
    serde_json::to_string(value).unwrap_or_default()
}

fn indented(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
