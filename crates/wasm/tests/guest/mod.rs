//! Guests for tests, written as text: a core module with what they have in common, and what each
//! does.

use std::fmt::Write;
use std::sync::Arc;

use jackfield_definition::SourceText;
use jackfield_registry::discovery::{ComponentSource, PluginManifest};
use jackfield_types::NodeTypeMetadata;
use serde_json::json;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What a guest is made of. Every part has a default that does nothing remarkable.
pub(crate) struct Guest {
    /// What it says of itself.
    pub(crate) described: String,
    /// What is imported: `(import "jackfield:plugin/kv@0.1.0" "get" (func $kv_get …))`.
    pub(crate) imports: String,
    /// The body of `execute`, which has `$call` and gives the place of a result, as `$ok` and
    /// `$failed` do.
    pub(crate) execute: String,
    /// What else there is: functions, globals, data. Data goes behind [`Guest::FREE`].
    pub(crate) more: String,
    /// The lines of the manifest behind the ordinary ones.
    pub(crate) manifest: String,
    /// The pages of memory that it starts with.
    pub(crate) pages: u32,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            described: describe(&[metadata()]),
            imports: String::new(),
            execute: ok(r#"[{"json":{"a":1}}]"#),
            more: String::new(),
            manifest: String::new(),
            pages: 2,
        }
    }
}

/// The metadata of the node type that guests provide.
pub(crate) fn metadata() -> NodeTypeMetadata {
    let node_type = "acme/guest".try_into().expect("a valid name");
    let version = "1.2.3".parse().expect("a valid version");
    NodeTypeMetadata::new(node_type, version, "test")
}

/// A description of node types.
pub(crate) fn describe(node_types: &[NodeTypeMetadata]) -> String {
    json!({ "contract": "0.1", "nodeTypes": node_types }).to_string()
}

/// The body of an `execute` that gives one port.
pub(crate) fn ok(port: &str) -> String {
    let (data, length) = (Guest::OUTPUT, port.len());
    format!(
        "{} (call $ok (i32.const {data}) (i32.const {length}))",
        put(data, port)
    )
}

/// The body of an `execute` that fails with a code and a message.
pub(crate) fn failed(code: &str, message: &str, retryable: bool) -> String {
    let (at, text) = (Guest::OUTPUT, format!("{code}{message}"));
    format!(
        "{} (call $failed (i32.const {at}) (i32.const {}) (i32.const {}) (i32.const {}) (i32.const {}))",
        put(at, &text),
        code.len(),
        at + code.len(),
        message.len(),
        u8::from(retryable),
    )
}

/// Instructions that write a text into memory.
fn put(at: usize, text: &str) -> String {
    let mut code = String::new();
    for (place, byte) in text.bytes().enumerate() {
        let at = at + place;
        writeln!(code, "(i32.store8 (i32.const {at}) (i32.const {byte}))")
            .expect("a text takes everything");
    }
    code
}

impl Guest {
    /// Where what is given is written to by [`ok`] and [`failed`].
    const OUTPUT: usize = 49_152;
    /// Where nothing else is, up to 49,152.
    pub(crate) const FREE: usize = 40_960;

    /// The guest as a component.
    pub(crate) fn component(&self) -> Vec<u8> {
        let described: String = self
            .described
            .bytes()
            .map(|byte| format!("\\{byte:02x}"))
            .collect();
        let text = format!(
            r#"(module
            {imports}
            (memory (export "memory") {pages})
            (global $heap (mut i32) (i32.const 65536))
            ;; Never gives anything back: guests of tests are called a few times.
            (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32)
                (result i32) (local $at i32)
                (global.set $heap (i32.and
                    (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
                    (i32.xor (i32.sub (local.get $align) (i32.const 1)) (i32.const -1))))
                (local.set $at (global.get $heap))
                (global.set $heap (i32.add (global.get $heap) (local.get $size)))
                (if (i32.gt_u (global.get $heap)
                        (i32.mul (memory.size) (i32.const 65536)))
                    (then (drop (memory.grow (i32.add (i32.const 1)
                        (i32.div_u (local.get $size) (i32.const 65536)))))))
                (local.get $at))
            (func (export "jackfield:plugin/node@0.1.0#describe") (result i32)
                (i32.store (i32.const 16) (i32.const 1024))
                (i32.store (i32.const 20) (i32.const {described_length}))
                (i32.const 16))
            ;; A result: one port with a text.
            (func $ok (param $text i32) (param $length i32) (result i32)
                (memory.fill (i32.const 64) (i32.const 0) (i32.const 256))
                (i32.store (i32.const 72) (i32.const 32))
                (i32.store (i32.const 76) (i32.const 1))
                (i32.store (i32.const 32) (local.get $text))
                (i32.store (i32.const 36) (local.get $length))
                (i32.const 64))
            ;; A result: a failure with a code and a message.
            (func $failed (param $code i32) (param $code_length i32) (param $message i32)
                (param $message_length i32) (param $retryable i32) (result i32)
                (memory.fill (i32.const 64) (i32.const 0) (i32.const 256))
                (i32.store8 (i32.const 64) (i32.const 1))
                (i32.store (i32.const 72) (local.get $code))
                (i32.store (i32.const 76) (local.get $code_length))
                (i32.store (i32.const 80) (local.get $message))
                (i32.store (i32.const 84) (local.get $message_length))
                (i32.store8 (i32.const 88) (local.get $retryable))
                (i32.const 64))
            (func (export "jackfield:plugin/node@0.1.0#execute") (param $call i32) (result i32)
                {execute})
            (data (i32.const 1024) "{described}")
            {more})"#,
            imports = self.imports,
            pages = self.pages,
            described_length = self.described.len(),
            execute = self.execute,
            more = self.more,
        );
        component_of(&text)
    }

    /// The guest as the registry hands it to a host.
    pub(crate) fn source(&self) -> ComponentSource {
        source_of(&self.manifest, self.component())
    }
}

/// A component made of the text of a core module.
pub(crate) fn component_of(module: &str) -> Vec<u8> {
    let mut module = wat::parse_str(module).expect("the text of a module");
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");
    let (package, _) = resolve.push_path(wit).expect("the contract");
    let world = resolve.packages[package].worlds["plugin"];
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("a module without metadata");
    ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.validate(true).encode())
        .expect("a module that keeps to the contract")
}

/// Some bytes as the registry hands them to a host.
pub(crate) fn source_of(manifest: &str, component: Vec<u8>) -> ComponentSource {
    let text = format!(
        "id = \"acme/guest\"\nversion = \"1.2.3\"\ncontract = \"0.1\"\nentry = \"guest.wasm\"\n\
         [[nodeTypes]]\nnodeType = \"acme/guest\"\ncategory = \"test\"\n{manifest}"
    );
    let manifest =
        PluginManifest::parse(&SourceText::new("plugin.toml", text)).expect("a manifest");
    ComponentSource::from_bytes(Arc::new(manifest), component)
}
