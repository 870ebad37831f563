use std::sync::Arc;

use jackfield_definition::{Catalog, CatalogEntry, CatalogError, SecretGrant};
use jackfield_registry::Registry;
use jackfield_tenancy::{SecretError, Tenant};
use jackfield_types::{NodeTypeId, VersionSelector};

use crate::authorize;

/// The node types of a registry, as one tenant may use them, and its secrets: what its workflows
/// are planned against.
pub struct TenantCatalog<'a> {
    registry: &'a Registry,
    tenant: &'a Tenant,
}

impl<'a> TenantCatalog<'a> {
    pub(crate) fn new(registry: &'a Registry, tenant: &'a Tenant) -> Self {
        Self { registry, tenant }
    }
}

impl Catalog for TenantCatalog<'_> {
    fn find(
        &self,
        node_type: &NodeTypeId,
        version: &VersionSelector,
    ) -> Result<Arc<dyn CatalogEntry>, CatalogError> {
        self.registry.find(node_type, version)
    }

    fn refusal(&self, node_type: &NodeTypeId, entry: &dyn CatalogEntry) -> Option<String> {
        let refusal =
            authorize::node_type(self.tenant, node_type, entry.metadata(), entry.origin()).err()?;
        Some(format!("tenant `{}`: {refusal}", self.tenant.id()))
    }

    fn refusal_by_name(&self, node_type: &NodeTypeId) -> Option<String> {
        let refusal = authorize::refusal_by_name(self.tenant, node_type)?;
        Some(format!("tenant `{}`: {refusal}", self.tenant.id()))
    }

    fn secret(&self, name: &str) -> SecretGrant {
        match self.tenant.secret(name) {
            // Calls ask again, when more is known, and tell why it cannot be read.
            Ok(_) | Err(SecretError::NotReady { .. } | SecretError::Unreadable { .. }) => {
                SecretGrant::Granted
            }
            Err(SecretError::Refused(refusal)) => SecretGrant::Refused(refusal.to_string()),
            Err(_) => SecretGrant::Missing,
        }
    }

    fn secret_names(&self) -> Vec<String> {
        self.tenant.secret_names()
    }
}
