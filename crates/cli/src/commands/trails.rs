//! Where `jackfield audit` reads trails: in a folder, or in a store.

use std::path::PathBuf;
use std::sync::Arc;

use jackfield::kept::StoredAudit;
use jackfield::store::{Durability, Store};
use jackfield::tenancy::{
    AuditError, AuditStore, AuditVerification, VerifyOptions, audited_tenants, has_stored_audit,
    verify_stored_audit,
};
use jackfield::{AuditReader, TenantId, verify_audit};
use tokio::runtime::Runtime;

use super::audit::audit_error;
use crate::args::AuditPlaceArgs;
use crate::error::CliError;
use crate::kept_error::store_error;
use crate::session;
use crate::store::{self, Purpose};

/// Audit trails.
pub(super) enum Trails {
    Folder(PathBuf),
    Store(StoredTrails),
}

/// Audit trails in a store that is open as long as this is there.
pub(super) struct StoredTrails {
    store: Arc<dyn Store>,
    trails: Arc<dyn AuditStore>,
    runtime: Runtime,
}

impl Drop for StoredTrails {
    fn drop(&mut self) {
        self.runtime.block_on(store::close(&self.store));
    }
}

impl Trails {
    /// Those of the folder that is named, or else those of the store.
    pub(super) fn open(args: &AuditPlaceArgs) -> Result<Self, CliError> {
        if let Some(folder) = &args.folder {
            return Ok(Self::Folder(folder.clone()));
        }
        if args.store.store.is_none() {
            return Err(CliError::usage(
                "no audit trail is named",
                "name the folder that `--audit` named, or a store with `--store URL`",
            ));
        }
        let runtime = session::runtime()?;
        let opened = store::open(&args.store, Durability::default(), Purpose::Visit);
        let store = runtime.block_on(opened)?;
        let trails = StoredAudit::new(Arc::clone(&store), runtime.handle().clone());
        Ok(Self::Store(StoredTrails {
            store,
            trails: Arc::new(trails),
            runtime,
        }))
    }

    /// Where they are, for messages.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Folder(folder) => format!("`{}`", folder.display()),
            Self::Store(stored) => stored.trails.describe(),
        }
    }

    /// Whose there are.
    pub(super) fn tenants(&self) -> Result<Vec<TenantId>, CliError> {
        let stored = match self {
            Self::Folder(folder) => {
                return audited_tenants(folder).map_err(|error| audit_error(&error));
            }
            Self::Store(stored) => stored,
        };
        let mut found = Vec::new();
        let mut after: Option<TenantId> = None;
        loop {
            let page = stored
                .runtime
                .block_on(stored.store.tenants(after.as_ref()));
            let page = page.map_err(|error| store_error(&error))?;
            let Some(last) = page.last().cloned() else {
                return Ok(found);
            };
            for tenant in page {
                let has_one = has_stored_audit(&*stored.trails, &tenant);
                if has_one.map_err(|error| audit_error(&error))? {
                    found.push(tenant);
                }
            }
            after = Some(last);
        }
    }

    /// The records of a tenant.
    pub(super) fn read(&self, tenant: &TenantId) -> Result<AuditReader, CliError> {
        match self {
            Self::Folder(folder) => AuditReader::open(folder, tenant),
            Self::Store(stored) => has_stored_audit(&*stored.trails, tenant).and_then(|has_one| {
                if has_one {
                    return Ok(AuditReader::of_store(Arc::clone(&stored.trails), tenant));
                }
                Err(AuditError::NoStoredTrail {
                    tenant: tenant.clone(),
                    store: stored.trails.describe(),
                })
            }),
        }
        .map_err(|error| audit_error(&error))
    }

    /// What is wrong with the trail of a tenant.
    pub(super) fn verify(
        &self,
        tenant: &TenantId,
        options: &VerifyOptions,
    ) -> Result<AuditVerification, CliError> {
        match self {
            Self::Folder(folder) => verify_audit(folder, tenant, options),
            Self::Store(stored) => verify_stored_audit(&stored.trails, tenant, options),
        }
        .map_err(|error| audit_error(&error))
    }
}
