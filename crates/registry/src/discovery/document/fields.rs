//! The fields of a table: read one by one, and whatever is left over is unknown.

use jackfield_definition::nearest;
use jackfield_types::{ErrorCode, Object};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Finding, index, key};

/// The most characters that are shown of what somebody wrote.
const SHOWN: usize = 60;

/// The fields of one table, which is found at a pointer and called by a name in messages.
pub(in crate::discovery) struct Fields<'a> {
    object: &'a Object,
    pointer: String,
    name: String,
    findings: &'a mut Vec<Finding>,
}

impl<'a> Fields<'a> {
    pub(in crate::discovery) fn new(
        object: &'a Object,
        pointer: impl Into<String>,
        name: impl Into<String>,
        findings: &'a mut Vec<Finding>,
    ) -> Self {
        Self {
            object,
            pointer: pointer.into(),
            name: name.into(),
            findings,
        }
    }

    pub(in crate::discovery) fn has(&self, field: &str) -> bool {
        self.object.contains_key(field)
    }

    pub(in crate::discovery) fn place(&self, field: &str) -> String {
        key(&self.pointer, field)
    }

    pub(in crate::discovery) fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Says what is wrong with a value.
    pub(in crate::discovery) fn unexpected(&mut self, field: &str, value: &Value, expected: &str) {
        let message = format!("`{field}` cannot be {}", describe(value));
        let finding = Finding::error(self.place(field), message).with_expected(expected);
        self.findings.push(finding);
    }

    /// A field whose type knows by itself what it takes.
    pub(in crate::discovery) fn typed<T: DeserializeOwned>(
        &mut self,
        field: &str,
        expected: &str,
    ) -> Option<T> {
        let value = self.object.get(field)?;
        let read = T::deserialize(value).ok();
        if read.is_none() {
            self.unexpected(field, value, expected);
        }
        read
    }

    /// A text that is parsed into something else; the error of that says what is wrong with it.
    pub(in crate::discovery) fn parsed<T, E: ToString>(
        &mut self,
        field: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text: String = self.typed(field, expected)?;
        match parse(&text) {
            Ok(read) => Some(read),
            Err(error) => {
                let finding = Finding::error(self.place(field), error.to_string());
                self.findings.push(finding.with_expected(expected));
                None
            }
        }
    }

    /// A field that must be there.
    pub(in crate::discovery) fn required(&mut self, field: &str, expected: &str) {
        if !self.has(field) {
            let message = format!("{} has no `{field}`", self.name);
            let finding = Finding::error(self.pointer.clone(), message);
            self.findings.push(finding.at_key().with_expected(expected));
        }
    }

    /// A list of texts, each parsed into something else. What is wrong is left out.
    pub(in crate::discovery) fn list<T, E: ToString>(
        &mut self,
        field: &str,
        expected: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let Some(value) = self.object.get(field) else {
            return Vec::new();
        };
        let Value::Array(list) = value else {
            self.unexpected(field, value, expected);
            return Vec::new();
        };
        let mut read = Vec::with_capacity(list.len());
        for (place, element) in list.iter().enumerate() {
            let pointer = index(&self.place(field), place);
            match element.as_str().map(&parse) {
                Some(Ok(element)) => read.push(element),
                Some(Err(error)) => self.find(Finding::error(pointer, error.to_string())),
                None => {
                    let message = format!("`{field}[{place}]` cannot be {}", describe(element));
                    self.find(Finding::error(pointer, message).with_expected("a text"));
                }
            }
        }
        read
    }

    /// A table within this one.
    pub(in crate::discovery) fn within<T>(
        &mut self,
        field: &str,
        read: impl FnOnce(&mut Fields<'_>) -> T,
    ) -> Option<T> {
        let value = self.object.get(field)?;
        let Value::Object(object) = value else {
            self.unexpected(field, value, "a table");
            return None;
        };
        let pointer = self.place(field);
        let name = format!("`{field}`");
        Some(read(&mut Fields::new(object, pointer, name, self.findings)))
    }

    /// The tables of a list.
    pub(in crate::discovery) fn each(
        &mut self,
        field: &str,
        mut read: impl FnMut(&mut Fields<'_>),
    ) {
        let Some(value) = self.object.get(field) else {
            return;
        };
        let Value::Array(list) = value else {
            self.unexpected(
                field,
                value,
                &format!("tables, each begun by `[[{field}]]`"),
            );
            return;
        };
        for (place, element) in list.iter().enumerate() {
            let pointer = index(&self.place(field), place);
            let name = format!("`{field}[{place}]`");
            if let Value::Object(object) = element {
                read(&mut Fields::new(object, pointer, name, self.findings));
            } else {
                let message = format!("{name} cannot be {}", describe(element));
                self.find(Finding::error(pointer, message).with_expected("a table"));
            }
        }
    }

    /// The object itself.
    pub(in crate::discovery) fn object(&self) -> &'a Object {
        self.object
    }

    pub(in crate::discovery) fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Finds every field that is none of these.
    pub(in crate::discovery) fn refuse_unknown(&mut self, known: &[&str]) {
        for field in self.object.keys() {
            if known.contains(&field.as_str()) {
                continue;
            }
            let shown: String = field.chars().take(SHOWN).collect();
            let message = format!("{} has no field `{shown}`", self.name);
            let near = nearest(&shown, known.iter().copied());
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            let pointer = key(&self.pointer, field);
            self.findings.push(
                Finding::coded(ErrorCode::UNKNOWN_FIELD, pointer, message)
                    .at_key()
                    .with_hint_if(hint),
            );
        }
    }
}

/// A value as it is spoken of.
pub(in crate::discovery) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "`null`".to_owned(),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
        Value::String(text) if text.len() <= SHOWN => format!("the text {text:?}"),
        Value::String(_) => "a long text".to_owned(),
        Value::Array(list) if list.is_empty() => "an empty list".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
    }
}
