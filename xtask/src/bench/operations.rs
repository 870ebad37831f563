//! What is measured, what was asked for, and our own budget: DESIGN section 7 as data.

/// Where a figure comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin {
    /// A bench of criterion's, by its id; its time is that of one of its elements.
    Bench(&'static str),
    /// How many times as long as the second bench the first one takes.
    Ratio(&'static str, &'static str),
    /// A line that a bench printed.
    Printed(&'static str),
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Nanoseconds; less is better.
    Time,
    /// Bytes; less is better.
    Memory,
    /// A share of 1; more is better.
    Share,
    /// How many times as much as something else; less is better.
    Ratio,
    /// How many in a second; more is better.
    Rate,
}

/// One line of the table.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) origin: Origin,
    pub(super) unit: Unit,
    /// What the product was asked for.
    pub(super) target: Option<f64>,
    /// What we ask for.
    pub(super) budget: Option<f64>,
}

pub(super) const fn time(
    name: &'static str,
    bench: &'static str,
    target: Option<f64>,
    budget: Option<f64>,
) -> Operation {
    Operation {
        name,
        origin: Origin::Bench(bench),
        unit: Unit::Time,
        target,
        budget,
    }
}

/// A figure that a bench printed.
pub(super) const fn printed(
    name: &'static str,
    line: &'static str,
    unit: Unit,
    target: Option<f64>,
) -> Operation {
    Operation {
        name,
        origin: Origin::Printed(line),
        unit,
        target,
        budget: None,
    }
}

/// How much of another tenant's p99 there is while one offers a hundred quotas.
pub(super) const fn fairness(name: &'static str, line: &'static str) -> Operation {
    Operation {
        name,
        origin: Origin::Printed(line),
        unit: Unit::Ratio,
        target: Some(1.1),
        budget: None,
    }
}

/// How many times as long the node takes as the driver under it.
const fn database(name: &'static str, line: &'static str) -> Operation {
    Operation {
        name,
        origin: Origin::Printed(line),
        unit: Unit::Ratio,
        target: Some(1.5),
        budget: None,
    }
}

pub(super) const MICROSECOND: f64 = 1e3;
pub(super) const MILLISECOND: f64 = 1e6;

const HIT_TARGET: Option<f64> = Some(0.1 * MILLISECOND);
const HIT_BUDGET: Option<f64> = Some(100.0);
const REGISTER_TARGET: Option<f64> = Some(MILLISECOND);
const REGISTER_BUDGET: Option<f64> = Some(20.0 * MICROSECOND);
const NODE_TARGET: Option<f64> = Some(10.0 * MILLISECOND);
const NODE_BUDGET: Option<f64> = Some(MICROSECOND);

const POLICY_TARGET: Option<f64> = Some(200.0);
const AUDIT_TARGET: Option<f64> = Some(2.0 * MICROSECOND);
const POLICY_AND_AUDIT_BUDGET: Option<f64> = Some(3.0 * MICROSECOND);

/// Everything that the table shows, in its order.
pub(super) const OPERATIONS: &[Operation] = &[
    time(
        "cache hit, 10 entries",
        "cache/hit/10",
        HIT_TARGET,
        HIT_BUDGET,
    ),
    time(
        "cache hit, 1,000 entries",
        "cache/hit/1000",
        HIT_TARGET,
        HIT_BUDGET,
    ),
    time(
        "cache hit, 100,000 entries",
        "cache/hit/100000",
        HIT_TARGET,
        HIT_BUDGET,
    ),
    time(
        "cache hit, all threads, 10 entries",
        "cache/hit_all_threads/10",
        HIT_TARGET,
        HIT_BUDGET,
    ),
    time(
        "cache hit, all threads, 1,000 entries",
        "cache/hit_all_threads/1000",
        HIT_TARGET,
        HIT_BUDGET,
    ),
    time(
        "cache hit, all threads, 100,000 entries",
        "cache/hit_all_threads/100000",
        HIT_TARGET,
        HIT_BUDGET,
    ),
    time(
        "registration beside 100 others",
        "registry/register/100",
        REGISTER_TARGET,
        REGISTER_BUDGET,
    ),
    time(
        "registration beside 10,000 others",
        "registry/register/10000",
        REGISTER_TARGET,
        REGISTER_BUDGET,
    ),
    time(
        "one no-op node, pipeline alone",
        "registry/invoke_noop",
        NODE_TARGET,
        NODE_BUDGET,
    ),
    time(
        "an execution of one no-op node",
        "execution/node/noop",
        NODE_TARGET,
        None,
    ),
    time(
        "a node in a chain of 100",
        "execution/chain/100",
        NODE_TARGET,
        NODE_BUDGET,
    ),
    time(
        "a node in a chain of 10,000",
        "execution/chain/10000",
        NODE_TARGET,
        NODE_BUDGET,
    ),
    time(
        "a node in a chain of 100,000",
        "execution/chain/100000",
        NODE_TARGET,
        NODE_BUDGET,
    ),
    time(
        "floor: a bare async call in 100",
        "execution/chain_floor/100",
        None,
        None,
    ),
    time(
        "floor: a bare async call in 10,000",
        "execution/chain_floor/10000",
        None,
        None,
    ),
    time(
        "floor: a bare async call in 100,000",
        "execution/chain_floor/100000",
        None,
        None,
    ),
    time(
        "a node in a fan of 1,000",
        "execution/fan/1000",
        NODE_TARGET,
        NODE_BUDGET,
    ),
    time(
        "a node in 10 layers of 10",
        "execution/layered/10x10",
        NODE_TARGET,
        NODE_BUDGET,
    ),
    time(
        "a node in 1,000 executions of 10",
        "execution/concurrent/1000x10",
        NODE_TARGET,
        NODE_BUDGET,
    ),
    time(
        "an item through a transform, of 1,000",
        "execution/transform/1000",
        None,
        None,
    ),
    time(
        "policy check, 1,000 tenants of 100 globs",
        "policy/decide, warm, 1,000 tenants in turn",
        POLICY_TARGET,
        None,
    ),
    time(
        "policy check, first of a node type",
        "policy/decide, cold",
        None,
        None,
    ),
    time("an audit record", "audit/record/100", AUDIT_TARGET, None),
    time(
        "a node in a chain of 100, no policy",
        "tenancy/open",
        NODE_TARGET,
        NODE_BUDGET,
    ),
    time(
        "a node in a chain of 100, policy",
        "tenancy/policy",
        NODE_TARGET,
        NODE_BUDGET,
    ),
    time(
        "a node in a chain of 100, all bounds",
        "tenancy/policy+bounds",
        NODE_TARGET,
        None,
    ),
    time(
        "a node in a chain of 100, policy and audit",
        "tenancy/policy+audit",
        NODE_TARGET,
        POLICY_AND_AUDIT_BUDGET,
    ),
    Operation {
        name: "memory of a registered executor",
        origin: Origin::Printed("bytes per registered executor"),
        unit: Unit::Memory,
        target: Some(50.0 * 1024.0),
        budget: Some(2.0 * 1024.0),
    },
    Operation {
        name: "cache hit ratio, steady state",
        origin: Origin::Printed("cache hit ratio"),
        unit: Unit::Share,
        target: Some(0.95),
        budget: Some(0.99),
    },
    fairness(
        "p99 beside 100 quotas, computing, reject",
        "p99 at 100× to 1×, computing, reject",
    ),
    fairness(
        "p99 beside 100 quotas, computing, queue",
        "p99 at 100× to 1×, computing, queue",
    ),
    fairness(
        "p99 beside 100 quotas, waiting, reject",
        "p99 at 100× to 1×, waiting 5 ms, reject",
    ),
    fairness(
        "p99 beside 100 quotas, waiting, queue",
        "p99 at 100× to 1×, waiting 5 ms, queue",
    ),
    database(
        "10,000 rows by `dbal-read`, SQLite",
        "dbal-read of 10000 rows over the driver, sqlite",
    ),
    database(
        "10,000 rows by `dbal-read`, PostgreSQL",
        "dbal-read of 10000 rows over the driver, postgres",
    ),
    database(
        "10,000 rows by `dbal-read`, MariaDB",
        "dbal-read of 10000 rows over the driver, mariadb",
    ),
];
