//! The shape of a policy: which fields there are and of which type. Reading never stops at the
//! first mistake; what is wrong is left at its default.

use jackfield_definition::{Diagnostic, nearest};
use jackfield_types::{
    ByteSize, Capability, CircuitBreaker, DataIsolation, ErrorCode, FilterAction, Object,
    OutputFilter, PluginQuota, Policy, Quotas, Span, TenantId, WhenExceeded,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::finding::Finding;

pub(super) const POLICY_FIELDS: &[&str] = &[
    "$schema",
    "tenant",
    "description",
    "allowedNodeTypes",
    "restrictedNodeTypes",
    "dataIsolation",
    "auditLogging",
    "allowedUsers",
    "blockedUsers",
    "outputFilters",
    "sensitiveFieldPatterns",
    "maxOutputSize",
    "quotas",
    "pluginQuota",
    "allowedHosts",
    "environment",
    "secrets",
    "capabilities",
    "trustedPublishers",
    "circuitBreaker",
];
pub(super) const QUOTA_FIELDS: &[&str] = &[
    "concurrentExecutions",
    "executionsPerSecond",
    "executionBurst",
    "nodeCallsPerSecond",
    "nodeCallBurst",
    "itemsPerExecution",
    "cpuTimePerExecution",
    "memoryPerExecution",
    "weight",
    "whenExceeded",
    "maxQueued",
    "maxWait",
];
const PLUGIN_QUOTA_FIELDS: &[&str] = &["memory", "time", "output", "hostCalls", "instances"];
const FILTER_FIELDS: &[&str] = &["path", "action", "nodeTypes"];
const BREAKER_FIELDS: &[&str] = &["failureRate", "minimumCalls", "window", "openFor"];
const CAPABILITIES: &[&str] = &[
    "log", "http", "kv", "secrets", "config", "clock", "random", "progress", "database", "sql",
];

const SIZE: &str = "a number of bytes, or a text such as `64MiB`";
const SPAN: &str = "milliseconds as a whole number, or a text such as `250ms`, `5s` or `1h 30m`";
const COUNT: &str = "a whole number from 0 to 4294967295";
const LONG_COUNT: &str = "a whole number of 0 or more";
const TEXTS: &str = "a list of texts";

/// A place in a list.
pub(super) fn index(pointer: &str, place: usize) -> String {
    format!("{pointer}/{place}")
}

/// A field of an object.
pub(super) fn key(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Reads what can be read of a policy.
pub(super) fn policy(value: &Value, findings: &mut Vec<Finding>) -> Policy {
    let mut policy = Policy::default();
    let Value::Object(document) = value else {
        let message = format!("a policy is an object, this is {}", describe(value));
        findings.push(Finding::error("", message));
        return policy;
    };
    let mut fields = Fields {
        object: document,
        pointer: String::new(),
        findings,
    };
    fields.refuse_unknown("a policy", POLICY_FIELDS);
    fields.typed::<String>("$schema", "a text");
    policy.tenant = fields.tenant();
    policy.description = fields.typed("description", "a text");
    policy.allowed_node_types = fields.some_texts("allowedNodeTypes");
    policy.restricted_node_types = fields.texts("restrictedNodeTypes").unwrap_or_default();
    if let Some(isolation) = fields.choice::<DataIsolation>("dataIsolation", &["strict", "relaxed"])
    {
        policy.data_isolation = isolation;
    }
    if let Some(logging) = fields.typed("auditLogging", "`true` or `false`") {
        policy.audit_logging = logging;
    }
    policy.allowed_users = fields.some_texts("allowedUsers");
    policy.blocked_users = fields.texts("blockedUsers").unwrap_or_default();
    policy.output_filters = fields.filters();
    policy.sensitive_field_patterns = fields.texts("sensitiveFieldPatterns").unwrap_or_default();
    policy.max_output_size = fields.typed::<ByteSize>("maxOutputSize", SIZE);
    if let Some(quotas) = fields.within("quotas", quotas) {
        policy.quotas = quotas;
    }
    if let Some(quota) = fields.within("pluginQuota", plugin_quota) {
        policy.plugin_quota = quota;
    }
    policy.allowed_hosts = fields.texts("allowedHosts");
    policy.environment = fields.texts("environment");
    policy.secrets = fields.texts("secrets");
    policy.capabilities = fields.capabilities();
    policy.trusted_publishers = fields.texts("trustedPublishers");
    policy.circuit_breaker = fields.within("circuitBreaker", circuit_breaker);
    policy
}

fn quotas(fields: &mut Fields<'_>) -> Quotas {
    fields.refuse_unknown("`quotas`", QUOTA_FIELDS);
    let usual = Quotas::default();
    let choices = &["queue", "reject", "drop"];
    Quotas {
        concurrent_executions: fields.typed("concurrentExecutions", COUNT),
        executions_per_second: fields.typed("executionsPerSecond", "a number"),
        execution_burst: fields.typed("executionBurst", COUNT),
        node_calls_per_second: fields.typed("nodeCallsPerSecond", "a number"),
        node_call_burst: fields.typed("nodeCallBurst", COUNT),
        items_per_execution: fields.typed("itemsPerExecution", LONG_COUNT),
        cpu_time_per_execution: fields.typed("cpuTimePerExecution", SPAN),
        memory_per_execution: fields.typed("memoryPerExecution", SIZE),
        weight: fields.typed("weight", COUNT).unwrap_or(usual.weight),
        when_exceeded: fields
            .choice::<WhenExceeded>("whenExceeded", choices)
            .unwrap_or(usual.when_exceeded),
        max_queued: fields.typed("maxQueued", COUNT).unwrap_or(usual.max_queued),
        max_wait: fields
            .typed::<Span>("maxWait", SPAN)
            .unwrap_or(usual.max_wait),
    }
}

fn plugin_quota(fields: &mut Fields<'_>) -> PluginQuota {
    fields.refuse_unknown("`pluginQuota`", PLUGIN_QUOTA_FIELDS);
    PluginQuota {
        memory: fields.typed::<ByteSize>("memory", SIZE),
        time: fields.typed::<Span>("time", SPAN),
        output: fields.typed::<ByteSize>("output", SIZE),
        host_calls: fields.typed("hostCalls", COUNT),
        instances: fields.typed("instances", COUNT),
    }
}

fn circuit_breaker(fields: &mut Fields<'_>) -> CircuitBreaker {
    fields.refuse_unknown("`circuitBreaker`", BREAKER_FIELDS);
    let usual = CircuitBreaker::default();
    CircuitBreaker {
        failure_rate: fields
            .typed("failureRate", "a number")
            .unwrap_or(usual.failure_rate),
        minimum_calls: fields
            .typed("minimumCalls", COUNT)
            .unwrap_or(usual.minimum_calls),
        window: fields.typed("window", SPAN).unwrap_or(usual.window),
        open_for: fields.typed("openFor", SPAN).unwrap_or(usual.open_for),
    }
}

/// The fields of one object.
struct Fields<'a> {
    object: &'a Object,
    pointer: String,
    findings: &'a mut Vec<Finding>,
}

impl Fields<'_> {
    fn place(&self, field: &str) -> String {
        key(&self.pointer, field)
    }

    fn unexpected(&mut self, pointer: String, field: &str, value: &Value, expected: &str) {
        let message = format!("`{field}` cannot be {}", describe(value));
        let mut finding = Finding::error(pointer, message).with_expected(expected);
        if value.is_null() {
            finding = finding.with_hint("leave the field out if there is nothing to say");
        }
        self.findings.push(finding);
    }

    /// A field whose type knows by itself what it takes.
    fn typed<T: DeserializeOwned>(&mut self, field: &str, expected: &str) -> Option<T> {
        let value = self.object.get(field)?;
        match serde_json::from_value(value.clone()) {
            Ok(read) if !value.is_null() => Some(read),
            Ok(_) | Err(_) => {
                let pointer = self.place(field);
                self.unexpected(pointer, field, value, expected);
                None
            }
        }
    }

    /// A field that takes one of a few words.
    fn choice<T: DeserializeOwned>(&mut self, field: &str, words: &[&str]) -> Option<T> {
        let value = self.object.get(field)?;
        let pointer = self.place(field);
        self.word(pointer, field, value, words)
    }

    fn word<T: DeserializeOwned>(
        &mut self,
        pointer: String,
        field: &str,
        value: &Value,
        words: &[&str],
    ) -> Option<T> {
        if let Ok(read) = serde_json::from_value(value.clone()) {
            return Some(read);
        }
        let near = value
            .as_str()
            .and_then(|word| nearest(word, words.iter().copied()))
            .map(|near| format!("did you mean `{near}`?"));
        let message = format!("`{field}` cannot be {}", describe(value));
        let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        self.findings.push(
            Finding::error(pointer, message)
                .with_expected(format!("one of {}", quoted.join(", ")))
                .with_hint_if(near),
        );
        None
    }

    /// A list of texts. What is no text keeps its place, as an empty one.
    fn texts(&mut self, field: &str) -> Option<Vec<String>> {
        let value = self.object.get(field)?;
        let pointer = self.place(field);
        let Value::Array(list) = value else {
            self.unexpected(pointer, field, value, TEXTS);
            return None;
        };
        let mut texts = Vec::with_capacity(list.len());
        for (place, element) in list.iter().enumerate() {
            if let Value::String(text) = element {
                texts.push(text.clone());
            } else {
                let name = format!("{field}[{place}]");
                self.unexpected(index(&pointer, place), &name, element, "a text");
                texts.push(String::new());
            }
        }
        Some(texts)
    }

    /// A list of texts that means everything when it is empty, which may not be what was meant.
    fn some_texts(&mut self, field: &str) -> Vec<String> {
        let texts = self.texts(field);
        if texts.as_ref().is_some_and(Vec::is_empty) {
            let message = format!("`{field}` is empty, and that allows all");
            self.findings.push(
                Finding::error(self.place(field), message)
                    .with_hint("leave it out if that is meant; to refuse all, write `*` into the list that refuses"),
            );
        }
        texts.unwrap_or_default()
    }

    fn tenant(&mut self) -> Option<TenantId> {
        let text: String = self.typed("tenant", "a text")?;
        match TenantId::parse(&text) {
            Ok(tenant) => Some(tenant),
            Err(error) => {
                let pointer = self.place("tenant");
                let near = TenantId::parse(&text.trim().to_ascii_lowercase()).ok();
                self.findings.push(
                    Finding::error(pointer, error.to_string())
                        .with_hint_if(near.map(|near| format!("did you mean `{near}`?"))),
                );
                None
            }
        }
    }

    fn capabilities(&mut self) -> Option<Vec<Capability>> {
        let value = self.object.get("capabilities")?;
        let pointer = self.place("capabilities");
        let Value::Array(list) = value else {
            self.unexpected(pointer, "capabilities", value, "a list of capabilities");
            return None;
        };
        let mut capabilities = Vec::with_capacity(list.len());
        for (place, element) in list.iter().enumerate() {
            let pointer = index(&pointer, place);
            let name = format!("capabilities[{place}]");
            capabilities.extend(self.word::<Capability>(pointer, &name, element, CAPABILITIES));
        }
        Some(capabilities)
    }

    fn filters(&mut self) -> Vec<OutputFilter> {
        let Some(value) = self.object.get("outputFilters") else {
            return Vec::new();
        };
        let pointer = self.place("outputFilters");
        let Value::Array(list) = value else {
            self.unexpected(pointer, "outputFilters", value, "a list of filters");
            return Vec::new();
        };
        let mut filters = Vec::with_capacity(list.len());
        for (place, element) in list.iter().enumerate() {
            let pointer = index(&pointer, place);
            let name = format!("outputFilters[{place}]");
            let Value::Object(object) = element else {
                self.unexpected(pointer, &name, element, "an object with a `path`");
                filters.push(OutputFilter {
                    path: String::new(),
                    action: FilterAction::default(),
                    node_types: Vec::new(),
                });
                continue;
            };
            let mut fields = Fields {
                object,
                pointer,
                findings: &mut *self.findings,
            };
            filters.push(fields.filter(&name));
        }
        filters
    }

    fn filter(&mut self, name: &str) -> OutputFilter {
        self.refuse_unknown(&format!("`{name}`"), FILTER_FIELDS);
        if !self.object.contains_key("path") {
            let message = format!("`{name}` has no `path`");
            self.findings.push(
                Finding::error(self.pointer.clone(), message)
                    .with_expected("a path such as `customer.email` or `orders.*.card`"),
            );
        }
        OutputFilter {
            path: self.typed("path", "a text").unwrap_or_default(),
            action: self
                .choice("action", &["remove", "mask"])
                .unwrap_or_default(),
            node_types: self.texts("nodeTypes").unwrap_or_default(),
        }
    }

    /// An object within this one.
    fn within<T>(&mut self, field: &str, read: impl FnOnce(&mut Fields<'_>) -> T) -> Option<T> {
        let value = self.object.get(field)?;
        let pointer = self.place(field);
        let Value::Object(object) = value else {
            self.unexpected(pointer, field, value, "an object");
            return None;
        };
        Some(read(&mut Fields {
            object,
            pointer,
            findings: &mut *self.findings,
        }))
    }

    fn refuse_unknown(&mut self, what: &str, known: &[&str]) {
        let unknown = self
            .object
            .keys()
            .filter(|field| !known.contains(&field.as_str()));
        for field in unknown {
            let names = known.iter().copied().filter(|name| *name != "$schema");
            let near = meant(field)
                .filter(|meant| known.contains(meant))
                .or_else(|| nearest(field, names))
                .map(|near| format!("did you mean `{near}`?"));
            let shown: String = field.chars().take(100).collect();
            let message = format!("{what} has no field `{shown}`");
            let diagnostic = Diagnostic::new(ErrorCode::UNKNOWN_FIELD, message);
            self.findings.push(
                Finding::new(diagnostic, key(&self.pointer, field))
                    .at_key()
                    .with_hint_if(near),
            );
        }
    }
}

/// The field that other words are written for.
fn meant(field: &str) -> Option<&'static str> {
    Some(match field.to_ascii_lowercase().as_str() {
        "tenantid" | "tenant_id" | "id" | "name" => "tenant",
        "allowed" | "allow" | "allowednodes" | "allowlist" => "allowedNodeTypes",
        "restricted" | "deny" | "denied" | "denylist" | "restrictednodes" | "blockednodetypes"
        | "deniednodetypes" | "forbiddennodetypes" => "restrictedNodeTypes",
        "hosts" | "allowlisthosts" => "allowedHosts",
        "users" => "allowedUsers",
        "publishers" | "trusted" | "allowedpublishers" => "trustedPublishers",
        "env" => "environment",
        "isolation" => "dataIsolation",
        "audit" | "auditlog" => "auditLogging",
        "limits" | "quota" => "quotas",
        _ => return None,
    })
}

/// A value as it is spoken of.
fn describe(value: &Value) -> String {
    const SHOWN: usize = 60;
    match value {
        Value::Null => "`null`".to_owned(),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
        Value::String(text) if text.len() <= SHOWN => format!("the text {text:?}"),
        Value::String(_) => "a long text".to_owned(),
        Value::Array(list) if list.is_empty() => "an empty list".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
