//! What credentials are bound to: hosts, and node types.
//!
//! What is bound to hosts goes there protected. Over plain `http`, which everybody on the way can
//! read, it goes only where the binding says `http://` itself; this machine is no exception, for its
//! ports are anybody's.

use std::fmt;

use jackfield_types::{Credential, NodeTypeId, Object, Secret, Transport};
use semver::Version;

use crate::policy::{
    Effect, HostError, HostPattern, NodePatterns, PatternError, PatternSetError, Refusal, may_reach,
};

/// The most entries that a list of a binding has.
const MOST_ENTRIES: usize = 256;

/// The type of a credential that is nothing but a secret, in its field `value`.
pub const PLAIN_TYPE: &str = "secret";

/// What a credential is to be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialUse<'a> {
    /// The node type that uses it.
    pub node_type: &'a NodeTypeId,
    /// In which version.
    pub version: &'a Version,
    /// What protects it on its way.
    pub transport: Transport,
    /// The host, without brackets, that it goes to.
    pub host: &'a str,
    /// The port.
    pub port: u16,
}

/// Where a credential may be used. What is compiled cannot be wrong any more.
#[derive(Debug, Clone, Default)]
pub struct CredentialBinding {
    hosts: Option<Vec<BoundHost>>,
    node_types: Option<NodePatterns>,
}

/// An entry of `hosts`.
#[derive(Debug, Clone)]
struct BoundHost {
    scheme: Scheme,
    pattern: HostPattern,
}

/// What an entry says of the way there.
#[derive(Debug, Clone, Copy)]
enum Scheme {
    /// Nothing: any that protects.
    Unsaid,
    /// `https://`.
    Https,
    /// `http://`, which is whoever binds it saying that it may go unprotected.
    Http,
}

impl BoundHost {
    fn parse(entry: &str) -> Result<Self, HostError> {
        let beginning = |prefix: &str| {
            let found = entry.get(..prefix.len())?;
            let rest = entry.get(prefix.len()..)?;
            found.eq_ignore_ascii_case(prefix).then_some(rest)
        };
        let (scheme, host) = match (beginning("https://"), beginning("http://")) {
            (Some(host), _) => (Scheme::Https, host),
            (None, Some(host)) => (Scheme::Http, host),
            (None, None) => (Scheme::Unsaid, entry),
        };
        let pattern = HostPattern::parse(host)?;
        Ok(Self { scheme, pattern })
    }

    fn means(&self, host: &str, port: u16) -> bool {
        may_reach(std::slice::from_ref(&self.pattern), host, port)
    }

    fn takes(&self, transport: Transport) -> bool {
        match (self.scheme, transport) {
            (Scheme::Unsaid, Transport::Https | Transport::Own)
            | (Scheme::Https, Transport::Https)
            | (Scheme::Http, Transport::Http | Transport::Https) => true,
            (Scheme::Unsaid | Scheme::Https, Transport::Http)
            | (Scheme::Https | Scheme::Http, Transport::Own) => false,
        }
    }
}

/// What is wrong with a binding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {problem}")]
pub struct BindingError {
    /// The list: `hosts` or `nodeTypes`.
    pub field: &'static str,
    /// What is wrong, and what to write.
    pub problem: String,
}

impl CredentialBinding {
    /// Compiles what is written like `allowedHosts` and `allowedNodeTypes` of a policy. Nothing
    /// given: anything; an empty list: nothing. A host with `http://` before it may be reached over
    /// plain `http` too; the others are not.
    ///
    /// # Errors
    /// [`BindingError`] about the first entry that never matches or means nothing.
    pub fn compile(
        hosts: Option<&[String]>,
        node_types: Option<&[String]>,
    ) -> Result<Self, BindingError> {
        bounded("hosts", hosts)?;
        bounded("nodeTypes", node_types)?;
        let hosts = hosts.map(|entries| {
            let entries = entries.iter().map(|entry| {
                BoundHost::parse(entry).map_err(|error| BindingError {
                    field: "hosts",
                    problem: format!("{error}; {}", error.hint()),
                })
            });
            entries.collect::<Result<Vec<_>, _>>()
        });
        let node_types = node_types
            .map(|entries| NodePatterns::compile(Effect::Allow, "nodeTypes", entries))
            .transpose()
            .map_err(|error: PatternSetError| BindingError {
                field: "nodeTypes",
                problem: with_hint(error.cause()),
            })?;
        Ok(Self {
            hosts: hosts.transpose()?,
            node_types,
        })
    }

    /// Whether the credential may be used for anything.
    pub fn is_free(&self) -> bool {
        self.hosts.is_none() && self.node_types.is_none()
    }

    /// Asks whether a credential of this name may be used for something.
    ///
    /// # Errors
    /// The [`Refusal`] with its rule.
    pub fn check(&self, name: &str, wanted: &CredentialUse<'_>) -> Result<(), Refusal> {
        let CredentialUse {
            node_type,
            version,
            transport,
            host,
            port,
        } = *wanted;
        if let Some(node_types) = &self.node_types
            && node_types.find(node_type.as_str(), version).is_none()
        {
            return Err(Refusal::new(format!(
                "node type `{node_type}` {version} is not in nodeTypes of credential `{name}`"
            )));
        }
        let Some(hosts) = &self.hosts else {
            return Ok(());
        };
        let mut meant = hosts
            .iter()
            .filter(|bound| bound.means(host, port))
            .peekable();
        let is_meant = meant.peek().is_some();
        if meant.any(|bound| bound.takes(transport)) {
            return Ok(());
        }
        let shown: String = host.chars().take(100).collect();
        Err(Refusal::new(match transport {
            Transport::Http if is_meant => format!(
                "`{shown}` at port {port} would get credential `{name}` over `http`, which everybody on the way can read; use `https`, or bind it to `http://{shown}:{port}` if that is meant"
            ),
            Transport::Http | Transport::Https | Transport::Own => {
                format!("`{shown}` at port {port} is not in hosts of credential `{name}`")
            }
        }))
    }

    /// Asks whether a credential may be read as a plain secret, which goes nobody knows where.
    ///
    /// # Errors
    /// The [`Refusal`], when it is bound to anything.
    pub fn check_plain(&self, name: &str) -> Result<(), Refusal> {
        if self.is_free() {
            return Ok(());
        }
        let bound = if self.hosts.is_some() {
            "hosts"
        } else {
            "nodeTypes"
        };
        Err(Refusal::new(format!(
            "credential `{name}` is bound by its {bound}, and can only be named where nodes take a credential, as in `\"auth\": {{\"credential\": \"{name}\"}}`"
        )))
    }
}

fn bounded(field: &'static str, entries: Option<&[String]>) -> Result<(), BindingError> {
    match entries {
        Some(entries) if entries.len() > MOST_ENTRIES => Err(BindingError {
            field,
            problem: format!(
                "at most {MOST_ENTRIES} entries, not {}; write globs",
                entries.len()
            ),
        }),
        Some(_) | None => Ok(()),
    }
}

fn with_hint(error: &PatternError) -> String {
    match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}

/// A credential with what it is bound to, as sources hand it over.
#[derive(Clone)]
pub struct BoundCredential {
    /// The credential.
    pub credential: Credential,
    /// Where it may be used.
    pub binding: CredentialBinding,
}

impl BoundCredential {
    /// A secret as a credential that is bound to nothing.
    pub fn plain(name: &str, secret: &Secret<String>) -> Self {
        let value = secret.expose();
        let fields = Object::from_iter([("value".to_owned(), value.clone().into())]);
        Self {
            credential: Credential::new(name, PLAIN_TYPE, fields, vec![value.clone()]),
            binding: CredentialBinding::default(),
        }
    }

    /// The texts that must not be shown.
    pub fn to_secrets(&self) -> Vec<Secret<String>> {
        let secrets = self.credential.expose_secrets().iter();
        secrets.cloned().map(Secret::new).collect()
    }
}

impl fmt::Debug for BoundCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundCredential")
            .field("credential", &self.credential)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|&entry| entry.to_owned()).collect()
    }

    fn check(
        binding: &CredentialBinding,
        node_type: &str,
        host: &str,
        port: u16,
    ) -> Option<String> {
        check_over(Transport::Https, binding, node_type, (host, port))
    }

    fn check_over(
        transport: Transport,
        binding: &CredentialBinding,
        node_type: &str,
        (host, port): (&str, u16),
    ) -> Option<String> {
        let node_type = NodeTypeId::parse(node_type).unwrap();
        let wanted = CredentialUse {
            node_type: &node_type,
            version: &Version::new(1, 2, 3),
            transport,
            host,
            port,
        };
        let refusal = binding.check("api", &wanted).err()?;
        Some(refusal.rule.to_string())
    }

    #[test]
    fn a_binding_lets_through_what_both_lists_mean_and_names_the_rule_otherwise() {
        let hosts = texts(&["api.example.org:443", "*.example.net"]);
        let node_types = texts(&["http-request@^1", "acme/*"]);
        let binding = CredentialBinding::compile(Some(&hosts), Some(&node_types)).unwrap();
        assert_eq!(
            check(&binding, "http-request", "API.example.org.", 443),
            None
        );
        assert_eq!(check(&binding, "acme/send", "a.example.net", 8443), None);
        for (node_type, host, port, rule) in [
            (
                "http-request",
                "api.example.org",
                80,
                "hosts of credential `api`",
            ),
            (
                "http-request",
                "api.example.org.evil.net",
                443,
                "hosts of credential `api`",
            ),
            (
                "http-request",
                "example.net",
                443,
                "hosts of credential `api`",
            ),
            ("http-request", "", 443, "hosts of credential `api`"),
            (
                "evil/send",
                "api.example.org",
                443,
                "nodeTypes of credential `api`",
            ),
        ] {
            let found = check(&binding, node_type, host, port).unwrap();
            assert!(found.contains(rule), "{node_type} {host} {port}: {found}");
        }
        assert!(!binding.is_free() && binding.check_plain("api").is_err());
    }

    #[test]
    fn what_is_bound_to_hosts_goes_unprotected_only_where_the_binding_says_so() {
        use Transport::{Http, Https, Own};
        let hosts = [
            "plain.example.org",
            "http://open.example.org:8080",
            "HTTPS://tls.example.org",
            "localhost",
            "127.0.0.1",
            "*.wild.org",
            "http://*.free.org",
        ];
        let binding = CredentialBinding::compile(Some(&texts(&hosts)), None).unwrap();
        for (transport, host, port, is_allowed) in [
            (Https, "plain.example.org", 443, true),
            (Own, "plain.example.org", 5432, true),
            (Http, "plain.example.org", 80, false),
            (Http, "open.example.org", 8080, true),
            (Https, "open.example.org", 8080, true),
            (Own, "open.example.org", 8080, false),
            (Http, "open.example.org", 80, false),
            (Https, "tls.example.org", 443, true),
            (Http, "tls.example.org", 443, false),
            (Own, "tls.example.org", 443, false),
            (Http, "localhost", 80, false),
            (Http, "127.0.0.1", 80, false),
            (Http, "a.wild.org", 80, false),
            (Http, "a.free.org", 80, true),
        ] {
            let refusal = check_over(transport, &binding, "any", (host, port));
            let case = format!("{transport:?} {host}:{port}: {refusal:?}");
            assert_eq!(refusal.is_none(), is_allowed, "{case}");
        }
        let refusal = check_over(Http, &binding, "any", ("plain.example.org", 80)).unwrap();
        assert!(
            refusal.contains("bind it to `http://plain.example.org:80`"),
            "{refusal}"
        );
        // What is bound to no hosts goes anywhere.
        let by_type = CredentialBinding::compile(None, Some(&texts(&["any"]))).unwrap();
        assert_eq!(check_over(Http, &by_type, "any", ("x.org", 80)), None);
    }

    #[test]
    fn an_empty_list_means_nothing_and_no_list_anything() {
        let free = CredentialBinding::default();
        assert_eq!(check(&free, "any", "anywhere", 1), None);
        assert!(free.is_free() && free.check_plain("api").is_ok());
        let none = CredentialBinding::compile(Some(&[]), None).unwrap();
        assert!(check(&none, "any", "anywhere", 1).is_some() && !none.is_free());
        let none = CredentialBinding::compile(None, Some(&[])).unwrap();
        assert!(check(&none, "any", "anywhere", 1).is_some());
        assert!(
            none.check_plain("api")
                .unwrap_err()
                .rule
                .contains("nodeTypes")
        );
    }

    #[test]
    fn entries_that_never_match_are_refused() {
        for host in [
            "",
            "ftp://example.org",
            "http://",
            "http://http://example.org",
            "https://example.org/path",
            "a/b",
            "exa*mple.org",
            "user@host",
            "\u{430}.org",
        ] {
            let error = CredentialBinding::compile(Some(&texts(&[host])), None).unwrap_err();
            assert_eq!(error.field, "hosts", "{host:?}");
        }
        for node_type in ["", "a b", "{a", "http-request@new"] {
            let error = CredentialBinding::compile(None, Some(&texts(&[node_type]))).unwrap_err();
            assert_eq!(error.field, "nodeTypes", "{node_type:?}");
        }
        let many = vec!["example.org".to_owned(); MOST_ENTRIES + 1];
        assert!(CredentialBinding::compile(Some(&many), None).is_err());
    }
}
