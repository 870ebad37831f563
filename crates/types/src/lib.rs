//! The words of Jackfield: the plain data that every other crate speaks.
//!
//! What is here cannot do anything: no I/O, no async, no clock. Ids and names are parsed once,
//! at the edge, and are right from then on. Passive data has public fields and a serde form;
//! everything that has a rule has a constructor that keeps it.

mod code;
mod credential;
mod duration;
mod failure;
mod id;
mod item;
mod metadata;
mod name;
mod outputs;
mod plugin;
mod policy;
mod recovery;
mod result;
mod secret;
mod signal;
mod size;
mod version;

pub use code::ErrorCode;
pub use credential::{Credential, Transport};
pub use duration::{DurationParseError, Span, format_duration, parse_duration};
pub use failure::{FailureClass, ItemFailure, NodeFailure, Severity, ValidationIssue};
pub use id::{ExecutionId, IdError};
pub use item::{Item, ItemSource, Items};
pub use metadata::{
    Dependency, DynamicOutputs, Example, MetadataError, NodeRole, NodeTypeMetadata, Ports,
    VariableAccess,
};
pub use name::{NameError, NodeId, NodeName, NodeTypeId, SignalName, TenantId, UserId};
pub use outputs::{Outputs, VariableWrite};
pub use plugin::{Digest, DigestError, PluginId, PluginIdError, PluginOrigin};
pub use policy::{
    Capability, CircuitBreaker, DataIsolation, FilterAction, OutputFilter, PluginQuota, Policy,
    Quotas, WhenExceeded,
};
pub use recovery::{Backoff, Compensation, OnError, RecoveryStrategy, RetryPolicy, Strategy};
pub use result::{NodeResult, NodeStatus, RecoveryApplied};
pub use secret::Secret;
pub use signal::{AwaitedSignal, SignalReply};
pub use size::{ByteSize, ByteSizeError};
pub use version::{VersionSelector, VersionSelectorError};

/// A JSON object, in the order in which its keys were written.
pub type Object = serde_json::Map<String, serde_json::Value>;
