//! `jackfield gc`: lets go of executions that have ended.

use jackfield::store::{Durability, Retention, Store};
use jackfield::{ByteSize, TenantId};
use serde::Serialize;

use crate::args::{GcArgs, PlainOutput};
use crate::error::CliError;
use crate::exit::Exit;
use crate::kept_error::store_error;
use crate::output::Output;
use crate::render::text::count;
use crate::session;
use crate::store::{self, Purpose};

/// What went of one tenant.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Gone {
    tenant: TenantId,
    executions: u64,
    payloads: u64,
    payload_bytes: u64,
    dry_run: bool,
}

/// Lets go of executions, of one tenant or of all of them.
pub(crate) fn gc(args: &GcArgs, output: &mut Output) -> Result<Exit, CliError> {
    let retention = Retention {
        max_age: args.older_than,
        max_count: args.keep,
        dry_run: args.dry_run,
    };
    let runtime = session::runtime()?;
    let opened = store::open(&args.store, Durability::default(), Purpose::Visit);
    let store = runtime.block_on(opened)?;
    let collected = runtime.block_on(async {
        let mut gone: Vec<Gone> = Vec::new();
        for tenant in tenants(args, &*store).await? {
            let collected = store.tenant(&tenant).collect(retention).await;
            let collected = collected.map_err(|error| store_error(&error))?;
            gone.push(Gone {
                tenant,
                executions: collected.executions,
                payloads: collected.payloads,
                payload_bytes: collected.payload_bytes,
                dry_run: args.dry_run,
            });
        }
        Ok::<_, CliError>(gone)
    });
    runtime.block_on(store::close(&store));
    let gone = collected?;
    match args.output {
        PlainOutput::Pretty => {
            for gone in &gone {
                output.text(&described(gone))?;
            }
        }
        PlainOutput::Json => output.document(&gone)?,
    }
    Ok(Exit::Success)
}

async fn tenants(args: &GcArgs, store: &dyn Store) -> Result<Vec<TenantId>, CliError> {
    if !args.all_tenants {
        return Ok(vec![args.tenant.clone()]);
    }
    let mut all: Vec<TenantId> = Vec::new();
    loop {
        let found = store.tenants(all.last()).await;
        let found = found.map_err(|error| store_error(&error))?;
        if found.is_empty() {
            return Ok(all);
        }
        all.extend(found);
    }
}

fn described(gone: &Gone) -> String {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let (verb, executions) = (
        if gone.dry_run { "would go" } else { "went" },
        count(number(gone.executions), "execution"),
    );
    let payloads = match gone.payloads {
        0 => String::new(),
        payloads => format!(
            ", with {} of {}",
            count(number(payloads), "payload"),
            ByteSize::bytes(gone.payload_bytes)
        ),
    };
    format!("{}: {executions} {verb}{payloads}", gone.tenant)
}
