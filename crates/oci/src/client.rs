use std::sync::Arc;

use jackfield_registry::discovery::sha256;
use jackfield_types::Digest;
use oci_client::manifest::OCI_IMAGE_MEDIA_TYPE;
use semver::Version;

use crate::builder::Settings;
use crate::error::OciErrorKind;
use crate::exchange::{Exchange, within};
use crate::reference::version_of;
use crate::{OciClientBuilder, OciError, PackageReference, RemotePackage};

/// How many tags are asked for at once.
const PAGE: usize = 500;
/// How many tags of a repository are looked at.
const MOST_TAGS: usize = 20_000;

/// Pushes packages to registries and pulls them from there. Cheap to clone.
///
/// Each call is bounded in time and in what it reads of a package. Manifests, tokens and lists of
/// tags are read by the underlying client as they come, within that time only: name registries that
/// you know.
#[derive(Debug, Clone)]
pub struct OciClient {
    pub(crate) settings: Arc<Settings>,
}

impl OciClient {
    /// Begins to make a client.
    pub fn builder() -> OciClientBuilder {
        OciClientBuilder::default()
    }

    /// Asks what an artifact says that it is, without pulling it. Without tag and digest in the
    /// reference, the newest version is meant.
    ///
    /// # Errors
    /// [`OciErrorKind::NotFound`], [`OciErrorKind::NotAPackage`], and whatever else can go wrong
    /// with a registry.
    pub async fn inspect(&self, reference: &PackageReference) -> Result<RemotePackage, OciError> {
        within(self.settings.time, reference, async {
            let exchange = Exchange::open(&self.settings, reference)?;
            let reference = newest(&exchange, reference).await?;
            self.remote(&exchange, &reference).await
        })
        .await
    }

    /// Lists the versions that the tags of a repository stand for, in their order. Other tags, such
    /// as `latest`, are left aside.
    ///
    /// # Errors
    /// [`OciErrorKind::NotFound`], and whatever else can go wrong with a registry.
    pub async fn versions(&self, reference: &PackageReference) -> Result<Vec<Version>, OciError> {
        within(self.settings.time, reference, async {
            let exchange = Exchange::open(&self.settings, reference)?;
            versions(&exchange, reference).await
        })
        .await
    }

    /// Reads the manifest of an artifact.
    pub(crate) async fn remote(
        &self,
        exchange: &Exchange,
        reference: &PackageReference,
    ) -> Result<RemotePackage, OciErrorKind> {
        let accepted = [OCI_IMAGE_MEDIA_TYPE];
        let (manifest, said) = exchange
            .client
            .pull_manifest_raw(&reference.to_reference(), &exchange.auth, &accepted)
            .await?;
        let found = sha256(&manifest);
        let expected = reference.digest().map_or(said, Digest::to_string);
        // A registry may name it by another algorithm, which the client has checked.
        if expected.starts_with("sha256:") && expected != found.to_string() {
            return Err(OciErrorKind::DigestMismatch {
                what: "the manifest of the artifact",
                expected,
                found: found.to_string(),
            });
        }
        RemotePackage::read(&manifest, self.settings.limits.packed)
    }
}

/// What is meant when a reference has neither tag nor digest: the newest version; the newest one for
/// trying out when there are no others; what `latest` points to when no tag stands for a version.
pub(crate) async fn newest(
    exchange: &Exchange,
    reference: &PackageReference,
) -> Result<PackageReference, OciErrorKind> {
    if reference.tag().is_some() || reference.digest().is_some() {
        return Ok(reference.clone());
    }
    let versions = versions(exchange, reference).await?;
    let newest = versions.iter().rev().find(|version| version.pre.is_empty());
    Ok(match newest.or(versions.last()) {
        Some(version) => reference.with_version(version),
        None => reference.clone(),
    })
}

async fn versions(
    exchange: &Exchange,
    reference: &PackageReference,
) -> Result<Vec<Version>, OciErrorKind> {
    let tags = tags(exchange, reference).await?;
    let mut versions: Vec<_> = tags.iter().filter_map(|tag| version_of(tag)).collect();
    versions.sort();
    versions.dedup();
    Ok(versions)
}

/// The tags of a repository, page by page.
async fn tags(
    exchange: &Exchange,
    reference: &PackageReference,
) -> Result<Vec<String>, OciErrorKind> {
    let repository = reference.to_reference();
    let mut tags: Vec<String> = Vec::new();
    loop {
        let last = tags.last().cloned();
        let page = exchange
            .client
            .list_tags(&repository, &exchange.auth, Some(PAGE), last.as_deref())
            .await?
            .tags;
        let is_last = page.len() < PAGE || page.last() == last.as_ref();
        tags.extend(page);
        if tags.len() > MOST_TAGS {
            return Err(OciErrorKind::Protocol {
                reason: format!("the repository has more than {MOST_TAGS} tags"),
            });
        }
        if is_last {
            return Ok(tags);
        }
    }
}
