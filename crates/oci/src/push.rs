use jackfield_registry::discovery::Package;
use jackfield_types::{ByteSize, Digest};
use oci_client::manifest::OCI_IMAGE_MEDIA_TYPE;
use oci_client::{Reference, RegistryOperation};

use crate::artifact::Artifact;
use crate::error::{OciErrorKind, shorten};
use crate::exchange::{Exchange, within};
use crate::reference::tag_of;
use crate::{OciClient, OciError, PackageReference};

/// The most characters that a tag has.
const LONGEST_TAG: usize = 128;

/// What is done with a tag that points to another package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TakenTag {
    /// It stays, and nothing is pushed: what a version was once it always is.
    #[default]
    Keep,
    /// It is moved; for tags such as `latest`.
    Move,
}

/// A package that a registry has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Where it is, by tag and digest.
    pub reference: PackageReference,
    /// The digest of the artifact.
    pub artifact: Digest,
    /// The size of the `.jfp` file.
    pub size: ByteSize,
    /// Whether the registry had it already, under this tag.
    pub was_there: bool,
}

impl OciClient {
    /// Pushes a package, with its signature if it has one. Without a tag in the reference it is
    /// pushed under its version.
    ///
    /// All files of the package are read and checked first. When this returns, the registry was
    /// asked again, and says that the tag points to just this package.
    ///
    /// # Errors
    /// [`OciErrorKind::TagTaken`] when the tag points to another package and is to be kept,
    /// [`OciErrorKind::Package`] when the package is broken, [`OciErrorKind::Unauthorized`], and
    /// whatever else can go wrong with a registry.
    pub async fn push(
        &self,
        reference: &PackageReference,
        package: &Package,
        taken: TakenTag,
    ) -> Result<Pushed, OciError> {
        within(self.settings.time, reference, async {
            let tag = match reference.tag() {
                Some(tag) => tag.to_owned(),
                None => tag_of(package.version()),
            };
            if tag.len() > LONGEST_TAG {
                let reason = format!("its version is longer than the {LONGEST_TAG} bytes of a tag");
                return Err(OciErrorKind::NotAPackage { reason });
            }
            let artifact = make(package.clone()).await?;
            let found = artifact.digest;
            if let Some(expected) = reference.digest().filter(|digest| **digest != found) {
                return Err(OciErrorKind::DigestMismatch {
                    what: "the artifact of this package",
                    expected: expected.to_string(),
                    found: found.to_string(),
                });
            }
            let size = ByteSize::bytes(artifact.file.len() as u64);
            let (host, repository) = (reference.host(), reference.repository());
            let place = Reference::with_tag(host.to_owned(), repository.to_owned(), tag.clone());
            let exchange = Exchange::open(&self.settings, reference)?;
            let was_there = send(&exchange, &place, artifact, taken).await?;
            let tagged = PackageReference::parse(&format!("{host}/{repository}:{tag}")).map_err(
                |error| OciErrorKind::Protocol {
                    reason: error.to_string(),
                },
            )?;
            Ok(Pushed {
                reference: tagged.with_digest(found),
                artifact: found,
                size,
                was_there,
            })
        })
        .await
    }
}

/// Packs a package, on a thread that may wait.
async fn make(package: Package) -> Result<Artifact, OciErrorKind> {
    let made = tokio::task::spawn_blocking(move || {
        let file = package.to_archive(package.signature());
        Artifact::new(&package, file.map_err(OciErrorKind::Package)?)
    });
    made.await.unwrap_or_else(|error| {
        Err(OciErrorKind::NotAPackage {
            reason: shorten(&error.to_string()),
        })
    })
}

/// Sends what the registry does not have. Whether it had everything.
async fn send(
    exchange: &Exchange,
    place: &Reference,
    artifact: Artifact,
    taken: TakenTag,
) -> Result<bool, OciErrorKind> {
    let Exchange { client, auth } = exchange;
    let digest = artifact.digest;
    client.auth(place, auth, RegistryOperation::Push).await?;
    match pointed_to(exchange, place).await {
        Ok(found) if found == digest => return Ok(true),
        Ok(found) if taken == TakenTag::Keep => {
            let tag = place.tag().unwrap_or_default().to_owned();
            return Err(OciErrorKind::TagTaken { tag, found });
        }
        Ok(_) | Err(OciErrorKind::NotFound) => {}
        Err(error) => return Err(error),
    }
    for (digest, content) in [
        (artifact.file_digest.to_string(), artifact.file),
        (artifact.config_digest.to_string(), artifact.config),
    ] {
        if !client.blob_exists(place, &digest).await? {
            client.push_blob(place, content, &digest).await?;
        }
    }
    let media_type = OCI_IMAGE_MEDIA_TYPE
        .parse()
        .map_err(|_| OciErrorKind::Protocol {
            reason: "the type of manifests cannot be sent".to_owned(),
        })?;
    client
        .push_manifest_raw(place, artifact.manifest, media_type)
        .await?;
    let found = pointed_to(exchange, place).await?;
    if found != digest {
        return Err(OciErrorKind::DigestMismatch {
            what: "what the tag points to now",
            expected: digest.to_string(),
            found: found.to_string(),
        });
    }
    Ok(false)
}

/// The artifact that a tag points to.
async fn pointed_to(exchange: &Exchange, place: &Reference) -> Result<Digest, OciErrorKind> {
    let Exchange { client, auth } = exchange;
    let digest = client.fetch_manifest_digest(place, auth).await?;
    digest.parse().map_err(|_| OciErrorKind::Protocol {
        reason: format!("`{}` is no SHA-256 digest", shorten(&digest)),
    })
}
