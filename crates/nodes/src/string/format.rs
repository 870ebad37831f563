use std::borrow::Cow;

use jackfield_plugin_api::NodeError;
use jackfield_types::ErrorCode;
use serde_json::Value;

use crate::family::{Arguments, BoundedText, display_text, path_error};
use crate::path::Path;

pub(super) fn format(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let mut rest = arguments.text("template")?;
    let variables = arguments.value("variables");
    let mut text = BoundedText::default();
    while let Some(brace) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(brace);
        text.push_str(before)?;
        if let Some(after) = from.strip_prefix("{{") {
            text.push('{')?;
            rest = after;
        } else if let Some(after) = from.strip_prefix("}}") {
            text.push('}')?;
            rest = after;
        } else if let Some(after) = from.strip_prefix('{') {
            let (name, after) = after.split_once('}').ok_or_else(|| {
                arguments.wrong_with_hint(
                    "template",
                    "a `{` has no `}` behind it",
                    "write `{{` for a brace that is meant as such",
                )
            })?;
            text.push_str(&lookup(arguments, variables, name)?)?;
            rest = after;
        } else {
            return Err(arguments.wrong_with_hint(
                "template",
                "a `}` has no `{` before it",
                "write `}}` for a brace that is meant as such",
            ));
        }
    }
    text.push_str(rest)?;
    Ok(text.into())
}

fn lookup<'a>(
    arguments: &Arguments<'_>,
    variables: &'a Value,
    name: &str,
) -> Result<Cow<'a, str>, NodeError> {
    let name = name.trim();
    let path = Path::parse(name)
        .and_then(|path| path.check_keys().map(|()| path))
        .map_err(|error| path_error("/template", &error))?;
    let value = path.get_in(variables).ok_or_else(|| {
        let is_empty = arguments.given("variables").is_none();
        let hint = if is_empty {
            "; there are no `variables`"
        } else {
            ""
        };
        let message = format!("the template asks for `{name}`, which is not there{hint}");
        NodeError::permanent(ErrorCode::MISSING_FIELD, message)
    })?;
    Ok(display_text(value))
}
