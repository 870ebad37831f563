//! What audit trails promise: nothing is lost silently, and nothing is changed unnoticed.

mod recovery;
mod scene;
mod stored;
mod tampering;
mod trail;
mod trouble;
