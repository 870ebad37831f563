use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jackfield_plugin_api::{Grants, NodeError};
use jackfield_types::{Capability, Credential, ErrorCode, Object, PluginQuota, Secret, Transport};
use serde_json::{Value, json};

/// [`Grants`] that a test says, which remember what they were asked for.
///
/// Clones share what they remember.
#[derive(Debug, Clone, Default)]
pub struct ScriptedGrants {
    capabilities: Option<Vec<Capability>>,
    hosts: Option<Vec<String>>,
    secrets: BTreeMap<String, Secret<String>>,
    unreadable: BTreeSet<String>,
    credentials: BTreeMap<String, (Credential, Vec<String>)>,
    masked: BTreeSet<String>,
    is_relaxed: Arc<AtomicBool>,
    plugin_quota: PluginQuota,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ScriptedGrants {
    /// Grants every host, and no secret.
    pub fn open() -> Self {
        Self::default()
    }

    /// Grants these capabilities and no others.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: &[Capability]) -> Self {
        self.capabilities = Some(capabilities.to_vec());
        self
    }

    /// Grants these hosts and no others, each with its port: `example.org:443`.
    #[must_use]
    pub fn with_hosts(mut self, hosts: &[&str]) -> Self {
        self.hosts = Some(hosts.iter().map(|&host| host.to_owned()).collect());
        self
    }

    /// Keeps a secret.
    #[must_use]
    pub fn with_secret(mut self, name: &str, value: &str) -> Self {
        self.secrets
            .insert(name.to_owned(), Secret::new(value.to_owned()));
        self
    }

    /// Keeps a secret that cannot be read.
    #[must_use]
    pub fn with_unreadable_secret(mut self, name: &str) -> Self {
        self.unreadable.insert(name.to_owned());
        self
    }

    /// Keeps a credential that may be used for these hosts, each with its port, and not be read as a
    /// secret.
    #[must_use]
    pub fn with_credential(mut self, credential: Credential, hosts: &[&str]) -> Self {
        let hosts = hosts.iter().map(|&host| host.to_owned()).collect();
        self.credentials
            .insert(credential.name().to_owned(), (credential, hosts));
        self
    }

    /// Masks fields of these names wherever they are in what comes out.
    #[must_use]
    pub fn with_masked_fields(mut self, names: &[&str]) -> Self {
        self.masked = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    /// Leaves data filters as they are.
    #[must_use]
    pub fn relaxed(mut self) -> Self {
        self.is_relaxed = Arc::new(AtomicBool::new(true));
        self
    }

    /// Leaves data filters as they are from now on, in all clones, as when the policy is replaced
    /// while a call runs.
    pub fn relax(&self) {
        self.is_relaxed.store(true, Ordering::Release);
    }

    /// Gives plugins so much and no more.
    #[must_use]
    pub fn with_plugin_quota(mut self, quota: PluginQuota) -> Self {
        self.plugin_quota = quota;
        self
    }

    /// What was asked for so far, in order: `host example.org:443`, `secret api-key`.
    pub fn asked(&self) -> Vec<String> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn secrets(&self) -> &BTreeMap<String, Secret<String>> {
        &self.secrets
    }

    fn remember(&self, asked: String) {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(asked);
    }
}

impl Grants for ScriptedGrants {
    fn check_capability(&self, capability: Capability) -> Result<(), NodeError> {
        let granted = self.capabilities.as_ref();
        if granted.is_none_or(|granted| granted.contains(&capability)) {
            return Ok(());
        }
        let message = format!(
            "`{}` is not in the capabilities of the test",
            capability.as_str()
        );
        Err(NodeError::refused(ErrorCode::TENANT_FORBIDDEN, message))
    }

    fn check_host(&self, host: &str, port: u16) -> Result<(), NodeError> {
        let host = format!("{host}:{port}");
        self.remember(format!("host {host}"));
        if self
            .hosts
            .as_ref()
            .is_none_or(|hosts| hosts.contains(&host))
        {
            return Ok(());
        }
        let message = format!("`{host}` is not in the hosts of the test");
        Err(NodeError::refused(ErrorCode::TENANT_FORBIDDEN, message))
    }

    fn secret(&self, name: &str) -> Result<Secret<String>, NodeError> {
        self.remember(format!("secret {name}"));
        if self.unreadable.contains(name) {
            let message = format!("the test has no key for secret `{name}`");
            let code = ErrorCode::CREDENTIAL_UNREADABLE;
            return Err(NodeError::permanent(code, message));
        }
        if self.credentials.contains_key(name) {
            let message = format!("credential `{name}` is bound by its hosts");
            return Err(NodeError::refused(ErrorCode::TENANT_FORBIDDEN, message));
        }
        self.secrets.get(name).cloned().ok_or_else(|| {
            let message = format!("no secret `{name}` is kept by the test");
            NodeError::permanent(ErrorCode::CREDENTIAL_MISSING, message)
        })
    }

    fn credential(
        &self,
        name: &str,
        transport: Transport,
        host: &str,
        port: u16,
    ) -> Result<Credential, NodeError> {
        let host = format!("{host}:{port}");
        let over = transport.prefix();
        self.remember(format!("credential {name} for {over}{host}"));
        let Some((credential, hosts)) = self.credentials.get(name) else {
            let message = format!("no credential `{name}` is kept by the test");
            return Err(NodeError::permanent(ErrorCode::CREDENTIAL_MISSING, message));
        };
        if hosts.contains(&host) {
            return Ok(credential.clone());
        }
        let message = format!("`{host}` is not in hosts of credential `{name}`");
        Err(NodeError::refused(ErrorCode::TENANT_FORBIDDEN, message))
    }

    fn placed_credential(
        &self,
        name: &str,
        place: &dyn Fn(&Credential) -> (String, u16),
    ) -> Result<Credential, NodeError> {
        let (host, port) = match self.credentials.get(name) {
            Some((credential, _)) => place(credential),
            None => (String::new(), 0),
        };
        self.credential(name, Transport::Own, &host, port)
    }

    fn plugin_quota(&self) -> PluginQuota {
        self.plugin_quota
    }

    /// Adds the tenant of every [`StaticCall`](crate::StaticCall) that names none.
    fn isolate(&self, filter: &Value) -> Value {
        if self.is_relaxed.load(Ordering::Acquire) {
            return filter.clone();
        }
        json!({ "and": [{ "tenantId": { "eq": crate::call::TENANT } }, filter] })
    }

    fn comes_out_whole(&self, item: &Object) -> bool {
        fn names(value: &Value) -> Vec<&str> {
            match value {
                Value::Array(list) => list.iter().flat_map(names).collect(),
                Value::Object(object) => object_names(object),
                _ => Vec::new(),
            }
        }
        fn object_names(object: &Object) -> Vec<&str> {
            let members = object.iter();
            members
                .flat_map(|(name, value)| [vec![name.as_str()], names(value)].concat())
                .collect()
        }
        !object_names(item)
            .iter()
            .any(|&name| self.masked.contains(name))
    }

    fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let secrets = self.secrets.values();
        secrets.fold(Cow::Borrowed(text), |text, secret| {
            Cow::Owned(text.replace(secret.expose(), "[redacted]"))
        })
    }

    fn to_shared(&self) -> Arc<dyn Grants> {
        Arc::new(self.clone())
    }
}
