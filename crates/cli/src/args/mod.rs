//! The command line, as it is written.

mod credential;
mod credential_keys;
mod durable;
mod executions;
mod plugin;
mod tenancy;
mod variable;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jackfield::{DurationParseError, parse_duration};

use crate::exit::Exit;
use crate::input::Assignment;
use crate::node_reference::NodeReference;

pub(crate) use self::credential::{
    CredentialAddArgs, CredentialCommand, CredentialKeptArgs, CredentialKeyCommand,
    CredentialListArgs, CredentialRemoveArgs, CredentialRotateArgs, CredentialShowArgs,
    WrittenField,
};
pub(crate) use self::credential_keys::{CredentialKeyArgs, CredentialStoreArgs, WrittenKey};
pub(crate) use self::durable::{
    DurabilityArg, DurabilityArgs, LeaseArgs, ResumeArgs, StoreArgs, WorkflowsArgs,
};
pub(crate) use self::executions::{
    AskArgs, DecisionArgs, EventsArgs, ExecutionsCommand, ExportArgs, GcArgs, ImportArgs, ListArgs,
    ReplayArgs, RetryArgs, ShowArgs, SignalArgs, VisitArgs,
};
pub(crate) use self::plugin::{
    InstalledArgs, KeyCommand, KeysArgs, LockArgs, PluginArgs, PluginBuildArgs, PluginCommand,
    PluginDoctorArgs, PluginInspectArgs, PluginInstallArgs, PluginListArgs, PluginNewArgs,
    PluginOutdatedArgs, PluginPackArgs, PluginPullArgs, PluginPushArgs, PluginRemoveArgs,
    PluginShowArgs, PluginSignArgs, PluginTestArgs, RemoteArgs, TrustArgs,
};
pub(crate) use self::tenancy::{
    ActingArgs, AuditCommand, AuditExportArgs, AuditKeyArgs, AuditPlaceArgs, AuditQueryArgs,
    AuditShowArgs, AuditVerifyArgs, ExportFormat, PolicyCheckArgs, PolicyCommand,
    PolicyExplainArgs, PolicyListArgs, PolicyRemoveArgs, PolicySetArgs, PolicyShowArgs,
    TenancyArgs,
};
pub(crate) use self::variable::{
    VariableCommand, VariableListArgs, VariableRemoveArgs, VariableSetArgs, VariableShowArgs,
};

/// Runs workflows whose every node is a plugin.
#[derive(Debug, Parser)]
#[command(name = "jackfield", version, after_help = Exit::HELP, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct GlobalArgs {
    /// What is logged to standard error, such as `debug` or `registry=debug,engine=info`
    #[arg(
        long,
        global = true,
        env = "JACKFIELD_LOG",
        value_name = "FILTER",
        hide_env_values = true
    )]
    pub(crate) log: Option<String>,
    /// The settings file; `settings.toml` in JACKFIELD_HOME if not given
    #[arg(long, global = true, value_name = "FILE", env = "JACKFIELD_SETTINGS")]
    pub(crate) settings: Option<PathBuf>,
    /// When colors are used
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: ColorArg,
}

/// When colors are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorArg {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs a workflow file
    Run(Box<RunArgs>),
    /// Goes on with executions that are kept in a store
    Resume(Box<ResumeArgs>),
    /// Lists, shows, steers and exports executions that are kept
    #[command(subcommand)]
    Executions(ExecutionsCommand),
    /// Sends a signal to an execution that is kept
    Signal(Box<SignalArgs>),
    /// Approves what an execution waits for
    Approve(Box<DecisionArgs>),
    /// Rejects what an execution waits for
    Reject(Box<DecisionArgs>),
    /// Replays an execution that was exported, and reports the first difference
    Replay(Box<ReplayArgs>),
    /// Lets go of executions that have ended
    Gc(GcArgs),
    /// Keeps, lists, removes and re-encrypts the credentials of tenants
    #[command(subcommand, visible_alias = "credentials")]
    Credential(CredentialCommand),
    /// Keeps, lists, shows and removes the variables of tenants
    #[command(subcommand, visible_alias = "variables")]
    Variable(VariableCommand),
    /// Checks workflow files and reports everything that is wrong with them
    Validate(ValidateArgs),
    /// Shows what would run, and in which order
    Plan(PlanArgs),
    /// Runs a single node, without a workflow around it
    Exec(Box<ExecArgs>),
    /// Lists, shows and searches node types
    #[command(subcommand)]
    Nodes(NodesCommand),
    /// Lists, checks, installs, signs, distributes and writes plugins
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Tells what policies would refuse, and why; keeps policies in a store
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Shows, verifies and exports audit trails
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Prints JSON Schemas
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// Prints a completion script
    Completions {
        /// The shell that it is for
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The workflow: a file in the native format, or an export of n8n
    pub(crate) file: PathBuf,
    /// The items that it starts with: a file, `-` for standard input, or JSON text that begins
    /// with `{` or `[`. A JSON array of objects, one object, or NDJSON
    #[arg(long, short, value_name = "FILE|-|JSON", allow_hyphen_values = true)]
    pub(crate) input: Option<String>,
    /// Sets a variable; the value is JSON if it can be read as JSON, else text
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) variables: Vec<Assignment>,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: RunOutput,
    #[command(flatten)]
    pub(crate) missing_fields: MissingFieldsArgs,
    /// How long it may take, such as `30s` or `1h 30m`; a bare number is milliseconds
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// The trigger that it starts with, by name or id
    #[arg(long, value_name = "NODE")]
    pub(crate) trigger: Option<String>,
    /// Runs nodes that have pinned data, too
    #[arg(long)]
    pub(crate) no_pinned_data: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// Ends as soon as nothing is left to do but wait; `resume` goes on when it is time
    #[arg(long)]
    pub(crate) park: bool,
    #[command(flatten)]
    pub(crate) durability: DurabilityArgs,
    #[command(flatten)]
    pub(crate) lease: LeaseArgs,
    #[command(flatten)]
    pub(crate) running: RunningArgs,
}

/// With what things are run.
#[derive(Debug, Args)]
pub(crate) struct RunningArgs {
    #[command(flatten)]
    pub(crate) tenancy: TenancyArgs,
    #[command(flatten)]
    pub(crate) acting: ActingArgs,
    #[command(flatten)]
    pub(crate) grants: GrantArgs,
    #[command(flatten)]
    pub(crate) credential_keys: CredentialKeyArgs,
    #[command(flatten)]
    pub(crate) plugins: PluginArgs,
}

/// What workflows may reach outside themselves.
#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// Lets HTTP requests reach private, loopback and link-local addresses
    #[arg(long)]
    pub(crate) allow_private_network: bool,
    /// Lets expressions read an environment variable, as `$env.NAME`
    #[arg(long = "env", value_name = "NAME")]
    pub(crate) environment: Vec<String>,
    /// Lets database nodes reach the data sources in a file, in YAML or JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) data_sources: Option<PathBuf>,
}

/// What a field that is not there means in expressions.
#[derive(Debug, Args)]
pub(crate) struct MissingFieldsArgs {
    /// Expressions that name a field that is not there fail, whatever the workflow says
    #[arg(long, conflicts_with = "lenient")]
    pub(crate) strict: bool,
    /// Fields that are not there are null in expressions, whatever the workflow says
    #[arg(long)]
    pub(crate) lenient: bool,
}

/// What `run` prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunOutput {
    /// A table of the nodes and the first final items
    #[default]
    Pretty,
    /// One JSON object with everything that the nodes gave
    Json,
    /// The journal as NDJSON, while it runs
    Events,
}

/// What most commands print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlainOutput {
    /// For people
    #[default]
    Pretty,
    /// For programs
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// The workflows
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
    #[command(flatten)]
    pub(crate) tenancy: TenancyArgs,
    #[command(flatten)]
    pub(crate) store: CredentialStoreArgs,
    #[command(flatten)]
    pub(crate) plugins: PluginArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The workflow
    pub(crate) file: PathBuf,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlanOutput,
    #[command(flatten)]
    pub(crate) missing_fields: MissingFieldsArgs,
    #[command(flatten)]
    pub(crate) tenancy: TenancyArgs,
    #[command(flatten)]
    pub(crate) store: CredentialStoreArgs,
    #[command(flatten)]
    pub(crate) plugins: PluginArgs,
}

/// What `plan` prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanOutput {
    /// A table
    #[default]
    Pretty,
    /// One JSON object
    Json,
    /// A Mermaid flowchart
    Mermaid,
    /// A Graphviz graph
    Dot,
    /// A picture
    Svg,
}

#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// The node type, such as `string.upper` or `string.upper@1.0`
    #[arg(value_name = "NODE_TYPE[@VERSION]")]
    pub(crate) node: NodeReference,
    /// Its parameters: a JSON object, or `@FILE`
    #[arg(
        long,
        short,
        value_name = "JSON|@FILE",
        default_value = "{}",
        allow_hyphen_values = true
    )]
    pub(crate) params: String,
    /// The items of an input, as for `run`; given again, those of the next input. One empty item
    /// if not given
    #[arg(long, short, value_name = "FILE|-|JSON", allow_hyphen_values = true)]
    pub(crate) input: Vec<String>,
    /// Sets a variable; the value is JSON if it can be read as JSON, else text
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) variables: Vec<Assignment>,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
    #[command(flatten)]
    pub(crate) store: CredentialStoreArgs,
    #[command(flatten)]
    pub(crate) running: RunningArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NodesCommand {
    /// Lists node types
    List {
        /// Only those of one category
        #[arg(long, value_name = "CATEGORY")]
        category: Option<String>,
        /// What is printed
        #[arg(long, short, value_enum, default_value_t)]
        output: PlainOutput,
        #[command(flatten)]
        plugins: PluginArgs,
    },
    /// Shows what a node type does: parameters, examples, schema
    Show {
        /// The node type
        #[arg(value_name = "NODE_TYPE[@VERSION]")]
        node: NodeReference,
        /// What is printed
        #[arg(long, short, value_enum, default_value_t)]
        output: PlainOutput,
        #[command(flatten)]
        plugins: PluginArgs,
    },
    /// Finds node types by words in name, tags and description
    Search {
        /// Words, all of which must fit
        #[arg(required = true)]
        text: Vec<String>,
        /// Only those of one category
        #[arg(long, value_name = "CATEGORY")]
        category: Option<String>,
        /// Only those with this tag
        #[arg(long, value_name = "TAG")]
        tag: Option<String>,
        /// What is printed
        #[arg(long, short, value_enum, default_value_t)]
        output: PlainOutput,
        #[command(flatten)]
        plugins: PluginArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// Prints the schema of the native workflow format
    Workflow,
    /// Prints the schema of policies
    Policy,
    /// Prints the schema of a node type's parameters
    Node {
        /// The node type
        #[arg(value_name = "NODE_TYPE[@VERSION]")]
        node: NodeReference,
        #[command(flatten)]
        plugins: PluginArgs,
    },
}

fn duration(text: &str) -> Result<Duration, DurationParseError> {
    parse_duration(text)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn no_command_has_the_same_argument_twice() {
        Cli::command().debug_assert();
    }
}
