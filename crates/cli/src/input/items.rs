use std::path::Path;
use std::sync::Arc;

use jackfield::{ByteSize, Item, Items};
use serde_json::{Deserializer, Value};

use super::{InputError, describe};
use crate::error::CliError;
use crate::file::{read_file, read_stdin};

/// How much data a command takes.
const LIMIT: ByteSize = ByteSize::mib(256);
/// How many items that are no objects a message names.
const MOST_NAMED: usize = 5;

/// Reads items: of standard input (`-`), of the argument itself if it begins with `{` or `[`, or
/// else of the file that it names.
pub(crate) fn read_items(argument: &str) -> Result<Items, CliError> {
    if argument == "-" {
        return Ok(parse("standard input", &read_stdin(LIMIT)?)?);
    }
    if argument.trim_start().starts_with(['{', '[']) {
        return Ok(parse("--input", argument.as_bytes())?);
    }
    read_item_file(Path::new(argument))
}

/// Reads the items of a file.
pub(crate) fn read_item_file(path: &Path) -> Result<Items, CliError> {
    let bytes = read_file(path, LIMIT)?;
    Ok(parse(&path.display().to_string(), &bytes)?)
}

/// The text of bytes, without a byte order mark.
pub(super) fn text_of<'b>(name: &str, bytes: &'b [u8]) -> Result<&'b str, InputError> {
    let text = std::str::from_utf8(bytes).map_err(|error| InputError::Encoding {
        name: name.to_owned(),
        offset: error.valid_up_to(),
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn parse(name: &str, bytes: &[u8]) -> Result<Items, InputError> {
    let text = text_of(name, bytes)?;
    let items = match text.trim_start().chars().next() {
        None => {
            return Err(InputError::Empty {
                name: name.to_owned(),
            });
        }
        Some('[') => array(name, text),
        Some(_) => lines(name, text),
    };
    items.map(Arc::new)
}

/// One array of objects.
fn array(name: &str, text: &str) -> Result<Vec<Item>, InputError> {
    let values: Vec<Value> =
        serde_json::from_str(text).map_err(|error| InputError::syntax(name, &error))?;
    let mut items = Vec::with_capacity(values.len());
    let mut wrong = Wrong::default();
    for (place, value) in values.into_iter().enumerate() {
        match Item::from_value(value) {
            Ok(item) => items.push(item),
            Err(value) => wrong.add(&value, || format!("[{place}]")),
        }
    }
    wrong.finish(name, items)
}

/// One object, or many one after the other.
fn lines(name: &str, text: &str) -> Result<Vec<Item>, InputError> {
    let mut items = Vec::new();
    let mut wrong = Wrong::default();
    let mut stream = Deserializer::from_str(text).into_iter::<Value>();
    loop {
        let start = stream.byte_offset();
        let Some(value) = stream.next() else { break };
        let value = value.map_err(|error| InputError::syntax(name, &error))?;
        match Item::from_value(value) {
            Ok(item) => items.push(item),
            Err(value) => wrong.add(&value, || format!("line {}", line_of(text, start))),
        }
    }
    wrong.finish(name, items)
}

/// The line, from 1, of what follows a byte, space left out.
fn line_of(text: &str, offset: usize) -> usize {
    let rest = text.get(offset..).unwrap_or_default();
    let start = offset + (rest.len() - rest.trim_start().len());
    1 + text
        .bytes()
        .take(start)
        .filter(|byte| *byte == b'\n')
        .count()
}

/// Items that are no objects: the first ones by place, the others by number.
#[derive(Default)]
struct Wrong {
    named: Vec<String>,
    more: usize,
}

impl Wrong {
    fn add(&mut self, value: &Value, place: impl FnOnce() -> String) {
        if self.named.len() < MOST_NAMED {
            self.named
                .push(format!("`{}` is {}", place(), describe(value)));
        } else {
            self.more += 1;
        }
    }

    fn finish(self, name: &str, items: Vec<Item>) -> Result<Vec<Item>, InputError> {
        if self.named.is_empty() {
            return Ok(items);
        }
        let mut found = self.named.join(", ");
        if self.more > 0 {
            found.push_str(&format!(", and {} more", self.more));
        }
        Err(InputError::NotObjects {
            name: name.to_owned(),
            found,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, String> {
        let items = parse("data", text.as_bytes()).map_err(|error| error.to_string())?;
        let objects: Vec<_> = items.iter().map(Item::json).collect();
        Ok(serde_json::to_string(&objects).unwrap())
    }

    #[test]
    fn arrays_objects_and_lines_are_told_apart() {
        let two = Ok(r#"[{"a":1},{"a":2}]"#.to_owned());
        assert_eq!(parsed(r#" [{"a": 1}, {"a": 2}]"#), two);
        assert_eq!(parsed("{\"a\": 1}\n{\"a\": 2}\n"), two);
        assert_eq!(parsed("\u{feff}{\"a\": 1}\r\n\r\n{\"a\": 2}"), two);
        assert_eq!(parsed("{\n  \"a\": 1\n}"), Ok(r#"[{"a":1}]"#.to_owned()));
        assert_eq!(parsed("[]"), Ok("[]".to_owned()));
    }

    #[test]
    fn what_is_no_object_is_named_by_its_place() {
        assert_eq!(
            parsed(r#"[{}, 5, null, {}, [], "x", true, 1, 2]"#),
            Err("data: items are JSON objects: `[1]` is a number, `[2]` is null, `[4]` is an array, \
                 `[5]` is a text, `[6]` is a boolean, and 2 more"
                .to_owned())
        );
        assert_eq!(
            parsed("{}\n\n7\n"),
            Err("data: items are JSON objects: `line 3` is a number".to_owned())
        );
        assert_eq!(
            parsed("7"),
            Err("data: items are JSON objects: `line 1` is a number".to_owned())
        );
    }

    #[test]
    fn broken_data_names_its_line() {
        assert_eq!(
            parsed("{\"a\": 1}\n{\"a\": "),
            Err("data:2:6: ends before it is complete: EOF while parsing a value".to_owned())
        );
        assert_eq!(
            parsed("  \n"),
            Err("data: there is nothing in it".to_owned())
        );
        let deep = format!("[{}", "[".repeat(10_000));
        assert_eq!(
            parsed(&deep),
            Err("data:1:128: nested too deep: 128 levels or more".to_owned())
        );
        assert!(matches!(
            parse("data", b"{\"a\": \"\xff\"}"),
            Err(InputError::Encoding { offset: 7, .. })
        ));
    }
}
