//! The contract between Jackfield and the authors of node types.
//!
//! Authors implement [`NodeType`]: typed parameters, a declaration, one async function. Hosts call
//! [`NodeExecutor`], which every [`NodeType`] is by a blanket implementation; executors that are
//! something else (a table of functions, a sandboxed component, a test's script) implement it
//! themselves, and no host can tell the difference.
//!
//! What a node that works item by item does when some of its items fail is decided in one place,
//! [`ItemResults`]; [`TypedCall::map_items`] is the short way to it.
//!
//! An executor reaches nothing but what its [`NodeCall`] hands it: inputs, parameters, the
//! [`NodeContext`]. It keeps no state between calls that another tenant could see.
//!
//! # Examples
//! ```
//! use jackfield_plugin_api::{NodeCall, NodeError, NodeOutput, NodeType, TypedCall, Version};
//! use jackfield_types::{Item, NodeTypeMetadata};
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
//!         let node_type = "acme/greet".try_into().expect("a valid name");
//!         NodeTypeMetadata::new(node_type, Version::new(1, 0, 0), "text")
//!     }
//!
//!     async fn run(&self, call: TypedCall<'_, Greet>) -> Result<NodeOutput, NodeError> {
//!         call.map_items(|params, _| {
//!             let text = format!("hello {}", params.name);
//!             Ok([("greeting".to_owned(), text.into())].into_iter().collect())
//!         })
//!     }
//! }
//! ```

mod context;
mod error;
mod executor;
mod grants;
mod item_results;
mod node_type;
mod output;
mod parameters;
mod workflows;

pub use context::{LoopFrame, NodeCall, NodeContext};
pub use error::{Failure, NodeError};
pub use executor::{NodeExecutor, Scheduling};
pub use grants::{Grants, OpenGrants};
pub use item_results::ItemResults;
pub use node_type::{NodeType, TypedCall};
pub use output::NodeOutput;
pub use parameters::{Expr, Parameters, Prepared};
pub use workflows::{SubWorkflow, WorkflowReference, WorkflowRunner};

pub use futures_util::future::BoxFuture;
pub use semver::Version;
pub use tokio_util::sync::CancellationToken;
