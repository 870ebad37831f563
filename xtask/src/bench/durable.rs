//! What is measured of executions that are kept, and what was asked for.

use super::operations::{MILLISECOND, Operation, Origin, Unit, printed};

const SECOND: f64 = 1e3 * MILLISECOND;
const MEBIBYTE: f64 = 1024.0 * 1024.0;

const fn rate(name: &'static str, line: &'static str, target: Option<f64>) -> Operation {
    printed(name, line, Unit::Rate, target)
}

const fn took(name: &'static str, line: &'static str, target: Option<f64>) -> Operation {
    printed(name, line, Unit::Time, target)
}

/// Everything about executions that are kept that the table shows, in its order.
pub(super) const DURABLE: &[Operation] = &[
    rate(
        "journalled steps, 100 executions, SQLite",
        "durable steps a second",
        Some(20_000.0),
    ),
    rate(
        "floor: bare inserts of the same bytes",
        "durable steps a second, floor",
        None,
    ),
    Operation {
        name: "… beside it",
        origin: Origin::Printed("durable steps, floor to ours"),
        unit: Unit::Ratio,
        target: Some(2.0),
        budget: None,
    },
    took(
        "p99 of a journalled step",
        "p99 of a durable step, ns",
        Some(5.0 * MILLISECOND),
    ),
    took(
        "floor: p99 of a bare group",
        "p99 of a group of the floor, ns",
        None,
    ),
    took(
        "10,000 executions taken up",
        "resuming 10000 executions, ns",
        Some(2.0 * SECOND),
    ),
    printed(
        "100,000 parked executions, resident",
        "parked 100000 executions, resident bytes",
        Unit::Memory,
        Some(200.0 * MEBIBYTE),
    ),
    took(
        "… p99 of how late they go on",
        "p99 of how late parked executions go on, ns",
        None,
    ),
];
