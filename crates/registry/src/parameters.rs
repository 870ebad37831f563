//! Checking parameters against required fields, schema, and the executor's own rules.
//!
//! Part of the parameters may be unknown: an expression gives them later. Whatever depends on an
//! unknown value is left for later too; only what is wrong whatever the value will be is said.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jackfield_plugin_api::NodeExecutor;
use jackfield_types::{Object, ValidationIssue};
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use crate::loader::panic_text;
use crate::{Registration, wording};

/// How many findings of the schema are reported. A long list with one mistake in each entry would
/// else make a report as long.
const MOST_ISSUES: usize = 100;

/// Checks parameters; see [`Registration::check`].
pub(crate) fn check(
    registration: &Registration,
    parameters: &Value,
    unknown: &[String],
    executor: Option<&dyn NodeExecutor>,
) -> Vec<ValidationIssue> {
    let unknown = Unknown(unknown);
    if unknown.covers("") {
        return Vec::new();
    }
    let nothing = Value::Object(Object::new());
    let parameters = if parameters.is_null() {
        &nothing
    } else {
        parameters
    };
    let mut issues = missing_fields(registration, parameters);
    if let Some(validator) = registration.validator()
        && !validator.is_valid(parameters)
    {
        for error in validator.iter_errors(parameters) {
            if unknown.concerns(&error) {
                continue;
            }
            let said = wording::issues(registration, &error);
            issues.extend(said.into_iter().filter(|issue| !unknown.hides(issue)));
            if issues.len() >= MOST_ISSUES {
                break;
            }
        }
        drop_repeated(&mut issues);
    }
    if issues.is_empty()
        && unknown.0.is_empty()
        && let Some(executor) = executor
    {
        return own_rules(executor, parameters);
    }
    issues
}

fn missing_fields(registration: &Registration, parameters: &Value) -> Vec<ValidationIssue> {
    let required = &registration.summary().required_fields;
    match parameters {
        Value::Object(map) => required
            .iter()
            .filter(|field| !map.contains_key(field.as_str()))
            .map(|field| wording::missing("", field))
            .collect(),
        _ if required.is_empty() => Vec::new(),
        other => vec![ValidationIssue::parameter(
            "",
            wording::expected("an object", other),
        )],
    }
}

fn own_rules(executor: &dyn NodeExecutor, parameters: &Value) -> Vec<ValidationIssue> {
    // A plugin's code: a panic in it is a finding, and not the end of whoever plans.
    catch_unwind(AssertUnwindSafe(|| executor.validate(parameters))).unwrap_or_else(|panic| {
        let message = format!("the executor's own check panicked: {}", panic_text(&*panic));
        vec![ValidationIssue::parameter("", message)]
    })
}

/// Required fields and schema may say the same.
fn drop_repeated(issues: &mut Vec<ValidationIssue>) {
    let mut kept: Vec<ValidationIssue> = Vec::with_capacity(issues.len());
    for issue in issues.drain(..) {
        if !kept
            .iter()
            .any(|one| one.path == issue.path && one.message == issue.message)
        {
            kept.push(issue);
        }
    }
    *issues = kept;
}

/// JSON Pointers of values that an expression will give.
#[derive(Clone, Copy)]
struct Unknown<'a>(&'a [String]);

impl Unknown<'_> {
    /// Whether a place is an unknown value or inside of one.
    fn covers(self, path: &str) -> bool {
        self.0.iter().any(|unknown| is_at_or_below(path, unknown))
    }

    /// Whether there is an unknown value inside of a place.
    fn is_inside(self, path: &str) -> bool {
        self.0.iter().any(|unknown| is_at_or_below(unknown, path))
    }

    /// Whether an error of the schema depends on an unknown value.
    fn concerns(self, error: &ValidationError<'_>) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let path = error.instance_path().as_str();
        self.covers(path)
            || self.is_inside(path) && depends_on_content(error.kind())
            || is_conditional(error.schema_path().as_str())
    }

    /// Whether an issue about a form among several says something of an unknown value.
    fn hides(self, issue: &ValidationIssue) -> bool {
        !self.0.is_empty()
            && self.0.iter().any(|unknown| {
                issue.path.len() > unknown.len() && is_at_or_below(&issue.path, unknown)
            })
    }
}

fn is_at_or_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether an error about an object or list looks at the values in it, and not only at which keys
/// or how many entries it has.
fn depends_on_content(kind: &ValidationErrorKind) -> bool {
    matches!(
        kind,
        ValidationErrorKind::AnyOf { .. }
            | ValidationErrorKind::OneOfMultipleValid { .. }
            | ValidationErrorKind::OneOfNotValid { .. }
            | ValidationErrorKind::Not { .. }
            | ValidationErrorKind::Constant { .. }
            | ValidationErrorKind::Contains
            | ValidationErrorKind::Custom { .. }
            | ValidationErrorKind::Enum { .. }
            | ValidationErrorKind::UnevaluatedItems { .. }
            | ValidationErrorKind::UnevaluatedProperties { .. }
            | ValidationErrorKind::UniqueItems
    )
}

/// Whether an error comes from a part of the schema that holds only under a condition. Which values
/// the condition looks at is not known here, so with any unknown value it is left for later.
fn is_conditional(schema_path: &str) -> bool {
    let mut before = "";
    schema_path.split('/').any(|segment| {
        // `properties/then` is a parameter of that name.
        let is_name = matches!(before, "properties" | "patternProperties" | "$defs");
        before = segment;
        !is_name && matches!(segment, "then" | "else")
    })
}
