use jackfield_plugin_api::NodeError;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::family::{Arguments, BoundedText, check_text};

pub(super) fn length(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(arguments.text("value")?.chars().count().into())
}

pub(super) fn lower(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let lower = arguments.text("value")?.to_lowercase();
    check_text(lower.len())?;
    Ok(lower.into())
}

pub(super) fn upper(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let upper = arguments.text("value")?.to_uppercase();
    check_text(upper.len())?;
    Ok(upper.into())
}

pub(super) fn trim(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let text = arguments.text("value")?;
    let trimmed = match arguments.text("mode")? {
        "start" => text.trim_start(),
        "end" => text.trim_end(),
        _ => text.trim(),
    };
    Ok(trimmed.into())
}

pub(super) fn replace(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let mut rest = arguments.text("value")?;
    let search = arguments.text("search")?;
    let replacement = arguments.text("replacement")?;
    let all = arguments.flag("all")?;
    let mut replaced = BoundedText::default();
    while let Some((before, after)) = rest.split_once(search) {
        replaced.push_str(before)?;
        replaced.push_str(replacement)?;
        rest = after;
        if !all || search.is_empty() {
            break;
        }
    }
    replaced.push_str(rest)?;
    Ok(replaced.into())
}

pub(super) fn includes(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(arguments
        .text("value")?
        .contains(arguments.text("search")?)
        .into())
}

pub(super) fn starts_with(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(arguments
        .text("value")?
        .starts_with(arguments.text("search")?)
        .into())
}

pub(super) fn ends_with(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    Ok(arguments
        .text("value")?
        .ends_with(arguments.text("search")?)
        .into())
}

pub(super) fn pad_start(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let mut padded = padding(arguments)?;
    padded.push_str(arguments.text("value")?)?;
    Ok(padded.into())
}

pub(super) fn pad_end(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let mut padded = BoundedText::default();
    padded.push_str(arguments.text("value")?)?;
    let padding: Value = padding(arguments)?.into();
    padded.push_str(padding.as_str().unwrap_or_default())?;
    Ok(padded.into())
}

fn padding(arguments: &Arguments<'_>) -> Result<BoundedText, NodeError> {
    let pad = arguments.text("pad")?;
    let length = usize::try_from(arguments.integer("length")?).unwrap_or(0);
    // Refused before anything is made, since a character has at least one byte.
    check_text(length)?;
    let missing = length.saturating_sub(arguments.text("value")?.chars().count());
    let mut padding = BoundedText::default();
    pad.chars()
        .cycle()
        .take(missing)
        .try_for_each(|character| padding.push(character))?;
    Ok(padding)
}

pub(super) fn sha256(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let digest = Sha256::digest(arguments.text("value")?.as_bytes());
    Ok(digest
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>()
        .into())
}
