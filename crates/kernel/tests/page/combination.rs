//! Every combination of what the decision about a failed attempt depends on, run in the kernel.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jackfield_kernel::{
    Connection, EventKind, Execution, ExecutionStatus, FailureMode, Graph, Law, NodeIndex,
    NodeSpec, RecoveryRules, RunWith,
};
use jackfield_types::{
    ErrorCode, FailureClass, Item, ItemFailure, Items, NodeFailure, NodeStatus, OnError, Outputs,
    RecoveryApplied, RetryPolicy, Span, Strategy,
};
use serde_json::json;

use crate::script::{Answer, Call, Script};

/// A set of values that is shown by name.
macro_rules! values {
    ($(#[$doc:meta])* $name:ident { $($value:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $($value,)* }

        impl $name {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$value,)*];

            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$value => $text,)* }
            }
        }
    };
}

values!(
    /// What kind of failure it is.
    Class {
        Retryable = "retryable",
        Permanent = "permanent",
        Unknown = "unknown node type",
        Invalid = "final",
        Refused = "refused",
    }
);
values!(
    /// What the retry policy says about the failure.
    Listed {
        ByClass = "no list",
        Yes = "listed",
        No = "not listed",
    }
);
values!(
    /// Whether there may be another attempt.
    Left {
        Yes = "yes",
        No = "no",
        TooLate = "too late",
    }
);
values!(
    /// The strategy, with what becomes of it.
    Plan {
        Fail = "`fail`",
        Retry = "`retry`",
        Skip = "`skip`",
        SkipPartly = "`skip`, partial output",
        SkipNothing = "`skip`, nothing produced",
        Served = "`fallback` succeeds",
        FallbackFails = "`fallback` fails",
        FallbackBusy = "`fallback` fails, retryable",
        FallbackInvalid = "`fallback` fails, final",
        FallbackRefused = "`fallback` is refused",
    }
);
values!(
    /// What becomes of the attempt.
    Outcome {
        Again = "again",
        Served = "served",
        Skipped = "skipped",
        Partial = "partial",
        Fails = "**fails**",
        ErrorPort = "error port",
        MainPort = "main port",
        ItemsErrorPort = "items: error port",
        ItemsMainPort = "items: main port",
    }
);

/// `onError`, by its place in lists.
pub(crate) const ON_ERROR: [(OnError, &str); 3] = [
    (OnError::StopWorkflow, "`stopWorkflow`"),
    (OnError::ContinueErrorOutput, "`continueErrorOutput`"),
    (OnError::ContinueRegularOutput, "`continueRegularOutput`"),
];

/// One combination.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Combination {
    pub(crate) class: Class,
    pub(crate) listed: Listed,
    pub(crate) left: Left,
    pub(crate) plan: Plan,
    pub(crate) on_error: OnError,
    /// Whether one of the two items failed by itself, and not the call as a whole.
    pub(crate) by_item: bool,
}

const LISTED: ErrorCode = ErrorCode::NETWORK_ERROR;

impl Combination {
    /// What the kernel makes of it.
    pub(crate) fn outcome(self) -> Outcome {
        // All that is refused goes one way.
        let mut outcomes = self
            .failures()
            .into_iter()
            .map(|failure| self.run(&failure));
        let first = outcomes.next().unwrap();
        assert!(outcomes.all(|other| other == first), "{self:?}");
        first
    }

    fn failures(self) -> Vec<NodeFailure> {
        let code = match self.listed {
            Listed::ByClass | Listed::No => ErrorCode::EXECUTION_ERROR,
            Listed::Yes => LISTED,
        };
        let of_class = |class| vec![NodeFailure::new(class, code, "no")];
        let mut failures = match self.class {
            Class::Retryable => of_class(FailureClass::Retryable),
            Class::Permanent => of_class(FailureClass::Permanent),
            Class::Unknown => of_class(FailureClass::UnknownNodeType),
            Class::Invalid => of_class(FailureClass::Final),
            Class::Refused => vec![
                NodeFailure::new(FailureClass::Final, ErrorCode::TENANT_FORBIDDEN, "no"),
                NodeFailure::new(FailureClass::Final, ErrorCode::QUOTA_EXCEEDED, "no"),
                NodeFailure::new(FailureClass::Final, ErrorCode::CANCELLED, "no"),
                NodeFailure::new(FailureClass::Retryable, ErrorCode::TENANT_FORBIDDEN, "no"),
                NodeFailure::new(FailureClass::Retryable, ErrorCode::CANCELLED, "no"),
            ],
        };
        for failure in &mut failures {
            self.add_what_was_produced(failure);
        }
        failures
    }

    fn add_what_was_produced(self, failure: &mut NodeFailure) {
        if self.by_item {
            failure.failed_items = vec![ItemFailure {
                item: 1,
                code: ErrorCode::NUMBER_ERROR,
                message: "no".to_owned(),
                status: None,
            }];
        }
        if self.plan != Plan::SkipNothing {
            let produced = Item::default().paired_with(0);
            failure.partial = Some(Outputs::first(Arc::new(vec![produced])));
        }
    }

    fn of_fallback(self) -> Result<Outputs, Box<NodeFailure>> {
        let (class, code) = match self.plan {
            Plan::FallbackFails => (FailureClass::Permanent, ErrorCode::EXECUTION_ERROR),
            Plan::FallbackBusy => (FailureClass::Retryable, LISTED),
            Plan::FallbackInvalid => (FailureClass::Final, ErrorCode::INVALID_PARAMETERS),
            Plan::FallbackRefused => (FailureClass::Final, ErrorCode::TENANT_FORBIDDEN),
            _ => return Ok(Outputs::first(Arc::new(vec![Item::default()]))),
        };
        let mut failure = NodeFailure::new(class, code, "no");
        self.add_what_was_produced(&mut failure);
        Err(Box::new(failure))
    }

    fn spec(self) -> NodeSpec {
        let strategy = match self.plan {
            Plan::Fail => Strategy::Fail,
            Plan::Retry => Strategy::Retry,
            Plan::Skip | Plan::SkipPartly | Plan::SkipNothing => Strategy::Skip,
            Plan::Served
            | Plan::FallbackFails
            | Plan::FallbackBusy
            | Plan::FallbackInvalid
            | Plan::FallbackRefused => Strategy::Fallback,
        };
        let policy = RetryPolicy {
            max_attempts: NonZeroU32::new(if self.left == Left::No { 1 } else { 2 }).unwrap(),
            deadline: (self.left == Left::TooLate).then(|| Span::from_millis(1)),
            retryable_errors: match (self.listed, self.class) {
                (Listed::ByClass, _) => Vec::new(),
                (Listed::Yes, Class::Refused) => vec![
                    ErrorCode::TENANT_FORBIDDEN,
                    ErrorCode::QUOTA_EXCEEDED,
                    ErrorCode::CANCELLED,
                ],
                (Listed::Yes | Listed::No, _) => vec![LISTED],
            },
            ..RetryPolicy::default()
        };
        NodeSpec {
            recovery: RecoveryRules {
                retry: Some(Box::new(policy)),
                strategy,
                allow_partial_output: matches!(self.plan, Plan::SkipPartly | Plan::SkipNothing),
            },
            on_error: self.on_error,
            ..NodeSpec::default()
        }
    }

    fn run(self, failure: &NodeFailure) -> Outcome {
        let nodes = vec![self.spec()];
        let graph = Graph::build(
            Law::Settled,
            FailureMode::default(),
            nodes,
            Vec::<Connection>::new(),
        );
        let graph = Arc::new(graph.unwrap());
        let answer = |_: &Execution, call: Call| {
            let result = match (call.with, call.attempt) {
                (RunWith::Own, 1) => Err(failure.clone()),
                (RunWith::Own, _) => Ok(Outputs::default()),
                (RunWith::Fallback, _) => self.of_fallback().map_err(|failure| *failure),
            };
            let takes = Duration::from_millis(1);
            Answer { takes, result }
        };
        let item = |place| Item::from_value(json!({ "place": place })).unwrap();
        let script = Script {
            input: Arc::new(vec![item(0), item(1)]),
            answer: &answer,
            passes: &|_, _| true,
            outside: Vec::new(),
        };
        let (execution, journal) = script.run(&graph);
        let is_again = |kind: &EventKind| matches!(kind, EventKind::TimerFired { .. });
        if journal.iter().any(|event| is_again(&event.kind)) {
            return Outcome::Again;
        }
        observed(&execution)
    }
}

/// What became of the node, by its result.
fn observed(execution: &Execution) -> Outcome {
    let result = execution.result(NodeIndex::new(0));
    let has_failed = execution.status() == ExecutionStatus::Error;
    let main = result.output.main.first().cloned().unwrap_or_default();
    let error = result.output.error.clone().unwrap_or_default();
    let is_error = |item: &&Item| item.json().contains_key("error");
    let places = |items: &Items| {
        let errors = items.iter().filter(is_error);
        errors
            .filter_map(Item::source)
            .map(|source| source.item)
            .collect::<Vec<_>>()
    };
    let carried = (main.len(), places(&main), error.len(), places(&error));
    match (result.status, result.recovery_applied, carried) {
        (NodeStatus::Success, Some(RecoveryApplied::Fallback), _) => Outcome::Served,
        (NodeStatus::Skipped, Some(RecoveryApplied::Skip), (1, ..)) => Outcome::Skipped,
        (NodeStatus::Partial, Some(RecoveryApplied::Skip), (1, ..)) => Outcome::Partial,
        (NodeStatus::Error, None, (0, _, 0, _)) if has_failed => Outcome::Fails,
        (NodeStatus::Error, Some(RecoveryApplied::Continue), (0, _, 2, places)) => {
            assert_eq!(places, [0, 1]);
            Outcome::ErrorPort
        }
        (NodeStatus::Error, Some(RecoveryApplied::Continue), (2, places, 0, _)) => {
            assert_eq!(places, [0, 1]);
            Outcome::MainPort
        }
        (NodeStatus::Partial, Some(RecoveryApplied::Continue), (_, _, 1, places)) => {
            assert_eq!(places, [1]);
            Outcome::ItemsErrorPort
        }
        (NodeStatus::Partial, Some(RecoveryApplied::Continue), (_, places, 0, _)) => {
            assert_eq!(places, [1]);
            Outcome::ItemsMainPort
        }
        other => panic!("an outcome without a name: {other:?}"),
    }
}
