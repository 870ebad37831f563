use serde::Serialize;
use serde_json::Value;

/// A difference between what is recorded and what comes of it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReplayDifference {
    /// The number of the event; nothing when all events fit, and something else comes of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// What differs: a JSON Pointer into the report, or nothing for an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What is recorded.
    pub recorded: String,
    /// What comes of it now.
    pub now: String,
}

/// The first place, in the order of the document, at which two values differ.
pub(super) fn first_difference(recorded: &Value, now: &Value) -> Option<ReplayDifference> {
    let mut place = String::new();
    let (recorded, now) = differing(recorded, now, &mut place)?;
    Some(ReplayDifference {
        sequence: None,
        place: Some(place),
        recorded: recorded.map(shortened).unwrap_or_default(),
        now: now.map(shortened).unwrap_or_default(),
    })
}

type Differing<'a> = (Option<&'a Value>, Option<&'a Value>);

fn differing<'a>(a: &'a Value, b: &'a Value, place: &mut String) -> Option<Differing<'a>> {
    let length = place.len();
    let mut within = |key: &str, a: Option<&'a Value>, b: Option<&'a Value>| {
        place.truncate(length);
        place.push('/');
        place.push_str(&key.replace('~', "~0").replace('/', "~1"));
        match (a, b) {
            (Some(a), Some(b)) => differing(a, b, place),
            (None, None) => None,
            (a, b) => Some((a, b)),
        }
    };
    match (a, b) {
        (Value::Object(left), Value::Object(right)) => {
            let keys = left.keys().chain(right.keys());
            for key in keys {
                if let Some(found) = within(key, left.get(key), right.get(key)) {
                    return Some(found);
                }
            }
            None
        }
        (Value::Array(left), Value::Array(right)) => (0..left.len().max(right.len()))
            .find_map(|index| within(&index.to_string(), left.get(index), right.get(index))),
        (a, b) => (a != b).then_some((Some(a), Some(b))),
    }
}

/// A value as it is shown.
pub(super) fn shortened(value: &Value) -> String {
    const MOST: usize = 512;
    let text = value.to_string();
    if text.len() <= MOST {
        return text;
    }
    format!("{}…", &text[..text.floor_char_boundary(MOST)])
}
