use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// Hosts that a plugin reaches: `api.example.org`, `*.example.org`, an address, or `*` for any,
/// with `:port` for just one port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPattern {
    host: Hosts,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Hosts {
    Any,
    /// One name or address.
    One(String),
    /// Every name that ends so, with a dot before it.
    Below(String),
}

/// A text that means no hosts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` means no hosts: write `api.example.org`, `*.example.org`, an address or `*`, with `:port` if need be"
)]
pub struct HostPatternError {
    /// What was given, or the beginning of it.
    pub text: String,
}

impl HostPattern {
    /// Whether it means a host, at a port. The host is a name or an address as URLs have them,
    /// without regard to case.
    pub fn matches(&self, host: &str, port: u16) -> bool {
        let host = bare(host);
        let named = match &self.host {
            Hosts::Any => true,
            Hosts::One(name) => match (ipv6(name), ipv6(host)) {
                (Some(one), Some(other)) => one == other,
                _ => host.eq_ignore_ascii_case(name),
            },
            Hosts::Below(parent) => {
                let split = host.len().checked_sub(parent.len() + 1);
                // An address is below nothing.
                host.parse::<Ipv4Addr>().is_err()
                    && split.filter(|at| *at > 0).is_some_and(|at| {
                        host.as_bytes()[at] == b'.'
                            && host.as_bytes()[at + 1..].eq_ignore_ascii_case(parent.as_bytes())
                    })
            }
        };
        named && self.port.is_none_or(|own| own == port)
    }
}

/// A host without the brackets of an address and the dot at the end of a whole name.
fn bare(host: &str) -> &str {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host = inner.unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host)
}

fn ipv6(host: &str) -> Option<Ipv6Addr> {
    host.parse().ok()
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        let error = || HostPatternError {
            text: text.chars().take(100).collect(),
        };
        let (host, port) = split(text).ok_or_else(error)?;
        let host = host.to_ascii_lowercase();
        let host = if host == "*" {
            Hosts::Any
        } else if let Some(parent) = host.strip_prefix("*.") {
            // `*.org` would be half of the world.
            if !is_name(parent) || !parent.contains('.') {
                return Err(error());
            }
            Hosts::Below(parent.to_owned())
        } else if ipv6(&host).is_some() || is_name(&host) {
            Hosts::One(host)
        } else {
            return Err(error());
        };
        Ok(Self { host, port })
    }
}

/// Host and port.
fn split(text: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        ipv6(host)?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port_of(port)?))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    if ipv6(text).is_some() {
        return Some((text, None));
    }
    match text.split_once(':') {
        Some((host, port)) => Some((host, Some(port_of(port)?))),
        None => Some((text, None)),
    }
}

fn port_of(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| is_plain && *port > 0)
}

fn is_name(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            let plain =
                |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(plain)
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Hosts::Any => f.write_str("*")?,
            Hosts::One(name) if ipv6(name).is_some() => write!(f, "[{name}]")?,
            Hosts::One(name) => f.write_str(name)?,
            Hosts::Below(parent) => write!(f, "*.{parent}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl Serialize for HostPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, host: &str, port: u16) -> bool {
        pattern.parse::<HostPattern>().unwrap().matches(host, port)
    }

    #[test]
    fn a_pattern_means_just_the_hosts_that_it_names() {
        assert!(matches("api.example.org", "API.example.org.", 443));
        assert!(!matches("api.example.org", "x.api.example.org", 443));
        assert!(matches("api.example.org:8443", "api.example.org", 8443));
        assert!(!matches("api.example.org:8443", "api.example.org", 443));
        assert!(matches("*.example.org", "a.b.example.org", 443));
        assert!(!matches("*.example.org", "example.org", 443));
        assert!(!matches("*.example.org", "evilexample.org", 443));
        assert!(!matches("*.example.org", ".example.org", 443));
        assert!(!matches("*.example.org", "\u{e9}xample.org", 443));
        assert!(!matches("*.0.1", "127.0.0.1", 80));
        assert!(matches("[2001:db8::1]:80", "[2001:DB8:0::1]", 80));
        assert!(matches("*:443", "anything", 443) && !matches("*:443", "anything", 80));
    }

    #[test]
    fn what_means_no_hosts_is_refused() {
        for text in [
            "",
            "*.",
            "*.org",
            "a..b",
            "http://a.b",
            "a.b/c",
            "a.b:0",
            "a.b:+1",
            "a.b:65536",
            "a b",
            "*a.b.c",
            "a.*.c",
            "[::1",
            "[a]:1",
            "[::1]x",
            "-a.b",
            "user@a.b",
        ] {
            assert!(text.parse::<HostPattern>().is_err(), "{text:?}");
        }
        for text in [
            "*",
            "a.b",
            "*.a.b:1",
            "[::1]:443",
            "localhost",
            "127.0.0.1:80",
        ] {
            assert_eq!(text.parse::<HostPattern>().unwrap().to_string(), text);
        }
    }
}
