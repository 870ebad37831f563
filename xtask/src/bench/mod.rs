//! `cargo xtask bench`: measures, and sets what was measured beside what was asked for.
//!
//! Figures are never judged here: they depend on the machine. The table is for a person.

mod estimates;
mod operations;
mod table;

use std::process::{Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::step::Steps;
use crate::workspace::Workspace;

/// Arguments of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Runs only benches whose names contain this text.
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
    /// Runs nothing, and shows what earlier runs left behind.
    #[arg(long)]
    report_only: bool,
    /// Measures each bench for a shorter time: good for a look, not for a decision.
    #[arg(long)]
    quick: bool,
}

/// The benches that criterion measures: package and name.
const CRITERION: &[(&str, &str)] = &[
    ("jackfield-registry", "registry"),
    ("jackfield-registry", "cache"),
    ("jackfield-registry", "discovery"),
    ("jackfield", "execution"),
    ("jackfield-tenancy", "policy"),
    ("jackfield-tenancy", "admission"),
    ("jackfield-tenancy", "audit"),
    ("jackfield-tenancy", "redaction"),
    ("jackfield", "tenancy"),
    ("jackfield-wasm", "wasm"),
];

/// The benches that print their figures themselves.
const PRINTING: &[(&str, &str)] = &[
    ("jackfield-registry", "memory"),
    ("jackfield", "fairness"),
    ("jackfield-nodes", "dbal"),
];

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let began = SystemTime::now();
    let mut printed = String::new();
    if !arguments.report_only {
        let mut steps = Steps::default();
        for (package, bench) in CRITERION {
            if !has_bench(workspace, package, bench) {
                eprintln!("==> bench {bench}: there is none in `{package}`");
                continue;
            }
            let name = format!("bench {bench}");
            steps.command(&name, criterion(workspace, package, bench, arguments))?;
        }
        for (package, bench) in PRINTING {
            let is_wanted = arguments
                .filter
                .as_ref()
                .is_none_or(|filter| bench.contains(filter.as_str()));
            if is_wanted && has_bench(workspace, package, bench) {
                steps.run(&format!("bench {bench}"), || {
                    printed.push_str(&printing(workspace, package, bench, arguments)?);
                    Ok(())
                })?;
            }
        }
        steps.summarize();
    }
    let since = (!arguments.report_only).then_some(began);
    let measured = estimates::read(&workspace.target().join("criterion"), since)?;
    println!(
        "{}",
        table::render(&measured, &estimates::printed(&printed))
    );
    Ok(())
}

fn has_bench(workspace: &Workspace, package: &str, bench: &str) -> bool {
    let members = workspace.members();
    let mut targets = members
        .iter()
        .filter(|member| member.name.as_str() == package)
        .flat_map(|member| &member.targets);
    targets.any(|target| target.is_bench() && target.name == bench)
}

fn criterion(workspace: &Workspace, package: &str, bench: &str, arguments: &Arguments) -> Command {
    let mut command = workspace.cargo(&["bench", "-p", package, "--bench", bench, "--"]);
    if arguments.quick {
        command.args([
            "--warm-up-time",
            "0.5",
            "--measurement-time",
            "1",
            "--sample-size",
            "10",
        ]);
    }
    command.args(&arguments.filter);
    command
}

/// Runs a bench that prints its figures, and gives what it printed.
fn printing(
    workspace: &Workspace,
    package: &str,
    bench: &str,
    arguments: &Arguments,
) -> Result<String> {
    let mut command = workspace.cargo(&["bench", "-p", package, "--bench", bench, "--"]);
    if arguments.quick {
        command.arg("--quick");
    }
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("the {bench} bench could not be started"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{text}");
    anyhow::ensure!(
        output.status.success(),
        "the {bench} bench ended with {}",
        output.status
    );
    Ok(text)
}
