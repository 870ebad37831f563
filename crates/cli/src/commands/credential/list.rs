//! `jackfield credential list` and `show`: what may be seen of credentials.

use comfy_table::{Cell, Color};
use jackfield::credentials::{CredentialError, CredentialSummary};
use jackfield::store::PageRequest;
use serde::Serialize;

use super::Kept;
use crate::args::{CredentialListArgs, CredentialShowArgs, PlainOutput};
use crate::credentials::credential_error;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render::table::{colored, table, to_text};
use crate::render::text::line;
use crate::terminal::Stream;

/// The longest text of a cell.
const LONGEST: usize = 60;

/// What is shown of one.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    summary: CredentialSummary,
    /// Whether it can be read with the keys that are given; unknown without any.
    #[serde(skip_serializing_if = "Option::is_none")]
    readable: Option<bool>,
}

/// One that was looked at, and why it cannot be read.
type Looked = (Listed, Option<CredentialError>);

/// Lists them all. One that cannot be read keeps no other from being listed.
pub(super) fn list(args: &CredentialListArgs, output: &mut Output) -> Result<Exit, CliError> {
    let kept = Kept::look(&args.kept.visit, &args.kept.keys)?;
    let found = kept.wait(all(&kept));
    kept.end()?;
    let found = found.map_err(|error| credential_error(&error))?;
    match args.output {
        PlainOutput::Json => output.document(&found)?,
        PlainOutput::Pretty if found.is_empty() => {
            output.text("the tenant has no credentials in this store")?;
        }
        PlainOutput::Pretty => output.text(&shown(&found, output.stream()))?,
    }
    Ok(Exit::Success)
}

async fn all(kept: &Kept) -> Result<Vec<Listed>, CredentialError> {
    let mut request = PageRequest {
        limit: PageRequest::MOST,
        ..PageRequest::default()
    };
    let mut found = Vec::new();
    loop {
        let page = kept.tenant.list(&request).await?;
        for summary in page.entries {
            found.push(look(kept, summary).await.0);
        }
        if page.next.is_none() {
            return Ok(found);
        }
        request.after = page.next;
    }
}

/// Finds out whether one can be read, if there is any key to do so.
async fn look(kept: &Kept, summary: CredentialSummary) -> Looked {
    let found = match kept.keys.current() {
        // What cannot even be taken apart needs no key to be found out.
        None if summary.problem.is_none() => None,
        _ => Some(kept.tenant.verify(&summary.name).await),
    };
    let readable = found.as_ref().map(Result::is_ok);
    let error = found.and_then(Result::err);
    let problem = error.as_ref().map(ToString::to_string);
    let summary = CredentialSummary {
        problem: summary.problem.clone().or(problem),
        ..summary
    };
    (Listed { summary, readable }, error)
}

fn shown(all: &[Listed], stream: Stream) -> String {
    let columns = [
        "credential",
        "type",
        "hosts",
        "node types",
        "key",
        "changed",
        "",
    ];
    let mut table = table(&columns, stream);
    let mut problems = String::new();
    for Listed { summary, readable } in all {
        let name = line(&summary.name, LONGEST);
        let mut row = vec![Cell::new(&name)];
        match &summary.details {
            Some(details) => row.extend([
                Cell::new(line(&details.credential_type, LONGEST)),
                Cell::new(list_of(details.hosts.as_deref())),
                Cell::new(list_of(details.node_types.as_deref())),
                Cell::new(&details.key),
                Cell::new(format!("{:.0}", details.changed_at)),
            ]),
            None => row.extend([(); 5].map(|()| Cell::new(""))),
        }
        row.push(match readable {
            Some(false) => colored("unreadable", Color::Red, stream),
            Some(true) | None => Cell::new(""),
        });
        table.add_row(row);
        if let Some(problem) = &summary.problem {
            problems.push_str(&format!("{name}: {}\n", line(problem, 500)));
        }
    }
    format!("{}{problems}", to_text(&table))
}

fn list_of(list: Option<&[String]>) -> String {
    match list {
        None => "any".to_owned(),
        Some([]) => "none".to_owned(),
        Some(list) => line(&list.join(", "), LONGEST),
    }
}

/// Shows one. It ends with 2 if there are keys and it cannot be read.
pub(super) fn show(args: &CredentialShowArgs, output: &mut Output) -> Result<Exit, CliError> {
    let kept = Kept::look(&args.kept.visit, &args.kept.keys)?;
    let looked = kept.wait(async {
        let found = kept.tenant.summary(&args.name).await?;
        match found {
            Some(summary) => Ok(look(&kept, summary).await),
            // In the words that everybody uses for it.
            None => Err(kept
                .tenant
                .verify(&args.name)
                .await
                .err()
                .unwrap_or(CredentialError::Name)),
        }
    });
    kept.end()?;
    let (listed, error) = looked.map_err(|error| credential_error(&error))?;
    match args.output {
        PlainOutput::Json => output.document(&listed)?,
        PlainOutput::Pretty => output.text(&page(&listed))?,
    }
    match error {
        Some(error) => Err(credential_error(&error)),
        None => Ok(Exit::Success),
    }
}

fn page(listed: &Listed) -> String {
    let mut text = format!("credential  {}\n", line(&listed.summary.name, 256));
    let mut add = |name: &str, value: &str| text.push_str(&format!("{name:<12}{value}\n"));
    if let Some(details) = &listed.summary.details {
        let entries = |list: Option<&[String]>| match list {
            None => "any".to_owned(),
            Some([]) => "none".to_owned(),
            Some(list) => {
                let entries: Vec<String> = list.iter().map(|entry| line(entry, 300)).collect();
                entries.join(", ")
            }
        };
        add("type", &line(&details.credential_type, LONGEST));
        add("hosts", &entries(details.hosts.as_deref()));
        add("node types", &entries(details.node_types.as_deref()));
        add("key", details.key.as_str());
        add("created", &format!("{:.0}", details.created_at));
        add("changed", &format!("{:.0}", details.changed_at));
        add("encrypted", &format!("{:.0}", details.encrypted_at));
    }
    let readable = match listed.readable {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown: no key is given",
    };
    add("readable", readable);
    text
}
