use std::fmt;

use jackfield_types::{NodeTypeId, TenantId};
use semver::Version;

/// Decides whether a tenant may use a node type. Asked when an execution starts, for each node,
/// and again at each call, because what is allowed may change in between.
///
/// It is asked on the path of every call and must not block.
pub trait Authorizer: Send + Sync + 'static {
    /// Decides about one node type.
    ///
    /// # Errors
    /// A [`Refusal`] that names the rule. No recovery strategy and no `onError` gets round it.
    fn authorize(
        &self,
        tenant: &TenantId,
        node_type: &NodeTypeId,
        version: &Version,
    ) -> Result<(), Refusal>;
}

/// Lets every tenant use everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

impl Authorizer for AllowAll {
    fn authorize(&self, _: &TenantId, _: &NodeTypeId, _: &Version) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Why a tenant may not use a node type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The rule that says so.
    pub rule: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rule)
    }
}
