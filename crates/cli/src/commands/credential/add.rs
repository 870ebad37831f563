//! `jackfield credential add`.

use jackfield::credentials::{CredentialError, CredentialSummary, KeyError, NewCredential};
use jackfield::store::Expected;
use jackfield::tenancy::LEAST_SECRET;
use jackfield::types::Secret;

use super::Kept;
use super::fields::gather;
use crate::args::CredentialAddArgs;
use crate::credentials::credential_error;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::store::Purpose;

/// A list of a binding.
type List = Option<Vec<String>>;

/// Keeps a credential. Nobody is asked for anything before it is known that it can be kept.
pub(super) fn add(args: &CredentialAddArgs, output: &mut Output) -> Result<Exit, CliError> {
    let kept = Kept::open(&args.kept.visit, Some(&args.kept.keys), Purpose::Keep)?;
    let done = put(&kept, args);
    kept.end()?;
    let (hosts, node_types, short) = done?;
    let name = &args.name;
    output.text(&format!(
        "credential `{name}` is kept; it may be used for {} by {}",
        shown(hosts.as_deref(), "any host"),
        shown(node_types.as_deref(), "any node type"),
    ))?;
    for field in short {
        output.text(&format!(
            "`{field}` has fewer than {LEAST_SECRET} bytes: where it stands in the midst of a text, it is not masked"
        ))?;
    }
    Ok(Exit::Success)
}

fn shown(list: Option<&[String]>, any: &str) -> String {
    list.map_or_else(|| any.to_owned(), |list| list.join(", "))
}

fn put(kept: &Kept, args: &CredentialAddArgs) -> Result<(List, List, Vec<String>), CliError> {
    let name = &args.name;
    let wrong = |error: CredentialError| credential_error(&error);
    if kept.keys.current().is_none() {
        return Err(wrong(KeyError::None.into()));
    }
    let types = kept.all.types();
    let credential_type = types.find(&args.credential_type).map_err(wrong)?;
    let before = kept.wait(kept.tenant.summary(name)).map_err(wrong)?;
    if before.is_some() && !args.replace {
        return Err(CliError::usage(
            format!("there is a credential `{name}` already"),
            "`--replace` takes its place; nothing was changed",
        ));
    }
    let (hosts, node_types) = binding(kept, args, before)?;
    let fields = gather(kept, args, credential_type)?;
    let short = credential_type.short_secrets(&fields);
    let new = NewCredential {
        credential_type: args.credential_type.clone(),
        fields: Secret::new(fields),
        hosts: hosts.clone(),
        node_types: node_types.clone(),
    };
    let expected = match args.replace {
        true => Expected::Anything,
        false => Expected::Absent,
    };
    kept.wait(kept.tenant.put(name, &new, expected))
        .map_err(wrong)?;
    Ok((hosts, node_types, short))
}

/// What it is bound to: what is said, and else what the one before was bound to, if that can be
/// trusted. A new secret must not be free because nobody thought of it.
fn binding(
    kept: &Kept,
    args: &CredentialAddArgs,
    before: Option<CredentialSummary>,
) -> Result<(List, List), CliError> {
    let said = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
    let (hosts, node_types) = (said(&args.hosts), said(&args.node_types));
    let is_said = (
        hosts.is_some() || args.any_host,
        node_types.is_some() || args.any_node_type,
    );
    if before.is_none() || is_said == (true, true) {
        return Ok((hosts, node_types));
    }
    let name = &args.name;
    let details = kept
        .wait(kept.tenant.verify(name))
        .ok()
        .and(before.and_then(|before| before.details));
    let details = details.ok_or_else(|| {
        CliError::usage(
            format!("credential `{name}` cannot be read, so nobody knows what it is bound to"),
            "say what the new one is bound to: `--host HOST` or `--any-host`, and `--node-type \
             NODE_TYPE` or `--any-node-type`",
        )
    })?;
    Ok((
        if is_said.0 { hosts } else { details.hosts },
        if is_said.1 {
            node_types
        } else {
            details.node_types
        },
    ))
}
