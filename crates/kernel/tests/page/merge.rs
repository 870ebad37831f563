//! Puts rows with the same outcome together, so that people can read them.

use std::collections::{BTreeMap, BTreeSet};

const AXES: usize = 5;

/// Some values of each axis, and the outcome that all their combinations have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) values: [BTreeSet<usize>; AXES],
    pub(crate) outcome: &'static str,
}

impl Row {
    pub(crate) fn new(values: [usize; AXES], outcome: &'static str) -> Self {
        Self {
            values: values.map(|value| BTreeSet::from([value])),
            outcome,
        }
    }
}

/// The fewest rows that putting together axis by axis gives, over all orders of the axes.
///
/// # Panics
/// When the rows are not all combinations, each once, or do not come out as such.
pub(crate) fn merge(rows: &[Row], sizes: [usize; AXES]) -> Vec<Row> {
    let mut orders: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..AXES {
        let longer = orders.iter().flat_map(|order| {
            let left = (0..AXES).filter(|axis| !order.contains(axis));
            left.map(|axis| [order.as_slice(), &[axis]].concat())
        });
        orders = longer.collect();
    }
    let merged = orders.iter().map(|order| {
        let mut merged = rows.to_vec();
        for &axis in order {
            merged = merge_axis(merged, axis);
        }
        merged
    });
    let mut best = merged.min_by_key(Vec::len).unwrap();
    let count = |row: &Row| row.values.iter().map(BTreeSet::len).product::<usize>();
    let all = sizes.iter().product::<usize>();
    assert_eq!(best.iter().map(count).sum::<usize>(), all);
    best.sort();
    best
}

/// Puts rows together that differ in nothing but the values of one axis.
fn merge_axis(rows: Vec<Row>, axis: usize) -> Vec<Row> {
    let mut groups: BTreeMap<Row, BTreeSet<usize>> = BTreeMap::new();
    for mut row in rows {
        let values = std::mem::take(&mut row.values[axis]);
        groups.entry(row).or_default().extend(values);
    }
    groups
        .into_iter()
        .map(|(mut row, values)| {
            row.values[axis] = values;
            row
        })
        .collect()
}
