//! Reading a manifest: which fields there are, and what each may say.

use std::collections::{BTreeMap, BTreeSet};

use jackfield_definition::{Diagnostics, SourceText, nearest};
use jackfield_types::{ByteSize, Capability, Digest, PluginId, Span};
use semver::{Version, VersionReq};
use serde::Deserialize;
use serde_json::Value;

use super::control::refuse_control;
use super::files::{check_digests, check_files};
use super::node_types::{self, Declared};
use super::{
    CapabilityRequest, HostPattern, PackagePath, PluginDependency, PluginLimits, PluginManifest,
    PluginReuse,
};
use crate::discovery::document::{Document, Fields, Finding};

const FIELDS: &[&str] = &[
    "id",
    "version",
    "contract",
    "entry",
    "description",
    "license",
    "homepage",
    "include",
    "nodeTypes",
    "nodeTypesFile",
    "dependencies",
    "capabilities",
    "limits",
    "digests",
];
const CAPABILITIES: &[&str] = &[
    "log", "http", "kv", "secrets", "config", "clock", "random", "progress",
];
const LIMITS: &[&str] = &[
    "memory",
    "time",
    "output",
    "hostCalls",
    "instances",
    "reuse",
];
/// How many entries each list of a manifest may have.
const MOST_ENTRIES: usize = 1_000;

const ID: &str = "a text such as `acme/slugify`";
const VERSION: &str = "a version such as `1.0.0`";
const CONTRACT: &str = "the version of the plugin contract, such as `0.1`";
const FILE: &str = "the path of a file in the package, such as `plugin.wasm`";
const REQUIREMENT: &str = "a requirement such as `^1.2`";
const SIZE: &str = "a number of bytes, or a text such as `64MiB`";
const SPAN: &str = "milliseconds, or a text such as `250ms` or `5s`";
const COUNT: &str = "a whole number of 1 or more";

/// A manifest whose node types may be described in files that were not read yet.
pub(in crate::discovery) struct Draft<'a> {
    document: Document<'a>,
    manifest: PluginManifest,
    declared: Declared,
    /// Where `nodeTypesFile` or a `schemaFile` stands, for each file.
    references: BTreeMap<PackagePath, String>,
}

impl<'a> Draft<'a> {
    /// Reads the manifest itself.
    pub(in crate::discovery) fn read(source: &'a SourceText) -> Result<Self, Diagnostics> {
        let document = Document::parse(source)?;
        let mut findings = Vec::new();
        let object = document.value(&mut findings);
        let mut fields = Fields::new(&object, "", "the manifest", &mut findings);
        let read = manifest(&mut fields);
        let read = read.filter(|_| findings.is_empty());
        let Some((mut manifest, declared)) = read else {
            return Err(document.locate(findings));
        };
        let references = declared.references();
        manifest.described_in = references.keys().cloned().collect();
        check_files(&manifest, &mut findings);
        check_digests(&manifest, &mut findings);
        if !findings.is_empty() {
            return Err(document.locate(findings));
        }
        Ok(Self {
            document,
            manifest,
            declared,
            references,
        })
    }

    /// The files that describe node types.
    pub(in crate::discovery) fn files(&self) -> impl Iterator<Item = &PackagePath> {
        self.references.keys()
    }

    /// The digests, if the manifest has them.
    pub(in crate::discovery) fn digests(&self) -> Option<&BTreeMap<PackagePath, Digest>> {
        self.manifest.digests.as_ref()
    }

    /// Puts in what the files say.
    pub(in crate::discovery) fn complete(
        mut self,
        files: &BTreeMap<PackagePath, Vec<u8>>,
    ) -> Result<PluginManifest, Diagnostics> {
        let mut findings = Vec::new();
        for (file, pointer) in &self.references {
            if !files.contains_key(file) {
                let message = format!("`{file}` is not at hand");
                let finding = Finding::error(pointer.clone(), message);
                findings.push(finding.with_hint("put it beside the manifest"));
            }
        }
        if findings.is_empty() {
            let declared = std::mem::take(&mut self.declared);
            self.manifest.node_types =
                node_types::complete(declared, &self.manifest, files, &mut findings)?;
        }
        if findings.is_empty() {
            Ok(self.manifest)
        } else {
            Err(self.document.locate(findings))
        }
    }
}

fn manifest(fields: &mut Fields<'_>) -> Option<(PluginManifest, Declared)> {
    fields.refuse_unknown(FIELDS);
    let (object, pointer) = (fields.object(), fields.pointer().to_owned());
    refuse_control(object, &pointer, fields);
    for (field, expected) in [
        ("id", ID),
        ("version", VERSION),
        ("contract", CONTRACT),
        ("entry", FILE),
    ] {
        fields.required(field, expected);
    }
    let id = fields.parsed("id", ID, PluginId::parse);
    let version = fields.parsed("version", VERSION, Version::parse);
    let contract = fields.parsed("contract", CONTRACT, contract);
    let entry = fields.parsed("entry", FILE, PackagePath::parse);
    let description = fields.typed("description", "a text").unwrap_or_default();
    let license = fields.typed("license", "an SPDX expression such as `MIT`");
    let homepage = fields.parsed(
        "homepage",
        "an address such as `https://example.org`",
        address,
    );
    let include = bounded(fields, "include", |fields| {
        fields.list("include", "a list of files", PackagePath::parse)
    });
    let dependencies = dependencies(fields);
    let capabilities = fields
        .within("capabilities", capabilities)
        .unwrap_or_default();
    let limits = fields.within("limits", limits).unwrap_or_default();
    let digests = fields.within("digests", digests);
    let declared = node_types::declared(fields);
    let manifest = PluginManifest {
        id: id?,
        version: version?,
        contract: contract?,
        entry: entry?,
        description,
        license,
        homepage,
        node_types: Vec::new(),
        dependencies,
        capabilities,
        limits,
        include,
        digests,
        described_in: BTreeSet::new(),
    };
    Some((manifest, declared?))
}

/// Reads a list unless it is too long.
fn bounded<T>(
    fields: &mut Fields<'_>,
    field: &str,
    read: impl FnOnce(&mut Fields<'_>) -> Vec<T>,
) -> Vec<T> {
    let length = fields
        .object()
        .get(field)
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    if length > MOST_ENTRIES {
        let message = format!("`{field}` has more than {MOST_ENTRIES} entries");
        fields.find(Finding::error(fields.place(field), message));
        return Vec::new();
    }
    read(fields)
}

/// `0.1` is what people write, and means `0.1.0`.
fn contract(text: &str) -> Result<Version, semver::Error> {
    if text.bytes().filter(|b| *b == b'.').count() == 1 {
        Version::parse(&format!("{text}.0"))
    } else {
        Version::parse(text)
    }
}

fn address(text: &str) -> Result<String, &'static str> {
    let is_plain = text.bytes().all(|b| b.is_ascii_graphic());
    if is_plain && (text.starts_with("https://") || text.starts_with("http://")) {
        Ok(text.to_owned())
    } else {
        Err("an address begins with `https://` and has no spaces")
    }
}

fn dependencies(fields: &mut Fields<'_>) -> Vec<PluginDependency> {
    let mut all: Vec<PluginDependency> = Vec::new();
    fields.each("dependencies", |entry| {
        entry.refuse_unknown(&["plugin", "version"]);
        entry.required("plugin", ID);
        let plugin = entry.parsed("plugin", ID, PluginId::parse);
        let version = if entry.has("version") {
            entry.parsed("version", REQUIREMENT, VersionReq::parse)
        } else {
            Some(VersionReq::STAR)
        };
        let (Some(plugin), Some(version)) = (plugin, version) else {
            return;
        };
        if all.iter().any(|one| one.plugin == plugin) {
            let message = format!("`{plugin}` is named twice");
            entry.find(Finding::error(entry.place("plugin"), message));
            return;
        }
        if all.len() < MOST_ENTRIES {
            all.push(PluginDependency { plugin, version });
        }
    });
    all
}

fn capabilities(fields: &mut Fields<'_>) -> BTreeMap<Capability, CapabilityRequest> {
    let mut all = BTreeMap::new();
    for name in fields.object().keys() {
        let known = CAPABILITIES.contains(&name.as_str());
        let capability = Capability::deserialize(&Value::from(name.as_str()))
            .ok()
            .filter(|_| known);
        let Some(capability) = capability else {
            let near = nearest(name, CAPABILITIES.iter().copied());
            let shown: String = name.chars().take(60).collect();
            let message = format!("there is no capability `{shown}` that a plugin can ask for");
            let finding = Finding::error(fields.place(name), message)
                .at_key()
                .with_expected(format!("one of `{}`", CAPABILITIES.join("`, `")))
                .with_hint_if(near.map(|near| format!("did you mean `{near}`?")));
            fields.find(finding);
            continue;
        };
        if let Some(Some(request)) = fields.within(name, |entry| request(capability, entry)) {
            all.insert(capability, request);
        }
    }
    all
}

fn request(capability: Capability, fields: &mut Fields<'_>) -> Option<CapabilityRequest> {
    let (known, list): (&[&str], _) = match capability {
        Capability::Http => (&["reason", "hosts"], Some("hosts")),
        Capability::Secrets | Capability::Config => (&["reason", "names"], Some("names")),
        Capability::Log
        | Capability::Kv
        | Capability::Clock
        | Capability::Random
        | Capability::Progress
        | Capability::Database
        | Capability::Sql => (&["reason"], None),
    };
    fields.refuse_unknown(known);
    fields.required("reason", "why the plugin needs it, for whoever grants it");
    let reason = fields.parsed("reason", "a text", |text: &str| match text.trim() {
        "" => Err("a reason must not be empty"),
        text => Ok(text.to_owned()),
    });
    let mut hosts = Vec::new();
    let mut names = Vec::new();
    if let Some(list) = list {
        fields.required(list, "a list with at least one entry");
        hosts = bounded(fields, "hosts", |fields| {
            fields.list("hosts", "a list of hosts", str::parse::<HostPattern>)
        });
        names = bounded(fields, "names", |fields| {
            fields.list("names", "a list of names", capability_name)
        });
        let is_empty = fields.object().get(list).and_then(Value::as_array);
        if is_empty.is_some_and(Vec::is_empty) {
            let message = format!("`{list}` is empty, so that nothing could be reached");
            let finding = Finding::error(fields.place(list), message);
            fields
                .find(finding.with_hint("name what the plugin needs, or leave the capability out"));
        }
    }
    Some(CapabilityRequest {
        reason: reason?,
        hosts,
        names,
    })
}

fn capability_name(text: &str) -> Result<String, &'static str> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if !text.is_empty() && text.len() <= 128 && text.bytes().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("a name is made of at most 128 ASCII letters, digits and `_ - .`")
    }
}

fn limits(fields: &mut Fields<'_>) -> PluginLimits {
    fields.refuse_unknown(LIMITS);
    for field in LIMITS {
        if let Some(Value::Number(number)) = fields.object().get(*field)
            && number.as_f64() == Some(0.0)
        {
            let message = format!("with `{field}` 0 the plugin could do nothing");
            let finding = Finding::error(fields.place(field), message);
            fields.find(finding.with_hint("leave the field out if there is nothing to say"));
        }
    }
    let reuse = fields.parsed("reuse", "`never` or `tenant`", |text| match text {
        "never" => Ok(PluginReuse::Never),
        "tenant" => Ok(PluginReuse::Tenant),
        _ => Err("instances are used again `never`, or for the same `tenant`"),
    });
    PluginLimits {
        memory: fields.typed::<ByteSize>("memory", SIZE),
        time: fields.typed::<Span>("time", SPAN),
        output: fields.typed::<ByteSize>("output", SIZE),
        host_calls: fields.typed("hostCalls", COUNT),
        instances: fields.typed("instances", COUNT),
        reuse: reuse.unwrap_or_default(),
    }
}

fn digests(fields: &mut Fields<'_>) -> BTreeMap<PackagePath, Digest> {
    let mut all = BTreeMap::new();
    for name in fields.object().keys() {
        let path = PackagePath::parse(name);
        if let Err(error) = &path {
            let finding = Finding::error(fields.place(name), error.to_string());
            fields.find(finding.at_key());
        }
        let digest = fields.parsed(name, "`sha256:` and 64 digits", str::parse::<Digest>);
        if let (Ok(path), Some(digest)) = (path, digest) {
            all.insert(path, digest);
        }
    }
    all
}
