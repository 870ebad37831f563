use std::time::Duration;

use jackfield_types::{ErrorCode, FailureClass, Item, ItemFailure};
use serde_json::json;

use crate::error::full_text;
use crate::{Failure, NodeCall, NodeError, NodeOutput};

/// The most bytes of text that is kept of why one item failed.
const LONGEST_TEXT: usize = 1_024;

/// The most bytes of text that are kept of why items failed, over all of them.
const ALL_TEXTS: usize = 8 << 20;

/// Collects what a node that works item by item makes of its items, and what fails on the way.
///
/// What one item's failure means is decided here, so that all nodes do the same:
///
/// - When the failure of the node stops the workflow, the first item that fails ends the call. The
///   error names the item and keeps what was made of the items before it.
/// - When the workflow goes on after a failure of the node ([`OnError::continues`]), the items that
///   follow have their turn all the same. The call then gives one error for all that failed:
///   [`failed_items`](Failure::failed_items) says which, [`partial`](Failure::partial) is what was
///   made of the others. The error is the first that may be tried again, else the first that is
///   permanent, else the first.
/// - A refusal of the tenant ([`TENANT_FORBIDDEN`](ErrorCode::TENANT_FORBIDDEN),
///   [`QUOTA_EXCEEDED`](ErrorCode::QUOTA_EXCEEDED)), a cancellation, and what is wrong with
///   parameters that are the same for all items concern the call as a whole: they end it at once.
///
/// [`OnError::continues`]: jackfield_types::OnError::continues
///
/// # Examples
/// ```
/// # use jackfield_plugin_api::{ItemResults, NodeCall, NodeError, NodeOutput};
/// # use jackfield_types::{ErrorCode, Item};
/// fn halves(call: &NodeCall<'_>) -> Result<NodeOutput, NodeError> {
///     let mut results = ItemResults::of(call);
///     for (index, item) in call.items().iter().enumerate() {
///         match item.json().get("n").and_then(|n| n.as_i64()) {
///             Some(n) => results.put(NodeOutput::result_item((n / 2).into(), index)),
///             None => results.fail(
///                 index,
///                 NodeError::permanent(ErrorCode::MISSING_FIELD, "there is no number `n`"),
///             )?,
///         }
///     }
///     results.finish()
/// }
/// ```
pub struct ItemResults<'a> {
    call: NodeCall<'a>,
    ports: Vec<Vec<Item>>,
    failed: Vec<ItemFailure>,
    deciding: Option<Deciding>,
    retry_after: Option<Duration>,
    texts: usize,
}

/// The failure that stands for all of them.
struct Deciding {
    class: FailureClass,
    item: usize,
    error: NodeError,
}

impl<'a> ItemResults<'a> {
    /// Begins with the first item of a call.
    pub fn of(call: &NodeCall<'a>) -> Self {
        Self {
            call: *call,
            ports: vec![Vec::with_capacity(call.items().len())],
            failed: Vec::new(),
            deciding: None,
            retry_after: None,
            texts: 0,
        }
    }

    /// Makes sure that there are so many ports, even if nothing leaves by some of them.
    pub fn open_ports(&mut self, count: usize) {
        if self.ports.len() < count {
            self.ports.resize_with(count, Vec::new);
        }
    }

    /// Puts an item on the first port.
    pub fn put(&mut self, item: Item) {
        self.put_on(0, item);
    }

    /// Puts an item on a port.
    pub fn put_on(&mut self, port: usize, item: Item) {
        self.open_ports(port.saturating_add(1));
        self.ports[port].push(item);
    }

    /// Takes note that an item failed. Nothing may have been put for it.
    ///
    /// # Errors
    /// The error with which the call ends, when the items that follow don't have their turn.
    pub fn fail(&mut self, item: usize, error: NodeError) -> Result<(), NodeError> {
        if self.call.context.cancellation.is_cancelled() {
            return Err(NodeError::Cancelled);
        }
        let is_one_of_many = self.call.items().len() > 1;
        if !is_one_of_many
            || !self.call.context.on_error.continues()
            || self.concerns_the_call(&error)
        {
            return Err(self.stop(item, error));
        }
        let class = error.class();
        self.note(item, &error);
        if self
            .deciding
            .as_ref()
            .is_none_or(|deciding| weight(class) > weight(deciding.class))
        {
            self.deciding = Some(Deciding { class, item, error });
        }
        Ok(())
    }

    /// Ends the call at an item, whatever the node's failure leads to: for what concerns all
    /// items, such as a bound on what they make together. The error names the item and keeps what
    /// was made of the items before it.
    pub fn stop(&mut self, item: usize, error: NodeError) -> NodeError {
        let names_item = self.call.items().len() > 1 && !self.is_about_fixed_parameters(&error);
        let partial = self.take_output();
        let error = error.with(|failure| {
            if names_item {
                failure.message = at_item(item, &failure.message);
                failure
                    .details
                    .get_or_insert_with(|| json!({ "item": item }));
            }
            failure.failed_items = Vec::new();
            failure.partial = partial.or_else(|| failure.partial.take());
        });
        match error {
            NodeError::Params(mut issues) if names_item => {
                for issue in &mut issues {
                    issue.message = at_item(item, &issue.message);
                }
                NodeError::Params(issues)
            }
            error => error,
        }
    }

    /// Gives what was made.
    ///
    /// # Errors
    /// One error for all items that failed.
    pub fn finish(mut self) -> Result<NodeOutput, NodeError> {
        let Some(Deciding { item, error, .. }) = self.deciding.take() else {
            return Ok(NodeOutput::ports(self.ports));
        };
        let error = match error {
            // The parameters of one item say nothing about the call as a whole.
            params @ NodeError::Params(_) => NodeError::refused(params.code(), params.to_string()),
            error => error,
        };
        let mut failed_items = std::mem::take(&mut self.failed);
        failed_items.sort_by_key(|failed| failed.item);
        let (failed, count) = (failed_items.len(), self.call.items().len());
        let (partial, retry_after) = (self.take_output(), self.retry_after);
        Err(error.with(|failure| {
            let first = at_item(item, &failure.message);
            failure.message = format!("{failed} of {count} items failed; {first}");
            failure.retry_after = retry_after;
            failure.partial = partial;
            failure.failed_items = failed_items;
        }))
    }

    /// What was made so far, if it is anything.
    fn take_output(&mut self) -> Option<NodeOutput> {
        let output = NodeOutput::ports(std::mem::take(&mut self.ports));
        (!output.outputs.is_empty()).then_some(output)
    }

    fn note(&mut self, item: usize, error: &NodeError) {
        let known: Option<&Failure> = match error {
            NodeError::Retryable(failure) => {
                self.retry_after = self.retry_after.max(failure.retry_after);
                Some(failure)
            }
            NodeError::Permanent(failure) | NodeError::Refused(failure) => Some(failure),
            NodeError::Params(_) | NodeError::Cancelled => None,
        };
        let room = LONGEST_TEXT.min(ALL_TEXTS - self.texts);
        let message = shortened(full_text(error), room);
        self.texts += message.len();
        self.failed.push(ItemFailure {
            item: u32::try_from(item).unwrap_or(u32::MAX),
            code: error.code(),
            message,
            status: known.and_then(|failure| failure.status),
        });
    }

    fn concerns_the_call(&self, error: &NodeError) -> bool {
        let whole = [
            ErrorCode::TENANT_FORBIDDEN,
            ErrorCode::QUOTA_EXCEEDED,
            ErrorCode::CANCELLED,
        ];
        self.is_about_fixed_parameters(error) || whole.contains(&error.code())
    }

    fn is_about_fixed_parameters(&self, error: &NodeError) -> bool {
        matches!(error, NodeError::Params(_)) && self.call.parameters.is_static()
    }
}

/// How much the class of one item's failure weighs when there are several.
fn weight(class: FailureClass) -> u8 {
    match class {
        FailureClass::Retryable => 2,
        FailureClass::Permanent | FailureClass::UnknownNodeType => 1,
        FailureClass::Final => 0,
    }
}

fn at_item(item: usize, message: &str) -> String {
    format!("item {item}: {message}")
}

/// The beginning of a text: at most so many bytes, the sign that something is missing included.
fn shortened(mut text: String, most: usize) -> String {
    const MORE: &str = "…";
    if text.len() > most {
        let Some(room) = most.checked_sub(MORE.len()) else {
            return String::new();
        };
        text.truncate(text.floor_char_boundary(room));
        text.push_str(MORE);
    }
    text
}

#[cfg(test)]
mod tests;
