use std::io::Write as _;
use std::path::{Path, PathBuf};

use jackfield_registry::discovery::{Package, PackageLimits};
use jackfield_registry::trust::{PublisherName, SignedPackage, TrustRules};
use jackfield_types::{ByteSize, Digest, PluginOrigin};
use tempfile::{Builder, NamedTempFile};

use crate::client::newest;
use crate::download::read_exact;
use crate::error::{OciErrorKind, shorten};
use crate::exchange::{Exchange, within};
use crate::{OciClient, OciError, PackageReference, RemotePackage};

/// The longest name of a file that is made of an id and a version.
const LONGEST_NAME: usize = 200;

/// A package that was pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The `.jfp` file.
    pub path: PathBuf,
    /// The plugin, and who signed it.
    pub origin: PluginOrigin,
    /// The digest of the artifact; with it just the same is pulled again.
    pub artifact: Digest,
    /// The size of the file.
    pub size: ByteSize,
}

impl OciClient {
    /// Pulls a package into a folder, as `PUBLISHER.NAME-VERSION.jfp`. Without tag and digest in the
    /// reference, the newest version.
    ///
    /// The file is there when all of it was read and checked: the artifact against the digest that
    /// it was asked for by, the file against the artifact's, each file in it against the manifest's,
    /// the plugin against what the artifact says, and who signed it against `rules`. If anything is
    /// wrong, nothing is left in the folder, and a file that was there stays as it was.
    ///
    /// # Errors
    /// [`OciErrorKind::Untrusted`], [`OciErrorKind::DigestMismatch`], [`OciErrorKind::Mismatch`],
    /// [`OciErrorKind::NotAPackage`], [`OciErrorKind::TooLarge`], [`OciErrorKind::Package`], and
    /// whatever else can go wrong with a registry.
    pub async fn pull(
        &self,
        reference: &PackageReference,
        folder: &Path,
        rules: &TrustRules,
    ) -> Result<Pulled, OciError> {
        within(self.settings.time, reference, async {
            let exchange = Exchange::open(&self.settings, reference)?;
            let reference = &newest(&exchange, reference).await?;
            let remote = self.remote(&exchange, reference).await?;
            let digest = remote.file.to_string();
            // Only the digest: what the artifact says of other places is not listened to.
            let body = exchange
                .client
                .pull_blob_stream(&reference.to_reference(), digest.as_str())
                .await?;
            let bytes = read_exact(body, remote.size, &remote.file).await?;
            let (checked, signer, remote) = Arrived {
                bytes,
                remote,
                folder: folder.to_path_buf(),
                limits: self.settings.limits.clone(),
                rules: rules.clone(),
            }
            .check()
            .await?;
            let path = folder.join(file_name(&remote));
            checked.persist(&path).map_err(|error| OciErrorKind::Io {
                path: path.clone(),
                source: error.error,
            })?;
            let origin = PluginOrigin {
                signer: signer.map(|name| name.as_str().to_owned()),
                ..remote.origin()
            };
            Ok(Pulled {
                path,
                origin,
                artifact: remote.artifact,
                size: remote.size,
            })
        })
        .await
    }
}

/// A file that was sent, not looked into yet.
struct Arrived {
    bytes: Vec<u8>,
    remote: RemotePackage,
    folder: PathBuf,
    limits: PackageLimits,
    rules: TrustRules,
}

type Checked = (NamedTempFile, Option<PublisherName>, RemotePackage);

impl Arrived {
    /// Writes it under a name that nobody looks for, and checks it there, on a thread that may wait.
    async fn check(self) -> Result<Checked, OciErrorKind> {
        let checked = tokio::task::spawn_blocking(move || self.check_blocking());
        checked.await.unwrap_or_else(|error| {
            Err(OciErrorKind::NotAPackage {
                reason: shorten(&error.to_string()),
            })
        })
    }

    fn check_blocking(self) -> Result<Checked, OciErrorKind> {
        let unwritable = |source| OciErrorKind::Io {
            path: self.folder.clone(),
            source,
        };
        let mut file = Builder::new()
            .prefix(".pulled-")
            .suffix(".jfp")
            .tempfile_in(&self.folder)
            .map_err(unwritable)?;
        file.write_all(&self.bytes).map_err(unwritable)?;
        file.as_file().sync_all().map_err(unwritable)?;
        let package = Package::open(file.path(), &self.limits).map_err(OciErrorKind::Package)?;
        self.remote.check(&package)?;
        package.verify().map_err(OciErrorKind::Package)?;
        let signed = SignedPackage {
            plugin: package.id(),
            version: package.version(),
            digest: package.digest(),
        };
        let signer = self
            .rules
            .judge(&signed, package.signature())
            .map_err(OciErrorKind::Untrusted)?;
        Ok((file, signer, self.remote))
    }
}

/// A name that no other version of any plugin has. Ids and versions have no `.` next to each other,
/// no `/`, and nothing else that a system could take for something.
fn file_name(remote: &RemotePackage) -> String {
    let RemotePackage {
        plugin,
        version,
        digest,
        ..
    } = remote;
    let (publisher, name) = (plugin.publisher(), plugin.name());
    let file = format!("{publisher}.{name}-{version}.jfp");
    if file.len() <= LONGEST_NAME {
        return file;
    }
    format!("{publisher}.{name}-{}.jfp", &digest.to_hex()[..16])
}
