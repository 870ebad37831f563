//! `jackfield plugin new` and `build`: from nothing to a package.

use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jackfield::ByteSize;
use jackfield::definition::SourceText;
use jackfield::registry::discovery::{
    ComponentSource, MANIFEST, MAX_MANIFEST_SIZE, PluginManifest,
};
use jackfield_plugin_build::{BuildError, Builder, COMPONENT, Language, NODE_TYPES, scaffold};
use serde_json::json;

use super::open;
use crate::args::{PluginBuildArgs, PluginNewArgs};
use crate::commands::say;
use crate::error::{CliError, whole_text};
use crate::exit::Exit;
use crate::file::read_file;
use crate::output::Output;
use crate::plugins::{self, Sandbox, write_whole};
use crate::render::text::harmless;
use crate::session;

/// What stands for the node types until the component is asked.
const UNKNOWN: &str = "\n[[nodeTypes]]\nnodeType = \"PUBLISHER/unknown\"\ncategory = \"none\"\n";
const NODE_TYPES_FIELD: &str = "nodeTypesFile";
/// The largest component that is looked at.
const LARGEST_COMPONENT: ByteSize = ByteSize::mib(128);

/// Begins a plugin.
pub(super) fn begin(args: &PluginNewArgs, output: &mut Output) -> Result<Exit, CliError> {
    let folder = args
        .folder
        .clone()
        .unwrap_or_else(|| PathBuf::from(args.id.name()));
    scaffold(args.lang, &args.id, &folder).map_err(|error| build_error(&error))?;
    output.text(&format!(
        "`{}` begun in the folder `{}`, in {}\n\
         try it with `jackfield plugin test {}`, which builds it first",
        args.id,
        folder.display(),
        args.lang,
        folder.display()
    ))?;
    Ok(Exit::Success)
}

/// Builds a plugin, and makes a package of it.
pub(super) fn build(args: &PluginBuildArgs, output: &mut Output) -> Result<Exit, CliError> {
    let package = package(&args.folder, args.to.as_deref(), args.target.as_deref())?;
    let opened = open(&package)?;
    output.text(&format!(
        "{} {} built as {}\n{}",
        opened.id(),
        opened.version(),
        package.display(),
        opened.digest()
    ))?;
    Ok(Exit::Success)
}

/// Builds the plugin in a folder; gives the folder of its package.
pub(super) fn package(
    folder: &Path,
    to: Option<&Path>,
    target: Option<&Path>,
) -> Result<PathBuf, CliError> {
    // Tools may be shared by many plugins; what is made of one of them is its own.
    let own = folder.join("target");
    let to = to.map_or_else(|| own.join("package"), Path::to_path_buf);
    let target = target.map_or(own, Path::to_path_buf);
    let manifest = read_file(&folder.join(MANIFEST), MAX_MANIFEST_SIZE)?;
    // The first build fetches and makes tools, and takes its time.
    let is_told = std::io::stderr().is_terminal() || !target.exists();
    if is_told {
        say(&harmless(&format!(
            "building `{}` ({}); the first time takes minutes",
            folder.display(),
            Language::of(folder).map_err(|error| build_error(&error))?
        )));
    }
    let mut builder = Builder::new(&target);
    if is_told {
        builder = builder.on_step(|step| say(&harmless(&format!("  {step}"))));
    }
    let component = builder.build(folder).map_err(|error| build_error(&error))?;
    let component = read_file(&component, LARGEST_COMPONENT)?;
    let described = describe(&manifest, component.clone())?;
    fs::create_dir_all(&to).map_err(|error| {
        CliError::usage(
            format!("`{}` cannot be made: {error}", to.display()),
            "name another folder with `--to`",
        )
    })?;
    write_whole(&to.join(COMPONENT), &component)?;
    write_whole(&to.join(NODE_TYPES), described.as_bytes())?;
    write_whole(&to.join(MANIFEST), &manifest)?;
    Ok(to)
}

/// Asks a component what it provides, in the sandbox.
fn describe(manifest: &[u8], component: Vec<u8>) -> Result<String, CliError> {
    let manifest = without_node_types(manifest)?;
    let host = plugins::host(&Sandbox::default())?;
    let source = ComponentSource::from_bytes(Arc::new(manifest), component);
    let loaded = session::runtime()?.block_on(host.load(source));
    let loaded = loaded.map_err(|error| CliError::Plugin {
        code: jackfield::ErrorCode::INVALID_PACKAGE,
        message: format!("the plugin cannot be loaded: {}", whole_text(&error)),
        hint: Some("see that it exports what the contract asks for".to_owned()),
    })?;
    let described = json!({ "contract": "0.1", "nodeTypes": loaded.node_types });
    serde_json::to_string_pretty(&described)
        .map_err(|error| CliError::internal("the node types cannot be written", &error))
}

/// The manifest with something in the place of node types that are in a file which is not there yet.
fn without_node_types(manifest: &[u8]) -> Result<PluginManifest, CliError> {
    let text = String::from_utf8_lossy(manifest);
    let is_in_file = text.lines().any(|line| line.starts_with(NODE_TYPES_FIELD));
    let text = if is_in_file {
        let publisher = text.lines().find_map(|line| {
            let id = line.strip_prefix("id")?.trim_start().strip_prefix('=')?;
            id.trim().trim_start_matches('"').split('/').next()
        });
        let unknown = UNKNOWN.replace("PUBLISHER", publisher.unwrap_or_default());
        let lines = text
            .lines()
            .filter(|line| !line.starts_with(NODE_TYPES_FIELD));
        let lines: Vec<&str> = lines.chain([unknown.as_str()]).collect();
        lines.join("\n")
    } else {
        text.into_owned()
    };
    SourceText::from_bytes(MANIFEST, text.into_bytes())
        .and_then(|source| PluginManifest::parse(&source))
        .map_err(CliError::Workflow)
}

fn build_error(error: &BuildError) -> CliError {
    CliError::usage(
        whole_text(error),
        "`jackfield plugin new` begins a plugin that builds",
    )
}
