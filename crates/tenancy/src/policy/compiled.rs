//! A policy, compiled: it cannot be wrong any more, it does not change, and it answers fast.

use std::fmt::{self, Write};
use std::sync::Arc;

use jackfield_definition::{Diagnostic, Diagnostics};
use jackfield_types::{
    Capability, ErrorCode, NodeTypeId, OutputFilter, PluginOrigin, Policy, Quotas, UserId,
};
use semver::Version;
use sha2::{Digest, Sha256};

use crate::redaction::{RedactionError, RedactionRules};

use super::decision::{Decision, Refusal};
use super::finding::Finding;
use super::hosts::{HostPattern, may_reach};
use super::memo::Memo;
use super::node_pattern::{Effect, NodePatterns};
use super::pattern::{NameKind, NameSet, PatternSetError};

/// What stands in `trustedPublishers` for plugins that no publisher signed whom the instance trusts.
const UNSIGNED: &str = "unsigned";

/// A policy as it is enforced.
pub struct TenantPolicy {
    document: Policy,
    quotas: Arc<Quotas>,
    pub(super) allowed: NodePatterns,
    pub(super) restricted: NodePatterns,
    allowed_users: Option<NameSet>,
    blocked_users: NameSet,
    hosts: Option<Vec<HostPattern>>,
    environment: Option<NameSet>,
    secrets: Option<NameSet>,
    /// The capabilities that are granted, one bit each; `None` when nothing is said.
    ceiling: Option<u16>,
    publishers: Option<NameSet>,
    redaction: Arc<RedactionRules>,
    pub(super) rules: Rules,
    digest: Arc<str>,
    memo: Memo,
}

/// Why a policy could not be compiled although nothing was found wrong with it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    /// A list of names and globs.
    #[error("{0}")]
    Patterns(#[from] PatternSetError),
    /// What is to be taken out.
    #[error("{0}")]
    Redaction(#[from] RedactionError),
}

/// The rules that are no entries of a list.
pub(super) struct Rules {
    pub(super) all_node_types: Arc<str>,
    pub(super) not_allowed: Arc<str>,
}

impl TenantPolicy {
    /// Checks and compiles a policy.
    ///
    /// # Errors
    /// All findings, when one of them is an error; there is no text to point at, only JSON
    /// Pointers.
    pub fn compile(policy: &Policy) -> Result<Self, Diagnostics> {
        let findings = super::check::check(policy, None);
        if findings.iter().any(Finding::is_error) {
            let diagnostics = findings.into_iter().map(Finding::into_diagnostic);
            return Err(Diagnostics::collect(diagnostics, None));
        }
        Self::compile_checked(policy).map_err(|error| {
            let finding = Diagnostic::new(ErrorCode::INVALID_POLICY, error.to_string());
            Diagnostics::collect([finding], None)
        })
    }

    /// Compiles what nothing is known to be wrong with.
    pub(crate) fn compile_checked(policy: &Policy) -> Result<Self, CompileError> {
        let names = |kind, field, entries: &Option<Vec<String>>| {
            let entries = entries.as_deref();
            entries
                .map(|entries| NameSet::compile(kind, field, entries))
                .transpose()
        };
        let users = Some(policy.allowed_users.clone()).filter(|users| !users.is_empty());
        let hosts = policy.allowed_hosts.as_ref().map(|entries| {
            let parsed = entries.iter().map(|entry| HostPattern::parse(entry));
            // Nothing that does not parse can be reached.
            parsed.filter_map(Result::ok).collect()
        });
        Ok(Self {
            quotas: Arc::new(policy.quotas.clone()),
            allowed: NodePatterns::compile(
                Effect::Allow,
                "allowedNodeTypes",
                &policy.allowed_node_types,
            )?,
            restricted: NodePatterns::compile(
                Effect::Refuse,
                "restrictedNodeTypes",
                &policy.restricted_node_types,
            )?,
            allowed_users: names(NameKind::ALLOWED_USER, "allowedUsers", &users)?,
            blocked_users: NameSet::compile(
                NameKind::BLOCKED_USER,
                "blockedUsers",
                &policy.blocked_users,
            )?,
            hosts,
            environment: names(NameKind::ENVIRONMENT, "environment", &policy.environment)?,
            secrets: names(NameKind::SECRET, "secrets", &policy.secrets)?,
            ceiling: policy.capabilities.as_deref().map(bits),
            publishers: names(
                NameKind::PUBLISHER,
                "trustedPublishers",
                &policy.trusted_publishers,
            )?,
            redaction: Arc::new(RedactionRules::compile(
                &policy.output_filters,
                &policy.sensitive_field_patterns,
            )?),
            rules: Rules {
                all_node_types: "allowedNodeTypes is empty: all node types".into(),
                not_allowed: "not in allowedNodeTypes".into(),
            },
            digest: digest(policy),
            memo: Memo::default(),
            document: policy.clone(),
        })
    }

    /// The document that it was compiled from.
    pub fn document(&self) -> &Policy {
        &self.document
    }

    /// What tells this policy from every other one: `sha256:` and the digest of the document.
    pub fn digest(&self) -> &Arc<str> {
        &self.digest
    }

    /// How much may be done.
    pub fn quotas(&self) -> &Arc<Quotas> {
        &self.quotas
    }

    /// What is taken out of, or masked in, what comes out. In force it includes what the instance
    /// takes out for every tenant.
    pub fn redaction(&self) -> &Arc<RedactionRules> {
        &self.redaction
    }

    /// Adds what the instance takes out for every tenant.
    pub(crate) fn add_redaction(
        &mut self,
        filters: &[OutputFilter],
        patterns: &[String],
    ) -> Result<(), RedactionError> {
        // The policy's own come first, so that what is wrong with them has their places.
        let filters = [&self.document.output_filters, filters].concat();
        let patterns = [&self.document.sensitive_field_patterns, patterns].concat();
        self.redaction = Arc::new(RedactionRules::compile(&filters, &patterns)?);
        Ok(())
    }

    /// Decides about a node type: the capabilities that it asks for first, then the allow list,
    /// then the deny list.
    ///
    /// What was decided is remembered for a while, so that it costs little to ask again.
    pub fn decide(
        &self,
        node_type: &NodeTypeId,
        version: &Version,
        capabilities: &[Capability],
    ) -> Decision {
        self.memo
            .recall(node_type, version, bits(capabilities), || {
                self.decide_anew(node_type, version, capabilities)
            })
    }

    fn decide_anew(
        &self,
        node_type: &NodeTypeId,
        version: &Version,
        capabilities: &[Capability],
    ) -> Decision {
        if let Some(rule) = self.missing_capability(capabilities) {
            return Decision::Refused(Refusal { rule });
        }
        let name = node_type.as_str();
        let allowing = if self.allowed.is_empty() {
            &self.rules.all_node_types
        } else if let Some(rule) = self.allowed.find(name, version) {
            rule
        } else {
            let rule = Arc::clone(&self.rules.not_allowed);
            return Decision::Refused(Refusal { rule });
        };
        match self.restricted.find(name, version) {
            Some(rule) => Decision::Refused(Refusal {
                rule: Arc::clone(rule),
            }),
            None => Decision::Allowed {
                rule: Arc::clone(allowing),
            },
        }
    }

    /// The rule about the first capability that is asked for and not granted.
    pub(super) fn missing_capability(&self, capabilities: &[Capability]) -> Option<Arc<str>> {
        let Some(ceiling) = self.ceiling else {
            return unnamed_capability(capabilities);
        };
        let missing = capabilities
            .iter()
            .find(|&&capability| ceiling & bit(capability) == 0)?;
        Some(format!("capability `{}` is not granted", missing.as_str()).into())
    }

    /// Decides about the user on whose behalf something is started. Who is not named is nobody:
    /// not blocked, and not in a list of those who are allowed.
    ///
    /// # Errors
    /// The [`Refusal`] with its rule.
    pub fn decide_user(&self, user: Option<&UserId>) -> Result<(), Refusal> {
        let Some(allowed) = &self.allowed_users else {
            return self.decide_blocked(user);
        };
        let Some(user) = user else {
            return Err(Refusal::new(
                "no user is named, and allowedUsers is not empty",
            ));
        };
        if !allowed.matches(user.as_str()) {
            return Err(Refusal::new("not in allowedUsers"));
        }
        self.decide_blocked(Some(user))
    }

    fn decide_blocked(&self, user: Option<&UserId>) -> Result<(), Refusal> {
        match user.and_then(|user| self.blocked_users.find(user.as_str())) {
            Some(rule) => Err(Refusal {
                rule: Arc::clone(rule),
            }),
            None => Ok(()),
        }
    }

    /// Decides whether a host may be reached at a port. What the instance forbids to everybody
    /// stays forbidden.
    ///
    /// # Errors
    /// The [`Refusal`] with its rule.
    pub fn decide_host(&self, host: &str, port: u16) -> Result<(), Refusal> {
        match &self.hosts {
            Some(hosts) if !may_reach(hosts, host, port) => Err(Refusal::new(format!(
                "`{}` at port {port} is not in allowedHosts",
                short(host)
            ))),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether expressions may read a name of the environment, of those that the instance grants.
    pub fn may_read_environment(&self, name: &str) -> bool {
        let names = self.environment.as_ref();
        names.is_none_or(|names| names.matches(name))
    }

    /// Decides whether a capability may be used.
    ///
    /// # Errors
    /// The [`Refusal`] with its rule.
    pub fn decide_capability(&self, capability: Capability) -> Result<(), Refusal> {
        match self.missing_capability(&[capability]) {
            Some(rule) => Err(Refusal { rule }),
            None => Ok(()),
        }
    }

    /// Decides whether the node types of a plugin may be used, by who signed it.
    ///
    /// # Errors
    /// The [`Refusal`] with its rule.
    pub fn decide_plugin(&self, origin: &PluginOrigin) -> Result<(), Refusal> {
        let Some(publishers) = &self.publishers else {
            return Ok(());
        };
        // No glob means those who did not sign: they have to be let in by that very word.
        let signer = origin.signer.as_deref().filter(|name| *name != UNSIGNED);
        let Some(signer) = signer else {
            let named = self.document.trusted_publishers.as_deref();
            if named.is_some_and(|names| names.iter().any(|name| name == UNSIGNED)) {
                return Ok(());
            }
            return Err(Refusal::new(format!(
                "plugin `{}` is not signed by a trusted publisher, and `{UNSIGNED}` is not in trustedPublishers",
                origin.plugin
            )));
        };
        if publishers.matches(signer) {
            return Ok(());
        }
        Err(Refusal::new(format!(
            "publisher `{}` of plugin `{}` is not in trustedPublishers",
            short(signer),
            origin.plugin
        )))
    }

    /// Decides whether a secret may be read.
    ///
    /// # Errors
    /// The [`Refusal`] with its rule.
    pub fn decide_secret(&self, name: &str) -> Result<(), Refusal> {
        match &self.secrets {
            Some(names) if !names.matches(name) => {
                Err(Refusal::new(format!("`{}` is not in secrets", short(name))))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl fmt::Debug for TenantPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TenantPolicy").field(&self.document).finish()
    }
}

fn digest(policy: &Policy) -> Arc<str> {
    // A policy has no keys that are not texts; there is nothing that could go wrong.
    let document = serde_json::to_vec(policy).unwrap_or_default();
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(&document) {
        let _ = write!(text, "{byte:02x}");
    }
    text.into()
}

/// The rule about the first capability that has to be named to be granted, where none is.
pub(crate) fn unnamed_capability(capabilities: &[Capability]) -> Option<Arc<str>> {
    let missing = capabilities
        .iter()
        .find(|capability| !capability.is_granted_by_default())?;
    let name = missing.as_str();
    Some(format!("capability `{name}` is not granted: no policy names it in `capabilities`").into())
}

fn bit(capability: Capability) -> u16 {
    1 << (capability as u16)
}

fn bits(capabilities: &[Capability]) -> u16 {
    capabilities
        .iter()
        .fold(0, |bits, &capability| bits | bit(capability))
}

/// A name from outside, cut to what a message can hold.
fn short(name: &str) -> String {
    const SHOWN: usize = 100;
    let mut text: String = name.chars().take(SHOWN).collect();
    if text.len() < name.len() {
        text.push('…');
    }
    text
}
