//! Writes plugins for Jackfield: one typed struct and one function a node type.
//!
//! The shape is that of a native node type: parameters that say what they are by their type, a
//! declaration, one function. [`export!`] makes a component of as many of them as a plugin has.
//! Names, parameter schema, documentation and examples come from that one place.
//!
//! A plugin reaches nothing but what its call hands it and what [`host`] offers; each part of that
//! needs the capability that it is named for, which the manifest asks for and the tenant's policy
//! grants. It keeps no state in statics: most hosts give each call a fresh instance.
//!
//! # Examples
//! ```
//! use jackfield_plugin::{NodeError, NodeOutput, NodeType, NodeTypeMetadata, TypedCall, object};
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Greet {
//!     /// Who is greeted.
//!     name: String,
//! }
//!
//! struct Greeter;
//!
//! impl NodeType for Greeter {
//!     type Params = Greet;
//!
//!     fn declaration(&self) -> NodeTypeMetadata {
//!         NodeTypeMetadata::new("acme/greet", "1.0.0", "text")
//!     }
//!
//!     fn run(&self, call: TypedCall<'_, Greet>) -> Result<NodeOutput, NodeError> {
//!         call.map_items(|params, _| {
//!             Ok(object([("greeting", format!("hello {}", params.name).into())]))
//!         })
//!     }
//! }
//!
//! jackfield_plugin::export!(Greeter);
//! # fn main() {}
//! ```

#[doc(hidden)]
pub mod bindings;
mod call;
mod error;
pub mod host;
mod item;
mod item_results;
mod metadata;
mod node_type;
mod output;
mod plugin;

pub use call::{Call, Context, TypedCall};
pub use error::{FailedItem, Failure, Issue, NodeError, code};
pub use item::{Item, Object, object};
pub use item_results::ItemResults;
pub use metadata::{
    Capability, Dependency, DynamicOutputs, Example, NodeTypeMetadata, Ports, VariableAccess,
};
pub use node_type::{AnyNodeType, NodeType};
pub use output::{NodeOutput, VariableWrite};
#[doc(hidden)]
pub use plugin::{describe, execute};

pub use schemars;
pub use serde;
pub use serde_json;

/// Makes a plugin of node types: expressions of types that are [`NodeType`]s.
///
/// To be called once in the root of a crate whose `crate-type` is `cdylib`.
#[macro_export]
macro_rules! export {
    ($($node_type:expr),+ $(,)?) => {
        const _: () = {
            struct Exported;

            impl $crate::bindings::exports::jackfield::plugin::node::Guest for Exported {
                fn describe() -> ::std::string::String {
                    $crate::describe(&[$(&$node_type),+])
                }

                fn execute(
                    call: $crate::bindings::exports::jackfield::plugin::node::Call,
                ) -> ::std::result::Result<
                    $crate::bindings::exports::jackfield::plugin::node::Output,
                    $crate::bindings::exports::jackfield::plugin::node::Failure,
                > {
                    $crate::execute(&[$(&$node_type),+], call)
                }
            }

            $crate::bindings::export_component!(Exported with_types_in $crate::bindings);
        };
    };
}
