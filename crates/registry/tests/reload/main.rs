//! Reloading plugins: nothing that is called fails, nothing that was replaced is called by what
//! begins later, and what nobody needs any more is gone.

#![expect(
    clippy::unwrap_used,
    reason = "a test may end where it finds something else"
)]

mod editions;
mod folders;
mod load;
mod scene;
mod trials;
mod watching;
