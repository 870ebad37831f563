use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jackfield_net::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap};
use jackfield_net::{Answer, origin};
use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, Object};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::params::Format;
use crate::items::single;
use crate::path::Path;

/// What the body of an answer was read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// JSON, or nothing.
    Value,
    /// A text.
    Text,
    /// A file.
    File,
}

/// Reads the body of an answer.
///
/// # Errors
/// [`ErrorCode::INVALID_SYNTAX`] when it is not the JSON that it should be.
pub(super) fn read_body(answer: &Answer, format: Format) -> Result<(Kind, Value), NodeError> {
    let media_type = media_type(&answer.headers);
    let kind = match format {
        Format::Json => Kind::Value,
        Format::Text => Kind::Text,
        Format::File => Kind::File,
        Format::Auto if answer.body.is_empty() => Kind::Value,
        Format::Auto => kind_of(&media_type, &answer.body),
    };
    let value = match kind {
        Kind::Value if answer.body.is_empty() => Value::Null,
        Kind::Value => serde_json::from_slice(&answer.body).map_err(|error| {
            let message = format!(
                "the answer of `{}` is not the JSON that it should be: {error}",
                origin(&answer.url)
            );
            NodeError::permanent(ErrorCode::INVALID_SYNTAX, message)
        })?,
        Kind::Text => text(answer).into(),
        Kind::File => file(answer, &media_type),
    };
    Ok((kind, value))
}

fn media_type(headers: &HeaderMap) -> String {
    let text = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    text.split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

fn kind_of(media_type: &str, body: &[u8]) -> Kind {
    let (family, name) = media_type.split_once('/').unwrap_or(("", ""));
    if name == "json" || name.ends_with("+json") {
        return Kind::Value;
    }
    let is_text = family == "text"
        || name.ends_with("+xml")
        || matches!(
            name,
            "xml" | "javascript" | "x-www-form-urlencoded" | "x-ndjson" | "yaml" | "csv"
        );
    if is_text || (media_type.is_empty() && std::str::from_utf8(body).is_ok()) {
        return Kind::Text;
    }
    Kind::File
}

/// The body as a text: Latin-1 if the answer says so, else UTF-8.
fn text(answer: &Answer) -> String {
    let content_type = answer
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let charset = content_type.unwrap_or_default().to_ascii_lowercase();
    if charset.contains("charset=iso-8859-1") || charset.contains("charset=\"iso-8859-1\"") {
        return answer.body.iter().map(|&byte| char::from(byte)).collect();
    }
    String::from_utf8_lossy(&answer.body).into_owned()
}

fn file(answer: &Answer, media_type: &str) -> Value {
    let media_type = if media_type.is_empty() {
        "application/octet-stream"
    } else {
        media_type
    };
    json!({
        "fileName": file_name(answer),
        "mimeType": media_type,
        "size": answer.body.len(),
        "data": STANDARD.encode(&answer.body),
    })
}

/// The name that the answer gives the file, or the end of the URL's path; never with a folder.
fn file_name(answer: &Answer) -> String {
    let disposition = answer.headers.get(CONTENT_DISPOSITION);
    let given = disposition
        .and_then(|value| value.to_str().ok())
        .and_then(name_in_disposition);
    let in_path = || {
        let last = answer.url.path_segments()?.next_back()?;
        Some(percent_decode_str(last).decode_utf8_lossy().into_owned())
    };
    let name = given.or_else(in_path).unwrap_or_default();
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|c| !c.is_control()).take(255).collect();
    match name.as_str() {
        "" | "." | ".." => "file".to_owned(),
        _ => name,
    }
}

fn name_in_disposition(disposition: &str) -> Option<String> {
    let mut plain = None;
    for parameter in disposition.split(';').skip(1) {
        let Some((name, value)) = parameter.split_once('=') else {
            continue;
        };
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "filename*" => {
                let encoded = value.splitn(3, '\'').nth(2)?;
                return Some(percent_decode_str(encoded).decode_utf8_lossy().into_owned());
            }
            "filename" => plain = Some(value.to_owned()),
            _ => {}
        }
    }
    plain
}

/// The headers of an answer by name; several of one name are joined by commas.
pub(super) fn headers_object(headers: &HeaderMap) -> Object {
    let mut object = Object::new();
    for name in headers.keys() {
        let values = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()));
        let joined = values.collect::<Vec<_>>().join(", ");
        object.insert(name.as_str().to_owned(), joined.into());
    }
    object
}

/// What items a body makes: an object one, a list of objects one each; with `field`, each
/// element of the list there one.
pub(super) fn objects(kind: Kind, body: Value, field: Option<&Path>) -> Vec<Object> {
    if let Some(field) = field {
        let Some(Value::Array(list)) = field.get_in(&body) else {
            return Vec::new();
        };
        return list.iter().cloned().map(object).collect();
    }
    match (kind, body) {
        (Kind::Text, text) => vec![single("text", text)],
        (Kind::File, file) => vec![single("file", file)],
        (Kind::Value, Value::Array(list)) if list.iter().all(Value::is_object) => {
            list.into_iter().map(object).collect()
        }
        (Kind::Value, value) => vec![object(value)],
    }
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        other => single("body", other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_come_from_the_header_and_never_hold_folders() {
        for (disposition, expected) in [
            ("attachment; filename=\"a b.pdf\"", Some("a b.pdf")),
            (
                "attachment; filename=a.pdf; filename*=UTF-8''%C3%A4.pdf",
                Some("ä.pdf"),
            ),
            ("inline", None),
        ] {
            assert_eq!(name_in_disposition(disposition).as_deref(), expected);
        }
    }

    #[test]
    fn bodies_make_items_by_their_shape() {
        let list = json!({"data": {"rows": [{"a": 1}, 2]}});
        let field = Path::parse("data.rows").unwrap();
        assert_eq!(
            json!(objects(Kind::Value, list.clone(), Some(&field))),
            json!([{"a": 1}, {"body": 2}])
        );
        assert_eq!(
            json!(objects(Kind::Value, list.clone(), None)),
            json!([list])
        );
        assert_eq!(
            json!(objects(Kind::Value, json!([{"a": 1}, {"a": 2}]), None)),
            json!([{"a": 1}, {"a": 2}])
        );
        assert_eq!(
            json!(objects(Kind::Value, json!([1]), None)),
            json!([{"body": [1]}])
        );
        assert_eq!(
            json!(objects(Kind::Value, json!(null), None)),
            json!([{"body": null}])
        );
        assert_eq!(
            json!(objects(Kind::Text, json!("x"), None)),
            json!([{"text": "x"}])
        );
        assert!(objects(Kind::Value, json!({"a": 1}), Some(&field)).is_empty());
    }
}
