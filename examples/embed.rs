//! A node type of one's own, in a workflow: `cargo run -p jackfield --example embed`.

use jackfield::plugin_api::Version;
use jackfield::types::NodeTypeMetadata;
use jackfield::{
    Engine, NodeError, NodeOutput, NodeType, PlanOptions, SourceText, StartOptions, TypedCall,
    read_workflow,
};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Greeting {
    name: String,
}

struct Greet;

impl NodeType for Greet {
    type Params = Greeting;

    fn declaration(&self) -> NodeTypeMetadata {
        let name = "acme/greet".try_into().expect("a valid name");
        NodeTypeMetadata::new(name, Version::new(1, 0, 0), "text")
    }

    async fn run(&self, call: TypedCall<'_, Greeting>) -> Result<NodeOutput, NodeError> {
        call.map_items(|params, _| {
            let text = format!("hello {}", params.name);
            Ok([("greeting".to_owned(), text.into())].into_iter().collect())
        })
    }
}

const WORKFLOW: &str = r#"{
    "name": "greet", "variables": { "who": "world" },
    "nodes": [
        { "id": "start", "nodeType": "trigger.manual" },
        { "id": "greet", "nodeType": "acme/greet", "parameters": { "name": "{{ $vars.who }}" } }
    ],
    "connections": { "start": { "main": [["greet"]] } }
}"#;

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = jackfield::built_in_registry()?;
    registry.register(Greet)?;
    let engine = Engine::builder(registry).build();
    let tenant = engine.default_tenant();
    let (workflow, _) = read_workflow(&SourceText::new("greet.json", WORKFLOW))?;
    let plan = tenant.plan(&workflow, &PlanOptions::default())?;
    let execution = tenant.start(&plan, StartOptions::default())?;
    let mut events = execution.events();
    while let Some(entry) = events.next().await {
        println!("{} {:?}", entry.event.kind.name(), entry.node_name);
    }
    println!("{:?}", execution.wait().await?.output);
    Ok(())
}
