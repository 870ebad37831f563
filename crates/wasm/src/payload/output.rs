//! What a guest gave: read, bounded, and checked against the call.

use std::time::Duration;

use jackfield_plugin_api::{Failure, NodeCall, NodeError, NodeOutput};
use jackfield_types::{
    ByteSize, ErrorCode, Item, ItemFailure, ItemSource, NodeTypeMetadata, Object, ValidationIssue,
    VariableAccess, VariableWrite,
};
use serde::Deserialize;
use serde_json::Value;

use crate::bindings::exports::jackfield::plugin::node;

/// The most bytes of a message that are kept.
const LONGEST_MESSAGE: usize = 4_096;
/// The most bytes of what is said of one item.
const LONGEST_ITEM_MESSAGE: usize = 1_024;
/// The longest that an output is held back.
const LONGEST_WAIT: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Reads what a guest gave for a call.
pub(crate) struct Reader<'a> {
    pub(crate) call: &'a NodeCall<'a>,
    pub(crate) metadata: &'a NodeTypeMetadata,
    /// Where the items that the guest has stand in the first input, if it does not have them all.
    pub(crate) places: Option<&'a [u32]>,
    /// The most bytes that it may give.
    pub(crate) most: usize,
}

/// An item, as guests write it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GuestItem {
    json: Object,
    #[serde(default)]
    item: Option<u32>,
    #[serde(default)]
    input: u16,
}

impl Reader<'_> {
    /// Reads an output.
    ///
    /// # Errors
    /// [`NodeError::Permanent`] when there is too much of it, or it is not what the contract says.
    pub(crate) fn output(&self, output: &node::Output) -> Result<NodeOutput, NodeError> {
        let variables = output.variables.as_ref().map_or(0, String::len);
        let ports = output.ports.iter().map(String::len);
        let size = ports.fold(variables, usize::saturating_add);
        if size > self.most {
            return Err(too_large(self.most));
        }
        self.check_port_count(output.ports.len())?;
        let mut ports = output.ports.iter().enumerate();
        let lists: Result<Vec<_>, NodeError> =
            ports.try_fold(Vec::new(), |mut lists, (port, text)| {
                lists.push(self.items(port, text)?);
                Ok(lists)
            });
        let mut read = NodeOutput::ports(lists?);
        if let Some(text) = &output.variables {
            read.variables = self.variables(text)?;
        }
        let wait = output.wait_ms.map(Duration::from_millis);
        if wait.is_some_and(|wait| wait > LONGEST_WAIT) {
            return Err(broken("it wants to wait for longer than 366 days"));
        }
        read.wait = wait;
        Ok(read)
    }

    /// Reads a failure. It is always an error; this says which.
    pub(crate) fn failure(&self, failure: node::Failure) -> NodeError {
        self.read_failure(failure).unwrap_or_else(|error| error)
    }

    fn read_failure(&self, failure: node::Failure) -> Result<NodeError, NodeError> {
        let code = ErrorCode::custom(&failure.code);
        let message = shortened(failure.message, LONGEST_MESSAGE);
        if code == ErrorCode::INVALID_PARAMETERS && failure.failed_items.is_empty() {
            return Ok(NodeError::Params(vec![ValidationIssue::parameter(
                "", message,
            )]));
        }
        let mut known = Failure::new(code.clone(), message);
        known.status = failure.status;
        known.retry_after = failure
            .retry_after_ms
            .map(|millis| Duration::from_millis(millis).min(LONGEST_WAIT));
        known.details = failure.details.map(|text| self.details(text)).transpose()?;
        known.partial = failure
            .partial
            .map(|output| self.output(&output))
            .transpose()?;
        let failed = failure.failed_items.into_iter();
        known.failed_items = failed
            .map(|item| self.item_failure(item))
            .collect::<Result<_, _>>()?;
        known.failed_items.sort_by_key(|failed| failed.item);
        known.failed_items.dedup_by_key(|failed| failed.item);
        // Whatever a guest makes of a refusal, no strategy gets round it.
        let is_refusal = [ErrorCode::TENANT_FORBIDDEN, ErrorCode::QUOTA_EXCEEDED].contains(&code);
        let known = Box::new(known);
        Ok(match failure.retryable {
            _ if is_refusal => NodeError::Refused(known),
            true => NodeError::Retryable(known),
            false => NodeError::Permanent(known),
        })
    }

    fn item_failure(&self, failed: node::ItemFailure) -> Result<ItemFailure, NodeError> {
        Ok(ItemFailure {
            item: self.place(0, failed.item)?,
            code: ErrorCode::custom(&failed.code),
            message: shortened(failed.message, LONGEST_ITEM_MESSAGE),
            status: failed.status,
        })
    }

    fn details(&self, text: String) -> Result<Value, NodeError> {
        if text.len() > self.most {
            return Err(too_large(self.most));
        }
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    fn items(&self, port: usize, text: &str) -> Result<Vec<Item>, NodeError> {
        let items: Vec<GuestItem> = serde_json::from_str(text)
            .map_err(|error| broken(&format!("what it gives on port {port}: {error}")))?;
        let items = items.into_iter();
        items
            .map(|GuestItem { json, item, input }| {
                let source = item
                    .map(|item| {
                        self.place(input, item)
                            .map(|item| ItemSource { input, item })
                    })
                    .transpose()?;
                Ok(Item::new(json).with_source(source))
            })
            .collect()
    }

    /// Where an item of an input stands that the guest speaks of.
    fn place(&self, input: u16, item: u32) -> Result<u32, NodeError> {
        let at = usize::try_from(item).unwrap_or(usize::MAX);
        let place = match (input, self.places) {
            (0, Some(places)) => places.get(at).copied(),
            _ => {
                let items = self.call.inputs.get(usize::from(input));
                items.is_some_and(|items| at < items.len()).then_some(item)
            }
        };
        place.ok_or_else(|| broken(&format!("it speaks of item {item} of input {input}")))
    }

    fn check_port_count(&self, count: usize) -> Result<(), NodeError> {
        let known = self
            .metadata
            .ports
            .output_count(self.call.parameters.source());
        match known {
            Some(known) if count > known => {
                let message = format!("it gives something on {count} ports and has {known}");
                Err(broken(&message))
            }
            None if count > usize::from(u16::MAX) => Err(broken("it has too many ports")),
            Some(_) | None => Ok(()),
        }
    }

    fn variables(&self, text: &str) -> Result<Vec<VariableWrite>, NodeError> {
        if self.metadata.variables != VariableAccess::Writes {
            let message = "it changes variables, and its metadata does not say that it does";
            return Err(broken(message));
        }
        serde_json::from_str(text).map_err(|error| broken(&format!("its variables: {error}")))
    }
}

/// What did not cross the border, because there is too much of it.
pub(crate) fn too_large(most: usize) -> NodeError {
    let most = ByteSize::bytes(u64::try_from(most).unwrap_or(u64::MAX));
    let message = format!("it gives more than {most} at once");
    NodeError::permanent(ErrorCode::OUTPUT_TOO_LARGE, message)
}

/// What the contract does not know.
fn broken(what: &str) -> NodeError {
    let message = format!("it does not keep to the plugin contract: {what}");
    NodeError::permanent(ErrorCode::EXECUTION_ERROR, message)
}

/// The beginning of a text.
fn shortened(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
    }
    text
}
