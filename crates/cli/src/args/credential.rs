//! `jackfield credential`, as it is written.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use jackfield::credentials::KeyId;
use jackfield::types::Secret;

use super::{CredentialKeyArgs, PlainOutput, VisitArgs};
use crate::moment::Moment;

#[derive(Debug, Subcommand)]
pub(crate) enum CredentialCommand {
    /// Keeps a credential, encrypted
    Add(Box<CredentialAddArgs>),
    /// Lists credentials, and nothing of what is in them
    List(Box<CredentialListArgs>),
    /// Shows what is known of a credential, and whether it can be read
    Show(Box<CredentialShowArgs>),
    /// Removes credentials
    Remove(Box<CredentialRemoveArgs>),
    /// Lists the types of credentials, or prints the schema of one
    Types {
        /// The type
        #[arg(value_name = "TYPE")]
        name: Option<String>,
        /// What is printed
        #[arg(long, short, value_enum, default_value_t)]
        output: PlainOutput,
    },
    /// Encrypts credentials anew, under the first of the keys that are given
    Rotate(Box<CredentialRotateArgs>),
    /// Makes master keys
    #[command(subcommand)]
    Key(CredentialKeyCommand),
}

/// Where credentials are kept, on whose behalf, and what they are encrypted with.
#[derive(Debug, Args)]
pub(crate) struct CredentialKeptArgs {
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
    #[command(flatten)]
    pub(crate) keys: CredentialKeyArgs,
}

/// What is in a credential comes from a terminal, standard input, files or the environment: what
/// stands on a command line is seen by others and kept by shells.
#[derive(Debug, Args)]
pub(crate) struct CredentialAddArgs {
    /// What workflows call it
    pub(crate) name: String,
    /// Its type; `jackfield credential types` lists them
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) credential_type: String,
    /// A JSON object with its fields: a file, or `-` for standard input
    #[arg(long, value_name = "FILE|-", allow_hyphen_values = true)]
    pub(crate) fields: Option<String>,
    /// A field that is not secret, such as a user
    #[arg(long = "field", value_name = "FIELD=VALUE")]
    pub(crate) plain: Vec<WrittenField>,
    /// A field that a variable of the environment holds
    #[arg(long, value_name = "FIELD=VARIABLE")]
    pub(crate) from_env: Vec<WrittenField>,
    /// A field that a file holds, without the line end behind it
    #[arg(long, value_name = "FIELD=FILE")]
    pub(crate) from_file: Vec<WrittenField>,
    /// A host that it may be used for, such as `api.example.org` or `*.example.org:8443`, over
    /// `https`; `http://HOST` lets it go there unprotected, too. May be repeated; without any, it may
    /// be used for all
    #[arg(long = "host", value_name = "HOST")]
    pub(crate) hosts: Vec<String>,
    /// Lifts what it was bound to
    #[arg(long, conflicts_with = "hosts", requires = "replace")]
    pub(crate) any_host: bool,
    /// A node type that may use it, such as `http-request` or `acme/*`. May be repeated; without
    /// any, all may
    #[arg(long = "node-type", value_name = "NODE_TYPE")]
    pub(crate) node_types: Vec<String>,
    /// Lifts what it was bound to
    #[arg(long, conflicts_with = "node_types", requires = "replace")]
    pub(crate) any_node_type: bool,
    /// Takes the place of the one of the same name; what that is bound to stays if nothing is said
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) kept: CredentialKeptArgs,
}

/// `FIELD=…`, as it is written. It is not shown: somebody may have written a secret.
#[derive(Debug, Clone)]
pub(crate) struct WrittenField(Secret<String>);

impl WrittenField {
    /// The field, and what stands behind it.
    pub(crate) fn parts(&self) -> Option<(&str, &str)> {
        let (field, rest) = self.0.expose().split_once('=')?;
        (!field.is_empty()).then_some((field, rest))
    }
}

impl FromStr for WrittenField {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(Secret::new(text.to_owned())))
    }
}

#[derive(Debug, Args)]
pub(crate) struct CredentialListArgs {
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
    #[command(flatten)]
    pub(crate) kept: CredentialKeptArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CredentialShowArgs {
    /// The credential
    pub(crate) name: String,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
    #[command(flatten)]
    pub(crate) kept: CredentialKeptArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CredentialRemoveArgs {
    /// The credentials
    #[arg(required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CredentialRotateArgs {
    /// Those of all tenants
    #[arg(long, conflicts_with = "tenant")]
    pub(crate) all_tenants: bool,
    /// Encrypts what is in them with new data keys, too
    #[arg(long)]
    pub(crate) data_keys: bool,
    /// Only what was encrypted before a point in time, such as `2030-01-31T08:00:00Z` or `2h` ago;
    /// given again, it goes on after it broke off
    #[arg(long, value_name = "TIME", requires = "data_keys")]
    pub(crate) before: Option<Moment>,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
    #[command(flatten)]
    pub(crate) kept: CredentialKeptArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CredentialKeyCommand {
    /// Writes a new key into a file that nobody else may read, and prints how it is given
    Generate {
        /// What the key is called, such as the year
        #[arg(value_parser = key_id)]
        id: KeyId,
        /// The file, which must not be there yet
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

fn key_id(text: &str) -> Result<KeyId, jackfield::credentials::KeyError> {
    KeyId::parse(text)
}
