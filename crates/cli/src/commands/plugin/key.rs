//! `jackfield plugin key`: keys to sign with, and whose are trusted.

use std::path::{Path, PathBuf};

use comfy_table::Cell;
use jackfield::registry::trust::{
    KeyError, KeyFolder, PublicKey, PublisherName, Scope, TrustRules,
};
use serde_json::{Value, json};

use crate::args::{KeyCommand, KeysArgs, PlainOutput, TrustArgs};
use crate::error::{CliError, whole_text};
use crate::exit::Exit;
use crate::home;
use crate::output::Output;
use crate::plugins::{rules_error, trust_file, trust_rules, write_whole};
use crate::render::table::{table, to_text};

/// Runs one of the subcommands.
pub(super) fn key(command: KeyCommand, output: &mut Output) -> Result<Exit, CliError> {
    match command {
        KeyCommand::New { name, keys } => create(&name, &keys, output)?,
        KeyCommand::List {
            keys,
            output: format,
        } => list(&keys, format, output)?,
        KeyCommand::Trust {
            name,
            key,
            keys,
            scopes,
            trust,
        } => {
            let key = match key {
                Some(key) => key,
                None => own_key(&name, &keys)?,
            };
            self::trust(&name, key, &scopes, trust.as_deref(), output)?;
        }
        KeyCommand::Distrust { key, trust } => distrust(&key, trust.as_deref(), output)?,
        KeyCommand::Trusted {
            trust,
            output: format,
        } => trusted(&trust, format, output)?,
    }
    Ok(Exit::Success)
}

/// The folder of keys.
pub(super) fn folder_of(args: &KeysArgs) -> Result<KeyFolder, CliError> {
    let at_home = || home::folder().map(|home| home.join("keys"));
    let folder = args.keys.clone().or_else(at_home).ok_or_else(|| {
        CliError::usage(
            "there is no home folder to keep keys in",
            "name a folder with `--keys`",
        )
    })?;
    Ok(KeyFolder::new(folder))
}

pub(super) fn key_error(error: &KeyError) -> CliError {
    CliError::usage(whole_text(error), error.hint())
}

fn create(name: &PublisherName, keys: &KeysArgs, output: &mut Output) -> Result<(), CliError> {
    let folder = folder_of(keys)?;
    let key = folder.create(name).map_err(|error| key_error(&error))?;
    output.text(&format!(
        "key `{name}` made in {}\n{key}",
        folder.path().display()
    ))
}

fn list(keys: &KeysArgs, format: PlainOutput, output: &mut Output) -> Result<(), CliError> {
    let pairs = folder_of(keys)?.list().map_err(|error| key_error(&error))?;
    match format {
        PlainOutput::Pretty if pairs.is_empty() => output.text("no keys"),
        PlainOutput::Pretty => {
            let mut table = table(&["name", "public key", "signs"], output.stream());
            for pair in pairs {
                let signs = if pair.has_secret { "yes" } else { "no" };
                table.add_row(vec![
                    Cell::new(&pair.name),
                    Cell::new(pair.public_key),
                    Cell::new(signs),
                ]);
            }
            output.text(&to_text(&table))
        }
        PlainOutput::Json => {
            let pairs: Vec<Value> = pairs
                .iter()
                .map(|pair| {
                    json!({
                        "name": pair.name.as_str(),
                        "publicKey": pair.public_key.to_string(),
                        "signs": pair.has_secret,
                    })
                })
                .collect();
            output.document(&pairs)
        }
    }
}

/// The public part of a key in the folder of keys.
fn own_key(name: &PublisherName, keys: &KeysArgs) -> Result<PublicKey, CliError> {
    let folder = folder_of(keys)?;
    let pairs = folder.list().map_err(|error| key_error(&error))?;
    let pair = pairs.into_iter().find(|pair| pair.name == *name);
    pair.map(|pair| pair.public_key).ok_or_else(|| {
        CliError::usage(
            format!("there is no key `{name}` in `{}`", folder.path().display()),
            "give the public key of the publisher as well: `ed25519:…`",
        )
    })
}

/// The file with the rules, and what stands in it.
fn rules(named: Option<&Path>) -> Result<(PathBuf, TrustRules), CliError> {
    let file = trust_file(named).ok_or_else(|| {
        CliError::usage(
            "there is no home folder to keep rules in",
            "name a file with `--trust`",
        )
    })?;
    let rules = if file.exists() {
        TrustRules::read(&file).map_err(|error| rules_error(&error))?
    } else {
        TrustRules::default()
    };
    Ok((file, rules))
}

fn trust(
    name: &PublisherName,
    key: PublicKey,
    scopes: &[Scope],
    named: Option<&Path>,
    output: &mut Output,
) -> Result<(), CliError> {
    let (file, mut rules) = rules(named)?;
    let trusted = rules.trust(name, key, scopes);
    trusted.map_err(|error| rules_error(&error))?;
    write_whole(&file, rules.to_toml().as_bytes())?;
    output.text(&format!("`{name}` is trusted with {key}"))
}

fn distrust(key: &PublicKey, named: Option<&Path>, output: &mut Output) -> Result<(), CliError> {
    let (file, mut rules) = rules(named)?;
    let Some(name) = rules.distrust(key) else {
        return Err(CliError::usage(
            format!("nobody is trusted with `{key}`"),
            "`jackfield plugin key trusted` lists the keys",
        ));
    };
    write_whole(&file, rules.to_toml().as_bytes())?;
    output.text(&format!("`{name}` is not trusted with {key} any more"))
}

fn trusted(args: &TrustArgs, format: PlainOutput, output: &mut Output) -> Result<(), CliError> {
    let rules = trust_rules(args)?;
    let words = |scopes: &[Scope]| -> Vec<String> { scopes.iter().map(Scope::to_string).collect() };
    match format {
        PlainOutput::Pretty => {
            let mut table = table(&["publisher", "key", "signs"], output.stream());
            for (name, keys, scopes) in rules.publishers() {
                for key in keys {
                    table.add_row(vec![
                        Cell::new(name),
                        Cell::new(key),
                        Cell::new(words(scopes).join(", ")),
                    ]);
                }
            }
            let state = rules.signatures().as_str();
            output.text(&format!("{}signatures are {state}", to_text(&table)))
        }
        PlainOutput::Json => {
            let publishers: Vec<Value> = rules
                .publishers()
                .map(|(name, keys, scopes)| {
                    let keys: Vec<String> = keys.iter().map(PublicKey::to_string).collect();
                    json!({ "publisher": name.as_str(), "keys": keys, "signs": words(scopes) })
                })
                .collect();
            output.document(&json!({
                "signatures": rules.signatures().as_str(),
                "publishers": publishers,
            }))
        }
    }
}
