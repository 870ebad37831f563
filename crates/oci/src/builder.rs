use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jackfield_registry::discovery::PackageLimits;

use crate::{Credentials, OciClient};

/// Makes an [`OciClient`].
#[derive(Debug, Clone)]
pub struct OciClientBuilder {
    pub(crate) settings: Settings,
}

/// How a registry is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// By TLS.
    Tls,
    /// Without it: whoever is between can read and change what is said, passwords too.
    Plain,
}

/// What an [`OciClient`] goes by.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) credentials: HashMap<String, Credentials>,
    pub(crate) transports: HashMap<String, Transport>,
    pub(crate) authorities: Vec<Vec<u8>>,
    pub(crate) limits: PackageLimits,
    pub(crate) time: Duration,
}

impl Default for OciClientBuilder {
    fn default() -> Self {
        Self {
            settings: Settings {
                credentials: HashMap::new(),
                transports: HashMap::new(),
                authorities: Vec::new(),
                limits: PackageLimits::default(),
                time: Duration::from_secs(300),
            },
        }
    }
}

impl OciClientBuilder {
    /// Says who one is to the registry at this host (with its port if it has one). To all others one
    /// is nobody.
    #[must_use]
    pub fn credentials(mut self, host: impl Into<String>, credentials: Credentials) -> Self {
        self.settings.credentials.insert(host.into(), credentials);
        self
    }

    /// Says how the registry at this host (with its port if it has one) is spoken to. When nothing is
    /// said this very machine is spoken to without TLS, and everybody else by it.
    #[must_use]
    pub fn transport(mut self, host: impl Into<String>, transport: Transport) -> Self {
        self.settings.transports.insert(host.into(), transport);
        self
    }

    /// Trusts another authority, in PEM, to say which registry is which, besides those of the system.
    #[must_use]
    pub fn authority(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.settings.authorities.push(pem.into());
        self
    }

    /// Bounds how large packages may be.
    #[must_use]
    pub fn limits(mut self, limits: PackageLimits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Bounds how long one push or pull may take as a whole: five minutes when nothing is said.
    #[must_use]
    pub fn time(mut self, time: Duration) -> Self {
        self.settings.time = time;
        self
    }

    /// Makes the client. It connects to nothing yet.
    pub fn build(self) -> OciClient {
        OciClient {
            settings: Arc::new(self.settings),
        }
    }
}
