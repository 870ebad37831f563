//! Plans as pictures.

mod layout;
mod svg;

pub(crate) use svg::svg;
