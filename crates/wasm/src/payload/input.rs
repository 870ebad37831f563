//! A call, as a guest gets it.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

use jackfield_plugin_api::{ItemResults, NodeCall, NodeError};
use jackfield_types::{ByteSize, ErrorCode, Item, NodeTypeMetadata, VariableAccess};
use serde::ser::{SerializeSeq, Serializer};
use serde_json::error::Category;

use crate::bindings::exports::jackfield::plugin::node;

/// A call on its way to the guest.
pub(crate) struct Request<'a> {
    /// What the guest is given.
    pub(crate) call: node::Call,
    /// What the parameters did to single items.
    pub(crate) failed: Option<ItemResults<'a>>,
    /// Where the items that the guest has stand in the first input; `None` when it has them all.
    pub(crate) places: Option<Vec<u32>>,
}

/// The parameters of all calls of a plan's node, as JSON.
struct Prepared(Arc<str>);

impl<'a> Request<'a> {
    /// Writes a call down. It may have so many bytes.
    ///
    /// # Errors
    /// Those of the parameters; [`NodeError::Permanent`] with
    /// [`LIMIT_EXCEEDED`](ErrorCode::LIMIT_EXCEEDED) when there is too much of it.
    pub(crate) fn write(
        call: &NodeCall<'a>,
        metadata: &NodeTypeMetadata,
        most: usize,
    ) -> Result<Self, NodeError> {
        let mut room = Room { left: most, most };
        let mut request = Self {
            call: node::Call {
                node_type: metadata.node_type.as_str().to_owned(),
                version: metadata.version.to_string(),
                context: context(call),
                inputs: Vec::with_capacity(call.inputs.len()),
                parameters: Vec::with_capacity(1),
                variables: None,
            },
            failed: None,
            places: None,
        };
        request.write_parameters(call, &mut room)?;
        request.write_inputs(call, &mut room)?;
        if metadata.variables != VariableAccess::None {
            request.call.variables = Some(room.json(&**call.context.variables)?);
        }
        Ok(request)
    }

    /// The parameters of each item. An item that has none fails, and the guest does not see it.
    fn write_parameters(&mut self, call: &NodeCall<'a>, room: &mut Room) -> Result<(), NodeError> {
        let parameters = &mut self.call.parameters;
        if call.parameters.is_static() {
            parameters.push(room.take(prepared(call)?.as_ref().to_owned())?);
            return Ok(());
        }
        let items = call.items().len();
        if items == 0 {
            parameters.push(room.json(&*call.parameters.resolve(0)?)?);
            return Ok(());
        }
        let mut places = Vec::new();
        for item in 0..items {
            match call.parameters.resolve(item) {
                Ok(resolved) => {
                    parameters.push(room.json(&*resolved)?);
                    // There are no lists of more than `u32::MAX` items.
                    places.push(u32::try_from(item).unwrap_or(u32::MAX));
                }
                Err(error) => {
                    let failed = self.failed.get_or_insert_with(|| ItemResults::of(call));
                    failed.fail(item, error)?;
                }
            }
        }
        self.places = self.failed.is_some().then_some(places);
        Ok(())
    }

    fn write_inputs(&mut self, call: &NodeCall<'a>, room: &mut Room) -> Result<(), NodeError> {
        for (port, items) in call.inputs.iter().enumerate() {
            let text = match &self.places {
                Some(places) if port == 0 => {
                    let kept = places.iter().filter_map(|place| {
                        items.get(usize::try_from(*place).unwrap_or(usize::MAX))
                    });
                    room.items(kept)?
                }
                Some(_) | None => room.items(items.iter())?,
            };
            self.call.inputs.push(text);
        }
        Ok(())
    }

    /// Whether no item is left that the guest could be called for.
    pub(crate) fn is_moot(&self) -> bool {
        self.places.as_ref().is_some_and(Vec::is_empty)
    }
}

fn context(call: &NodeCall<'_>) -> node::Context {
    let context = call.context;
    node::Context {
        execution: context.execution.to_string(),
        workflow: context.workflow.to_owned(),
        node: context.node.as_str().to_owned(),
        attempt: context.attempt,
        run_index: context.run_index,
        idempotency_key: context.idempotency_key(),
        on_error_continues: context.on_error.continues(),
    }
}

/// Parameters without templates: written once for all calls.
fn prepared(call: &NodeCall<'_>) -> Result<Arc<str>, NodeError> {
    let slot = call.parameters.prepared();
    let found = slot.get().and_then(|any| any.downcast_ref::<Prepared>());
    if let Some(Prepared(text)) = found {
        return Ok(Arc::clone(text));
    }
    let resolved: Cow<'_, _> = call.parameters.resolve(0)?;
    let text: Arc<str> = if resolved.is_null() {
        "{}".into()
    } else {
        resolved.to_string().into()
    };
    // Whoever came first keeps the slot; both made the same.
    let _ = slot.set(Arc::new(Prepared(Arc::clone(&text))) as Arc<dyn Any + Send + Sync>);
    Ok(text)
}

/// How much more may be written.
struct Room {
    left: usize,
    most: usize,
}

impl Room {
    fn take(&mut self, text: String) -> Result<String, NodeError> {
        match self.left.checked_sub(text.len()) {
            Some(left) => {
                self.left = left;
                Ok(text)
            }
            None => Err(self.full()),
        }
    }

    fn full(&self) -> NodeError {
        let most = ByteSize::bytes(u64::try_from(self.most).unwrap_or(u64::MAX));
        let message = format!(
            "items and parameters are larger than the {most} of memory that the plugin may have; \
             give the node fewer items at once"
        );
        NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message)
    }

    fn json(&mut self, value: &impl serde::Serialize) -> Result<String, NodeError> {
        self.write(|serializer| value.serialize(serializer))
    }

    fn items<'i>(&mut self, items: impl Iterator<Item = &'i Item>) -> Result<String, NodeError> {
        self.write(|serializer| {
            let mut list = serializer.serialize_seq(None)?;
            for item in items {
                list.serialize_element(item.json())?;
            }
            list.end()
        })
    }

    fn write(
        &mut self,
        write: impl for<'b> FnOnce(
            &mut serde_json::Serializer<&'b mut Bounded>,
        ) -> serde_json::Result<()>,
    ) -> Result<String, NodeError> {
        let mut bounded = Bounded {
            text: Vec::with_capacity(128.min(self.left)),
            left: self.left,
        };
        match write(&mut serde_json::Serializer::new(&mut bounded)) {
            Ok(()) => {}
            Err(error) if error.classify() == Category::Io => return Err(self.full()),
            Err(error) => {
                let message = format!("an item or parameter cannot be written as JSON: {error}");
                return Err(NodeError::permanent(ErrorCode::INVALID_INPUT, message));
            }
        }
        self.left = bounded.left;
        // What the serializer writes is UTF-8.
        Ok(String::from_utf8(bounded.text).unwrap_or_default())
    }
}

/// A text that does not grow without bounds.
struct Bounded {
    text: Vec<u8>,
    left: usize,
}

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let left = self.left.checked_sub(bytes.len());
        self.left = left.ok_or(std::io::ErrorKind::FileTooLarge)?;
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
