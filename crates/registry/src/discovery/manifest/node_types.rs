//! The node types of a manifest: written in it, or in a file that holds what the plugin describes.

use std::collections::{BTreeMap, BTreeSet};

use jackfield_definition::{Diagnostics, SourceText};
use jackfield_types::{MetadataError, NodeTypeMetadata, Object};
use serde::Deserialize;
use serde_json::Value;

use super::control::has_control;
use super::{PackagePath, PluginManifest};
use crate::discovery::document::{Fields, Finding, describe, index};
use crate::{metadata, schema};

/// How many node types a plugin may provide.
const MOST: usize = 1_000;
const FIELDS: &[&str] = &[
    "nodeType",
    "version",
    "category",
    "description",
    "documentation",
    "requiredFields",
    "schema",
    "schemaFile",
    "dependencies",
    "supportedVersions",
    "tags",
    "author",
    "icon",
    "experimental",
    "ports",
    "role",
    "variables",
    "capabilities",
    "examples",
];

/// What a manifest says of its node types.
#[derive(Default)]
pub(super) struct Declared {
    /// A file that describes all of them.
    file: Option<PackagePath>,
    listed: Vec<Listed>,
}

/// A node type that is written in the manifest.
struct Listed {
    object: Object,
    schema_file: Option<PackagePath>,
}

impl Declared {
    /// The files that it refers to, and where.
    pub(super) fn references(&self) -> BTreeMap<PackagePath, String> {
        let file = self
            .file
            .iter()
            .map(|file| (file.clone(), "/nodeTypesFile".to_owned()));
        let schemas = self.listed.iter().enumerate().filter_map(|(place, one)| {
            let file = one.schema_file.clone()?;
            Some((file, format!("/nodeTypes/{place}/schemaFile")))
        });
        file.chain(schemas).collect()
    }
}

/// Reads what can be read without other files.
pub(super) fn declared(fields: &mut Fields<'_>) -> Option<Declared> {
    let path = "the path of a JSON file in the package";
    let mut declared = Declared::default();
    match (fields.has("nodeTypes"), fields.has("nodeTypesFile")) {
        (false, false) => {
            fields.required("nodeTypes", "at least one table begun by `[[nodeTypes]]`");
            return None;
        }
        (true, true) => {
            let message = "node types are described here and in another file";
            let finding = Finding::error(fields.place("nodeTypesFile"), message).at_key();
            fields.find(finding.with_hint("keep `nodeTypes` or `nodeTypesFile`"));
            return None;
        }
        (false, true) => {
            declared.file = Some(fields.parsed("nodeTypesFile", path, PackagePath::parse)?);
            return Some(declared);
        }
        (true, false) => {}
    }
    fields.each("nodeTypes", |entry| {
        entry.refuse_unknown(FIELDS);
        let schema_file = entry.parsed("schemaFile", path, PackagePath::parse);
        if schema_file.is_some() && entry.has("schema") {
            let message = "the schema is here and in another file";
            let finding = Finding::error(entry.place("schemaFile"), message).at_key();
            entry.find(finding.with_hint("keep `schema` or `schemaFile`"));
        }
        let mut object = entry.object().clone();
        object.remove("schemaFile");
        if declared.listed.len() <= MOST {
            declared.listed.push(Listed {
                object,
                schema_file,
            });
        }
    });
    if let Some(finding) = count(declared.listed.len()) {
        fields.find(finding.below("/nodeTypes"));
    }
    Some(declared)
}

fn count(length: usize) -> Option<Finding> {
    match length {
        0 => Some(Finding::error(
            "",
            "a plugin provides at least one node type",
        )),
        1..=MOST => None,
        _ => {
            let message = format!("a plugin provides at most {MOST} node types");
            Some(Finding::error("", message))
        }
    }
}

/// Makes metadata of what was declared. Findings about the manifest are added to `findings`.
///
/// # Errors
/// All findings about another file, which has places of its own.
pub(super) fn complete(
    declared: Declared,
    manifest: &PluginManifest,
    files: &BTreeMap<PackagePath, Vec<u8>>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<NodeTypeMetadata>, Diagnostics> {
    if let Some(file) = &declared.file {
        return described(file, manifest, files);
    }
    let mut objects = Vec::with_capacity(declared.listed.len());
    for one in declared.listed {
        let mut object = one.object;
        if let Some(file) = &one.schema_file {
            let bytes = files.get(file).cloned().unwrap_or_default();
            let schema = json(file, bytes)?.1;
            object.insert("schema".to_owned(), schema);
        }
        objects.push(Value::Object(object));
    }
    Ok(all(&objects, "/nodeTypes", manifest, findings))
}

/// Reads a file that holds what the plugin describes.
fn described(
    file: &PackagePath,
    manifest: &PluginManifest,
    files: &BTreeMap<PackagePath, Vec<u8>>,
) -> Result<Vec<NodeTypeMetadata>, Diagnostics> {
    let bytes = files.get(file).cloned().unwrap_or_default();
    let (source, value) = json(file, bytes)?;
    let mut findings = Vec::new();
    let mut node_types = Vec::new();
    if let Value::Object(object) = &value {
        let mut fields = Fields::new(object, "", "the description", &mut findings);
        fields.refuse_unknown(&["contract", "nodeTypes"]);
        fields.required("nodeTypes", "a list of node types");
        if let Some(list) = fields.typed::<Vec<Value>>("nodeTypes", "a list of node types") {
            node_types = match count(list.len()) {
                Some(finding) => {
                    fields.find(finding.below("/nodeTypes"));
                    Vec::new()
                }
                None => all(&list, "/nodeTypes", manifest, &mut findings),
            };
        }
    } else {
        let message = format!("a description cannot be {}", describe(&value));
        findings.push(Finding::error("", message).with_expected("what `describe` answers"));
    }
    if findings.is_empty() {
        return Ok(node_types);
    }
    let findings = findings.into_iter().map(Finding::into_diagnostic);
    Err(Diagnostics::collect(findings, Some(&source)))
}

fn json(file: &PackagePath, bytes: Vec<u8>) -> Result<(SourceText, Value), Diagnostics> {
    let source = SourceText::from_bytes(file.as_str(), bytes)?;
    match source.parse() {
        Ok(value) => Ok((source, value)),
        Err(finding) => Err(Diagnostics::collect([*finding], Some(&source))),
    }
}

fn all(
    values: &[Value],
    pointer: &str,
    manifest: &PluginManifest,
    findings: &mut Vec<Finding>,
) -> Vec<NodeTypeMetadata> {
    let mut node_types = Vec::with_capacity(values.len());
    let mut names = BTreeSet::new();
    for (place, value) in values.iter().enumerate() {
        let pointer = index(pointer, place);
        let Value::Object(object) = value else {
            let message = format!("a node type cannot be {}", describe(value));
            findings.push(Finding::error(pointer, message));
            continue;
        };
        let Some(metadata) = one(object, &pointer, manifest, findings) else {
            continue;
        };
        if !names.insert(metadata.node_type.clone()) {
            let message = format!("`{}` is provided twice", metadata.node_type);
            findings.push(Finding::error(format!("{pointer}/nodeType"), message));
        }
        node_types.push(metadata);
    }
    node_types
}

fn one(
    object: &Object,
    pointer: &str,
    manifest: &PluginManifest,
    findings: &mut Vec<Finding>,
) -> Option<NodeTypeMetadata> {
    let asked = manifest.capabilities();
    let mut object = object.clone();
    if !object.contains_key("version") {
        object.insert("version".to_owned(), manifest.version().to_string().into());
    }
    if !object.contains_key("capabilities") {
        let all = asked.keys().map(|one| Value::from(one.as_str())).collect();
        object.insert("capabilities".to_owned(), Value::Array(all));
    }
    let metadata = match NodeTypeMetadata::deserialize(&object) {
        Ok(metadata) => metadata,
        Err(error) => {
            findings.extend(mistakes(&object, pointer, &error.to_string()));
            return None;
        }
    };
    let publisher = manifest.id().publisher();
    let rest = metadata.node_type.as_str().strip_prefix(publisher);
    if rest
        .and_then(|rest| rest.strip_prefix('/'))
        .is_none_or(str::is_empty)
    {
        let message = format!(
            "`{}` is not a node type of `{publisher}`",
            metadata.node_type
        );
        let finding = Finding::error(format!("{pointer}/nodeType"), message);
        findings.push(finding.with_hint(format!("call it `{publisher}/…`")));
    }
    for (place, capability) in metadata.capabilities.iter().enumerate() {
        if !asked.contains_key(capability) {
            let name = capability.as_str();
            let message = format!("the plugin does not ask for `{name}`");
            let finding = Finding::error(format!("{pointer}/capabilities/{place}"), message);
            findings.push(finding.with_hint(format!("add `[capabilities.{name}]` with a reason")));
        }
    }
    let texts = [
        &metadata.category,
        &metadata.description,
        &metadata.documentation,
    ];
    let names = metadata
        .tags
        .iter()
        .chain(&metadata.author)
        .chain(&metadata.icon);
    let names = names
        .chain(&metadata.ports.outputs)
        .chain(&metadata.required_fields);
    if texts.into_iter().chain(names).any(|text| has_control(text)) {
        findings.push(Finding::error(
            pointer,
            "a text of it has control characters",
        ));
    }
    let checked = metadata
        .check()
        .and_then(|()| metadata::check_size(&metadata));
    let checked = checked.and_then(|()| metadata.schema.as_ref().map_or(Ok(()), schema::check));
    if let Err(MetadataError { field, reason }) = checked {
        // `tags[3]` is `/tags/3`.
        let place = field.replace('[', "/").replace(']', "");
        findings.push(Finding::error(format!("{pointer}/{place}"), reason));
    }
    Some(metadata)
}

/// Says which fields are wrong, when together they are no metadata.
fn mistakes(object: &Object, pointer: &str, whole: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, expected) in [("nodeType", "a name"), ("category", "a group")] {
        if !object.contains_key(name) {
            let message = format!("a node type has no `{name}`");
            let finding = Finding::error(pointer, message).at_key();
            findings.push(finding.with_expected(expected));
        }
    }
    // Each field by itself, with others that are right.
    for (name, value) in object {
        let mut probe = Object::new();
        probe.insert("nodeType".to_owned(), "a".into());
        probe.insert("version".to_owned(), "1.0.0".into());
        probe.insert("category".to_owned(), "a".into());
        probe.insert(name.clone(), value.clone());
        if let Err(error) = NodeTypeMetadata::deserialize(&probe) {
            let place = crate::discovery::document::key(pointer, name);
            findings.push(Finding::error(place, format!("`{name}`: {error}")));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::error(pointer, whole));
    }
    findings
}
