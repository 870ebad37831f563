//! Where credentials and their master keys are, as the command line says it.

use std::convert::Infallible;
use std::path::Path;
use std::str::FromStr;

use clap::Args;
use jackfield::credentials::{KeyPlace, KeySource, KeySourceError};
use jackfield::types::Secret;
use serde::Deserialize;

use crate::store::StoreAddress;

/// What the credentials in the store are read with.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct CredentialKeyArgs {
    /// Where a master key of the credentials in the store is: `ID=env:VARIABLE`, `ID=file:PATH` or
    /// `ID=command:PROGRAM ARGUMENT…`. May be repeated: the first key encrypts, all are read with.
    /// Else those of JACKFIELD_CREDENTIAL_KEYS, with `;` between them
    #[arg(long = "credential-key", value_name = "ID=WHERE")]
    pub(crate) given: Vec<WrittenKey>,
    /// The same, with environment and settings file regarded.
    #[arg(skip)]
    pub(crate) keys: Vec<WrittenKey>,
}

/// The store that is looked into for what tenants have there.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct CredentialStoreArgs {
    /// The store that has the tenant's credentials and policy, if it is there
    #[arg(
        long,
        value_name = "URL",
        env = "JACKFIELD_STORE",
        hide_env_values = true
    )]
    pub(crate) store: Option<StoreAddress>,
}

/// Where a key is, as it is written. It is not shown: somebody may have written the key itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub(crate) struct WrittenKey(Secret<String>);

impl WrittenKey {
    pub(crate) fn new(text: &str) -> Self {
        Self(Secret::new(text.to_owned()))
    }

    /// Reads what is written.
    pub(crate) fn source(&self) -> Result<KeySource, KeySourceError> {
        self.0.expose().parse()
    }

    /// A file is looked for in a folder, if its path does not say where it begins.
    pub(crate) fn within(&mut self, folder: &Path) {
        if let Ok(source) = self.source()
            && let KeyPlace::File { path } = &source.place
        {
            let path = folder.join(path);
            *self = Self::new(&format!("{}=file:{}", source.id, path.display()));
        }
    }
}

impl FromStr for WrittenKey {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_settings_begin_where_those_are_and_nothing_is_shown() {
        for (text, expected) in [
            ("2025=file:a.key", "2025=file:/etc/a.key"),
            ("2025=file:/a.key", "2025=file:/a.key"),
            ("2025=env:A", "2025=env:A"),
            ("hunter2", "hunter2"),
        ] {
            let mut written = WrittenKey::new(text);
            written.within(Path::new("/etc"));
            assert_eq!(written, WrittenKey::new(expected));
            assert!(!format!("{written:?}").contains(expected));
        }
        let error = WrittenKey::new("hunter2").source().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
