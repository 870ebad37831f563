//! Policies that are read from elsewhere: nothing is allowed before they were, nor while they are
//! wrong.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jackfield_definition::SourceText;
use jackfield_tenancy::{
    PolicyFormat, PolicyReader, PolicySource, PolicySourceError, Tenancy, Tenant, TenantPolicy,
};
use jackfield_types::{Capability, DataIsolation, Policy, TenantId};
use semver::Version;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::{node_type, tenant, texts};

/// What the source says.
#[derive(Clone)]
enum Says {
    Nothing,
    Policy(&'static str),
    Unavailable,
}

#[derive(Clone)]
struct Source(Arc<Mutex<Says>>);

impl PolicySource for Source {
    fn policy<'a>(
        &'a self,
        tenant: &'a TenantId,
    ) -> futures_core::future::BoxFuture<'a, Result<Option<TenantPolicy>, PolicySourceError>> {
        let says = self.0.lock().unwrap().clone();
        let text = match says {
            Says::Nothing => return Box::pin(async { Ok(None) }),
            Says::Policy(text) => text,
            Says::Unavailable => {
                let reason = "the connection broke".to_owned();
                return Box::pin(async { Err(PolicySourceError::Unavailable { reason }) });
            }
        };
        let reader = PolicyReader::new().tenant(tenant.clone());
        let source = SourceText::new("policy", text);
        let read = reader.read_compiled(&source, PolicyFormat::Json);
        Box::pin(async {
            let unreadable = |findings| PolicySourceError::Unreadable {
                reason: format!("{findings}"),
            };
            read.map(|(policy, _)| Some(policy)).map_err(unreadable)
        })
    }
}

impl Source {
    fn says(&self, says: Says) {
        *self.0.lock().unwrap() = says;
    }
}

fn scene(says: Says) -> (Source, Tenancy) {
    let source = Source(Arc::new(Mutex::new(says)));
    let tenancy = Tenancy::builder().policies(source.clone()).build();
    (source, tenancy)
}

async fn refresh(tenant: &Tenant) {
    if let Some(refresh) = tenant.refresh_secrets() {
        refresh.await;
    }
}

/// Waits until what is known is old enough to be read again, and reads it.
async fn refresh_again(tenant: &Tenant) {
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        if let Some(refresh) = tenant.refresh_secrets() {
            return refresh.await;
        }
        tokio::task::yield_now().await;
    }
    panic!("it is never read again");
}

/// Why it may do nothing; nothing when it may.
fn refusal(tenant: &Tenant) -> Option<String> {
    let version = Version::new(1, 0, 0);
    let refused = tenant.authorize(&node_type("x"), &version, &[]);
    let refusal = refused.err().map(|refusal| refusal.to_string());
    assert_eq!(tenant.authorize_user(None).is_err(), refusal.is_some());
    let capability = tenant.check_capability(Capability::Log);
    assert_eq!(capability.is_err(), refusal.is_some());
    assert_eq!(tenant.may_read_environment("HOME"), refusal.is_none());
    assert_eq!(
        tenant.check_host("a.example", 443).is_err(),
        refusal.is_some()
    );
    refusal
}

#[tokio::test]
async fn a_tenant_may_do_nothing_before_its_policy_was_read() {
    let (_, tenancy) = scene(Says::Nothing);
    let acme = tenancy.tenant(&tenant("acme"));
    assert!(refusal(&acme).unwrap().contains("has not been read yet"));
    let number = acme.policy_number();
    refresh(&acme).await;
    assert_eq!(refusal(&acme), None);
    assert!(acme.policy().is_none());
    assert_ne!(acme.policy_number(), number);
    assert!(acme.refresh_secrets().is_none(), "it is fresh");
    // Others are not known by that.
    assert!(refusal(&tenancy.tenant(&tenant("globex"))).is_some());
}

#[tokio::test]
async fn changes_come_into_force_and_what_cannot_be_read_bars() {
    let (source, tenancy) = scene(Says::Policy(r#"{"restrictedNodeTypes": ["math.*"]}"#));
    let acme = tenancy.tenant(&tenant("acme"));
    refresh(&acme).await;
    assert_eq!(refusal(&acme), None);
    let version = Version::new(1, 0, 0);
    let adds = || acme.authorize(&node_type("math.add"), &version, &[]);
    assert!(adds().is_err());

    for wrong in [
        r#"{"restrictedNodeTypes": "#,
        r#"{"fromANewerVersion": true}"#,
        r#"{"tenant": "globex"}"#,
    ] {
        let number = acme.policy_number();
        source.says(Says::Policy(wrong));
        refresh_again(&acme).await;
        let refusal = refusal(&acme).unwrap();
        assert!(refusal.contains("cannot be read"), "{refusal}");
        assert_ne!(acme.policy_number(), number);
    }
    source.says(Says::Unavailable);
    refresh_again(&acme).await;
    assert!(refusal(&acme).is_some(), "nothing was mended");

    source.says(Says::Policy("{}"));
    refresh(&acme).await;
    if refusal(&acme).is_some() {
        refresh_again(&acme).await;
    }
    assert_eq!(refusal(&acme), None);
    assert!(adds().is_ok());
    source.says(Says::Nothing);
    refresh_again(&acme).await;
    assert!(acme.policy().is_none() && refusal(&acme).is_none());
}

#[tokio::test]
async fn what_was_read_stands_while_the_source_is_gone() {
    let (source, tenancy) = scene(Says::Unavailable);
    let acme = tenancy.tenant(&tenant("acme"));
    refresh(&acme).await;
    assert!(refusal(&acme).unwrap().contains("the connection broke"));
    // It is asked again at once: nothing can be done before.
    source.says(Says::Policy(r#"{"restrictedNodeTypes": ["math.*"]}"#));
    refresh(&acme).await;
    assert_eq!(refusal(&acme), None);
    source.says(Says::Unavailable);
    refresh_again(&acme).await;
    assert_eq!(refusal(&acme), None);
    let denied = acme.authorize(&node_type("math.add"), &Version::new(1, 0, 0), &[]);
    assert!(denied.is_err());
}

#[tokio::test]
async fn a_policy_that_is_set_otherwise_stands_whatever_the_source_says() {
    let restricting = Policy {
        restricted_node_types: texts(&["math.*"]),
        ..Policy::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let text = serde_json::to_string(&restricting).unwrap();
    std::fs::write(folder.path().join("acme.json"), text).unwrap();
    std::fs::write(folder.path().join("globex.json"), "{}").unwrap();
    let version = Version::new(1, 0, 0);
    for is_of_folder in [false, true] {
        let (source, tenancy) = scene(Says::Nothing);
        let acme = tenancy.tenant(&tenant("acme"));
        if is_of_folder {
            tenancy.load_folder(folder.path()).unwrap();
        } else {
            tenancy.set_policy(&tenant("acme"), &restricting).unwrap();
        }
        let adds = || acme.authorize(&node_type("math.add"), &version, &[]);
        refresh(&acme).await;
        assert_eq!(refusal(&acme), None);
        assert!(adds().is_err());
        // Without it the source counts, and nothing is allowed before it is asked.
        source.says(Says::Policy(r#"{"restrictedNodeTypes": ["text.*"]}"#));
        if is_of_folder {
            let rest = tempfile::tempdir().unwrap();
            std::fs::rename(
                folder.path().join("acme.json"),
                rest.path().join("acme.json"),
            )
            .unwrap();
            tenancy.load_folder(folder.path()).unwrap();
        } else {
            tenancy.remove_policy(&tenant("acme")).unwrap();
        }
        assert!(refusal(&acme).unwrap().contains("has not been read yet"));
        refresh(&acme).await;
        assert_eq!(refusal(&acme), None);
        assert!(adds().is_ok());
        assert!(
            acme.authorize(&node_type("text.upper"), &version, &[])
                .is_err()
        );
    }
}

#[tokio::test]
async fn what_is_read_while_a_policy_is_set_otherwise_does_not_replace_it() {
    for says in [
        Says::Nothing,
        Says::Policy(r#"{"restrictedNodeTypes": ["x"]}"#),
        Says::Policy("?"),
    ] {
        let source = Slow::that(says);
        let tenancy = Tenancy::builder().policies(source.clone()).build();
        let acme = tenancy.tenant(&tenant("acme"));
        let mut reading = acme.refresh_secrets().unwrap();
        assert!(futures_util::poll!(reading.as_mut()).is_pending());
        tenancy
            .set_policy(&tenant("acme"), &Policy::default())
            .unwrap();
        source.gate.add_permits(1);
        reading.await;
        assert!(acme.policy().is_some());
        assert_eq!(refusal(&acme), None);
    }
}

#[tokio::test]
async fn a_tenant_whose_policy_is_unknown_is_isolated() {
    let source = Source(Arc::new(Mutex::new(Says::Unavailable)));
    let tenancy = Tenancy::builder()
        .data_isolation(DataIsolation::Relaxed)
        .policies(source.clone())
        .build();
    let acme = tenancy.tenant(&tenant("acme"));
    let filter = json!({ "a": 1 });
    assert_eq!(acme.data_isolation(), DataIsolation::Strict);
    assert_ne!(acme.enforce_data_isolation(&filter), filter);
    refresh(&acme).await;
    assert_eq!(acme.data_isolation(), DataIsolation::Strict);
    source.says(Says::Nothing);
    refresh(&acme).await;
    assert_eq!(acme.data_isolation(), DataIsolation::Relaxed);
    source.says(Says::Policy("?"));
    refresh_again(&acme).await;
    assert_eq!(acme.data_isolation(), DataIsolation::Strict);
    source.says(Says::Policy(r#"{"dataIsolation": "relaxed"}"#));
    refresh_again(&acme).await;
    assert_eq!(acme.data_isolation(), DataIsolation::Relaxed);
}

#[tokio::test]
async fn what_passes_is_told_from_what_has_to_be_mended() {
    let (source, tenancy) = scene(Says::Unavailable);
    let acme = tenancy.tenant(&tenant("acme"));
    assert!(acme.unread_policy().is_some());
    refresh(&acme).await;
    let unread = acme.unread_policy().unwrap().to_string();
    assert!(unread.contains("the connection broke"), "{unread}");
    source.says(Says::Policy("?"));
    refresh(&acme).await;
    assert_eq!(acme.unread_policy(), None);
    source.says(Says::Unavailable);
    refresh_again(&acme).await;
    assert_eq!(acme.unread_policy(), None);
    assert!(refusal(&acme).unwrap().contains("cannot be read"));
    source.says(Says::Nothing);
    refresh(&acme).await;
    assert_eq!((acme.unread_policy(), refusal(&acme)), (None, None));
}

/// A source that answers when it may, and counts how often it is asked.
#[derive(Clone)]
struct Slow {
    source: Source,
    asked: Arc<AtomicU32>,
    gate: Arc<Semaphore>,
}

impl Slow {
    fn that(says: Says) -> Self {
        Self {
            source: Source(Arc::new(Mutex::new(says))),
            asked: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }
}

impl PolicySource for Slow {
    fn policy<'a>(
        &'a self,
        tenant: &'a TenantId,
    ) -> futures_core::future::BoxFuture<'a, Result<Option<TenantPolicy>, PolicySourceError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            self.gate.acquire().await.unwrap().forget();
            self.source.policy(tenant).await
        })
    }
}

#[tokio::test]
async fn many_that_need_a_policy_ask_for_it_once() {
    let source = Slow::that(Says::Unavailable);
    let tenancy = Tenancy::builder().policies(source.clone()).build();
    let acme = tenancy.tenant(&tenant("acme"));
    let reading = (0..20).map(|_| acme.refresh_secrets().unwrap());
    let mut reading = futures_util::future::join_all(reading);
    assert!(futures_util::poll!(&mut reading).is_pending());
    source.gate.add_permits(20);
    reading.await;
    assert_eq!(source.asked.load(Ordering::Relaxed), 1);
    // Who comes later asks anew.
    refresh(&acme).await;
    assert_eq!(source.asked.load(Ordering::Relaxed), 2);
}
