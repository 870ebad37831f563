use deunicode::AsciiChars;
use jackfield_plugin::{Example, NodeError, NodeOutput, NodeType, NodeTypeMetadata, TypedCall};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// Makes text fit for addresses and file names.
pub(crate) struct Slugify;

/// What is made of which text.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Params {
    /// The text, in any script.
    text: String,
    /// The field of the item that the slug is put in.
    #[serde(default = "slug")]
    field: String,
    /// What is put between words: `-`, `_`, `.` or nothing.
    #[serde(default = "hyphen")]
    separator: String,
    /// The most characters that the slug has; it ends with a whole word where there is one.
    #[serde(default)]
    max_length: Option<usize>,
}

fn slug() -> String {
    "slug".to_owned()
}

fn hyphen() -> String {
    "-".to_owned()
}

impl NodeType for Slugify {
    type Params = Params;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata::new("examples/slugify", "0.1.0", "string")
            .described("Makes text fit for addresses and file names.")
            .tagged(&["text", "url"])
            .with_example(Example::new(
                "A title becomes part of an address",
                json!({ "text": "Crème brûlée, für zwei!" }),
                [json!({ "id": 7 })],
                [json!({ "id": 7, "slug": "creme-brulee-fur-zwei" })],
            ))
            .with_example(Example::new(
                "No longer than asked for",
                json!({ "text": "one two three", "maxLength": 9, "separator": "_" }),
                [json!({})],
                [json!({ "slug": "one_two" })],
            ))
    }

    fn run(&self, call: TypedCall<'_, Params>) -> Result<NodeOutput, NodeError> {
        call.map_items(|params, item| {
            if !["-", "_", ".", ""].contains(&params.separator.as_str()) {
                let text = "write `-`, `_`, `.` or nothing";
                return Err(NodeError::parameter("/separator", text));
            }
            let slug = slugify(&params.text, &params.separator, params.max_length);
            let mut made = item.clone();
            made.insert(params.field.clone(), slug.into());
            Ok(made)
        })
    }
}

fn slugify(text: &str, separator: &str, most: Option<usize>) -> String {
    let most = most.unwrap_or(usize::MAX);
    let plain: String = text.ascii_chars().flatten().collect();
    let mut slug = String::with_capacity(plain.len());
    let words = plain.split(|c: char| !c.is_ascii_alphanumeric());
    for word in words.filter(|word| !word.is_empty()) {
        let gap = if slug.is_empty() { "" } else { separator };
        if slug.len() + gap.len() + word.len() > most {
            if slug.is_empty() {
                slug.extend(word.chars().take(most));
            }
            break;
        }
        slug.push_str(gap);
        slug.push_str(word);
    }
    slug.make_ascii_lowercase();
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_made_of_any_script_and_keeps_to_its_length() {
        assert_eq!(
            slugify("Ærøskøbing – 20 % off", "-", None),
            "aeroskobing-20-off"
        );
        assert_eq!(slugify("  ...  ", "-", None), "");
        assert_eq!(slugify("abc def", "-", Some(7)), "abc-def");
        assert_eq!(slugify("abc def", "-", Some(6)), "abc");
        assert_eq!(slugify("abcdef", "-", Some(4)), "abcd");
    }
}
