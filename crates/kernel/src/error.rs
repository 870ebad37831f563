use crate::{ConnectionIndex, NodeIndex};

/// Why nodes and connections make no graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// There are 2³² nodes or connections, or more.
    #[error("too many nodes or connections")]
    TooLarge,
    /// A connection leads from or to a node that is not there.
    #[error("a connection leads from or to a node that is not there")]
    UnknownNode {
        /// The connection.
        connection: ConnectionIndex,
    },
    /// A connection leads from or to a port beyond the last one that a node may have.
    #[error("a node has fewer than {} ports", crate::Graph::MAX_PORTS)]
    PortOutOfRange {
        /// The connection.
        connection: ConnectionIndex,
    },
    /// A cycle goes through no loop node.
    #[error("the connections form a cycle that goes through no loop node")]
    Cycle {
        /// The nodes along the cycle, each once.
        path: Vec<NodeIndex>,
    },
    /// Nothing leads from a loop node's output `loop` back to it.
    #[error("nothing leads from the output `loop` back to the loop node")]
    LoopNotClosed {
        /// The loop node.
        node: NodeIndex,
    },
    /// A loop node's output `done` leads into its own loop.
    #[error("the output `done` of a loop node leads into its own loop")]
    DoneInsideLoop {
        /// The loop node.
        node: NodeIndex,
        /// The connection.
        connection: ConnectionIndex,
    },
    /// A loop within another one is entered by way of its body, and its loop node is not.
    #[error("a loop within another one is not entered by way of its loop node")]
    NotEntered {
        /// The loop node.
        node: NodeIndex,
    },
    /// Loops are nested deeper than is allowed.
    #[error("loops are nested more than {limit} deep")]
    NestedTooDeep {
        /// A loop node in the innermost loop.
        node: NodeIndex,
        /// How deep they may be nested.
        limit: usize,
    },
}

/// Why compensations do not fit a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompensationError {
    /// There are 2³² nodes and compensations, or more.
    #[error("too many compensations")]
    TooMany,
    /// A compensation undoes a node that is not there.
    #[error("a compensation undoes a node that is not there")]
    UnknownNode {
        /// The place of the compensation in the list.
        place: usize,
    },
    /// Two compensations undo the same node.
    #[error("a node is undone by two compensations")]
    Twice {
        /// The node.
        node: NodeIndex,
    },
}

/// Why an event cannot have happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The event names a node that is not there.
    #[error("event names node {node}, which the graph does not have")]
    UnknownNode {
        /// Its place.
        node: usize,
    },
    /// The event does not follow from the state: journal and plan don't belong together, or the
    /// journal was changed.
    #[error(
        "event `{event}` of node {node}, run {run}, attempt {attempt} does not follow from the state"
    )]
    OutOfTurn {
        /// What kind of event it is.
        event: &'static str,
        /// The node.
        node: usize,
        /// The run it names.
        run: u32,
        /// The attempt it names.
        attempt: u32,
    },
    /// The event is about an execution that has not started, or has started or finished already.
    #[error("event `{event}` does not fit an execution that {state}")]
    WrongState {
        /// What kind of event it is.
        event: &'static str,
        /// How the execution stands.
        state: &'static str,
    },
}
