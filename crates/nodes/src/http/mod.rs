//! Node types that speak HTTP.
//!
//! Requests reach public addresses only, unless the operator allows others: every URL, every hop
//! of a redirect and every address that a name resolves to is checked by one [`guard`], at the
//! moment of connecting. What the tenant may reach is asked of its grants before that, hop by hop.
//! Nothing of a request that could be secret appears in an error.

mod address;
mod auth;
mod body;
mod client;
mod failure;
mod guard;
mod outgoing;
mod pages;
mod params;
mod request;
mod settings;

pub use settings::{Access, HttpSettings};

use crate::BuiltIn;

/// The category's name.
pub(crate) const CATEGORY: &str = "http";

/// The node types of this category.
pub(crate) fn node_types(settings: &HttpSettings) -> Vec<BuiltIn> {
    vec![BuiltIn::of(request::HttpRequest::new(settings.clone()))]
}
