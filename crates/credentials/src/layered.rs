use std::fmt;

use jackfield_tenancy::{BoundCredential, RefreshFuture, SecretError, SecretSource};
use jackfield_types::{Secret, TenantId};

/// Several sources of secrets, one behind the other: the first that has a secret gives it.
///
/// One that has it and cannot read it, or does not know yet, gives its error: no other one serves in
/// its place.
#[derive(Default)]
pub struct LayeredSecrets(Vec<Box<dyn SecretSource>>);

impl LayeredSecrets {
    /// No source yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a source behind those that there are.
    #[must_use]
    pub fn with(mut self, source: impl SecretSource) -> Self {
        self.0.push(Box::new(source));
        self
    }

    fn first<T>(
        &self,
        tenant: &TenantId,
        name: &str,
        ask: impl Fn(&dyn SecretSource) -> Result<T, SecretError>,
    ) -> Result<T, SecretError> {
        for source in &self.0 {
            match ask(&**source) {
                Err(SecretError::Missing { .. }) => {}
                found => return found,
            }
        }
        Err(SecretError::missing(tenant, name))
    }
}

impl SecretSource for LayeredSecrets {
    fn secret(&self, tenant: &TenantId, name: &str) -> Option<Secret<String>> {
        self.find(tenant, name).ok()
    }

    fn names(&self, tenant: &TenantId) -> Vec<String> {
        let names = self.0.iter().flat_map(|source| source.names(tenant));
        let mut names: Vec<String> = names.collect();
        names.sort();
        names.dedup();
        names
    }

    fn find(&self, tenant: &TenantId, name: &str) -> Result<Secret<String>, SecretError> {
        self.first(tenant, name, |source| source.find(tenant, name))
    }

    fn credential(&self, tenant: &TenantId, name: &str) -> Result<BoundCredential, SecretError> {
        self.first(tenant, name, |source| source.credential(tenant, name))
    }

    /// Those of all sources: what is masked once too often tells nobody anything.
    fn texts(&self, tenant: &TenantId, name: &str) -> Vec<Secret<String>> {
        let texts = self.0.iter().flat_map(|source| source.texts(tenant, name));
        texts.collect()
    }

    fn refresh<'a>(&'a self, tenant: &'a TenantId) -> Option<RefreshFuture<'a>> {
        let due: Vec<_> = self
            .0
            .iter()
            .filter_map(|source| source.refresh(tenant))
            .collect();
        if due.is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            for refresh in due {
                refresh.await;
            }
        }))
    }
}

impl fmt::Debug for LayeredSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayeredSecrets")
            .field("sources", &self.0.len())
            .finish_non_exhaustive()
    }
}
