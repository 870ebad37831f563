//! What the function families promise, seen from outside: through their node types.

mod catalogue;
mod collections;
mod conversions;
mod evaluation;
mod examples;
mod execution;
mod harness;
mod numbers;
mod properties;
mod texts;
mod variables;
