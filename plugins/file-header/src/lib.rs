//! Reads what kind of file something is from its first bytes: binary data, as text in base64.

mod pdf;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use imagesize::{ImageType, blob_size, image_type};
use jackfield_plugin::{
    Example, NodeError, NodeOutput, NodeType, NodeTypeMetadata, Object, TypedCall, code, object,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

jackfield_plugin::export!(FileHeader);

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads what kind of file something is.
struct FileHeader;

/// Which file, and where goes what is known about it.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Params {
    /// The file, in base64. A `data:` address will do as well.
    data: String,
    /// The field of the item that is set.
    #[serde(default = "field")]
    field: String,
    /// Whether a file of an unknown kind is an error.
    #[serde(default)]
    strict: bool,
}

fn field() -> String {
    "file".to_owned()
}

impl NodeType for FileHeader {
    type Params = Params;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata::new("examples/file-header", "0.1.0", "convert")
            .described("Says of images and PDF files what they are, and how large.")
            .tagged(&["image", "pdf", "binary"])
            .with_example(Example::new(
                "The smallest GIF",
                json!({ "data": "R0lGODlhAQABAAAAACw=" }),
                [json!({ "name": "dot.gif" })],
                [json!({
                    "name": "dot.gif",
                    "file": { "kind": "gif", "type": "image/gif", "size": 14, "width": 1, "height": 1 },
                })],
            ))
            .with_example(Example::new(
                "A PDF file",
                json!({ "data": "JVBERi0xLjcKMSAwIG9iajw8L1R5cGUvUGFnZT4+ZW5kb2JqCg==" }),
                [json!({})],
                [json!({
                    "file": { "kind": "pdf", "type": "application/pdf", "size": 37, "version": "1.7" },
                })],
            ))
    }

    fn run(&self, call: TypedCall<'_, Params>) -> Result<NodeOutput, NodeError> {
        call.map_items(|params, item| {
            let bytes = decode(&params.data)?;
            let known = read(&bytes);
            if known.is_none() && params.strict {
                let text = "the file is neither PDF nor an image of a known kind";
                return Err(NodeError::permanent(code::INVALID_INPUT, text));
            }
            let mut made = item.clone();
            made.insert(
                params.field.clone(),
                known.map_or(Value::Null, Value::Object),
            );
            Ok(made)
        })
    }
}

fn decode(text: &str) -> Result<Vec<u8>, NodeError> {
    let text = match text.strip_prefix("data:") {
        Some(rest) => rest.split_once(";base64,").map_or("", |(_, data)| data),
        None => text,
    };
    BASE64.decode(text.trim()).map_err(|error| {
        NodeError::permanent(code::INVALID_INPUT, format!("`data` is no base64: {error}"))
    })
}

/// What the first bytes of a file say, if they are of a kind that is known.
fn read(bytes: &[u8]) -> Option<Object> {
    let size = Value::from(bytes.len());
    if let Some(version) = pdf::version(bytes) {
        return Some(object([
            ("kind", "pdf".into()),
            ("type", "application/pdf".into()),
            ("size", size),
            ("version", version.into()),
        ]));
    }
    let (kind, media_type) = match image_type(bytes).ok()? {
        ImageType::Bmp => ("bmp", "image/bmp"),
        ImageType::Gif => ("gif", "image/gif"),
        ImageType::Jpeg => ("jpeg", "image/jpeg"),
        ImageType::Png => ("png", "image/png"),
        ImageType::Tiff => ("tiff", "image/tiff"),
        ImageType::Webp => ("webp", "image/webp"),
        _ => return None,
    };
    let dimensions = blob_size(bytes).ok();
    let side = |of: fn(&imagesize::ImageSize) -> usize| {
        dimensions
            .as_ref()
            .map_or(Value::Null, |size| of(size).into())
    };
    Some(object([
        ("kind", kind.into()),
        ("type", media_type.into()),
        ("size", size),
        ("width", side(|size| size.width)),
        ("height", side(|size| size.height)),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_cut_short_at_any_byte_are_survived() {
        let png = decode(
            "iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAIAAAA2iEnWAAAAC0lEQVQI12NgQAcAABIAAeRVjecAAAAASUVORK5CYII=",
        );
        let png = png.unwrap();
        let whole = read(&png).unwrap();
        assert_eq!((&whole["width"], &whole["height"]), (&json!(2), &json!(3)));
        for length in 0..png.len() {
            let known = read(&png[..length]);
            assert!(known.is_none_or(|known| known["kind"] == "png"), "{length}");
        }
    }

    #[test]
    fn what_is_no_base64_is_said_so() {
        assert_eq!(decode("data:image/gif;base64,R0lG").unwrap(), b"GIF");
        assert_eq!(decode("R0lGOA").unwrap(), b"GIF8");
        assert_eq!(decode("%%").unwrap_err().code(), code::INVALID_INPUT);
    }
}
