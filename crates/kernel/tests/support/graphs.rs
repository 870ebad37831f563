//! Random graphs.

use std::sync::Arc;

use jackfield_kernel::{
    CompensationSpec, Connection, FailureMode, Graph, Law, NodeIndex, NodeSpec, Output,
    RecoveryRules,
};
use jackfield_types::{NodeRole, OnError, RetryPolicy, Strategy as Recovery, VariableAccess};
use proptest::prelude::*;

fn node_spec() -> impl Strategy<Value = NodeSpec> {
    let variables = prop_oneof![
        3 => Just(VariableAccess::None),
        1 => Just(VariableAccess::Reads),
        1 => Just(VariableAccess::Writes),
    ];
    let on_error = prop_oneof![
        Just(OnError::StopWorkflow),
        Just(OnError::ContinueErrorOutput),
        Just(OnError::ContinueRegularOutput),
    ];
    let strategy = prop_oneof![
        Just(Recovery::Fail),
        Just(Recovery::Skip),
        Just(Recovery::Fallback),
        Just(Recovery::Retry),
    ];
    (
        variables,
        on_error,
        strategy,
        any::<bool>(),
        0..10_u8,
        any::<bool>(),
    )
        .prop_map(
            |(variables, on_error, strategy, retries, odds, always_output)| NodeSpec {
                role: NodeRole::Plain,
                disabled: odds == 0,
                always_output,
                variables,
                recovery: RecoveryRules {
                    retry: retries.then(Box::<RetryPolicy>::default),
                    strategy,
                    allow_partial_output: odds > 4,
                },
                on_error,
            },
        )
}

/// Nodes and forward connections, and then loops: `(header, length)` makes a node a loop node
/// whose body is the nodes after it.
pub(crate) fn graph(law: Law) -> impl Strategy<Value = Arc<Graph>> {
    any_graph(law, FailureModes::WithoutTiming)
}

/// Which failure modes a graph may have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum FailureModes {
    /// Only that under which the result does not depend on timing.
    WithoutTiming,
    All,
}

pub(crate) fn any_graph(law: Law, allowed: FailureModes) -> impl Strategy<Value = Arc<Graph>> {
    let nodes = prop::collection::vec(node_spec(), 1..12);
    let connections = prop::collection::vec(
        (0..12_usize, 0..12_usize, 0..3_u16, 0..3_u16, 0..6_u8),
        0..24,
    );
    let loops = prop::collection::vec((0..12_usize, 1..5_usize), 0..3);
    let failure_mode = prop_oneof![
        3 => Just(FailureMode::FinishBranches),
        u32::from(allowed == FailureModes::All) => Just(FailureMode::FailFast)
    ];
    let compensations = prop::collection::vec((0..12_usize, node_spec()), 0..6);
    (nodes, connections, loops, compensations, failure_mode).prop_filter_map(
        "no graph",
        move |(nodes, connections, loops, compensations, failure_mode)| {
            let count = nodes.len();
            let graph = build(law, failure_mode, nodes, &connections, &loops)?;
            let mut specs: Vec<_> = compensations
                .into_iter()
                .filter(|(node, _)| *node < count)
                .map(|(node, spec)| CompensationSpec {
                    node: NodeIndex::new(node),
                    recovery: spec.recovery,
                })
                .collect();
            specs.sort_by_key(|spec| spec.node);
            specs.dedup_by_key(|spec| spec.node);
            graph.with_compensations(specs).ok().map(Arc::new)
        },
    )
}

fn build(
    law: Law,
    failure_mode: FailureMode,
    mut nodes: Vec<NodeSpec>,
    connections: &[(usize, usize, u16, u16, u8)],
    loops: &[(usize, usize)],
) -> Option<Graph> {
    let count = nodes.len();
    let mut list = Vec::new();
    let connect = |from: usize, to: usize, output: Output, input: u16, conditional: bool| {
        let (from, to) = (NodeIndex::new(from), NodeIndex::new(to));
        Connection {
            from,
            output,
            to,
            input,
            conditional,
        }
    };
    let mut ends = vec![None; count];
    for &(header, length) in loops {
        let end = header + length;
        // Under the other law two ways back begin two rounds each time: such a loop never ends.
        if law == Law::DepthFirst || end >= count || ends[header].is_some() {
            continue;
        }
        ends[header] = Some(end);
        nodes[header].role = NodeRole::Loop;
        nodes[header].disabled = false;
        nodes[header].always_output = false;
        list.push(connect(header, header + 1, Output::Main(1), 0, false));
        for (body, nested) in ends.iter().enumerate().take(end).skip(header + 1) {
            let port = u16::from(nested.is_some());
            list.push(connect(body, body + 1, Output::Main(port), 0, false));
        }
        list.push(connect(end, header, Output::Main(0), 0, false));
        // Sometimes the end of an inner loop leads back to the outer one as well.
        let around = (0..header).find(|&outer| ends[outer].is_some_and(|last| last >= end));
        if let Some(outer) = around.filter(|_| length % 2 == 1) {
            list.push(connect(end, outer, Output::Main(0), 0, false));
            list.rotate_right(length);
        }
    }
    for &(from, to, output, input, odds) in connections {
        let (from, to) = (from % count, to % count);
        if from >= to {
            continue;
        }
        let output = match (output, ends[from]) {
            (2, _) => Output::Error,
            (_, Some(end)) => Output::Main(u16::from(to <= end)),
            (port, None) => Output::Main(port),
        };
        list.push(connect(from, to, output, input, odds == 0));
    }
    Graph::build(law, failure_mode, nodes, list).ok()
}
