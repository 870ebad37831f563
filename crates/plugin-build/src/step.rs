//! What a build says of itself while it goes on.

use std::fmt;

/// What a build begins to do, or did. It names tools and crates, and no places.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildStep {
    /// It waits for somebody who builds with the same folder of tools.
    Waiting,
    /// Tools are fetched and installed.
    Installing {
        /// What.
        tool: &'static str,
        /// By which program.
        by: &'static str,
    },
    /// The component is made.
    Making {
        /// By which program.
        by: &'static str,
    },
    /// A crate was compiled on the way to the component.
    Compiled {
        /// The crate.
        name: String,
    },
}

/// Who is told of steps.
pub(crate) type Say<'a> = &'a dyn Fn(BuildStep);

impl fmt::Display for BuildStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => f.write_str("waiting for another build with the same tools"),
            Self::Installing { tool, by } => write!(f, "installing `{tool}` with `{by}`"),
            Self::Making { by } => write!(f, "making the component with `{by}`"),
            Self::Compiled { name } => write!(f, "compiled `{name}`"),
        }
    }
}
