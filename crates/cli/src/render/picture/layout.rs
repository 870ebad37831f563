//! Where the nodes of a graph are drawn: in columns, so that connections lead to the right, and
//! within a column near to what they are connected with.
//!
//! Time and memory are linear in nodes and connections, up to a bound for connections that pass
//! many columns: those beyond it are drawn straight.

use std::ops::Range;

/// How many places connections may take in the columns that they pass.
const MOST_BENDS: usize = 50_000;
/// How often the columns are sorted, once in each direction.
const SWEEPS: usize = 6;

/// A graph to lay out.
pub(super) struct Shape<'a> {
    /// The number of nodes.
    pub(super) nodes: usize,
    /// The connections.
    pub(super) connections: &'a [Wire],
    /// The nodes in an order in which they could run one after the other.
    pub(super) order: &'a [usize],
}

/// A connection to lay out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wire {
    pub(super) from: usize,
    pub(super) to: usize,
    /// How far down its beginning the connection leaves, from 0 to 1.
    pub(super) port: f64,
}

/// Where everything is: columns from the left, rows in each of them from the top.
#[derive(Debug, PartialEq)]
pub(super) struct Layout {
    /// Column and row of each node.
    pub(super) places: Vec<Place>,
    /// How many rows each column has.
    pub(super) rows: Vec<usize>,
    /// What each connection does between its ends.
    pub(super) routes: Vec<Route>,
}

/// A place in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) column: usize,
    pub(super) row: usize,
}

/// What a connection does between its ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// It leads to the right, through these places.
    Forward(Vec<Place>),
    /// It leads back, or to its own beginning.
    Back,
}

/// What stands in a column: a node, or a connection that passes.
struct Cell {
    left: Vec<Neighbor>,
    right: Vec<Neighbor>,
    column: usize,
}

/// What a cell is connected with, and how far down that is.
struct Neighbor {
    cell: usize,
    port: f64,
}

pub(super) fn layout(shape: &Shape<'_>) -> Layout {
    let columns = columns(shape);
    let mut cells: Vec<Cell> = columns
        .iter()
        .map(|&column| Cell {
            left: Vec::new(),
            right: Vec::new(),
            column,
        })
        .collect();
    let bends: Vec<Option<Range<usize>>> = shape
        .connections
        .iter()
        .map(|wire| connect(&mut cells, shape.nodes, wire))
        .collect();

    let mut stacks: Vec<Vec<usize>> =
        vec![Vec::new(); columns.iter().max().map_or(0, |last| last + 1)];
    let ordered = shape.order.iter().copied().chain(shape.nodes..cells.len());
    for cell in ordered {
        stacks[cells[cell].column].push(cell);
    }
    let rows = sorted(&cells, &mut stacks);

    let place = |cell: usize| Place {
        column: cells[cell].column,
        row: rows[cell],
    };
    let routes = bends
        .into_iter()
        .map(|bends| {
            bends.map_or(Route::Back, |bends| {
                Route::Forward(bends.map(place).collect())
            })
        })
        .collect();
    Layout {
        places: (0..shape.nodes).map(place).collect(),
        rows: stacks.iter().map(Vec::len).collect(),
        routes,
    }
}

/// The column of each node: right of everything that leads to it.
fn columns(shape: &Shape<'_>) -> Vec<usize> {
    let mut turn = vec![0; shape.nodes];
    for (place, &node) in shape.order.iter().enumerate() {
        turn[node] = place;
    }
    let mut outgoing: Vec<Vec<usize>> = vec![Vec::new(); shape.nodes];
    for &Wire { from, to, .. } in shape.connections {
        if turn[from] < turn[to] {
            outgoing[from].push(to);
        }
    }
    let mut columns = vec![0; shape.nodes];
    for &node in shape.order {
        for &next in &outgoing[node] {
            columns[next] = columns[next].max(columns[node] + 1);
        }
    }
    columns
}

/// Joins two nodes by a cell in every column between them. Gives these cells, or `None` for a
/// connection that leads back.
fn connect(cells: &mut Vec<Cell>, nodes: usize, wire: &Wire) -> Option<Range<usize>> {
    let Wire { from, to, port } = *wire;
    let (first, last) = (cells[from].column, cells[to].column);
    if first >= last {
        return None;
    }
    let begin = cells.len();
    let is_room = cells.len() - nodes + (last - first) <= MOST_BENDS;
    let mut before = Neighbor { cell: from, port };
    if is_room {
        for column in first + 1..last {
            let cell = cells.len();
            cells[before.cell].right.push(Neighbor { cell, port: 0.0 });
            cells.push(Cell {
                left: vec![before],
                right: Vec::new(),
                column,
            });
            before = Neighbor { cell, port: 0.0 };
        }
    }
    cells[before.cell].right.push(Neighbor {
        cell: to,
        port: 0.0,
    });
    cells[to].left.push(before);
    Some(begin..cells.len())
}

/// Sorts each column by where the neighbors of its cells stand; gives the row of each cell.
fn sorted(cells: &[Cell], stacks: &mut [Vec<usize>]) -> Vec<usize> {
    let mut rows = vec![0; cells.len()];
    let number = |stack: &[usize], rows: &mut Vec<usize>| {
        for (row, &cell) in stack.iter().enumerate() {
            rows[cell] = row;
        }
    };
    for stack in stacks.iter() {
        number(stack, &mut rows);
    }
    for sweep in 0..SWEEPS {
        let is_rightward = sweep % 2 == 0;
        let count = stacks.len();
        for step in 0..count {
            let stack = &mut stacks[if is_rightward { step } else { count - 1 - step }];
            let mut keyed: Vec<(f64, usize)> = stack
                .iter()
                .map(|&cell| {
                    let sides = &cells[cell];
                    let neighbors = if is_rightward {
                        &sides.left
                    } else {
                        &sides.right
                    };
                    (mean(neighbors, &rows).unwrap_or(rows[cell] as f64), cell)
                })
                .collect();
            // The sort is stable: what fits equally well stays as it stands.
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            for (slot, (_, cell)) in stack.iter_mut().zip(keyed) {
                *slot = cell;
            }
            number(stack, &mut rows);
        }
    }
    rows
}

/// Where the neighbors stand on average. A port counts for less than a row.
fn mean(neighbors: &[Neighbor], rows: &[usize]) -> Option<f64> {
    let sum: f64 = neighbors
        .iter()
        .map(|one| rows[one.cell] as f64 + one.port / 2.0)
        .sum();
    (!neighbors.is_empty()).then(|| sum / neighbors.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(nodes: usize, connections: &[(usize, usize)]) -> Layout {
        let order: Vec<usize> = (0..nodes).collect();
        let wires: Vec<Wire> = connections
            .iter()
            .map(|&(from, to)| Wire {
                from,
                to,
                port: 0.0,
            })
            .collect();
        layout(&Shape {
            nodes,
            connections: &wires,
            order: &order,
        })
    }

    #[test]
    fn connections_lead_to_the_right_and_no_two_nodes_share_a_place() {
        let connections = [(0, 1), (0, 2), (1, 3), (2, 3), (0, 3), (3, 4), (4, 1)];
        let layout = laid_out(5, &connections);
        for (&(from, to), route) in connections.iter().zip(&layout.routes) {
            let (from, to) = (layout.places[from], layout.places[to]);
            match route {
                Route::Forward(bends) => assert_eq!(bends.len(), to.column - from.column - 1),
                Route::Back => assert!(to.column <= from.column),
            }
        }
        let mut places: Vec<_> = layout
            .places
            .iter()
            .map(|one| (one.column, one.row))
            .collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 5);
    }

    #[test]
    fn a_crossing_that_need_not_be_is_undone() {
        let layout = laid_out(4, &[(0, 3), (1, 2)]);
        let is_crossed = (layout.places[0].row < layout.places[1].row)
            != (layout.places[3].row < layout.places[2].row);
        assert!(!is_crossed);
    }

    #[test]
    fn what_leaves_by_the_upper_port_stands_above() {
        let wire = |to, port| Wire { from: 0, to, port };
        let connections = [wire(1, 0.5), wire(2, 0.0)];
        let layout = layout(&Shape {
            nodes: 3,
            connections: &connections,
            order: &[0, 1, 2],
        });
        assert!(layout.places[2].row < layout.places[1].row);
    }

    #[test]
    fn long_connections_without_number_stay_within_the_bound() {
        let mut connections: Vec<(usize, usize)> = (1..2_000).map(|to| (to - 1, to)).collect();
        connections.extend((0..1_500).map(|from| (from, 1_999)));
        let layout = laid_out(2_000, &connections);
        assert!(layout.rows.iter().sum::<usize>() <= 2_000 + MOST_BENDS);
        assert_eq!(laid_out(0, &[]).rows.len(), 0);
    }
}
