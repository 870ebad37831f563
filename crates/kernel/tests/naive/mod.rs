//! A second kernel, written straight from section 6 of the design: recursive, simple and slow.
//!
//! It asks each node's sources what became of them, then runs the node, all attempts in a row. It
//! knows nothing of events, phases, queues or indices that the kernel works out, and it does not
//! use the kernel's code: what it has in common with it are the types of what goes in, and those
//! of items.

mod attempts;

use std::sync::Arc;
use std::time::Duration;

use jackfield_kernel::{Connection, NodeSpec, Output, RunWith};
use jackfield_types::{ErrorCode, Item, Items, NodeFailure, NodeStatus, Outputs, RecoveryApplied};

use attempts::Attempts;

/// What is run.
#[derive(Debug, Clone)]
pub(crate) struct Workflow {
    pub(crate) nodes: Vec<NodeSpec>,
    /// No connection leads from a node to itself or to an earlier one.
    pub(crate) connections: Vec<Connection>,
    /// By node: how its compensation is recovered, if it has one.
    pub(crate) compensations: Vec<Option<jackfield_kernel::RecoveryRules>>,
}

/// What nodes and conditions do.
pub(crate) trait World {
    fn input(&self) -> Items;
    /// `attempt` is counted from 1, those of the fallback after those of the node itself.
    fn attempt(&self, asked: &Asked<'_>) -> (Duration, Result<Outputs, NodeFailure>);
    /// Whether the condition on the `connection`-th connection lets an item pass.
    fn passes(&self, connection: usize, item: &Item) -> bool;
}

/// One attempt.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) node: usize,
    /// Whether it is the node's compensation that runs.
    pub(crate) undoes: bool,
    pub(crate) with: RunWith,
    pub(crate) attempt: u32,
    pub(crate) inputs: &'a [Items],
}

/// What became of a node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fate {
    pub(crate) status: NodeStatus,
    pub(crate) outputs: Outputs,
    pub(crate) error: Option<(ErrorCode, String)>,
    pub(crate) retries: u32,
    pub(crate) recovery: Option<RecoveryApplied>,
    pub(crate) by_fallback: bool,
    /// Whether it was run at all.
    pub(crate) ran: bool,
    /// How long its attempts and the waits between them took.
    pub(crate) took: Duration,
}

/// What became of an execution.
#[derive(Debug, PartialEq)]
pub(crate) struct Ending {
    pub(crate) nodes: Vec<Fate>,
    /// The first node, in the order of the plan, whose failure stopped it.
    pub(crate) failed: Option<usize>,
    /// What was undone, in that order.
    pub(crate) undone: Vec<(usize, Fate)>,
}

pub(crate) fn run(workflow: &Workflow, world: &dyn World) -> Ending {
    let mut fates = vec![None; workflow.nodes.len()];
    let nodes: Vec<Fate> = (0..workflow.nodes.len())
        .map(|node| fate(workflow, world, node, &mut fates))
        .collect();
    let failed = nodes.iter().position(|fate| {
        fate.status == NodeStatus::Error && fate.recovery != Some(RecoveryApplied::Continue)
    });
    let mut undone = Vec::new();
    if failed.is_some() {
        for (node, fate) in nodes.iter().enumerate().rev() {
            let completed = matches!(fate.status, NodeStatus::Success | NodeStatus::Partial);
            if let (Some(rules), true) = (&workflow.compensations[node], completed && fate.ran) {
                let spec = NodeSpec {
                    recovery: rules.clone(),
                    ..NodeSpec::default()
                };
                let mut inputs = fate.outputs.main.to_vec();
                if inputs.is_empty() {
                    inputs.push(Items::default());
                }
                let attempts = Attempts {
                    spec: &spec,
                    world,
                    node,
                    undoes: true,
                    inputs: &inputs,
                };
                undone.push((node, attempts.run_timed()));
            }
        }
    }
    Ending {
        nodes,
        failed,
        undone,
    }
}

enum Link {
    Items(Items),
    Dead,
    Blocked,
}

/// What became of a node, worked out once.
fn fate(
    workflow: &Workflow,
    world: &dyn World,
    node: usize,
    fates: &mut Vec<Option<Fate>>,
) -> Fate {
    if let Some(known) = &fates[node] {
        return known.clone();
    }
    let spec = &workflow.nodes[node];
    let mut inputs: Vec<Vec<Item>> = vec![Vec::new()];
    let (mut has_incoming, mut is_live, mut is_blocked) = (false, false, false);
    for (place, connection) in workflow.connections.iter().enumerate() {
        if connection.to.get() != node {
            continue;
        }
        has_incoming = true;
        let input = usize::from(connection.input);
        if inputs.len() <= input {
            inputs.resize(input + 1, Vec::new());
        }
        let source = fate(workflow, world, connection.from.get(), fates);
        match link(world, place, connection, &source) {
            Link::Items(items) => {
                is_live = true;
                inputs[input].extend(items.iter().cloned());
            }
            Link::Dead => {}
            Link::Blocked => is_blocked = true,
        }
    }
    if !has_incoming {
        inputs[0] = world.input().to_vec();
        is_live = true;
    }
    let inputs: Vec<Items> = inputs.into_iter().map(Arc::new).collect();
    let known = if is_blocked {
        passed_over(NodeStatus::Blocked, Outputs::default())
    } else if !is_live {
        passed_over(NodeStatus::Skipped, Outputs::default())
    } else if spec.disabled {
        let passed = inputs[0].iter().enumerate();
        let passed = passed.map(|(place, item)| item.clone().paired_with(place));
        passed_over(
            NodeStatus::Skipped,
            Outputs::first(Arc::new(passed.collect())),
        )
    } else {
        let attempts = Attempts {
            spec,
            world,
            node,
            undoes: false,
            inputs: &inputs,
        };
        attempts.run_timed()
    };
    fates[node] = Some(known.clone());
    known
}

fn link(world: &dyn World, place: usize, connection: &Connection, source: &Fate) -> Link {
    let has_stopped =
        source.status == NodeStatus::Error && source.recovery != Some(RecoveryApplied::Continue);
    if has_stopped || source.status == NodeStatus::Blocked {
        return Link::Blocked;
    }
    let items = match connection.output {
        Output::Main(port) => source.outputs.main.get(usize::from(port)).cloned(),
        Output::Error => source.outputs.error.clone(),
    };
    let mut items = items.unwrap_or_default().to_vec();
    if connection.conditional {
        items.retain(|item| world.passes(place, item));
    }
    if items.is_empty() {
        Link::Dead
    } else {
        Link::Items(Arc::new(items))
    }
}

fn passed_over(status: NodeStatus, outputs: Outputs) -> Fate {
    Fate {
        status,
        outputs,
        error: None,
        retries: 0,
        recovery: None,
        by_fallback: false,
        ran: false,
        took: Duration::ZERO,
    }
}
