//! Variables of tenants.

use std::sync::Arc;

use jackfield::kept::{StoredVariables, VariableError};
use jackfield::store::{Collection, Expected, Store};
use jackfield::{Engine, EventKind, Object, StartOptions};
use jackfield_testkit::store::MemoryStore;
use serde_json::{Value, json};

use crate::{acme, globex, plan};

fn object(value: &Value) -> Object {
    value.as_object().unwrap().clone().into_iter().collect()
}

#[tokio::test]
async fn variables_are_of_one_tenant_and_under_all_others() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let variables = StoredVariables::new(&store, &acme());
    for (name, value) in [("a", json!(1)), ("b", json!([2])), ("c", json!("3"))] {
        variables.set(name, &value).await.unwrap();
    }
    assert_eq!(variables.get("b").await.unwrap(), Some(json!([2])));
    assert_eq!(variables.get("B").await.unwrap(), None);
    let others = StoredVariables::new(&store, &globex());
    assert!(others.all().await.unwrap().is_empty());

    let (own, given) = (
        object(&json!({ "b": "own" })),
        object(&json!({ "c": "given" })),
    );
    let begun = variables.under(&own, given).await.unwrap();
    assert_eq!(begun, object(&json!({ "a": 1, "c": "given" })));
    assert!(variables.remove("a").await.unwrap());
    assert!(!variables.remove("a").await.unwrap());
    assert!(!variables.remove("\0").await.unwrap());
}

#[tokio::test]
async fn the_first_event_has_what_an_execution_begins_with() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let variables = StoredVariables::new(&store, &acme());
    variables.set("region", &json!("eu")).await.unwrap();
    let engine = Engine::builder(jackfield::built_in_registry().unwrap())
        .store(Arc::clone(&store))
        .build()
        .tenant(&acme());
    let workflow = json!({
        "name": "shows",
        "variables": { "own": 1 },
        "nodes": [{ "id": "show", "nodeType": "transform",
            "parameters": { "set": { "region": "{{ $vars.region }}" } } }],
        "connections": {},
    });
    let plan = plan(&engine, &workflow).unwrap();
    let own = object(&json!({ "own": 1 }));
    let start = StartOptions {
        variables: variables.under(&own, Object::new()).await.unwrap(),
        ..StartOptions::default()
    };
    let report = engine.run(&plan, start).await.unwrap();
    assert_eq!(report.output[0].json()["region"], "eu");
    let events = report.journal.events();
    let EventKind::ExecutionStarted { variables, .. } = &events[0].kind else {
        panic!("{:?}", events[0]);
    };
    assert_eq!(
        *variables.as_ref(),
        object(&json!({ "own": 1, "region": "eu" }))
    );
}

#[tokio::test]
async fn what_is_too_much_or_damaged_is_told() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let variables = StoredVariables::new(&store, &acme());
    for name in ["", "a\nb", "\0", &"n".repeat(257)] {
        let refused = variables.set(name, &json!(1)).await;
        assert!(matches!(refused, Err(VariableError::Name)), "{name:?}");
    }
    let large = json!("v".repeat(256 * 1024));
    let refused = variables.set("a", &large).await;
    assert!(matches!(refused, Err(VariableError::TooLarge)));
    for number in 0..1_000 {
        variables
            .set(&format!("v{number}"), &json!(number))
            .await
            .unwrap();
    }
    let refused = variables.set("one-more", &json!(1)).await;
    assert!(matches!(refused, Err(VariableError::TooMany)));
    variables.set("v7", &json!("again")).await.unwrap();
    assert_eq!(variables.all().await.unwrap().len(), 1_000);

    let documents = store.tenant(&acme());
    let put = documents.put_document(Collection::Variables, "v8", "{".into(), Expected::Anything);
    put.await.unwrap();
    for read in [variables.all().await.err(), variables.get("v8").await.err()] {
        let error = read.unwrap();
        assert!(matches!(&error, VariableError::Damaged { name } if name == "v8"));
    }
}
