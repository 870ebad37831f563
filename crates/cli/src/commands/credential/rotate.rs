//! `jackfield credential rotate`: new keys for what is encrypted already.

use std::collections::BTreeMap;

use jackfield::credentials::{CredentialError, KeyError, KeyId, Rotated, Rotation};
use serde_json::{Value, json};

use super::Kept;
use crate::args::{CredentialRotateArgs, PlainOutput};
use crate::commands::say;
use crate::credentials::credential_error;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render::text::{count, line};
use crate::store::Purpose;

/// What came of a rotation.
struct Turned {
    rotated: Rotated,
    /// How many credentials of all tenants need each key, or why that is not known.
    in_use: Result<BTreeMap<KeyId, u64>, CredentialError>,
}

/// Encrypts credentials anew. What cannot be read stays as it is, and the command ends with 1.
pub(super) fn rotate(args: &CredentialRotateArgs, output: &mut Output) -> Result<Exit, CliError> {
    let kept = Kept::open(&args.kept.visit, Some(&args.kept.keys), Purpose::Visit)?;
    let turned = kept.wait(turn(&kept, args));
    let current = kept.keys.current().map(|key| key.id().clone());
    kept.end()?;
    let Turned { rotated, in_use } = turned.map_err(|error| credential_error(&error))?;
    match args.output {
        PlainOutput::Json => output.document(&described(&rotated, in_use.as_ref().ok()))?,
        PlainOutput::Pretty => {
            let failed = match rotated.failed.len() {
                0 => String::new(),
                failed => format!(", {failed} that cannot be read"),
            };
            output.text(&format!(
                "{} encrypted anew, {} as they were{failed}",
                count(whole(rotated.changed), "credential"),
                rotated.unchanged
            ))?;
            for (id, number) in in_use.iter().flatten() {
                let state = match current.as_ref() == Some(id) {
                    true => "which encrypts now",
                    false => "keep it",
                };
                let number = count(whole(*number), "credential");
                output.text(&format!("key `{id}`, {state}: {number} of all tenants"))?;
            }
        }
    }
    for (tenant, name, problem) in &rotated.failed {
        say(&format!(
            "tenant `{tenant}`, `{}`: {}",
            line(name, 256),
            line(problem, 500)
        ));
    }
    if let Err(error) = &in_use {
        say(&format!(
            "which keys are still needed is not known: {error}"
        ));
    }
    Ok(match rotated.is_done() {
        true => Exit::Success,
        false => Exit::ExecutionFailed,
    })
}

async fn turn(kept: &Kept, args: &CredentialRotateArgs) -> Result<Turned, CredentialError> {
    if kept.keys.current().is_none() {
        return Err(KeyError::None.into());
    }
    let mut rotated = Rotated::default();
    if args.data_keys {
        let now = kept.store.now().await?;
        let encrypted_before = args.before.map_or(now, |before| before.before(now));
        rotated = turn_as(kept, args, Rotation::DataKeys { encrypted_before }).await?;
    }
    // Those that got no new data key may still need an old master key.
    let again = turn_as(kept, args, Rotation::MasterKey).await?;
    rotated.unchanged = again.unchanged.saturating_sub(rotated.changed);
    rotated.changed += again.changed;
    for failed in again.failed {
        let is_known = rotated
            .failed
            .iter()
            .any(|known| (&known.0, &known.1) == (&failed.0, &failed.1));
        if !is_known {
            rotated.failed.push(failed);
        }
    }
    Ok(Turned {
        rotated,
        in_use: kept.all.keys_in_use().await,
    })
}

async fn turn_as(
    kept: &Kept,
    args: &CredentialRotateArgs,
    rotation: Rotation,
) -> Result<Rotated, CredentialError> {
    match args.all_tenants {
        true => kept.all.rotate(rotation).await,
        false => kept.tenant.rotate(rotation).await,
    }
}

fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn described(rotated: &Rotated, in_use: Option<&BTreeMap<KeyId, u64>>) -> Value {
    let failed: Vec<Value> = rotated
        .failed
        .iter()
        .map(|(tenant, name, problem)| {
            json!({ "tenant": tenant, "credential": name, "problem": problem })
        })
        .collect();
    json!({
        "changed": rotated.changed,
        "unchanged": rotated.unchanged,
        "failed": failed,
        "keysInUse": in_use,
    })
}
