//! Texts of parameters that are probably not meant as they are written. Nothing here is an error:
//! what is found works, though hardly as its author thinks.

use jackfield_types::ErrorCode;

use super::expression_places::{ExpressionPlaces, takes_no_text};
use super::nodes::Found;
use super::texts::each_text;
use super::told::in_parameters;
use crate::diagnostic::Diagnostic;
use crate::diagnostics::Findings;
use crate::expression::{Expression, ParameterTemplate};
use crate::workflow::{Dialect, Node};

/// How many texts of one node are looked at closely.
const MOST_LOOKED_AT: usize = 100;
/// Texts longer than this are no expressions without their braces.
const LONGEST_EXPRESSION: usize = 1_000;
/// What expressions begin with.
const ROOTS: &[&str] = &[
    "$json",
    "$input",
    "$node",
    "$steps",
    "$vars",
    "$env",
    "$secrets",
    "$now",
    "$today",
    "$workflow",
    "$execution",
    "$context",
    "$item",
    "$",
];
/// What stands between two values, and never at the beginning of a text that is meant as one.
const OPERATORS: &[&str] = &["==", "!=", "<=", ">=", "<", ">", "&&", "||"];

/// Warns of texts in the parameters of a node whose type is known.
pub(super) fn warn_of_texts(
    node: &Node,
    dialect: Dialect,
    found: &Found,
    template: &ParameterTemplate,
    findings: &mut Findings,
) {
    let mut left = MOST_LOOKED_AT;
    each_text(&node.parameters, &mut |path, text| {
        // Most texts are looked at no closer than this.
        if left == 0 || !(text.contains('$') || text.contains("{{")) {
            return;
        }
        let Some(mistake) = mistake(text, dialect) else {
            return;
        };
        left -= 1;
        if found.places.contains(path) || is_within_workflow(&found.places, path) {
            return;
        }
        let (message, hint) = mistake.told();
        let finding = Diagnostic::warning(ErrorCode::LIKELY_MISTAKE, message).with_hint(hint);
        findings.push(in_parameters(node, path, finding));
    });
    warn_of_wrong_types(node, found, template, findings);
    warn_of_broken_comparisons(node, template, findings);
}

/// What is probably wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    /// n8n sees no template: `Order {{ $json.id }}`.
    NoEqualsSign,
    /// The native format takes the sign for text: `={{ $json.id }}`.
    EqualsSign,
    /// `$json.id`, and nothing around it.
    NoBraces,
    /// `Order {$json.id}` or `Order ${$json.id}`.
    SingleBraces,
}

impl Mistake {
    fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::NoEqualsSign => (
                "`{{ … }}` stays as it is: the text does not begin with `=`",
                "write `=` before the text to make it a template",
            ),
            Self::EqualsSign => (
                "the `=` before the template is a part of the text",
                "leave it out: only n8n marks templates with it",
            ),
            Self::NoBraces => (
                "this looks like an expression, and stays as it is: no braces are around it",
                "write `{{ … }}` around it",
            ),
            Self::SingleBraces => (
                "this looks like a template, and stays as it is: it has single braces",
                "write `{{ … }}`, with two braces on each side",
            ),
        }
    }
}

fn mistake(text: &str, dialect: Dialect) -> Option<Mistake> {
    let has_template = text.find("{{").is_some_and(|at| text[at..].contains("}}"));
    match dialect {
        Dialect::N8n if has_template => {
            return (!text.starts_with('=')).then_some(Mistake::NoEqualsSign);
        }
        Dialect::Native if has_template => {
            let is_marked = text.strip_prefix('=').map(str::trim_start);
            return is_marked
                .is_some_and(|rest| rest.starts_with("{{"))
                .then_some(Mistake::EqualsSign);
        }
        Dialect::N8n | Dialect::Native => {}
    }
    let body = text.strip_prefix('=').unwrap_or(text);
    if is_expression(body) {
        return Some(Mistake::NoBraces);
    }
    has_single_braces(body).then_some(Mistake::SingleBraces)
}

/// Whether a text could only have been written as an expression: it begins with a root, reads
/// something of it, and can be compiled.
fn is_expression(text: &str) -> bool {
    let text = text.trim();
    if text.len() > LONGEST_EXPRESSION {
        return false;
    }
    let reads = |root: &str| {
        text.strip_prefix(root).is_some_and(|rest| match root {
            "$" => rest.starts_with("('") || rest.starts_with("(\""),
            _ => rest.starts_with(['.', '[']),
        })
    };
    ROOTS.iter().any(|root| reads(root)) && Expression::parse(text).is_ok()
}

fn has_single_braces(text: &str) -> bool {
    let mut rest = text;
    let mut left = MOST_LOOKED_AT;
    while let Some(open) = rest.find('{') {
        rest = &rest[open + 1..];
        left -= 1;
        let Some(close) = rest.find(['{', '}']).filter(|_| left > 0) else {
            return false;
        };
        if rest[close..].starts_with('}') && is_expression(&rest[..close]) {
            return true;
        }
        rest = &rest[close..];
        rest = rest.strip_prefix('}').unwrap_or(rest);
    }
    false
}

/// Whether a place is within a workflow that is a parameter: its texts are its own.
fn is_within_workflow(places: &ExpressionPlaces, path: &str) -> bool {
    path.match_indices('/')
        .any(|(end, _)| places.holds_workflow(&path[..end]))
}

/// Warns of templates that always give a text where none is taken: `{{ $json.n }} `, with a blank
/// behind it, for a number.
fn warn_of_wrong_types(
    node: &Node,
    found: &Found,
    template: &ParameterTemplate,
    findings: &mut Findings,
) {
    let Some(schema) = &found.metadata().schema else {
        return;
    };
    for path in template.text_pointers(MOST_LOOKED_AT) {
        if let Some(taken) = takes_no_text(schema, &path) {
            let message = format!(
                "this always gives a text, for there is something beside the expression; what is wanted has the type {taken}"
            );
            let finding = Diagnostic::warning(ErrorCode::LIKELY_MISTAKE, message)
                .with_hint("write one `{{ … }}` with nothing around it, not even blanks");
            findings.push(in_parameters(node, &path, finding));
        }
    }
}

/// Warns of `{{ $json.age }} > 17` where an expression is wanted: that is a text, and always true.
fn warn_of_broken_comparisons(node: &Node, template: &ParameterTemplate, findings: &mut Findings) {
    let mut is_broken = |text: &str| {
        let text = text.trim_start();
        OPERATORS.iter().any(|operator| text.starts_with(operator))
    };
    let broken: Vec<&str> = template
        .deferred_expressions()
        .filter(|expression| expression.texts().any(&mut is_broken))
        .map(Expression::source)
        .take(MOST_LOOKED_AT)
        .collect();
    if broken.is_empty() {
        return;
    }
    each_text(&node.parameters, &mut |path, text| {
        if broken.contains(&text) {
            findings.push(in_parameters(node, path, always_true()));
        }
    });
}

/// What is said of a condition that is a text.
pub(super) fn always_true() -> Diagnostic {
    let message = "this is a text with expressions in it, and a text is always true";
    Diagnostic::warning(ErrorCode::LIKELY_MISTAKE, message)
        .with_hint("put all of it into one expression: `$json.age > 17`, or `{{ $json.age > 17 }}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_an_expression_is_told_from_prose() {
        use Mistake::{EqualsSign, NoBraces, NoEqualsSign, SingleBraces};
        let native = [
            ("$json.name", Some(NoBraces)),
            (" $json['name'] + 1", Some(NoBraces)),
            ("$('Fetch').first().json.id", Some(NoBraces)),
            ("=$json.name", Some(NoBraces)),
            ("$json.name costs", None),
            ("$json", None),
            ("$5.00", None),
            ("$.items[0]", None),
            ("${{ $json.price }}", None),
            ("={{ $json.price }}", Some(EqualsSign)),
            ("= {{ $json.price }}", Some(EqualsSign)),
            ("a={{ $json.price }}", None),
            ("Dear {$json.name}!", Some(SingleBraces)),
            ("Dear { $json.name }!", Some(SingleBraces)),
            ("Dear ${$json.name}!", Some(SingleBraces)),
            ("{a} {$json.name}", Some(SingleBraces)),
            ("{ \"price\": \"$5\" }", None),
            ("{$json}", None),
            ("{", None),
            ("{$json.name", None),
        ];
        for (text, wanted) in native {
            assert_eq!(mistake(text, Dialect::Native), wanted, "{text}");
        }
        let n8n = [
            ("Order {{ $json.id }}", Some(NoEqualsSign)),
            ("=Order {{ $json.id }}", None),
            ("=$json.id", Some(NoBraces)),
            ("=Order {$json.id}", Some(SingleBraces)),
            ("{{", None),
        ];
        for (text, wanted) in n8n {
            assert_eq!(mistake(text, Dialect::N8n), wanted, "{text}");
        }
    }
}
