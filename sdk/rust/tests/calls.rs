//! What authors are promised about calls, on their own machine: the same as in the sandbox.

use jackfield_plugin::{
    AnyNodeType, Call, Example, Item, NodeError, NodeOutput, NodeType, NodeTypeMetadata, Object,
    TypedCall, code, describe, object,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

struct Halve;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Params {
    /// The field that is halved.
    field_name: String,
    #[serde(default)]
    patient: bool,
}

impl NodeType for Halve {
    type Params = Params;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata::new("acme/halve", "1.2.3", "math").with_example(Example::new(
            "A half",
            json!({ "fieldName": "n" }),
            [json!({ "n": 4 })],
            [json!({ "n": 2 })],
        ))
    }

    fn run(&self, call: TypedCall<'_, Params>) -> Result<NodeOutput, NodeError> {
        call.map_items(|params, item| {
            let name = params.field_name.as_str();
            match item.get(name).and_then(Value::as_i64) {
                Some(n) if n % 2 == 0 => Ok(object([(name, (n / 2).into())])),
                Some(_) if params.patient => Err(NodeError::retryable("ODD", "it is odd today")),
                Some(_) => Err(NodeError::permanent("ODD", "it is odd")),
                None => Err(NodeError::permanent(code::TENANT_FORBIDDEN, "not yours")),
            }
        })
    }
}

fn items(values: &[Value]) -> Vec<Object> {
    let objects = values.iter().map(|value| object([("n", value.clone())]));
    objects.collect()
}

#[test]
fn the_schema_and_the_required_fields_come_from_the_type_of_the_parameters() {
    let described: Value = serde_json::from_str(&describe(&[&Halve])).unwrap();
    assert_eq!(described["contract"], "0.1");
    let metadata = &described["nodeTypes"][0];
    assert_eq!(metadata["requiredFields"], json!(["fieldName"]));
    let properties = &metadata["schema"]["properties"];
    assert_eq!(
        properties["fieldName"]["description"],
        "The field that is halved."
    );
    assert_eq!(metadata["schema"]["additionalProperties"], false);
    assert_eq!(
        metadata["ports"],
        json!({ "inputs": 1, "outputs": ["main"] })
    );
}

#[test]
fn items_are_paired_and_the_first_failure_keeps_what_was_made_before_it() {
    let parameters = json!({ "fieldName": "n" });
    let output = Halve.call(&Call::sample(&parameters, items(&[2.into(), 4.into()])));
    let expected = [1, 2].map(|n| object([("n", n.into())]));
    let expected = [0, 1].map(|at: usize| Item::new(expected[at].clone()).paired_with(at));
    assert_eq!(output, Ok(NodeOutput::items(expected.to_vec())));
    assert_eq!(json!(expected[1]), json!({ "json": { "n": 2 }, "item": 1 }));

    let broken = Call::sample(&parameters, items(&[2.into(), 3.into(), 4.into()]));
    let Err(NodeError::Permanent(failure)) = Halve.call(&broken) else {
        panic!("a permanent failure");
    };
    assert_eq!(
        (failure.code.as_ref(), failure.message.as_str()),
        ("ODD", "item 1: it is odd")
    );
    assert_eq!(
        failure.partial,
        Some(NodeOutput::items(expected[..1].to_vec()))
    );
    assert!(failure.failed_items.is_empty());
}

#[test]
fn where_the_workflow_goes_on_every_item_has_its_turn() {
    let parameters = json!({ "fieldName": "n", "patient": true });
    let call = Call::sample(&parameters, items(&[3.into(), 4.into(), 5.into()]));
    let Err(NodeError::Retryable(failure)) = Halve.call(&call.going_on_after_errors()) else {
        panic!("a failure that may pass");
    };
    assert_eq!(
        failure.message,
        "2 of 3 items failed; item 0: it is odd today"
    );
    let failed: Vec<u32> = failure
        .failed_items
        .iter()
        .map(|failed| failed.item)
        .collect();
    assert_eq!(failed, [0, 2]);
    let made = Item::new(object([("n", 2.into())])).paired_with(1);
    assert_eq!(failure.partial, Some(NodeOutput::items(vec![made])));
}

#[test]
fn refusals_and_wrong_parameters_end_the_call_at_once() {
    let call = Call::sample(&json!({ "fieldName": "n" }), items(&["x".into(), 4.into()]));
    let refused = Halve.call(&call.going_on_after_errors()).unwrap_err();
    assert_eq!(refused.code(), code::TENANT_FORBIDDEN);
    for (parameters, said) in [
        (json!({}), "missing field `fieldName`"),
        (
            json!({ "fieldName": 3 }),
            "invalid type: integer `3`, expected a string",
        ),
        (json!({ "fieldName": "n", "x": 1 }), "unknown field `x`"),
    ] {
        let call = Call::sample(&parameters, items(&[4.into(), 4.into()]));
        let error = Halve.call(&call.going_on_after_errors()).unwrap_err();
        assert!(matches!(error, NodeError::Params(_)), "{error:?}");
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("invalid parameters: {said}")),
            "{text}"
        );
        assert!(!text.contains("column"), "{text}");
    }
}
