//! The part of the command line that is about tenants: their policies and their audit trails.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jackfield::tenancy::AuditHead;
use jackfield::{ExecutionId, TenantId, UserId};

use super::{CredentialStoreArgs, PlainOutput, PluginArgs, StoreArgs, VisitArgs};
use crate::node_reference::NodeReference;

/// Under which policies something is done.
#[derive(Debug, Args)]
pub(crate) struct TenancyArgs {
    /// On whose behalf
    #[arg(long, value_name = "ID", default_value = "default")]
    pub(crate) tenant: TenantId,
    /// A folder with a policy for each tenant: `TENANT.json` or `TENANT.toml`. Without it, the
    /// policies in the store count, if there is one
    #[arg(long, value_name = "DIR", env = "JACKFIELD_POLICIES")]
    pub(crate) policies: Option<PathBuf>,
    /// Tenants without a policy may do nothing
    #[arg(long)]
    pub(crate) deny_by_default: bool,
    /// A file with the secrets of tenants: `{"TENANT": {"NAME": "value"}}`
    #[arg(long, value_name = "FILE", env = "JACKFIELD_SECRETS")]
    pub(crate) secrets: Option<PathBuf>,
    /// A file that says where credentials of tenants are that others keep: in the environment, and
    /// in files
    #[arg(long, value_name = "FILE", env = "JACKFIELD_CREDENTIALS")]
    pub(crate) credentials: Option<PathBuf>,
}

/// Who does something, and where it is noted down.
#[derive(Debug, Default, Args)]
pub(crate) struct ActingArgs {
    /// Who asks for it; policies may refuse users
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<UserId>,
    /// A folder in which an audit trail is written, a file for each tenant; beside the one in the
    /// store, if there is one
    #[arg(long, value_name = "DIR", env = "JACKFIELD_AUDIT")]
    pub(crate) audit: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) key: AuditKeyArgs,
}

/// What audit trails are sealed with.
#[derive(Debug, Default, Args)]
pub(crate) struct AuditKeyArgs {
    /// A file that holds the key that audit trails are sealed with: at least 16 bytes
    #[arg(long, value_name = "FILE", env = "JACKFIELD_AUDIT_KEY")]
    pub(crate) audit_key: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Tells which workflows a policy would refuse, without putting it in force
    Check(PolicyCheckArgs),
    /// Tells why a tenant may use a node type, or may not
    Explain(Box<PolicyExplainArgs>),
    /// Keeps the policy of a tenant in a store, where it is in force
    Set(Box<PolicySetArgs>),
    /// Prints the policy of a tenant that is kept in a store
    Show(Box<PolicyShowArgs>),
    /// Lists the tenants that have a policy in a store
    List(Box<PolicyListArgs>),
    /// Removes the policy of a tenant from a store
    Remove(Box<PolicyRemoveArgs>),
}

#[derive(Debug, Args)]
pub(crate) struct PolicySetArgs {
    /// The policy: a JSON or TOML document
    pub(crate) policy: PathBuf,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyShowArgs {
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyListArgs {
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyRemoveArgs {
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyCheckArgs {
    /// The policy: a JSON or TOML document
    pub(crate) policy: PathBuf,
    /// The folder whose workflows are tried, and those below it
    #[arg(long, value_name = "DIR")]
    pub(crate) workflows: PathBuf,
    /// A file with the secrets of tenants: `{"TENANT": {"NAME": "value"}}`
    #[arg(long, value_name = "FILE", env = "JACKFIELD_SECRETS")]
    pub(crate) secrets: Option<PathBuf>,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
    #[command(flatten)]
    pub(crate) plugins: PluginArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyExplainArgs {
    #[command(flatten)]
    pub(crate) tenancy: TenancyArgs,
    /// The node type, such as `http-request` or `http-request@1.0`
    #[arg(long, value_name = "NODE_TYPE[@VERSION]")]
    pub(crate) node_type: NodeReference,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
    #[command(flatten)]
    pub(crate) store: CredentialStoreArgs,
    #[command(flatten)]
    pub(crate) plugins: PluginArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Shows what was decided and done for a tenant
    Show(AuditShowArgs),
    /// Looks for records that were altered, removed, reordered or cut off
    Verify(AuditVerifyArgs),
    /// Prints the records of a tenant for other programs
    Export(AuditExportArgs),
}

/// Where audit trails are read.
#[derive(Debug, Args)]
pub(crate) struct AuditPlaceArgs {
    /// The folder of the audit trails; those in the store if not given
    pub(crate) folder: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Which records are meant.
#[derive(Debug, Args)]
pub(crate) struct AuditQueryArgs {
    #[command(flatten)]
    pub(crate) place: AuditPlaceArgs,
    /// Whose trail
    #[arg(long, value_name = "ID", default_value = "default")]
    pub(crate) tenant: TenantId,
    /// Only those of one execution
    #[arg(long, value_name = "ID")]
    pub(crate) execution: Option<ExecutionId>,
    /// Only refusals
    #[arg(long)]
    pub(crate) refused: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AuditShowArgs {
    #[command(flatten)]
    pub(crate) query: AuditQueryArgs,
    /// Only so many, the last ones
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub(crate) last: usize,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
}

#[derive(Debug, Args)]
pub(crate) struct AuditVerifyArgs {
    #[command(flatten)]
    pub(crate) place: AuditPlaceArgs,
    /// Only the trail of one tenant
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<TenantId>,
    /// The head that the trail of the tenant must still have, noted down from an earlier run
    #[arg(long, value_name = "HEAD", requires = "tenant")]
    pub(crate) head: Option<AuditHead>,
    #[command(flatten)]
    pub(crate) key: AuditKeyArgs,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
}

#[derive(Debug, Args)]
pub(crate) struct AuditExportArgs {
    #[command(flatten)]
    pub(crate) query: AuditQueryArgs,
    /// What is printed
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ExportFormat,
}

/// What `audit export` prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON object a line, as in the trail
    #[default]
    Ndjson,
    /// Comma-separated values with a line of names
    Csv,
}
