use std::collections::BTreeSet;

/// What an expression reads: enough to check it against a workflow before anything runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct References {
    /// Names in `$('X')`, `$node["X"]` and `$node.X`.
    pub nodes: BTreeSet<String>,
    /// Ids in `$steps.X` and `$steps["X"]`.
    pub steps: BTreeSet<String>,
    /// Names in `$env.X` and `$env["X"]`.
    pub environment: BTreeSet<String>,
    /// Names in `$secrets.X` and `$secrets["X"]`. They are never computed. An expression that was
    /// not there when a workflow was planned must not be let read any.
    pub secrets: BTreeSet<String>,
    /// Values that the caller binds, such as `$item`.
    pub bindings: BTreeSet<String>,
    /// Whether `$vars` or `$workflow.variables` is read.
    pub variables: bool,
    /// Whether the value may differ from item to item (`$json`, `$input.item`, `$itemIndex`,
    /// `$('X').item`, `$binary`).
    pub per_item: bool,
    /// Whether the name of a node or step is computed, so that any of them may be meant.
    pub computed_node: bool,
    /// Whether the name of an environment variable is computed.
    pub computed_environment: bool,
}

impl References {
    /// Adds what `other` reads.
    pub fn extend(&mut self, other: &Self) {
        self.nodes.extend(other.nodes.iter().cloned());
        self.steps.extend(other.steps.iter().cloned());
        self.environment.extend(other.environment.iter().cloned());
        self.secrets.extend(other.secrets.iter().cloned());
        self.bindings.extend(other.bindings.iter().cloned());
        self.variables |= other.variables;
        self.per_item |= other.per_item;
        self.computed_node |= other.computed_node;
        self.computed_environment |= other.computed_environment;
    }
}
