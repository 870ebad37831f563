use std::sync::{Arc, Mutex};

use jackfield_credentials::{
    CredentialAudit, CredentialEvent, CredentialStore, CredentialStoreBuilder, KeyId, MasterKey,
    MasterKeys, NewCredential, TenantCredentials,
};
use jackfield_store_api::Expected;
use jackfield_tenancy::CredentialUse;
use jackfield_testkit::store::{FragileStore, MemoryStore};
use jackfield_types::{NodeTypeId, Secret, TenantId, Transport};
use semver::Version;
use serde_json::{Value, json};

pub(crate) static VERSION: Version = Version::new(1, 0, 0);

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

pub(crate) fn node_type(name: &str) -> NodeTypeId {
    NodeTypeId::parse(name).unwrap()
}

pub(crate) fn wanted<'a>(node_type: &'a NodeTypeId, host: &'a str) -> CredentialUse<'a> {
    CredentialUse {
        node_type,
        version: &VERSION,
        transport: Transport::Https,
        host,
        port: 443,
    }
}

pub(crate) fn key(id: &str) -> MasterKey {
    MasterKey::generate(KeyId::parse(id).unwrap()).unwrap()
}

pub(crate) fn keys(keys: &[&MasterKey]) -> MasterKeys {
    MasterKeys::new(keys.iter().map(|&key| key.clone()).collect()).unwrap()
}

pub(crate) fn builder(store: &MemoryStore, own: &[&MasterKey]) -> CredentialStoreBuilder {
    CredentialStore::builder(Arc::new(store.clone()), keys(own))
}

/// The same store, as a process has it that is about to lose it.
pub(crate) fn fragile(
    store: &MemoryStore,
    own: &[&MasterKey],
) -> (FragileStore, CredentialStoreBuilder) {
    let fragile = FragileStore::new(Arc::new(store.clone()));
    let builder = CredentialStore::builder(Arc::new(fragile.clone()), keys(own));
    (fragile, builder)
}

pub(crate) fn new(credential_type: &str, fields: Value) -> NewCredential {
    let Value::Object(fields) = fields else {
        panic!("fields are an object");
    };
    NewCredential {
        credential_type: credential_type.to_owned(),
        fields: Secret::new(fields),
        hosts: None,
        node_types: None,
    }
}

pub(crate) fn bearer(token: &str) -> NewCredential {
    new("bearer", json!({ "token": token }))
}

pub(crate) fn bound(token: &str, hosts: &[&str]) -> NewCredential {
    NewCredential {
        hosts: Some(hosts.iter().map(|&host| host.to_owned()).collect()),
        ..bearer(token)
    }
}

pub(crate) async fn put(credentials: &TenantCredentials, name: &str, new: &NewCredential) {
    credentials
        .put(name, new, Expected::Anything)
        .await
        .unwrap();
}

/// The token of a credential, for a host that nobody refuses.
pub(crate) async fn token(credentials: &TenantCredentials, name: &str) -> Result<String, String> {
    let node_type = node_type("http-request");
    let found = credentials
        .resolve(name, &wanted(&node_type, "api.example.org"))
        .await;
    let found = found.map_err(|error| error.to_string())?;
    Ok(found.text("token").unwrap().expose().clone())
}

/// Writes down what it is told.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl CredentialAudit for Told {
    fn record(&self, tenant: &TenantId, name: &str, event: &CredentialEvent<'_>) {
        let told = format!("{tenant} {name} {event:?}");
        self.0.lock().unwrap().push(told);
    }
}
