use comfy_table::{Cell, Color};
use jackfield::registry::discovery::PluginState;
use jackfield::types::Digest;

use super::table::colored;
use super::text::line;
use crate::terminal::Stream;

/// How many digits of a digest are shown where it is one of many things.
const DIGITS: usize = 12;

/// The beginning of a digest.
pub(crate) fn short(digest: &Digest) -> String {
    let mut digits = digest.to_hex();
    digits.truncate(DIGITS);
    digits
}

/// How a plugin stands, in its color.
pub(crate) fn state(state: &PluginState, stream: Stream) -> Cell {
    let text = match state {
        PluginState::Refused { why } => format!("refused: {}", line(why, 160)),
        PluginState::Ready | PluginState::Lazy | PluginState::Quarantined => {
            state.as_str().to_owned()
        }
    };
    let color = match state {
        PluginState::Ready => Color::Green,
        PluginState::Lazy => Color::DarkGrey,
        PluginState::Quarantined | PluginState::Refused { .. } => Color::Red,
    };
    colored(&text, color, stream)
}
