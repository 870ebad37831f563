//! The hosts that nodes may reach.

use std::net::{IpAddr, Ipv6Addr};

/// What is wrong with an entry of `allowedHosts`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HostError {
    /// There is nothing.
    #[error("an empty text names no host")]
    Empty,
    /// More than a name can have.
    #[error("a host has at most 253 bytes, this one has {length}")]
    TooLong {
        /// The bytes that were given.
        length: usize,
    },
    /// It is a URL, or a part of one.
    #[error("`{text}` is more than a host and a port")]
    NotOnlyHost {
        /// What was given.
        text: String,
    },
    /// A character that no host has.
    #[error("no host has {character:?}, so `{text}` never matches")]
    Character {
        /// What was given.
        text: String,
        /// The character.
        character: char,
    },
    /// A `*` stands where it means nothing.
    #[error("`{text}`: a `*` stands alone or before the first dot")]
    Wildcard {
        /// What was given.
        text: String,
    },
    /// Two dots in a row, or a dot or hyphen at an end.
    #[error("`{text}` is no host name")]
    Shape {
        /// What was given.
        text: String,
    },
    /// What stands behind the colon is no port.
    #[error("`{text}`: `{port}` is no port")]
    Port {
        /// What was given.
        text: String,
        /// What stands behind the colon.
        port: String,
    },
}

impl HostError {
    /// The way out.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Empty => "take it out; `*` lets every host be reached",
            Self::TooLong { .. } | Self::Shape { .. } => {
                "write a name such as `api.example.org`, or an address"
            }
            Self::NotOnlyHost { .. } => "write `api.example.org` or `api.example.org:8443`",
            Self::Character { character, .. } if !character.is_ascii() => {
                "write an international name as it goes over the wire, beginning with `xn--`"
            }
            Self::Character { .. } => "a host is made of letters, digits, dots and hyphens",
            Self::Wildcard { .. } => "`*.example.org` stands for everything below `example.org`",
            Self::Port { .. } => "a port is a number from 1 to 65535",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Any,
    Name(String),
    /// `.example.org`: whatever ends so.
    Below(String),
    Address(IpAddr),
}

/// One entry: a host, and a port if only one is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPattern {
    host: Host,
    port: Option<u16>,
}

impl HostPattern {
    /// Parses `name`, `*.name`, `*`, an address, or one of them with `:port`.
    pub(crate) fn parse(text: &str) -> Result<Self, HostError> {
        let owned = || text.chars().take(100).collect::<String>();
        if text.is_empty() {
            return Err(HostError::Empty);
        }
        if text.len() > 300 {
            return Err(HostError::TooLong { length: text.len() });
        }
        if text.contains("//") || text.contains(['/', '?', '#']) || text.contains('@') {
            return Err(HostError::NotOnlyHost { text: owned() });
        }
        let (host, port) = split(text);
        let port = match port {
            None => None,
            Some(digits) => {
                let parsed = digits.parse().ok().filter(|&port: &u16| port > 0);
                Some(parsed.ok_or_else(|| HostError::Port {
                    text: owned(),
                    port: digits.chars().take(20).collect(),
                })?)
            }
        };
        if host == "*" {
            return Ok(Self {
                host: Host::Any,
                port,
            });
        }
        if let Some(address) = address(host) {
            return Ok(Self {
                host: Host::Address(address),
                port,
            });
        }
        let name = host.to_ascii_lowercase();
        let name = name.strip_suffix('.').unwrap_or(&name);
        let (is_below, plain) = match name.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, name),
        };
        if plain.contains('*') {
            return Err(HostError::Wildcard { text: owned() });
        }
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if let Some(character) = plain.chars().find(|&c| !is_allowed(c)) {
            return Err(HostError::Character {
                text: owned(),
                character,
            });
        }
        if plain.len() > 253 {
            return Err(HostError::TooLong {
                length: plain.len(),
            });
        }
        let is_label =
            |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
        if !plain.split('.').all(is_label) {
            return Err(HostError::Shape { text: owned() });
        }
        let host = if is_below {
            Host::Below(format!(".{plain}"))
        } else {
            Host::Name(plain.to_owned())
        };
        Ok(Self { host, port })
    }

    fn matches(&self, wanted: &WantedHost<'_>, port: u16) -> bool {
        if self.port.is_some_and(|only| only != port) {
            return false;
        }
        match (&self.host, wanted) {
            (Host::Any, _) => true,
            (Host::Address(own), WantedHost::Address(other)) => own == other,
            (Host::Name(own), WantedHost::Name(other)) => own.eq_ignore_ascii_case(other),
            (Host::Below(suffix), WantedHost::Name(other)) => {
                let start = other.len().checked_sub(suffix.len());
                start.is_some_and(|start| {
                    // A suffix of nothing but ASCII: a cut within a character does not match.
                    start > 0 && other.as_bytes()[start..].eq_ignore_ascii_case(suffix.as_bytes())
                })
            }
            (Host::Address(_), WantedHost::Name(_))
            | (Host::Name(_) | Host::Below(_), WantedHost::Address(_)) => false,
        }
    }
}

enum WantedHost<'a> {
    Name(&'a str),
    Address(IpAddr),
}

/// Whether one of the entries means a host.
pub(crate) fn may_reach(entries: &[HostPattern], host: &str, port: u16) -> bool {
    let wanted = match address(host) {
        Some(address) => WantedHost::Address(address),
        None => WantedHost::Name(host.strip_suffix('.').unwrap_or(host)),
    };
    entries.iter().any(|entry| entry.matches(&wanted, port))
}

/// Host and port. An IPv6 address with a port has brackets.
fn split(text: &str) -> (&str, Option<&str>) {
    if let Some(rest) = text.strip_prefix('[') {
        return match rest.split_once(']') {
            Some((_, "")) => (text, None),
            Some((inner, behind)) if behind.starts_with(':') => {
                (&text[..inner.len() + 2], Some(&behind[1..]))
            }
            Some(_) | None => (text, None),
        };
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return (text, None);
    }
    match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    }
}

/// An address, with or without brackets; one of version 4 within version 6 is the one of version 4.
fn address(host: &str) -> Option<IpAddr> {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    bare.parse::<IpAddr>()
        .ok()
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reaches(entry: &str, host: &str, port: u16) -> bool {
        may_reach(&[HostPattern::parse(entry).unwrap()], host, port)
    }

    #[test]
    fn names_wildcards_addresses_and_ports_are_matched() {
        assert!(reaches("api.example.org", "API.example.org.", 443));
        assert!(!reaches("api.example.org", "api.example.org.evil.net", 443));
        assert!(reaches("*.example.org", "a.b.example.org", 443));
        assert!(!reaches("*.example.org", "example.org", 443));
        assert!(!reaches("*.example.org", "evilexample.org", 443));
        assert!(!reaches("*.example.org", ".example.org", 443));
        assert!(reaches("example.org:8443", "example.org", 8443));
        assert!(!reaches("example.org:8443", "example.org", 443));
        assert!(reaches("10.0.0.1", "10.0.0.1", 1) && reaches("10.0.0.1", "::ffff:10.0.0.1", 1));
        assert!(reaches("[::1]:80", "[::1]", 80) && !reaches("[::1]:80", "::1", 81));
        assert!(reaches("::1", "[::1]", 80));
        assert!(reaches("*", "anything", 1) && reaches("*:443", "10.0.0.1", 443));
        assert!(!reaches("*:443", "10.0.0.1", 80));
        assert!(!reaches("*.0.0.1", "10.0.0.1", 80));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for entry in [
            "",
            "https://example.org",
            "example.org/path",
            "user@example.org",
            "exa*mple.org",
            "*.*.org",
            "b\u{fc}cher.example",
            "a b",
            "a..b",
            "-a.example",
            "example.org:0",
            "example.org:70000",
            "example.org:https",
            "[::1]x",
            ":80",
            "*.",
        ] {
            assert!(HostPattern::parse(entry).is_err(), "{entry:?}");
        }
    }
}
