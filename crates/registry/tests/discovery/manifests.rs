use jackfield_definition::SourceText;
use jackfield_registry::discovery::{PluginManifest, PluginReuse};
use jackfield_types::{ByteSize, Capability};
use proptest::prelude::*;

use crate::support::manifest;

fn findings(text: &str) -> Vec<String> {
    let source = SourceText::new("plugin.toml", text);
    let Err(found) = PluginManifest::parse(&source) else {
        return Vec::new();
    };
    let lines = found.iter().map(|one| {
        let place = one.location.as_ref().map(|at| (at.line, at.column));
        let (line, column) = place.unwrap_or_default();
        format!("{line}:{column} {}", one.message)
    });
    lines.collect()
}

#[test]
fn a_whole_manifest_is_read() {
    let text = r#"
id = "acme/enrich"
version = "1.2.0"
contract = "0.1"
entry = "build/enrich.wasm"
description = "Adds what is known of a company."
license = "MIT"
homepage = "https://example.org/enrich"
include = ["README.md"]

[[nodeTypes]]
nodeType = "acme/enrich"
version = "2.0.0"
category = "http"
requiredFields = ["domain"]
schema = { type = "object", properties = { domain = { type = "string" } } }
capabilities = ["http"]

[[nodeTypes]]
nodeType = "acme/enrich.count"
category = "http"

[[dependencies]]
plugin = "acme/base"
version = "^1.1"

[capabilities.http]
reason = "asks the register of companies"
hosts = ["api.example.org:443", "*.example.net"]

[capabilities.secrets]
reason = "the register wants a key"
names = ["register_key"]

[limits]
memory = "64MiB"
time = "5s"
output = 1048576
hostCalls = 20
instances = 4
reuse = "tenant"
"#;
    let manifest = PluginManifest::parse(&SourceText::new("plugin.toml", text)).unwrap();
    assert_eq!(manifest.id().publisher(), "acme");
    assert_eq!(manifest.contract().to_string(), "0.1.0");
    assert_eq!(manifest.limits().memory, Some(ByteSize::mib(64)));
    assert_eq!(manifest.limits().reuse, PluginReuse::Tenant);
    let [first, second] = manifest.node_types() else {
        panic!("two node types");
    };
    assert_eq!(first.version.to_string(), "2.0.0");
    assert_eq!(first.capabilities, [Capability::Http]);
    assert_eq!(second.version.to_string(), "1.2.0");
    assert_eq!(second.capabilities, [Capability::Http, Capability::Secrets]);
    let http = &manifest.capabilities()[&Capability::Http];
    assert!(http.hosts[1].matches("a.example.net", 80));
    assert_eq!(manifest.dependencies()[0].version.to_string(), "^1.1");
    let files: Vec<_> = manifest.files().iter().map(|file| file.as_str()).collect();
    assert_eq!(files, ["README.md", "build/enrich.wasm"]);
}

#[test]
fn every_mistake_is_found_in_one_go_with_its_place() {
    let text = r#"id = "Acme/Enrich"
verison = "1.0.0"
contract = "soon"
entry = "../plugin.wasm"
homepage = "javascript:alert(1)"
built = 2026-01-01

[[nodeTypes]]
nodeType = "acme/enrich"
categorie = "http"

[capabilities.htpp]
reason = "x"

[capabilities.http]
hosts = ["http://example.org", 3]

[capabilities.kv]
reason = " "
hosts = ["example.org"]

[limits]
memory = "much"
hostCalls = 0
reuse = "always"

[digests]
"/etc/passwd" = "sha256:00"
"#;
    assert_eq!(
        findings(text),
        [
            "1:1 the manifest has no `version`",
            "1:6 `Acme/Enrich` is no plugin: write `publisher/name`, each of at most 64 lower-case ASCII letters, digits and single `-`, as in `acme/slugify`",
            "2:1 the manifest has no field `verison`",
            "3:12 unexpected character 's' while parsing major version number",
            "4:9 a path must not lead out of the package by `..`",
            "5:12 an address begins with `https://` and has no spaces",
            "6:9 the date `2026-01-01` means nothing here",
            "10:1 `nodeTypes[0]` has no field `categorie`",
            "12:15 there is no capability `htpp` that a plugin can ask for",
            "15:15 `http` has no `reason`",
            "16:10 `http://example.org` means no hosts: write `api.example.org`, `*.example.org`, an address or `*`, with `:port` if need be",
            "16:32 `hosts[1]` cannot be `3`",
            "19:10 a reason must not be empty",
            "20:1 `kv` has no field `hosts`",
            "23:10 `memory` cannot be the text \"much\"",
            "24:13 with `hostCalls` 0 the plugin could do nothing",
            "25:9 instances are used again `never`, or for the same `tenant`",
            "28:1 a path begins in the package, not with `/`",
            "28:17 a digest is written `sha256:` and 64 hexadecimal digits",
        ]
    );
}

#[test]
fn node_types_belong_to_their_publisher_and_ask_for_what_the_plugin_asks_for() {
    let text = r#"id = "acme/enrich"
version = "1.0.0"
contract = "0.1.0"
entry = "plugin.wasm"

[[nodeTypes]]
nodeType = "filter"
version = "99.0.0"
category = "control"

[[nodeTypes]]
nodeType = "acmes/enrich"
category = "http"
capabilities = ["http"]
ports = 3

[[nodeTypes]]
nodeType = "acme/twice"
category = "http"
capabilities = ["http"]

[[nodeTypes]]
nodeType = "acme/twice"
category = "http"
requiredFields = [""]

[[nodeTypes]]
nodeType = "acme/schema"
category = "http"
description = "\u001b[31mred"
schema = { type = "objekt" }
"#;
    let found = findings(text);
    let places: Vec<&str> = found
        .iter()
        .map(|line| &line[..line.find(' ').unwrap()])
        .collect();
    assert_eq!(places, ["30:15"], "{found:?}");
    let found = findings(&text.replace("\\u001b", ""));
    assert_eq!(
        &found[..4],
        [
            "7:12 `filter` is not a node type of `acme`",
            "15:9 `ports`: invalid type: integer `3`, expected struct Ports",
            "20:17 the plugin does not ask for `http`",
            "23:12 `acme/twice` is provided twice",
        ],
    );
    assert!(found[4].starts_with("25:19 must not be empty"), "{found:?}");
    assert!(found[5].starts_with("31:1 at `/type`"), "{found:?}");
}

#[test]
fn what_is_no_toml_or_is_nested_without_end_is_refused() {
    assert!(findings("id = ")[0].starts_with("1:6 not valid TOML"));
    let deep = format!("id = {}", "[".repeat(100_000));
    assert_eq!(findings(&deep), ["1:70 nested more than 64 deep"]);
    let dotted = format!("{} = 1", vec!["a"; 100_000].join("."));
    assert_eq!(findings(&dotted).len(), 1);
    assert!(findings("").contains(&"1:1 the manifest has no `id`".to_owned()));
}

#[test]
fn what_the_plugin_says_is_compared_with_what_the_manifest_says() {
    let text = manifest("acme/a", "1.0.0");
    let read = PluginManifest::parse(&SourceText::new("plugin.toml", &*text)).unwrap();
    let same = read.node_types().to_vec();
    assert_eq!(read.check_description(&same), Ok(()));
    let mut shown = same.clone();
    shown[0].description = "other words".to_owned();
    assert_eq!(read.check_description(&shown), Ok(()));
    let mut asks = same.clone();
    asks[0].capabilities = vec![Capability::Http];
    let mut ports = same.clone();
    ports[0].ports.inputs = 7;
    let mut schema = same.clone();
    schema[0].schema = Some(true.into());
    let more = [same.clone(), same.clone()].concat();
    for (described, difference) in [
        (Vec::new(), "it does not provide `acme/a`"),
        (more, "it provides `acme/a` twice"),
        (asks, "its `acme/a` has another set of `capabilities`"),
        (ports, "its `acme/a` has another set of `ports`"),
        (schema, "its `acme/a` has another `schema`"),
    ] {
        assert_eq!(
            read.check_description(&described),
            Err(difference.to_owned())
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever is written, reading ends, and without a panic.
    #[test]
    fn any_text_is_read_or_refused(text in "(\\PC|\n){0,200}") {
        findings(&text);
    }

    /// A manifest with some of its bytes changed is read or refused with places inside of it.
    #[test]
    fn a_spoilt_manifest_is_read_or_refused(place in 0_usize..200, bytes in "\\PC{0,3}") {
        let mut text = manifest("acme/a", "1.0.0");
        let at = (0..=place.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        text.insert_str(at, &bytes);
        let source = SourceText::new("plugin.toml", &*text);
        if let Err(found) = PluginManifest::parse(&source) {
            prop_assert!(!found.is_empty());
            for one in &found {
                let at = one.location.as_ref().unwrap();
                prop_assert!(at.offset + at.length <= text.len());
            }
        }
    }
}
