//! Finds out which texts an expression made of secrets, so that they can be masked too.
//!
//! The expression is evaluated a second time, with other secrets in place of the real ones: what
//! comes out the same does not depend on them, and what differs was made of them. That keeps the
//! rest of a value (`Bearer`, the customer's name beside the token) readable, and follows a secret
//! through every function there is without any of them knowing. When the second evaluation fails,
//! everything is taken to be made of secrets. Nothing is reported for a secret as it is: whoever
//! gives it out knows it already.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jackfield_types::{Item, Object};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::roots::{NodeView, Roots, SecretError};

/// A secret that is at least this long is found and masked within other texts.
const FOUND_WITHIN: usize = 6;
/// Numbers with fewer characters, such as the length of a secret, say too little to be masked.
const SHORTEST_NUMBER: usize = 4;

/// [`Roots`] that give other secrets than there are: of the same length and the same kinds of
/// characters, but different in every place.
pub(super) struct Disguised<'a>(pub(super) &'a dyn Roots);

impl Roots for Disguised<'_> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn time_zone(&self) -> &TimeZone {
        self.0.time_zone()
    }

    fn item(&self) -> Option<&Item> {
        self.0.item()
    }

    fn input(&self) -> &[Item] {
        self.0.input()
    }

    fn item_index(&self) -> usize {
        self.0.item_index()
    }

    fn run_index(&self) -> usize {
        self.0.run_index()
    }

    fn node(&self, name: &str) -> Option<NodeView<'_>> {
        self.0.node(name)
    }

    fn step(&self, id: &str) -> Option<NodeView<'_>> {
        self.0.step(id)
    }

    fn variables(&self) -> Option<&Object> {
        self.0.variables()
    }

    fn context(&self) -> Option<&Value> {
        self.0.context()
    }

    fn workflow(&self) -> Option<&Value> {
        self.0.workflow()
    }

    fn execution(&self) -> Option<&Value> {
        self.0.execution()
    }

    fn environment(&self, name: &str) -> Option<&str> {
        self.0.environment(name)
    }

    fn secret(&self, name: &str) -> Result<Cow<'_, str>, SecretError> {
        let secret = self.0.secret(name)?;
        Ok(Cow::Owned(disguise(&secret)))
    }

    fn binding(&self, name: &str) -> Option<&Value> {
        self.0.binding(name)
    }
}

fn disguise(secret: &str) -> String {
    let next_in = |first: u8, count: u8, character: char| {
        let place = (u32::from(character) - u32::from(first) + 1) % u32::from(count);
        char::from(first + place as u8)
    };
    secret
        .chars()
        .map(|character| match character {
            'a'..='z' => next_in(b'a', 26, character),
            'A'..='Z' => next_in(b'A', 26, character),
            '0'..='9' => next_in(b'0', 10, character),
            '!'..='/' => next_in(b'!', 15, character),
            ':'..='@' => next_in(b':', 7, character),
            '['..='`' => next_in(b'[', 6, character),
            '{'..='~' => next_in(b'{', 4, character),
            'é' => 'ö',
            other if other.is_ascii() => other,
            _ => 'é',
        })
        .collect()
}

/// What one expression read and how it was written: all that is needed to tell what its value
/// holds of secrets.
pub(super) struct Comparison<'a> {
    source: &'a str,
    /// The secrets that are found within other texts, each with its disguise, longest first.
    secrets: Vec<(String, String)>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(source: &'a str, names: &BTreeSet<String>, roots: &dyn Roots) -> Self {
        let mut secrets: Vec<(String, String)> = names
            .iter()
            .filter_map(|name| roots.secret(name).ok())
            .filter(|secret| secret.len() >= FOUND_WITHIN)
            .map(|secret| (disguise(&secret), secret.into_owned()))
            .map(|(disguise, secret)| (secret, disguise))
            .collect();
        secrets.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
        Self { source, secrets }
    }

    /// Reports the texts of a value that differ from those of its disguise. Walks without
    /// recursion: the value may be nested as deep as data can be.
    pub(super) fn report(
        &self,
        value: &Value,
        disguised: Option<&Value>,
        learn: &mut dyn FnMut(&str),
    ) {
        let mut open = vec![(value, disguised)];
        while let Some((value, disguised)) = open.pop() {
            if Some(value) == disguised && !value.is_array() && !value.is_object() {
                continue;
            }
            match value {
                Value::String(text) => {
                    self.report_text(text, disguised.and_then(Value::as_str), learn);
                }
                Value::Number(number) => {
                    let text = number.to_string();
                    if text.len() >= SHORTEST_NUMBER {
                        self.report_text(&text, None, learn);
                    }
                }
                Value::Array(list) => {
                    let other = disguised.and_then(Value::as_array);
                    let pairs = list.iter().enumerate();
                    open.extend(pairs.map(|(at, one)| (one, other.and_then(|all| all.get(at)))));
                }
                Value::Object(fields) => {
                    let other = disguised.and_then(Value::as_object);
                    for (key, one) in fields {
                        let counterpart = other.and_then(|all| all.get(key));
                        if counterpart.is_none() {
                            self.report_text(key, None, learn);
                        }
                        open.push((one, counterpart));
                    }
                }
                Value::Null | Value::Bool(_) => {}
            }
        }
    }

    /// Reports a text unless it is in the workflow for everybody to read, or holds nothing of a
    /// secret but the secret itself.
    pub(super) fn report_text(
        &self,
        text: &str,
        disguised: Option<&str>,
        learn: &mut dyn FnMut(&str),
    ) {
        if text.is_empty() || disguised == Some(text) || self.source.contains(text) {
            return;
        }
        let Some(disguised) = disguised else {
            return self.learn(text, learn);
        };
        let (mut rest, mut rest_disguised) = (text.to_owned(), disguised.to_owned());
        for (secret, disguise) in &self.secrets {
            rest = rest.replace(&**secret, "\0");
            rest_disguised = rest_disguised.replace(&**disguise, "\0");
        }
        if rest == rest_disguised {
            return;
        }
        self.learn(made_of_secrets(text, disguised), learn);
    }

    fn learn(&self, text: &str, learn: &mut dyn FnMut(&str)) {
        if !self.secrets.iter().any(|(secret, _)| secret == text) {
            learn(text);
        }
    }
}

/// The words of a text from the first to the last one that differ, unless they are too short to be
/// found within other texts.
fn made_of_secrets<'t>(text: &'t str, disguised: &str) -> &'t str {
    let same = text
        .char_indices()
        .zip(disguised.chars())
        .take_while(|((_, one), other)| one == other);
    let start = same
        .filter(|((_, one), _)| one.is_whitespace())
        .last()
        .map_or(0, |((at, one), _)| at + one.len_utf8());
    let same = text[start..]
        .char_indices()
        .rev()
        .zip(disguised.chars().rev())
        .take_while(|((_, one), other)| one == other);
    let end = same
        .filter(|((_, one), _)| one.is_whitespace())
        .last()
        .map_or(text.len(), |((at, _), _)| start + at);
    let core = &text[start..end];
    if core.len() < FOUND_WITHIN {
        text
    } else {
        core
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disguise_differs_in_every_place() {
        let secret: String = (' '..='~').chain("äéß€🙂".chars()).collect();
        let disguised = disguise(&secret);
        assert_eq!(secret.chars().count(), disguised.chars().count());
        for (one, other) in secret.chars().zip(disguised.chars()) {
            assert!(one != other || one == ' ', "{one:?}");
        }
    }

    #[test]
    fn the_words_that_differ_are_found() {
        assert_eq!(
            made_of_secrets("Basic c2VjcmV0", "Basic c2VkdmV1"),
            "c2VjcmV0"
        );
        assert_eq!(made_of_secrets("a TERCES z", "a UFSDFT z"), "TERCES");
        assert_eq!(made_of_secrets("k TER", "k UFS"), "k TER");
        assert_eq!(made_of_secrets("TERCES", "UFSDFT"), "TERCES");
        assert_eq!(made_of_secrets("long words here", "x"), "long words here");
    }
}
