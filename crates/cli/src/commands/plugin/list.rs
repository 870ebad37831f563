//! `jackfield plugin list`: which plugins there are, and which were refused.

use comfy_table::Cell;
use jackfield::registry::discovery::{PluginRefusal, PluginState, PluginSummary};
use jackfield::{NodeSettings, NodeTypeId, Registry};
use serde_json::{Value, json};

use crate::args::{PlainOutput, PluginListArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::plugins::{self, Surroundings};
use crate::render::plugin::{short, state};
use crate::render::table::{table, to_text};
use crate::render::text::{count, line};
use crate::session;
use crate::terminal::Stream;

/// Lists plugins.
pub(super) fn list(args: &PluginListArgs, output: &mut Output) -> Result<Exit, CliError> {
    if args.plugins.folders.is_empty() {
        return Err(no_folders());
    }
    let settings = NodeSettings::default();
    let registry: Registry = session::registry(&settings)?;
    let refused = plugins::discover(&registry, &args.plugins, &Surroundings::of(&settings.http))?;
    let found = registry.plugins();
    match args.output {
        PlainOutput::Pretty => {
            let mut text = shown(&found, output.stream());
            for refusal in &refused {
                text.push_str(&plugins::refusal_line("refused", refusal));
                text.push('\n');
            }
            output.text(&text)?;
        }
        PlainOutput::Json => {
            let found = found.iter().map(summary);
            let refused = refused.iter().map(|refusal| refusal_json(refusal));
            output.document(&found.chain(refused).collect::<Vec<Value>>())?;
        }
    }
    Ok(Exit::Success)
}

pub(super) fn no_folders() -> CliError {
    CliError::usage(
        "no folder of plugins is named",
        "name it with `--plugins`, or with JACKFIELD_PLUGINS",
    )
}

fn shown(found: &[PluginSummary], stream: Stream) -> String {
    let counted = format!("{}\n", count(found.len(), "plugin"));
    if found.is_empty() {
        return counted;
    }
    let columns = [
        "plugin",
        "version",
        "digest",
        "publisher",
        "state",
        "node types",
        "description",
    ];
    let mut table = table(&columns, stream);
    for plugin in found {
        let names: Vec<&str> = plugin.node_types.iter().map(NodeTypeId::as_str).collect();
        table.add_row(vec![
            Cell::new(&plugin.origin.plugin),
            Cell::new(&plugin.origin.version),
            Cell::new(short(&plugin.origin.digest)),
            Cell::new(plugin.origin.signer.as_deref().unwrap_or("unknown")),
            state(&plugin.state, stream),
            Cell::new(line(&names.join(", "), 200)),
            Cell::new(line(&plugin.description, 120)),
        ]);
    }
    to_text(&table) + &counted
}

/// A plugin as JSON.
pub(super) fn summary(plugin: &PluginSummary) -> Value {
    let mut summary = json!({
        "plugin": plugin.origin.plugin,
        "version": plugin.origin.version,
        "digest": plugin.origin.digest,
        "publisher": plugin.origin.signer,
        "state": plugin.state.as_str(),
        "path": plugin.path.display().to_string(),
        "nodeTypes": plugin.node_types,
        "description": plugin.description,
    });
    if let PluginState::Refused { why } = &plugin.state {
        summary["why"] = json!(why);
    }
    summary
}

/// A package that was refused, as JSON.
pub(super) fn refusal_json(refusal: &PluginRefusal) -> Value {
    json!({
        "plugin": refusal.plugin,
        "version": refusal.version,
        "state": "refused",
        "path": refusal.path.display().to_string(),
        "code": refusal.reason.code(),
        "why": plugins::reason_text(refusal),
        "hint": refusal.reason.hint(),
    })
}
