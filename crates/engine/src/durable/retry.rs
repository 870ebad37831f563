//! Starting over from a node: a new execution that reuses what another one did before it.

use std::collections::HashMap;
use std::sync::Arc;

use jackfield_definition::{PlanOptions, SourceText, read_workflow};
use jackfield_kernel::{Event, EventKind, Execution, Graph, Law, NodeIndex, NodePhase};
use jackfield_store_api::{ExecutionState, NewExecution, TenantStore};
use jackfield_types::{ExecutionId, Items, NodeStatus, RecoveryApplied, VariableAccess};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::StoredError;
use super::assembly::{Assembly, check_whole};
use super::clock::later;
use super::control::over;
use super::create::keep_workflow;
use super::pinned::Pinned;
use super::record::Encoder;
use super::resume::{TakenUp, take_up};
use super::stored::{History, load, load_with};
use crate::admission::Turn;
use crate::execution::Running;
use crate::{ExecutionHandle, PreparedPlan, StartError, TenantEngine, authorize};

impl TenantEngine {
    /// Starts a new execution of the workflow of another one, in the same version of the workflow
    /// and with the node types that there are now. What nodes gave that do not depend on `node`,
    /// which is named by its id or name, is taken over; `node` and all that depends on it runs, and
    /// so does what had failed. `input` takes the place of what `node` was given.
    ///
    /// A node inside of a loop stands for the whole loop.
    ///
    /// The new execution is there with all that it takes over and with the other input, or nothing
    /// of it runs, whatever becomes of this process.
    ///
    /// # Errors
    /// [`StoredError::Invalid`] when there is no such node, when it was not reached, or when an
    /// input is given to a node inside of a loop; those of [`history`](Self::history), and those of
    /// [`start`](Self::start).
    pub async fn retry_from(
        &self,
        id: ExecutionId,
        node: &str,
        input: Option<Items>,
    ) -> Result<ExecutionHandle, StoredError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let (keeper, store) = self.keeping()?;
        authorize::user(&self.caller)?;
        let found = store.execution(id).await;
        let found = found.map_err(|error| StoredError::of_store(id, error))?;
        check_whole(&found)?;
        let plan = self
            .plan_anew(&store, &found.workflow, &found.pinned)
            .await?;
        authorize::plan(&self.caller, &plan)?;
        let history = match load(&self.caller, &store, id).await {
            Ok((history, _)) => history,
            // What it began with is not there any more. What is there now will do if it fits.
            Err(StoredError::Stuck { .. }) => load_with(&store, &found, &plan).await?,
            Err(error) => return Err(error),
        };
        let Some(index) = plan.node_index(node) else {
            return Err(StoredError::invalid(format!(
                "the workflow of execution `{id}` has no node `{node}`"
            )));
        };
        let graph = plan.graph();
        let target = outermost(graph, index);
        if target != index && input.is_some() {
            return Err(StoredError::invalid(format!(
                "node `{node}` is inside of a loop, so it is given no other input; give one to the loop node `{}`",
                plan.node(target).name
            )));
        }
        let new_id = ExecutionId::generate();
        let mut events = taken_over(&history, graph, target, new_id).ok_or_else(|| {
            StoredError::invalid(format!(
                "node `{}` was not reached in execution `{id}`",
                plan.node(target).name
            ))
        })?;
        let choices = Pinned::decode(&found.pinned)
            .map_err(|error| StoredError::of_replay(id, error.into()))?
            .choices();
        let cancellation = CancellationToken::new();
        let running = Running::with_id(&self.caller, &plan, new_id, choices, cancellation);
        if let Some(input) = input {
            running.read_secrets().await;
            let input = running.nested.redactor.redact_items(input);
            events.push(replaced(graph, &events, target, input).ok_or_else(|| {
                StoredError::invalid(format!(
                    "node `{node}` was passed over in execution `{id}`, so it is given no input"
                ))
            })?);
        }
        let now = self.caller.engine.clock.now();
        let deadline = plan.timeout().map(|limit| later(now, limit.into()));
        let pinned = Pinned::of(&running, deadline);
        let not_kept = |reason: String| StartError::NotKept {
            execution: new_id,
            reason,
        };
        let patience = Instant::now() + keeper.options.lease;
        let workflow = keep_workflow(&*store, &plan, patience)
            .await
            .map_err(not_kept)?;
        let encoder = Encoder::new(&keeper.options);
        let assembly = Assembly::of_events(graph, &events, encoder).map_err(not_kept)?;
        let new = NewExecution {
            id: new_id,
            workflow,
            pinned: pinned
                .encode()
                .map_err(|error| not_kept(error.to_string()))?,
            user: self.caller.user.clone(),
            retry_of: Some(id),
            part_of: None,
            records: Vec::new(),
            payloads: Vec::new(),
            state: ExecutionState::Running,
            claim: Some((keeper.worker, keeper.options.lease)),
        };
        let made = assembly.make(keeper, &*store, new).await;
        let made = made.map_err(|error| StartError::of_keeping(new_id, &error))?;
        let keeping = keeper.hold(Arc::clone(&store), new_id, made.fence, made.began);
        let hold = Arc::clone(&keeping.hold);
        let (engine, state) = (&self.caller.engine, &self.caller.state);
        let turn = Turn::Again(Arc::clone(state));
        match take_up(engine, state, keeping, turn, None).await {
            TakenUp::Runs(driver) => Ok(ExecutionHandle::spawn(&runtime, *driver)),
            TakenUp::Later(error) => {
                hold.release().await;
                Err(not_kept(error.to_string()).into())
            }
            TakenUp::Over => Err(over(&store, new_id).await),
        }
    }

    /// Plans the workflow of an execution with what there is now.
    async fn plan_anew(
        &self,
        store: &Arc<dyn TenantStore>,
        version: &jackfield_store_api::WorkflowVersion,
        pinned: &[u8],
    ) -> Result<Arc<PreparedPlan>, StoredError> {
        let workflow = store.workflow(&version.id, Some(version.version)).await;
        let workflow = workflow.map_err(StoredError::Store)?;
        let name = version.to_string();
        let document = SourceText::from_bytes(name, workflow.document.to_vec());
        let document = document.map_err(StoredError::Plan)?;
        let (workflow, _) = read_workflow(&document).map_err(StoredError::Plan)?;
        let options = PlanOptions {
            missing_fields: Pinned::decode(pinned)
                .ok()
                .map(|pinned| pinned.missing_fields()),
        };
        self.plan(&workflow, &options).map_err(StoredError::Plan)
    }
}

/// The loop node of the outermost loop around a node, or the node itself.
fn outermost(graph: &Graph, node: NodeIndex) -> NodeIndex {
    let loops = graph.loops_around(node).last();
    loops.map_or(node, |index| graph.loop_node(index))
}

/// The events of an execution that a retry from a node begins with; `None` when the node was not
/// reached.
fn taken_over(
    history: &History,
    graph: &Arc<Graph>,
    target: NodeIndex,
    id: ExecutionId,
) -> Option<Vec<Event>> {
    let mut events = match graph.law() {
        Law::Settled => independent(history, graph, target)?,
        Law::DepthFirst => before(&history.events, target)?,
    };
    let count = events.len() as u64;
    for (place, event) in events.iter_mut().enumerate() {
        match &mut event.kind {
            EventKind::ExecutionStarted { execution, .. } => *execution = id,
            // The signals of the new execution are counted anew, from 1.
            EventKind::SignalReceived { signal, .. } => {
                *signal = u64::MAX - count + place as u64;
            }
            _ => {}
        }
    }
    let mut execution = Execution::new(Arc::clone(graph));
    for event in &events {
        execution.apply(event).ok()?;
    }
    let is_reached = matches!(
        execution.phase(target),
        NodePhase::Ready { .. } | NodePhase::Passing { .. }
    );
    is_reached.then_some(events)
}

/// The events of all nodes that ended well and do not depend on the target.
fn independent(history: &History, graph: &Arc<Graph>, target: NodeIndex) -> Option<Vec<Event>> {
    let mut folded = Execution::new(Arc::clone(history.plan.graph()));
    for event in &history.events {
        folded.apply(event).ok()?;
    }
    let rank: HashMap<NodeIndex, usize> = graph.order().iter().copied().zip(0..).collect();
    let reads_variables = graph.node(target).variables != VariableAccess::None;
    let is_lost = |node: NodeIndex| {
        let result = folded.result(node);
        let stopped = match result.status {
            NodeStatus::Error => result.recovery_applied != Some(RecoveryApplied::Continue),
            NodeStatus::Pending | NodeStatus::Blocked => true,
            NodeStatus::Success | NodeStatus::Skipped | NodeStatus::Partial => false,
        };
        // What it did to the variables comes after the target in the order of the plan.
        let comes_after = reads_variables
            && graph.node(node).variables != VariableAccess::None
            && rank.get(&node) > rank.get(&target);
        stopped || comes_after || folded.phase(node) != NodePhase::Done
    };
    let mut dropped = vec![false; graph.len()];
    let mut open: Vec<NodeIndex> = (0..graph.len())
        .map(NodeIndex::new)
        .filter(|&node| node == target || is_lost(node))
        .collect();
    while let Some(node) = open.pop() {
        if std::mem::replace(&mut dropped[node.get()], true) {
            continue;
        }
        // A loop is taken over as a whole, or not at all.
        open.push(outermost(graph, node));
        let outgoing = graph.outgoing(node).iter();
        open.extend(outgoing.map(|&connection| graph.connection(connection).to));
    }
    let is_kept = |node: NodeIndex| dropped.get(node.get()).is_some_and(|dropped| !dropped);
    Some(without_lost_attempts(&history.events, |event| {
        event.kind.node().is_none_or(is_kept)
    }))
}

/// The events before the last run of the target began.
fn before(events: &[Event], target: NodeIndex) -> Option<Vec<Event>> {
    let runs = events.iter().filter_map(|event| match &event.kind {
        EventKind::AttemptStarted { node, run, .. } if *node == target => Some(*run),
        _ => None,
    });
    let last = runs.max()?;
    let begins = events.iter().position(|event| {
        matches!(&event.kind, EventKind::AttemptStarted { node, run, .. }
            if *node == target && *run == last)
    })?;
    Some(without_lost_attempts(&events[..begins], |_| true))
}

/// The events that are wanted, without those that are about the execution's end or about
/// processes that were lost: attempts that ended well are there once.
fn without_lost_attempts(events: &[Event], is_wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut kept: Vec<Option<Event>> = Vec::new();
    let mut open: HashMap<NodeIndex, usize> = HashMap::new();
    for event in events.iter().filter(|event| is_wanted(event)) {
        match &event.kind {
            EventKind::ExecutionResumed
            | EventKind::CancelRequested
            | EventKind::DeadlinePassed
            | EventKind::ExecutionFinished { .. } => continue,
            EventKind::AttemptStarted { node, .. } => {
                if let Some(lost) = open.insert(*node, kept.len()) {
                    kept[lost] = None;
                }
            }
            EventKind::AttemptSucceeded { node, .. } | EventKind::AttemptFailed { node, .. } => {
                open.remove(node);
            }
            EventKind::ExecutionStarted { .. }
            | EventKind::NodeSkipped { .. }
            | EventKind::TimerFired { .. }
            | EventKind::SignalReceived { .. }
            | EventKind::InputReplaced { .. } => {}
        }
        kept.push(Some(event.clone()));
    }
    kept.into_iter().flatten().collect()
}

/// The event that puts other items in place of those of the first input of a node.
fn replaced(graph: &Arc<Graph>, events: &[Event], node: NodeIndex, input: Items) -> Option<Event> {
    let mut execution = Execution::new(Arc::clone(graph));
    for event in events {
        execution.apply(event).ok()?;
    }
    if !matches!(execution.phase(node), NodePhase::Ready { .. }) {
        return None;
    }
    let mut inputs = execution.inputs(node).to_vec();
    *inputs.first_mut()? = input;
    let (run, _) = execution.turn(node);
    Some(Event {
        at: events.last()?.at,
        kind: EventKind::InputReplaced { node, run, inputs },
    })
}
