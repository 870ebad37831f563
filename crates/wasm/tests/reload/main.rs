//! Reloading real plugins while everybody calls them: no call fails, none that begins later gets
//! what was replaced, and what nobody needs any more is gone from memory.

#[expect(dead_code, reason = "these tests need a part of what others need")]
#[path = "../guest/mod.rs"]
mod guest;

mod load;
mod memory;
mod scene;
