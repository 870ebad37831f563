//! Node types that speak HTTP.
//!
//! What may be reached is decided where requests are sent ([`jackfield_net`]), hop by hop: the
//! operator's settings first, then the tenant's grants.

mod auth;
mod body;
mod outgoing;
mod pages;
mod params;
mod request;

pub use jackfield_net::{Access, HttpSettings};

use crate::BuiltIn;

/// The category's name.
pub(crate) const CATEGORY: &str = "http";

/// The node types of this category.
pub(crate) fn node_types(settings: &HttpSettings) -> Vec<BuiltIn> {
    vec![BuiltIn::of(request::HttpRequest::new(settings.clone()))]
}
