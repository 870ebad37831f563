//! Rules of trust as they are written down.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::error::TrustRulesError;
use super::key::PublicKey;
use super::publisher::PublisherName;
use super::rules::{Signatures, TrustRules};
use super::scope::Scope;

/// How large a file of rules may be.
const LARGEST_FILE: u64 = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesDocument {
    #[serde(default)]
    signatures: Signatures,
    #[serde(default)]
    publishers: BTreeMap<Spanned<String>, PublisherDocument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublisherDocument {
    keys: Spanned<Vec<Spanned<String>>>,
    plugins: Option<Vec<Spanned<String>>>,
}

/// The text, for places in it.
struct Source<'a> {
    text: &'a str,
    path: Option<&'a Path>,
}

impl Source<'_> {
    fn wrong(&self, offset: usize, reason: &impl ToString) -> TrustRulesError {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        TrustRulesError::Malformed {
            path: self.path.map(Path::to_path_buf),
            line: before.matches('\n').count() + 1,
            column: before[start..].chars().count() + 1,
            reason: reason.to_string(),
        }
    }
}

pub(super) fn parse(text: &str, path: Option<&Path>) -> Result<TrustRules, TrustRulesError> {
    let source = Source { text, path };
    let document: RulesDocument = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(text.len(), |span| span.start);
        source.wrong(offset, &error.message())
    })?;
    let mut rules = TrustRules::new(document.signatures);
    for (name, publisher) in &document.publishers {
        let at = name.span().start;
        let name =
            PublisherName::parse(name.get_ref()).map_err(|error| source.wrong(at, &error))?;
        let mut plugins = Vec::new();
        for scope in publisher.plugins.iter().flatten() {
            let parsed: Result<Scope, _> = scope.get_ref().parse();
            plugins.push(parsed.map_err(|error| source.wrong(scope.span().start, &error))?);
        }
        if publisher.plugins.is_some() && plugins.is_empty() {
            let reason =
                format!("`{name}` may sign nothing: name a plugin, or leave `plugins` out");
            return Err(source.wrong(at, &reason));
        }
        if publisher.keys.get_ref().is_empty() {
            let reason = format!("`{name}` has no key: name one, or leave the publisher out");
            return Err(source.wrong(publisher.keys.span().start, &reason));
        }
        for key in publisher.keys.get_ref() {
            let at = key.span().start;
            let parsed: Result<PublicKey, _> = key.get_ref().parse();
            let parsed = parsed.map_err(|error| source.wrong(at, &error))?;
            rules
                .trust(&name, parsed, &plugins)
                .map_err(|error| source.wrong(at, &error))?;
        }
    }
    Ok(rules)
}

pub(super) fn read(path: &Path) -> Result<TrustRules, TrustRulesError> {
    let unreadable = |source| TrustRulesError::Io {
        path: PathBuf::from(path),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    let read = file.take(LARGEST_FILE + 1).read_to_string(&mut text);
    if read.map_err(unreadable)? as u64 > LARGEST_FILE {
        return Err(TrustRulesError::TooLarge {
            path: PathBuf::from(path),
        });
    }
    parse(&text, Some(path))
}

pub(super) fn write(rules: &TrustRules) -> String {
    let mut text = format!(
        "# Whose plugins this instance takes; see docs/plugin-trust.md.\nsignatures = \"{}\"\n",
        rules.signatures().as_str()
    );
    for (name, keys, plugins) in rules.publishers() {
        // Writing to a string cannot fail. No name, key or scope has a character to be escaped.
        let _ = write!(
            text,
            "\n[publishers.{name}]\nkeys = {}\nplugins = {}\n",
            list(keys),
            list(plugins)
        );
    }
    text
}

fn list<T: ToString>(entries: &[T]) -> String {
    let quoted: Vec<String> = entries
        .iter()
        .map(|entry| format!("\"{}\"", entry.to_string()))
        .collect();
    format!("[{}]", quoted.join(", "))
}
