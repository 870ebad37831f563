//! `jackfield plugin test`: a plugin's examples and fixtures, in the sandbox, through the pipeline
//! that nodes of workflows go through.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jackfield::registry::discovery::DiscoveryOptions;
use jackfield::registry::trust::{Signatures, TrustRules};
use jackfield::wasm::StaticConfig;
use jackfield::{
    Engine, ErrorCode, Item, Items, NodeRequest, NodeSettings, Secret, StaticSecrets, Tenancy,
    TenantEngine, TenantId,
};
use jackfield_plugin_build::Language;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::fixtures::{self, Case, Origin};
use super::{build, open};
use crate::args::{PlainOutput, PluginTestArgs};
use crate::error::{CliError, whole_text};
use crate::exit::Exit;
use crate::output::Output;
use crate::plugins::{self, Sandbox};
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
    let mut bench = Bench::new(args, &package, &cases)?;
    let results: Vec<(&Case, Outcome)> = cases
        .iter()
        .enumerate()
        .map(|(place, case)| Ok((case, bench.attempt(place, case)?)))
        .collect::<Result<_, CliError>>()?;
    bench.close();
    match args.output {
        PlainOutput::Pretty => {
            let mut text: String = results.iter().map(shown).collect();
            text.push_str(&format!(
                "{} {} {}: {}",
                opened.id(),
                opened.version(),
                opened.digest(),
                counted(&results)
            ));
            output.text(&text)?;
        }
        PlainOutput::Json => {
            let cases: Vec<Value> = results.iter().map(document).collect();
            output.document(&json!({
                "plugin": opened.id(),
                "version": opened.version(),
                "digest": opened.digest(),
                "cases": cases,
            }))?;
        }
    }
    let is_wrong = |(_, outcome): &(&Case, Outcome)| matches!(outcome, Outcome::Wrong(_));
    Ok(if results.iter().any(is_wrong) {
        Exit::ExecutionFailed
    } else {
        Exit::Success
    })
}

/// What came of a case.
enum Outcome {
    Right,
    Wrong(String),
    /// It needs what is not there while a plugin is tried.
    LeftOut(String),
}

/// What a plugin is tried on: an engine in which each file of fixtures, and each example, is a
/// tenant of its own.
struct Bench {
    engine: Engine,
    runtime: Runtime,
}

impl Bench {
    fn new(args: &PluginTestArgs, package: &Path, cases: &[Case]) -> Result<Self, CliError> {
        let opened = open(package)?;
        let mut values = StaticConfig::default();
        let mut secrets: BTreeMap<TenantId, BTreeMap<String, Secret<String>>> = BTreeMap::new();
        for (place, case) in cases.iter().enumerate() {
            let tenant = tenant(place, case)?;
            for (name, value) in &case.config {
                values = values.with_for(tenant.clone(), opened.id().clone(), name, value);
            }
            secrets
                .entry(tenant)
                .or_default()
                .extend(case.secrets.clone());
        }
        let secrets = StaticSecrets::from_map(secrets).map_err(|error| {
            CliError::usage(whole_text(&error), "mend the `secrets` of the fixture")
        })?;
        let settings = NodeSettings {
            http: session::http_settings(&args.grants),
            data_sources: session::data_sources(&args.grants)?,
        };
        let registry = session::registry(&settings)?;
        // Who tries a plugin writes it: it need not be signed yet.
        let rules = Arc::new(TrustRules::new(Signatures::Ignored));
        let host = plugins::host(&Sandbox {
            http: settings.http,
            values: Some(&Arc::new(values)),
            ..Sandbox::default()
        })?;
        let options = DiscoveryOptions::new(host, rules).validate_on_load();
        let runtime = session::runtime()?;
        let loaded = runtime.block_on(registry.load_plugin(package, &options));
        loaded.map_err(|refusal| CliError::Plugin {
            code: refusal.reason.code(),
            message: plugins::reason_text(&refusal),
            hint: Some(refusal.reason.hint().to_owned()),
        })?;
        let tenancy = Tenancy::builder().secrets(secrets).build();
        let engine = Engine::builder(registry).tenancy(tenancy).build();
        Ok(Self { engine, runtime })
    }

    fn attempt(&mut self, place: usize, case: &Case) -> Result<Outcome, CliError> {
        let engine = self.engine.tenant(&tenant(place, case)?);
        Ok(self.runtime.block_on(attempt(&engine, case)))
    }

    fn close(self) {
        self.runtime.shutdown_background();
    }
}

/// On whose behalf a case is tried.
fn tenant(place: usize, case: &Case) -> Result<TenantId, CliError> {
    let name = match case.origin {
        Origin::Example => format!("example-{place}"),
        Origin::File(place) => format!("fixtures-{place}"),
    };
    TenantId::parse(&name).map_err(|error| CliError::internal("a case cannot be tried", &error))
}

fn counted(results: &[(&Case, Outcome)]) -> String {
    let of = |kind: fn(&Outcome) -> bool| results.iter().filter(|(_, one)| kind(one)).count();
    let wrong = of(|one| matches!(one, Outcome::Wrong(_)));
    let left_out = of(|one| matches!(one, Outcome::LeftOut(_)));
    let tried = count(results.len() - left_out, "case");
    match left_out {
        0 => format!("{tried} tried, {wrong} wrong"),
        _ => format!("{tried} tried, {wrong} wrong, {left_out} left out"),
    }
}

fn shown((case, outcome): &(&Case, Outcome)) -> String {
    let what = format!("{}: {}", case.node_type, case.title);
    let text = match outcome {
        Outcome::Right => format!("ok     {what}"),
        Outcome::Wrong(reason) => format!("wrong  {what}\n       {reason}"),
        Outcome::LeftOut(reason) => format!("left   {what}\n       {reason}"),
    };
    harmless(&text).into_owned() + "\n"
}

fn document((case, outcome): &(&Case, Outcome)) -> Value {
    let (wrong, left_out) = match outcome {
        Outcome::Right => (None, None),
        Outcome::Wrong(reason) => (Some(reason), None),
        Outcome::LeftOut(reason) => (None, Some(reason)),
    };
    json!({
        "title": case.title,
        "nodeType": case.node_type,
        "wrong": wrong,
        "leftOut": left_out,
    })
}

/// Runs a case.
async fn attempt(engine: &TenantEngine, case: &Case) -> Outcome {
    let items = |objects: &Vec<jackfield::Object>| -> Items {
        Arc::new(objects.iter().cloned().map(Item::new).collect())
    };
    let request = NodeRequest {
        inputs: case.input.iter().map(items).collect(),
        variables: case.variables.clone(),
        ..NodeRequest::new(case.node_type.clone(), case.parameters.clone())
    };
    match (engine.execute_node(request).await, &case.error) {
        (Ok(output), None) => difference(case, &output.outputs.main),
        (Ok(_), Some(code)) => Outcome::Wrong(format!("it does not fail with {code}")),
        (Err(failure), Some(code)) if failure.code == *code => Outcome::Right,
        (Err(failure), _) => {
            let issues: Vec<String> = failure.issues.iter().map(ToString::to_string).collect();
            let text = format!(
                "{}: {} {}",
                failure.code,
                failure.message,
                issues.join("; ")
            );
            let text = text.trim_end().to_owned();
            // An example shows readers what a service answers; the service need not be there.
            let is_out_of_reach =
                [ErrorCode::NETWORK_ERROR, ErrorCode::NETWORK_FORBIDDEN].contains(&failure.code);
            if case.origin == Origin::Example && is_out_of_reach {
                Outcome::LeftOut(text)
            } else {
                Outcome::Wrong(text)
            }
        }
    }
}

/// Compares what a case gave with what it says that it gives.
fn difference(case: &Case, given: &[Items]) -> Outcome {
    let Some(expected) = &case.output else {
        return Outcome::Right;
    };
    for port in 0..expected.len().max(given.len()) {
        let wanted = expected.get(port).map_or(&[][..], Vec::as_slice);
        let items = given.get(port).map_or(&[][..], |items| items.as_slice());
        if !wanted.iter().eq(items.iter().map(Item::json)) {
            let items: Vec<_> = items.iter().map(Item::json).collect();
            return Outcome::Wrong(format!(
                "output {port} is {}, and not {}",
                json!(items),
                json!(wanted)
            ));
        }
    }
    Outcome::Right
}
