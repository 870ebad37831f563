//! A small plugin for tests, made of text: one node type that gives one item.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What the node type of the plugin gives.
const OUTPUT: &str = r#"[{"json":{"a":1}}]"#;

/// What an example in the manifest says.
const EXAMPLE: &str =
    "[[nodeTypes.examples]]\ntitle = \"one item\"\nparameters = {}\noutput = [[{ a = 1 }]]\n";

/// What is different about a plugin.
struct Made<'a> {
    version: &'a str,
    /// What it asks for, and what the manifest says of that.
    capability: (&'a str, String),
    has_example: bool,
    imports: &'a str,
    /// Data beside the description and the output.
    data: String,
    /// What it does when it is called, with local variables first.
    body: String,
}

/// Writes a package as a folder: `acme/guest` in a version.
pub(crate) fn write_package(folder: &Path, version: &str) {
    write(folder, &Made::giving(version, ""));
}

/// The same, but its node type computes for ever.
pub(crate) fn write_endless_package(folder: &Path) {
    let body = "(loop $for_ever (br $for_ever))";
    write(folder, &Made::giving("1.2.3", body));
}

/// The same, but its node type gives a secret of the tenant away, and fails as it is told to if it
/// is not given the secret.
pub(crate) fn write_secret_reader(folder: &Path, name: &str) {
    let (before, behind) = (r#"[{"json":{"secret":""#, r#""}}]"#);
    let lengths = (name.len(), before.len(), behind.len());
    let body = format!(
        r"(local $length i32)
            (call $get (i32.const 9000) (i32.const {name}) (i32.const 9600))
            (memory.fill (i32.const 64) (i32.const 0) (i32.const 256))
            (if (i32.load8_u (i32.const 9600)) (then
                (i32.store8 (i32.const 64) (i32.const 1))
                (memory.copy (i32.const 72) (i32.const 9604) (i32.const 16))
                (return (i32.const 64))))
            (local.set $length (i32.load (i32.const 9608)))
            (memory.copy (i32.const 12000) (i32.const 9200) (i32.const {before}))
            (memory.copy (i32.const {at}) (i32.load (i32.const 9604)) (local.get $length))
            (memory.copy (i32.add (i32.const {at}) (local.get $length)) (i32.const 9400)
                (i32.const {behind}))
            {}",
        answer(
            "12000",
            &format!(
                "(i32.add (i32.const {}) (local.get $length))",
                lengths.1 + lengths.2
            )
        ),
        name = lengths.0,
        before = lengths.1,
        behind = lengths.2,
        at = 12_000 + lengths.1,
    );
    let data = format!(
        r#"(data (i32.const 9000) "{}") (data (i32.const 9200) "{}") (data (i32.const 9400) "{}")"#,
        escape(name),
        escape(before),
        escape(behind),
    );
    let import =
        r#"(import "jackfield:plugin/secrets@0.1.0" "get" (func $get (param i32 i32 i32)))"#;
    let made = Made {
        version: "1.0.0",
        capability: ("secrets", format!("names = [\"{name}\"]\n")),
        has_example: false,
        imports: import,
        data,
        body,
    };
    write(folder, &made);
}

/// The same, but its node type counts how often it was called, and says so. It counts to nine.
pub(crate) fn write_counter(folder: &Path) {
    let (key, before, behind) = ("calls", r#"[{"json":{"n":"#, "0}}]");
    let body = format!(
        r"(memory.fill (i32.const 64) (i32.const 0) (i32.const 256))
            (call $increment (i32.const 9000) (i32.const {key}) (i64.const 1) (i32.const 9600))
            (if (i32.load8_u (i32.const 9600)) (then
                (i32.store8 (i32.const 64) (i32.const 1))
                (memory.copy (i32.const 72) (i32.const 9608) (i32.const 20))
                (return (i32.const 64))))
            (i32.store8 (i32.const {digit})
                (i32.add (i32.const 48) (i32.wrap_i64 (i64.load (i32.const 9608)))))
            {answer}",
        key = key.len(),
        digit = 12_000 + before.len(),
        answer = answer(
            "12000",
            &format!("(i32.const {})", before.len() + behind.len())
        ),
    );
    let made = Made {
        version: "1.0.0",
        capability: ("kv", String::new()),
        has_example: false,
        imports: r#"(import "jackfield:plugin/kv@0.1.0" "increment"
            (func $increment (param i32 i32 i64 i32)))"#,
        data: format!(
            r#"(data (i32.const 9000) "{}") (data (i32.const 12000) "{}{}")"#,
            escape(key),
            escape(before),
            escape(behind)
        ),
        body,
    };
    write(folder, &made);
}

impl<'a> Made<'a> {
    /// One that gives an item after it has done something.
    fn giving(version: &'a str, first: &str) -> Self {
        let answer = answer("8192", &format!("(i32.const {})", OUTPUT.len()));
        Self {
            version,
            capability: ("log", String::new()),
            has_example: true,
            imports: "",
            data: format!(r#"(data (i32.const 8192) "{}")"#, escape(OUTPUT)),
            body: format!(
                "{first}\n(memory.fill (i32.const 64) (i32.const 0) (i32.const 256))\n{answer}"
            ),
        }
    }
}

/// Answers with one port, whose items are at a place.
fn answer(at: &str, length: &str) -> String {
    format!(
        "(i32.store (i32.const 72) (i32.const 32))
            (i32.store (i32.const 76) (i32.const 1))
            (i32.store (i32.const 32) (i32.const {at}))
            (i32.store (i32.const 36) {length})
            (i32.const 64)"
    )
}

fn write(folder: &Path, made: &Made<'_>) {
    fs::create_dir_all(folder).unwrap();
    let version = made.version;
    let (capability, more) = &made.capability;
    let example = if made.has_example { EXAMPLE } else { "" };
    let manifest = format!(
        "id = \"acme/guest\"\nversion = \"{version}\"\ncontract = \"0.1\"\nentry = \"guest.wasm\"\n\
         description = \"Gives an item.\"\n\n[capabilities.{capability}]\nreason = \"says what it does\"\n\
         {more}\n[[nodeTypes]]\nnodeType = \"acme/guest\"\ncategory = \"test\"\n\
         description = \"Gives an item, whatever it is given.\"\n{example}"
    );
    fs::write(folder.join("plugin.toml"), manifest).unwrap();
    fs::write(folder.join("guest.wasm"), component(made)).unwrap();
}

fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        write!(escaped, "\\{byte:02x}").unwrap();
        escaped
    })
}

fn component(made: &Made<'_>) -> Vec<u8> {
    let (version, capability) = (made.version, made.capability.0);
    let example = match made.has_example {
        true => r#","examples":[{"title":"one item","parameters":{},"output":[[{"a":1}]]}]"#,
        false => "",
    };
    let described = format!(
        r#"{{"contract":"0.1","nodeTypes":[{{"nodeType":"acme/guest","version":"{version}","category":"test","description":"Gives an item, whatever it is given.","capabilities":["{capability}"]{example}}}]}}"#
    );
    let text = format!(
        r#"(module
        {imports}
        (memory (export "memory") 2)
        (global $heap (mut i32) (i32.const 65536))
        (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32)
            (result i32) (local $at i32)
            (global.set $heap (i32.and
                (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
            (local.set $at (global.get $heap))
            (global.set $heap (i32.add (global.get $heap) (local.get $size)))
            (local.get $at))
        (func (export "jackfield:plugin/node@0.1.0#describe") (result i32)
            (i32.store (i32.const 16) (i32.const 1024))
            (i32.store (i32.const 20) (i32.const {described_length}))
            (i32.const 16))
        (func (export "jackfield:plugin/node@0.1.0#execute") (param $call i32) (result i32)
            {body})
        (data (i32.const 1024) "{described}")
        {data})"#,
        imports = made.imports,
        described_length = described.len(),
        described = escape(&described),
        body = made.body,
        data = made.data,
    );
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");
    let (package, _) = resolve.push_path(wit).unwrap();
    let world = resolve.packages[package].worlds["plugin"];
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.validate(true).encode())
        .unwrap()
}
