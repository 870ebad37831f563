//! `jackfield plugin outdated`: of which plugins there are newer versions.

use std::collections::BTreeMap;
use std::path::Path;

use comfy_table::Cell;
use jackfield::types::PluginId;
use semver::Version;
use serde_json::{Value, json};

use super::install::{installed, packages_in};
use super::remote;
use crate::args::{PlainOutput, PluginOutdatedArgs};
use crate::error::{CliError, describe_io};
use crate::exit::Exit;
use crate::output::Output;
use crate::render::table::{table, to_text};

/// Compares what is installed with what there is.
pub(super) fn outdated(args: &PluginOutdatedArgs, output: &mut Output) -> Result<Exit, CliError> {
    let mut newest: BTreeMap<PluginId, Version> = BTreeMap::new();
    for package in installed(&args.installed)? {
        keep_newest(&mut newest, package.id(), package.version());
    }
    let from = args.from.as_deref().ok_or_else(|| {
        CliError::usage(
            "it is not said where newer versions are looked for",
            "name a folder of packages or `oci://HOST` with `--from`, or with JACKFIELD_REGISTRY",
        )
    })?;
    let available = available(from, args, &newest)?;
    let outdated: Vec<(&PluginId, &Version, &Version)> = newest
        .iter()
        .filter_map(|(plugin, version)| {
            let other = available.get(plugin)?;
            (other > version).then_some((plugin, version, other))
        })
        .collect();
    match args.output {
        PlainOutput::Pretty if outdated.is_empty() => output.text("all plugins are up to date")?,
        PlainOutput::Pretty => {
            let mut table = table(&["plugin", "installed", "newest"], output.stream());
            for (plugin, version, other) in outdated {
                table.add_row(vec![
                    Cell::new(plugin),
                    Cell::new(version),
                    Cell::new(other),
                ]);
            }
            output.text(&to_text(&table))?;
        }
        PlainOutput::Json => {
            let outdated: Vec<Value> = outdated
                .iter()
                .map(|(plugin, version, other)| {
                    json!({ "plugin": plugin, "installed": version, "newest": other })
                })
                .collect();
            output.document(&outdated)?;
        }
    }
    Ok(Exit::Success)
}

fn keep_newest(newest: &mut BTreeMap<PluginId, Version>, plugin: &PluginId, version: &Version) {
    let kept = newest
        .entry(plugin.clone())
        .or_insert_with(|| version.clone());
    if version > kept {
        kept.clone_from(version);
    }
}

/// The newest version of each plugin that there is. Versions that are not final count only where
/// one of that kind is installed.
fn available(
    from: &str,
    args: &PluginOutdatedArgs,
    installed: &BTreeMap<PluginId, Version>,
) -> Result<BTreeMap<PluginId, Version>, CliError> {
    let mut newest = BTreeMap::new();
    let mut consider = |plugin: &PluginId, version: &Version| {
        let is_taken = version.pre.is_empty()
            || installed
                .get(plugin)
                .is_some_and(|installed| !installed.pre.is_empty());
        if is_taken {
            keep_newest(&mut newest, plugin, version);
        }
    };
    if let Some(place) = from.strip_prefix("oci://") {
        let place = place.trim_end_matches('/');
        if place.is_empty() {
            return Err(CliError::usage(
                "`oci://` names no registry",
                "name its host, too: `oci://HOST[/PREFIX]`",
            ));
        }
        for plugin in installed.keys() {
            let reference = format!("oci://{place}/{plugin}");
            for version in remote::versions(&reference, &args.remote)? {
                consider(plugin, &version);
            }
        }
        return Ok(newest);
    }
    let packages = packages_in(Path::new(from)).map_err(|error| {
        CliError::usage(
            format!(
                "the folder `{from}` cannot be read: {}",
                describe_io(&error)
            ),
            "name a folder of packages, or `oci://HOST`",
        )
    })?;
    for package in packages {
        consider(package.id(), package.version());
    }
    Ok(newest)
}
