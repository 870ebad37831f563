//! The numbers of a policy: which are of use.

use std::time::Duration;

use jackfield_types::{ByteSize, CircuitBreaker, PluginQuota, Policy, Quotas, Span, WhenExceeded};

use super::finding::Finding;

const MOST_AT_ONCE: u64 = 1_000_000;
const MOST_A_SECOND: f64 = 10_000_000.0;
/// One in 30 days.
const LEAST_A_SECOND: f64 = 1.0 / (30.0 * 86_400.0);
const MOST_ITEMS: u64 = 1_000_000_000_000;
const HEAVIEST: u64 = 1_000;
const LARGEST: u64 = 1 << 40;
const LONGEST_CPU_TIME: Duration = Duration::from_hours(30 * 24);
const LONGEST_WAIT: Duration = Duration::from_hours(7 * 24);

/// The least and the most of each count: the place in the schema, and what is accepted.
pub(super) fn counts() -> [(&'static str, u64, u64); 10] {
    [
        (
            "/$defs/Quotas/properties/concurrentExecutions",
            1,
            MOST_AT_ONCE,
        ),
        ("/$defs/Quotas/properties/executionBurst", 1, MOST_AT_ONCE),
        ("/$defs/Quotas/properties/nodeCallBurst", 1, MOST_AT_ONCE),
        ("/$defs/Quotas/properties/itemsPerExecution", 1, MOST_ITEMS),
        ("/$defs/Quotas/properties/weight", 1, HEAVIEST),
        ("/$defs/Quotas/properties/maxQueued", 0, MOST_AT_ONCE),
        (
            "/$defs/PluginQuota/properties/hostCalls",
            1,
            u64::from(u32::MAX),
        ),
        ("/$defs/PluginQuota/properties/instances", 1, MOST_AT_ONCE),
        (
            "/$defs/CircuitBreaker/properties/minimumCalls",
            1,
            MOST_AT_ONCE,
        ),
        ("/$defs/CircuitBreaker/properties/failureRate", 0, 1),
    ]
}

/// Finds numbers that are of no use.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Finding>) {
    let mut limits = Limits { findings };
    limits.size("/maxOutputSize", policy.max_output_size);
    limits.quotas(&policy.quotas);
    limits.plugin_quota(&policy.plugin_quota);
    if let Some(breaker) = &policy.circuit_breaker {
        limits.circuit_breaker(breaker);
    }
}

struct Limits<'a> {
    findings: &'a mut Vec<Finding>,
}

impl Limits<'_> {
    fn quotas(&mut self, quotas: &Quotas) {
        self.count(
            "/quotas/concurrentExecutions",
            quotas.concurrent_executions.map(u64::from),
            MOST_AT_ONCE,
        );
        let rates = [
            (
                ["executionsPerSecond", "executionBurst"],
                quotas.executions_per_second,
                quotas.execution_burst,
            ),
            (
                ["nodeCallsPerSecond", "nodeCallBurst"],
                quotas.node_calls_per_second,
                quotas.node_call_burst,
            ),
        ];
        for ([rate_field, burst_field], rate, burst) in rates {
            self.rate(&format!("/quotas/{rate_field}"), rate);
            let pointer = format!("/quotas/{burst_field}");
            self.count(&pointer, burst.map(u64::from), MOST_AT_ONCE);
            if burst.is_some() && rate.is_none() {
                let message = format!("`{burst_field}` means nothing without `{rate_field}`");
                self.findings
                    .push(Finding::warning(pointer, message).with_hint(format!(
                        "say how many there may be a second with `{rate_field}`"
                    )));
            }
        }
        self.count(
            "/quotas/itemsPerExecution",
            quotas.items_per_execution,
            MOST_ITEMS,
        );
        if let Some(time) = quotas.cpu_time_per_execution {
            self.span("/quotas/cpuTimePerExecution", time, LONGEST_CPU_TIME);
        }
        self.size("/quotas/memoryPerExecution", quotas.memory_per_execution);
        self.count("/quotas/weight", Some(u64::from(quotas.weight)), HEAVIEST);
        self.queue(quotas);
    }

    fn queue(&mut self, quotas: &Quotas) {
        if u64::from(quotas.max_queued) > MOST_AT_ONCE {
            self.out_of_range(
                "/quotas/maxQueued",
                &quotas.max_queued.to_string(),
                MOST_AT_ONCE,
            );
        }
        let wait = quotas.max_wait;
        if wait.as_duration() > LONGEST_WAIT {
            let message = format!("`maxWait` cannot be {}", length(wait.as_duration()));
            self.findings.push(
                Finding::error("/quotas/maxWait", message)
                    .with_expected(format!("at most {}", length(LONGEST_WAIT))),
            );
        }
        if quotas.when_exceeded == WhenExceeded::Queue {
            let hint = "say `reject` for `whenExceeded` if nothing is to wait";
            if quotas.max_queued == 0 {
                let message = "with `queue` and a `maxQueued` of 0 nothing ever waits";
                self.findings
                    .push(Finding::warning("/quotas/maxQueued", message).with_hint(hint));
            }
            if wait.as_duration().is_zero() {
                let message = "with `queue` and a `maxWait` of 0 nothing ever waits";
                self.findings
                    .push(Finding::warning("/quotas/maxWait", message).with_hint(hint));
            }
        }
    }

    fn plugin_quota(&mut self, quota: &PluginQuota) {
        self.size("/pluginQuota/memory", quota.memory);
        if let Some(time) = quota.time {
            self.span("/pluginQuota/time", time, LONGEST_WAIT);
        }
        self.size("/pluginQuota/output", quota.output);
        let counts = [
            (
                "/pluginQuota/hostCalls",
                quota.host_calls,
                u64::from(u32::MAX),
            ),
            ("/pluginQuota/instances", quota.instances, MOST_AT_ONCE),
        ];
        for (pointer, count, most) in counts {
            self.count(pointer, count.map(u64::from), most);
        }
    }

    fn circuit_breaker(&mut self, breaker: &CircuitBreaker) {
        let share = breaker.failure_rate;
        // Written so that NaN is refused too.
        if !(share > 0.0 && share <= 1.0) {
            let message = format!("`failureRate` cannot be {share}");
            self.findings.push(
                Finding::error("/circuitBreaker/failureRate", message)
                    .with_expected("a share that is more than 0 and at most 1")
                    .with_hint_if(
                        (share > 1.0 && share <= 100.0)
                            .then(|| format!("{share} % is written {}", share / 100.0)),
                    ),
            );
        }
        self.count(
            "/circuitBreaker/minimumCalls",
            Some(u64::from(breaker.minimum_calls)),
            MOST_AT_ONCE,
        );
        self.span("/circuitBreaker/window", breaker.window, LONGEST_WAIT);
        self.span("/circuitBreaker/openFor", breaker.open_for, LONGEST_WAIT);
    }

    fn count(&mut self, pointer: &str, count: Option<u64>, most: u64) {
        if let Some(count) = count.filter(|&count| count == 0 || count > most) {
            self.out_of_range(pointer, &count.to_string(), most);
        }
    }

    fn out_of_range(&mut self, pointer: &str, given: &str, most: u64) {
        let field = field(pointer);
        let message = format!("`{field}` cannot be {given}");
        let finding = Finding::error(pointer, message).with_expected(format!("1 to {most}"));
        self.findings.push(match field {
            "weight" | "minimumCalls" => finding,
            _ => finding.with_hint("leave it out for no limit"),
        });
    }

    fn rate(&mut self, pointer: &str, rate: Option<f64>) {
        let Some(rate) = rate else { return };
        // Written so that NaN is refused too.
        if !(LEAST_A_SECOND..=MOST_A_SECOND).contains(&rate) {
            let message = format!("`{}` cannot be {rate:?}", field(pointer));
            let expected = format!("at least one in 30 days and at most {MOST_A_SECOND} a second");
            self.findings.push(
                Finding::error(pointer, message)
                    .with_expected(expected)
                    .with_hint("leave it out for no limit"),
            );
        }
    }

    fn span(&mut self, pointer: &str, span: Span, longest: Duration) {
        let given = span.as_duration();
        if given.is_zero() || given > longest {
            let message = format!("`{}` cannot be {}", field(pointer), length(given));
            let expected = format!("more than 0 and at most {}", length(longest));
            self.findings
                .push(Finding::error(pointer, message).with_expected(expected));
        }
    }

    fn size(&mut self, pointer: &str, size: Option<ByteSize>) {
        if let Some(size) = size.filter(|size| size.as_u64() == 0 || size.as_u64() > LARGEST) {
            let message = format!("`{}` cannot be {size}", field(pointer));
            let expected = format!("1 byte to {}", ByteSize::bytes(LARGEST));
            self.findings.push(
                Finding::error(pointer, message)
                    .with_expected(expected)
                    .with_hint("leave it out for no limit"),
            );
        }
    }
}

/// A length of time, also when it is a very long one.
fn length(time: Duration) -> String {
    const DAY: u64 = 86_400;
    match time.as_secs() {
        0 if time.is_zero() => "0".to_owned(),
        seconds if seconds >= DAY => format!("{} days", seconds / DAY),
        _ => Span::from(time).to_string(),
    }
}

fn field(pointer: &str) -> &str {
    pointer.rsplit('/').next().unwrap_or(pointer)
}
