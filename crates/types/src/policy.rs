//! What a tenant may do, as it is written down. Whoever enforces it compiles it first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ByteSize, Span, TenantId};

/// What a tenant may do, and how much of it.
///
/// Only the shape of the fields is checked here; the tenancy crate checks what they say and
/// compiles it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Policy {
    /// Whose policy it is. In a folder of policies the name of the file says it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The node types that may be used: names or globs (`string.*`, `acme/*`), with a version
    /// requirement behind `@` if need be (`http-request@^1.2`). Empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_node_types: Vec<String>,
    /// The node types that may not be used though they are allowed; written alike.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restricted_node_types: Vec<String>,
    /// Whether the tenant is added to every data filter.
    pub data_isolation: DataIsolation,
    /// Whether what is done is recorded. Refusals always are.
    pub audit_logging: bool,
    /// The users who may start executions: names or globs (`*@acme.example`). Empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_users: Vec<String>,
    /// The users who may not though they are allowed; written alike.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blocked_users: Vec<String>,
    /// What is taken out of, or masked in, what nodes give.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output_filters: Vec<OutputFilter>,
    /// Names of fields, as globs without regard to case (`*password*`), whose values are masked
    /// wherever they come out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sensitive_field_patterns: Vec<String>,
    /// The most that one call of a node may give, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_size: Option<ByteSize>,
    /// How much may be done at once, per second and in one execution.
    pub quotas: Quotas,
    /// How much sandboxed plugins may use.
    pub plugin_quota: PluginQuota,
    /// The hosts that nodes may reach: names, `*.example.org`, or addresses, with `:port` if need
    /// be. Nothing said: those that the instance lets everybody reach; an empty list: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_hosts: Option<Vec<String>>,
    /// The names of the environment, or globs, that expressions may read by `$env`, of those that
    /// the instance grants. Nothing said: all of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Vec<String>>,
    /// The names of the tenant's secrets, or globs, that expressions and nodes may read. Nothing
    /// said: all of the tenant's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Vec<String>>,
    /// The most that a node type may reach outside itself. Nothing said: anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Vec<Capability>>,
    /// The publishers whose plugins may be used, of those whom the instance trusts: names or globs,
    /// and `unsigned` for plugins that none of them signed. Nothing said: all that the instance
    /// takes; an empty list: no plugins, only what is built in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_publishers: Option<Vec<String>>,
    /// When calls of a node type that fails too often are left out for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit_breaker: Option<CircuitBreaker>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            tenant: None,
            description: None,
            allowed_node_types: Vec::new(),
            restricted_node_types: Vec::new(),
            data_isolation: DataIsolation::Strict,
            audit_logging: true,
            allowed_users: Vec::new(),
            blocked_users: Vec::new(),
            output_filters: Vec::new(),
            sensitive_field_patterns: Vec::new(),
            max_output_size: None,
            quotas: Quotas::default(),
            plugin_quota: PluginQuota::default(),
            allowed_hosts: None,
            environment: None,
            secrets: None,
            capabilities: None,
            trusted_publishers: None,
            circuit_breaker: None,
        }
    }
}

/// Whether data filters are bound to the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DataIsolation {
    /// Every filter is.
    #[default]
    Strict,
    /// Filters are left as they are.
    Relaxed,
}

/// Something that is taken out of what nodes give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutputFilter {
    /// The place in an item: field names with dots between them; `*` stands for any field or
    /// any element of a list, `**` for any number of steps (`customer.email`, `orders.*.card`).
    pub path: String,
    /// What is done.
    #[serde(default)]
    pub action: FilterAction,
    /// The node types whose items are filtered, written like `allowedNodeTypes`. Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub node_types: Vec<String>,
}

/// What is done with a value that may not come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FilterAction {
    /// The field is taken out; an element of a list becomes `null`.
    Remove,
    /// The value becomes `"[redacted]"`.
    #[default]
    Mask,
}

/// How much a tenant may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Quotas {
    /// How many executions run at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent_executions: Option<u32>,
    /// How many executions start a second, on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executions_per_second: Option<f64>,
    /// How many executions may start at once after a quiet time; one second's worth if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_burst: Option<u32>,
    /// How many calls of nodes are made a second, on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_calls_per_second: Option<f64>,
    /// How many calls may be made at once after a quiet time; one second's worth if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_call_burst: Option<u32>,
    /// How many items the nodes of one execution may give in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items_per_execution: Option<u64>,
    /// How much processor time the nodes of one execution may use in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_time_per_execution: Option<Span>,
    /// How large what the nodes of one execution gave, and its variables, may be in all, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_per_execution: Option<ByteSize>,
    /// The tenant's share when tenants wait for each other: one with 2 gets twice as many turns
    /// as one with 1.
    pub weight: u32,
    /// What becomes of what is too much.
    pub when_exceeded: WhenExceeded,
    /// How many may wait, with `queue`.
    pub max_queued: u32,
    /// How long they may wait, with `queue`.
    pub max_wait: Span,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            concurrent_executions: None,
            executions_per_second: None,
            execution_burst: None,
            node_calls_per_second: None,
            node_call_burst: None,
            items_per_execution: None,
            cpu_time_per_execution: None,
            memory_per_execution: None,
            weight: 1,
            when_exceeded: WhenExceeded::Queue,
            max_queued: 1_000,
            max_wait: Span::from_millis(30_000),
        }
    }
}

/// How much each sandboxed plugin may use on behalf of a tenant. It is what a plugin has that asks
/// for nothing, and the most that one has that does; never more than the instance gives anybody.
/// Nothing said: what the instance gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PluginQuota {
    /// The memory of one instance, all its linear memories together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<ByteSize>,
    /// How long one call may take, waiting included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Span>,
    /// The most that one call may give, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<ByteSize>,
    /// How often one call may ask the host for something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_calls: Option<u32>,
    /// How many calls of one plugin may run at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
}

/// What becomes of executions and calls that are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WhenExceeded {
    /// They wait for their turn.
    #[default]
    Queue,
    /// They fail with the time to wait, and may be tried again.
    Reject,
    /// They fail and are not tried again.
    Drop,
}

/// When calls of a node type are left out because it fails too often.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CircuitBreaker {
    /// The share of calls, of 0 to 1, that have to fail.
    pub failure_rate: f64,
    /// How many calls there have to be before the share means anything.
    pub minimum_calls: u32,
    /// How far back calls count.
    pub window: Span,
    /// How long calls are left out before one is tried.
    pub open_for: Span,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self {
            failure_rate: 0.5,
            minimum_calls: 20,
            window: Span::from_millis(30_000),
            open_for: Span::from_millis(10_000),
        }
    }
}

/// Something that a node type may reach outside itself. There are no others: an unknown name is
/// an error.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Capability {
    /// Writes to the host's log.
    Log,
    /// Sends HTTP requests.
    Http,
    /// Keeps values from call to call.
    Kv,
    /// Reads secrets.
    Secrets,
    /// Reads configuration.
    Config,
    /// Reads the clock.
    Clock,
    /// Draws random numbers.
    Random,
    /// Reports progress.
    Progress,
    /// Reads and writes databases.
    Database,
    /// Sends databases SQL of its own. Nobody has it whose policy does not name it.
    Sql,
}

impl Capability {
    /// The name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Http => "http",
            Self::Kv => "kv",
            Self::Secrets => "secrets",
            Self::Config => "config",
            Self::Clock => "clock",
            Self::Random => "random",
            Self::Progress => "progress",
            Self::Database => "database",
            Self::Sql => "sql",
        }
    }

    /// Whether tenants have it whose policy says nothing about capabilities.
    pub fn is_granted_by_default(self) -> bool {
        self != Self::Sql
    }
}
