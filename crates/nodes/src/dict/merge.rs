use jackfield_plugin_api::NodeError;
use jackfield_types::Object;
use serde_json::Value;

use crate::family::{Arguments, MAX_DEPTH, check_key, exceeded};

pub(super) fn merge(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let mut merged = Object::new();
    for (key, value) in arguments.objects("objects")?.into_iter().flatten() {
        check_key(key).map_err(|reason| arguments.wrong("objects", reason))?;
        merged.insert(key.clone(), value.clone());
    }
    Ok(merged.into())
}

pub(super) fn deep_merge(arguments: &Arguments<'_>) -> Result<Value, NodeError> {
    let mut merged = Object::new();
    for object in arguments.objects("objects")? {
        merge_into(&mut merged, object, MAX_DEPTH, arguments)?;
    }
    Ok(merged.into())
}

fn merge_into(
    target: &mut Object,
    source: &Object,
    depth: usize,
    arguments: &Arguments<'_>,
) -> Result<(), NodeError> {
    let below = depth.checked_sub(1).ok_or_else(|| {
        exceeded(format!(
            "the objects are nested more than {MAX_DEPTH} levels deep"
        ))
    })?;
    for (key, value) in source {
        check_key(key).map_err(|reason| arguments.wrong("objects", reason))?;
        match (target.get_mut(key), value) {
            (Some(Value::Object(inner)), Value::Object(value)) => {
                merge_into(inner, value, below, arguments)?;
            }
            (_, Value::Object(value)) => {
                // Merged into nothing rather than cloned, so that its keys are checked too.
                let mut inner = Object::with_capacity(value.len());
                merge_into(&mut inner, value, below, arguments)?;
                target.insert(key.clone(), inner.into());
            }
            (Some(place), value) => *place = value.clone(),
            (None, value) => {
                target.insert(key.clone(), value.clone());
            }
        }
    }
    Ok(())
}
