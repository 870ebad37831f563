use jackfield_types::{Capability, NodeTypeId, NodeTypeMetadata};
use semver::Version;
use serde_json::json;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The node type that every guest provides.
pub(crate) const NODE_TYPE: &str = "evil/node";

/// A guest: what it imports, and what it does when it is called.
///
/// Its memory: a description of itself at 1,024, what it gives at 4,096, the answers of the host
/// at 8,192, texts from 16,384, and a heap from 65,536 on.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) capabilities: Vec<Capability>,
    pub(crate) manifest: String,
    imports: String,
    texts: Vec<String>,
    items: String,
    body: String,
    describe: Option<String>,
    realloc: Option<String>,
}

/// A place of a text in the memory of a guest, and its length, as two instructions.
pub(crate) type Text = String;

const TEXTS: usize = 16_384;

/// Ends the call with what is at 4,096: nothing, if nothing was written there.
pub(crate) const NOTHING: &str = "(i32.const 4096)";

impl Guest {
    /// A guest that does this when it is called: instructions that leave the place of a result.
    pub(crate) fn doing(body: &str) -> Self {
        Self {
            capabilities: Vec::new(),
            manifest: String::new(),
            imports: String::new(),
            texts: Vec::new(),
            items: String::new(),
            body: body.to_owned(),
            describe: None,
            realloc: None,
        }
    }

    /// A guest that is well behaved and gives nothing.
    pub(crate) fn harmless() -> Self {
        Self::doing(NOTHING)
    }

    /// Imports a function of a capability, under the capability's name and its own: `$kv.get`.
    pub(crate) fn importing(mut self, interface: &str, function: &str, signature: &str) -> Self {
        self.imports.push_str(&format!(
            r#"(import "jackfield:plugin/{interface}@0.1.0" "{function}" (func ${interface}.{function} {signature}))"#
        ));
        self
    }

    /// Asks for a capability in the manifest; `more` are further lines of its table.
    pub(crate) fn asking(mut self, capability: Capability, more: &str) -> Self {
        let name = capability.as_str();
        self.manifest.push_str(&format!(
            "[capabilities.{name}]\nreason = \"test\"\n{more}\n"
        ));
        self.capabilities.push(capability);
        self
    }

    /// Adds further lines to the manifest, behind all else.
    pub(crate) fn with_limits(mut self, lines: &str) -> Self {
        self.manifest.push_str(&format!("[limits]\n{lines}\n"));
        self
    }

    /// Adds further items to the module: functions, tables, globals, segments.
    pub(crate) fn with(mut self, items: &str) -> Self {
        self.items.push_str(items);
        self
    }

    /// Replaces what it does when it is asked what it is: instructions that leave a place.
    pub(crate) fn describing(mut self, body: &str) -> Self {
        self.describe = Some(body.to_owned());
        self
    }

    /// Replaces how it makes room for what the host hands over.
    pub(crate) fn reallocating(mut self, body: &str) -> Self {
        self.realloc = Some(body.to_owned());
        self
    }

    /// Puts a text into its memory, and gives its place and length as two instructions.
    pub(crate) fn text(&mut self, text: &str) -> Text {
        let place = TEXTS + self.texts.iter().map(String::len).sum::<usize>();
        self.texts.push(text.to_owned());
        format!("(i32.const {place}) (i32.const {})", text.len())
    }

    /// Sets what it does, once its texts are known.
    pub(crate) fn then(mut self, body: &str) -> Self {
        self.body = body.to_owned();
        self
    }

    /// Its metadata, as it describes itself.
    pub(crate) fn metadata(&self) -> NodeTypeMetadata {
        let node_type = NodeTypeId::parse(NODE_TYPE).unwrap();
        let mut metadata = NodeTypeMetadata::new(node_type, Version::new(1, 0, 0), "test");
        metadata.capabilities = self.capabilities.clone();
        metadata
    }

    /// The guest as a component.
    pub(crate) fn component(&self) -> Vec<u8> {
        encode(&self.module())
    }

    fn module(&self) -> Vec<u8> {
        let description = json!({"contract": "0.1", "nodeTypes": [self.metadata()]}).to_string();
        let texts: String = self.texts.concat();
        let realloc = self.realloc.as_deref().unwrap_or(
            "(local $place i32)
             (local.set $place (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
             (global.set $heap (i32.add (local.get $place) (local.get $size)))
             (block $enough
               (br_if $enough (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
               (br_if $enough (i32.ne (memory.grow (i32.add (i32.div_u (local.get $size) (i32.const 65536)) (i32.const 1))) (i32.const -1)))
               unreachable)
             (local.get $place)",
        );
        let describe = self.describe.clone().unwrap_or_else(|| {
            format!(
                "(i32.store (i32.const 1000) (i32.const 1024))
                 (i32.store (i32.const 1004) (i32.const {}))
                 (i32.const 1000)",
                description.len()
            )
        });
        let text = format!(
            r#"(module
  {imports}
  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 65536))
  (data (i32.const 1024) "{description}")
  (data (i32.const {TEXTS}) "{texts}")
  {items}
  ;; Fails with a code and a message.
  (func $fail (param $code i32) (param $code-length i32) (param $message i32) (param $length i32) (result i32)
    (i32.store8 (i32.const 4096) (i32.const 1))
    (i32.store (i32.const 4104) (local.get $code))
    (i32.store (i32.const 4108) (local.get $code-length))
    (i32.store (i32.const 4112) (local.get $message))
    (i32.store (i32.const 4116) (local.get $length))
    (i32.const 4096))
  ;; Fails with the fault that is at a place.
  (func $fault (param $at i32) (result i32)
    (call $fail (i32.load (local.get $at)) (i32.load offset=4 (local.get $at))
                (i32.load offset=8 (local.get $at)) (i32.load offset=12 (local.get $at))))
  (func (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
    {realloc})
  (func (export "jackfield:plugin/node@0.1.0#describe") (result i32)
    {describe})
  (func $execute (export "jackfield:plugin/node@0.1.0#execute") (param $call i32) (result i32)
    {body}))"#,
            imports = self.imports,
            description = escaped(&description),
            texts = escaped(&texts),
            items = self.items,
            body = self.body,
        );
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }
}

fn encode(module: &[u8]) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");
    let (package, _) = resolve.push_path(wit).unwrap();
    let world = resolve.select_world(&[package], Some("plugin")).unwrap();
    let mut module = module.to_vec();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f.. => format!("\\{byte:02x}"),
            _ => char::from(byte).to_string(),
        })
        .collect()
}

/// Signatures of what is imported, as the canonical ABI has them.
pub(crate) mod signature {
    pub(crate) const LOG: &str = "(param i32 i32 i32)";
    pub(crate) const PROGRESS: &str = "(param f64 i32 i32)";
    /// A text in, an answer at a place out.
    pub(crate) const TEXT: &str = "(param i32 i32 i32)";
    pub(crate) const SET: &str = "(param i32 i32 i32 i32 i32)";
    pub(crate) const LIST_KEYS: &str = "(param i32 i32 i32 i32 i32 i32 i32)";
    pub(crate) const CLOCK: &str = "(param i32)";
    pub(crate) const RANDOM: &str = "(param i32 i32)";
    pub(crate) const SEND: &str = "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)";
}
