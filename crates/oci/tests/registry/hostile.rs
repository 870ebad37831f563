//! Registries that send something else than they were asked for.

use std::time::Duration;

use jackfield_oci::{
    CONFIG_MEDIA_TYPE, Credentials, OciClient, OciErrorKind, PACKAGE_MEDIA_TYPE, PackageReference,
    TakenTag, Transport,
};
use jackfield_registry::discovery::{Package, sha256};
use jackfield_types::{ErrorCode, Secret};
use serde_json::{Value, json};
use wiremock::matchers::{basic_auth, bearer_token, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::scene::Scene;

/// A registry that says what the test lets it say, about `acme/slugify:1.0.0`.
struct Liar {
    server: MockServer,
    scene: Scene,
}

impl Liar {
    async fn new() -> Self {
        Self {
            // Not one that served another test: somebody may still talk to it.
            server: MockServer::builder().start().await,
            scene: Scene::new(),
        }
    }

    fn reference(&self) -> PackageReference {
        format!("{}/acme/slugify:1.0.0", self.server.address())
            .parse()
            .unwrap()
    }

    async fn answer(&self, verb: &str, place: &str, answer: ResponseTemplate) {
        let mock = Mock::given(method(verb)).and(path(format!("/v2/acme/slugify/{place}")));
        mock.respond_with(answer).mount(&self.server).await;
    }

    /// Serves a manifest, and a file under a digest.
    async fn serve(&self, manifest: &Value, digest: &str, file: &[u8]) {
        let manifest = ResponseTemplate::new(200).set_body_json(manifest);
        self.answer("GET", "manifests/1.0.0", manifest).await;
        let file = ResponseTemplate::new(200).set_body_bytes(file);
        self.answer("GET", &format!("blobs/{digest}"), file).await;
    }

    /// Why a pull fails; nothing is kept.
    async fn refusal(&self) -> OciErrorKind {
        let client = OciClient::builder().build();
        let pulled = client
            .pull(&self.reference(), &self.scene.target(), &self.scene.rules)
            .await;
        assert_eq!(self.scene.pulled(), [""; 0]);
        pulled.unwrap_err().kind
    }
}

/// What a package is pushed as.
fn manifest(package: &Package, file: &[u8]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": CONFIG_MEDIA_TYPE, "digest": sha256(b"{}"), "size": 2 },
        "layers": [
            { "mediaType": PACKAGE_MEDIA_TYPE, "digest": sha256(file), "size": file.len() }
        ],
        "annotations": {
            "dev.jackfield.plugin.id": package.id(),
            "dev.jackfield.package.digest": package.digest(),
            "org.opencontainers.image.version": package.version()
        }
    })
}

fn file(package: &Package) -> Vec<u8> {
    package.to_archive(package.signature()).unwrap()
}

#[tokio::test]
async fn an_honest_one_is_believed() {
    let liar = Liar::new().await;
    let package = liar.scene.signed("1.0.0", "component");
    let file = file(&package);
    let digest = sha256(&file).to_string();
    liar.serve(&manifest(&package, &file), &digest, &file).await;
    let client = OciClient::builder().build();
    let pulled = client
        .pull(&liar.reference(), &liar.scene.target(), &liar.scene.rules)
        .await;
    assert_eq!(pulled.unwrap().origin.digest, *package.digest());
}

#[tokio::test]
async fn a_password_goes_to_who_gives_out_tokens_and_to_nobody_else() {
    let liar = Liar::new().await;
    let package = liar.scene.signed("1.0.0", "component");
    let file = file(&package);
    let challenge = format!(
        "Bearer realm=\"{}/token\",service=\"test\"",
        liar.server.uri()
    );
    Mock::given(path("/v2/"))
        .respond_with(ResponseTemplate::new(401).insert_header("WWW-Authenticate", &*challenge))
        .mount(&liar.server)
        .await;
    let token = ResponseTemplate::new(200).set_body_json(json!({ "token": "t0ken" }));
    Mock::given(path("/token"))
        .and(basic_auth("ada", "hunter2"))
        .and(query_param("scope", "repository:acme/slugify:pull"))
        .respond_with(token)
        .mount(&liar.server)
        .await;
    let places = [
        ("manifests/1.0.0".to_owned(), {
            let manifest = manifest(&package, &file);
            ResponseTemplate::new(200).set_body_json(manifest)
        }),
        (format!("blobs/{}", sha256(&file)), {
            ResponseTemplate::new(200).set_body_bytes(file.as_slice())
        }),
    ];
    for (place, answer) in places {
        Mock::given(path(format!("/v2/acme/slugify/{place}")))
            .and(bearer_token("t0ken"))
            .respond_with(answer)
            .mount(&liar.server)
            .await;
    }
    let pull = async |credentials| {
        let client = OciClient::builder()
            .credentials(liar.server.address().to_string(), credentials)
            .build();
        let (reference, target) = (liar.reference(), liar.scene.target());
        client.pull(&reference, &target, &liar.scene.rules).await
    };
    let ada = |password: &str| Credentials::Basic {
        user: "ada".to_owned(),
        password: Secret::new(password.to_owned()),
    };
    for credentials in [Credentials::Anonymous, ada("wrong")] {
        assert!(pull(credentials).await.is_err());
        assert_eq!(liar.scene.pulled(), [""; 0]);
    }
    for credentials in [
        ada("hunter2"),
        Credentials::Bearer(Secret::new("t0ken".to_owned())),
    ] {
        let pulled = pull(credentials).await.unwrap();
        assert_eq!(pulled.origin.signer.as_deref(), Some("acme"));
    }
    for request in liar.server.received_requests().await.unwrap() {
        let said = request.headers.get("authorization");
        let is_password = said.is_some_and(|said| said.to_str().unwrap().starts_with("Basic"));
        assert!(
            !is_password || request.url.path() == "/token",
            "{}",
            request.url
        );
    }
}

#[tokio::test]
async fn only_whom_somebody_named_is_spoken_to_without_tls() {
    let liar = Liar::new().await;
    let package = liar.scene.signed("1.0.0", "component");
    let file = file(&package);
    let digest = sha256(&file).to_string();
    liar.serve(&manifest(&package, &file), &digest, &file).await;
    // It is this very machine, and does not look like it.
    let host = format!("0.0.0.0:{}", liar.server.address().port());
    let reference: PackageReference = format!("{host}/acme/slugify:1.0.0").parse().unwrap();
    let unnamed = OciClient::builder().build();
    let error = unnamed.inspect(&reference).await.unwrap_err();
    assert!(matches!(error.kind, OciErrorKind::Network(_)), "{error}");
    let asked = liar.server.received_requests().await.unwrap();
    assert!(asked.iter().all(|one| !one.url.path().contains("slugify")));
    let named = OciClient::builder()
        .transport(&host, Transport::Plain)
        .build();
    let target = liar.scene.target();
    let pulled = named.pull(&reference, &target, &liar.scene.rules).await;
    assert_eq!(pulled.unwrap().origin.digest, *package.digest());
}

#[tokio::test]
async fn another_file_than_the_artifact_names_is_refused() {
    let liar = Liar::new().await;
    let package = liar.scene.signed("1.0.0", "component");
    let other = liar.scene.signed("1.0.0", "evil");
    let (right, wrong) = (file(&package), file(&other));
    let digest = sha256(&right).to_string();
    liar.serve(&manifest(&package, &right), &digest, &wrong)
        .await;
    let refusal = liar.refusal().await;
    assert!(
        matches!(
            refusal,
            OciErrorKind::DigestMismatch { .. } | OciErrorKind::TooLarge { .. }
        ),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_file_that_goes_on_is_not_read_to_its_end() {
    let liar = Liar::new().await;
    let package = liar.scene.signed("1.0.0", "component");
    let right = file(&package);
    let mut long = right.clone();
    long.resize(right.len() + 4 * 1024 * 1024, 0);
    let digest = sha256(&right).to_string();
    liar.serve(&manifest(&package, &right), &digest, &long)
        .await;
    let refusal = liar.refusal().await;
    assert!(
        matches!(refusal, OciErrorKind::TooLarge { .. }),
        "{refusal}"
    );
}

#[tokio::test]
async fn another_artifact_than_was_asked_for_is_refused() {
    let liar = Liar::new().await;
    let package = liar.scene.signed("1.0.0", "component");
    let file = file(&package);
    let asked = liar.reference().with_digest(sha256(b"what was asked for"));
    let place = format!("manifests/{}", asked.digest().unwrap());
    let answer = ResponseTemplate::new(200).set_body_json(manifest(&package, &file));
    liar.answer("GET", &place, answer).await;
    let client = OciClient::builder().build();
    for error in [
        client.inspect(&asked).await.map(drop).unwrap_err(),
        client
            .pull(&asked, &liar.scene.target(), &liar.scene.rules)
            .await
            .map(drop)
            .unwrap_err(),
    ] {
        assert!(
            matches!(error.kind, OciErrorKind::DigestMismatch { .. }),
            "{error}"
        );
        assert_eq!(error.code(), ErrorCode::INVALID_PACKAGE);
    }
}

#[tokio::test]
async fn a_package_that_is_another_than_the_artifact_says_is_refused() {
    for (field, lie) in [
        ("dev.jackfield.plugin.id", json!("acme/parse")),
        ("org.opencontainers.image.version", json!("9.9.9")),
        ("dev.jackfield.package.digest", json!(sha256(b"another"))),
    ] {
        let liar = Liar::new().await;
        let package = liar.scene.signed("1.0.0", "component");
        let file = file(&package);
        let mut manifest = manifest(&package, &file);
        manifest["annotations"][field] = lie;
        let digest = sha256(&file).to_string();
        liar.serve(&manifest, &digest, &file).await;
        let refusal = liar.refusal().await;
        assert!(
            matches!(refusal, OciErrorKind::Mismatch { .. }),
            "{refusal}"
        );
    }
}

#[tokio::test]
async fn what_is_no_package_is_refused_by_what_it_is() {
    let scene = Scene::new();
    let package = scene.signed("1.0.0", "component");
    let file = file(&package);
    let right = manifest(&package, &file);
    let with = |pointer: &str, value: Value| {
        let mut changed = right.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        changed
    };
    let layer = right["layers"][0].clone();
    for (manifest, expected) in [
        (json!([]), "its manifest cannot be read"),
        (
            json!({ "schemaVersion": 2, "manifests": [] }),
            "its manifest cannot be read",
        ),
        (
            with(
                "/config/mediaType",
                json!("application/vnd.oci.image.config.v1+json"),
            ),
            "it is of the type `application/vnd.oci.image.config.v1+json`",
        ),
        (with("/layers", json!([])), "it has 0 layers"),
        (with("/layers", json!([layer, layer])), "it has 2 layers"),
        (
            with("/layers/0/mediaType", json!("text/html")),
            "its layer is of the type `text/html`",
        ),
        (with("/layers/0/size", json!(-1)), "below zero"),
        (
            with("/layers/0/digest", json!("sha512:00")),
            "no SHA-256 digest",
        ),
        (
            with("/layers/0/digest", json!("../../other")),
            "no SHA-256 digest",
        ),
        (
            with("/annotations", json!({})),
            "no annotation `dev.jackfield.plugin.id`",
        ),
        (
            with("/annotations/dev.jackfield.plugin.id", json!("../x")),
            "cannot be read",
        ),
    ] {
        let liar = Liar::new().await;
        liar.serve(&manifest, "none", b"").await;
        let refusal = liar.refusal().await;
        assert!(
            matches!(refusal, OciErrorKind::NotAPackage { .. }),
            "{refusal}"
        );
        assert!(
            refusal.to_string().contains(expected),
            "{expected}: {refusal}"
        );
    }
}

#[tokio::test]
async fn bytes_that_are_no_archive_are_refused_though_their_digest_is_right() {
    let liar = Liar::new().await;
    let package = liar.scene.signed("1.0.0", "component");
    let junk = b"not an archive".to_vec();
    let digest = sha256(&junk).to_string();
    liar.serve(&manifest(&package, &junk), &digest, &junk).await;
    let refusal = liar.refusal().await;
    assert!(matches!(refusal, OciErrorKind::Package(_)), "{refusal}");
}

#[tokio::test]
async fn places_of_layers_elsewhere_are_not_gone_to() {
    let (liar, elsewhere) = (Liar::new().await, MockServer::builder().start().await);
    let package = liar.scene.signed("1.0.0", "component");
    let file = file(&package);
    let mut manifest = manifest(&package, &file);
    let place = format!("/{}", sha256(&file).to_hex());
    manifest["layers"][0]["urls"] = json!([format!("{}{place}", elsewhere.uri())]);
    let answer = ResponseTemplate::new(200).set_body_json(&manifest);
    liar.answer("GET", "manifests/1.0.0", answer).await;
    let refusal = liar.refusal().await;
    assert!(matches!(refusal, OciErrorKind::NotFound), "{refusal}");
    // The port may have been another's a moment ago, whom somebody still looks for.
    let asked = elsewhere.received_requests().await.unwrap();
    assert!(asked.iter().all(|one| one.url.path() != place));
}

#[tokio::test]
async fn answers_that_the_client_cannot_bear_are_errors_and_no_panics() {
    let liar = Liar::new().await;
    let package = liar.scene.signed("1.0.0", "component");
    // A place for the upload that is no place at all.
    let nowhere = ResponseTemplate::new(202).insert_header("Location", "no place");
    liar.answer("POST", "blobs/uploads/", nowhere).await;
    let client = OciClient::builder().build();
    let error = client
        .push(&liar.reference(), &package, TakenTag::Keep)
        .await
        .unwrap_err();
    assert!(
        matches!(error.kind, OciErrorKind::Protocol { .. }),
        "{error}"
    );
    // A token that cannot be sent.
    let liar = Liar::new().await;
    let challenge = format!("Bearer realm=\"{}/token\"", liar.server.uri());
    Mock::given(path("/v2/"))
        .respond_with(ResponseTemplate::new(401).insert_header("WWW-Authenticate", &*challenge))
        .mount(&liar.server)
        .await;
    Mock::given(path("/token"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "token": "a\nb" })))
        .mount(&liar.server)
        .await;
    let refusal = liar.refusal().await;
    assert!(
        matches!(refusal, OciErrorKind::Protocol { .. }),
        "{refusal}"
    );
}

#[tokio::test]
async fn what_a_registry_says_is_shown_in_part_and_without_control_characters() {
    let liar = Liar::new().await;
    let loud = format!("\u{1b}[2J{}", "x".repeat(10_000));
    let answer = ResponseTemplate::new(500).set_body_string(loud);
    liar.answer("GET", "manifests/1.0.0", answer).await;
    let refusal = liar.refusal().await;
    let OciErrorKind::Answered { status, message } = &refusal else {
        panic!("{refusal}");
    };
    assert_eq!(*status, Some(500));
    assert!(message.chars().count() <= 201 && !message.contains('\u{1b}'));
}

#[tokio::test]
async fn a_registry_that_says_nothing_is_waited_for_so_long_and_no_longer() {
    let liar = Liar::new().await;
    let answer = ResponseTemplate::new(200).set_delay(Duration::from_secs(3600));
    liar.answer("GET", "manifests/1.0.0", answer).await;
    let client = OciClient::builder().time(Duration::from_millis(50)).build();
    let error = client.inspect(&liar.reference()).await.unwrap_err();
    assert!(
        matches!(error.kind, OciErrorKind::TooSlow { .. }),
        "{error}"
    );
    assert_eq!(error.code(), ErrorCode::TIMEOUT);
}
