//! What commands have in common that look at executions which are kept, or ask things of them.

use std::future::Future;
use std::sync::Arc;

use jackfield::store::{Durability, Store};

use super::warn_all;
use crate::args::{PluginArgs, VisitArgs};
use crate::credentials;
use crate::error::CliError;
use crate::session::{self, Session};
use crate::store::{self, Purpose};
use crate::terminal::Terminal;

/// A session over the store, beside whoever runs executions in it.
pub(super) struct Visit {
    pub(super) session: Session,
    pub(super) store: Arc<dyn Store>,
    runtime: tokio::runtime::Runtime,
}

impl Visit {
    pub(super) fn begin(
        args: &VisitArgs,
        plugins: &PluginArgs,
        terminal: Terminal,
    ) -> Result<Self, CliError> {
        Self::begin_for(
            args,
            plugins,
            terminal,
            Durability::default(),
            Purpose::Visit,
        )
    }

    pub(super) fn begin_for(
        args: &VisitArgs,
        plugins: &PluginArgs,
        terminal: Terminal,
        durability: Durability,
        purpose: Purpose,
    ) -> Result<Self, CliError> {
        let runtime = session::runtime()?;
        let store = runtime.block_on(store::open(&args.store, durability, purpose))?;
        let kept = Arc::clone(&store);
        let tenant = &args.tenancy.tenant;
        let credentials = runtime.block_on(credentials::named_in(Some(&store), tenant));
        let session = session::visiting(
            &args.tenancy,
            &args.acting,
            plugins,
            Some(kept),
            credentials,
        )?;
        warn_all(&session.warnings, terminal.stderr);
        Ok(Self {
            session,
            store,
            runtime,
        })
    }

    /// Does something asynchronously.
    pub(super) fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    /// Sees to it that what was written is where it has to be.
    pub(super) fn end(self) -> Result<(), CliError> {
        self.runtime.block_on(store::close(&self.store));
        self.runtime.shutdown_background();
        self.session.finish()
    }
}
