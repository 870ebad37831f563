//! What is in a new credential, and where that comes from: never from the command line, if it is
//! secret.

use std::env;
use std::io::{self, IsTerminal};
use std::path::Path;

use jackfield::credentials::{CredentialField, CredentialType};
use jackfield::{ByteSize, Object};
use serde_json::Value;

use super::Kept;
use super::prompt::ask;
use crate::args::{CredentialAddArgs, WrittenField};
use crate::error::CliError;
use crate::file::{read_bounded, read_file};

/// What a credential has at most.
const LARGEST: ByteSize = ByteSize::kib(64);

/// Gathers the fields: what is said, then what standard input or whoever sits there says.
pub(super) fn gather(
    kept: &Kept,
    args: &CredentialAddArgs,
    credential_type: &CredentialType,
) -> Result<Object, CliError> {
    let known = credential_type.fields();
    let mut fields = match args.fields.as_deref() {
        None => Object::new(),
        Some("-") => object(&standard_input()?, "standard input")?,
        Some(file) => object(&read_file(Path::new(file), LARGEST)?, &format!("`{file}`"))?,
    };
    for written in &args.plain {
        let (field, value) = parts(written, "--field FIELD=VALUE")?;
        check_plain(&known, field)?;
        put(&mut fields, field, value.to_owned())?;
    }
    for written in &args.from_env {
        let (field, variable) = parts(written, "--from-env FIELD=VARIABLE")?;
        put(&mut fields, field, variable_of(field, variable)?)?;
    }
    for written in &args.from_file {
        let (field, file) = parts(written, "--from-file FIELD=FILE")?;
        let bytes = read_file(Path::new(file), LARGEST)?;
        put(&mut fields, field, text(bytes, &format!("`{file}`"))?)?;
    }
    let missing: Vec<&CredentialField> = known
        .iter()
        .filter(|field| field.is_required && !fields.contains_key(&field.name))
        .collect();
    let is_read = args.fields.as_deref() == Some("-");
    match missing.as_slice() {
        [] => {}
        [_, ..] if !is_read && io::stdin().is_terminal() => {
            for field in missing {
                let value = ask(kept, field)?;
                put(&mut fields, &field.name, value)?;
            }
        }
        [only] if !is_read => {
            let value = text(standard_input()?, "standard input")?;
            if value.is_empty() {
                return Err(not_given(&[only]));
            }
            put(&mut fields, &only.name, value)?;
        }
        _ => return Err(not_given(&missing)),
    }
    Ok(fields)
}

fn parts<'w>(written: &'w WrittenField, form: &str) -> Result<(&'w str, &'w str), CliError> {
    written.parts().ok_or_else(|| {
        CliError::usage(
            format!("`{form}` is not written so"),
            "`=` stands between the two",
        )
    })
}

/// What is secret is not taken from the command line, not even when it stands there already.
fn check_plain(known: &[CredentialField], field: &str) -> Result<(), CliError> {
    let is_plain = known.iter().any(|one| one.name == field && !one.is_secret);
    if is_plain {
        return Ok(());
    }
    Err(CliError::usage(
        format!(
            "field `{field}` is secret, and command lines are seen by others and kept by shells"
        ),
        format!(
            "leave it out to be asked for it, or give it by standard input, `--from-env \
             {field}=VARIABLE` or `--from-file {field}=FILE`; what stood on the command line is best \
             not used any more"
        ),
    ))
}

fn put(fields: &mut Object, field: &str, value: String) -> Result<(), CliError> {
    if fields
        .insert(field.to_owned(), Value::String(value))
        .is_some()
    {
        return Err(CliError::usage(
            format!("field `{field}` is given twice"),
            "give each field once",
        ));
    }
    Ok(())
}

fn variable_of(field: &str, variable: &str) -> Result<String, CliError> {
    let is_name = !variable.is_empty() && !variable.contains(['=', '\0']);
    let found = is_name.then(|| env::var(variable).ok()).flatten();
    found.ok_or_else(|| {
        CliError::usage(
            format!("field `{field}`: the environment has no text under that name"),
            "name a variable that is set, not the value",
        )
    })
}

fn standard_input() -> Result<Vec<u8>, CliError> {
    let read = read_bounded(io::stdin().lock(), LARGEST);
    let read = read.map_err(|error| {
        CliError::usage(
            format!("standard input cannot be read: {error}"),
            "give the fields by `--from-file` or `--from-env`",
        )
    })?;
    read.ok_or_else(|| {
        CliError::usage(
            format!("standard input has more than {LARGEST}"),
            "no credential is that large",
        )
    })
}

/// A text, without the line end behind it.
fn text(bytes: Vec<u8>, whence: &str) -> Result<String, CliError> {
    let mut text = String::from_utf8(bytes).map_err(|_| {
        CliError::usage(
            format!("{whence} is not UTF-8"),
            "fields are texts; encode what is none, for example in base64",
        )
    })?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// A JSON object. What is wrong is told by its place alone: the rest could show a value.
fn object(bytes: &[u8], whence: &str) -> Result<Object, CliError> {
    serde_json::from_slice(bytes).map_err(|error| {
        CliError::usage(
            format!(
                "{whence} is no JSON object (line {}, column {})",
                error.line(),
                error.column()
            ),
            "fields are written like {\"user\": \"ada\", \"password\": \"…\"}",
        )
    })
}

fn not_given(missing: &[&CredentialField]) -> CliError {
    let names: Vec<String> = missing
        .iter()
        .map(|field| format!("`{}`", field.name))
        .collect();
    CliError::usage(
        format!("nothing is given for {}", names.join(", ")),
        "give it by standard input if it is just one, by `--fields FILE`, `--from-env \
         FIELD=VARIABLE` or `--from-file FIELD=FILE`",
    )
}
