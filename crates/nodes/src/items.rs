use std::sync::Arc;

use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, Item, ItemSource, Items, Object};
use serde_json::Value;

use crate::value::size_of_object;

/// The most items that a node makes in one call.
pub(crate) const MAX_ITEMS: usize = 1_000_000;

/// Roughly the most bytes that a node makes of its items in one call, where it multiplies them.
pub(crate) const MAX_BYTES: usize = 256 << 20;

/// The most outputs that a node has.
pub(crate) const MAX_PORTS: u16 = 1_024;

/// Passes items on as they are, each paired with itself.
pub(crate) fn pass_on(items: &Items) -> Items {
    let is_paired = items.iter().enumerate().all(|(index, item)| {
        let own = u32::try_from(index)
            .ok()
            .map(|item| ItemSource { input: 0, item });
        item.source() == own
    });
    if is_paired {
        return Arc::clone(items);
    }
    Arc::new((0..items.len()).map(|index| take(items, index)).collect())
}

/// One of the items, paired with itself.
pub(crate) fn take(items: &[Item], index: usize) -> Item {
    items[index].clone().paired_with(index)
}

/// An object with one member.
pub(crate) fn single(key: &str, value: Value) -> Object {
    let mut object = Object::with_capacity(1);
    object.insert(key.to_owned(), value);
    object
}

/// Counts what a node makes, where a small input could make a huge output.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    items: usize,
    bytes: usize,
}

impl Budget {
    /// Whether more was counted than there may be. That is no fault of the item at which it shows.
    pub(crate) fn is_spent(&self) -> bool {
        self.items > MAX_ITEMS || self.bytes > MAX_BYTES
    }

    /// Counts one more item.
    ///
    /// # Errors
    /// [`ErrorCode::LIMIT_EXCEEDED`] when there are too many, or they are too large together.
    pub(crate) fn spend(&mut self, object: &Object) -> Result<(), NodeError> {
        self.items += 1;
        self.bytes = self.bytes.saturating_add(size_of_object(object));
        if self.items > MAX_ITEMS {
            let message = format!(
                "more than {MAX_ITEMS} items would be made; filter or limit the items before"
            );
            return Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message));
        }
        if self.bytes > MAX_BYTES {
            let message = format!(
                "more than {} MiB of items would be made; filter, limit or slim the items before",
                MAX_BYTES >> 20
            );
            return Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message));
        }
        Ok(())
    }
}
