//! What commands have in common that look at executions which are kept, or ask things of them.

use std::future::Future;
use std::sync::Arc;

use jackfield::store::{Durability, Store};

use super::warn_all;
use crate::args::{PluginArgs, VisitArgs};
use crate::contents::Contents;
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

    /// One by which nothing is done that the audit trail in the store is to have.
    pub(super) fn unrecorded(
        args: &VisitArgs,
        plugins: &PluginArgs,
        terminal: Terminal,
    ) -> Result<Self, CliError> {
        Self::unrecorded_for(args, plugins, terminal, Purpose::Visit)
    }

    pub(super) fn unrecorded_for(
        args: &VisitArgs,
        plugins: &PluginArgs,
        terminal: Terminal,
        purpose: Purpose,
    ) -> Result<Self, CliError> {
        let how = (Durability::default(), purpose);
        Self::open(args, plugins, terminal, how, Contents::unrecorded)
    }

    pub(super) fn begin_for(
        args: &VisitArgs,
        plugins: &PluginArgs,
        terminal: Terminal,
        durability: Durability,
        purpose: Purpose,
    ) -> Result<Self, CliError> {
        let how = (durability, purpose);
        Self::open(args, plugins, terminal, how, std::convert::identity)
    }

    fn open(
        args: &VisitArgs,
        plugins: &PluginArgs,
        terminal: Terminal,
        (durability, purpose): (Durability, Purpose),
        recorded: fn(Contents) -> Contents,
    ) -> Result<Self, CliError> {
        let runtime = session::runtime()?;
        let store = runtime.block_on(store::open(&args.store, durability, purpose))?;
        let contents = Contents::to_look(&runtime, Some(&store), &args.tenancy.tenant);
        let contents = recorded(contents);
        let session = session::visiting(&args.tenancy, &args.acting, plugins, &contents)?;
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
        let recorded = self.session.finish();
        self.runtime.block_on(store::close(&self.store));
        self.runtime.shutdown_background();
        recorded
    }
}
