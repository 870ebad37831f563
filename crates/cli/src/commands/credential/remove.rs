//! `jackfield credential remove`.

use jackfield::credentials::CredentialError;
use jackfield::store::Expected;

use super::Kept;
use crate::args::CredentialRemoveArgs;
use crate::credentials::credential_error;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::store::Purpose;

/// Removes credentials. One that is not there keeps no other from being removed.
pub(super) fn remove(args: &CredentialRemoveArgs, output: &mut Output) -> Result<Exit, CliError> {
    let kept = Kept::open(&args.visit, None, Purpose::Visit)?;
    let mut missing = None;
    let removed = kept.wait(async {
        let mut removed = Vec::new();
        for name in &args.names {
            if kept.tenant.delete(name, Expected::Anything).await? {
                removed.push(name);
            } else {
                missing = missing.take().or(Some(CredentialError::Missing {
                    tenant: kept.tenant.tenant().clone(),
                    name: name.clone(),
                }));
            }
        }
        Ok::<_, CredentialError>(removed)
    });
    kept.end()?;
    for name in removed.map_err(|error| credential_error(&error))? {
        output.text(&format!("credential `{name}` is removed"))?;
    }
    match missing {
        Some(error) => Err(credential_error(&error)),
        None => Ok(Exit::Success),
    }
}
