//! `jackfield credential`: what tenants prove with who they are, kept in the store.

mod add;
mod fields;
mod key;
mod list;
mod prompt;
mod remove;
mod rotate;
mod types;

use std::future::Future;
use std::sync::Arc;

use jackfield::credentials::{AuditTrail, CredentialStore, MasterKeys, TenantCredentials};
use jackfield::store::{Durability, Store};
use jackfield::{AuditLog, PolicyReader, Tenancy};

use crate::args::{CredentialCommand, CredentialKeyArgs, VisitArgs};
use crate::contents::Contents;
use crate::credentials;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::recording;
use crate::session;
use crate::store::{self, Purpose};

/// Runs one of the subcommands.
pub(crate) fn credential(
    command: CredentialCommand,
    output: &mut Output,
) -> Result<Exit, CliError> {
    match command {
        CredentialCommand::Add(args) => add::add(&args, output),
        CredentialCommand::List(args) => list::list(&args, output),
        CredentialCommand::Show(args) => list::show(&args, output),
        CredentialCommand::Remove(args) => remove::remove(&args, output),
        CredentialCommand::Types {
            name,
            output: format,
        } => types::types(name.as_deref(), format, output),
        CredentialCommand::Rotate(args) => rotate::rotate(&args, output),
        CredentialCommand::Key(command) => key::key(&command, output),
    }
}

/// The credentials in a store, beside whoever runs executions in it.
struct Kept {
    all: CredentialStore,
    tenant: TenantCredentials,
    store: Arc<dyn Store>,
    keys: MasterKeys,
    audit: Option<AuditLog>,
    runtime: tokio::runtime::Runtime,
}

impl Kept {
    /// Opens them; without keys if none are taken.
    fn open(
        visit: &VisitArgs,
        keys: Option<&CredentialKeyArgs>,
        purpose: Purpose,
    ) -> Result<Self, CliError> {
        Self::open_and(visit, keys, purpose, std::convert::identity)
    }

    /// Opens them to look at them only: nothing is put on record in the store.
    fn look(visit: &VisitArgs, keys: &CredentialKeyArgs) -> Result<Self, CliError> {
        Self::open_and(visit, Some(keys), Purpose::Visit, Contents::unrecorded)
    }

    fn open_and(
        visit: &VisitArgs,
        keys: Option<&CredentialKeyArgs>,
        purpose: Purpose,
        recorded: fn(Contents) -> Contents,
    ) -> Result<Self, CliError> {
        let runtime = session::runtime()?;
        let keys = match keys {
            Some(keys) => runtime.block_on(credentials::master_keys(keys))?,
            None => MasterKeys::none(),
        };
        let opened = store::open(&visit.store, Durability::default(), purpose);
        let store = runtime.block_on(opened)?;
        let contents = recorded(Contents::unread(&runtime, &store));
        let audit = recording::audit_log(&visit.acting, &visit.tenancy.tenant, &contents)?;
        let trail = trail(visit, audit.clone())?;
        let all = CredentialStore::builder(Arc::clone(&store), keys.clone())
            .audit(trail)
            .build();
        Ok(Self {
            tenant: all.tenant(&visit.tenancy.tenant),
            all,
            store,
            keys,
            audit,
            runtime,
        })
    }

    /// Does something asynchronously.
    fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    /// Sees to it that what was written is where it has to be.
    fn end(self) -> Result<(), CliError> {
        let recorded = recording::flush(self.audit.as_ref());
        self.runtime.block_on(store::close(&self.store));
        self.runtime.shutdown_background();
        recorded
    }
}

/// Where it is put on record what is changed: in the trail of the tenant, if one is kept.
fn trail(visit: &VisitArgs, audit: Option<AuditLog>) -> Result<AuditTrail, CliError> {
    let mut builder = Tenancy::builder();
    if let Some(audit) = audit {
        builder = builder.audit(audit);
    }
    let tenancy = builder.build();
    if let Some(folder) = &visit.tenancy.policies {
        tenancy
            .load_folder_with(folder, &PolicyReader::new())
            .map_err(CliError::Policies)?;
    }
    let trail = AuditTrail::new(tenancy);
    Ok(match &visit.acting.user {
        Some(user) => trail.by(user.clone()),
        None => trail,
    })
}
