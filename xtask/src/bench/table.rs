//! The table: operation, target, budget, measured, and how they compare.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::durable::DURABLE;
use super::estimates::{Estimate, Estimates};
use super::operations::{OPERATIONS, Operation, Origin, Unit};
use super::plugins::PLUGINS;

const HEADINGS: [&str; 6] = [
    "operation",
    "target",
    "budget",
    "measured",
    "of target",
    "of budget",
];

/// Makes the table, and below it what was measured besides and what was not measured.
pub(super) fn render(measured: &Estimates, printed: &BTreeMap<String, f64>) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    let mut missing = Vec::new();
    let mut shown = BTreeSet::new();
    for operation in OPERATIONS.iter().chain(PLUGINS).chain(DURABLE) {
        let mut of = |id| {
            let (id, estimate) = find(measured, id)?;
            shown.insert(id.clone());
            Some(estimate.per_element())
        };
        let figure = match operation.origin {
            Origin::Bench(id) => of(id),
            Origin::Ratio(ours, other) => of(ours).zip(of(other)).map(|(ours, other)| ours / other),
            Origin::Printed(name) => printed.get(name).copied(),
        };
        match figure {
            Some(figure) => rows.push(row(operation, figure)),
            None => missing.push(operation),
        }
    }
    let mut text = aligned(&rows);
    let mut besides = measured
        .iter()
        .filter(|(id, _)| !shown.contains(*id))
        .peekable();
    if besides.peek().is_some() {
        text.push_str("\nmeasured besides (time of an iteration):\n");
        for (id, estimate) in besides {
            let (low, high) = estimate.interval;
            let _ = writeln!(
                text,
                "  {id}: {} ({} to {})",
                duration(estimate.nanoseconds),
                duration(low),
                duration(high)
            );
        }
    }
    if !missing.is_empty() {
        text.push_str("\nnot measured:\n");
        for operation in missing {
            let from = match operation.origin {
                Origin::Bench(id) | Origin::Ratio(id, _) => id,
                Origin::Printed(name) => name,
            };
            let _ = writeln!(text, "  {} ({from})", operation.name);
        }
    }
    text
}

/// Finds a bench whether its parts are joined by `/` or by `_`.
fn find<'m>(measured: &'m Estimates, id: &str) -> Option<(&'m String, &'m Estimate)> {
    let plain = |id: &str| id.replace(['/', '_', '-', ' '], "").to_lowercase();
    let wanted = plain(id);
    measured
        .get_key_value(id)
        .or_else(|| measured.iter().find(|(id, _)| plain(id) == wanted))
}

fn row(operation: &Operation, figure: f64) -> [String; 6] {
    let show = |value: f64| match operation.unit {
        Unit::Time => duration(value),
        Unit::Memory => bytes(value),
        Unit::Share => format!("{:.2} %", value * 100.0),
        Unit::Ratio => format!("{value:.3}×"),
        Unit::Rate => format!("{value:.0}/s"),
    };
    let limit = |value: Option<f64>| match (value, operation.unit) {
        (None, _) => "–".to_owned(),
        (Some(value), Unit::Share | Unit::Rate) => format!("> {}", show(value)),
        (Some(value), Unit::Time | Unit::Memory | Unit::Ratio) => format!("< {}", show(value)),
    };
    let ratio = |value: Option<f64>| match value {
        None => "–".to_owned(),
        Some(value) => ratio(figure / value),
    };
    [
        operation.name.to_owned(),
        limit(operation.target),
        limit(operation.budget),
        show(figure),
        ratio(operation.target),
        ratio(operation.budget),
    ]
}

fn ratio(share: f64) -> String {
    if share < 0.1 {
        format!("1/{:.0}", 1.0 / share)
    } else {
        format!("{share:.3}")
    }
}

fn duration(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "µs"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    format!("{} {unit}", digits(value))
}

fn bytes(value: f64) -> String {
    if value < 1024.0 {
        format!("{} B", digits(value))
    } else if value < 1024.0 * 1024.0 {
        format!("{} KiB", digits(value / 1024.0))
    } else {
        format!("{} MiB", digits(value / 1024.0 / 1024.0))
    }
}

/// Three digits that count, and no more noughts than needed.
fn digits(value: f64) -> String {
    let text = match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    };
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn aligned(rows: &[[String; 6]]) -> String {
    let width = |column: usize| {
        let lengths = rows.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or(0)
    };
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut text = String::new();
    for (place, row) in rows.iter().enumerate() {
        let mut line = format!("{:<width$}", row[0], width = widths[0]);
        for column in 1..row.len() {
            let _ = write!(line, "  {:>width$}", row[column], width = widths[column]);
        }
        let _ = writeln!(text, "{}", line.trim_end());
        if place == 0 {
            let whole = widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
            let _ = writeln!(text, "{}", "─".repeat(whole));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(nanoseconds: f64, elements: f64) -> Estimate {
        Estimate {
            nanoseconds,
            interval: (nanoseconds, nanoseconds),
            elements,
        }
    }

    #[test]
    fn a_total_is_divided_by_its_elements_and_compared() {
        let measured = Estimates::from([
            ("execution/chain/100".to_owned(), estimate(50_000.0, 100.0)),
            ("execution/odd".to_owned(), estimate(1.5, 1.0)),
        ]);
        let text = render(&measured, &BTreeMap::new());
        let line = text
            .lines()
            .find(|line| line.starts_with("a node in a chain of 100 "))
            .unwrap();
        let cells: Vec<&str> = line
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect();
        assert_eq!(
            cells,
            [
                "a node in a chain of 100",
                "< 10 ms",
                "< 1 µs",
                "500 ns",
                "1/20000",
                "0.500"
            ]
        );
        assert!(text.contains("execution/odd: 1.5 ns"));
        assert!(text.contains("  a node in a chain of 10,000 (execution/chain/10000)"));
    }

    #[test]
    fn of_a_rate_more_is_better() {
        let printed = BTreeMap::from([("durable steps a second".to_owned(), 25_000.4)]);
        let text = render(&Estimates::new(), &printed);
        let line = text.lines().find(|line| line.contains("25000/s")).unwrap();
        assert!(line.contains("> 20000/s"), "{line}");
    }

    #[test]
    fn one_bench_is_shown_as_many_times_another() {
        let measured = Estimates::from([
            ("wasm/call/rust".to_owned(), estimate(26_000.0, 1.0)),
            ("wasm/bare pooled/rust".to_owned(), estimate(20_000.0, 1.0)),
        ]);
        let text = render(&measured, &BTreeMap::new());
        let shown: Vec<_> = text
            .lines()
            .filter(|line| line.contains("1.300×"))
            .collect();
        assert_eq!(shown.len(), 1, "{text}");
        assert!(shown[0].starts_with("… beside wasmtime alone, pooled"));
    }

    #[test]
    fn ids_are_read_leniently() {
        let measured = Estimates::from([("execution/node_noop".to_owned(), estimate(1.0, 1.0))]);
        assert!(find(&measured, "execution/node/noop").is_some());
        assert!(find(&measured, "execution/node/other").is_none());
    }

    #[test]
    fn figures_have_three_digits() {
        let shown = [999.0, 1_234.0, 20_000.0, 1_500_000.0, 2e9].map(duration);
        assert_eq!(shown, ["999 ns", "1.23 µs", "20 µs", "1.5 ms", "2 s"]);
        let shown = [512.0, 2_048.0, 3_145_728.0].map(bytes);
        assert_eq!(shown, ["512 B", "2 KiB", "3 MiB"]);
    }
}
