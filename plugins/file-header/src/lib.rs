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

/// The most bytes by which images of the kinds that are known differ.
const KIND: usize = 12;

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
    /// Whether a file of an unknown kind, or one that ends before its header does, is an error.
    /// Otherwise `null` stands for what is not known.
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
            let known = match read(&bytes) {
                Header::Whole(known) => Value::Object(known),
                _ if params.strict => return Err(refuse(&bytes)),
                Header::Cut(known) => Value::Object(known),
                Header::Unknown => Value::Null,
            };
            let mut made = item.clone();
            made.insert(params.field.clone(), known);
            Ok(made)
        })
    }
}

fn decode(text: &str) -> Result<Vec<u8>, NodeError> {
    let invalid = |text| NodeError::permanent(code::INVALID_INPUT, text);
    let text = match text.strip_prefix("data:") {
        Some(rest) => match rest.split_once(";base64,") {
            Some((_, data)) => data,
            None => return Err(invalid("the `data:` address is not in base64".to_owned())),
        },
        None => text,
    };
    BASE64
        .decode(text.trim())
        .map_err(|error| invalid(format!("`data` is no base64: {error}")))
}

/// What the first bytes of a file say.
enum Header {
    /// All there is to know.
    Whole(Object),
    /// The kind; the file ends before what else there is to know.
    Cut(Object),
    /// Nothing.
    Unknown,
}

fn read(bytes: &[u8]) -> Header {
    let size = Value::from(bytes.len());
    if let Some(version) = pdf::version(bytes) {
        let known = object([
            ("kind", "pdf".into()),
            ("type", "application/pdf".into()),
            ("size", size),
            ("version", version.clone().into()),
        ]);
        return match version {
            Some(_) => Header::Whole(known),
            None => Header::Cut(known),
        };
    }
    // Kinds are told by so many bytes; zeros stand for those of a file that ends before.
    let mut head = [0; KIND];
    let length = bytes.len().min(KIND);
    head[..length].copy_from_slice(&bytes[..length]);
    let (kind, media_type) = match image_type(&head) {
        Ok(ImageType::Bmp) => ("bmp", "image/bmp"),
        Ok(ImageType::Gif) => ("gif", "image/gif"),
        Ok(ImageType::Jpeg) => ("jpeg", "image/jpeg"),
        Ok(ImageType::Png) => ("png", "image/png"),
        Ok(ImageType::Tiff) => ("tiff", "image/tiff"),
        Ok(ImageType::Webp) => ("webp", "image/webp"),
        _ => return Header::Unknown,
    };
    let dimensions = blob_size(bytes).ok();
    let sides = dimensions.map(|size| (size.width, size.height)).unzip();
    let known = object([
        ("kind", kind.into()),
        ("type", media_type.into()),
        ("size", size),
        ("width", sides.0.into()),
        ("height", sides.1.into()),
    ]);
    match dimensions {
        Some(_) => Header::Whole(known),
        None => Header::Cut(known),
    }
}

/// Why a file is not one that is known as a whole.
fn refuse(bytes: &[u8]) -> NodeError {
    let text = match read(bytes) {
        _ if bytes.is_empty() => "the file is empty".to_owned(),
        Header::Cut(known) => {
            let kind = known["kind"].as_str().unwrap_or_default();
            let count = bytes.len();
            format!("the {kind} file is cut short: its {count} bytes end before its header does")
        }
        Header::Whole(_) | Header::Unknown => {
            "the file is neither PDF nor an image of a known kind".to_owned()
        }
    };
    NodeError::permanent(code::INVALID_INPUT, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAIAAAA2iEnWAAAAC0lEQVQI12NgQAcAABIAAeRVjecAAAAASUVORK5CYII=";
    const JPEG: &str = "/9j/4AAQSkZJRgABAQAAAQABAAD/wAARCAADAAIDASIAAhEBAxEB/9k=";
    const GIF: &str = "R0lGODlhAgADAAAAACw=";
    const PDF: &str = "JVBERi0xLjcKMSAwIG9iajw8L1R5cGUvUGFnZT4+ZW5kb2JqCg==";

    #[test]
    fn headers_say_what_a_file_is_and_how_large() {
        for (kind, file) in [("png", PNG), ("jpeg", JPEG), ("gif", GIF)] {
            let Header::Whole(known) = read(&decode(file).unwrap()) else {
                panic!("{kind} is known");
            };
            let sides = (&known["width"], &known["height"]);
            assert_eq!(
                (&known["kind"], sides),
                (&json!(kind), (&json!(2), &json!(3)))
            );
        }
    }

    #[test]
    fn files_that_are_cut_short_at_any_byte_are_known_for_it_or_not_at_all() {
        for (kind, file) in [("png", PNG), ("jpeg", JPEG), ("gif", GIF), ("pdf", PDF)] {
            let file = decode(file).unwrap();
            let (mut cut, mut unknown) = (0, 0);
            for length in 0..file.len() {
                match read(&file[..length]) {
                    Header::Unknown => unknown += 1,
                    Header::Cut(known) => {
                        cut += 1;
                        assert_eq!(known["kind"], kind);
                        let error = refuse(&file[..length]).to_string();
                        assert!(
                            error.contains(&format!("its {length} bytes end")),
                            "{error}"
                        );
                    }
                    Header::Whole(known) => assert_eq!(known["kind"], kind, "{length}"),
                }
            }
            assert!(
                cut > 0 && unknown > 0,
                "{kind}: {cut} cut, {unknown} unknown"
            );
        }
        assert_eq!(refuse(b"").to_string(), "the file is empty");
    }

    #[test]
    fn what_is_no_base64_is_said_so() {
        assert_eq!(decode("data:image/gif;base64,R0lG").unwrap(), b"GIF");
        assert_eq!(decode("R0lGOA").unwrap(), b"GIF8");
        for broken in ["%%", "data:text/plain,GIF8", "R0lGO"] {
            let error = decode(broken).unwrap_err();
            assert_eq!(error.code(), code::INVALID_INPUT, "{broken}");
        }
    }
}
