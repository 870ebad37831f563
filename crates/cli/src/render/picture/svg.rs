//! A plan as SVG: a file that needs nothing else and runs nothing. Names are hostile: whatever
//! they hold, they stay text.

use std::collections::BTreeMap;
use std::fmt::Write;

use jackfield::definition::PlanConnection;
use jackfield::kernel::Output;
use jackfield::types::NodeRole;
use jackfield::{ErrorCode, Plan};

use super::layout::{Layout, Place, Route, Shape, Wire, layout};
use crate::error::CliError;
use crate::render::ports::output_name;

/// The most nodes that a picture has.
const MOST_NODES: usize = 2_000;

const NODE_WIDTH: f64 = 180.0;
const NODE_HEIGHT: f64 = 44.0;
const COLUMN: f64 = 270.0;
const ROW: f64 = 72.0;
/// Connections that lead back bend this far out of their columns.
const BEND: f64 = 36.0;
const MARGIN: f64 = BEND + 8.0;
/// How many characters of a name fit into a node.
const NAME_LENGTH: usize = 22;

const STYLE: &str = "\
text{font-family:system-ui,sans-serif;font-size:13px;fill:#1d2733}\
.type{font-size:11px;fill:#5b6b7c}.port{font-size:10px;fill:#5b6b7c}\
.node rect,.node path{fill:#fff;stroke:#3b6ea5;stroke-width:1.5}\
.trigger rect{fill:#e8f3ec;stroke:#2f7d4f}.loop rect{fill:#fdf3e1;stroke:#b7791f}\
.disabled{opacity:.5}.disabled rect{stroke-dasharray:4 3}\
.wire{fill:none;stroke:#7b8a99;stroke-width:1.5}.error{stroke:#c0392b;stroke-dasharray:5 3}\
.condition{stroke-dasharray:2 3}";

/// Draws a plan.
pub(crate) fn svg(plan: &Plan) -> Result<String, CliError> {
    let count = plan.nodes().len();
    if count > MOST_NODES {
        return Err(CliError::Start {
            code: ErrorCode::LIMIT_EXCEEDED,
            message: format!("the plan has {count} nodes, and a picture has at most {MOST_NODES}"),
            hint: Some("`--output dot` gives a graph of any size for Graphviz".to_owned()),
        });
    }
    let outputs = connected_outputs(plan);
    let connections: Vec<Wire> = plan
        .connections()
        .iter()
        .map(|one| {
            let (from, ports) = (one.from.get(), &outputs[one.from.get()]);
            let slot = ports.get(&one.output).copied().unwrap_or(0);
            Wire {
                from,
                to: one.to.get(),
                port: slot as f64 / ports.len().max(1) as f64,
            }
        })
        .collect();
    let order: Vec<usize> = plan
        .graph()
        .order()
        .iter()
        .map(|index| index.get())
        .collect();
    let layout = layout(&Shape {
        nodes: count,
        connections: &connections,
        order: &order,
    });
    Ok(Drawing::new(plan, layout, outputs).draw())
}

/// The outputs of each node that are connected, numbered from the top, `error` last.
fn connected_outputs(plan: &Plan) -> Vec<BTreeMap<Output, usize>> {
    let mut outputs = vec![BTreeMap::new(); plan.nodes().len()];
    for one in plan.connections() {
        outputs[one.from.get()].insert(one.output, 0);
    }
    for ports in &mut outputs {
        for (place, slot) in ports.values_mut().enumerate() {
            *slot = place;
        }
    }
    outputs
}

struct Drawing<'p> {
    plan: &'p Plan,
    layout: Layout,
    /// The outputs of each node that are connected, `error` last.
    outputs: Vec<BTreeMap<Output, usize>>,
    width: f64,
    height: f64,
    text: String,
}

impl<'p> Drawing<'p> {
    fn new(plan: &'p Plan, layout: Layout, outputs: Vec<BTreeMap<Output, usize>>) -> Self {
        let columns = layout.rows.len().max(1) as f64;
        let rows = layout.rows.iter().max().copied().unwrap_or(1).max(1) as f64;
        let has_back = layout.routes.contains(&Route::Back);
        Self {
            plan,
            outputs,
            width: 2.0 * MARGIN + (columns - 1.0) * COLUMN + NODE_WIDTH,
            height: 2.0 * MARGIN + rows * ROW + if has_back { ROW / 2.0 } else { 0.0 },
            layout,
            text: String::new(),
        }
    }

    fn draw(mut self) -> String {
        let (width, height) = (self.width, self.height);
        let name = escape(self.plan.name(), 200);
        // Writing to a string cannot fail.
        let _ = write!(
            self.text,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{name}</title>\n\
             <style>{STYLE}</style>\n\
             <defs><marker id=\"end\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" \
             markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#7b8a99\"/></marker></defs>\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#f7f9fb\"/>\n"
        );
        for place in 0..self.plan.connections().len() {
            self.wire(place);
        }
        for place in 0..self.plan.nodes().len() {
            self.node(place);
        }
        self.text.push_str("</svg>\n");
        self.text
    }

    /// The left edge and the middle of what stands in a place.
    fn point(&self, place: Place) -> (f64, f64) {
        let rows = self.layout.rows.iter().max().copied().unwrap_or(1);
        let missing = rows.saturating_sub(self.layout.rows[place.column]);
        let x = MARGIN + place.column as f64 * COLUMN;
        let y = MARGIN + (place.row as f64 + missing as f64 / 2.0 + 0.5) * ROW;
        (x, y)
    }

    /// Where one of several ports is, from the middle of its node.
    fn port_offset(slot: usize, count: usize) -> f64 {
        let share = (slot as f64 + 1.0) / (count as f64 + 1.0);
        (NODE_HEIGHT * (share - 0.5)).round()
    }

    fn wire(&mut self, place: usize) {
        let one: &PlanConnection = &self.plan.connections()[place];
        let (from, to) = (one.from.get(), one.to.get());
        let ports = &self.outputs[from];
        let slot = ports.get(&one.output).copied().unwrap_or(0);
        let (x, y) = self.point(self.layout.places[from]);
        let start = (x + NODE_WIDTH, y + Self::port_offset(slot, ports.len()));
        let inputs = usize::from(self.plan.graph().input_count(one.to)).max(1);
        let (x, y) = self.point(self.layout.places[to]);
        let end = (
            x,
            y + Self::port_offset(usize::from(one.input).min(inputs - 1), inputs),
        );

        let mut path = format!("M{} {}", start.0, start.1);
        match &self.layout.routes[place] {
            Route::Forward(bends) => {
                let mut at = start;
                for &bend in bends {
                    let (x, y) = self.point(bend);
                    curve(&mut path, at, (x, y));
                    // Writing to a string cannot fail.
                    let _ = write!(path, " H{}", x + NODE_WIDTH);
                    at = (x + NODE_WIDTH, y);
                }
                curve(&mut path, at, end);
            }
            Route::Back => {
                let below = self.height - MARGIN;
                let (right, left) = (start.0 + BEND, end.0 - BEND);
                let _ = write!(
                    path,
                    " C{right} {} {right} {below} {} {below} H{} C{left} {below} {left} {} {} {}",
                    start.1, start.0, end.0, end.1, end.0, end.1
                );
            }
        }
        let class = match (one.output, &one.condition) {
            (Output::Error, _) => "wire error",
            (Output::Main(_), Some(_)) => "wire condition",
            (Output::Main(_), None) => "wire",
        };
        let title = one
            .condition
            .as_ref()
            .map(|condition| format!("<title>if {}</title>", escape(condition.source(), 400)));
        let _ = writeln!(
            self.text,
            "<path class=\"{class}\" marker-end=\"url(#end)\" d=\"{path}\">{}</path>",
            title.unwrap_or_default()
        );
    }

    fn node(&mut self, place: usize) {
        let node = &self.plan.nodes()[place];
        let (x, middle) = self.point(self.layout.places[place]);
        let y = middle - NODE_HEIGHT / 2.0;
        let index = jackfield::kernel::NodeIndex::new(place);
        let role = match self.plan.graph().node(index).role {
            NodeRole::Trigger => " trigger",
            NodeRole::Loop => " loop",
            NodeRole::Plain => "",
        };
        let disabled = if node.disabled { " disabled" } else { "" };
        let radius = if role == " trigger" {
            NODE_HEIGHT / 2.0
        } else {
            6.0
        };
        // Writing to a string cannot fail.
        let _ = write!(
            self.text,
            "<g class=\"node{role}{disabled}\"><title>{} ({})</title>\
             <rect x=\"{x}\" y=\"{y}\" width=\"{NODE_WIDTH}\" height=\"{NODE_HEIGHT}\" rx=\"{radius}\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
             <text class=\"type\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            escape(node.name.as_str(), 400),
            escape(node.node_type.as_str(), 400),
            x + NODE_WIDTH / 2.0,
            middle - 3.0,
            escape(node.name.as_str(), NAME_LENGTH),
            x + NODE_WIDTH / 2.0,
            middle + 13.0,
            escape(node.node_type.as_str(), NAME_LENGTH + 4),
        );
        let ports = &self.outputs[place];
        for (output, &slot) in ports {
            let name = match output {
                Output::Error => Some("error".to_owned()),
                Output::Main(port) => output_name(node, usize::from(*port)),
            };
            if let Some(name) = name {
                let _ = write!(
                    self.text,
                    "<text class=\"port\" x=\"{}\" y=\"{}\">{}</text>",
                    x + NODE_WIDTH + 6.0,
                    middle + Self::port_offset(slot, ports.len()) - 3.0,
                    escape(&name, 16),
                );
            }
        }
        self.text.push_str("</g>\n");
    }
}

/// Goes on to a point, leaving and arriving level.
fn curve(path: &mut String, from: (f64, f64), to: (f64, f64)) {
    let middle = f64::midpoint(from.0, to.0);
    // Writing to a string cannot fail.
    let _ = write!(
        path,
        " C{middle} {} {middle} {} {} {}",
        from.1, to.1, to.0, to.1
    );
}

/// A text as XML takes it, cut to so many characters.
fn escape(text: &str, longest: usize) -> String {
    let is_cut = text.chars().nth(longest).is_some();
    let kept = if is_cut {
        longest.saturating_sub(1)
    } else {
        longest
    };
    let mut escaped = String::with_capacity(text.len().min(longest) + 8);
    for character in text.chars().take(kept) {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // XML has no way to write most of these.
            one if one.is_control() || matches!(one, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
            one => escaped.push(one),
        }
    }
    if is_cut {
        escaped.push('…');
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_text() {
        assert_eq!(
            escape("</text><script>'\"&\u{0}", 40),
            "&lt;/text&gt;&lt;script&gt;&#39;&quot;&amp; "
        );
        assert_eq!(escape("ääääää", 4), "äää…");
    }
}
