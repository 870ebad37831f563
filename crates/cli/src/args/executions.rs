//! `jackfield executions`, and what else looks at executions that are kept or asks things of them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use jackfield::{ExecutionId, SignalName, TenantId, UserId};

use super::{
    ActingArgs, DurabilityArgs, LeaseArgs, PlainOutput, PluginArgs, RunOutput, RunningArgs,
    StoreArgs, TenancyArgs, WorkflowsArgs, duration,
};
use crate::moment::Moment;

/// Where executions are looked for, and on whose behalf.
#[derive(Debug, Args)]
pub(crate) struct VisitArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) tenancy: TenancyArgs,
    #[command(flatten)]
    pub(crate) acting: ActingArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SignalArgs {
    /// The execution
    pub(crate) execution: ExecutionId,
    /// The name of the signal
    pub(crate) name: SignalName,
    /// What comes with it: JSON, `@` and the path of a file with JSON, or `-` for standard input
    #[arg(
        long,
        short,
        value_name = "JSON|@FILE|-",
        default_value = "null",
        allow_hyphen_values = true
    )]
    pub(crate) data: String,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DecisionArgs {
    /// The execution
    pub(crate) execution: ExecutionId,
    /// The name of the decision; the one that the execution waits for if it is just one
    pub(crate) name: Option<SignalName>,
    /// Who decided; the user of `--user` if not given
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Why
    #[arg(long, short = 'm', value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) comment: Option<String>,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExecutionsCommand {
    /// Lists executions, newest first
    List(Box<ListArgs>),
    /// Shows how an execution stands, or stood
    Show(Box<ShowArgs>),
    /// Prints what happened in an execution
    Events(Box<EventsArgs>),
    /// Asks executions to end, wherever they run
    Cancel(Box<AskArgs>),
    /// Asks executions to stop after what runs now, until they are asked to go on
    Pause(Box<AskArgs>),
    /// Asks executions that are paused or stuck to go on, where a worker runs
    Resume(Box<AskArgs>),
    /// Starts an execution over from a node, with what was done before it
    Retry(Box<RetryArgs>),
    /// Writes an execution as one file, with all that is needed to replay it
    Export(Box<ExportArgs>),
    /// Takes in an execution that was exported
    Import(Box<ImportArgs>),
}

/// How executions may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateArg {
    /// It runs, or should
    Running,
    /// It waits, out of memory
    Parked,
    /// Only a part of it is there, and nobody runs it: what made it may be gone
    Incomplete,
    /// Somebody asked it to stop for now
    Paused,
    /// It cannot go on until something is repaired
    Stuck,
    /// It has ended
    Ended,
}

impl StateArg {
    /// The name that stores know it by.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Parked => "parked",
            Self::Incomplete => "incomplete",
            Self::Paused => "paused",
            Self::Stuck => "stuck",
            Self::Ended => "ended",
        }
    }
}

/// How executions may have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatusArg {
    /// Well
    Success,
    /// With an error
    Error,
    /// Somebody asked for it
    Cancelled,
    /// Its time was over
    TimedOut,
    /// Its tenant had no room for it
    Refused,
}

impl StatusArg {
    /// The name that stores know it by.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timedOut",
            Self::Refused => "refused",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only those that stand so
    #[arg(long, value_enum)]
    pub(crate) state: Option<StateArg>,
    /// Only those that ended so
    #[arg(long, value_enum)]
    pub(crate) status: Option<StatusArg>,
    /// Only those of a workflow, by its id, or by its name if it has none
    #[arg(long, value_name = "ID")]
    pub(crate) workflow: Option<String>,
    /// Only those made since then: a time, or how long ago, such as `2h`
    #[arg(long, value_name = "TIME|DURATION")]
    pub(crate) since: Option<Moment>,
    /// Only those made before: a time, or how long ago
    #[arg(long, value_name = "TIME|DURATION")]
    pub(crate) until: Option<Moment>,
    /// At most so many
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 50,
        value_parser = clap::value_parser!(u32).range(1..=1_000)
    )]
    pub(crate) limit: u32,
    /// Those after a page, whose end named this cursor
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<String>,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The execution
    pub(crate) execution: ExecutionId,
    /// How it stood after so many events
    #[arg(long, value_name = "EVENTS")]
    pub(crate) at: Option<u64>,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
    #[command(flatten)]
    pub(crate) plugins: PluginArgs,
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// The execution
    pub(crate) execution: ExecutionId,
    /// From this event on
    #[arg(long, value_name = "EVENT", default_value_t = 1)]
    pub(crate) from: u64,
    /// Goes on until the execution has ended
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Prints the records as they are written, for which no plugin is needed
    #[arg(long, conflicts_with = "follow")]
    pub(crate) raw: bool,
    /// What is printed; as JSON, an event a line
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
    #[command(flatten)]
    pub(crate) plugins: PluginArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    /// The executions
    #[arg(required = true)]
    pub(crate) executions: Vec<ExecutionId>,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// The execution
    pub(crate) execution: ExecutionId,
    /// The node that it starts over from, by id or name
    #[arg(long, value_name = "NODE")]
    pub(crate) from: String,
    /// The items that this node is given in place of those that it was given: a file, `-` for
    /// standard input, or JSON text, as for `run --input`
    #[arg(long, value_name = "FILE|-|JSON", allow_hyphen_values = true)]
    pub(crate) edit_input: Option<String>,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: RunOutput,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) durability: DurabilityArgs,
    #[command(flatten)]
    pub(crate) lease: LeaseArgs,
    #[command(flatten)]
    pub(crate) workflows: WorkflowsArgs,
    #[command(flatten)]
    pub(crate) running: RunningArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The execution
    pub(crate) execution: ExecutionId,
    /// The file that is written; standard output if not given
    #[arg(long = "to", short = 'o', value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
    #[command(flatten)]
    pub(crate) plugins: PluginArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The file, or `-` for standard input
    pub(crate) file: PathBuf,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
    #[command(flatten)]
    pub(crate) durability: DurabilityArgs,
    #[command(flatten)]
    pub(crate) plugins: PluginArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The file of an execution that was exported, or `-` for standard input
    pub(crate) file: PathBuf,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
    #[command(flatten)]
    pub(crate) tenancy: TenancyArgs,
    #[command(flatten)]
    pub(crate) plugins: PluginArgs,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").multiple(true).args(["older_than", "keep"])))]
pub(crate) struct GcArgs {
    /// Lets go of executions that ended longer ago than this, such as `30d`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) older_than: Option<Duration>,
    /// Lets go of the oldest until no more than so many of those that have ended are left
    #[arg(long, value_name = "COUNT")]
    pub(crate) keep: Option<u64>,
    /// Only counts what would go
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Keeps these bounds as the tenant's: workers go by them, and `gc` does without others
    #[arg(long, requires = "what", conflicts_with_all = ["dry_run", "all_tenants"])]
    pub(crate) set: bool,
    /// Forgets the bounds that are set for the tenant; nothing goes
    #[arg(long, conflicts_with_all = ["what", "dry_run", "all_tenants", "set"])]
    pub(crate) unset: bool,
    /// Whose executions
    #[arg(long, value_name = "ID", default_value = "default")]
    pub(crate) tenant: TenantId,
    /// Those of all tenants, of each by itself
    #[arg(long, conflicts_with = "tenant")]
    pub(crate) all_tenants: bool,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

impl DecisionArgs {
    /// Who decided, as far as it is said.
    pub(crate) fn decider(&self) -> Option<&str> {
        let user = self.visit.acting.user.as_ref();
        self.by.as_deref().or(user.map(UserId::as_str))
    }
}
