//! The chores of the workspace: `cargo xtask test`, `ci`, `layers`, `licences`, `bench`,
//! `recovery-table`, `plugins`.
//!
//! Each chore does its own set-up and says what it did. Chores run the tools that a person would
//! run by hand; what no tool does (layering, licences, the table of measurements) is done here.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to the person who runs it"
)]

mod bench;
mod ci;
mod layers;
mod licences;
mod plugins;
mod prerequisites;
mod privileges;
mod recovery_table;
mod step;
mod test;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// The chores of the Jackfield workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Installs or names what tests need, then runs all tests, doc tests included.
    Test(test::Arguments),
    /// Does what a change has to pass: format, layers, licences, clippy, docs, tests.
    Ci,
    /// Checks that crates depend only on what their layer allows.
    Layers,
    /// Checks that every dependency comes from crates.io under a licence that we may use.
    Licences,
    /// Runs the benches and prints what was measured beside what was asked for.
    Bench(bench::Arguments),
    /// Writes the page about recovery, `docs/recovery.md`, as the kernel has it.
    RecoveryTable,
    /// Builds the example plugins from source, and tests what they are written with.
    Plugins,
}

fn main() -> ExitCode {
    match run(Xtask::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<()> {
    let workspace = Workspace::load()?;
    match chore {
        Chore::Test(arguments) => test::run(&workspace, &arguments),
        Chore::Ci => ci::run(&workspace),
        Chore::Layers => layers::run(&workspace),
        Chore::Licences => licences::run(&workspace),
        Chore::Bench(arguments) => bench::run(&workspace, &arguments),
        Chore::RecoveryTable => recovery_table::run(&workspace),
        Chore::Plugins => plugins::run(&workspace),
    }
}
