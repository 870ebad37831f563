//! Plugins for the commands: which of them are taken, and what runs them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jackfield::definition::SourceText;
use jackfield::registry::discovery::{
    DiscoveryOptions, LOCK_FILE, LockFile, PluginHost, PluginRefusal, RefusalReason,
};
use jackfield::registry::trust::{TrustRules, TrustRulesError};
use jackfield::wasm::{CompilerProgram, Services, WasmConfig, WasmHost};
use jackfield::{ByteSize, HttpSettings, Registry};

use crate::args::{LockArgs, PluginArgs, TrustArgs};
use crate::commands::say;
use crate::error::{CliError, whole_text};
use crate::file::read_file;
use crate::home;
use crate::render::text::harmless;

/// The largest lock file that is read.
const LARGEST_LOCK: ByteSize = ByteSize::mib(4);

/// Registers the plugins that the command line names, and says which of them are refused.
pub(crate) fn register(
    registry: &Registry,
    args: &PluginArgs,
    http: &HttpSettings,
) -> Result<(), CliError> {
    for refusal in discover(registry, args, http)? {
        say(&refusal_line("warning", &refusal));
    }
    Ok(())
}

/// Registers the plugins that the command line names; gives those that are refused.
pub(crate) fn discover(
    registry: &Registry,
    args: &PluginArgs,
    http: &HttpSettings,
) -> Result<Vec<Arc<PluginRefusal>>, CliError> {
    if args.folders.is_empty() {
        return Ok(Vec::new());
    }
    let options = options(args, http)?;
    let report = registry.discover_plugins(&args.folders, &options);
    // Whoever names a folder means one that is there; what is in it may be wrong.
    if let Some(refusal) = report.refused.iter().find(|one| is_folder(&one.reason)) {
        return Err(CliError::File {
            path: refusal.path.clone(),
            reason: whole_text(&refusal.reason),
            hint: Some(refusal.reason.hint().to_owned()),
        });
    }
    Ok(report.refused)
}

fn is_folder(reason: &RefusalReason) -> bool {
    matches!(reason, RefusalReason::Folder(_))
}

/// How plugins are looked for and run.
pub(crate) fn options(
    args: &PluginArgs,
    http: &HttpSettings,
) -> Result<DiscoveryOptions, CliError> {
    let rules = trust_rules(&args.trust)?;
    let options = DiscoveryOptions::new(host(http)?, Arc::new(rules));
    Ok(match lock(&args.lock)? {
        Some(lock) => options.lock(Arc::new(lock)),
        None => options,
    })
}

/// The sandbox.
pub(crate) fn host(http: &HttpSettings) -> Result<Arc<dyn PluginHost>, CliError> {
    let cache = home::folder().map(|home| home.join("compiled"));
    // Without its own program the host compiles everything itself.
    let compiler = env::current_exe().ok().map(|program| CompilerProgram {
        program,
        arguments: vec!["plugin".into(), "compile-component".into()],
    });
    let config = WasmConfig {
        compiler: cache.as_ref().and(compiler),
        cache,
        ..WasmConfig::default()
    };
    let services = Services::builder().http_settings(http.clone()).build();
    match WasmHost::start(config, services) {
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
    if let Some(signatures) = args.signatures {
        rules.set_signatures(signatures.into());
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
                crate::error::describe_io(error)
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
                let code = format!("error[{}] ", error.code());
                let all: Vec<String> = findings
                    .iter()
                    .map(|one| one.to_string().replace(&code, ""))
                    .collect();
                format!("the manifest is wrong: {}", all.join("; "))
            }
            kind => whole_text(kind),
        },
        reason => whole_text(reason),
    }
}
