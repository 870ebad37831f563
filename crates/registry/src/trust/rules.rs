use std::collections::BTreeMap;
use std::path::Path;

use jackfield_types::PluginId;
use serde::{Deserialize, Serialize};

use super::error::{TrustError, TrustRulesError};
use super::key::PublicKey;
use super::publisher::PublisherName;
use super::rules_document;
use super::scope::Scope;
use super::signature::{PackageSignatures, SignedPackage};

/// Whether packages have to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Signatures {
    /// Each has to be signed by somebody who is trusted to sign it.
    #[default]
    Required,
    /// Nobody need sign, but what is signed must not have been altered since; and whoever takes the
    /// name of a publisher that is trusted has to be that publisher.
    Optional,
    /// Nobody looks at signatures: for writing plugins, not for running them for others.
    Ignored,
}

impl Signatures {
    /// The word as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
            Self::Ignored => "ignored",
        }
    }
}

/// Whom an instance trusts. The default trusts nobody, and so refuses every package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustRules {
    signatures: Signatures,
    publishers: BTreeMap<PublisherName, Trusted>,
}

/// What a publisher is trusted with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trusted {
    pub(super) keys: Vec<PublicKey>,
    pub(super) plugins: Vec<Scope>,
}

impl TrustRules {
    /// Rules that name no publishers yet.
    pub fn new(signatures: Signatures) -> Self {
        Self {
            signatures,
            publishers: BTreeMap::new(),
        }
    }

    /// Reads rules: TOML with `signatures`, and a table for each publisher with its `keys` and, where
    /// they are not just its own, the `plugins` that it may sign.
    ///
    /// ```
    /// use jackfield_registry::trust::{Signatures, TrustRules};
    ///
    /// let rules = TrustRules::parse(
    ///     r#"
    ///     signatures = "required"
    ///
    ///     [publishers.acme]
    ///     keys = ["ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"]
    ///
    ///     [publishers.our-reviewers]
    ///     keys = ["ed25519:PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"]
    ///     plugins = ["*"]
    ///     "#,
    /// )?;
    /// assert_eq!(rules.signatures(), Signatures::Required);
    /// # Ok::<(), jackfield_registry::trust::TrustRulesError>(())
    /// ```
    ///
    /// # Errors
    /// [`TrustRulesError`], with the place of what is wrong.
    pub fn parse(text: &str) -> Result<Self, TrustRulesError> {
        rules_document::parse(text, None)
    }

    /// Reads rules from a file.
    ///
    /// # Errors
    /// [`TrustRulesError::Io`] and [`TrustRulesError::TooLarge`], else those of
    /// [`parse`](Self::parse).
    pub fn read(path: &Path) -> Result<Self, TrustRulesError> {
        rules_document::read(path)
    }

    /// The rules as [`parse`](Self::parse) reads them.
    pub fn to_toml(&self) -> String {
        rules_document::write(self)
    }

    /// Whether packages have to be signed.
    pub fn signatures(&self) -> Signatures {
        self.signatures
    }

    /// Whether packages have to be signed, from now on.
    pub fn set_signatures(&mut self, signatures: Signatures) {
        self.signatures = signatures;
    }

    /// Those who are trusted, with their keys and what they may sign, by name.
    pub fn publishers(&self) -> impl Iterator<Item = (&PublisherName, &[PublicKey], &[Scope])> {
        self.publishers
            .iter()
            .map(|(name, trusted)| (name, &*trusted.keys, &*trusted.plugins))
    }

    /// Trusts a publisher with a key, besides those that it has. For a publisher that is new, no
    /// `plugins` means its own.
    ///
    /// # Errors
    /// [`TrustRulesError::SharedKey`] when the key is another's.
    pub fn trust(
        &mut self,
        publisher: &PublisherName,
        key: PublicKey,
        plugins: &[Scope],
    ) -> Result<(), TrustRulesError> {
        if let Some((first, _)) = self.holder(&key)
            && first != publisher
        {
            return Err(TrustRulesError::SharedKey {
                key,
                first: first.clone(),
                second: publisher.clone(),
            });
        }
        let is_new = !self.publishers.contains_key(publisher);
        let trusted = self
            .publishers
            .entry(publisher.clone())
            .or_insert_with(|| Trusted {
                keys: Vec::new(),
                plugins: Vec::new(),
            });
        if !trusted.keys.contains(&key) {
            trusted.keys.push(key);
        }
        for scope in plugins {
            if !trusted.plugins.contains(scope) {
                trusted.plugins.push(scope.clone());
            }
        }
        if is_new && plugins.is_empty() {
            trusted.plugins.push(Scope::Publisher(publisher.clone()));
        }
        Ok(())
    }

    /// Trusts a key no more, and a publisher that has no other key neither. Gives whose it was.
    pub fn distrust(&mut self, key: &PublicKey) -> Option<PublisherName> {
        let name = self.holder(key)?.0.clone();
        if let Some(trusted) = self.publishers.get_mut(&name) {
            trusted.keys.retain(|other| other != key);
            if trusted.keys.is_empty() {
                self.publishers.remove(&name);
            }
        }
        Some(name)
    }

    fn holder(&self, key: &PublicKey) -> Option<(&PublisherName, &Trusted)> {
        self.publishers
            .iter()
            .find(|(_, trusted)| trusted.keys.contains(key))
    }

    /// Decides about a package: `signatures` is what stands in its
    /// [`SIGNATURE_FILE`](super::SIGNATURE_FILE), if it has one. Whoever calls it has checked that
    /// the package has the digest that is named.
    ///
    /// Gives the publisher who signed it; of several the one that the plugin is named after, else the
    /// one whose signature comes first. `None` when the package is taken though nobody signed it who
    /// is trusted to.
    ///
    /// # Errors
    /// [`TrustError`] when it is not to be taken.
    pub fn judge(
        &self,
        package: &SignedPackage<'_>,
        signatures: Option<&[u8]>,
    ) -> Result<Option<PublisherName>, TrustError> {
        if self.signatures == Signatures::Ignored {
            return Ok(None);
        }
        let plugin = package.plugin;
        let signatures = match signatures {
            Some(bytes) => {
                PackageSignatures::parse(bytes).map_err(|source| TrustError::Malformed {
                    plugin: plugin.clone(),
                    source,
                })?
            }
            None => PackageSignatures::default(),
        };
        let altered = signatures
            .entries()
            .find(|(key, signature)| !key.verifies(package, signature));
        if let Some((key, _)) = altered {
            return Err(TrustError::Altered {
                plugin: plugin.clone(),
                key: *key,
            });
        }
        let mut signer: Option<&PublisherName> = None;
        let mut outside: Option<&PublisherName> = None;
        for (key, _) in signatures.entries() {
            let Some((name, trusted)) = self.holder(key) else {
                continue;
            };
            if !trusted.plugins.iter().any(|scope| scope.covers(plugin)) {
                outside = outside.or(Some(name));
            } else if signer.is_none() || name.as_str() == plugin.publisher() {
                signer = Some(name);
            }
        }
        if signer.is_some() {
            return Ok(signer.cloned());
        }
        let claimant = self.claimant(plugin);
        if self.signatures == Signatures::Optional && claimant.is_none() {
            return Ok(None);
        }
        let plugin = plugin.clone();
        Err(match (outside, signatures.entries().next(), claimant) {
            (Some(publisher), _, _) => TrustError::OutOfScope {
                plugin,
                publisher: publisher.clone(),
            },
            (None, Some((key, _)), _) => TrustError::UnknownKey { plugin, key: *key },
            (None, None, Some(publisher)) => TrustError::UnsignedClaim {
                plugin,
                publisher: publisher.clone(),
            },
            (None, None, None) => TrustError::Unsigned { plugin },
        })
    }

    /// Who is trusted with this very plugin, or with those of its publisher.
    fn claimant(&self, plugin: &PluginId) -> Option<&PublisherName> {
        let mut all = self.publishers.iter();
        let claims = |trusted: &Trusted| trusted.plugins.iter().any(|scope| scope.names(plugin));
        all.find_map(|(name, trusted)| claims(trusted).then_some(name))
    }
}
