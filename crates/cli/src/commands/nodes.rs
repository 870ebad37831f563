//! `jackfield nodes`: which node types there are, and what they do.

use std::sync::Arc;

use jackfield::{NodeSettings, NodeTypeMetadata, Query, Registration, Registry};
use serde_json::{Value, json};

use crate::args::{NodesCommand, PlainOutput};
use crate::error::CliError;
use crate::exit::Exit;
use crate::node_reference::NodeReference;
use crate::output::Output;
use crate::render::node_type;
use crate::session;

/// Lists, shows or searches.
pub(crate) fn nodes(command: NodesCommand, output: &mut Output) -> Result<Exit, CliError> {
    let registry = session::registry(&NodeSettings::default())?;
    match command {
        NodesCommand::List {
            category,
            output: format,
        } => {
            let query = Query {
                category: category.clone(),
                ..Query::default()
            };
            let found = registry.search(&query);
            if let (Some(category), true) = (&category, found.is_empty()) {
                return Err(unknown_category(&registry, category));
            }
            print_list(&found, format, output)
        }
        NodesCommand::Search {
            text,
            category,
            tag,
            output: format,
        } => {
            if let Some(category) = &category
                && !registry
                    .categories()
                    .keys()
                    .any(|one| one.eq_ignore_ascii_case(category))
            {
                return Err(unknown_category(&registry, category));
            }
            let query = Query {
                text: Some(text.join(" ")),
                category,
                tag,
            };
            print_list(&registry.search(&query), format, output)
        }
        NodesCommand::Show {
            node,
            output: format,
        } => show(&registry, &node, format, output),
    }
}

fn unknown_category(registry: &Registry, category: &str) -> CliError {
    let names: Vec<String> = registry
        .categories()
        .into_keys()
        .map(|name| format!("`{name}`"))
        .collect();
    CliError::usage(
        format!("there is no category `{category}`"),
        format!("there is {}", names.join(", ")),
    )
}

fn print_list(
    found: &[Arc<Registration>],
    format: PlainOutput,
    output: &mut Output,
) -> Result<Exit, CliError> {
    match format {
        PlainOutput::Pretty => output.text(&node_type::list(found, output.stream()))?,
        PlainOutput::Json => {
            let all: Vec<Value> = found.iter().map(|one| summary(one.summary())).collect();
            output.document(&all)?;
        }
    }
    Ok(Exit::Success)
}

fn summary(metadata: &NodeTypeMetadata) -> Value {
    json!({
        "nodeType": metadata.node_type,
        "version": metadata.version,
        "category": metadata.category,
        "description": metadata.description,
        "tags": metadata.tags,
        "experimental": metadata.experimental,
    })
}

fn show(
    registry: &Registry,
    node: &NodeReference,
    format: PlainOutput,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let found = registry.resolve(&node.node_type, &node.version)?;
    let metadata = found.metadata();
    match format {
        PlainOutput::Pretty => {
            let versions = registry.versions(node.node_type.as_str());
            let versions: Vec<String> = versions
                .iter()
                .map(|one| one.version().to_string())
                .collect();
            output.text(&node_type::page(metadata, &versions, output.stream()))?;
        }
        PlainOutput::Json => output.document(&**metadata)?,
    }
    Ok(Exit::Success)
}
