use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jackfield_types::TenantId;

use super::AuditError;

const TRAIL: &str = ".ndjson";
const HEAD: &str = ".head";

/// The tenant's trail. A tenant's name is safe as the name of a file, and no suffix of ours is the
/// end of another, so that no two tenants share a file whatever they are called.
pub(super) fn trail_path(folder: &Path, tenant: &TenantId) -> PathBuf {
    folder.join(format!("{tenant}{TRAIL}"))
}

/// Where the trail ends.
pub(super) fn head_path(folder: &Path, tenant: &TenantId) -> PathBuf {
    folder.join(format!("{tenant}{HEAD}"))
}

/// The next head, until it takes the place of the one before.
pub(super) fn next_head_path(folder: &Path, tenant: &TenantId) -> PathBuf {
    folder.join(format!("{tenant}{HEAD}.next"))
}

/// What the writing process locks.
pub(super) fn lock_path(folder: &Path) -> PathBuf {
    folder.join("audit.lock")
}

/// The tenants that have an audit trail in a folder, in alphabetical order. Where only the head is
/// left, a trail was removed.
///
/// # Errors
/// [`AuditError::File`] when the folder cannot be read.
pub fn audited_tenants(folder: &Path) -> Result<Vec<TenantId>, AuditError> {
    let read = || -> io::Result<Vec<TenantId>> {
        let mut tenants = Vec::new();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            let tenant = name
                .to_str()
                .and_then(|name| name.strip_suffix(TRAIL).or(name.strip_suffix(HEAD)))
                .and_then(|name| TenantId::parse(name).ok());
            tenants.extend(tenant);
        }
        tenants.sort_unstable();
        tenants.dedup();
        Ok(tenants)
    };
    read().map_err(|error| AuditError::file(folder, error))
}

/// Opens a file that only its owner may read.
pub(super) fn private(options: &mut fs::OpenOptions) -> &mut fs::OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}
