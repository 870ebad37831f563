use std::num::NonZeroU32;
use std::sync::Arc;

use jackfield_plugin_api::{
    Expr, LoopFrame, NodeError, NodeOutput, NodeType, Scheduling, TypedCall,
};
use jackfield_types::{
    ErrorCode, Item, Items, NodeRole, NodeTypeMetadata, Object, Ports, ValidationIssue,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::declaration::{declare, example_without_output, tags};
use crate::items::{pass_on, take};
use crate::value::is_truthy;

/// `loop`: runs what hangs on its output `loop` again and again.
pub(crate) struct Loop;

/// The most rounds that any loop makes.
const MAX_ROUNDS: u32 = 100_000;

const DONE: usize = 0;
const LOOP: usize = 1;

/// Parameters of `loop`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LoopParams {
    /// What decides how often the loop goes round.
    #[serde(default)]
    mode: Mode,
    /// With `mode: each`, how many items each round gets.
    #[serde(default = "one")]
    batch_size: NonZeroU32,
    /// With `mode: times`, how many rounds there are.
    #[schemars(range(max = 100_000))]
    count: Option<u32>,
    /// With `mode: while`, an expression; before each round it is evaluated on the first item that the
    /// last round brought back, and there is another round while it holds. `$round` counts the rounds
    /// from 0.
    condition: Option<Expr>,
    /// With `mode: while`, the most rounds; one more is an error.
    #[serde(default = "thousand")]
    #[schemars(range(max = 100_000))]
    max_rounds: u32,
}

/// What decides how often a loop goes round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Mode {
    /// The items: `batchSize` of them a round until all have had their turn.
    #[default]
    Each,
    /// `count`: the items go round that many times.
    Times,
    /// `condition`: the items go round while it holds.
    While,
}

const fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

const fn thousand() -> u32 {
    1_000
}

const DOCUMENTATION: &str = "\
What hangs on the output `loop` (1) is the body of the loop; its end is connected back to the input of this \
node. Each round the body runs once. When there is no further round, the output `done` (0) delivers.

- `mode: each`: each round gets the next `batchSize` items with which the loop was entered. `done` gets \
everything that all rounds brought back, in order. A round that brings nothing back does not end the loop.
- `mode: times`: the first round gets the items with which the loop was entered, each further one what the \
round before brought back. After `count` rounds `done` gets what the last one brought back.
- `mode: while`: the same, while `condition` holds for the first item brought back. More than `maxRounds` \
rounds are an error.

In the modes `times` and `while` a round that brings nothing back ends the loop, for there is nothing to go on \
with. No loop makes more than 100,000 rounds. Parameters are evaluated before each round, for its first item.";

impl NodeType for Loop {
    type Params = LoopParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["repeat", "batch", "while", "for-each"]),
            ports: Ports::with_outputs(&["done", "loop"]),
            role: NodeRole::Loop,
            examples: vec![
                example_without_output("Ten items at a time", json!({"batchSize": 10})),
                example_without_output(
                    "Until the service says that it is finished",
                    json!({"mode": "while", "condition": "$json.state !== 'finished'", "maxRounds": 50}),
                ),
            ],
            ..declare(
                "loop",
                super::CATEGORY,
                "Runs a part of the workflow again and again.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, LoopParams>) -> Result<NodeOutput, NodeError> {
        let Some(frame) = call.context.loop_frame else {
            let message =
                "a loop runs inside of a workflow only, with its output `loop` leading back to it";
            return Err(NodeError::permanent(ErrorCode::LOOP_INVALID, message));
        };
        let params = call.params()?;
        let issues = self.check(&params);
        if !issues.is_empty() {
            return Err(NodeError::Params(issues));
        }
        match params.mode {
            Mode::Each => each(frame, params.batch_size),
            Mode::Times => {
                let rounds = params.count.unwrap_or_default();
                Ok(again(frame, frame.round < rounds))
            }
            Mode::While => {
                let goes_on = holds(&call, frame, params.condition.as_ref())?;
                if goes_on && frame.round >= params.max_rounds {
                    let message = format!(
                        "the condition still holds after {} rounds; raise `maxRounds` or mend the condition",
                        frame.round
                    );
                    return Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message));
                }
                Ok(again(frame, goes_on))
            }
        }
    }

    fn check(&self, params: &LoopParams) -> Vec<ValidationIssue> {
        let mut issues = Vec::new();
        if params.mode == Mode::Times && params.count.is_none() {
            issues.push(ValidationIssue::parameter(
                "/count",
                "`mode: times` needs a `count`",
            ));
        }
        if params.mode == Mode::While && params.condition.is_none() {
            issues.push(ValidationIssue::parameter(
                "/condition",
                "`mode: while` needs a `condition`",
            ));
        }
        let bounded = [
            ("/count", params.count.unwrap_or_default()),
            ("/maxRounds", params.max_rounds),
        ];
        for (path, rounds) in bounded {
            if rounds > MAX_ROUNDS {
                issues.push(ValidationIssue::parameter(
                    path,
                    format!("at most {MAX_ROUNDS} rounds"),
                ));
            }
        }
        issues
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}

fn each(frame: LoopFrame<'_>, batch_size: NonZeroU32) -> Result<NodeOutput, NodeError> {
    let size = usize::try_from(batch_size.get()).unwrap_or(usize::MAX);
    let rounds = frame.entered.len().div_ceil(size);
    if rounds > MAX_ROUNDS as usize {
        let message = format!(
            "{} items in batches of {size} take more than {MAX_ROUNDS} rounds; raise `batchSize`",
            frame.entered.len()
        );
        return Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message));
    }
    let start = usize::try_from(frame.round)
        .unwrap_or(usize::MAX)
        .saturating_mul(size);
    if start < frame.entered.len() {
        let end = start.saturating_add(size).min(frame.entered.len());
        let batch: Vec<Item> = (start..end)
            .map(|place| take(frame.entered, place))
            .collect();
        return Ok(NodeOutput::on_port(LOOP, batch));
    }
    let collected = frame.collected.iter().flat_map(|round| round.iter());
    Ok(NodeOutput::on_port(DONE, unpaired(collected)))
}

/// What came back was made of no item of the input: its rounds lie between.
fn unpaired<'i>(items: impl IntoIterator<Item = &'i Item>) -> Items {
    let items = items.into_iter().map(|item| item.clone().with_source(None));
    Arc::new(items.collect())
}

/// Another round with what the last one brought back, or the end. Nothing cannot go round.
fn again(frame: LoopFrame<'_>, goes_on: bool) -> NodeOutput {
    let items: Items = if frame.round == 0 {
        pass_on(frame.returned)
    } else {
        unpaired(frame.returned.iter())
    };
    let port = if goes_on && !items.is_empty() {
        LOOP
    } else {
        DONE
    };
    NodeOutput::on_port(port, items)
}

fn holds(
    call: &TypedCall<'_, LoopParams>,
    frame: LoopFrame<'_>,
    condition: Option<&Expr>,
) -> Result<bool, NodeError> {
    let Some(condition) = condition else {
        return Ok(false);
    };
    let item = frame
        .returned
        .first()
        .map_or_else(Object::new, |item| item.json().clone());
    let bindings = [
        ("$item", &Value::Object(item)),
        ("$round", &Value::from(frame.round)),
    ];
    Ok(is_truthy(
        &call.parameters.evaluate(condition, 0, &bindings)?,
    ))
}
