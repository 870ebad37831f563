use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table};
use jackfield::{ExecutionStatus, NodeStatus};

use crate::terminal::Stream;

/// A table with these columns, which wraps only where a terminal has an edge.
pub(crate) fn table(columns: &[&str], stream: Stream) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    if stream.is_terminal {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(stream.width);
    }
    if stream.is_colored {
        table.enforce_styling();
    } else {
        table.force_no_tty();
        if stream.is_terminal {
            table.set_width(stream.width);
        }
    }
    let header = columns.iter().map(|&column| {
        let cell = Cell::new(column);
        if stream.is_colored {
            cell.add_attribute(Attribute::Bold)
        } else {
            cell
        }
    });
    table.set_header(header.collect::<Vec<_>>());
    table
}

/// The table as text, with a line break at its end.
pub(crate) fn to_text(table: &Table) -> String {
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

/// A cell in a color, if there are colors.
pub(crate) fn colored(text: &str, color: Color, stream: Stream) -> Cell {
    let cell = Cell::new(text);
    if stream.is_colored {
        cell.fg(color)
    } else {
        cell
    }
}

/// The color of a node's status.
pub(crate) fn node_color(status: NodeStatus) -> Color {
    match status {
        NodeStatus::Success => Color::Green,
        NodeStatus::Error => Color::Red,
        NodeStatus::Partial | NodeStatus::Pending => Color::Yellow,
        NodeStatus::Skipped | NodeStatus::Blocked => Color::DarkGrey,
    }
}

/// A status of an execution in its color, as a text with escape sequences.
pub(crate) fn status(status: ExecutionStatus, stream: Stream) -> String {
    let color = match status {
        ExecutionStatus::Success => 32,
        ExecutionStatus::Running => 33,
        ExecutionStatus::Error | ExecutionStatus::Cancelled | ExecutionStatus::TimedOut => 31,
    };
    let name = match status {
        ExecutionStatus::TimedOut => "timed out",
        ExecutionStatus::Running
        | ExecutionStatus::Success
        | ExecutionStatus::Error
        | ExecutionStatus::Cancelled => status.as_str(),
    };
    if stream.is_colored {
        format!("\u{1b}[{color}m{name}\u{1b}[0m")
    } else {
        name.to_owned()
    }
}
