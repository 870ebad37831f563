use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A stable, machine-readable name of what went wrong, such as `UNKNOWN_NODE_TYPE`.
///
/// Codes are part of the public contract: retry policies, HTTP clients and error pages refer to
/// them. The ones that Jackfield itself gives are constants here and are listed in
/// [`ErrorCode::ALL`]; plugins may add their own.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorCode(Cow<'static, str>);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        impl ErrorCode {
            $($(#[$doc])* pub const $name: Self = Self(Cow::Borrowed(stringify!($name)));)*

            /// Every code that Jackfield itself gives, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

codes! {
    /// The execution or the node was cancelled.
    CANCELLED;
    /// A plugin reached for something that its manifest does not ask for.
    CAPABILITY_REFUSED;
    /// So many calls of a node type failed that none is made for a while.
    CIRCUIT_OPEN;
    /// A connection leads from or to a node or port that is not there.
    CONNECTION_INVALID;
    /// A secret that a node or an expression needs is not there.
    CREDENTIAL_MISSING;
    /// A secret or a credential is there and cannot be read.
    CREDENTIAL_UNREADABLE;
    /// A database is held up by others: a deadlock, a lock that was not free in time.
    DATABASE_BUSY;
    /// A value breaks a rule of the database: it is there already, missing, or refers to nothing.
    DATABASE_CONSTRAINT;
    /// A database refused a statement.
    DATABASE_ERROR;
    /// The dependencies of a node type form a cycle.
    DEPENDENCY_CYCLE;
    /// A node type that another one depends on is not registered.
    DEPENDENCY_MISSING;
    /// Two nodes of a workflow have the same id or the same name.
    DUPLICATE_NODE;
    /// The execution has ended, so nothing more can happen in it.
    EXECUTION_ENDED;
    /// A node reported an error that has no code of its own.
    EXECUTION_ERROR;
    /// Another worker runs the execution.
    EXECUTION_HELD;
    /// An execution that is kept cannot go on until something is repaired.
    EXECUTION_STUCK;
    /// An expression could not be read or evaluated.
    EXPRESSION_ERROR;
    /// An expression refers to something that is not there, or that has not run before.
    EXPRESSION_REFERENCE;
    /// An HTTP request was answered with an error status.
    HTTP_STATUS;
    /// The input is not what the command, node or format takes.
    INVALID_INPUT;
    /// The metadata of a node type breaks a rule.
    INVALID_METADATA;
    /// A plugin package is broken, was altered, or is not what it says.
    INVALID_PACKAGE;
    /// A parameter has the wrong type or value, or a required one is missing.
    INVALID_PARAMETERS;
    /// A policy breaks a rule of its format, or contradicts itself.
    INVALID_POLICY;
    /// The document is not valid JSON.
    INVALID_SYNTAX;
    /// The workflow breaks a rule of its format.
    INVALID_WORKFLOW;
    /// A workflow or policy is probably not meant as it is written.
    LIKELY_MISTAKE;
    /// A bound on size, depth, steps or count was passed.
    LIMIT_EXCEEDED;
    /// The loader of a lazy executor reported an error.
    LOAD_FAILED;
    /// A loop node has nothing that leads back to it, or its outputs are mixed up.
    LOOP_INVALID;
    /// An expression or a node needed a field that an item does not have.
    MISSING_FIELD;
    /// A host could not be reached, or the connection broke.
    NETWORK_ERROR;
    /// A host or address may not be reached under the current configuration.
    NETWORK_FORBIDDEN;
    /// Arithmetic went out of the range of numbers, divided by zero, or gave no number.
    NUMBER_ERROR;
    /// A node gave more than the policy of its tenant lets it.
    OUTPUT_TOO_LARGE;
    /// The executor of a node type broke off so often that it is not called any more.
    QUARANTINED;
    /// The tenant has used up what its policy gives it.
    QUOTA_EXCEEDED;
    /// A node raised an error on purpose.
    STOPPED;
    /// What is in a store cannot be what was written there.
    STORE_DAMAGED;
    /// A store cannot be reached, or did not do what it was asked.
    STORE_ERROR;
    /// There is no room left for what a store has to keep.
    STORE_FULL;
    /// Another process runs executions in the store.
    STORE_IN_USE;
    /// A store was written by a newer version of Jackfield.
    STORE_NEWER;
    /// The tenant may not use this node type.
    TENANT_FORBIDDEN;
    /// A time limit passed.
    TIMEOUT;
    /// The executor broke off with a panic or a trap.
    TRAPPED;
    /// There is no such data source, entity or column.
    UNKNOWN_ENTITY;
    /// The tenant has no such execution.
    UNKNOWN_EXECUTION;
    /// A field that the format does not know.
    UNKNOWN_FIELD;
    /// No plugin provides this node type.
    UNKNOWN_NODE_TYPE;
    /// The node type is known, but not in a version that was asked for.
    UNKNOWN_VERSION;
    /// An expression uses a part of JavaScript that is not evaluated natively.
    UNSUPPORTED_EXPRESSION;
    /// A plugin package is not signed by anybody who is trusted to sign it.
    UNTRUSTED_PLUGIN;
    /// Nothing can ever reach a node, or what it gives goes nowhere.
    UNUSED_NODE;
    /// The connections of a workflow form a cycle that goes through no loop node.
    WORKFLOW_CYCLE;
    /// A value has the wrong type for what is done with it.
    WRONG_TYPE;
}

impl ErrorCode {
    /// Makes a code of a plugin's own. Everything but letters, digits and `_` becomes `_`.
    pub fn custom(text: &str) -> Self {
        let name: String = text
            .chars()
            .take(64)
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_uppercase()
                } else {
                    '_'
                }
            })
            .collect();
        if name.is_empty() {
            Self::EXECUTION_ERROR
        } else {
            Self(Cow::Owned(name))
        }
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
