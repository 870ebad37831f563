//! Finds the bytes of JSON Pointers in a text: one pass, no recursion, made only when there is
//! something to report.

use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::source::{Anchor, Part};

/// The bytes of each anchor; for one that the text does not have, those of the nearest thing
/// around it. The text from `start` on is JSON that a parser has accepted.
pub(crate) fn locate(text: &str, start: usize, anchors: &[&Anchor]) -> Vec<Option<Range<usize>>> {
    let mut wanted = Wanted {
        steps: vec![WantedStep::default()],
    };
    let mut paths = Vec::with_capacity(anchors.len());
    for anchor in anchors {
        let path = wanted.add(&anchor.pointer);
        if let (Part::Field(fields), Some(&whole)) = (&anchor.part, path.last()) {
            for field in *fields {
                wanted.step(whole, field);
            }
        }
        paths.push(path);
    }
    let mut scanner = Scanner {
        text,
        at: start,
        frames: Vec::new(),
        current: Some(Wanted::WHOLE),
        key: None,
        wanted,
    };
    scanner.run();
    let steps = scanner.wanted.steps;
    let bytes_of = |(path, anchor): (&Vec<usize>, &&Anchor)| {
        let whole = path.last().and_then(|&step| steps[step].found.as_ref());
        let Some(found) = whole else {
            let mut around = path
                .iter()
                .rev()
                .filter_map(|&step| steps[step].found.as_ref());
            return around.next().map(|found| found.value.clone());
        };
        Some(match &anchor.part {
            Part::Value => found.value.clone(),
            Part::Key => found.key.clone().unwrap_or_else(|| found.value.clone()),
            Part::Within(bytes) => within(text, &found.value, bytes),
            Part::Field(fields) => {
                let below = path.last().map(|&whole| &steps[whole].below);
                let mut found_fields = fields
                    .iter()
                    .filter_map(|field| steps[*below?.get(*field)?].found.as_ref());
                found_fields.next().unwrap_or(found).value.clone()
            }
        })
    };
    paths.iter().zip(anchors).map(bytes_of).collect()
}

/// The pointers that are looked for, as a tree, so that what nobody looks for costs nothing.
struct Wanted {
    steps: Vec<WantedStep>,
}

#[derive(Default)]
struct WantedStep {
    below: FxHashMap<String, usize>,
    found: Option<Found>,
}

/// What is known of a pointer.
struct Found {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

impl Wanted {
    /// The step of the whole document.
    const WHOLE: usize = 0;

    /// Adds a pointer and gives its steps, outermost first.
    fn add(&mut self, pointer: &str) -> Vec<usize> {
        let mut path = vec![Self::WHOLE];
        let mut current = Self::WHOLE;
        for token in pointer.split('/').skip(1) {
            current = self.step(current, &token.replace("~1", "/").replace("~0", "~"));
            path.push(current);
        }
        path
    }

    /// Adds a field or an element below a step.
    fn step(&mut self, outer: usize, name: &str) -> usize {
        let next = self.steps.len();
        let step = *self.steps[outer]
            .below
            .entry(name.to_owned())
            .or_insert(next);
        if step == next {
            self.steps.push(WantedStep::default());
        }
        step
    }
}

/// One container that is open.
struct Frame {
    /// Its step, if somebody looks for it or for something in it.
    step: Option<usize>,
    /// The next place in a list; `None` in an object.
    index: Option<usize>,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    frames: Vec<Frame>,
    /// The step of the value that comes next.
    current: Option<usize>,
    /// The key that was read last.
    key: Option<Range<usize>>,
    wanted: Wanted,
}

impl Scanner<'_> {
    fn run(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'{' | b'[' => {
                    self.value(self.at..self.at + 1);
                    self.at += 1;
                    let index = (byte == b'[').then_some(0);
                    self.frames.push(Frame {
                        step: self.current,
                        index,
                    });
                    self.enter_element();
                }
                b'}' | b']' => {
                    self.at += 1;
                    self.frames.pop();
                }
                b',' => {
                    self.at += 1;
                    if let Some(Frame {
                        index: Some(index), ..
                    }) = self.frames.last_mut()
                    {
                        *index += 1;
                    }
                    self.enter_element();
                }
                b'"' => {
                    let range = self.string();
                    self.at = range.end;
                    if self.is_key() {
                        self.enter_field(range);
                    } else {
                        self.value(range);
                    }
                }
                b' ' | b'\n' | b'\r' | b'\t' | b':' => self.at += 1,
                _ => {
                    let rest = &bytes[self.at..];
                    let ends = |byte: &u8| b",}] \n\r\t".contains(byte);
                    let length = rest.iter().position(ends).unwrap_or(rest.len());
                    self.value(self.at..self.at + length);
                    self.at += length.max(1);
                }
            }
        }
    }

    /// In a list, goes to the step of the next element.
    fn enter_element(&mut self) {
        self.key = None;
        self.current = None;
        if let Some(&Frame {
            step: Some(step),
            index: Some(index),
        }) = self.frames.last()
        {
            let below = &self.wanted.steps[step].below;
            if !below.is_empty() {
                self.current = below.get(&index.to_string()).copied();
            }
        }
    }

    fn enter_field(&mut self, key: Range<usize>) {
        self.current = None;
        if let Some(&Frame {
            step: Some(step), ..
        }) = self.frames.last()
        {
            let below = &self.wanted.steps[step].below;
            if !below.is_empty() {
                let name: String =
                    serde_json::from_str(&self.text[key.clone()]).unwrap_or_default();
                self.current = below.get(&name).copied();
            }
        }
        self.key = Some(key);
    }

    /// Whether the text just read is a key: a colon follows it in an object.
    fn is_key(&self) -> bool {
        self.frames
            .last()
            .is_some_and(|frame| frame.index.is_none())
            && self.text[self.at..].trim_start().starts_with(':')
    }

    fn value(&mut self, value: Range<usize>) {
        // The last of several equal keys is the one that counts, as for the parser.
        if let Some(step) = self.current {
            self.wanted.steps[step].found = Some(Found {
                key: self.key.clone(),
                value,
            });
        }
    }

    /// The bytes of the string that begins here, quotes included.
    fn string(&self) -> Range<usize> {
        let bytes = self.text.as_bytes();
        let mut end = self.at + 1;
        while let Some(&byte) = bytes.get(end) {
            match byte {
                b'\\' => end += 2,
                b'"' => return self.at..end + 1,
                _ => end += 1,
            }
        }
        self.at..bytes.len()
    }
}

/// The bytes in the text of a part of a string value, escapes counted as what they stand for.
fn within(text: &str, value: &Range<usize>, part: &Range<usize>) -> Range<usize> {
    if !text[value.clone()].starts_with('"') {
        return value.clone();
    }
    let raw = &text[value.start + 1..value.end.saturating_sub(1).max(value.start + 1)];
    let mut decoded = 0_usize;
    let mut start = None;
    let mut at = 0_usize;
    while at < raw.len() && decoded < part.end.max(part.start + 1) {
        if start.is_none() && decoded >= part.start {
            start = Some(at);
        }
        let (raw_length, decoded_length) = step(&raw[at..]);
        at += raw_length;
        decoded += decoded_length;
    }
    let start = start.unwrap_or(at);
    value.start + 1 + start..value.start + 1 + at.max(start)
}

/// The bytes that the next character takes as it is written, and as what it stands for.
fn step(raw: &str) -> (usize, usize) {
    if !raw.starts_with('\\') {
        let length = raw.chars().next().map_or(1, char::len_utf8);
        return (length, length);
    }
    if raw.as_bytes().get(1) != Some(&b'u') {
        return (raw.len().min(2), 1);
    }
    let unit = |at: usize| {
        let digits = raw
            .get(at..at + 4)
            .filter(|_| raw[at - 2..].starts_with("\\u"))?;
        u16::from_str_radix(digits, 16).ok()
    };
    match unit(2) {
        Some(0..0x80) => (6, 1),
        Some(0x80..0x800) => (6, 2),
        Some(0xd800..0xdc00) if raw.len() >= 12 => (12, 4),
        Some(_) => (6, 3),
        None => (raw.len().min(2), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, pointer: &str, part: Part) -> Option<String> {
        let anchor = Anchor {
            pointer: pointer.to_owned(),
            part,
        };
        locate(text, 0, &[&anchor])
            .remove(0)
            .map(|range| text[range].to_owned())
    }

    #[test]
    fn values_and_keys_are_found_by_pointer() {
        let text = r#" { "a" : [ 1, {"b~/": "x:,]"}, [] ], "c":{}, "d": -1.5e3 } "#;
        let value = |pointer| find(text, pointer, Part::Value);
        assert_eq!(value("").as_deref(), Some("{"));
        assert_eq!(value("/a/0").as_deref(), Some("1"));
        assert_eq!(value("/a/1/b~0~1").as_deref(), Some(r#""x:,]""#));
        assert_eq!(value("/a/2").as_deref(), Some("["));
        assert_eq!(value("/c").as_deref(), Some("{"));
        assert_eq!(value("/d").as_deref(), Some("-1.5e3"));
        assert_eq!(value("/a/3/x").as_deref(), Some("["));
        assert_eq!(value("/e/x").as_deref(), Some("{"));
        assert_eq!(
            find(text, "/a/1/b~0~1", Part::Key).as_deref(),
            Some(r#""b~/""#)
        );
        assert_eq!(find(text, "/c", Part::Key).as_deref(), Some(r#""c""#));
    }

    #[test]
    fn parts_of_a_text_are_found_behind_escapes() {
        let text = r#"{"a": "\n\u00e4\ud83d\ude00é {{ x }}"}"#;
        let decoded: serde_json::Value = serde_json::from_str(text).unwrap();
        let place = decoded["a"].as_str().unwrap().find("{{").unwrap();
        let part = find(text, "/a", Part::Within(place..place + 7));
        assert_eq!(part.as_deref(), Some("{{ x }}"));
    }
}
