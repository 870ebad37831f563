//! Scripted executors and builders for tests of Jackfield and of what embeds it.
//!
//! [`StaticCall`] calls one executor outside of any workflow, with templates and expressions
//! evaluated as hosts evaluate them. [`isolation`] tries to get at what belongs to one tenant through
//! everything that another one has. [`database`] starts real databases. [`store`] has a store in memory.

mod call;
#[cfg(unix)]
pub mod database;
mod executor;
mod grants;
pub mod isolation;
mod parameters;
pub mod store;
mod workflows;

pub use call::StaticCall;
pub use executor::ScriptedExecutor;
pub use grants::ScriptedGrants;
pub use workflows::ScriptedWorkflows;
