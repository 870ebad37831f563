//! The built-in node types of Jackfield.
//!
//! A folder a category. Each category lists its node types in one function `node_types`, as
//! [`BuiltIn`]s: the declaration and the code behind it. `register_all` puts them into a registry;
//! whoever wants fewer picks from [`node_types`].
//!
//! Nothing here knows the engine, a store or a sandbox, and no node type keeps state between calls.

mod built_in;
mod convert;
mod dict;
mod family;
mod list;
mod logic;
mod math;
mod settings;
mod string;
mod variable;

pub use built_in::{BuiltIn, node_types};
pub use settings::NodeSettings;
