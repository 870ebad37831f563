//! From an item back to the item of an earlier node that it was made from.

use std::sync::Arc;

use jackfield_kernel::{Execution, NodeIndex};
use jackfield_types::{Item, ItemSource, Items};

/// The item of `target` from which the `item`-th item of `node`'s first input was made, if every
/// node in between said what it made its items from. Each node gone back through counts against
/// `budget`.
pub(crate) fn paired_item(
    execution: &Execution,
    node: NodeIndex,
    item: usize,
    target: NodeIndex,
    budget: &mut usize,
) -> Option<Item> {
    let mut node = node;
    let mut source = ItemSource {
        input: 0,
        item: u32::try_from(item).ok()?,
    };
    loop {
        *budget = budget.checked_sub(1)?;
        let inputs = execution.inputs(node);
        let found = inputs
            .get(usize::from(source.input))?
            .get(source.item as usize)?;
        let (mut start, mut before) = (0_u32, 0_u32);
        let from = execution.input_segments(node).iter().find_map(|segment| {
            if segment.input != source.input {
                return None;
            }
            start = before;
            before = before.saturating_add(segment.len);
            (source.item < before).then_some(segment.from)
        })?;
        if from == target {
            return Some(found.clone());
        }
        source = place_in_input(execution, from, found, source.item - start, budget)?;
        node = from;
    }
}

/// Which input item a node made one of its output items from. `place` is where the item stands in
/// what was delivered: its place in the output too, unless a condition let only some pass.
fn place_in_input(
    execution: &Execution,
    node: NodeIndex,
    item: &Item,
    place: u32,
    budget: &mut usize,
) -> Option<ItemSource> {
    let outputs = execution.outputs(node)?;
    let inputs = execution.inputs(node);
    let passed_on = |items: &Items| {
        let input = inputs.iter().position(|input| Arc::ptr_eq(input, items))?;
        let is_there = items
            .get(place as usize)
            .is_some_and(|one| one.is_same(item));
        let place = if is_there {
            place as usize
        } else {
            *budget = budget.saturating_sub(items.len());
            items.iter().position(|one| one.is_same(item))?
        };
        Some(ItemSource {
            input: u16::try_from(input).ok()?,
            item: u32::try_from(place).ok()?,
        })
    };
    // A list that was passed on as it came still names the sources of the node before.
    outputs
        .main
        .iter()
        .find_map(passed_on)
        .or_else(|| item.source())
}
