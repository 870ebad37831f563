//! What redaction promises: what may not come out does not, in no form, and the rest stays as it
//! is and where it is.

mod everywhere;
mod rules;
mod scene;
mod secrets;
