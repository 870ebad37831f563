//! Reading and planning workflows, seen from outside.

mod bad_documents;
mod corpus;
mod hostile;
mod plans;
mod support;
