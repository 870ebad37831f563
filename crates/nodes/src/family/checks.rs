use jackfield_types::{Object, ValidationIssue};

use super::Parameter;

/// Which optional parameters belong together: those of one form are given, and of no other.
pub(super) type Forms = &'static [&'static [&'static str]];

/// What is wrong with parameters as a whole.
pub(super) fn check_all(
    parameters: &[Parameter],
    forms: Forms,
    given: &Object,
) -> Vec<ValidationIssue> {
    let mut issues = Vec::new();
    for parameter in parameters {
        parameter.check(given, &mut issues);
    }
    for name in given.keys() {
        if !parameters.iter().any(|parameter| parameter.name == name) {
            let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name).collect();
            let hint = if names.is_empty() {
                "it takes no parameters".to_owned()
            } else {
                format!("the parameters are `{}`", names.join("`, `"))
            };
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            issues.push(ValidationIssue::parameter(pointer, "no such parameter").with_hint(hint));
        }
    }
    if issues.is_empty() {
        issues.extend(check_forms(parameters, forms, given));
    }
    issues
}

/// Checks that the parameters of one form are given, all of them, and none of the others.
fn check_forms(parameters: &[Parameter], forms: Forms, given: &Object) -> Option<ValidationIssue> {
    let is_given = |name: &&str| {
        parameters
            .iter()
            .any(|parameter| parameter.name == *name && parameter.value(given).is_some())
    };
    let begun = || forms.iter().filter(|form| form.iter().any(is_given));
    let is_right = begun().count() == 1 && begun().all(|form| form.iter().all(is_given));
    if forms.is_empty() || is_right {
        return None;
    }
    let forms: Vec<String> = forms
        .iter()
        .map(|form| format!("`{}`", form.join("` and `")))
        .collect();
    let message = format!(
        "expected one of these, and nothing of the others: {}",
        forms.join(", or ")
    );
    Some(ValidationIssue::parameter("", message))
}
