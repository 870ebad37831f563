//! `jackfield credential types`.

use comfy_table::Cell;
use jackfield::credentials::{CredentialField, CredentialType, CredentialTypes};
use serde_json::{Value, json};

use crate::args::PlainOutput;
use crate::credentials::credential_error;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render::table::{table, to_text};

/// Lists the types that there are, or prints the schema of one.
pub(super) fn types(
    name: Option<&str>,
    format: PlainOutput,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let types = CredentialTypes::new();
    if let Some(name) = name {
        let found = types.find(name).map_err(|error| credential_error(&error))?;
        output.document(found.schema())?;
        return Ok(Exit::Success);
    }
    match format {
        PlainOutput::Json => {
            let described: Vec<Value> = types.iter().map(described).collect();
            output.document(&described)?;
        }
        PlainOutput::Pretty => {
            let columns = ["type", "fields", "of them secret"];
            let mut table = table(&columns, output.stream());
            for one in types.iter() {
                let fields = one.fields();
                let secret: Vec<&str> = fields
                    .iter()
                    .filter(|field| field.is_secret)
                    .map(|field| field.name.as_str())
                    .collect();
                let all: Vec<String> = fields.iter().map(shown).collect();
                table.add_row(vec![
                    Cell::new(one.name()),
                    Cell::new(all.join(", ")),
                    Cell::new(secret.join(", ")),
                ]);
            }
            output.text(&to_text(&table))?;
        }
    }
    Ok(Exit::Success)
}

fn shown(field: &CredentialField) -> String {
    let optional = if field.is_required { "" } else { "?" };
    format!("{}{optional}", field.name)
}

fn described(one: &CredentialType) -> Value {
    json!({ "type": one.name(), "fields": one.fields(), "schema": one.schema() })
}
