//! One exchange with a registry: a client for it, a bound on time, and no panic let through.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use oci_client::Client;
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;

use crate::builder::{Settings, Transport};
use crate::error::OciErrorKind;
use crate::{OciError, PackageReference};

/// How long it may take to be connected.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a registry may say nothing.
const SILENCE: Duration = Duration::from_secs(30);

/// A client for one registry, and who one is there.
pub(crate) struct Exchange {
    pub(crate) client: Client,
    pub(crate) auth: RegistryAuth,
}

impl Exchange {
    pub(crate) fn open(
        settings: &Settings,
        reference: &PackageReference,
    ) -> Result<Self, OciErrorKind> {
        let host = reference.host();
        let protocol = match settings.transports.get(host) {
            Some(Transport::Plain) => ClientProtocol::Http,
            None if is_this_machine(host) => ClientProtocol::Http,
            Some(Transport::Tls) | None => ClientProtocol::Https,
        };
        let authority = |pem: &Vec<u8>| Certificate {
            encoding: CertificateEncoding::Pem,
            data: pem.clone(),
        };
        let config = ClientConfig {
            protocol,
            use_monolithic_push: true,
            extra_root_certificates: settings.authorities.iter().map(authority).collect(),
            platform_resolver: None,
            read_timeout: Some(SILENCE),
            connect_timeout: Some(CONNECT),
            user_agent: concat!("jackfield/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let credentials = settings.credentials.get(host).cloned().unwrap_or_default();
        Ok(Self {
            client: Client::try_from(config)?,
            auth: credentials.to_auth(),
        })
    }
}

fn is_this_machine(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Does something within a time. The client unwraps what some answers of registries are not, so that
/// a panic is their fault, and ends here.
pub(crate) async fn within<T>(
    time: Duration,
    reference: &PackageReference,
    work: impl Future<Output = Result<T, OciErrorKind>>,
) -> Result<T, OciError> {
    let work = AssertUnwindSafe(work).catch_unwind();
    // Dropping an exchange half way leaves nothing behind here: files get their names at the end.
    let done = match tokio::time::timeout(time, work).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(OciErrorKind::Protocol {
            reason: "an answer has a place or a token that cannot be".to_owned(),
        }),
        Err(_) => Err(OciErrorKind::TooSlow { limit: time }),
    };
    done.map_err(|kind| OciError::new(reference, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_without_tls_by_itself() {
        for host in ["localhost", "localhost:5000", "127.0.0.1:1", "127.8.8.8"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "ghcr.io",
            "localhost.example:5000",
            "10.0.0.1:5000",
            "127.0.0.1.nip.io",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
