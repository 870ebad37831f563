//! Sends HTTP requests on behalf of tenants: the one way by which nodes and plugins reach hosts.
//!
//! Requests reach public addresses only, unless the operator allows others: every URL, every hop
//! of a redirect and every address that a name resolves to is checked by one guard, at the moment
//! of connecting. Whoever sends says which hosts may be reached beyond that, and is asked hop by
//! hop. Nothing of a request that could be secret appears in an error.

mod address;
mod client;
mod failure;
mod guard;
mod request;
mod settings;

pub use client::{Answer, Bounds, Client, ErrorBodies, Redirects, host_and_port};
pub use failure::{bad_status, origin};
pub use request::{HeaderProblem, Request, header_name, header_value};
pub use reqwest::header;
pub use reqwest::{Method, StatusCode, Url};
pub use settings::{Access, HttpSettings};
