//! `jackfield plugin push` and `pull`: packages in registries of container images.

use std::env::{self, VarError};
use std::fs;
use std::path::{Path, PathBuf};

use jackfield::ByteSize;
use jackfield::oci::{
    Credentials, OciClient, OciError, OciErrorKind, PackageReference, Pulled, TakenTag, Transport,
};
use jackfield::registry::trust::TrustRules;
use jackfield::types::Secret;
use semver::Version;
use serde_json::json;

use super::open;
use crate::args::{PlainOutput, PluginPullArgs, PluginPushArgs, RemoteArgs};
use crate::error::{CliError, describe_io, whole_text};
use crate::exit::Exit;
use crate::file::read_file;
use crate::output::Output;
use crate::plugins::trust_rules;
use crate::render::text::harmless;
use crate::session;

/// The registry that the credentials in the environment are for: `HOST[:PORT]`.
const REGISTRY_HOST: &str = "JACKFIELD_REGISTRY_HOST";
const REGISTRY_USER: &str = "JACKFIELD_REGISTRY_USER";
const REGISTRY_PASSWORD: &str = "JACKFIELD_REGISTRY_PASSWORD";
/// A token that the registry gave out, in the place of user and password.
const REGISTRY_TOKEN: &str = "JACKFIELD_REGISTRY_TOKEN";
/// The largest file with credentials that is read.
const LARGEST_CREDENTIALS: ByteSize = ByteSize::mib(1);

/// Pushes a package.
pub(super) fn push(args: &PluginPushArgs, output: &mut Output) -> Result<Exit, CliError> {
    let reference = parse(&args.reference)?;
    let package = open(&args.package)?;
    let taken = if args.move_tag {
        TakenTag::Move
    } else {
        TakenTag::Keep
    };
    let client = client(&reference, &args.remote)?;
    let pushed = session::runtime()?
        .block_on(client.push(&reference, &package, taken))
        .map_err(|error| oci_error(&error))?;
    let what = if pushed.was_there {
        "was there already"
    } else {
        "pushed"
    };
    output.text(&format!(
        "{} {} {what}\n{}",
        package.id(),
        package.version(),
        pushed.reference
    ))?;
    Ok(Exit::Success)
}

/// Pulls a package into a folder.
pub(super) fn pull(args: &PluginPullArgs, output: &mut Output) -> Result<Exit, CliError> {
    let rules = trust_rules(&args.trust)?;
    fs::create_dir_all(&args.to).map_err(|error| {
        CliError::usage(
            format!(
                "`{}` cannot be made: {}",
                args.to.display(),
                describe_io(&error)
            ),
            "name another folder",
        )
    })?;
    let pulled = fetch(&args.reference, &args.to, &rules, &args.remote)?;
    output.text(&format!(
        "{} pulled as {}\n{}",
        pulled.origin,
        pulled.path.display(),
        pulled.origin.digest
    ))?;
    Ok(Exit::Success)
}

/// Pulls a package into a folder that is there.
pub(super) fn fetch(
    reference: &str,
    folder: &Path,
    rules: &TrustRules,
    remote: &RemoteArgs,
) -> Result<Pulled, CliError> {
    let reference = parse(reference)?;
    let client = client(&reference, remote)?;
    session::runtime()?
        .block_on(client.pull(&reference, folder, rules))
        .map_err(|error| oci_error(&error))
}

/// The versions that a registry has of a plugin; none where it has no such repository.
pub(super) fn versions(reference: &str, remote: &RemoteArgs) -> Result<Vec<Version>, CliError> {
    let reference = parse(reference)?;
    let client = client(&reference, remote)?;
    match session::runtime()?.block_on(client.versions(&reference)) {
        Ok(versions) => Ok(versions),
        Err(error) if matches!(error.kind, OciErrorKind::NotFound) => Ok(Vec::new()),
        Err(error) => Err(oci_error(&error)),
    }
}

/// Shows what a registry says of a package, without pulling it.
pub(super) fn inspect(
    reference: &str,
    remote: &RemoteArgs,
    format: PlainOutput,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let reference = parse(reference)?;
    let client = client(&reference, remote)?;
    let package = session::runtime()?
        .block_on(client.inspect(&reference))
        .map_err(|error| oci_error(&error))?;
    match format {
        PlainOutput::Pretty => output.text(&harmless(&format!(
            "{} {}\n\ndigest     {}\nartifact   {}\nsize       {}\n\
             the registry says so; who signed it is known when it is pulled\n",
            package.plugin, package.version, package.digest, package.artifact, package.size
        )))?,
        PlainOutput::Json => output.document(&json!({
            "plugin": package.plugin,
            "version": package.version,
            "digest": package.digest,
            "artifact": package.artifact,
            "size": package.size.as_u64(),
        }))?,
    }
    Ok(Exit::Success)
}

fn parse(reference: &str) -> Result<PackageReference, CliError> {
    PackageReference::parse(reference).map_err(|error| {
        CliError::usage(
            error.to_string(),
            "write `HOST/REPOSITORY:TAG`, such as `ghcr.io/acme/slugify:1.2.0`",
        )
    })
}

fn client(reference: &PackageReference, args: &RemoteArgs) -> Result<OciClient, CliError> {
    let host = reference.host();
    let mut builder = OciClient::builder().credentials(host, credentials(host, args)?);
    for host in &args.without_tls {
        builder = builder.transport(host, Transport::Plain);
    }
    Ok(builder.build())
}

/// Those of the environment if they are for this registry, else those of the file.
fn credentials(host: &str, args: &RemoteArgs) -> Result<Credentials, CliError> {
    if let Some(credentials) = from_environment(host)? {
        return Ok(credentials);
    }
    let at_home = || {
        let home = env::var_os("HOME").map(PathBuf::from)?;
        Some(home.join(".docker").join("config.json")).filter(|file| file.exists())
    };
    let Some(file) = args.registry_auth.clone().or_else(at_home) else {
        return Ok(Credentials::Anonymous);
    };
    let bytes = read_file(&file, LARGEST_CREDENTIALS)?;
    let text = String::from_utf8_lossy(&bytes);
    Credentials::from_docker_config(&text, host).map_err(|error| {
        CliError::usage(
            format!("`{}`: {error}", file.display()),
            "write a file with the credentials themselves, and name it with `--registry-auth`",
        )
    })
}

/// Credentials go to the registry that they are for, and to no other that a reference happens to
/// name: so the environment has to say which one that is.
fn from_environment(host: &str) -> Result<Option<Credentials>, CliError> {
    let set = |name: &'static str| match env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(CliError::usage(
            format!("the value of {name} is not UTF-8"),
            "set it anew",
        )),
    };
    let incomplete = || {
        CliError::usage(
            format!("{REGISTRY_HOST}, {REGISTRY_USER} and {REGISTRY_PASSWORD} belong together"),
            format!(
                "set all of them, or {REGISTRY_HOST} and {REGISTRY_TOKEN}, or none and use a file \
                 as `docker login` writes it"
            ),
        )
    };
    let token = set(REGISTRY_TOKEN)?.map(Secret::new);
    let password = set(REGISTRY_PASSWORD)?.map(Secret::new);
    let credentials = match (set(REGISTRY_USER)?, password, token) {
        (None, None, None) => return Ok(None),
        (None, None, Some(token)) => Credentials::Bearer(token),
        (Some(user), Some(password), None) => Credentials::Basic { user, password },
        (_, _, _) => return Err(incomplete()),
    };
    let meant = set(REGISTRY_HOST)?.ok_or_else(incomplete)?;
    Ok((meant == host).then_some(credentials))
}

fn oci_error(error: &OciError) -> CliError {
    CliError::Plugin {
        code: error.code(),
        message: whole_text(error),
        hint: Some(error.hint().to_owned()),
    }
}
