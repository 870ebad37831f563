use std::time::Duration;

use serde_json::json;

use crate::error::FailedItem;
use crate::{Call, Item, NodeError, NodeOutput, code};

/// The most bytes of text that is kept of why one item failed.
const LONGEST_TEXT: usize = 1_024;
/// The most bytes of text that are kept of why items failed, over all of them.
const ALL_TEXTS: usize = 1 << 20;

/// Collects what a node that works item by item makes of its items, and what fails on the way, by
/// the same rules as in native node types:
///
/// - When the failure of the node stops the workflow, the first item that fails ends the call. The
///   error names the item and keeps what was made of the items before it.
/// - When the workflow goes on after a failure of the node, the items that follow have their turn
///   all the same. The call then gives one error for all that failed.
/// - A refusal of the tenant or of a capability, and what is wrong with parameters that are the
///   same for all items, end the call at once.
pub struct ItemResults<'a> {
    call: &'a Call,
    ports: Vec<Vec<Item>>,
    failed: Vec<FailedItem>,
    deciding: Option<(usize, NodeError)>,
    retry_after: Option<Duration>,
    texts: usize,
}

impl<'a> ItemResults<'a> {
    /// Begins with the first item of a call.
    pub fn of(call: &'a Call) -> Self {
        Self {
            call,
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
        let goes_on = self.call.items().len() > 1 && self.call.context().on_error_continues;
        if !goes_on || self.concerns_the_call(&error) {
            return Err(self.stop(item, error));
        }
        self.note(item, &error);
        let weighs_more = |(_, deciding): &(usize, NodeError)| weight(&error) > weight(deciding);
        if self.deciding.as_ref().is_none_or(weighs_more) {
            self.deciding = Some((item, error));
        }
        Ok(())
    }

    /// Ends the call at an item, for what concerns all of them. The error names the item and keeps
    /// what was made of the items before it.
    pub fn stop(&mut self, item: usize, error: NodeError) -> NodeError {
        let names_item = self.call.items().len() > 1 && !self.is_about_fixed_parameters(&error);
        let partial = self.take_output();
        let error = error.with(|failure| {
            if names_item {
                failure.message = at_item(item, &failure.message);
                let details = &mut failure.details;
                details.get_or_insert_with(|| json!({ "item": item }));
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
        let Some((item, error)) = self.deciding.take() else {
            return Ok(NodeOutput::ports(self.ports));
        };
        let error = match error {
            // The parameters of one item say nothing about the call as a whole.
            params @ NodeError::Params(_) => {
                NodeError::permanent(code::INVALID_PARAMETERS, params.to_string())
            }
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

    fn take_output(&mut self) -> Option<NodeOutput> {
        let output = NodeOutput::ports(std::mem::take(&mut self.ports));
        (!output.is_empty()).then_some(output)
    }

    fn note(&mut self, item: usize, error: &NodeError) {
        let (mut status, mut code) = (None, code::INVALID_PARAMETERS.into());
        if let NodeError::Retryable(failure) | NodeError::Permanent(failure) = error {
            status = failure.status;
            code = failure.code.clone();
            if error.is_retryable() {
                self.retry_after = self.retry_after.max(failure.retry_after);
            }
        }
        let mut message = error.to_string();
        let room = LONGEST_TEXT.min(ALL_TEXTS.saturating_sub(self.texts));
        if message.len() > room {
            let mut end = room;
            while !message.is_char_boundary(end) {
                end -= 1;
            }
            message.truncate(end);
        }
        self.texts += message.len();
        self.failed.push(FailedItem {
            item: u32::try_from(item).unwrap_or(u32::MAX),
            code,
            message,
            status,
        });
    }

    fn concerns_the_call(&self, error: &NodeError) -> bool {
        const WHOLE: [&str; 3] = [
            code::CAPABILITY_REFUSED,
            code::QUOTA_EXCEEDED,
            code::TENANT_FORBIDDEN,
        ];
        self.is_about_fixed_parameters(error) || WHOLE.contains(&error.code())
    }

    fn is_about_fixed_parameters(&self, error: &NodeError) -> bool {
        matches!(error, NodeError::Params(_)) && self.call.is_static()
    }
}

/// How much one item's failure weighs when there are several.
fn weight(error: &NodeError) -> u8 {
    match error {
        NodeError::Retryable(_) => 2,
        NodeError::Permanent(_) => 1,
        NodeError::Params(_) => 0,
    }
}

fn at_item(item: usize, message: &str) -> String {
    format!("item {item}: {message}")
}
