//! `cargo xtask test`: all tests, with their own set-up.

use std::process::Command;

use anyhow::Result;

use crate::step::Steps;
use crate::workspace::Workspace;
use crate::{plugins, prerequisites};

/// Arguments of `cargo xtask test`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {
    /// Runs only tests whose names contain one of these texts; doc tests are left out then.
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// Runs the doc tests only.
    #[arg(long)]
    doc: bool,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut steps = Steps::default();
    steps.run("prerequisites", prerequisites::ensure)?;
    add_steps(workspace, arguments, &mut steps)?;
    steps.summarize();
    Ok(())
}

/// Runs the tests as steps of a longer chore.
pub(crate) fn add_steps(
    workspace: &Workspace,
    arguments: &Arguments,
    steps: &mut Steps,
) -> Result<()> {
    let filters: Vec<&str> = arguments.filters.iter().map(String::as_str).collect();
    if !arguments.doc {
        // Tests run them.
        plugins::add_steps(workspace, steps)?;
        if filters.is_empty() {
            plugins::add_tests(workspace, steps)?;
        }
        let (name, command) = unit_and_integration(workspace, &filters);
        steps.command(name, command)?;
        if filters.is_empty() {
            plugins::add_trials(workspace, steps)?;
        }
    }
    if arguments.doc || filters.is_empty() {
        let mut command = workspace.cargo(&["test", "--doc", "--workspace", "--"]);
        command.args(&filters);
        steps.command("doc tests (cargo test --doc)", command)?;
    }
    Ok(())
}

fn unit_and_integration(workspace: &Workspace, filters: &[&str]) -> (&'static str, Command) {
    if workspace.has_subcommand("nextest") {
        // No test is silently left out: a filter that no test meets is an error of nextest's.
        let mut command =
            workspace.cargo(&["nextest", "run", "--workspace", "--no-fail-fast", "--"]);
        command.args(filters);
        return ("tests (cargo nextest run)", command);
    }
    let mut command = workspace.cargo(&[
        "test",
        "--workspace",
        "--lib",
        "--bins",
        "--tests",
        "--examples",
        "--no-fail-fast",
        "--",
    ]);
    command.args(filters);
    ("tests (cargo test)", command)
}
