//! What a result rests on besides the document: answers that may be others tomorrow.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use jackfield_definition::{Catalog, CatalogEntry, CatalogError, SecretGrant};
use jackfield_types::{NodeTypeId, VersionSelector};

use super::Validated;
use crate::Registration;
use crate::registration::Source;

/// A catalog that notes which secrets were asked for.
pub(super) struct Witness<'a> {
    catalog: &'a dyn Catalog,
    secrets: RefCell<BTreeMap<String, SecretGrant>>,
}

impl<'a> Witness<'a> {
    pub(super) fn new(catalog: &'a dyn Catalog) -> Self {
        Self {
            catalog,
            secrets: RefCell::default(),
        }
    }

    pub(super) fn into_secrets(self) -> BTreeMap<String, SecretGrant> {
        self.secrets.into_inner()
    }
}

impl Catalog for Witness<'_> {
    fn find(
        &self,
        node_type: &NodeTypeId,
        version: &VersionSelector,
    ) -> Result<Arc<dyn CatalogEntry>, CatalogError> {
        self.catalog.find(node_type, version)
    }

    fn refusal(&self, node_type: &NodeTypeId, entry: &dyn CatalogEntry) -> Option<String> {
        self.catalog.refusal(node_type, entry)
    }

    fn refusal_by_name(&self, node_type: &NodeTypeId) -> Option<String> {
        self.catalog.refusal_by_name(node_type)
    }

    fn secret(&self, name: &str) -> SecretGrant {
        let grant = self.catalog.secret(name);
        let mut secrets = self.secrets.borrow_mut();
        secrets.insert(name.to_owned(), grant.clone());
        grant
    }

    fn secret_names(&self) -> Vec<String> {
        self.catalog.secret_names()
    }
}

/// A result, and what must not have changed for it to stand.
pub(super) struct Outcome {
    pub(super) validated: Arc<Validated>,
    /// The number of what was registered.
    pub(super) generation: u64,
    /// The secrets that were asked for, and what the answers were.
    pub(super) secrets: BTreeMap<String, SecretGrant>,
    /// Registrations whose executors were not there to be asked for their own rules.
    pub(super) unasked: Vec<Arc<Registration>>,
    /// How much there was to read, and to say.
    pub(super) size: u64,
}

impl Outcome {
    /// Whether the answers are still the same.
    pub(super) fn stands(&self, catalog: &dyn Catalog) -> bool {
        let same = |(name, grant): (&String, &SecretGrant)| catalog.secret(name) == *grant;
        self.unasked.iter().all(|one| is_unasked(one)) && self.secrets.iter().all(same)
    }
}

/// Whether the executor of a registration has rules of its own that cannot be asked for now.
pub(super) fn is_unasked(registration: &Registration) -> bool {
    match registration.executor_source() {
        Source::Lazy(lazy) => !lazy.is_held(),
        Source::Eager(_) | Source::PerTenant(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use jackfield_definition::Diagnostics;

    use super::*;

    /// Grants one secret and nothing else.
    struct Grants(&'static str);

    impl Catalog for Grants {
        fn find(
            &self,
            node_type: &NodeTypeId,
            _: &VersionSelector,
        ) -> Result<Arc<dyn CatalogEntry>, CatalogError> {
            Err(CatalogError::UnknownNodeType {
                node_type: node_type.clone(),
                nearest: Vec::new(),
            })
        }

        fn secret(&self, name: &str) -> SecretGrant {
            if name == self.0 {
                SecretGrant::Granted
            } else {
                SecretGrant::Missing
            }
        }
    }

    #[test]
    fn a_result_stands_as_long_as_secrets_come_and_go_elsewhere() {
        let before = Grants("token");
        let witness = Witness::new(&before);
        assert_eq!(witness.secret("token"), SecretGrant::Granted);
        assert_eq!(witness.secret("key"), SecretGrant::Missing);
        let outcome = Outcome {
            validated: Arc::new(Validated {
                findings: Diagnostics::default(),
                plan: None,
            }),
            generation: 0,
            secrets: witness.into_secrets(),
            unasked: Vec::new(),
            size: 0,
        };
        assert!(outcome.stands(&before));
        assert!(!outcome.stands(&Grants("key")), "one came, one went");
        assert!(!outcome.stands(&Grants("other")), "one went");
    }
}
