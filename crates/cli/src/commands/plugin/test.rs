//! `jackfield plugin test`: a plugin's examples and fixtures, in the sandbox, through the pipeline
//! that nodes of workflows go through.

use std::path::PathBuf;
use std::sync::Arc;

use jackfield::registry::discovery::DiscoveryOptions;
use jackfield::registry::trust::{Signatures, TrustRules};
use jackfield::{Engine, Item, Items, NodeRequest, NodeSettings, TenantEngine};
use jackfield_plugin_build::Language;
use serde_json::{Value, json};

use super::fixtures::{self, Case};
use super::{build, open};
use crate::args::{PlainOutput, PluginTestArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::plugins;
use crate::render::text::{count, harmless};
use crate::session;

/// Builds a plugin if it is sources, loads it, and tries it.
pub(super) fn test(args: &PluginTestArgs, output: &mut Output) -> Result<Exit, CliError> {
    let package: PathBuf = if Language::of(&args.plugin).is_ok() {
        build::package(&args.plugin, None, args.target.as_deref())?
    } else {
        args.plugin.clone()
    };
    let opened = open(&package)?;
    let mut cases = fixtures::examples(opened.manifest().node_types());
    let beside = args.plugin.join("fixtures");
    match &args.fixtures {
        Some(folder) => cases.extend(fixtures::read(folder)?),
        None if beside.is_dir() => cases.extend(fixtures::read(&beside)?),
        None => {}
    }
    let settings = NodeSettings {
        http: session::http_settings(&args.grants),
        data_sources: session::data_sources(&args.grants)?,
    };
    let registry = session::registry(&settings)?;
    // Who tries a plugin writes it: it need not be signed yet.
    let rules = Arc::new(TrustRules::new(Signatures::Ignored));
    let options = DiscoveryOptions::new(plugins::host(&settings.http)?, rules).validate_on_load();
    let runtime = session::runtime()?;
    let loaded = runtime.block_on(registry.load_plugin(&package, &options));
    loaded.map_err(|refusal| CliError::Plugin {
        code: refusal.reason.code(),
        message: plugins::reason_text(&refusal),
        hint: Some(refusal.reason.hint().to_owned()),
    })?;
    let engine = Engine::builder(registry).build().default_tenant();
    let mut wrong = 0;
    let mut results: Vec<(&Case, Option<String>)> = Vec::new();
    for case in &cases {
        let outcome = runtime.block_on(attempt(&engine, case)).err();
        wrong += usize::from(outcome.is_some());
        results.push((case, outcome));
    }
    runtime.shutdown_background();
    match args.output {
        PlainOutput::Pretty => {
            let mut text: String = results.iter().map(shown).collect();
            text.push_str(&format!(
                "{} {} {}: {} tried, {wrong} wrong",
                opened.id(),
                opened.version(),
                opened.digest(),
                count(results.len(), "case")
            ));
            output.text(&text)?;
        }
        PlainOutput::Json => {
            let cases: Vec<Value> = results
                .iter()
                .map(|(case, wrong)| {
                    json!({ "title": case.title, "nodeType": case.node_type, "wrong": wrong })
                })
                .collect();
            output.document(&json!({
                "plugin": opened.id(),
                "version": opened.version(),
                "digest": opened.digest(),
                "cases": cases,
            }))?;
        }
    }
    Ok(if wrong == 0 {
        Exit::Success
    } else {
        Exit::ExecutionFailed
    })
}

fn shown((case, wrong): &(&Case, Option<String>)) -> String {
    let text = match wrong {
        None => format!("ok     {}: {}", case.node_type, case.title),
        Some(reason) => format!("wrong  {}: {}\n       {reason}", case.node_type, case.title),
    };
    harmless(&text).into_owned() + "\n"
}

/// Runs a case; says what is wrong with what came of it.
async fn attempt(engine: &TenantEngine, case: &Case) -> Result<(), String> {
    let items = |objects: &Vec<jackfield::Object>| -> Items {
        Arc::new(objects.iter().cloned().map(Item::new).collect())
    };
    let request = NodeRequest {
        inputs: case.input.iter().map(items).collect(),
        variables: case.variables.clone(),
        ..NodeRequest::new(case.node_type.clone(), case.parameters.clone())
    };
    let output = match (engine.execute_node(request).await, &case.error) {
        (Ok(output), None) => output,
        (Ok(_), Some(code)) => return Err(format!("it does not fail with {code}")),
        (Err(failure), Some(code)) if failure.code == *code => return Ok(()),
        (Err(failure), _) => {
            let issues: Vec<String> = failure.issues.iter().map(ToString::to_string).collect();
            let issues = issues.join("; ");
            let message = format!("{}: {} {issues}", failure.code, failure.message);
            return Err(message.trim_end().to_owned());
        }
    };
    let Some(expected) = &case.output else {
        return Ok(());
    };
    let given = &output.outputs.main;
    for port in 0..expected.len().max(given.len()) {
        let wanted = expected.get(port).map_or(&[][..], Vec::as_slice);
        let items = given.get(port).map_or(&[][..], |items| items.as_slice());
        if !wanted.iter().eq(items.iter().map(Item::json)) {
            let items: Vec<_> = items.iter().map(Item::json).collect();
            return Err(format!(
                "output {port} is {}, and not {}",
                json!(items),
                json!(wanted)
            ));
        }
    }
    Ok(())
}
