//! The part of the command line that is about executions that are kept.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jackfield::store::Durability;
use jackfield::{DurableOptions, ExecutionId, format_duration};

use super::{RunOutput, RunningArgs, duration};
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

/// How long executions are held.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct LeaseArgs {
    /// After how long others take over from a process that is gone or stands still; `10s` if not
    /// given. The same for all that share a database
    #[arg(long, value_name = "DURATION", env = "JACKFIELD_LEASE", value_parser = lease)]
    pub(crate) lease: Option<Duration>,
}

/// A shorter lease runs out while a process is only busy, and a longer one is no use.
const LEASES: [Duration; 2] = [Duration::from_millis(500), Duration::from_hours(1)];

fn lease(text: &str) -> Result<Duration, String> {
    let lease = duration(text).map_err(|error| error.to_string())?;
    let [shortest, longest] = LEASES;
    if lease < shortest || lease > longest {
        let (shortest, longest) = (format_duration(shortest), format_duration(longest));
        return Err(format!("a lease takes from {shortest} to {longest}"));
    }
    Ok(lease)
}

impl LeaseArgs {
    /// How executions are kept.
    pub(crate) fn options(&self) -> DurableOptions {
        let default = DurableOptions::default();
        DurableOptions {
            lease: self.lease.unwrap_or(default.lease),
            ..default
        }
    }
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
    pub(crate) lease: LeaseArgs,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_are_neither_too_short_nor_too_long() {
        for (text, expected) in [("500ms", 500), ("10s", 10_000), ("1h", 3_600_000)] {
            assert_eq!(lease(text), Ok(Duration::from_millis(expected)));
        }
        for text in ["0", "499ms", "61m", "soon"] {
            assert!(lease(text).is_err(), "{text}");
        }
    }
}
