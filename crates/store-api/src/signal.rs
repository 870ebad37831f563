use bytes::Bytes;
use jiff::Timestamp;

/// Something that an execution is told from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// Its number among the signals of the execution, from 1.
    pub number: u64,
    /// Its name.
    pub name: String,
    /// What comes with it. Opaque.
    pub data: Bytes,
    /// When it was sent, by the store's clock.
    pub at: Timestamp,
}

/// A signal that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSignal {
    /// Its name.
    pub name: String,
    /// What comes with it. Opaque.
    pub data: Bytes,
    /// What it is told by from all others that are sent to the execution, so that sending it once
    /// more sends nothing; without one it is sent each time.
    pub key: Option<String>,
}

impl NewSignal {
    /// A signal without a key.
    pub fn new(name: impl Into<String>, data: Bytes) -> Self {
        Self {
            name: name.into(),
            data,
            key: None,
        }
    }

    /// The same with a key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}
