//! A plugin registry and the multi-tenant workflow engine around it, as a crate.
