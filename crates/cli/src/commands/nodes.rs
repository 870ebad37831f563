//! `jackfield nodes`: which node types there are, where they come from, and what they do.

use std::path::Path;
use std::sync::Arc;

use jackfield::registry::discovery::{
    Package, PackageLimits, PluginRefusal, PluginState, PluginSummary,
};
use jackfield::types::PluginOrigin;
use jackfield::{NodeSettings, NodeTypeMetadata, Query, Registration, Registry};
use serde_json::{Value, json};

use super::say;
use crate::args::{NodesCommand, PlainOutput};
use crate::error::CliError;
use crate::exit::Exit;
use crate::node_reference::NodeReference;
use crate::output::Output;
use crate::plugins::{self, Surroundings};
use crate::render::node_type::{self, Listed};
use crate::session;

/// Lists, shows or searches.
pub(crate) fn nodes(command: NodesCommand, output: &mut Output) -> Result<Exit, CliError> {
    let settings = NodeSettings::default();
    match command {
        NodesCommand::List {
            category,
            output: format,
            plugins,
        } => {
            let registry = session::registry(&settings)?;
            let refused =
                plugins::discover(&registry, &plugins, &Surroundings::of(&settings.http))?;
            let query = Query {
                category: category.clone(),
                ..Query::default()
            };
            let mut listed = listed(&registry, &registry.search(&query));
            listed.extend(refused_ones(&refused, category.as_deref()));
            if let (Some(category), true) = (&category, listed.is_empty()) {
                return Err(unknown_category(&registry, category));
            }
            print_list(&listed, format, output)
        }
        NodesCommand::Search {
            text,
            category,
            tag,
            output: format,
            plugins,
        } => {
            let registry = session::registry_with(&plugins, &settings)?;
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
            print_list(&listed(&registry, &registry.search(&query)), format, output)
        }
        NodesCommand::Show {
            node,
            output: format,
            plugins,
        } => {
            let registry = session::registry_with(&plugins, &settings)?;
            show(&registry, &node, format, output)
        }
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

/// Node types with how the plugins stand that they come from.
fn listed(registry: &Registry, found: &[Arc<Registration>]) -> Vec<Listed> {
    let plugins = registry.plugins();
    let listed = found.iter().map(|one| Listed {
        metadata: Arc::new(one.summary().clone()),
        origin: one.origin().cloned(),
        state: state_of(&plugins, one),
    });
    listed.collect()
}

/// A node type with everything that is known of it.
fn one_listed(registry: &Registry, found: &Registration) -> Listed {
    Listed {
        metadata: Arc::clone(found.metadata()),
        origin: found.origin().cloned(),
        state: state_of(&registry.plugins(), found),
    }
}

fn state_of(plugins: &[PluginSummary], found: &Registration) -> PluginState {
    let of = |origin: &Arc<PluginOrigin>| {
        let plugin = plugins.iter().find(|plugin| *plugin.origin == **origin);
        plugin.map(|plugin| plugin.state.clone())
    };
    let state = found.origin().and_then(of);
    state.unwrap_or(PluginState::Ready)
}

/// The node types of packages that were refused, where their manifests can be read; says so of the
/// others.
fn refused_ones(refused: &[Arc<PluginRefusal>], category: Option<&str>) -> Vec<Listed> {
    let mut listed = Vec::new();
    for refusal in refused {
        let why = plugins::reason_text(refusal);
        let Ok(package) = open(&refusal.path) else {
            say(&plugins::refusal_line("warning", refusal));
            continue;
        };
        let origin = Arc::new(package.origin());
        let provided = package.manifest().node_types().iter();
        let wanted = provided.filter(|one| {
            category.is_none_or(|category| one.category.eq_ignore_ascii_case(category))
        });
        listed.extend(wanted.map(|metadata| Listed {
            metadata: Arc::new(metadata.clone()),
            origin: Some(Arc::clone(&origin)),
            state: PluginState::Refused { why: why.clone() },
        }));
    }
    listed
}

fn open(path: &Path) -> Result<Package, jackfield::registry::discovery::PackageError> {
    Package::open(path, &PackageLimits::default())
}

fn print_list(
    listed: &[Listed],
    format: PlainOutput,
    output: &mut Output,
) -> Result<Exit, CliError> {
    match format {
        PlainOutput::Pretty => output.text(&node_type::list(listed, output.stream()))?,
        PlainOutput::Json => {
            let all: Vec<Value> = listed.iter().map(summary).collect();
            output.document(&all)?;
        }
    }
    Ok(Exit::Success)
}

fn summary(listed: &Listed) -> Value {
    let metadata: &NodeTypeMetadata = &listed.metadata;
    let mut summary = json!({
        "nodeType": metadata.node_type,
        "version": metadata.version,
        "category": metadata.category,
        "description": metadata.description,
        "tags": metadata.tags,
        "experimental": metadata.experimental,
        "origin": listed.origin,
        "state": listed.state.as_str(),
    });
    if let PluginState::Refused { why } = &listed.state {
        summary["why"] = json!(why);
    }
    summary
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
            let listed = one_listed(registry, &found);
            output.text(&node_type::page(&listed, &versions, output.stream()))?;
        }
        PlainOutput::Json => {
            let mut document = json!(**metadata);
            let listed = one_listed(registry, &found);
            if let Some(origin) = &listed.origin {
                document["origin"] = json!(origin);
                document["state"] = json!(listed.state.as_str());
            }
            output.document(&document)?;
        }
    }
    Ok(Exit::Success)
}
