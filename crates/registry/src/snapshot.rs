//! What readers see: an immutable map from the name of a node type to its versions.
//!
//! The map is cut into shards by a hash of the name, so that a write copies one shard and the
//! list of shards, and not every entry. Versions of one node type stand newest first, and a name
//! without versions is not in the map.

use std::hash::BuildHasher;
use std::sync::Arc;

use jackfield_types::NodeTypeId;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::Registration;

const SHARDS: usize = 256;

/// The versions of one node type, newest first; never empty.
pub(crate) type Versions = Arc<[Arc<Registration>]>;

type Shard = FxHashMap<NodeTypeId, Versions>;

#[derive(Clone)]
pub(crate) struct Snapshot {
    shards: Box<[Arc<Shard>]>,
}

impl Snapshot {
    pub(crate) fn empty() -> Self {
        let shard = Arc::new(Shard::default());
        Self {
            shards: vec![shard; SHARDS].into_boxed_slice(),
        }
    }

    /// The versions of a node type, newest first; empty when there is none of that name.
    pub(crate) fn versions(&self, node_type: &str) -> &[Arc<Registration>] {
        self.shards[shard_of(node_type)]
            .get(node_type)
            .map_or(&[], |versions| &**versions)
    }

    /// The same snapshot but for the versions of one node type.
    pub(crate) fn with_versions(
        &self,
        node_type: &NodeTypeId,
        versions: Vec<Arc<Registration>>,
    ) -> Self {
        let mut next = self.clone();
        next.set_versions(node_type, versions);
        next
    }

    /// Changes the versions of one node type, before anybody sees the snapshot.
    pub(crate) fn set_versions(
        &mut self,
        node_type: &NodeTypeId,
        mut versions: Vec<Arc<Registration>>,
    ) {
        versions.sort_by(|a, b| b.version().cmp(a.version()));
        let shard = Arc::make_mut(&mut self.shards[shard_of(node_type.as_str())]);
        if versions.is_empty() {
            shard.remove(node_type);
        } else {
            shard.insert(node_type.clone(), versions.into());
        }
    }

    /// The number of node types, however many versions they have.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }

    /// All names, in no particular order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &NodeTypeId> {
        self.shards.iter().flat_map(|shard| shard.keys())
    }

    /// The versions of each node type, sorted by name.
    pub(crate) fn sorted(&self) -> Vec<&Versions> {
        let mut all: Vec<_> = self
            .shards
            .iter()
            .flat_map(|shard| shard.values())
            .collect();
        all.sort_by(|a, b| a[0].node_type().cmp(b[0].node_type()));
        all
    }
}

fn shard_of(node_type: &str) -> usize {
    // The map inside of a shard uses the lowest and the highest bits of the same hash.
    let bits = FxBuildHasher.hash_one(node_type) >> 40;
    usize::try_from(bits % 256).unwrap_or(0)
}
