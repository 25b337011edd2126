//! Which workload is meant. KEDA names a ScaledObject and hands over the trigger's metadata; two triggers on one
//! ScaledObject differ in nothing else, so all three together are the key.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A trigger's `metadata`, as it stands in the ScaledObject.
pub type Metadata = BTreeMap<String, String>;

/// Namespace, name and metadata of a trigger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadKey {
    /// Namespace of the ScaledObject.
    pub namespace: Arc<str>,
    /// Name of the ScaledObject.
    pub name: Arc<str>,
    /// The trigger's metadata.
    pub metadata: Arc<Metadata>,
}

/// A stable fingerprint of a [`WorkloadKey`], the same in every process and on every replica.
///
/// It finds a workload fast; equality is always decided on the whole key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkloadId(pub u64);

/// Fixed seeds: the fingerprint is stored on disk, so it must not change between processes.
const HASHER: foldhash::quality::FixedState =
    foldhash::quality::FixedState::with_seed(0x0f0e_5ca1_e000_0001);

impl WorkloadId {
    /// The fingerprint of a key in parts. The metadata may come in any order, so that KEDA's map needs no sorting.
    pub fn of<'a>(
        namespace: &str,
        name: &str,
        metadata: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Self {
        let mut hasher = HASHER.build_hasher();
        (namespace, name).hash(&mut hasher);
        let pairs = metadata
            .into_iter()
            .map(|pair| HASHER.hash_one(pair))
            .fold(0_u64, u64::wrapping_add);
        hasher.write_u64(pairs);
        Self(hasher.finish())
    }
}

impl fmt::Display for WorkloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl WorkloadKey {
    /// A key of its three parts.
    pub fn new(namespace: &str, name: &str, metadata: Metadata) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            metadata: Arc::new(metadata),
        }
    }

    /// Its fingerprint.
    pub fn id(&self) -> WorkloadId {
        WorkloadId::of(&self.namespace, &self.name, self.metadata.iter())
    }
}

impl fmt::Display for WorkloadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn id(pairs: &[(&str, &str)]) -> WorkloadId {
        let metadata = metadata(pairs);
        WorkloadId::of("shop", "web", metadata.iter().map(|(k, v)| (k, v)))
    }

    #[test]
    fn the_order_of_the_metadata_does_not_matter_but_its_pairing_does() {
        assert_eq!(id(&[("a", "1"), ("b", "2")]), id(&[("b", "2"), ("a", "1")]));
        assert_ne!(id(&[("a", "1"), ("b", "2")]), id(&[("a", "2"), ("b", "1")]));
        assert_ne!(id(&[("a", "1")]), id(&[]));
    }

    #[test]
    fn the_fingerprint_is_the_same_in_every_build() {
        // Snapshots are keyed by it: if this changes, stored workloads are orphaned.
        assert_eq!(
            id(&[("query", "sum(rate(x[1m]))")]).to_string(),
            "f706cf9176795aab"
        );
    }
}
