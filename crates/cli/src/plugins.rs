//! Plugins for the commands: which of them are taken, and what runs them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jackfield::definition::SourceText;
use jackfield::plugins::StoredKv;
use jackfield::registry::discovery::{
    DiscoveryOptions, LOCK_FILE, LockFile, PluginHost, PluginRefusal, RefusalReason,
};
use jackfield::registry::trust::{TrustRules, TrustRulesError};
use jackfield::store::Store;
use jackfield::wasm::{CompilerProgram, Services, StartError, StaticConfig, WasmConfig, WasmHost};
use jackfield::{ByteSize, Diagnostic, HttpSettings, Registry};

use crate::args::{LockArgs, PluginArgs, TrustArgs};
use crate::commands::say;
use crate::error::{CliError, describe_io, whole_text};
use crate::file::read_file;
use crate::home;
use crate::render::text::harmless;

/// The largest lock file that is read.
const LARGEST_LOCK: ByteSize = ByteSize::mib(4);

/// Registers the plugins that the command line names, and says which of them are refused.
pub(crate) fn register(
    registry: &Registry,
    args: &PluginArgs,
    surroundings: &Surroundings<'_>,
) -> Result<(), CliError> {
    for refusal in discover(registry, args, surroundings)? {
        say(&refusal_line("warning", &refusal));
    }
    Ok(())
}

/// Registers the plugins that the command line names; gives those that are refused.
pub(crate) fn discover(
    registry: &Registry,
    args: &PluginArgs,
    surroundings: &Surroundings<'_>,
) -> Result<Vec<Arc<PluginRefusal>>, CliError> {
    if args.folders.is_empty() {
        return Ok(Vec::new());
    }
    let options = options(args, surroundings)?;
    let report = registry.discover_plugins(&args.folders, &options);
    // Whoever names a folder means one that is there; what is in it may be wrong.
    if let Some(refusal) = report.refused.iter().find(|one| is_folder(&one.reason)) {
        return Err(CliError::File {
            path: refusal.path.clone(),
            reason: match &refusal.reason {
                RefusalReason::Folder(error) => describe_io(error),
                reason => whole_text(reason),
            },
            hint: Some(refusal.reason.hint().to_owned()),
        });
    }
    say_lock(&args.lock, &report.refused);
    Ok(report.refused)
}

/// Says which lock file it was that packages were refused for, if any was.
pub(crate) fn say_lock(args: &LockArgs, refused: &[Arc<PluginRefusal>]) {
    let is_meant = |reason: &RefusalReason| {
        matches!(
            reason,
            RefusalReason::NotLocked { .. } | RefusalReason::LockedOtherwise { .. }
        )
    };
    if refused.iter().any(|one| is_meant(&one.reason)) {
        let file = lock_file(args);
        say(&harmless(&format!(
            "note: the lock file is `{}`",
            file.display()
        )));
    }
}

fn is_folder(reason: &RefusalReason) -> bool {
    matches!(reason, RefusalReason::NoFolder | RefusalReason::Folder(_))
}

/// How plugins are looked for and run.
pub(crate) fn options(
    args: &PluginArgs,
    surroundings: &Surroundings<'_>,
) -> Result<DiscoveryOptions, CliError> {
    let rules = trust_rules(&args.trust)?;
    let sandbox = Sandbox {
        http: surroundings.http.clone(),
        config: (*args.sandbox).clone(),
        values: Some(&args.config),
        store: surroundings.store,
    };
    let options = DiscoveryOptions::new(host(&sandbox)?, Arc::new(rules));
    Ok(match lock(&args.lock)? {
        Some(lock) => options.lock(Arc::new(lock)),
        None => options,
    })
}

/// What is outside the sandbox for plugins that run.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// What requests may reach.
    pub(crate) http: &'a HttpSettings,
    /// Where they keep things; without a store it is gone with the process.
    pub(crate) store: Option<&'a Arc<dyn Store>>,
}

impl<'a> Surroundings<'a> {
    /// Without a store.
    pub(crate) fn of(http: &'a HttpSettings) -> Self {
        Self { http, store: None }
    }
}

/// How the sandbox of a command is set up.
#[derive(Default)]
pub(crate) struct Sandbox<'a> {
    /// What requests may reach.
    pub(crate) http: HttpSettings,
    /// Limits, and where compiled code is kept.
    pub(crate) config: WasmConfig,
    /// What plugins are told by the capability `config`.
    pub(crate) values: Option<&'a Arc<StaticConfig>>,
    /// Where plugins keep things, if that is to outlive the process.
    pub(crate) store: Option<&'a Arc<dyn Store>>,
}

/// The sandbox. Where compiled code cannot be kept, plugins run all the same.
pub(crate) fn host(sandbox: &Sandbox<'_>) -> Result<Arc<dyn PluginHost>, CliError> {
    let services = || {
        let mut services = Services::builder().http_settings(sandbox.http.clone());
        if let Some(store) = sandbox.store {
            services = services.kv(Arc::new(StoredKv::new(Arc::clone(store))));
        }
        match sandbox.values {
            Some(values) => services.config(Arc::<StaticConfig>::clone(values)).build(),
            None => services.build(),
        }
    };
    let at_home = || home::folder().map(|home| home.join("compiled"));
    let cache = sandbox.config.cache.clone().or_else(at_home);
    // Without its own program the host compiles everything itself.
    let compiler = env::current_exe().ok().map(|program| CompilerProgram {
        program,
        arguments: vec!["plugin".into(), "compile-component".into()],
    });
    let without = WasmConfig {
        cache: None,
        compiler: None,
        ..sandbox.config.clone()
    };
    let with = WasmConfig {
        compiler: cache.as_ref().and(compiler),
        cache,
        ..without.clone()
    };
    let started = match WasmHost::start(with, services()) {
        Err(StartError::Cache(error)) => {
            let text = format!(
                "warning[INVALID_INPUT] compiled plugins are not kept: {}; hint: see that the \
                 folder is yours, or name another one in JACKFIELD_HOME",
                whole_text(&error)
            );
            say(&harmless(&text));
            WasmHost::start(without, services())
        }
        started => started,
    };
    match started {
        Ok(host) => Ok(Arc::new(host)),
        Err(error) => Err(CliError::internal(
            "the sandbox for plugins cannot be started",
            &whole_text(&error),
        )),
    }
}

/// Where the rules about trust are: the file that is named, or the one at home.
pub(crate) fn trust_file(named: Option<&Path>) -> Option<PathBuf> {
    let at_home = || home::folder().map(|home| home.join("trust.toml"));
    named.map(Path::to_path_buf).or_else(at_home)
}

/// Whose plugins are taken.
pub(crate) fn trust_rules(args: &TrustArgs) -> Result<TrustRules, CliError> {
    let mut rules = match trust_file(args.trust.as_deref()) {
        Some(file) if args.trust.is_some() || file.exists() => {
            TrustRules::read(&file).map_err(|error| rules_error(&error))?
        }
        Some(_) | None => TrustRules::default(),
    };
    if let Some(signatures) = args.rule {
        rules.set_signatures(signatures);
    }
    Ok(rules)
}

pub(crate) fn rules_error(error: &TrustRulesError) -> CliError {
    CliError::usage(
        whole_text(error),
        "docs/plugin-trust.md says how the rules are written",
    )
}

/// Where the lock file is, or would be.
pub(crate) fn lock_file(args: &LockArgs) -> PathBuf {
    let here = || PathBuf::from(LOCK_FILE);
    args.lock.clone().unwrap_or_else(here)
}

/// What is pinned, if anything is.
pub(crate) fn lock(args: &LockArgs) -> Result<Option<LockFile>, CliError> {
    let file = lock_file(args);
    if args.lock.is_none() && !file.exists() {
        return Ok(None);
    }
    if !file.exists() {
        return Err(CliError::usage(
            format!("there is no lock file `{}`", file.display()),
            "`jackfield plugin install` writes it; what it does not pin is not taken",
        ));
    }
    let bytes = read_file(&file, LARGEST_LOCK)?;
    let source = SourceText::from_bytes(file.display().to_string(), bytes);
    let lock = source.and_then(|source| LockFile::parse(&source));
    lock.map(Some).map_err(CliError::Workflow)
}

/// What is pinned, where nothing may be pinned yet.
pub(crate) fn lock_or_new(args: &LockArgs) -> Result<LockFile, CliError> {
    if lock_file(args).exists() {
        Ok(lock(args)?.unwrap_or_default())
    } else {
        Ok(LockFile::new())
    }
}

/// Writes the lock file, all of it or nothing.
pub(crate) fn write_lock(args: &LockArgs, lock: &LockFile) -> Result<(), CliError> {
    write_whole(&lock_file(args), lock.to_toml().as_bytes())
}

/// Writes a file, all of it or nothing, with the rights that its owner gives to new files.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), CliError> {
    use std::io::Write as _;

    let unwritable = |error: &std::io::Error| {
        CliError::usage(
            format!(
                "`{}` cannot be written: {}",
                path.display(),
                describe_io(error)
            ),
            "see that its folder is there and is yours",
        )
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(|error| unwritable(&error))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        // The system takes away what the user does not give to others.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder
        .tempfile_in(folder)
        .map_err(|error| unwritable(&error))?;
    let written = file
        .write_all(content)
        .and_then(|()| file.as_file().sync_all());
    written.map_err(|error| unwritable(&error))?;
    file.persist(path)
        .map(drop)
        .map_err(|error| unwritable(&error.error))
}

/// A refusal on a line: code, place, reason, way out.
pub(crate) fn refusal_line(severity: &str, refusal: &PluginRefusal) -> String {
    let reason = &refusal.reason;
    let text = format!(
        "{severity}[{}] `{}`: {}; hint: {}",
        reason.code(),
        refusal.path.display(),
        reason_text(refusal),
        reason.hint()
    );
    harmless(&text).replace('\n', " ")
}

/// Why a package was refused, with what caused it.
pub(crate) fn reason_text(refusal: &PluginRefusal) -> String {
    use jackfield::registry::discovery::PackageErrorKind;

    match &refusal.reason {
        RefusalReason::Package(error) => match &error.kind {
            PackageErrorKind::Manifest(findings) => {
                let without_code = |one: &Diagnostic| {
                    let text = one.to_string();
                    let code = format!("error[{}] ", one.code);
                    text.strip_prefix(&*code).unwrap_or(&text).to_owned()
                };
                let all: Vec<String> = findings.iter().map(without_code).collect();
                format!("the manifest is wrong: {}", all.join("; "))
            }
            kind => whole_text(kind),
        },
        reason => whole_text(reason),
    }
}
