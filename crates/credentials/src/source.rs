//! The credentials of a store, as tenants are given secrets.

use std::sync::Arc;

use jackfield_tenancy::{
    BoundCredential, CredentialBinding, RefreshFuture, SecretError, SecretSource,
};
use jackfield_types::{Secret, TenantId};

use crate::credential_type::CredentialType;
use crate::envelope::Place;
use crate::kept::{Entry, Found};
use crate::row::Header;
use crate::store::{CredentialStore, problem};

impl CredentialStore {
    fn kept_entry(&self, tenant: &TenantId, name: &str) -> Result<Arc<Entry>, SecretError> {
        match self.0.kept(tenant).find(name) {
            Found::Entry(entry) => Ok(entry),
            Found::Nothing => Err(SecretError::missing(tenant, name)),
            Found::NotRead { reason } => Err(SecretError::NotReady {
                tenant: tenant.clone(),
                reason,
            }),
        }
    }

    fn open_kept(
        &self,
        tenant: &TenantId,
        name: &str,
    ) -> Result<(BoundCredential, &CredentialType), SecretError> {
        let entry = self.kept_entry(tenant, name)?;
        let opened = match &*entry {
            Ok(row) => self.0.open(Place { tenant, name }, row),
            Err(found) => Err(problem(name, *found)),
        };
        opened.map_err(super::CredentialError::into_secret_error)
    }
}

impl SecretSource for CredentialStore {
    fn secret(&self, tenant: &TenantId, name: &str) -> Option<Secret<String>> {
        self.find(tenant, name).ok()
    }

    /// Those that a text can be read of: of a type with one secret field, and bound to nothing.
    fn names(&self, tenant: &TenantId) -> Vec<String> {
        let is_plain = |entry: &Entry| {
            entry.as_ref().is_ok_and(|row| {
                let header = &row.header;
                let found = self.0.types.find(&header.r#type).ok();
                header.hosts.is_none()
                    && header.node_types.is_none()
                    && found.is_some_and(|found| found.plain_field().is_some())
            })
        };
        let rows = self.0.kept(tenant).rows().into_iter();
        rows.filter(|(_, entry)| is_plain(entry))
            .map(|(name, _)| name)
            .collect()
    }

    fn find(&self, tenant: &TenantId, name: &str) -> Result<Secret<String>, SecretError> {
        // What is bound needs no key to be refused: to whoever plans, it is the same without one.
        if let Ok(row) = &*self.kept_entry(tenant, name)? {
            let Header {
                hosts, node_types, ..
            } = &row.header;
            let binding = CredentialBinding::compile(hosts.as_deref(), node_types.as_deref());
            binding
                .map_or(Ok(()), |binding| binding.check_plain(name))
                .map_err(SecretError::Refused)?;
        }
        let (bound, credential_type) = self.open_kept(tenant, name)?;
        bound
            .binding
            .check_plain(name)
            .map_err(SecretError::Refused)?;
        let field = credential_type.plain_field();
        let text = field.and_then(|field| bound.credential.text(field));
        text.ok_or_else(|| SecretError::Unreadable {
            reason: format!(
                "credential `{name}` is of type `{}`, of which no single text can be read; name it where nodes take a credential",
                credential_type.name()
            ),
        })
    }

    fn credential(&self, tenant: &TenantId, name: &str) -> Result<BoundCredential, SecretError> {
        self.open_kept(tenant, name).map(|(bound, _)| bound)
    }

    fn texts(&self, tenant: &TenantId, name: &str) -> Vec<Secret<String>> {
        let bound = self.credential(tenant, name);
        bound.map_or_else(|_| Vec::new(), |bound| bound.to_secrets())
    }

    fn refresh<'a>(&'a self, tenant: &'a TenantId) -> Option<RefreshFuture<'a>> {
        if self.0.kept(tenant).is_fresh(self.0.max_age) {
            return None;
        }
        Some(Box::pin(self.0.refresh(tenant)))
    }
}
