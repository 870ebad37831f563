//! The engine that a command works with.

use std::env::{self, VarError};
use std::path::Path;

use jackfield::{Access, Engine, HttpSettings, NodeSettings, Registry};

use crate::args::GrantArgs;
use crate::error::CliError;
use crate::folder::WorkflowFolder;

/// A registry with the built-in node types.
pub(crate) fn registry(settings: &NodeSettings) -> Result<Registry, CliError> {
    let registry = Registry::new();
    jackfield::nodes::register_all(&registry, settings).map_err(|error| {
        CliError::internal("the built-in node types cannot be registered", &error)
    })?;
    Ok(registry)
}

/// An engine that only checks and plans.
pub(crate) fn planning_engine() -> Result<Engine, CliError> {
    Ok(Engine::builder(registry(&NodeSettings::default())?).build())
}

/// An engine that runs things. `file` is the workflow that is run: others are looked for around it.
pub(crate) fn engine(grants: &GrantArgs, file: Option<&Path>) -> Result<Engine, CliError> {
    let private_networks = if grants.allow_private_network {
        Access::Allowed
    } else {
        Access::Refused
    };
    let http = HttpSettings {
        private_networks,
        ..HttpSettings::default()
    };
    let environment: Vec<(String, String)> = grants
        .environment
        .iter()
        .map(|name| granted(name).map(|value| (name.clone(), value)))
        .collect::<Result<_, _>>()?;
    let settings = NodeSettings { http };
    let builder = Engine::builder(registry(&settings)?).environment(environment);
    Ok(match file {
        Some(file) => builder
            .workflow_source(WorkflowFolder::of_file(file))
            .build(),
        None => builder.build(),
    })
}

fn granted(name: &str) -> Result<String, CliError> {
    let refused = |reason: &str| {
        CliError::usage(
            format!("`--env {name}`: {reason}"),
            "only variables that are set can be granted",
        )
    };
    // A name with `=` or NUL in it, or none, is not only not set: looking for it may panic.
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(refused("that is no name of an environment variable"));
    }
    env::var(name).map_err(|error| match error {
        VarError::NotPresent => refused("there is no such environment variable"),
        VarError::NotUnicode(_) => refused("its value is not UTF-8"),
    })
}

/// The runtime that executions run on.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("jackfield")
        .build()
        .map_err(|error| CliError::internal("the runtime cannot be started", &error))
}
