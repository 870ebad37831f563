//! The names that expressions begin with, for hints.

/// Roots by their name, for hints.
pub(super) const ROOTS: &[&str] = &[
    "$json",
    "$input",
    "$node",
    "$steps",
    "$context",
    "$workflow",
    "$execution",
    "$vars",
    "$env",
    "$secrets",
    "$now",
    "$today",
    "$itemIndex",
    "$runIndex",
    "$binary",
    "$",
    "$if",
    "$ifEmpty",
    "$min",
    "$max",
];

/// What n8n has and this language has not.
pub(super) const FOREIGN: &[(&str, &str)] = &[
    ("$fromAI", "`$fromAI` is for tools of n8n's AI agents"),
    ("$items", "write `$('Node').all()`"),
    ("$credentials", "expressions do not reach credentials"),
    (
        "$parameter",
        "expressions do not reach parameters of their own node",
    ),
    ("$evaluateExpression", "write the expression itself"),
    ("$prevNode", "refer to the node by its name: `$('Node')`"),
    ("$jmespath", "use member access, `map` and `filter`"),
    (
        "$getWorkflowStaticData",
        "keep values in variables: `$vars`",
    ),
    ("$response", "responses are reached in the HTTP node alone"),
    ("$request", "requests are reached in the HTTP node alone"),
    ("$pageCount", "pages are counted in the HTTP node alone"),
    ("$self", "expressions do not reach their own node"),
];

pub(super) const NAMESPACES: &[&str] = &[
    "Math", "JSON", "Object", "Number", "String", "Boolean", "Array", "Date", "DateTime",
];

/// The name that is most like `name`, if any is like it at all.
pub(in crate::expression) fn nearest<'n>(
    name: &str,
    known: impl Iterator<Item = &'n str>,
) -> Option<&'n str> {
    let name: String = name.chars().take(64).collect();
    known
        .map(|candidate| (strsim::damerau_levenshtein(&name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
