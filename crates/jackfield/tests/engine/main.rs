//! What the engine does, seen from outside.

mod audit;
mod bounds;
mod breaker;
mod calls;
mod compensation;
mod failures;
mod flow;
mod handles;
mod quotas;
mod reload;
mod secrets;
mod support;
mod tenancy;
mod trust;
