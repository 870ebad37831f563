//! Events as they are written into journals.
//!
//! A record is the event as JSON, with its format version, and without the lists of items in it:
//! those follow as `lists`, in their order. Each is the items themselves; or `{"input": n}`, the
//! list that the node was given by its `n`-th input and passes on, which has to be the same list
//! again when the journal is replayed; or `{"payload": digest}`, a list that is kept apart.

use std::collections::HashMap;
use std::fmt;

use bytes::Bytes;
use jackfield_kernel::{Event, EventKind, NodeIndex};
use jackfield_store_api::limits;
use jackfield_types::{Digest, Item, Items, Outputs};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::DurableOptions;

/// The format of records, and of what executions are pinned to.
pub(crate) const FORMAT: u32 = 1;

/// Why a record could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecordError {
    #[error(
        "it has format version {found}, and this program knows {FORMAT}; run the program that wrote it, or a newer one"
    )]
    Version { found: u32 },
    #[error("it is no record: {0}")]
    Malformed(String),
    #[error("it names a list that is not there")]
    NoList,
}

/// Writes events, with lists apart that take more bytes than `inline`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoder {
    inline: usize,
}

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    #[serde(flatten)]
    event: &'a Event,
}

impl Encoder {
    pub(crate) fn new(options: &DurableOptions) -> Self {
        let inline = options.inline.as_u64();
        Self {
            inline: usize::try_from(inline).unwrap_or(usize::MAX),
        }
    }

    /// Writes an event that is about to be applied. `inputs` are those of its node.
    pub(crate) fn encode(
        self,
        event: &Event,
        inputs: &[Items],
        payloads: &mut Vec<(Digest, Bytes)>,
    ) -> Result<Bytes, serde_json::Error> {
        let mut skeleton = event.clone();
        let mut lists: Vec<Items> = Vec::new();
        each_list(&mut skeleton.kind, |list| lists.push(std::mem::take(list)));
        let written = Written {
            v: FORMAT,
            event: &skeleton,
        };
        let mut record = serde_json::to_vec(&written)?;
        if !lists.is_empty() {
            // In place of the brace that closes it.
            record.pop();
            record.extend_from_slice(b",\"lists\":[");
            for (place, list) in lists.iter().enumerate() {
                if place > 0 {
                    record.push(b',');
                }
                self.write_list(&mut record, list, inputs, payloads)?;
            }
            record.extend_from_slice(b"]}");
        }
        Ok(record.into())
    }

    fn write_list(
        self,
        record: &mut Vec<u8>,
        list: &Items,
        inputs: &[Items],
        payloads: &mut Vec<(Digest, Bytes)>,
    ) -> Result<(), serde_json::Error> {
        let passed_on = inputs
            .iter()
            .position(|input| std::sync::Arc::ptr_eq(input, list));
        if let Some(input) = passed_on {
            record.extend_from_slice(format!("{{\"input\":{input}}}").as_bytes());
            return Ok(());
        }
        let start = record.len();
        serde_json::to_writer(&mut *record, &**list)?;
        if record.len() - start > self.inline {
            let content = Bytes::from(record.split_off(start));
            let digest = limits::digest_of(&content);
            record.extend_from_slice(format!("{{\"payload\":\"{digest}\"}}").as_bytes());
            payloads.push((digest, content));
        }
        Ok(())
    }
}

/// Goes through the lists of items of an event, always in the same order.
fn each_list(kind: &mut EventKind, mut each: impl FnMut(&mut Items)) {
    let mut of_outputs = |outputs: &mut Outputs| {
        outputs.main.iter_mut().for_each(&mut each);
        outputs.error.iter_mut().for_each(&mut each);
    };
    match kind {
        EventKind::ExecutionStarted { input, .. } => each(input),
        EventKind::AttemptSucceeded { outputs, .. } | EventKind::SignalReceived { outputs, .. } => {
            of_outputs(outputs);
        }
        EventKind::AttemptFailed { failure, .. } => {
            if let Some(partial) = &mut failure.partial {
                of_outputs(partial);
            }
        }
        EventKind::InputReplaced { inputs, .. } => inputs.iter_mut().for_each(each),
        EventKind::AttemptStarted { .. }
        | EventKind::NodeSkipped { .. }
        | EventKind::TimerFired { .. }
        | EventKind::ExecutionResumed
        | EventKind::CancelRequested
        | EventKind::DeadlinePassed
        | EventKind::ExecutionFinished { .. } => {}
    }
}

/// A record that was read; what it names besides is not looked up yet.
#[derive(Debug)]
pub(crate) struct Record {
    event: Event,
    lists: Vec<List>,
}

#[derive(Debug)]
enum List {
    Items(Vec<Item>),
    Input(usize),
    Payload(Digest),
}

#[derive(Deserialize)]
struct Read {
    v: u32,
    #[serde(flatten)]
    event: Event,
    #[serde(default)]
    lists: Vec<List>,
}

#[derive(Deserialize)]
struct Head {
    v: u32,
}

impl Record {
    pub(crate) fn decode(record: &[u8]) -> Result<Self, RecordError> {
        let read = serde_json::from_slice(record);
        let found = match &read {
            Ok(Read { v, .. }) => Some(*v),
            // Another format may have another shape.
            Err(_) => serde_json::from_slice(record).ok().map(|Head { v }| v),
        };
        if let Some(found) = found.filter(|&found| found != FORMAT) {
            return Err(RecordError::Version { found });
        }
        let Read { event, lists, .. } =
            read.map_err(|error| RecordError::Malformed(error.to_string()))?;
        Ok(Self { event, lists })
    }

    /// The lists that are kept apart.
    pub(crate) fn payloads(&self) -> impl Iterator<Item = Digest> + '_ {
        self.lists.iter().filter_map(|list| match list {
            List::Payload(digest) => Some(*digest),
            List::Items(_) | List::Input(_) => None,
        })
    }

    /// The node whose inputs [`into_event`](Self::into_event) needs.
    pub(crate) fn node(&self) -> Option<NodeIndex> {
        self.event.kind.node()
    }

    /// The event. `inputs` are those of its node as they are before it is applied.
    pub(crate) fn into_event(
        mut self,
        inputs: &[Items],
        payloads: &HashMap<Digest, Items>,
    ) -> Result<Event, RecordError> {
        let mut lists = self.lists.into_iter();
        let mut result = Ok(());
        each_list(&mut self.event.kind, |list| {
            let found = match lists.next() {
                Some(List::Items(items)) => Some(items.into()),
                Some(List::Input(input)) => inputs.get(input).cloned(),
                Some(List::Payload(digest)) => payloads.get(&digest).cloned(),
                None => None,
            };
            match found {
                Some(found) => *list = found,
                None => result = Err(RecordError::NoList),
            }
        });
        result?;
        if lists.next().is_some() {
            return Err(RecordError::NoList);
        }
        Ok(self.event)
    }
}

/// Reads a list that was kept apart.
pub(crate) fn decode_payload(content: &[u8]) -> Result<Items, RecordError> {
    serde_json::from_slice(content).map_err(|error| RecordError::Malformed(error.to_string()))
}

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor;

        impl<'de> Visitor<'de> for ListVisitor {
            type Value = List;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("items, `{\"input\": …}` or `{\"payload\": …}`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(List::Items(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<List, A::Error> {
                let Some(key) = map.next_key::<String>()? else {
                    return Err(de::Error::custom("an object with nothing in it"));
                };
                match key.as_str() {
                    "input" => map.next_value().map(List::Input),
                    "payload" => {
                        let digest: String = map.next_value()?;
                        digest.parse().map(List::Payload).map_err(de::Error::custom)
                    }
                    _ => Err(de::Error::unknown_field(&key, &["input", "payload"])),
                }
            }
        }

        deserializer.deserialize_any(ListVisitor)
    }
}
