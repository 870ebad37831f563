//! The engine that a command works with.

use std::env::{self, VarError};
use std::path::Path;
use std::sync::Arc;

use jackfield::credentials::CredentialStore;
use jackfield::store::Store;
use jackfield::types::Secret;
use jackfield::{
    Access, AuditKey, AuditLog, AuditOptions, ByteSize, DataSources, Diagnostics, DurableOptions,
    Engine, HttpSettings, NodeSettings, PolicyReader, Registry, StaticSecrets, Tenancy,
    TenantEngine,
};

use crate::args::{
    ActingArgs, AuditKeyArgs, CredentialStoreArgs, GrantArgs, PluginArgs, RunningArgs, TenancyArgs,
};
use crate::commands::audit::audit_error;
use crate::credentials;
use crate::error::{CliError, whole_text};
use crate::file::read_file;
use crate::folder::WorkflowFolder;
use crate::plugins;

/// A key is far smaller.
const LARGEST_KEY: ByteSize = ByteSize::kib(4);

/// A registry with the built-in node types.
pub(crate) fn registry(settings: &NodeSettings) -> Result<Registry, CliError> {
    let registry = Registry::new();
    jackfield::nodes::register_all(&registry, settings).map_err(|error| {
        CliError::internal("the built-in node types cannot be registered", &error)
    })?;
    Ok(registry)
}

/// What a command works with.
pub(crate) struct Session {
    /// The engine, as the tenant of the command line has it.
    pub(crate) engine: TenantEngine,
    /// The engine, as whoever runs the instance has it.
    pub(crate) all: Engine,
    /// What is probably not meant as it is written in the policies.
    pub(crate) warnings: Vec<Diagnostics>,
    registry: Registry,
    audit: Option<AuditLog>,
}

impl Session {
    /// The node types that there are.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Sees to it that what was recorded is on the disk.
    pub(crate) fn finish(self) -> Result<(), CliError> {
        flush(self.audit.as_ref())
    }
}

/// Sees to it that what was recorded is on the disk, if anything was.
pub(crate) fn flush(audit: Option<&AuditLog>) -> Result<(), CliError> {
    match audit {
        Some(audit) => audit.flush().map_err(|error| {
            CliError::internal("the audit trail cannot be written", &whole_text(&error))
        }),
        None => Ok(()),
    }
}

/// A registry with the built-in node types and the plugins that the command line names.
pub(crate) fn registry_with(
    plugins: &PluginArgs,
    settings: &NodeSettings,
) -> Result<Registry, CliError> {
    let registry = registry(settings)?;
    plugins::register(&registry, plugins, &settings.http)?;
    Ok(registry)
}

/// A session that only checks and plans.
pub(crate) fn planning(
    args: &TenancyArgs,
    plugins: &PluginArgs,
    store: &CredentialStoreArgs,
) -> Result<Session, CliError> {
    let registry = registry_with(plugins, &NodeSettings::default())?;
    let credentials = runtime()?.block_on(async {
        let store = credentials::store_if_there(store).await?;
        Ok::<_, CliError>(credentials::named_in(store.as_ref(), &args.tenant).await)
    })?;
    let (tenancy, warnings) = tenancy(args, &registry, None, credentials)?;
    let engine = Engine::builder(registry.clone()).tenancy(tenancy).build();
    Ok(Session {
        engine: engine.tenant(&args.tenant),
        all: engine,
        warnings,
        registry,
        audit: None,
    })
}

/// A session that runs things. `workflows` is the folder in which other workflows are looked for,
/// `store` what keeps executions and how, and `credentials` those that a store has.
pub(crate) fn running(
    args: &RunningArgs,
    workflows: Option<&Path>,
    store: Option<(Arc<dyn Store>, DurableOptions)>,
    credentials: Option<CredentialStore>,
) -> Result<Session, CliError> {
    let RunningArgs {
        tenancy: tenants,
        acting,
        grants,
        credential_keys: _,
        plugins,
    } = args;
    let http = http_settings(grants);
    let environment: Vec<(String, String)> = grants
        .environment
        .iter()
        .map(|name| granted(name).map(|value| (name.clone(), value)))
        .collect::<Result<_, _>>()?;
    let registry = registry_with(
        plugins,
        &NodeSettings {
            http,
            data_sources: data_sources(grants)?,
        },
    )?;
    let audit = audit_log(acting)?;
    let (tenancy, warnings) = tenancy(tenants, &registry, audit.clone(), credentials)?;
    let mut builder = Engine::builder(registry.clone())
        .environment(environment)
        .tenancy(tenancy);
    if let Some(folder) = workflows {
        builder = builder.workflow_source(WorkflowFolder::new(folder));
    }
    if let Some((store, options)) = store {
        builder = builder.store(store).durable_options(options);
    }
    let all = builder.build();
    Ok(Session {
        engine: acting_as(&all, tenants, acting),
        all,
        warnings,
        registry,
        audit,
    })
}

/// A session that looks at executions which are kept, or asks things of them. It runs nothing.
pub(crate) fn visiting(
    tenants: &TenancyArgs,
    acting: &ActingArgs,
    plugins: &PluginArgs,
    store: Option<Arc<dyn Store>>,
    credentials: Option<CredentialStore>,
) -> Result<Session, CliError> {
    let registry = registry_with(plugins, &NodeSettings::default())?;
    let audit = audit_log(acting)?;
    let (tenancy, warnings) = tenancy(tenants, &registry, audit.clone(), credentials)?;
    let mut builder = Engine::builder(registry.clone()).tenancy(tenancy);
    if let Some(store) = store {
        builder = builder.store(store);
    }
    let all = builder.build();
    Ok(Session {
        engine: acting_as(&all, tenants, acting),
        all,
        warnings,
        registry,
        audit,
    })
}

/// The engine as the tenant and user of the command line have it.
fn acting_as(all: &Engine, tenants: &TenancyArgs, acting: &ActingArgs) -> TenantEngine {
    let engine = all.tenant(&tenants.tenant);
    match &acting.user {
        Some(user) => engine.as_user(user.clone()),
        None => engine,
    }
}

/// What requests may reach.
pub(crate) fn http_settings(grants: &GrantArgs) -> HttpSettings {
    let private_networks = if grants.allow_private_network {
        Access::Allowed
    } else {
        Access::Refused
    };
    HttpSettings {
        private_networks,
        ..HttpSettings::default()
    }
}

/// The databases that nodes may reach.
pub(crate) fn data_sources(grants: &GrantArgs) -> Result<DataSources, CliError> {
    let Some(path) = &grants.data_sources else {
        return Ok(DataSources::default());
    };
    let wrong = |reason: String| CliError::File {
        path: path.clone(),
        reason,
        hint: Some(
            "a file of data sources looks like this: shared: { main: { url: \"sqlite:data.db\" } }"
                .to_owned(),
        ),
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    DataSources::read(&text).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        wrong(format!("{error}{}", cause.unwrap_or_default()))
    })
}

/// The policies, secrets and credentials that the command line names.
pub(crate) fn tenancy(
    args: &TenancyArgs,
    registry: &Registry,
    audit: Option<AuditLog>,
    credentials: Option<CredentialStore>,
) -> Result<(Tenancy, Vec<Diagnostics>), CliError> {
    let mut builder = Tenancy::builder();
    if args.deny_by_default {
        builder = builder.deny_by_default();
    }
    let external = credentials::external(args.credentials.as_deref())?;
    let secrets = secrets(args.secrets.as_deref())?;
    if let Some(secrets) = credentials::layered(credentials, external, secrets) {
        builder = builder.secrets(secrets);
    }
    if let Some(audit) = audit {
        builder = builder.audit(audit);
    }
    let tenancy = builder.build();
    let mut warnings = Vec::new();
    if let Some(folder) = &args.policies {
        let loaded = tenancy
            .load_folder_with(folder, &policy_reader(registry))
            .map_err(CliError::Policies)?;
        warnings = loaded.warnings;
    }
    Ok((tenancy, warnings))
}

/// A reader that knows the node types that there are, so that it can warn about others.
pub(crate) fn policy_reader(registry: &Registry) -> PolicyReader {
    let known = registry.executors();
    PolicyReader::new().known_node_types(known.iter().map(|one| one.node_type().as_str()))
}

/// The secrets in a file.
pub(crate) fn secrets(file: Option<&Path>) -> Result<Option<StaticSecrets>, CliError> {
    let Some(file) = file else { return Ok(None) };
    StaticSecrets::read(file).map(Some).map_err(|error| {
        CliError::usage(
            whole_text(&error),
            "a file of secrets looks like this: {\"TENANT\": {\"NAME\": \"value\"}}",
        )
    })
}

pub(crate) fn audit_log(acting: &ActingArgs) -> Result<Option<AuditLog>, CliError> {
    let Some(folder) = &acting.audit else {
        return match acting.key.audit_key {
            None => Ok(None),
            Some(_) => Err(CliError::usage(
                "`--audit-key` seals nothing without an audit trail",
                "name its folder with `--audit`",
            )),
        };
    };
    let options = AuditOptions {
        key: audit_key(&acting.key)?,
        ..AuditOptions::default()
    };
    AuditLog::open(folder, options)
        .map(Some)
        .map_err(|error| audit_error(&error))
}

/// The key of audit trails, without the line break that editors leave at its end.
pub(crate) fn audit_key(args: &AuditKeyArgs) -> Result<Option<AuditKey>, CliError> {
    let Some(file) = &args.audit_key else {
        return Ok(None);
    };
    let mut bytes = read_file(file, LARGEST_KEY)?;
    while bytes
        .last()
        .is_some_and(|byte| matches!(byte, b'\n' | b'\r'))
    {
        bytes.pop();
    }
    AuditKey::parse(Secret::new(bytes))
        .map(Some)
        .map_err(|error| audit_error(&error))
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
