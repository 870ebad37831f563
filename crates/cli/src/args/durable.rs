//! The part of the command line that is about executions that are kept.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jackfield::ExecutionId;
use jackfield::store::Durability;

use super::{RunOutput, RunningArgs};
use crate::store::StoreAddress;

/// Where executions are kept.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct StoreArgs {
    /// Where executions are kept: `sqlite:FILE`, a path that ends in `.db`, or `postgres://…`
    #[arg(
        long,
        value_name = "URL",
        env = "JACKFIELD_STORE",
        hide_env_values = true
    )]
    pub(crate) store: Option<StoreAddress>,
}

/// How safe a step is before the next one begins.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct DurabilityArgs {
    /// How safe a step is before the next one begins; `grouped` if not given
    #[arg(long, value_enum, value_name = "LEVEL", env = "JACKFIELD_DURABILITY")]
    pub(crate) durability: Option<DurabilityArg>,
    /// The same, with the settings file regarded.
    #[arg(skip)]
    pub(crate) level: Durability,
}

/// How safe a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DurabilityArg {
    /// On disk, by itself
    Full,
    /// On disk, together with others
    Grouped,
    /// With the operating system: a loss of power loses the last moments
    Relaxed,
}

impl From<DurabilityArg> for Durability {
    fn from(argument: DurabilityArg) -> Self {
        match argument {
            DurabilityArg::Full => Self::Full,
            DurabilityArg::Grouped => Self::Grouped,
            DurabilityArg::Relaxed => Self::Relaxed,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The execution; everything of the tenant that nobody runs if not given
    pub(crate) execution: Option<ExecutionId>,
    /// Takes up the executions of all tenants
    #[arg(long, conflicts_with_all = ["execution", "tenant"])]
    pub(crate) all_tenants: bool,
    /// Goes on until it is told to stop, and takes up what is due as it comes
    #[arg(long, visible_alias = "wait", conflicts_with = "execution")]
    pub(crate) watch: bool,
    /// How many executions run at the same time
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 256,
        value_parser = clap::value_parser!(u32).range(1..=10_000),
        conflicts_with = "execution"
    )]
    pub(crate) concurrency: u32,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: RunOutput,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) durability: DurabilityArgs,
    #[command(flatten)]
    pub(crate) workflows: WorkflowsArgs,
    #[command(flatten)]
    pub(crate) running: RunningArgs,
}

/// Where other workflows are.
#[derive(Debug, Args)]
pub(crate) struct WorkflowsArgs {
    /// The folder in and below which workflows are looked for that others call
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) workflows: PathBuf,
}
