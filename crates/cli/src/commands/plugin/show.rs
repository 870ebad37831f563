//! `jackfield plugin show`: what a plugin provides, asks for and needs.

use std::fmt::Write;
use std::sync::Arc;

use jackfield::NodeSettings;
use jackfield::registry::discovery::{
    CapabilityRequest, PluginManifest, PluginRefusal, PluginState, PluginSummary,
};
use jackfield::types::Capability;
use serde_json::{Value, json};

use super::list::{no_folders, summary};
use super::open;
use crate::args::{PlainOutput, PluginShowArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::plugins::{self, Surroundings};
use crate::render::text::harmless;
use crate::session;

/// Shows a plugin; of several versions the newest, if none is said.
pub(super) fn show(args: &PluginShowArgs, output: &mut Output) -> Result<Exit, CliError> {
    if args.plugins.folders.is_empty() {
        return Err(no_folders());
    }
    let settings = NodeSettings::default();
    let registry = session::registry(&settings)?;
    let refused = plugins::discover(&registry, &args.plugins, &Surroundings::of(&settings.http))?;
    let wanted = &args.plugin;
    let all = registry.plugins();
    let found = all.iter().rev().find(|plugin| {
        plugin.origin.plugin == wanted.plugin
            && wanted
                .version
                .as_ref()
                .is_none_or(|version| *version == plugin.origin.version)
    });
    let Some(plugin) = found else {
        let is_meant = |one: &&Arc<PluginRefusal>| {
            one.plugin.as_ref() == Some(&wanted.plugin)
                && (wanted.version.is_none() || wanted.version == one.version)
        };
        if let Some(refusal) = refused.iter().find(is_meant) {
            return Err(CliError::Plugin {
                code: refusal.reason.code(),
                message: format!(
                    "`{}`: {}",
                    refusal.path.display(),
                    plugins::reason_text(refusal)
                ),
                hint: Some(refusal.reason.hint().to_owned()),
            });
        }
        return Err(CliError::usage(
            format!("there is no plugin `{}`", wanted.plugin),
            "`jackfield plugin list` names those that there are, and why others were refused",
        ));
    };
    let package = open(&plugin.path)?;
    let manifest = package.manifest();
    let pinned = plugins::lock(&args.plugins.lock)?
        .is_some_and(|lock| lock.digest(package.id(), package.version()).is_some());
    match args.output {
        PlainOutput::Pretty => output.text(&harmless(&page(plugin, manifest, pinned)))?,
        PlainOutput::Json => output.document(&document(plugin, manifest, pinned))?,
    }
    Ok(Exit::Success)
}

fn document(plugin: &PluginSummary, manifest: &PluginManifest, pinned: bool) -> Value {
    let mut document = summary(plugin);
    document["pinned"] = json!(pinned);
    document["contract"] = json!(manifest.contract());
    document["license"] = json!(manifest.license());
    document["homepage"] = json!(manifest.homepage());
    document["capabilities"] = json!(manifest.capabilities());
    document["limits"] = json!(manifest.limits());
    document["dependencies"] = json!(manifest.dependencies());
    document["nodeTypes"] = json!(manifest.node_types());
    document
}

fn page(plugin: &PluginSummary, manifest: &PluginManifest, pinned: bool) -> String {
    let origin = &plugin.origin;
    let mut page = format!("{origin}\n{}\n\n", plugin.description);
    let mut fact = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(page, "{name:<10} {value}");
        }
    };
    fact("package", &plugin.path.display().to_string());
    fact("digest", &origin.digest.to_string());
    fact("publisher", origin.signer.as_deref().unwrap_or("unknown"));
    fact("pinned", if pinned { "yes" } else { "no" });
    match &plugin.state {
        PluginState::Refused { why } => fact("state", &format!("refused: {why}")),
        state => fact("state", state.as_str()),
    }
    fact("contract", &manifest.contract().to_string());
    fact("license", manifest.license().unwrap_or_default());
    fact("homepage", manifest.homepage().unwrap_or_default());
    for one in manifest.dependencies() {
        fact("needs", &format!("{} {}", one.plugin, one.version));
    }
    page.push_str("\nNode types\n");
    for one in manifest.node_types() {
        let _ = writeln!(
            page,
            "  {} {}  {}",
            one.node_type, one.version, one.description
        );
    }
    page.push_str(&capabilities(manifest));
    page
}

/// What a plugin asks for and why.
pub(super) fn capabilities(manifest: &PluginManifest) -> String {
    if manifest.capabilities().is_empty() {
        return "\nIt asks for no capability.\n".to_owned();
    }
    let mut text = "\nIt asks for\n".to_owned();
    for (capability, request) in manifest.capabilities() {
        let _ = writeln!(text, "  {}", asked(*capability, request));
    }
    text
}

fn asked(capability: Capability, request: &CapabilityRequest) -> String {
    let mut of: Vec<String> = request.hosts.iter().map(ToString::to_string).collect();
    of.extend(request.names.iter().cloned());
    let capability = capability.as_str();
    if of.is_empty() {
        format!("{capability}: {}", request.reason)
    } else {
        format!("{capability} ({}): {}", of.join(", "), request.reason)
    }
}
