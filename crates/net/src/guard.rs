use std::error::Error;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use jackfield_plugin_api::NodeError;
use jackfield_types::ErrorCode;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use crate::address::is_public;
use crate::settings::{Access, HttpSettings};

/// How many names are looked up at once. The system does that on a thread that nobody can stop,
/// though whoever asked may have given up: they must not take all threads that there are.
const LOOKUPS: usize = 64;

/// Decides which hosts and addresses a request may reach.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    settings: Arc<HttpSettings>,
    lookups: Arc<Semaphore>,
}

/// A host that may not be reached.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{host}` is not on the public internet; whoever runs this may allow it: `--allow-private-network`, or the \
     settings `private-networks` and `allowed-hosts` of HTTP"
)]
pub(crate) struct Forbidden {
    host: String,
}

impl Guard {
    pub(crate) fn new(settings: HttpSettings) -> Self {
        Self {
            settings: Arc::new(settings),
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
        }
    }

    /// Checks where a URL leads, as far as it can be told without asking for the addresses of a
    /// name; the resolver checks those.
    ///
    /// # Errors
    /// [`NodeError::Refused`] when it may not be reached.
    pub(crate) fn check(&self, url: &Url) -> Result<(), NodeError> {
        if !matches!(url.scheme(), "http" | "https") {
            let message = format!(
                "`{}` URLs may not be requested, `http` and `https` only",
                url.scheme()
            );
            return Err(NodeError::refused(ErrorCode::NETWORK_FORBIDDEN, message));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let message =
                "a URL must not carry a user or a password; use a header, or the parameter `auth`";
            return Err(NodeError::refused(ErrorCode::NETWORK_FORBIDDEN, message));
        }
        let host = url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let permitted = match bare.parse::<IpAddr>() {
            Ok(address) => self.permits(bare, address),
            Err(_) => !is_local_name(bare) || self.permits_host(bare),
        };
        if permitted {
            Ok(())
        } else {
            Err(Forbidden {
                host: host.to_owned(),
            }
            .into())
        }
    }

    fn permits(&self, host: &str, address: IpAddr) -> bool {
        is_public(address) || self.permits_host(host)
    }

    fn permits_host(&self, host: &str) -> bool {
        if self.settings.private_networks == Access::Allowed {
            return true;
        }
        let host = host.trim_end_matches('.');
        self.settings
            .allowed_hosts
            .iter()
            .any(|allowed| match allowed.strip_prefix("*.") {
                Some(parent) => {
                    let cut = host.len().checked_sub(parent.len() + 1);
                    cut.is_some_and(|cut| {
                        cut > 0
                            && host.as_bytes()[cut] == b'.'
                            && host.as_bytes()[cut + 1..].eq_ignore_ascii_case(parent.as_bytes())
                    })
                }
                None => allowed.trim_matches(['[', ']']).eq_ignore_ascii_case(host),
            })
    }
}

fn is_local_name(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

impl From<Forbidden> for NodeError {
    fn from(forbidden: Forbidden) -> Self {
        Self::refused(ErrorCode::NETWORK_FORBIDDEN, forbidden.to_string())
    }
}

impl Forbidden {
    /// Finds out whether a refusal of the resolver is what an error came from.
    pub(crate) fn behind(error: &(dyn Error + 'static)) -> Option<NodeError> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(forbidden) = error.downcast_ref::<Self>() {
                return Some(
                    Self {
                        host: forbidden.host.clone(),
                    }
                    .into(),
                );
            }
            cause = error.source();
        }
        None
    }
}

/// Asks the system for the addresses of a name. The place among those who ask is given up when the
/// system has answered, whoever is still there to hear it.
async fn look_up(
    lookups: &Arc<Semaphore>,
    host: String,
) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
    let place = Arc::clone(lookups).acquire_owned().await?;
    let asked = tokio::task::spawn_blocking(move || {
        let found = (host.as_str(), 0).to_socket_addrs();
        drop(place);
        found.map(Iterator::collect)
    });
    Ok(asked.await??)
}

/// Asks the system for addresses, and leaves only those that may be reached: what is checked is
/// what is connected to.
impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found = look_up(&guard.lookups, host.to_owned()).await?;
            let permitted: Vec<SocketAddr> = found
                .iter()
                .copied()
                .filter(|found| guard.permits(host, found.ip()))
                .collect();
            if permitted.is_empty() && !found.is_empty() {
                return Err(Box::new(Forbidden {
                    host: host.to_owned(),
                }) as Box<dyn Error + Send + Sync>);
            }
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(hosts: &[&str], url: &str) -> bool {
        let allowed_hosts = hosts.iter().map(|&host| host.to_owned()).collect();
        let settings = HttpSettings {
            allowed_hosts,
            ..HttpSettings::default()
        };
        Guard::new(settings).check(&url.parse().unwrap()).is_ok()
    }

    #[test]
    fn ways_to_write_a_private_address_are_all_refused() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://0x7f.1/",
            "http://127.0.0.1./",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://0.0.0.0/",
            "http://0/",
            "http://169.254.169.254/latest/meta-data",
            "http://localhost/",
            "http://LOCALHOST:80/",
            "http://localhost./",
            "http://a.localhost/",
            "http://１２７.0.0.1/",
            "http://10.1.2.3/",
            "http://user:secret@example.org/",
            "ftp://example.org/",
            "file:///etc/passwd",
        ] {
            assert!(!allowed(&[], url), "{url}");
        }
        assert!(allowed(&[], "https://example.org/"));
        assert!(allowed(&[], "http://8.8.8.8/"));
    }

    #[test]
    fn allowed_hosts_are_matched_whole() {
        assert!(allowed(&["localhost"], "http://localhost:8080/"));
        assert!(allowed(&["127.0.0.1"], "http://2130706433/"));
        assert!(allowed(&["::1"], "http://[::1]/"));
        assert!(allowed(&["[::1]"], "http://[::1]/"));
        assert!(allowed(&["*.localhost"], "http://a.localhost/"));
        assert!(!allowed(&["*.localhost"], "http://localhost/"));
        assert!(!allowed(&["host"], "http://localhost/"));
        assert!(!allowed(&["*.1"], "http://10.0.0.2/"));
    }

    #[tokio::test]
    async fn names_are_looked_up_a_few_at_a_time() {
        let guard = Guard::new(HttpSettings::default());
        let taken = Arc::clone(&guard.lookups);
        let taken = taken
            .acquire_many_owned(u32::try_from(LOOKUPS).unwrap())
            .await
            .unwrap();
        let mut waiting = guard.resolve("localhost".parse().unwrap());
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        drop(waiting);
        drop(taken);
        // Who gave up took no place, and who did not gives it back.
        assert!(guard.resolve("localhost".parse().unwrap()).await.is_err());
        assert_eq!(guard.lookups.available_permits(), LOOKUPS);
    }

    #[tokio::test]
    async fn what_a_name_resolves_to_is_checked_when_it_is_connected_to() {
        let closed = Guard::new(HttpSettings::default());
        let refusal = closed
            .resolve("localhost".parse().unwrap())
            .await
            .err()
            .unwrap();
        assert!(refusal.downcast_ref::<Forbidden>().is_some(), "{refusal}");
        let pool = reqwest::Client::builder()
            .no_proxy()
            .dns_resolver(closed)
            .build()
            .unwrap();
        let error = pool.get("http://localhost:9/").send().await.unwrap_err();
        let refused = Forbidden::behind(&error).unwrap();
        assert_eq!(refused.code(), ErrorCode::NETWORK_FORBIDDEN);

        let private_networks = Access::Allowed;
        let open = Guard::new(HttpSettings {
            private_networks,
            ..HttpSettings::default()
        });
        let mut found = open.resolve("localhost".parse().unwrap()).await.unwrap();
        assert!(found.all(|address| address.ip().is_loopback()));
    }
}
