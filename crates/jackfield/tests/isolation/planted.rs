//! The suite finds leaks that were planted, each where it is, so that it cannot pass in vain.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jackfield::plugin_api::BoxFuture;
use jackfield::registry::{LoaderError, TenantExecutorLoader};
use jackfield::{
    Engine, NodeExecutor, NodeOutput, Registry, Secret, SecretSource, TenantId, Workflow,
    WorkflowSource, WorkflowSourceError,
};
use jackfield_testkit::ScriptedExecutor;
use jackfield_testkit::isolation::{
    LeakReport, LeakSuite, Scene, SceneWorkflows, StatefulNodeType, Verdict,
};
use serde_json::{Value, json};

fn suite(factory: impl Fn(Scene) -> Engine + Send + Sync + 'static) -> LeakSuite {
    let tenant = |name| TenantId::parse(name).expect("a name of a tenant");
    LeakSuite::new(&tenant("acme"), &tenant("globex"), factory)
}

fn leaking(report: &LeakReport) -> Vec<&'static str> {
    assert_eq!(report.blind().collect::<Vec<_>>(), [], "{report}");
    assert!(!report.is_clean());
    report.leaks().map(|(name, _)| name).collect()
}

/// Gives everybody the secrets of all.
struct Shared {
    secrets: BTreeMap<TenantId, BTreeMap<String, Secret<String>>>,
    /// Whether names are kept apart at least.
    has_own_names: bool,
}

impl SecretSource for Shared {
    fn secret(&self, tenant: &TenantId, name: &str) -> Option<Secret<String>> {
        let own = self.secrets.get(tenant)?;
        let anybodys = || self.secrets.values().find_map(|secrets| secrets.get(name));
        own.get(name).or_else(anybodys).cloned()
    }

    fn names(&self, tenant: &TenantId) -> Vec<String> {
        let mine = |(owner, _): &(&TenantId, _)| !self.has_own_names || *owner == tenant;
        let secrets = self.secrets.iter().filter(mine);
        let names = secrets.flat_map(|(_, secrets)| secrets.keys().cloned());
        names.collect()
    }
}

fn sharing(scene: Scene, has_own_names: bool) -> Engine {
    let secrets = scene.secrets().clone();
    let source = Shared {
        secrets,
        has_own_names,
    };
    scene.with_secrets(source).engine(Registry::new()).build()
}

#[tokio::test]
async fn a_source_that_gives_secrets_to_everybody_is_found_out() {
    let report = suite(|scene| sharing(scene, true)).run().await;
    assert_eq!(
        leaking(&report),
        [
            "be given what was checked for the owner",
            "call a node with the owner's secret",
            "read a secret",
            "find a secret in the catalog",
            "read a secret in an expression",
            "read a credential",
            "learn what is masked",
            "read a secret in a node",
            "tell a secret of others from none",
        ]
    );
}

#[tokio::test]
async fn a_source_that_tells_the_names_of_others_is_found_out() {
    let report = suite(|scene| sharing(scene, false)).run().await;
    let leaking = leaking(&report);
    for name in ["list secrets", "be told of a secret by a hint"] {
        assert!(leaking.contains(&name), "{name}: {report}");
    }
}

/// Finds a workflow whosever it is.
struct AnybodysWorkflows(SceneWorkflows, Vec<TenantId>);

impl WorkflowSource for AnybodysWorkflows {
    fn load(&self, tenant: &TenantId, reference: &str) -> Result<Workflow, WorkflowSourceError> {
        let found = self
            .1
            .iter()
            .find_map(|owner| self.0.load(owner, reference).ok());
        found.map_or_else(|| self.0.load(tenant, reference), Ok)
    }
}

#[tokio::test]
async fn a_source_that_gives_workflows_to_everybody_is_found_out() {
    let report = suite(|scene| {
        let tenants = scene.secrets().keys().cloned().collect();
        let source = AnybodysWorkflows(scene.workflows(), tenants);
        let engine = scene.engine(Registry::new());
        engine.workflow_source(source).build()
    })
    .run()
    .await;
    assert_eq!(
        leaking(&report),
        [
            "call the owner's workflow",
            "call a workflow of the same name",
            "tell a workflow of others from none",
        ]
    );
}

/// Remembers the last `text` that it was given, whosever it is.
fn notebook() -> ScriptedExecutor {
    let last = Mutex::new(Value::Null);
    ScriptedExecutor::immediate(move |_, call| {
        let parameters = call.parameters.resolve(0)?;
        let mut last = last.lock().expect("nobody panics");
        if let Some(text) = parameters.get("text") {
            *last = text.clone();
        }
        let item = NodeOutput::result_item(last.clone(), 0);
        Ok(NodeOutput::items(vec![item]))
    })
}

fn stateful() -> StatefulNodeType {
    StatefulNodeType {
        node_type: "notebook".to_owned(),
        remember: json!({ "text": "{{text}}" }),
        recall: json!({}),
    }
}

#[tokio::test]
async fn an_executor_that_remembers_for_everybody_is_found_out() {
    let report = suite(|scene| {
        let registry = Registry::new();
        let metadata = ScriptedExecutor::metadata("notebook");
        registry
            .register_with_metadata("notebook", Arc::new(notebook()), metadata)
            .expect("it registers");
        scene.engine(registry).build()
    })
    .with_stateful(stateful())
    .run()
    .await;
    assert_eq!(
        leaking(&report),
        ["have a node of the engine's own remember"]
    );
}

struct Notebooks;

impl TenantExecutorLoader for Notebooks {
    fn load<'a>(
        &'a self,
        _: &'a TenantId,
    ) -> BoxFuture<'a, Result<Arc<dyn NodeExecutor>, LoaderError>> {
        Box::pin(async { Ok(Arc::new(notebook()) as Arc<dyn NodeExecutor>) })
    }
}

#[tokio::test]
async fn an_executor_for_each_tenant_remembers_for_nobody_else() {
    let report = suite(|scene| {
        let registry = Registry::new();
        let metadata = ScriptedExecutor::metadata("notebook");
        registry
            .register_per_tenant("notebook", Arc::new(Notebooks), metadata)
            .expect("it registers");
        scene.engine(registry).build()
    })
    .with_stateful(stateful())
    .run()
    .await;
    assert!(report.is_clean(), "{report}");
    let tried = |one: &&str| *one == "have a node of the engine's own remember";
    let names: Vec<_> = report.attempts.iter().map(|attempt| attempt.name).collect();
    assert_eq!(names.iter().filter(|name| tried(name)).count(), 1);
}

/// A node type that forgets everything proves nothing about what it remembers.
#[tokio::test]
async fn an_attempt_by_which_the_owner_finds_nothing_is_no_success() {
    let report = suite(|scene| {
        let registry = Registry::new();
        let forgetful = ScriptedExecutor::immediate(|_, _| Ok(NodeOutput::default()));
        let metadata = ScriptedExecutor::metadata("notebook");
        registry
            .register_with_metadata("notebook", Arc::new(forgetful), metadata)
            .expect("it registers");
        scene.engine(registry).build()
    })
    .with_stateful(stateful())
    .run()
    .await;
    assert!(!report.is_clean());
    let blind: Vec<_> = report.blind().map(|(name, _)| name).collect();
    assert_eq!(
        blind,
        ["have a node of the engine's own remember"],
        "{report}"
    );
    let tight = |verdict: &Verdict| *verdict == Verdict::Tight;
    let others = report
        .attempts
        .iter()
        .filter(|attempt| tight(&attempt.verdict));
    assert_eq!(others.count(), report.attempts.len() - 1);
}
