//! Reading and planning workflows, seen from outside.

mod bad_documents;
mod compensations;
mod corpus;
mod forbidden;
mod hostile;
mod plans;
mod support;
