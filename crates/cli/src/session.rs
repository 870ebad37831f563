//! The engine that a command works with.

use std::env::{self, VarError};
use std::path::Path;
use std::sync::Arc;

use jackfield::store::Store;
use jackfield::tenancy::{AuditAction, AuditEntry};
use jackfield::{
    Access, AuditLog, ByteSize, DataSources, Diagnostics, DurableOptions, Engine, HttpSettings,
    NodeSettings, Policy, PolicyReader, Registry, StaticSecrets, Tenancy, TenantEngine, TenantId,
    TenantPolicy, UserId,
};

use crate::args::{
    ActingArgs, CredentialStoreArgs, GrantArgs, PluginArgs, RunningArgs, TenancyArgs,
};
use crate::contents::Contents;
use crate::credentials;
use crate::error::{CliError, whole_text};
use crate::file::read_file;
use crate::folder::WorkflowFolder;
use crate::plugins::{self, Surroundings};
use crate::recording::{audit_log, flush};
use crate::store;

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
    /// Who does it.
    user: Option<UserId>,
}

impl Session {
    /// The node types that there are.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Puts on record that somebody set a policy, or removed it.
    pub(crate) fn record_policy(
        &self,
        tenant: &TenantId,
        policy: Option<&Policy>,
    ) -> Result<(), CliError> {
        let Some(audit) = &self.audit else {
            return Ok(());
        };
        let action = match policy {
            Some(_) => AuditAction::PolicyChanged,
            None => AuditAction::PolicyRemoved,
        };
        let compiled = policy.map(TenantPolicy::compile).transpose();
        let compiled = compiled.map_err(CliError::Workflow)?;
        audit.tenant(tenant).record(AuditEntry {
            user: self.user.clone(),
            note: compiled.map(|policy| Arc::clone(policy.digest())),
            ..AuditEntry::allowed(action)
        });
        Ok(())
    }

    /// Sees to it that what was recorded is on the disk, and in the store: before that is closed.
    pub(crate) fn finish(self) -> Result<(), CliError> {
        flush(self.audit.as_ref())
    }
}

/// A registry with the built-in node types and the plugins that the command line names.
pub(crate) fn registry_with(
    plugins: &PluginArgs,
    settings: &NodeSettings,
) -> Result<Registry, CliError> {
    registry_over(plugins, settings, None)
}

/// The same; what plugins keep is in the store, if there is one.
fn registry_over(
    plugins: &PluginArgs,
    settings: &NodeSettings,
    store: Option<&Arc<dyn Store>>,
) -> Result<Registry, CliError> {
    let registry = registry(settings)?;
    let surroundings = Surroundings {
        http: &settings.http,
        store,
    };
    plugins::register(&registry, plugins, &surroundings)?;
    Ok(registry)
}

/// A session that only checks and plans.
pub(crate) fn planning(
    args: &TenancyArgs,
    plugins: &PluginArgs,
    store: &CredentialStoreArgs,
) -> Result<Session, CliError> {
    let registry = registry_with(plugins, &NodeSettings::default())?;
    let runtime = runtime()?;
    let store = runtime.block_on(credentials::store_if_there(store))?;
    let contents = Contents::to_look(&runtime, store.as_ref(), &args.tenant);
    let (tenancy, warnings) = tenancy(args, &registry, None, &contents)?;
    let all = Engine::builder(registry.clone()).tenancy(tenancy).build();
    let engine = all.tenant(&args.tenant);
    contents.read_policy(&engine);
    if let Some(store) = &store {
        runtime.block_on(store::close(store));
    }
    Ok(Session {
        engine,
        all,
        warnings,
        registry,
        audit: None,
        user: None,
    })
}

/// A session that runs things. `workflows` is the folder in which other workflows are looked for,
/// `contents` what there is in a store, and `durable` how it keeps executions, if it does.
pub(crate) fn running(
    args: &RunningArgs,
    workflows: Option<&Path>,
    contents: &Contents,
    durable: Option<DurableOptions>,
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
    let settings = NodeSettings {
        http,
        data_sources: data_sources(grants)?,
    };
    let registry = registry_over(plugins, &settings, contents.store())?;
    let audit = audit_log(acting, &tenants.tenant, contents)?;
    let (tenancy, warnings) = tenancy(tenants, &registry, audit.clone(), contents)?;
    let mut builder = Engine::builder(registry.clone())
        .environment(environment)
        .tenancy(tenancy);
    if let Some(folder) = workflows {
        builder = builder.workflow_source(WorkflowFolder::new(folder));
    }
    if let (Some(store), Some(options)) = (contents.store(), durable) {
        builder = builder.store(Arc::clone(store)).durable_options(options);
    }
    let all = builder.build();
    let engine = acting_as(&all, tenants, acting);
    contents.read_policy(&engine);
    Ok(Session {
        engine,
        all,
        warnings,
        registry,
        audit,
        user: acting.user.clone(),
    })
}

/// A session that looks at executions which are kept, or asks things of them. It runs nothing.
pub(crate) fn visiting(
    tenants: &TenancyArgs,
    acting: &ActingArgs,
    plugins: &PluginArgs,
    contents: &Contents,
) -> Result<Session, CliError> {
    let registry = registry_with(plugins, &NodeSettings::default())?;
    let audit = audit_log(acting, &tenants.tenant, contents)?;
    let (tenancy, warnings) = tenancy(tenants, &registry, audit.clone(), contents)?;
    let mut builder = Engine::builder(registry.clone()).tenancy(tenancy);
    if let Some(store) = contents.store() {
        builder = builder.store(Arc::clone(store));
    }
    let all = builder.build();
    let engine = acting_as(&all, tenants, acting);
    contents.read_policy(&engine);
    Ok(Session {
        engine,
        all,
        warnings,
        registry,
        audit,
        user: acting.user.clone(),
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

/// The largest file of data sources.
const MOST_DATA_SOURCES: ByteSize = ByteSize::mib(1);

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
    let bytes = read_file(path, MOST_DATA_SOURCES)?;
    let text = str::from_utf8(&bytes).map_err(|_| wrong("it is no text".to_owned()))?;
    let sources = DataSources::read(text).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        wrong(format!("{error}{}", cause.unwrap_or_default()))
    })?;
    match open_to_others(path, &sources) {
        None => Ok(sources),
        Some((reason, hint)) => Err(CliError::File {
            path: path.clone(),
            reason,
            hint: Some(hint),
        }),
    }
}

/// What is wrong with the rights of a file of data sources, and what to do.
#[cfg(unix)]
fn open_to_others(path: &Path, sources: &DataSources) -> Option<(String, String)> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = std::fs::metadata(path).ok()?;
    if !metadata.is_file() {
        return None;
    }
    let mode = metadata.permissions().mode() & 0o777;
    let (what, fix) = if mode & 0o002 != 0 {
        ("everybody can change it", "chmod o-w")
    } else if mode & 0o077 != 0 && sources.holds_secrets() {
        (
            "there are passwords or keys in it, and others than its owner can read it",
            "chmod 600",
        )
    } else {
        return None;
    };
    let hint = format!("`{fix} {}`", path.display());
    Some((format!("{what} (mode {mode:03o})"), hint))
}

#[cfg(not(unix))]
fn open_to_others(_: &Path, _: &DataSources) -> Option<(String, String)> {
    None
}

/// The policies, secrets and credentials that the command line names. Policies are those of the
/// folder that is named, or else those of the store.
pub(crate) fn tenancy(
    args: &TenancyArgs,
    registry: &Registry,
    audit: Option<AuditLog>,
    contents: &Contents,
) -> Result<(Tenancy, Vec<Diagnostics>), CliError> {
    let mut builder = Tenancy::builder();
    if args.deny_by_default {
        builder = builder.deny_by_default();
    }
    let external = credentials::external(args.credentials.as_deref())?;
    let secrets = secrets(args.secrets.as_deref())?;
    let kept = contents.credentials().cloned();
    if let Some(secrets) = credentials::layered(kept, external, secrets) {
        builder = builder.secrets(secrets);
    }
    if args.policies.is_none()
        && let Some(policies) = contents.policies()
    {
        builder = builder.policies(policies);
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
