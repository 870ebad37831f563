//! `jackfield policy`: what policies would refuse, and why. `kept_policy` keeps them.

use std::fs;
use std::path::{Path, PathBuf};

use jackfield::tenancy::Verdict;
use jackfield::{
    Diagnostic, Engine, ErrorCode, Explanation, MAX_DOCUMENT_SIZE, NodeSettings, PlanOptions,
    Severity, Tenancy, TenantEngine, TenantId,
};
use serde::Serialize;

use super::{kept_policy, warn, warn_all};
use crate::args::{PlainOutput, PolicyCheckArgs, PolicyCommand, PolicyExplainArgs};
use crate::contents::Contents;
use crate::credentials;
use crate::error::{CliError, describe_io};
use crate::exit::Exit;
use crate::file::read_file;
use crate::output::Output;
use crate::render;
use crate::session;
use crate::store;
use crate::terminal::Terminal;
use crate::workflow_file;

/// How deep in a folder workflows are looked for, and how many there may be.
const DEEPEST: usize = 16;
const MOST_WORKFLOWS: usize = 10_000;

/// Runs one of the subcommands.
pub(crate) fn policy(
    command: PolicyCommand,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    match command {
        PolicyCommand::Check(args) => check(&args, terminal, output),
        PolicyCommand::Explain(args) => explain(&args, terminal, output),
        PolicyCommand::Set(args) => kept_policy::set(&args, terminal, output),
        PolicyCommand::Show(args) => kept_policy::show(&args, terminal, output),
        PolicyCommand::List(args) => kept_policy::list(&args, output),
        PolicyCommand::Remove(args) => kept_policy::remove(&args, terminal, output),
    }
}

/// What a policy would do to one workflow.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckedWorkflow {
    /// The file.
    pub(crate) file: String,
    /// What would become of it.
    pub(crate) verdict: WorkflowVerdict,
    /// What the policy refuses.
    pub(crate) refusals: Vec<Diagnostic>,
    /// What is wrong with it under any policy.
    pub(crate) errors: Vec<Diagnostic>,
}

/// What would become of a workflow under a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum WorkflowVerdict {
    /// It would run.
    Allowed,
    /// The policy refuses something of it.
    Refused,
    /// It would run under no policy.
    Invalid,
}

/// What a policy would do to the workflows of a folder.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckedPolicy {
    policy: String,
    tenant: TenantId,
    pub(crate) workflows: Vec<CheckedWorkflow>,
}

fn check(
    args: &PolicyCheckArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let registry = session::registry_with(&args.plugins, &NodeSettings::default())?;
    let (policy, warnings) = session::policy_reader(&registry)
        .read_file(&args.policy)
        .map_err(CliError::Policies)?;
    warn(&warnings, terminal.stderr);
    let tenant = policy.tenant.clone().or_else(|| named_by(&args.policy));
    let tenant = tenant.unwrap_or_else(TenantId::default_tenant);
    let mut tenancy = Tenancy::builder();
    if let Some(secrets) = session::secrets(args.secrets.as_deref())? {
        tenancy = tenancy.secrets(secrets);
    }
    let tenancy = tenancy.build();
    tenancy
        .set_policy(&tenant, &policy)
        .map_err(CliError::Workflow)?;
    let engine = Engine::builder(registry)
        .tenancy(tenancy)
        .build()
        .tenant(&tenant);
    let mut checked = CheckedPolicy {
        policy: args.policy.display().to_string(),
        tenant: tenant.clone(),
        workflows: Vec::new(),
    };
    for file in workflow_files(&args.workflows)? {
        checked
            .workflows
            .push(check_workflow(&engine, &file, args.secrets.is_some()));
    }
    match args.output {
        PlainOutput::Pretty => {
            output.text(&render::policy::checked(&checked, output.stream()))?;
        }
        PlainOutput::Json => output.document(&checked)?,
    }
    let is_refused = |one: &CheckedWorkflow| !one.refusals.is_empty();
    Ok(if checked.workflows.iter().any(is_refused) {
        Exit::Refused
    } else {
        Exit::Success
    })
}

/// The tenant that the name of a policy's file names.
fn named_by(policy: &Path) -> Option<TenantId> {
    TenantId::parse(policy.file_stem()?.to_str()?).ok()
}

fn check_workflow(engine: &TenantEngine, file: &Path, knows_secrets: bool) -> CheckedWorkflow {
    let result = workflow_file::read_source(file)
        .and_then(|source| workflow_file::plan(engine, &source, &PlanOptions::default()));
    let findings = match result {
        Ok(_) => Vec::new(),
        Err(CliError::Workflow(findings)) => findings.iter().cloned().collect(),
        Err(other) => vec![Diagnostic::new(ErrorCode::INVALID_INPUT, other.to_string())],
    };
    let (refusals, errors): (Vec<_>, Vec<_>) = findings
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error)
        // Which secrets there are is nothing that a policy says.
        .filter(|finding| knows_secrets || finding.code != ErrorCode::CREDENTIAL_MISSING)
        .partition(|finding| finding.code == ErrorCode::TENANT_FORBIDDEN);
    let verdict = match (refusals.is_empty(), errors.is_empty()) {
        (false, _) => WorkflowVerdict::Refused,
        (true, false) => WorkflowVerdict::Invalid,
        (true, true) => WorkflowVerdict::Allowed,
    };
    CheckedWorkflow {
        file: file.display().to_string(),
        verdict,
        refusals,
        errors,
    }
}

/// The JSON documents in and below a folder that look like workflows, in the order of their names.
fn workflow_files(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let mut found = Vec::new();
    let mut open = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = open.pop() {
        let unreadable = |error: &std::io::Error| CliError::File {
            path: folder.clone(),
            reason: describe_io(error),
            hint: Some("name a folder with workflows in it".to_owned()),
        };
        let entries = fs::read_dir(&folder).map_err(|error| unreadable(&error))?;
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&error))?;
            let kind = entry.file_type().map_err(|error| unreadable(&error))?;
            let path = entry.path();
            if kind.is_dir() && depth < DEEPEST {
                open.push((path, depth + 1));
            } else if kind.is_file() && is_workflow(&path) {
                found.push(path);
            }
        }
        if found.len() > MOST_WORKFLOWS {
            return Err(CliError::usage(
                format!("there are more than {MOST_WORKFLOWS} workflows"),
                "name a smaller folder",
            ));
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a file is to be looked at: a JSON document that is an object with nodes. What cannot be
/// read as JSON is looked at too, so that it is reported.
fn is_workflow(path: &Path) -> bool {
    #[derive(serde::Deserialize)]
    struct Shape {
        #[serde(default)]
        nodes: Option<serde::de::IgnoredAny>,
    }
    if path.extension().is_none_or(|extension| extension != "json") {
        return false;
    }
    let Ok(bytes) = read_file(path, MAX_DOCUMENT_SIZE) else {
        return true;
    };
    match serde_json::from_slice::<Shape>(&bytes) {
        Ok(shape) => shape.nodes.is_some(),
        Err(error) => !error.is_data(),
    }
}

/// Why a tenant may use a node type or not.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Explained {
    tenant: TenantId,
    node_type: String,
    #[serde(flatten)]
    explanation: Explanation,
}

fn explain(
    args: &PolicyExplainArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let registry = session::registry_with(&args.plugins, &NodeSettings::default())?;
    let runtime = session::runtime()?;
    let store = runtime.block_on(credentials::store_if_there(&args.store))?;
    let contents = Contents::to_look(&runtime, store.as_ref(), &args.tenancy.tenant);
    let (tenancy, warnings) = session::tenancy(&args.tenancy, &registry, None, &contents)?;
    warn_all(&warnings, terminal.stderr);
    let tenant = tenancy.tenant(&args.tenancy.tenant);
    if let Some(refresh) = tenant.refresh_secrets() {
        runtime.block_on(refresh);
    }
    if let Some(store) = &store {
        runtime.block_on(store::close(store));
    }
    // What is not registered may be explained all the same: plugins come later than policies.
    let found = registry
        .resolve(&args.node_type.node_type, &args.node_type.version)
        .ok();
    let metadata = found.as_ref().map(|found| found.metadata());
    let capabilities = metadata.map_or(&[][..], |metadata| &metadata.capabilities);
    let version = metadata.map(|metadata| &metadata.version);
    let explanation = tenant.explain(&args.node_type.node_type, version, capabilities);
    let verdict = explanation.verdict;
    match args.output {
        PlainOutput::Pretty => output.text(&render::policy::explained(
            tenant.id(),
            &args.node_type.node_type,
            version,
            &explanation,
            output.stream(),
        ))?,
        PlainOutput::Json => output.document(&Explained {
            tenant: tenant.id().clone(),
            node_type: args.node_type.node_type.to_string(),
            explanation,
        })?,
    }
    Ok(match verdict {
        Verdict::Refused => Exit::Refused,
        Verdict::Allowed | Verdict::DependsOnVersion => Exit::Success,
    })
}
