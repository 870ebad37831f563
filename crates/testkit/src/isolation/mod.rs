//! Tries to get at what belongs to one tenant through everything that another one has.
//!
//! Whoever builds on Jackfield brings parts of their own: where secrets and workflows come from,
//! node types that remember things, a registry. [`find_leaks`] is given a function that puts such
//! an engine together, and two tenants. For every public call that takes a tenant or belongs to
//! one, the second tenant tries to read, list, count, change, cancel and guess what the first one
//! owns; what comes of it is a [`LeakReport`], which a test asserts to be clean.
//!
//! Each attempt is made twice, on engines of their own: as the other tenant, who may find nothing,
//! and before that as the owner, who must find it. An attempt by which even the owner finds nothing
//! proves nothing: it is reported as [`Verdict::Blind`], and the report is not clean. So the suite
//! cannot pass because it looks in the wrong place.

mod attempts;
mod probes;
mod report;
mod scene;
mod stage;
mod suite;

pub use attempts::covered_calls;
pub use report::{AttemptReport, LeakReport, Verdict};
pub use scene::{Scene, SceneWorkflows};
pub use suite::{LeakSuite, StatefulNodeType, find_leaks};
