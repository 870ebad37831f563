//! A registry from Debian's packages.

use std::fs;

use jackfield_oci::{OciClient, OciErrorKind, TakenTag, Transport};
use jackfield_registry::discovery::{Package, PackageLimits};
use jackfield_registry::trust::{Signatures, TrustError, TrustRules};
use jackfield_types::{ByteSize, ErrorCode};

use crate::scene::Scene;
use crate::server::{Doors, Server};

#[tokio::test]
async fn what_is_pushed_is_pulled_by_tag_and_by_digest() {
    let (server, scene) = (Server::start(Doors::Open), Scene::new());
    let client = OciClient::builder().build();
    let package = scene.signed("1.2.0", "component");
    let place = server.reference("acme/slugify");
    let pushed = client.push(&place, &package, TakenTag::Keep).await.unwrap();
    assert!(!pushed.was_there);
    assert_eq!(pushed.reference.tag(), Some("1.2.0"));
    let by_tag = server.reference("acme/slugify:1.2.0");
    let by_digest = place.with_digest(pushed.artifact);
    for reference in [&by_tag, &by_digest, &pushed.reference, &place] {
        let pulled = client
            .pull(reference, &scene.target(), &scene.rules)
            .await
            .unwrap();
        assert_eq!(pulled.path, scene.target().join("acme.slugify-1.2.0.jfp"));
        assert_eq!(pulled.origin.signer.as_deref(), Some("acme"));
        assert_eq!(pulled.artifact, pushed.artifact);
        let read = Package::open(&pulled.path, &PackageLimits::default()).unwrap();
        read.verify().unwrap();
        assert_eq!(read.digest(), package.digest());
        assert_eq!(read.digest(), &pulled.origin.digest);
        let size = fs::metadata(&pulled.path).unwrap().len();
        assert_eq!(pulled.size, ByteSize::bytes(size));
    }
    assert_eq!(scene.pulled(), ["acme.slugify-1.2.0.jfp"]);
}

#[tokio::test]
async fn the_same_files_are_the_same_artifact_and_a_version_stays_what_it_was() {
    let (server, scene) = (Server::start(Doors::Open), Scene::new());
    let client = OciClient::builder().build();
    let place = server.reference("acme/slugify:1.0.0");
    let first = scene.unsigned("1.0.0", "component");
    let again = scene.unsigned("1.0.0", "component");
    let other = scene.unsigned("1.0.0", "another component");
    let pushed = client.push(&place, &first, TakenTag::Keep).await.unwrap();
    let repeated = client.push(&place, &again, TakenTag::Keep).await.unwrap();
    assert!(repeated.was_there);
    assert_eq!(repeated.artifact, pushed.artifact);
    let error = client
        .push(&place, &other, TakenTag::Keep)
        .await
        .unwrap_err();
    assert!(
        matches!(&error.kind, OciErrorKind::TagTaken { tag, found } if tag == "1.0.0" && *found == pushed.artifact),
        "{error}"
    );
    let moved = client.push(&place, &other, TakenTag::Move).await.unwrap();
    assert_ne!(moved.artifact, pushed.artifact);
    assert_eq!(
        client.inspect(&place).await.unwrap().digest,
        *other.digest()
    );
    // What the tag pointed to before is still there by its digest.
    let before = client.inspect(&place.with_digest(pushed.artifact)).await;
    assert_eq!(before.unwrap().digest, *first.digest());
}

#[tokio::test]
async fn versions_are_listed_and_the_newest_is_meant_when_none_is_named() {
    let (server, scene) = (Server::start(Doors::Open), Scene::new());
    let client = OciClient::builder().build();
    let place = server.reference("acme/slugify");
    let missing = client.versions(&place).await.unwrap_err();
    assert!(matches!(missing.kind, OciErrorKind::NotFound), "{missing}");
    for version in ["1.10.0", "1.9.0", "2.0.0-rc.1", "1.0.0+build.7"] {
        let package = scene.unsigned(version, version);
        client.push(&place, &package, TakenTag::Keep).await.unwrap();
    }
    let latest = server.reference("acme/slugify:latest");
    let old = scene.unsigned("0.1.0", "old");
    client.push(&latest, &old, TakenTag::Move).await.unwrap();
    let versions = client.versions(&place).await.unwrap();
    let versions: Vec<_> = versions.iter().map(ToString::to_string).collect();
    assert_eq!(versions, ["1.0.0+build.7", "1.9.0", "1.10.0", "2.0.0-rc.1"]);
    let newest = client.inspect(&place).await.unwrap();
    assert_eq!(newest.version.to_string(), "1.10.0");
    assert_eq!(newest.plugin.as_str(), "acme/slugify");
    let named = client.inspect(&latest).await.unwrap();
    assert_eq!(named.version.to_string(), "0.1.0");
}

#[tokio::test]
async fn a_locked_registry_lets_in_who_has_the_password() {
    let (server, scene) = (Server::start(Doors::Locked), Scene::new());
    let package = scene.signed("1.0.0", "component");
    let place = server.reference("acme/slugify:1.0.0");
    for client in [
        OciClient::builder().build(),
        server.client_with("wrong horse"),
    ] {
        let error = client
            .push(&place, &package, TakenTag::Keep)
            .await
            .unwrap_err();
        assert!(matches!(error.kind, OciErrorKind::Unauthorized), "{error}");
        assert_eq!(error.code(), ErrorCode::CREDENTIAL_MISSING);
        assert!(!format!("{error:?}").contains("horse"));
    }
    let client = server.client();
    assert!(!format!("{client:?}").contains("horse"));
    client.push(&place, &package, TakenTag::Keep).await.unwrap();
    let stranger = OciClient::builder().build();
    for error in [
        stranger.inspect(&place).await.unwrap_err(),
        stranger.versions(&place).await.unwrap_err(),
        stranger
            .pull(&place, &scene.target(), &scene.rules)
            .await
            .map(drop)
            .unwrap_err(),
    ] {
        assert!(matches!(error.kind, OciErrorKind::Unauthorized), "{error}");
    }
    let pulled = client.pull(&place, &scene.target(), &scene.rules).await;
    assert_eq!(pulled.unwrap().origin.signer.as_deref(), Some("acme"));
}

#[tokio::test]
async fn what_nobody_trusted_signed_is_not_kept() {
    let (server, scene) = (Server::start(Doors::Open), Scene::new());
    let client = OciClient::builder().build();
    let place = server.reference("acme/slugify:1.0.0");
    let package = scene.unsigned("1.0.0", "component");
    client.push(&place, &package, TakenTag::Keep).await.unwrap();
    let error = client
        .pull(&place, &scene.target(), &scene.rules)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error.kind,
            OciErrorKind::Untrusted(TrustError::UnsignedClaim { .. })
        ),
        "{error}"
    );
    assert_eq!(error.code(), ErrorCode::UNTRUSTED_PLUGIN);
    assert_eq!(scene.pulled(), [""; 0]);
    let lax = TrustRules::new(Signatures::Optional);
    let pulled = client.pull(&place, &scene.target(), &lax).await.unwrap();
    assert_eq!(pulled.origin.signer, None);
}

#[tokio::test]
async fn a_package_that_is_too_large_is_not_read() {
    let (server, scene) = (Server::start(Doors::Open), Scene::new());
    let place = server.reference("acme/slugify:1.0.0");
    let package = scene.signed("1.0.0", "component");
    let client = OciClient::builder().build();
    client.push(&place, &package, TakenTag::Keep).await.unwrap();
    let narrow = OciClient::builder()
        .limits(PackageLimits {
            packed: ByteSize::bytes(100),
            ..PackageLimits::default()
        })
        .build();
    let error = narrow
        .pull(&place, &scene.target(), &scene.rules)
        .await
        .unwrap_err();
    assert!(
        matches!(error.kind, OciErrorKind::TooLarge { .. }),
        "{error}"
    );
    assert_eq!(error.code(), ErrorCode::LIMIT_EXCEEDED);
    assert_eq!(scene.pulled(), [""; 0]);
}

#[tokio::test]
async fn a_registry_with_tls_is_believed_when_somebody_vouches_for_it() {
    let (server, scene) = (Server::start(Doors::Hidden), Scene::new());
    let place = server.reference("acme/slugify:1.0.0");
    let package = scene.signed("1.0.0", "component");
    let by_tls = || OciClient::builder().transport(&server.host, Transport::Tls);
    let error = by_tls()
        .build()
        .push(&place, &package, TakenTag::Keep)
        .await
        .unwrap_err();
    assert!(matches!(error.kind, OciErrorKind::Network(_)), "{error}");
    let client = by_tls().authority(server.authority.as_bytes()).build();
    client.push(&place, &package, TakenTag::Keep).await.unwrap();
    let pulled = client.pull(&place, &scene.target(), &scene.rules).await;
    assert_eq!(pulled.unwrap().origin.digest, *package.digest());
    // What is no certificate is no reason to go on without one.
    let wrong = by_tls().authority("hello").build();
    assert!(wrong.inspect(&place).await.is_err());
}
