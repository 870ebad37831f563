//! Writes `docs/recovery.md`.

pub(crate) mod combination;
mod merge;

use std::fmt::Write as _;

use jackfield_kernel::recovery_table;
use jackfield_types::OnError;

use combination::{Class, Combination, Left, Listed, ON_ERROR, Outcome, Plan};
use merge::{Row, merge};

const HEAD: &str = include_str!("head.md");
const TAIL: &str = include_str!("tail.md");

pub(crate) fn page() -> String {
    let mut page = HEAD.to_owned();
    law(&mut page);
    outcomes(&mut page);
    in_short(&mut page);
    page.push_str(TAIL);
    all(&mut page);
    page
}

fn law(page: &mut String) {
    page.push_str("| step | if | then |\n| --- | --- | --- |\n");
    for row in recovery_table() {
        let questions = row.questions.join("; ");
        writeln!(page, "| {} | {questions} | {} |", row.step, row.outcome).unwrap();
    }
}

fn outcomes(page: &mut String) {
    page.push_str("\n## Outcomes\n\nThe tables below use these names.\n\n");
    page.push_str("| outcome | status | what goes on |\n| --- | --- | --- |\n");
    for &outcome in Outcome::ALL {
        let (status, what) = match outcome {
            Outcome::Again => (
                "`pending`",
                "nothing yet: the node waits, then is tried again",
            ),
            Outcome::Served => ("`success`", "what the fallback node type gave"),
            Outcome::Skipped => ("`skipped`", "one empty item"),
            Outcome::Partial => ("`partial`", "what had been produced"),
            Outcome::Fails => ("`error`", "nothing; the execution fails"),
            Outcome::ErrorPort => (
                "`error`",
                "all input items, each with `error`, by the error port",
            ),
            Outcome::MainPort => (
                "`error`",
                "all input items, each with `error`, by the first main port",
            ),
            Outcome::ItemsErrorPort => (
                "`partial`",
                "the failing items, each with `error`, by the error port; the others as usual",
            ),
            Outcome::ItemsMainPort => (
                "`partial`",
                "the failing items, each with `error`, by the first main port, among the others",
            ),
        };
        writeln!(page, "| {} | {status} | {what} |", outcome.as_str()).unwrap();
    }
}

/// All combinations, `onError` left aside.
fn combinations() -> Vec<(Class, Listed, Left, Plan)> {
    let mut all = Vec::new();
    for &class in Class::ALL {
        for &listed in Listed::ALL {
            for &left in Left::ALL {
                all.extend(Plan::ALL.iter().map(|&plan| (class, listed, left, plan)));
            }
        }
    }
    all
}

fn outcome(
    (class, listed, left, plan): (Class, Listed, Left, Plan),
    on_error: OnError,
    by_item: bool,
) -> Outcome {
    let combination = Combination {
        class,
        listed,
        left,
        plan,
        on_error,
        by_item,
    };
    combination.outcome()
}

fn in_short(page: &mut String) {
    page.push_str(
        "\n## In short\n\nEvery combination for a call that fails as a whole; rows with the same\n\
         outcome are put together.\n\
         `any` stands where a value makes no difference, `not final` for the classes `retryable`,\n\
         `permanent` and `unknown node type`, and `fails anyhow` for a fallback that fails in\n\
         whichever way but by being refused.\n\n",
    );
    let axes = [
        Class::ALL.iter().map(|one| one.as_str()).collect(),
        Listed::ALL.iter().map(|one| one.as_str()).collect(),
        Left::ALL.iter().map(|one| one.as_str()).collect(),
        Plan::ALL.iter().map(|one| one.as_str()).collect(),
        ON_ERROR.iter().map(|(_, name)| *name).collect::<Vec<_>>(),
    ];
    let rows = combinations().into_iter().flat_map(|combination| {
        ON_ERROR
            .iter()
            .enumerate()
            .map(move |(place, (on_error, _))| {
                let (class, listed, left, plan) = combination;
                let values = [
                    class as usize,
                    listed as usize,
                    left as usize,
                    plan as usize,
                    place,
                ];
                let outcome = outcome(combination, *on_error, false);
                Row::new(values, outcome.as_str())
            })
    });
    let sizes = [0, 1, 2, 3, 4].map(|axis: usize| axes[axis].len());
    page.push_str("| class | retryable | attempts left | strategy | `onError` | outcome |\n");
    page.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for row in merge(&rows.collect::<Vec<_>>(), sizes) {
        let mut cells = Vec::new();
        for (axis, values) in row.values.iter().enumerate() {
            if values.len() == sizes[axis] {
                cells.push("any".to_owned());
            } else {
                let shown: Vec<_> = values.iter().map(|&value| axes[axis][value]).collect();
                cells.push(in_words(&shown.join(" · ")));
            }
        }
        writeln!(page, "| {} | {} |", cells.join(" | "), row.outcome).unwrap();
    }
}

/// Says what belongs together in fewer words.
fn in_words(values: &str) -> String {
    values
        .replace("retryable · permanent · unknown node type", "not final")
        .replace(
            "`fallback` fails · `fallback` fails, retryable · `fallback` fails, final",
            "`fallback` fails anyhow",
        )
}

fn all(page: &mut String) {
    page.push_str("\n## All combinations\n\n");
    page.push_str("| class | retryable | attempts left | strategy |");
    for (_, name) in ON_ERROR {
        write!(page, " {name} |").unwrap();
    }
    for (_, name) in &ON_ERROR[1..] {
        write!(page, " {name}, by item |").unwrap();
    }
    page.push_str("\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for combination in combinations() {
        let (class, listed, left, plan) = combination;
        let cells = [
            class.as_str(),
            listed.as_str(),
            left.as_str(),
            plan.as_str(),
        ];
        write!(page, "| {} |", cells.join(" | ")).unwrap();
        for (on_error, _) in ON_ERROR {
            write!(
                page,
                " {} |",
                outcome(combination, on_error, false).as_str()
            )
            .unwrap();
        }
        for (on_error, _) in ON_ERROR {
            let of_items = outcome(combination, on_error, true);
            if on_error.continues() {
                write!(page, " {} |", of_items.as_str()).unwrap();
            } else {
                // Without `onError` the items that failed make no difference.
                assert_eq!(of_items, outcome(combination, on_error, false));
            }
        }
        page.push('\n');
    }
}
