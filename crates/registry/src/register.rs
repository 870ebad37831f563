//! Registering: what is checked before the writer's turn comes, and how the next snapshot is
//! published.

use std::sync::Arc;

use jackfield_plugin_api::{NodeExecutor, NodeType};
use jackfield_types::{MetadataError, NodeTypeId, NodeTypeMetadata, PluginOrigin};

use crate::discovery::Held;
use crate::loader::LazyExecutor;
use crate::metadata::{StoredMetadata, check_size};
use crate::registration::Source;
use crate::statistics::NodeTypeStatistics;
use crate::tenants::TenantExecutors;
use crate::{
    ExecutorLoader, RegisterError, Registration, RegistrationId, Registry, TenantExecutorLoader,
    schema,
};

/// What an explicit re-registration did.
#[derive(Debug, Clone)]
pub struct Replacement {
    /// What stands now.
    pub registration: Arc<Registration>,
    /// What stood there before, if anything did.
    pub replaced: Option<Arc<Registration>>,
}

/// What is checked before the writer's turn comes.
pub(crate) struct Candidate {
    metadata: StoredMetadata,
    source: Source,
    origin: Option<Arc<PluginOrigin>>,
}

/// What becomes of what stands in a candidate's place.
#[derive(Clone, Copy)]
pub(crate) enum Occupied<'a> {
    /// It stays, and the candidate is refused.
    Refuse,
    /// It goes.
    Replace,
    /// It stays, unless it is taken out in the same step. Executions that began before end with what
    /// is taken out, and as long as there are any, so long is there what it holds.
    Supersede { held: &'a [Held] },
}

impl Registry {
    /// Registers an executor.
    ///
    /// # Errors
    /// [`RegisterError::InvalidMetadata`] names the field that breaks a rule, `nodeType` if
    /// `node_type` is not the one in the metadata; [`RegisterError::Duplicate`] when this version
    /// is registered already.
    pub fn register_with_metadata(
        &self,
        node_type: &str,
        executor: Arc<dyn NodeExecutor>,
        metadata: NodeTypeMetadata,
    ) -> Result<Arc<Registration>, RegisterError> {
        let candidate = Candidate::check(node_type, Source::Eager(executor), metadata)?;
        self.publish(candidate, Occupied::Refuse)
            .map(|done| done.registration)
    }

    /// Registers a node type with the metadata that it declares.
    ///
    /// # Errors
    /// Those of [`register_with_metadata`](Self::register_with_metadata).
    pub fn register<T: NodeType>(&self, node_type: T) -> Result<Arc<Registration>, RegisterError> {
        let metadata = node_type.metadata();
        let name = metadata.node_type.clone();
        self.register_with_metadata(name.as_str(), Arc::new(node_type), metadata)
    }

    /// Registers a node type whose executor is loaded at first use.
    ///
    /// # Errors
    /// Those of [`register_with_metadata`](Self::register_with_metadata).
    pub fn register_lazy(
        &self,
        node_type: &str,
        loader: Arc<dyn ExecutorLoader>,
        metadata: NodeTypeMetadata,
    ) -> Result<Arc<Registration>, RegisterError> {
        let source = Source::Lazy(LazyExecutor::new(loader));
        let candidate = Candidate::check(node_type, source, metadata)?;
        self.publish(candidate, Occupied::Refuse)
            .map(|done| done.registration)
    }

    /// Registers a node type of which each tenant has an executor of its own, such as one that
    /// remembers something between calls. They share the bounds of the cache with all others, and
    /// what is evicted is made anew at its next use: what must last belongs elsewhere.
    ///
    /// # Errors
    /// Those of [`register_with_metadata`](Self::register_with_metadata).
    pub fn register_per_tenant(
        &self,
        node_type: &str,
        loader: Arc<dyn TenantExecutorLoader>,
        metadata: NodeTypeMetadata,
    ) -> Result<Arc<Registration>, RegisterError> {
        let source = Source::PerTenant(Box::new(TenantExecutors::new(loader)));
        let candidate = Candidate::check(node_type, source, metadata)?;
        self.publish(candidate, Occupied::Refuse)
            .map(|done| done.registration)
    }

    /// Registers an executor in the place of whatever stands under the same node type and version,
    /// and says what that was. Once this has returned, no call that starts reaches the old
    /// executor; calls under way end with it. Statistics go on.
    ///
    /// # Errors
    /// [`RegisterError::InvalidMetadata`]; what stood there goes on standing there.
    pub fn replace_with_metadata(
        &self,
        node_type: &str,
        executor: Arc<dyn NodeExecutor>,
        metadata: NodeTypeMetadata,
    ) -> Result<Replacement, RegisterError> {
        let candidate = Candidate::check(node_type, Source::Eager(executor), metadata)?;
        self.publish(candidate, Occupied::Replace)
    }

    /// Does what [`replace_with_metadata`](Self::replace_with_metadata) does, with an executor that
    /// is loaded at first use.
    ///
    /// # Errors
    /// [`RegisterError::InvalidMetadata`]; what stood there goes on standing there.
    pub fn replace_lazy(
        &self,
        node_type: &str,
        loader: Arc<dyn ExecutorLoader>,
        metadata: NodeTypeMetadata,
    ) -> Result<Replacement, RegisterError> {
        let source = Source::Lazy(LazyExecutor::new(loader));
        let candidate = Candidate::check(node_type, source, metadata)?;
        self.publish(candidate, Occupied::Replace)
    }

    /// Does what [`replace_with_metadata`](Self::replace_with_metadata) does, with an executor for
    /// each tenant.
    ///
    /// # Errors
    /// [`RegisterError::InvalidMetadata`]; what stood there goes on standing there.
    pub fn replace_per_tenant(
        &self,
        node_type: &str,
        loader: Arc<dyn TenantExecutorLoader>,
        metadata: NodeTypeMetadata,
    ) -> Result<Replacement, RegisterError> {
        let source = Source::PerTenant(Box::new(TenantExecutors::new(loader)));
        let candidate = Candidate::check(node_type, source, metadata)?;
        self.publish(candidate, Occupied::Replace)
    }

    fn publish(
        &self,
        candidate: Candidate,
        occupied: Occupied<'_>,
    ) -> Result<Replacement, RegisterError> {
        let mut done = self.publish_all(vec![candidate], &[], occupied)?;
        Ok(done.pop().expect("one candidate gives one replacement"))
    }

    /// Takes out registrations and puts candidates in, all at once: nobody ever sees a part of it.
    /// Nothing is changed when one of the candidates is refused. `taken_out` are those that are
    /// registered no more, whatever stands in their places.
    pub(crate) fn publish_all(
        &self,
        candidates: Vec<Candidate>,
        taken_out: &[Arc<Registration>],
        occupied: Occupied<'_>,
    ) -> Result<Vec<Replacement>, RegisterError> {
        let mut writer = self.inner().writer.lock();
        let snapshot = self.inner().snapshot.load_full();
        let mut next = (*snapshot).clone();
        let mut gone = Vec::new();
        for one in taken_out {
            let versions = next.versions(one.node_type().as_str());
            let left: Vec<_> = versions
                .iter()
                .filter(|it| it.id() != one.id())
                .cloned()
                .collect();
            if left.len() < versions.len() {
                next.set_versions(one.node_type(), left);
                gone.push(Arc::clone(one));
            }
        }
        let mut done = Vec::with_capacity(candidates.len());
        let mut number = *writer;
        let bound = RegistrationId::new(number);
        for Candidate {
            metadata,
            source,
            origin,
        } in candidates
        {
            let node_type = metadata.head().node_type.clone();
            let version = &metadata.head().version;
            let mut versions = next.versions(node_type.as_str()).to_vec();
            let place = versions.iter().position(|one| one.version() == version);
            if place.is_some() && !matches!(occupied, Occupied::Replace) {
                let version = version.clone();
                return Err(RegisterError::Duplicate { node_type, version });
            }
            let statistics = match snapshot.versions(node_type.as_str()).first() {
                Some(sibling) => Arc::clone(sibling.statistics()),
                None => match versions.first() {
                    Some(sibling) => Arc::clone(sibling.statistics()),
                    None => Arc::new(NodeTypeStatistics::default()),
                },
            };
            let id = RegistrationId::new(number);
            number += 1;
            let cache = Arc::clone(&self.inner().cache);
            let registration = Registration::new(id, metadata, source, statistics, cache, origin);
            let registration = Arc::new(registration);
            let replaced = place.map(|place| versions.swap_remove(place));
            versions.push(Arc::clone(&registration));
            next.set_versions(&node_type, versions);
            gone.extend(replaced.clone());
            done.push(Replacement {
                registration,
                replaced,
            });
        }
        *writer = number;
        let publish = || self.inner().snapshot.store(Arc::new(next));
        let editions = &self.inner().reloads.editions;
        match occupied {
            Occupied::Refuse | Occupied::Replace => {
                publish();
                editions.withdraw(&gone);
            }
            Occupied::Supersede { held } => {
                let put_in = done.iter().map(|done| done.registration.id()).collect();
                editions.end(&gone, put_in, held, bound, publish);
            }
        }
        drop(writer);
        self.inner().results.invalidate();
        // Not under the lock: this may be the end of an executor, which may do anything.
        for one in &gone {
            self.inner().cache.invalidate(one);
        }
        for Replacement {
            registration,
            replaced,
        } in &done
        {
            let (node_type, version) = (registration.node_type(), registration.version());
            if replaced.is_some() {
                tracing::debug!(target: "registry", %node_type, %version, "node type replaced");
            } else {
                tracing::debug!(target: "registry", %node_type, %version, "node type registered");
            }
        }
        Ok(done)
    }
}

impl Candidate {
    pub(crate) fn check(
        node_type: &str,
        source: Source,
        metadata: NodeTypeMetadata,
    ) -> Result<Self, MetadataError> {
        let refused = |reason| MetadataError {
            field: "nodeType".to_owned(),
            reason,
        };
        let named = NodeTypeId::parse(node_type).map_err(|error| refused(error.to_string()))?;
        if named != metadata.node_type {
            let reason = format!("is `{}`, but `{named}` is registered", metadata.node_type);
            return Err(refused(reason));
        }
        metadata.check()?;
        check_size(&metadata)?;
        if let Some(schema) = &metadata.schema {
            schema::check(schema)?;
        }
        Ok(Self {
            metadata: StoredMetadata::new(metadata),
            source,
            origin: None,
        })
    }

    /// What a plugin provides, whose manifest was checked.
    pub(crate) fn of_plugin(
        origin: &Arc<PluginOrigin>,
        source: Source,
        metadata: NodeTypeMetadata,
    ) -> Self {
        Self {
            metadata: StoredMetadata::new(metadata),
            source,
            origin: Some(Arc::clone(origin)),
        }
    }
}
