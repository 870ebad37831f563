//! `jackfield gc`: lets go of executions that have ended.

use jackfield::store::{
    Collected, Durability, KeptRetention, Retention, Store, StoreError, TenantStore,
};
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
    workflow_versions: u64,
    /// Whether anything could go at all.
    #[serde(skip)]
    is_bounded: bool,
    dry_run: bool,
}

/// Lets go of executions, of one tenant or of all of them.
pub(crate) fn gc(args: &GcArgs, output: &mut Output) -> Result<Exit, CliError> {
    let runtime = session::runtime()?;
    let opened = store::open(&args.store, Durability::default(), Purpose::Visit);
    let store = runtime.block_on(opened)?;
    let collected = runtime.block_on(async {
        let mut gone: Vec<Gone> = Vec::new();
        for tenant in tenants(args, &*store).await? {
            let store = store.tenant(&tenant);
            let (collected, is_bounded) = collect(args, &*store)
                .await
                .map_err(|error| store_error(&error))?;
            gone.push(Gone {
                tenant,
                executions: collected.executions,
                payloads: collected.payloads,
                payload_bytes: collected.payload_bytes,
                workflow_versions: collected.workflow_versions,
                is_bounded,
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

/// Lets go of a tenant's executions by the bounds that are given, or by those that are set for it.
/// Says also whether there are any.
async fn collect(args: &GcArgs, store: &dyn TenantStore) -> Result<(Collected, bool), StoreError> {
    let given = KeptRetention {
        max_age: args.older_than,
        max_count: args.keep,
    };
    if args.unset {
        store.keep_retention(None).await?;
        return Ok((Collected::default(), false));
    }
    let kept = if !given.retention().is_boundless() {
        if args.set {
            store.keep_retention(Some(given)).await?;
        }
        given
    } else {
        store.kept_retention().await?.unwrap_or_default()
    };
    let retention = Retention {
        dry_run: args.dry_run,
        ..kept.retention()
    };
    let collected = store.collect(retention).await?;
    Ok((collected, !retention.is_boundless()))
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
    if !gone.is_bounded {
        return format!(
            "{}: nothing goes, as it is not set how long executions are kept: `--older-than` or `--keep` say it, with `--set` for good",
            gone.tenant
        );
    }
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
    let versions = match gone.workflow_versions {
        0 => String::new(),
        versions => format!(
            ", and {} that nothing ran any more",
            count(number(versions), "workflow version")
        ),
    };
    format!("{}: {executions} {verb}{payloads}{versions}", gone.tenant)
}
