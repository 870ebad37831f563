//! What a plugin is tried with: the examples of its node types, and its author's fixtures.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jackfield::types::NodeTypeMetadata;
use jackfield::{ByteSize, ErrorCode, NodeTypeId, Object, Secret};
use serde::Deserialize;
use serde_json::Value;

use crate::error::{CliError, describe_io};
use crate::file::read_file;

/// The largest file of fixtures that is read.
const LARGEST_FILE: ByteSize = ByteSize::mib(16);

/// A call of a node type, and what has to come of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Case {
    /// What it shows.
    pub(super) title: String,
    /// The node type.
    pub(super) node_type: NodeTypeId,
    /// The parameters.
    #[serde(default = "no_parameters")]
    pub(super) parameters: Value,
    /// The items of each input; one empty item on the first input when nothing is said.
    #[serde(default)]
    pub(super) input: Vec<Vec<Object>>,
    /// The execution's variables before.
    #[serde(default)]
    pub(super) variables: Object,
    /// What the plugin is told by the capability `config`.
    #[serde(default)]
    pub(super) config: BTreeMap<String, String>,
    /// What it is given by the capability `secrets`.
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, Secret<String>>,
    /// The items of each `main` output; any when nothing is said.
    #[serde(default)]
    pub(super) output: Option<Vec<Vec<Object>>>,
    /// The code that it fails with; none when it does not fail.
    #[serde(default)]
    pub(super) error: Option<ErrorCode>,
    /// Where it is from.
    #[serde(skip)]
    pub(super) origin: Origin,
}

/// Where a case is from. The cases of one file are tried on behalf of one tenant, in their order:
/// what a plugin keeps in one of them, it finds in the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Origin {
    /// The plugin carries it as an example.
    #[default]
    Example,
    /// A file of fixtures, by its place among them.
    File(usize),
}

fn no_parameters() -> Value {
    Value::Object(serde_json::Map::new())
}

/// The examples that a plugin carries itself.
pub(super) fn examples(node_types: &[NodeTypeMetadata]) -> Vec<Case> {
    let of = |metadata: &NodeTypeMetadata| {
        let node_type = metadata.node_type.clone();
        let cases = metadata.examples.iter().map(move |example| Case {
            title: example.title.clone(),
            node_type: node_type.clone(),
            parameters: if example.parameters.is_null() {
                no_parameters()
            } else {
                example.parameters.clone()
            },
            input: example.input.clone(),
            variables: example.variables.clone(),
            output: example.output.clone(),
            config: BTreeMap::new(),
            secrets: BTreeMap::new(),
            error: None,
            origin: Origin::Example,
        });
        cases.collect::<Vec<_>>()
    };
    node_types.iter().flat_map(of).collect()
}

/// The cases in the JSON files of a folder, by name; each file holds one or an array of them.
pub(super) fn read(folder: &Path) -> Result<Vec<Case>, CliError> {
    let unreadable = |error: &std::io::Error| CliError::File {
        path: folder.to_path_buf(),
        reason: describe_io(error),
        hint: Some("name a folder of fixtures with `--fixtures`".to_owned()),
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(&error))? {
        let path = entry.map_err(|error| unreadable(&error))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    files.sort();
    let mut cases = Vec::new();
    for (place, file) in files.into_iter().enumerate() {
        let bytes = read_file(&file, LARGEST_FILE)?;
        let is_list = bytes.trim_ascii_start().starts_with(b"[");
        let read: Result<Vec<Case>, _> = if is_list {
            serde_json::from_slice(&bytes)
        } else {
            serde_json::from_slice(&bytes).map(|case| vec![case])
        };
        let read = read.map_err(|error| CliError::File {
            path: file.clone(),
            reason: error.to_string(),
            hint: Some(
                "a fixture looks like this: {\"title\": \"…\", \"nodeType\": \"acme/slugify\", \
                 \"parameters\": {}, \"input\": [[{}]], \"output\": [[{}]]}"
                    .to_owned(),
            ),
        })?;
        cases.extend(read.into_iter().map(|case| Case {
            origin: Origin::File(place),
            ..case
        }));
    }
    Ok(cases)
}
