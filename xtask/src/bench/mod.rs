//! `cargo xtask bench`: measures, and sets what was measured beside what was asked for.
//!
//! Figures are never judged here: they depend on the machine. The table is for a person.

mod durable;
mod estimates;
mod operations;
mod plugins;
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
    ("jackfield-registry", "tenants"),
    ("jackfield", "fairness"),
    ("jackfield", "durable"),
    ("jackfield-nodes", "dbal"),
    ("jackfield-wasm", "deadline"),
    ("jackfield-wasm", "neighbours"),
];

/// A package of its own, which brings what nothing else here needs and may not build everywhere.
const EXTISM: &str = "crates/wasm/benches/extism";

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
        let is_wanted = |filter: &String| "extism".contains(filter.as_str());
        if arguments.filter.as_ref().is_none_or(is_wanted) {
            match extism(workspace) {
                Ok(text) => printed.push_str(&text),
                Err(error) => eprintln!("==> bench extism: left out: {error:#}"),
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
    shown(&mut command, bench)
}

/// Builds and runs the bench of Extism, which has a lock file and a target folder of its own.
fn extism(workspace: &Workspace) -> Result<String> {
    let package = workspace.root().join(EXTISM);
    let target = workspace.target().join("extism");
    let mut command = workspace.cargo(&["run", "--release", "--locked"]);
    command.current_dir(package).env("CARGO_TARGET_DIR", target);
    shown(&mut command, "extism")
}

fn shown(command: &mut Command, bench: &str) -> Result<String> {
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
