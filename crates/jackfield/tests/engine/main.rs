//! What the engine does, seen from outside.

mod calls;
mod failures;
mod flow;
mod support;
