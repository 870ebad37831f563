//! What crosses the border between host and guest: a call on the way in, what it gave on the way
//! out. All of it is JSON in strings; what comes out is believed only after a look at it.

mod input;
mod output;

pub(crate) use input::Request;
pub(crate) use output::{Reader, too_large};
