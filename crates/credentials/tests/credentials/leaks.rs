//! What is in a credential is nowhere but where it is used.

use std::io::Write;
use std::sync::{Arc, Mutex};

use jackfield_credentials::{CredentialTypes, ExternalCredentials, LayeredSecrets};
use jackfield_store_api::{Collection, PageRequest, Store};
use jackfield_tenancy::{SecretSource, Tenancy};
use jackfield_testkit::store::MemoryStore;
use jackfield_types::Secret;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Told, bound, builder, key, new, node_type, put, tenant, wanted};

const SECRET: &str = "hunter2-hunter2";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn nothing_of_it_shows_in_what_is_logged_written_listed_or_printed() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let told = Told::default();
    let memory = MemoryStore::new();
    let master = key("k");
    let mut shown = format!("{:?}", builder(&memory, &[&master]));
    let store = builder(&memory, &[&master]).audit(told.clone()).build();
    let id = tenant("acme");
    let acme = store.tenant(&id);
    let kept = bound(SECRET, &["api.example.org"]);
    put(&acme, "crm", &kept).await;
    put(&acme, "plain", &new("secret", json!({"value": SECRET}))).await;
    let tenancy = Tenancy::builder().secrets(store.clone()).build();
    let node_type = node_type("http-request");
    let right = wanted(&node_type, "api.example.org");
    let found = acme.resolve("crm", &right).await.unwrap();
    let held = store.credential(&id, "crm").unwrap();
    assert_eq!(found.text("token").unwrap().expose(), SECRET);
    let wrong = wanted(&node_type, "evil.example");
    shown += &format!(
        "{kept:?} {store:?} {acme:?} {found:?} {held:?} {:?} {:?} {:?} {:?} {:?}",
        tenancy.tenant(&id).secret("plain"),
        tenancy.tenant(&id).secret("crm"),
        tenancy.tenant(&id).credential("crm", &right),
        acme.resolve("crm", &wrong).await,
        store.texts(&id, "crm"),
    );
    let listed = acme.list(&PageRequest::default()).await.unwrap();
    shown += &format!("{listed:?} {}", serde_json::to_string(&listed).unwrap());
    shown += &told.take().concat();

    // The store fails, and it is logged.
    memory.close().await.unwrap();
    let other = tenant("globex");
    store.refresh(&other).unwrap().await;
    shown += &format!(
        "{:?} {:?}",
        store.find(&other, "crm"),
        acme.resolve("crm", &right).await
    );
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("cannot be read"), "{logged}");
    shown += &logged;

    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!shown.contains(master.to_text().expose()), "{shown}");
}

#[tokio::test]
async fn nothing_of_it_stands_in_the_store() {
    let memory = MemoryStore::new();
    let store = builder(&memory, &[&key("k")]).build();
    let id = tenant("acme");
    put(
        &store.tenant(&id),
        "crm",
        &bound(SECRET, &["api.example.org"]),
    )
    .await;
    let rows = memory.tenant(&id);
    for collection in Collection::ALL {
        let page = rows
            .list_documents(collection, "", &PageRequest::default())
            .await
            .unwrap();
        for document in page.entries {
            let text = String::from_utf8_lossy(&document.content).into_owned();
            assert!(
                !text.contains("hunter2") && !text.contains("token"),
                "{text}"
            );
            assert!(text.contains("api.example.org"));
        }
    }
}

#[tokio::test]
async fn nothing_of_it_shows_in_what_others_keep() {
    let id = tenant("acme");
    let document = json!({"acme": {
        "crm": {"type": "bearer", "fields": {"token": {"env": "T"}}, "hosts": ["api.example.org"]},
        "bad": {"type": "basic", "fields": {"user": {"env": "T"}, "password": 7}}
    }});
    let external = ExternalCredentials::parse(
        document.to_string().as_bytes(),
        CredentialTypes::new(),
        |_| Some(Secret::new(SECRET.to_owned())),
    )
    .unwrap();
    let mut shown = format!(
        "{external:?} {:?} {:?} {:?}",
        external.credential(&id, "crm"),
        external.credential(&id, "bad"),
        external.find(&id, "crm")
    );
    let layered = LayeredSecrets::new().with(external);
    shown += &format!("{layered:?} {:?}", layered.credential(&id, "crm"));
    assert!(!shown.contains("hunter2"), "{shown}");
}
