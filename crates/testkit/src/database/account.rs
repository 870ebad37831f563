use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::DatabaseError;

/// The account that a server runs under. The servers refuse to run as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Account {
    /// That of this process.
    Own,
    /// Another one, because this process is root's.
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// Finds the account: that of this process, but for root's one with this name, or that of
    /// nobody. `folder` is one that this process made.
    pub(super) fn find(name: &str, folder: &Path) -> Result<Self, DatabaseError> {
        let at_folder = |source| DatabaseError::Folder {
            folder: folder.to_path_buf(),
            source,
        };
        if fs::metadata(folder).map_err(at_folder)?.uid() != 0 {
            return Ok(Self::Own);
        }
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        Ok(entry(&accounts, name)
            .or_else(|| entry(&accounts, "nobody"))
            .unwrap_or(Self::Other {
                uid: 65_534,
                gid: 65_534,
            }))
    }

    /// Makes a program run under it.
    pub(super) fn apply(self, command: &mut Command) {
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
    }

    /// Gives it a folder or file.
    pub(super) fn take_over(self, path: &Path) -> Result<(), DatabaseError> {
        let Self::Other { uid, gid } = self else {
            return Ok(());
        };
        chown(path, Some(uid), Some(gid)).map_err(|source| DatabaseError::Folder {
            folder: path.to_path_buf(),
            source,
        })
    }

    /// What tells files of this account from those of others.
    pub(super) fn label(self) -> String {
        match self {
            Self::Own => "own".to_owned(),
            Self::Other { uid, .. } => uid.to_string(),
        }
    }
}

fn entry(accounts: &str, name: &str) -> Option<Account> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(name);
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        is_it.then_some(Account::Other { uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\npostgres2:x:7:8::/:\npostgres:x:5:6::/:\n";
        let found = entry(accounts, "postgres");
        assert_eq!(found, Some(Account::Other { uid: 5, gid: 6 }));
        assert_eq!(entry(accounts, "mysql"), None);
    }
}
