//! A small plugin for tests, made of text: one node type that gives one item.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What the node type of the plugin gives.
const OUTPUT: &str = r#"[{"json":{"a":1}}]"#;

/// Writes a package as a folder: `acme/guest` in a version.
pub(crate) fn write_package(folder: &Path, version: &str) {
    write(folder, version, "");
}

/// The same, but its node type computes for ever.
pub(crate) fn write_endless_package(folder: &Path) {
    write(folder, "1.2.3", "(loop $for_ever (br $for_ever))");
}

/// `first` is what the guest does before it answers.
fn write(folder: &Path, version: &str, first: &str) {
    fs::create_dir_all(folder).unwrap();
    let manifest = format!(
        "id = \"acme/guest\"\nversion = \"{version}\"\ncontract = \"0.1\"\nentry = \"guest.wasm\"\n\
         description = \"Gives an item.\"\n\n[capabilities.log]\nreason = \"says what it does\"\n\n\
         [[nodeTypes]]\nnodeType = \"acme/guest\"\ncategory = \"test\"\n\
         description = \"Gives an item, whatever it is given.\"\n\
         [[nodeTypes.examples]]\ntitle = \"one item\"\nparameters = {{}}\noutput = [[{{ a = 1 }}]]\n"
    );
    fs::write(folder.join("plugin.toml"), manifest).unwrap();
    fs::write(folder.join("guest.wasm"), component(version, first)).unwrap();
}

fn component(version: &str, first: &str) -> Vec<u8> {
    let described = format!(
        r#"{{"contract":"0.1","nodeTypes":[{{"nodeType":"acme/guest","version":"{version}","category":"test","description":"Gives an item, whatever it is given.","capabilities":["log"],"examples":[{{"title":"one item","parameters":{{}},"output":[[{{"a":1}}]]}}]}}]}}"#
    );
    let escape = |text: &str| {
        text.bytes().fold(String::new(), |mut escaped, byte| {
            write!(escaped, "\\{byte:02x}").unwrap();
            escaped
        })
    };
    let text = format!(
        r#"(module
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
            {first}
            (memory.fill (i32.const 64) (i32.const 0) (i32.const 256))
            (i32.store (i32.const 72) (i32.const 32))
            (i32.store (i32.const 76) (i32.const 1))
            (i32.store (i32.const 32) (i32.const 8192))
            (i32.store (i32.const 36) (i32.const {output_length}))
            (i32.const 64))
        (data (i32.const 1024) "{described}")
        (data (i32.const 8192) "{output}"))"#,
        described_length = described.len(),
        output_length = OUTPUT.len(),
        described = escape(&described),
        output = escape(OUTPUT),
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
