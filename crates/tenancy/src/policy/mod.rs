//! Policies: read, checked, compiled, and asked.
//!
//! A document is hostile until it is compiled; what is compiled cannot be wrong any more and never
//! changes. Nothing here knows which policy is in force: that is [`Tenancy`](crate::Tenancy)'s.

mod check;
mod compiled;
mod decision;
mod explaining;
mod finding;
mod folder;
mod hosts;
mod limits;
mod lists;
mod memo;
mod node_pattern;
mod pattern;
mod pattern_set;
mod read;
mod schema;
mod shape;
mod toml_nesting;
mod toml_source;

pub use compiled::TenantPolicy;
pub(crate) use compiled::unnamed_capability;
pub use decision::{Decision, ExplainedRule, Explanation, Refusal, RuleSays, Verdict};
pub use folder::{LoadedPolicies, PolicyFolder, PolicyFolderError};
pub use read::{MAX_POLICY_SIZE, PolicyFormat, PolicyReader, read_policy};
pub use schema::policy_schema;

pub(crate) use hosts::{HostError, HostPattern, may_reach};
pub(crate) use node_pattern::{Effect, NodePattern, NodePatterns};
pub(crate) use pattern::{PatternError, PatternSetError};
pub(crate) use pattern_set::{PatternSet, matches_stars};
