//! Turning what there is to show into text.
//!
//! Names, messages and items are hostile: whatever they hold, they cannot steer a terminal.

pub(crate) mod audit;
pub(crate) mod event;
pub(crate) mod findings;
pub(crate) mod items;
pub(crate) mod kept;
pub(crate) mod node_type;
pub(crate) mod picture;
pub(crate) mod plugin;
pub(crate) mod policy;
pub(crate) mod ports;
pub(crate) mod report;
pub(crate) mod table;
pub(crate) mod text;

/// Where the page of an error code is.
pub(crate) fn page_of(code: &jackfield::ErrorCode) -> Option<String> {
    jackfield::ErrorCode::ALL
        .contains(code)
        .then(|| format!("docs/errors/{code}.md"))
}
