//! Who can run what: node types, their versions, their executors and what they did.
