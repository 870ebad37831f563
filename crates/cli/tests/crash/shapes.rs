//! Workflows of many shapes, all of which ask the world.

use serde_json::{Value, json};

use crate::world::{LARGE, LIFE, UNSTEADY};

/// A workflow, and how it ends.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) document: Value,
    /// The code that `jackfield run` ends with.
    pub(crate) exit: i32,
    /// Whether it has to be sent a signal.
    pub(crate) waits: bool,
}

impl Shape {
    /// Which node comes right before which, but for loops, whose rounds come one after the other.
    pub(crate) fn edges(&self) -> Vec<(&str, &str)> {
        let is_loop = |id: &str| {
            let nodes = self.document["nodes"].as_array().unwrap();
            let mut nodes = nodes.iter().filter(|node| node["nodeType"] == "loop");
            nodes.any(|node| node["id"] == id)
        };
        let mut edges = Vec::new();
        for (from, ports) in self.document["connections"].as_object().unwrap() {
            let outputs = ports["main"].as_object().unwrap().values();
            for target in outputs.filter_map(Value::as_array).flatten() {
                edges.push((from.as_str(), target["node"].as_str().unwrap()));
            }
        }
        edges.retain(|(from, to)| !is_loop(from) && !is_loop(to));
        edges
    }
}

/// What an execution begins with.
pub(crate) fn input(ticket: &str) -> Value {
    let item = |n: u64| json!({ "n": n, "ticket": ticket, "trail": [] });
    json!([item(1), item(2), item(3)])
}

/// The names of all of them.
pub(crate) const NAMES: [&str; 9] = [
    "chain", "rounds", "fan", "retries", "pause", "nested", "bulky", "undone", "told",
];
/// The signal that an execution may wait for.
pub(crate) const SIGNAL: &str = "go";

/// All of them. `world` is the URL of the world.
pub(crate) fn all(world: &str) -> Vec<Shape> {
    let documents = [
        chain(world),
        rounds(world),
        fan(world),
        retries(world),
        pause(world),
        nested(world),
        bulky(world),
        undone(world),
        told(world),
    ];
    let shapes = NAMES.into_iter().zip(documents);
    let shapes = shapes.map(|(name, document)| Shape {
        name,
        document,
        exit: match name {
            "undone" => 1,
            "told" => 5,
            _ => 0,
        },
        waits: name == "told",
    });
    shapes.collect()
}

/// What comes with the signal that an execution waits for.
pub(crate) fn news(ticket: &str) -> Value {
    json!([{ "n": 7, "ticket": ticket, "trail": ["told"] }])
}

/// Parameters that ask the world, once for each item.
fn ask(world: &str, place: &str) -> Value {
    json!({
        "method": "POST",
        "url": format!("{world}/{{{{ $json.ticket }}}}/{place}"),
        "headers": { LIFE: "{{ $env.LIFE }}" },
        "body": { "type": "json", "value": "{{ $json }}" },
    })
}

/// A node that asks the world.
fn asks(world: &str, id: &str) -> Value {
    node(id, "http-request", &ask(world, id))
}

fn node(id: &str, node_type: &str, parameters: &Value) -> Value {
    json!({ "id": id, "nodeType": node_type, "parameters": parameters })
}

/// Connections are `(from, output, to, input)`.
fn workflow(nodes: &[Value], connections: &[(&str, usize, &str, usize)]) -> Value {
    let mut by_source = json!({});
    for (from, output, to, input) in connections {
        let targets = &mut by_source[*from]["main"][output.to_string()];
        let target = json!({ "node": to, "index": input });
        match targets.as_array_mut() {
            Some(targets) => targets.push(target),
            None => *targets = json!([target]),
        }
    }
    json!({ "formatVersion": 1, "nodes": nodes, "connections": by_source })
}

fn row(nodes: &[Value]) -> Value {
    let ids: Vec<&str> = nodes.iter().filter_map(|one| one["id"].as_str()).collect();
    let connections: Vec<_> = ids.windows(2).map(|two| (two[0], 0, two[1], 0)).collect();
    workflow(nodes, &connections)
}

fn chain(world: &str) -> Value {
    let mut second = asks(world, "second");
    second["parameters"]["concurrency"] = json!(3);
    row(&[asks(world, "first"), second, asks(world, "third")])
}

/// A loop in which is asked and counted.
fn rounds(world: &str) -> Value {
    let counted = json!({ "name": "rounds", "value": "{{ $vars.rounds + 1 }}" });
    let told = json!({ "set": { "rounds": "{{ $vars.rounds }}" } });
    let mut document = workflow(
        &[
            asks(world, "before"),
            node("each", "loop", &json!({ "batchSize": 1 })),
            asks(world, "round"),
            node("count", "set-variable", &counted),
            node("told", "transform", &told),
            asks(world, "after"),
        ],
        &[
            ("before", 0, "each", 0),
            ("each", 1, "round", 0),
            ("round", 0, "count", 0),
            ("count", 0, "each", 0),
            ("each", 0, "told", 0),
            ("told", 0, "after", 0),
        ],
    );
    document["variables"] = json!({ "rounds": 0 });
    document
}

/// Three branches at the same time, and what they bring together.
fn fan(world: &str) -> Value {
    let branches = ["left", "middle", "right"];
    let mut nodes = vec![asks(world, "begin")];
    let mut connections = Vec::new();
    for (input, branch) in branches.into_iter().enumerate() {
        nodes.push(asks(world, branch));
        connections.push(("begin", 0, branch, 0));
        connections.push((branch, 0, "together", input));
    }
    nodes.push(node("together", "merge", &json!({ "mode": "append" })));
    nodes.push(asks(world, "end"));
    connections.push(("together", 0, "end", 0));
    workflow(&nodes, &connections)
}

/// A service that is out of order, and has to be asked again and again.
fn retries(world: &str) -> Value {
    let mut unsteady = asks(world, UNSTEADY);
    unsteady["retryPolicy"] = json!({
        "maxAttempts": 20,
        "backoffType": "exponential",
        "initialDelay": "4ms",
        "maxDelay": "20ms",
        "jitter": 0.5,
    });
    row(&[asks(world, "first"), unsteady, asks(world, "last")])
}

fn pause(world: &str) -> Value {
    row(&[
        asks(world, "first"),
        node("pause", "wait", &json!({ "for": "40ms" })),
        asks(world, "last"),
    ])
}

/// A workflow within another.
fn nested(world: &str) -> Value {
    let inner = row(&[
        asks(world, "inner-first"),
        node("inner-pause", "wait", &json!({ "for": "5ms" })),
        asks(world, "inner-last"),
    ]);
    row(&[
        asks(world, "first"),
        node("call", "execute-workflow", &json!({ "workflow": inner })),
        asks(world, "last"),
    ])
}

/// Lists of items that are kept apart from the journal.
fn bulky(world: &str) -> Value {
    row(&[
        asks(world, "first"),
        asks(world, LARGE),
        asks(world, "second"),
        node("light", "transform", &json!({ "remove": ["load"] })),
        asks(world, "last"),
    ])
}

/// Steps that are undone because one after them fails.
fn undone(world: &str) -> Value {
    let mut nodes = [
        asks(world, "flight"),
        asks(world, "hotel"),
        node("pay", "stop-and-error", &json!({ "message": "no money" })),
    ];
    for (place, undo) in ["undo-flight", "undo-hotel"].into_iter().enumerate() {
        nodes[place]["compensation"] = json!({
            "nodeType": "http-request",
            "parameters": ask(world, undo),
        });
    }
    row(&nodes)
}

/// What waits to be told something.
fn told(world: &str) -> Value {
    row(&[
        asks(world, "first"),
        node("news", "wait", &json!({ "signal": SIGNAL })),
        asks(world, "last"),
    ])
}
