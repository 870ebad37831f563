//! Adds to items what a service knows of them: one granted capability, `http`.

use std::collections::BTreeMap;
use std::time::Duration;

use jackfield_plugin::host::http::{self, Response};
use jackfield_plugin::host::progress;
use jackfield_plugin::{
    Capability, Example, Item, NodeError, NodeOutput, NodeType, NodeTypeMetadata, TypedCall, code,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

jackfield_plugin::export!(HttpEnrich);

/// Adds to items what a service knows of them.
struct HttpEnrich;

/// What is asked for, and where the answer goes.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Params {
    /// The address to ask. It differs from item to item by an expression.
    url: String,
    /// The field of the item that the answer is put in.
    #[serde(default = "field")]
    field: String,
    /// What is done when the service answers 404.
    #[serde(default)]
    missing: Missing,
    /// How long one answer may take, in milliseconds.
    #[serde(default = "timeout")]
    #[schemars(range(min = 1, max = 60_000))]
    timeout: u32,
}

/// What is done when the service does not know.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Missing {
    /// `null` is put in the field.
    #[default]
    Null,
    /// The item fails.
    Fail,
}

fn field() -> String {
    "enriched".to_owned()
}

fn timeout() -> u32 {
    5_000
}

impl NodeType for HttpEnrich {
    type Params = Params;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata::new("examples/http-enrich", "0.1.0", "http")
            .described("Adds to each item what a JSON service answers for it.")
            .tagged(&["http", "json"])
            .reaching(Capability::Http)
            .reaching(Capability::Progress)
            .with_example(Example::without_output(
                "A country for each code",
                json!({ "url": "https://api.example.org/countries/{{ $json.code }}", "field": "country" }),
                [json!({ "code": "CH" })],
            ))
    }

    fn run(&self, call: TypedCall<'_, Params>) -> Result<NodeOutput, NodeError> {
        // Each address is asked once a call, however many items have it.
        let mut known: BTreeMap<String, Result<Value, NodeError>> = BTreeMap::new();
        let mut results = call.results();
        let count = call.items().len();
        for (index, item) in call.items().iter().enumerate() {
            let made = call.params_for(index).and_then(|params| {
                let answer = known
                    .entry(params.url.clone())
                    .or_insert_with(|| ask(&params));
                let mut made = item.clone();
                made.insert(params.field.clone(), answer.clone()?);
                Ok(made)
            });
            match made {
                Ok(made) => results.put(Item::new(made).paired_with(index)),
                Err(error) => results.fail(index, error)?,
            }
            progress::report((index + 1) as f64 / count as f64, "asked");
        }
        results.finish()
    }
}

fn ask(params: &Params) -> Result<Value, NodeError> {
    let answer = http::get(params.url.clone())
        .header("accept", "application/json")
        .timeout(Duration::from_millis(params.timeout.into()))
        .send()?;
    match (answer.status(), params.missing) {
        (404, Missing::Null) => Ok(Value::Null),
        (404, Missing::Fail) => {
            let message = format!("the service knows nothing at `{}`", params.url);
            let error = NodeError::permanent(code::HTTP_STATUS, message);
            Err(error.with(|failure| failure.status = Some(404)))
        }
        _ => answer
            .successful()
            .and_then(|answer| Response::json(&answer)),
    }
}
