//! `jackfield plugin doctor`: everything that is wrong with folders of plugins.

use jackfield::registry::discovery::DiscoveryReport;
use jackfield::{NodeSettings, Registry};
use serde_json::{Value, json};

use super::list::{no_folders, refusal_json};
use crate::args::{PlainOutput, PluginArgs, PluginDoctorArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::plugins::{self, Surroundings};
use crate::render::text::{count, harmless};
use crate::session;

/// Reads every package whole, and loads each plugin in the sandbox as its first use would.
pub(super) fn doctor(args: &PluginDoctorArgs, output: &mut Output) -> Result<Exit, CliError> {
    let mut named: PluginArgs = args.plugins.clone();
    if !args.examined.is_empty() {
        named.folders.clone_from(&args.examined);
    }
    if named.folders.is_empty() {
        return Err(no_folders());
    }
    let settings = NodeSettings::default();
    let registry = session::registry(&settings)?;
    let surroundings = Surroundings::of(&settings.http);
    let options = plugins::options(&named, &surroundings)?.validate_on_load();
    let report = registry.discover_plugins(&named.folders, &options);
    let mut refused = report.refused.clone();
    plugins::say_lock(&named.lock, &refused);
    let runtime = session::runtime()?;
    let trial: Registry = session::registry(&settings)?;
    for found in &report.registered {
        let loaded = runtime.block_on(trial.load_plugin(&found.path, &options));
        refused.extend(loaded.err());
    }
    runtime.shutdown_background();
    match args.output {
        PlainOutput::Pretty => {
            let lines = refused
                .iter()
                .map(|refusal| plugins::refusal_line("error", refusal));
            let lines = lines.chain(remarks(&report)).map(|line| line + "\n");
            let found = format!(
                "{} looked at, {}",
                count(report.found, "package"),
                count(refused.len(), "problem")
            );
            output.text(&(lines.collect::<String>() + &found))?;
        }
        PlainOutput::Json => {
            let problems: Vec<Value> = refused.iter().map(|one| refusal_json(one)).collect();
            output.document(&json!({
                "found": report.found,
                "problems": problems,
                "remarks": remarks(&report).collect::<Vec<_>>(),
            }))?;
        }
    }
    Ok(if refused.is_empty() {
        Exit::Success
    } else {
        Exit::InvalidInput
    })
}

/// What is not wrong and may not be meant.
fn remarks(report: &DiscoveryReport) -> impl Iterator<Item = String> {
    let shadowed = report.shadowed.iter().map(|one| {
        format!(
            "note: `{}` is not used: `{}` has the same version of `{}`",
            one.path.display(),
            one.by.display(),
            one.origin.plugin
        )
    });
    let ignored = report.ignored.iter().map(|path| {
        format!(
            "note: `{}` is no plugin: it has no `plugin.toml`",
            path.display()
        )
    });
    shadowed
        .chain(ignored)
        .map(|line| harmless(&line).into_owned())
}
