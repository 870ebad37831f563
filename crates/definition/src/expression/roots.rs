use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use jackfield_types::{Item, Items, NodeStatus, Object, Secret};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

/// What is known of a node that an expression refers to.
#[derive(Debug, Clone, Copy)]
pub struct NodeView<'a> {
    /// The items of the first `main` output.
    pub items: &'a [Item],
    /// The items of every `main` output, for `.all(1)` and the like; may be left empty.
    pub outputs: &'a [Items],
    /// How the node stands.
    pub status: NodeStatus,
    /// The item from which the current one was made, if that is known.
    pub paired: Option<&'a Item>,
}

impl<'a> NodeView<'a> {
    /// A node that ended well with these items, none of which the current item was made from.
    pub fn new(items: &'a [Item]) -> Self {
        Self {
            items,
            outputs: &[],
            status: NodeStatus::Success,
            paired: None,
        }
    }

    /// Says from which item the current one was made.
    #[must_use]
    pub fn with_paired(mut self, paired: Option<&'a Item>) -> Self {
        self.paired = paired;
        self
    }

    pub(super) fn output(&self, index: usize) -> &'a [Item] {
        match self.outputs.get(index) {
            Some(items) => items,
            None if index == 0 => self.items,
            None => &[],
        }
    }
}

/// Why an expression is not given a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is none of that name.
    #[error("there is no such secret")]
    Missing,
    /// It may not be read.
    #[error("it may not be read: {rule}")]
    Refused {
        /// The rule that refused it.
        rule: Arc<str>,
    },
    /// There is one, and it cannot be read now.
    #[error("it cannot be read: {reason}")]
    Unreadable {
        /// Why not. It tells nothing of the secret.
        reason: String,
    },
}

/// The only way from an expression to data.
///
/// Everything is lent, so that reading `$json.a.b` copies nothing. Every method but
/// [`Roots::now`] has a default that means "not there". The methods are called during one
/// evaluation, as often as the expression refers to them, and must answer the same each time;
/// they must not block.
pub trait Roots {
    /// The time that `$now` gives.
    fn now(&self) -> Timestamp;

    /// The time zone of `$now`, `$today` and dates without one.
    fn time_zone(&self) -> &TimeZone {
        static UTC: TimeZone = TimeZone::UTC;
        &UTC
    }

    /// The current item: `$json`, `$input.item`.
    fn item(&self) -> Option<&Item> {
        None
    }

    /// All items of the first input: `$input.all()`.
    fn input(&self) -> &[Item] {
        &[]
    }

    /// The place of the current item in its list: `$itemIndex`.
    fn item_index(&self) -> usize {
        0
    }

    /// How often the node ran before in this execution: `$runIndex`.
    fn run_index(&self) -> usize {
        0
    }

    /// The node of this name: `$('name')`, `$node["name"]`.
    fn node(&self, name: &str) -> Option<NodeView<'_>> {
        let _ = name;
        None
    }

    /// The node of this id: `$steps.id`.
    fn step(&self, id: &str) -> Option<NodeView<'_>> {
        let _ = id;
        None
    }

    /// The execution's variables: `$vars`, `$workflow.variables`.
    fn variables(&self) -> Option<&Object> {
        None
    }

    /// What the caller gave the execution: `$context`.
    fn context(&self) -> Option<&Value> {
        None
    }

    /// The workflow: `$workflow`.
    fn workflow(&self) -> Option<&Value> {
        None
    }

    /// The execution: `$execution`.
    fn execution(&self) -> Option<&Value> {
        None
    }

    /// An environment variable, if the expression was granted it: `$env.NAME`.
    fn environment(&self, name: &str) -> Option<&str> {
        let _ = name;
        None
    }

    /// A secret: `$secrets.NAME`. Whoever gives it out sees to it that it is masked wherever it
    /// comes out again; what expressions make of it is told by
    /// [`ParameterTemplate::evaluate_tracing`](super::ParameterTemplate::evaluate_tracing).
    ///
    /// # Errors
    /// [`SecretError`]: there is none, or it may not be read.
    fn secret(&self, name: &str) -> Result<Cow<'_, str>, SecretError> {
        let _ = name;
        Err(SecretError::Missing)
    }

    /// A value that the caller binds to a name: `$item`, `$index`, `$acc`. The name comes with
    /// its `$`.
    fn binding(&self, name: &str) -> Option<&Value> {
        let _ = name;
        None
    }
}

/// Roots that own their data, for tests, tools and embedders.
#[derive(Debug, Clone)]
pub struct StaticRoots {
    now: Timestamp,
    time_zone: TimeZone,
    input: Vec<Item>,
    item_index: usize,
    run_index: usize,
    nodes: BTreeMap<String, Vec<Item>>,
    variables: Object,
    context: Value,
    workflow: Value,
    execution: Value,
    environment: BTreeMap<String, String>,
    secrets: BTreeMap<String, Secret<String>>,
    bindings: BTreeMap<String, Value>,
}

impl StaticRoots {
    /// Roots at this time, in UTC, with no data.
    pub fn new(now: Timestamp) -> Self {
        let empty = || Value::Object(Object::new());
        Self {
            now,
            time_zone: TimeZone::UTC,
            input: Vec::new(),
            item_index: 0,
            run_index: 0,
            nodes: BTreeMap::new(),
            variables: Object::new(),
            context: empty(),
            workflow: empty(),
            execution: empty(),
            environment: BTreeMap::new(),
            secrets: BTreeMap::new(),
            bindings: BTreeMap::new(),
        }
    }

    /// Sets the time zone.
    #[must_use]
    pub fn with_time_zone(mut self, time_zone: TimeZone) -> Self {
        self.time_zone = time_zone;
        self
    }

    /// Sets the input; the first item is the current one.
    #[must_use]
    pub fn with_input(mut self, input: Vec<Item>) -> Self {
        self.input = input;
        self
    }

    /// Makes another item the current one.
    #[must_use]
    pub fn with_item_index(mut self, index: usize) -> Self {
        self.item_index = index;
        self
    }

    /// Sets how often the node ran before.
    #[must_use]
    pub fn with_run_index(mut self, index: usize) -> Self {
        self.run_index = index;
        self
    }

    /// Adds a node that ended well, under a name that serves as id too. Its items are paired
    /// with those of the input by their place.
    #[must_use]
    pub fn with_node(mut self, name: impl Into<String>, items: Vec<Item>) -> Self {
        self.nodes.insert(name.into(), items);
        self
    }

    /// Sets the variables.
    #[must_use]
    pub fn with_variables(mut self, variables: Object) -> Self {
        self.variables = variables;
        self
    }

    /// Sets `$context`.
    #[must_use]
    pub fn with_context(mut self, context: Value) -> Self {
        self.context = context;
        self
    }

    /// Sets `$workflow`.
    #[must_use]
    pub fn with_workflow(mut self, workflow: Value) -> Self {
        self.workflow = workflow;
        self
    }

    /// Sets `$execution`.
    #[must_use]
    pub fn with_execution(mut self, execution: Value) -> Self {
        self.execution = execution;
        self
    }

    /// Grants an environment variable.
    #[must_use]
    pub fn with_environment(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Adds a secret.
    #[must_use]
    pub fn with_secret(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.secrets.insert(name.into(), Secret::new(value.into()));
        self
    }

    /// Binds a value to a name, which is given with its `$`.
    #[must_use]
    pub fn with_binding(mut self, name: impl Into<String>, value: Value) -> Self {
        self.bindings.insert(name.into(), value);
        self
    }
}

impl Roots for StaticRoots {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn time_zone(&self) -> &TimeZone {
        &self.time_zone
    }

    fn item(&self) -> Option<&Item> {
        self.input.get(self.item_index)
    }

    fn input(&self) -> &[Item] {
        &self.input
    }

    fn item_index(&self) -> usize {
        self.item_index
    }

    fn run_index(&self) -> usize {
        self.run_index
    }

    fn node(&self, name: &str) -> Option<NodeView<'_>> {
        let items = self.nodes.get(name)?;
        Some(NodeView::new(items).with_paired(items.get(self.item_index)))
    }

    fn step(&self, id: &str) -> Option<NodeView<'_>> {
        self.node(id)
    }

    fn variables(&self) -> Option<&Object> {
        Some(&self.variables)
    }

    fn context(&self) -> Option<&Value> {
        Some(&self.context)
    }

    fn workflow(&self) -> Option<&Value> {
        Some(&self.workflow)
    }

    fn execution(&self) -> Option<&Value> {
        Some(&self.execution)
    }

    fn environment(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }

    fn secret(&self, name: &str) -> Result<Cow<'_, str>, SecretError> {
        let secret = self.secrets.get(name).ok_or(SecretError::Missing)?;
        Ok(Cow::Borrowed(secret.expose()))
    }

    fn binding(&self, name: &str) -> Option<&Value> {
        self.bindings.get(name)
    }
}
