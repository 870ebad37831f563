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

/// A node that calls another workflow. All nodes of both have names of their own.
#[derive(Debug)]
pub(crate) struct Call<'s> {
    pub(crate) node: &'s str,
    /// The nodes that come right before it.
    pub(crate) before: Vec<&'s str>,
    /// The nodes of what it calls.
    pub(crate) within: Vec<&'s str>,
}

impl Shape {
    /// Which node comes right before which in the same workflow, but for loops, whose rounds come
    /// one after the other.
    pub(crate) fn edges(&self) -> Vec<(&str, &str)> {
        let documents = documents(&self.document);
        documents.into_iter().flat_map(edges).collect()
    }

    /// The calls in it, and in what those call.
    pub(crate) fn calls(&self) -> Vec<Call<'_>> {
        let documents = documents(&self.document);
        documents.into_iter().flat_map(calls).collect()
    }
}

/// A workflow, and all that are called in it.
fn documents(document: &Value) -> Vec<&Value> {
    let mut all = vec![document];
    let mut next = 0;
    while let Some(document) = all.get(next) {
        all.extend(callers(document).map(|node| &node["parameters"]["workflow"]));
        next += 1;
    }
    all
}

fn nodes(document: &Value) -> impl Iterator<Item = &Value> {
    document["nodes"].as_array().unwrap().iter()
}

fn callers(document: &Value) -> impl Iterator<Item = &Value> {
    nodes(document).filter(|node| node["nodeType"] == CALL)
}

fn id(node: &Value) -> &str {
    node["id"].as_str().unwrap()
}

fn edges(document: &Value) -> Vec<(&str, &str)> {
    let is_loop = |name: &str| {
        let mut loops = nodes(document).filter(|node| node["nodeType"] == "loop");
        loops.any(|node| id(node) == name)
    };
    let mut edges = Vec::new();
    for (from, ports) in document["connections"].as_object().unwrap() {
        let outputs = ports["main"].as_object().unwrap().values();
        for target in outputs.filter_map(Value::as_array).flatten() {
            edges.push((from.as_str(), target["node"].as_str().unwrap()));
        }
    }
    edges.retain(|(from, to)| !is_loop(from) && !is_loop(to));
    edges
}

fn calls(document: &Value) -> Vec<Call<'_>> {
    let edges = edges(document);
    let calls = callers(document).map(|caller| {
        let node = id(caller);
        let before = edges.iter().filter(|(_, to)| *to == node);
        Call {
            node,
            before: before.map(|(from, _)| *from).collect(),
            within: nodes(&caller["parameters"]["workflow"]).map(id).collect(),
        }
    });
    calls.collect()
}

/// What an execution begins with.
pub(crate) fn input(ticket: &str) -> Value {
    let item = |n: u64| json!({ "n": n, "ticket": ticket, "trail": [] });
    json!([item(1), item(2), item(3)])
}

/// The names of all of them.
pub(crate) const NAMES: [&str; 10] = [
    "chain", "rounds", "fan", "retries", "pause", "nested", "calls", "bulky", "undone", "told",
];
/// The type of nodes that call other workflows.
const CALL: &str = "execute-workflow";
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
        two_calls(world),
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

/// A node that calls a workflow, under a name by which it is known again.
fn call(id: &str, name: &str, mut called: Value) -> Value {
    called["name"] = json!(name);
    node(id, CALL, &json!({ "workflow": called }))
}

/// A workflow within another one, which is within a third.
fn nested(world: &str) -> Value {
    let deeper = row(&[asks(world, "deeper-first"), asks(world, "deeper-last")]);
    let inner = row(&[
        asks(world, "inner-first"),
        node("inner-pause", "wait", &json!({ "for": "5ms" })),
        call("inner-call", "deeper", deeper),
        asks(world, "inner-last"),
    ]);
    row(&[
        asks(world, "first"),
        call("call", "inner", inner),
        asks(world, "last"),
    ])
}

/// Two workflows that run within another one at the same time.
fn two_calls(world: &str) -> Value {
    let left = row(&[asks(world, "left-first"), asks(world, "left-last")]);
    let right = row(&[
        asks(world, "right-first"),
        node("right-pause", "wait", &json!({ "for": "5ms" })),
        asks(world, "right-last"),
    ]);
    workflow(
        &[
            asks(world, "begin"),
            call("call-left", "left", left),
            call("call-right", "right", right),
            node("together", "merge", &json!({ "mode": "append" })),
            asks(world, "end"),
        ],
        &[
            ("begin", 0, "call-left", 0),
            ("begin", 0, "call-right", 0),
            ("call-left", 0, "together", 0),
            ("call-right", 0, "together", 1),
            ("together", 0, "end", 0),
        ],
    )
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
