//! A folder of policies: a document a tenant, `NAME.json` or `NAME.toml`.
//!
//! Everything is read before anything is said, and one document that is wrong makes all of it
//! wrong. What lies in the folder and is no policy is reported, so that a policy with a mistyped
//! name is not passed over in silence.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jackfield_definition::{Diagnostic, Diagnostics, SourceText};
use jackfield_types::{ErrorCode, Policy, TenantId};

use super::compiled::TenantPolicy;
use super::read::{MAX_POLICY_SIZE, PolicyFormat, PolicyReader};

/// How many entries a folder may have.
const MOST_FILES: usize = 100_000;

/// What loading a folder changed.
#[derive(Debug, Default)]
pub struct LoadedPolicies {
    /// The tenants whose policy is a new one.
    pub set: Vec<TenantId>,
    /// The tenants whose policy says what it said before.
    pub unchanged: Vec<TenantId>,
    /// The tenants whose policy is not there any more.
    pub removed: Vec<TenantId>,
    /// What is probably not meant so, file by file.
    pub warnings: Vec<Diagnostics>,
}

/// The policies of a folder, read and compiled but not in force.
#[derive(Debug)]
pub struct PolicyFolder {
    /// The policies by tenant.
    pub policies: BTreeMap<TenantId, TenantPolicy>,
    /// What is probably not meant so, file by file.
    pub warnings: Vec<Diagnostics>,
}

/// Why the policies of a folder cannot be put in force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFolderError {
    /// The folder, or a file in it, could not be read.
    #[error("`{}` cannot be read", path.display())]
    Unreadable {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The folder has more entries than any folder of policies.
    #[error("`{}` has more than {MOST_FILES} entries", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
    },
    /// Policies are in force from the folder, and it has none any more: more likely it is not
    /// there than that all tenants are to do as they like.
    #[error(
        "`{}` has no policy any more, and {in_force} are in force from it: none was taken out of force",
        path.display()
    )]
    Emptied {
        /// The folder.
        path: PathBuf,
        /// How many policies are in force from it.
        in_force: usize,
    },
    /// There are documents that are wrong.
    #[error("{} in `{}`: no policy was changed", count(documents), path.display())]
    Invalid {
        /// The folder.
        path: PathBuf,
        /// The findings, file by file.
        documents: Vec<Diagnostics>,
    },
}

fn count(documents: &[Diagnostics]) -> String {
    match documents.len() {
        1 => "1 document is wrong".to_owned(),
        many => format!("{many} documents are wrong"),
    }
}

impl PolicyReader {
    /// Reads all policies of a folder. Nothing is put in force.
    ///
    /// Names that begin with a dot are passed over. A symbolic link counts as the file that it
    /// leads to, as long as that lies within the folder.
    ///
    /// # Errors
    /// A [`PolicyFolderError`], with all findings about all documents when they can be read.
    pub fn read_folder(&self, folder: &Path) -> Result<PolicyFolder, PolicyFolderError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| PolicyFolderError::Unreadable { path, source }
        };
        let root = fs::canonicalize(folder).map_err(unreadable(folder))?;
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
            paths.push(entry.map_err(unreadable(folder))?.path());
            if paths.len() > MOST_FILES {
                return Err(PolicyFolderError::TooMany {
                    path: folder.to_owned(),
                });
            }
        }
        paths.sort();
        let mut reading = Reading {
            reader: self,
            root,
            policies: BTreeMap::new(),
            files: BTreeMap::new(),
            warnings: Vec::new(),
            wrong: Vec::new(),
        };
        for path in paths {
            reading.entry(&path)?;
        }
        if reading.wrong.is_empty() {
            Ok(PolicyFolder {
                policies: reading.policies,
                warnings: reading.warnings,
            })
        } else {
            Err(PolicyFolderError::Invalid {
                path: folder.to_owned(),
                documents: reading.wrong,
            })
        }
    }

    /// Reads one policy from a file whose name says its format.
    ///
    /// # Errors
    /// [`PolicyFolderError::Unreadable`] when the file cannot be read,
    /// [`PolicyFolderError::Invalid`] with all findings when it is wrong.
    pub fn read_file(&self, path: &Path) -> Result<(Policy, Diagnostics), PolicyFolderError> {
        let invalid = |findings| PolicyFolderError::Invalid {
            path: path.to_owned(),
            documents: vec![findings],
        };
        let format = PolicyFormat::of_path(path)
            .ok_or_else(|| invalid(of_file(path, not_a_policy(ErrorCode::INVALID_POLICY))))?;
        let source = read_text(path)?.map_err(invalid)?;
        self.read(&source, format).map_err(invalid)
    }
}

struct Reading<'r> {
    reader: &'r PolicyReader,
    root: PathBuf,
    policies: BTreeMap<TenantId, TenantPolicy>,
    files: BTreeMap<TenantId, PathBuf>,
    warnings: Vec<Diagnostics>,
    wrong: Vec<Diagnostics>,
}

impl Reading<'_> {
    fn entry(&mut self, path: &Path) -> Result<(), PolicyFolderError> {
        let name = path.file_name().unwrap_or_default();
        if name.as_encoded_bytes().starts_with(b".") {
            return Ok(());
        }
        let Some(format) = PolicyFormat::of_path(path) else {
            let finding = not_a_policy(ErrorCode::LIKELY_MISTAKE);
            self.warnings.push(of_file(path, finding));
            return Ok(());
        };
        if let Err(message) = self.check_place(path) {
            let finding = Diagnostic::new(ErrorCode::INVALID_POLICY, message);
            self.wrong.push(of_file(path, finding));
            return Ok(());
        }
        let tenant = match path.file_stem().and_then(|stem| stem.to_str()) {
            Some(stem) => TenantId::parse(stem).map_err(|error| error.to_string()),
            None => Err("the name of the file is not UTF-8".to_owned()),
        };
        let tenant = match tenant {
            Ok(tenant) => tenant,
            Err(message) => {
                let finding = Diagnostic::new(ErrorCode::INVALID_POLICY, message)
                    .with_hint("name the file after the tenant: `acme.json`");
                self.wrong.push(of_file(path, finding));
                return Ok(());
            }
        };
        if let Some(other) = self.files.insert(tenant.clone(), path.to_owned()) {
            let message = format!(
                "tenant `{tenant}` has another policy in `{}`",
                other.display()
            );
            let finding = Diagnostic::new(ErrorCode::INVALID_POLICY, message)
                .with_hint("keep one of the two files");
            self.wrong.push(of_file(path, finding));
            return Ok(());
        }
        let source = match read_text(path)? {
            Ok(source) => source,
            Err(findings) => {
                self.wrong.push(findings);
                return Ok(());
            }
        };
        let reader = self.reader.clone().tenant(tenant.clone());
        match reader.read_compiled(&source, format) {
            Ok((policy, warnings)) => {
                self.policies.insert(tenant, policy);
                if !warnings.is_empty() {
                    self.warnings.push(warnings);
                }
            }
            Err(findings) => self.wrong.push(findings),
        }
        Ok(())
    }

    /// Refuses what is no file, and links that lead out of the folder.
    fn check_place(&self, path: &Path) -> Result<(), String> {
        let target =
            fs::canonicalize(path).map_err(|error| format!("it leads nowhere: {error}"))?;
        if !target.starts_with(&self.root) {
            return Err("it is a link that leads out of the folder".to_owned());
        }
        match fs::metadata(&target) {
            Ok(metadata) if metadata.is_file() => Ok(()),
            Ok(_) => Err("it is named like a policy and is no file".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn not_a_policy(code: ErrorCode) -> Diagnostic {
    let message = "the file is no policy: its name ends neither with `.json` nor with `.toml`";
    let hint = "rename it if it is meant as one, or keep it elsewhere";
    if code == ErrorCode::LIKELY_MISTAKE {
        Diagnostic::warning(code, message).with_hint(hint)
    } else {
        Diagnostic::new(code, message).with_hint(hint)
    }
}

/// A finding about a file as a whole.
fn of_file(path: &Path, finding: Diagnostic) -> Diagnostics {
    let source = SourceText::new(path.display().to_string(), "");
    Diagnostics::collect([finding.at_span(0..0)], Some(&source))
}

/// Reads a file, but no more of it than a policy may have.
fn read_text(path: &Path) -> Result<Result<SourceText, Diagnostics>, PolicyFolderError> {
    let unreadable = |source| PolicyFolderError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let limit = MAX_POLICY_SIZE.as_u64();
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        let message = format!("a policy has at most {MAX_POLICY_SIZE}");
        let finding = Diagnostic::new(ErrorCode::LIMIT_EXCEEDED, message);
        return Ok(Err(of_file(path, finding)));
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Ok(SourceText::new(path.display().to_string(), text)),
        Err(error) => {
            let offset = error.utf8_error().valid_up_to();
            let message =
                format!("the document is not UTF-8: byte {offset} belongs to no character");
            let finding = Diagnostic::new(ErrorCode::INVALID_SYNTAX, message);
            Err(of_file(path, finding.with_hint("save it as UTF-8")))
        }
    })
}
