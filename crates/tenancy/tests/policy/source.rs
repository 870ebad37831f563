//! Policies that are read from elsewhere: nothing is allowed before they were, nor while they are
//! wrong.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jackfield_definition::SourceText;
use jackfield_tenancy::{
    PolicyFormat, PolicyReader, PolicySource, PolicySourceError, Tenancy, Tenant, TenantPolicy,
};
use jackfield_types::{Capability, Policy, TenantId};
use semver::Version;

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
async fn a_policy_that_is_set_by_hand_counts_until_the_source_is_read() {
    let (_, tenancy) = scene(Says::Nothing);
    let acme = tenancy.tenant(&tenant("acme"));
    let policy = Policy {
        restricted_node_types: texts(&["math.*"]),
        ..Policy::default()
    };
    tenancy.set_policy(&tenant("acme"), &policy).unwrap();
    assert_eq!(refusal(&acme), None);
    refresh(&acme).await;
    assert!(acme.policy().is_none() && refusal(&acme).is_none());
}
