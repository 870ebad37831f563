//! What errors of JSON Schema are called for people.

use jackfield_types::ValidationIssue;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use crate::Registration;
use crate::nearest::nearest;

/// How many characters of a value are shown.
const SHOWN: usize = 40;
/// How many allowed values or known names are listed.
const LISTED: usize = 12;
/// How deep forms within forms are looked into.
const DEEPEST: usize = 8;

/// A required property that is not there; `path` is that of the object.
pub(crate) fn missing(path: &str, name: &str) -> ValidationIssue {
    let what = if path.is_empty() {
        "parameter"
    } else {
        "property"
    };
    ValidationIssue::parameter(path, format!("the {what} `{name}` is missing"))
}

/// What was expected and what came.
pub(crate) fn expected(what: &str, got: &Value) -> String {
    format!("expected {what}, got {}", shown(got))
}

/// Turns one error of the validator into findings.
pub(crate) fn issues(
    registration: &Registration,
    error: &ValidationError<'_>,
) -> Vec<ValidationIssue> {
    let mut issues = Vec::new();
    describe(registration, error, 0, &mut issues);
    issues
}

fn describe(
    registration: &Registration,
    error: &ValidationError<'_>,
    depth: usize,
    issues: &mut Vec<ValidationIssue>,
) {
    let path = error.instance_path().as_str();
    let got = error.instance();
    let mut say = |message: String| issues.push(ValidationIssue::parameter(path, message));
    match error.kind() {
        ValidationErrorKind::Type { kind } => {
            let issue = ValidationIssue::parameter(path, expected(&types(kind), got));
            issues.push(match unquoted(kind, got) {
                Some(hint) => issue.with_hint(hint),
                None => issue,
            });
        }
        ValidationErrorKind::Required { property } => {
            issues.push(missing(path, property.as_str().unwrap_or_default()));
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let known = known_properties(registration, error);
            let all = unexpected.iter().take(LISTED);
            issues.extend(all.map(|name| unknown_property(path, name, &known)));
        }
        ValidationErrorKind::Enum { options } => {
            let options = options.as_array().map_or(&[][..], Vec::as_slice);
            let issue = ValidationIssue::parameter(path, one_of(options, got));
            issues.push(match near_option(options, got) {
                Some(option) => issue.with_hint(format!("did you mean `{option}`?")),
                None => issue,
            });
        }
        ValidationErrorKind::Constant { expected_value } => {
            say(expected(&shown(expected_value), got));
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            describe_forms(registration, error, context, depth, issues);
        }
        ValidationErrorKind::OneOfMultipleValid { .. } => {
            say(format!(
                "{} fits more than one of the forms that are told apart here",
                shown(got)
            ));
        }
        ValidationErrorKind::Not { .. } => say(format!("{} is not allowed here", shown(got))),
        ValidationErrorKind::FalseSchema => say("nothing may be given here".to_owned()),
        ValidationErrorKind::Minimum { limit } => {
            say(format!("must be at least {limit}, is {got}"));
        }
        ValidationErrorKind::Maximum { limit } => say(format!("must be at most {limit}, is {got}")),
        ValidationErrorKind::ExclusiveMinimum { limit } => {
            say(format!("must be more than {limit}, is {got}"));
        }
        ValidationErrorKind::ExclusiveMaximum { limit } => {
            say(format!("must be less than {limit}, is {got}"));
        }
        ValidationErrorKind::MultipleOf { multiple_of } => {
            say(format!("must be a multiple of {multiple_of}, is {got}"));
        }
        ValidationErrorKind::MinLength { limit: 1 }
        | ValidationErrorKind::MinItems { limit: 1 }
        | ValidationErrorKind::MinProperties { limit: 1 } => say("must not be empty".to_owned()),
        ValidationErrorKind::MinLength { limit } => {
            say(format!(
                "must have at least {limit} characters, got {}",
                shown(got)
            ));
        }
        ValidationErrorKind::MaxLength { limit } => {
            say(format!(
                "must have at most {limit} characters, got {}",
                shown(got)
            ));
        }
        ValidationErrorKind::MinItems { limit } => {
            say(format!(
                "must have at least {limit} entries, has {}",
                length(got)
            ));
        }
        ValidationErrorKind::MaxItems { limit } => {
            say(format!(
                "must have at most {limit} entries, has {}",
                length(got)
            ));
        }
        ValidationErrorKind::AdditionalItems { limit } => {
            say(format!(
                "must have at most {limit} entries, has {}",
                length(got)
            ));
        }
        ValidationErrorKind::MinProperties { limit } => {
            say(format!(
                "must have at least {limit} properties, has {}",
                length(got)
            ));
        }
        ValidationErrorKind::MaxProperties { limit } => {
            say(format!(
                "must have at most {limit} properties, has {}",
                length(got)
            ));
        }
        ValidationErrorKind::Pattern { pattern } => {
            say(format!(
                "must match the pattern `{pattern}`, got {}",
                shown(got)
            ));
        }
        ValidationErrorKind::Format { format } => {
            say(expected(&format!("a text of the format `{format}`"), got));
        }
        ValidationErrorKind::UniqueItems => {
            say("the entries must differ from each other".to_owned());
        }
        ValidationErrorKind::PropertyNames { error } => {
            say(format!(
                "the property name {} is not allowed",
                shown(error.instance())
            ));
        }
        // The rest is rare, and its texts hold no value once they are masked.
        _ => say(error.masked_with("the value").to_string()),
    }
}

/// A value that fits none of several forms. If the forms are all plain types or plain values, they
/// are listed; else what is wrong with the form that was meant most likely is said.
fn describe_forms(
    registration: &Registration,
    error: &ValidationError<'_>,
    forms: &[Vec<ValidationError<'static>>],
    depth: usize,
    issues: &mut Vec<ValidationIssue>,
) {
    let path = error.instance_path().as_str();
    let got = error.instance();
    let mut kinds = Vec::new();
    let mut options = Vec::new();
    for form in forms {
        match form.as_slice() {
            [one] if one.instance_path().as_str() == path => match one.kind() {
                ValidationErrorKind::Type { kind } => kinds.push(types(kind)),
                ValidationErrorKind::Constant { expected_value } => {
                    options.push((**expected_value).clone());
                }
                ValidationErrorKind::Enum { options: more } => {
                    options.extend(more.as_array().into_iter().flatten().cloned());
                }
                _ => {}
            },
            _ => {}
        }
    }
    if options.len() >= forms.len() && kinds.is_empty() {
        let issue = ValidationIssue::parameter(path, one_of(&options, got));
        issues.push(match near_option(&options, got) {
            Some(option) => issue.with_hint(format!("did you mean `{option}`?")),
            None => issue,
        });
    } else if kinds.len() == forms.len() {
        kinds.dedup();
        issues.push(ValidationIssue::parameter(
            path,
            expected(&listed(&kinds, "or"), got),
        ));
    } else if let Some(form) = meant(forms, path).filter(|_| depth < DEEPEST) {
        for inner in form {
            describe(registration, inner, depth + 1, issues);
        }
    } else {
        let message = format!(
            "{} fits none of the {} forms allowed here",
            shown(got),
            forms.len()
        );
        issues.push(ValidationIssue::parameter(path, message));
    }
}

/// The only form whose type and tags fit, or the one with the fewest errors among those.
fn meant<'a>(
    forms: &'a [Vec<ValidationError<'static>>],
    path: &str,
) -> Option<&'a [ValidationError<'static>]> {
    let is_other_form = |error: &ValidationError<'_>| match error.kind() {
        ValidationErrorKind::Type { .. } | ValidationErrorKind::FalseSchema => {
            error.instance_path().as_str() == path
        }
        ValidationErrorKind::Constant { .. } => true,
        _ => false,
    };
    let mut fitting: Vec<_> = forms
        .iter()
        .filter(|form| !form.iter().any(is_other_form))
        .collect();
    fitting.sort_by_key(|form| form.len());
    match fitting.as_slice() {
        [only] => Some(only),
        [best, next, ..] if best.len() < next.len() => Some(best),
        _ => None,
    }
}

fn unknown_property(path: &str, name: &str, known: &[String]) -> ValidationIssue {
    let what = if path.is_empty() {
        "parameter"
    } else {
        "property"
    };
    let segment = name.replace('~', "~0").replace('/', "~1");
    let message = format!("unknown {what} `{}`", cut(name));
    let issue = ValidationIssue::parameter(format!("{path}/{segment}"), message);
    let near = nearest(name, known.iter().map(String::as_str), 1);
    match near.first() {
        Some(near) => issue.with_hint(format!("did you mean `{near}`?")),
        None if known.is_empty() => issue,
        None => {
            let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
            issue.with_hint(format!("known here: {}", listed(&names, "and")))
        }
    }
}

/// The properties that the object schema around an error knows.
fn known_properties(registration: &Registration, error: &ValidationError<'_>) -> Vec<String> {
    let path = error.schema_path().as_str();
    let around = path.rfind('/').map_or("", |end| &path[..end]);
    registration.stored().with_schema(|schema| {
        schema
            .and_then(|schema| schema.pointer(around)?.get("properties")?.as_object())
            .map(|properties| properties.keys().cloned().collect())
            .unwrap_or_default()
    })
}

fn types(kind: &TypeKind) -> String {
    let name = |kind: JsonType| match kind {
        JsonType::Null => "null".to_owned(),
        JsonType::Boolean => "`true` or `false`".to_owned(),
        JsonType::Integer => "a whole number".to_owned(),
        JsonType::Number => "a number".to_owned(),
        JsonType::String => "a text".to_owned(),
        JsonType::Array => "a list".to_owned(),
        JsonType::Object => "an object".to_owned(),
    };
    match kind {
        TypeKind::Single(kind) => name(*kind),
        TypeKind::Multiple(kinds) => {
            let names: Vec<_> = kinds.iter().map(name).collect();
            listed(&names, "or")
        }
    }
}

/// The hint for a number or a truth value that was written as a text.
fn unquoted(kind: &TypeKind, got: &Value) -> Option<String> {
    let text = got.as_str()?;
    let value: Value = serde_json::from_str(text).ok()?;
    let is_wanted = |wanted: JsonType| match kind {
        TypeKind::Single(kind) => *kind == wanted,
        TypeKind::Multiple(kinds) => kinds.contains(wanted),
    };
    let wanted = match &value {
        Value::Bool(_) => is_wanted(JsonType::Boolean),
        Value::Number(number) => {
            is_wanted(JsonType::Number) || is_wanted(JsonType::Integer) && !number.is_f64()
        }
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => false,
    };
    wanted.then(|| format!("write it without quotes: `{value}`"))
}

fn one_of(options: &[Value], got: &Value) -> String {
    let names: Vec<_> = options
        .iter()
        .map(|option| format!("`{}`", plain(option)))
        .collect();
    let what = if names.len() == 1 {
        names.concat()
    } else {
        format!("one of {}", listed(&names, "or"))
    };
    expected(&what, got)
}

fn near_option<'a>(options: &'a [Value], got: &Value) -> Option<&'a str> {
    let names = options.iter().filter_map(Value::as_str);
    nearest(got.as_str()?, names, 1).first().copied()
}

/// `a, b or c`, cut if it is long.
fn listed(names: &[String], last: &str) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        _ if names.len() > LISTED => {
            format!(
                "{} and {} more",
                names[..LISTED].join(", "),
                names.len() - LISTED
            )
        }
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => format!("`{value}`"),
        Value::Number(_) => format!("the number `{value}`"),
        Value::String(text) if text.is_empty() => "an empty text".to_owned(),
        Value::String(text) => format!("the text `{}`", cut(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => cut(text),
        other => cut(&other.to_string()),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn length(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.len(),
        Value::Object(map) => map.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}
