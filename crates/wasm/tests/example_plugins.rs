//! The plugins of `plugins/`, in all three languages, at work in the sandbox. `cargo xtask plugins`
//! builds them, and `cargo xtask test` has it do so.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jackfield_net::{Access, HttpSettings};
use jackfield_plugin_api::{NodeError, NodeExecutor, NodeOutput};
use jackfield_registry::discovery::{LoadedPlugin, Package, PackageLimits, PluginHost};
use jackfield_testkit::{ScriptedGrants, StaticCall};
use jackfield_types::{Capability, ErrorCode, FailureClass, NodeTypeMetadata, OnError};
use jackfield_wasm::{Services, WasmConfig, WasmHost};
use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Where `cargo xtask plugins` puts what it makes.
fn built() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target =
        target.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target"));
    target.join("plugins")
}

fn package(path: &str) -> Package {
    let folder = built().join(path);
    match Package::open(&folder, &PackageLimits::default()) {
        Ok(package) => package,
        Err(error) => panic!("{error}; `cargo xtask plugins` builds the plugins that tests run"),
    }
}

/// A host that may reach the services of tests, and keeps compiled code where the builder did.
fn host() -> WasmHost {
    let settings = HttpSettings {
        private_networks: Access::Allowed,
        ..HttpSettings::default()
    };
    let config = WasmConfig {
        cache: Some(built().join("compiled")),
        ..WasmConfig::default()
    };
    let services = Services::builder().http_settings(settings).build();
    WasmHost::start(config, services).expect("a host")
}

/// A plugin, loaded as the registry does it: what it describes is what its manifest says.
struct Loaded {
    node_types: BTreeMap<String, (NodeTypeMetadata, Arc<dyn NodeExecutor>)>,
}

impl Loaded {
    async fn of(path: &str) -> Self {
        let package = package(path);
        let loaded = host().load(package.component(None)).await;
        let LoadedPlugin {
            node_types,
            executors,
            ..
        } = loaded.expect("a plugin that loads");
        let agreed = package.manifest().check_description(&node_types);
        assert_eq!(agreed, Ok(()), "{path}");
        let node_types = node_types.into_iter().map(|metadata| {
            let executor = Arc::clone(&executors[&metadata.node_type]);
            (metadata.node_type.to_string(), (metadata, executor))
        });
        Self {
            node_types: node_types.collect(),
        }
    }

    fn call(&self, node_type: &str, parameters: Value) -> StaticCall {
        StaticCall::new(&self.node_types[node_type].0, parameters)
    }

    async fn run(&self, node_type: &str, call: StaticCall) -> Result<NodeOutput, NodeError> {
        call.execute(&*self.node_types[node_type].1).await
    }

    /// Runs each example that says what comes out.
    async fn run_examples(&self) -> usize {
        let mut count = 0;
        for (name, (metadata, _)) in &self.node_types {
            for example in &metadata.examples {
                let Some(expected) = &example.output else {
                    continue;
                };
                let mut call = self.call(name, example.parameters.clone());
                for items in &example.input {
                    call = call.with_input(json!(items));
                }
                let output = self.run(name, call).await.expect("an example that runs");
                assert_eq!(
                    StaticCall::ports(&output),
                    json!(expected),
                    "{name}: {}",
                    example.title
                );
                count += 1;
            }
        }
        count
    }
}

fn source_of(output: &NodeOutput, place: usize) -> Option<u32> {
    output.outputs.main[0][place]
        .source()
        .map(|source| source.item)
}

#[tokio::test]
async fn text_in_rust_does_what_its_examples_say_and_names_what_is_wrong() {
    let plugin = Loaded::of("packages/text").await;
    assert_eq!(plugin.run_examples().await, 3);
    let call = plugin.call("examples/slugify", json!({ "text": "a", "separator": "+" }));
    let error = plugin
        .run("examples/slugify", call.with_input(json!([{}])))
        .await;
    let error = error.unwrap_err();
    assert!(matches!(error, NodeError::Params(_)), "{error:?}");
    assert!(error.to_string().contains("/separator"), "{error}");
}

#[tokio::test]
async fn csv_in_javascript_pairs_rows_and_goes_on_after_a_broken_table() {
    let plugin = Loaded::of("packages/csv").await;
    assert_eq!(plugin.run_examples().await, 2);
    let name = "examples/csv-to-items";
    let items = json!([{ "csv": "a\n1\n2" }, { "csv": "\"" }, { "csv": "a\n3" }]);
    let call = plugin.call(name, json!({ "text": "{{ $json.csv }}" }));
    let call = call
        .with_input(items)
        .with_on_error(OnError::ContinueErrorOutput);
    let failure = plugin.run(name, call).await.unwrap_err().into_failure();
    assert_eq!(failure.code, ErrorCode::INVALID_INPUT);
    assert_eq!(failure.class, FailureClass::Permanent);
    let failed: Vec<u32> = failure
        .failed_items
        .iter()
        .map(|failed| failed.item)
        .collect();
    assert_eq!(failed, [1]);
    let partial = NodeOutput::from(failure.partial.expect("what the others gave"));
    assert_eq!(
        StaticCall::ports(&partial),
        json!([[{ "a": "1" }, { "a": "2" }, { "a": "3" }]])
    );
    let sources: Vec<_> = (0..3).map(|place| source_of(&partial, place)).collect();
    assert_eq!(sources, [Some(0), Some(0), Some(2)]);
}

#[tokio::test]
async fn a_counter_in_python_counts_for_each_tenant_and_only_where_it_is_granted() {
    let plugin = Loaded::of("packages/counter").await;
    let name = "examples/counter";
    let call = |tenant: &str| {
        let call = plugin.call(name, json!({ "name": "orders" }));
        call.with_input(json!([{}, {}])).with_tenant(tenant)
    };
    for (tenant, counts) in [("one", [1, 2]), ("two", [1, 2]), ("one", [3, 4])] {
        let output = plugin.run(name, call(tenant)).await.expect("a count");
        let expected = json!([[{ "count": counts[0] }, { "count": counts[1] }]]);
        assert_eq!(StaticCall::ports(&output), expected, "{tenant}");
    }
    let refused =
        call("one").with_grants(ScriptedGrants::open().with_capabilities(&[Capability::Log]));
    let refused = plugin.run(name, refused).await.unwrap_err();
    assert_eq!(refused.class(), FailureClass::Final, "{refused:?}");
    let again = plugin.call(name, json!({ "name": "orders", "reset": true, "by": 5 }));
    let again = again.with_input(json!([{}])).with_tenant("one");
    let again = plugin.run(name, again).await.expect("a count");
    assert_eq!(StaticCall::ports(&again), json!([[{ "count": 5 }]]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_count_at_once_never_give_the_same_count() {
    let plugin = Loaded::of("packages/counter").await;
    let name = "examples/counter";
    let items = json!(vec![json!({}); 25]);
    let calls = (0..8).map(|_| {
        let call = plugin.call(name, json!({ "name": "orders" }));
        plugin.run(name, call.with_input(items.clone()).with_tenant("one"))
    });
    let mut counts: Vec<u64> = Vec::new();
    for output in join_all(calls).await {
        let ports = StaticCall::ports(&output.expect("counts"));
        let items = ports[0].as_array().expect("items");
        counts.extend(items.iter().filter_map(|item| item["count"].as_u64()));
    }
    counts.sort_unstable();
    assert_eq!(counts, (1..=200).collect::<Vec<u64>>());
}

#[tokio::test]
async fn an_enrichment_reaches_granted_hosts_once_an_address_and_no_others() {
    let server = MockServer::start().await;
    let known = ResponseTemplate::new(200).set_body_json(json!({ "name": "Ada" }));
    Mock::given(path("/people/1"))
        .respond_with(known)
        .expect(1)
        .mount(&server)
        .await;
    let busy = ResponseTemplate::new(503).insert_header("retry-after", "7");
    Mock::given(path("/people/2"))
        .respond_with(busy)
        .mount(&server)
        .await;
    for (at, answer) in [
        ("/people/4", ResponseTemplate::new(403)),
        (
            "/people/5",
            ResponseTemplate::new(200).set_body_string("<p>"),
        ),
        (
            "/people/6",
            ResponseTemplate::new(200).set_delay(Duration::from_secs(60)),
        ),
    ] {
        Mock::given(path(at))
            .respond_with(answer)
            .mount(&server)
            .await;
    }
    let plugin = Loaded::of("packages/enrich").await;
    let name = "examples/http-enrich";
    let url = format!("{}/people/{{{{ $json.id }}}}", server.uri());
    let host = server.address().to_string();
    let call = |items: Value| {
        let call = plugin.call(
            name,
            json!({ "url": url, "field": "person", "timeout": 2_000 }),
        );
        call.with_input(items)
            .with_grants(ScriptedGrants::open().with_hosts(&[&host]))
    };
    let output = plugin
        .run(name, call(json!([{ "id": 1 }, { "id": 1 }, { "id": 3 }])))
        .await;
    let ada = json!({ "id": 1, "person": { "name": "Ada" } });
    let ports = StaticCall::ports(&output.expect("an answer"));
    assert_eq!(ports, json!([[ada, ada, { "id": 3, "person": null }]]));

    let failure = plugin
        .run(name, call(json!([{ "id": 2 }])))
        .await
        .unwrap_err();
    let failure = failure.into_failure();
    assert_eq!(failure.class, FailureClass::Retryable);
    assert_eq!(
        (failure.code, failure.status),
        (ErrorCode::HTTP_STATUS, Some(503))
    );
    assert_eq!(failure.retry_after.map(|wait| wait.as_secs()), Some(7));

    for (id, class, code) in [
        (4, FailureClass::Permanent, ErrorCode::HTTP_STATUS),
        (5, FailureClass::Permanent, ErrorCode::EXECUTION_ERROR),
        (6, FailureClass::Retryable, ErrorCode::TIMEOUT),
    ] {
        let failure = plugin.run(name, call(json!([{ "id": id }]))).await;
        let failure = failure.unwrap_err().into_failure();
        assert_eq!((failure.class, failure.code), (class, code), "{id}");
    }

    let elsewhere = call(json!([{ "id": 1 }])).with_grants(ScriptedGrants::open().with_hosts(&[]));
    let refused = plugin.run(name, elsewhere).await.unwrap_err();
    assert_eq!(refused.class(), FailureClass::Final, "{refused:?}");
}

#[tokio::test]
async fn a_reader_of_file_headers_takes_binary_data() {
    let plugin = Loaded::of("packages/file-header").await;
    assert_eq!(plugin.run_examples().await, 2);
    let name = "examples/file-header";
    for (data, kind) in [
        ("", Value::Null),
        ("AAECAwQF", Value::Null),
        ("iVBORw0KGgoAAAAN", json!("png")),
    ] {
        let call = plugin
            .call(name, json!({ "data": data }))
            .with_input(json!([{}]));
        let output = plugin.run(name, call).await.expect("an answer");
        assert_eq!(
            StaticCall::ports(&output)[0][0]["file"]["kind"],
            kind,
            "{data}"
        );
    }
    for (data, said) in [
        ("", "the file is empty"),
        (
            "iVBORw0KGgoAAAAN",
            "the png file is cut short: its 12 bytes end",
        ),
        ("JVBERi0x", "the pdf file is cut short: its 6 bytes end"),
        ("AAECAwQF", "neither PDF nor an image"),
    ] {
        let call = plugin.call(name, json!({ "data": data, "strict": true }));
        let failure = plugin.run(name, call.with_input(json!([{}]))).await;
        let failure = failure.unwrap_err().into_failure();
        assert_eq!(failure.code, ErrorCode::INVALID_INPUT, "{data}");
        assert!(failure.message.contains(said), "{}", failure.message);
    }
}

#[tokio::test]
async fn what_authors_begin_with_does_what_its_example_says() {
    for language in ["rust", "javascript", "python"] {
        let plugin = Loaded::of(&format!("begun/new-{language}")).await;
        assert_eq!(plugin.run_examples().await, 1, "{language}");
    }
}
