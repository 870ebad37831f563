//! `cargo xtask ci`: what a change has to pass, the cheap checks first.

use anyhow::Result;

use crate::step::Steps;
use crate::workspace::Workspace;
use crate::{layers, licences, plugins, prerequisites, test};

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::default();
    steps.run("prerequisites", prerequisites::ensure)?;
    steps.command("format", workspace.cargo(&["fmt", "--all", "--check"]))?;
    for manifest in plugins::MANIFESTS {
        let check = ["fmt", "--all", "--check", "--manifest-path", manifest];
        steps.command(&format!("format of {manifest}"), workspace.cargo(&check))?;
    }
    steps.run("layers", || layers::run(workspace))?;
    steps.run("licences", || licences::run(workspace))?;
    if workspace.has_subcommand("deny") {
        let deny = ["deny", "check", "bans", "licenses", "sources"];
        steps.command("cargo deny", workspace.cargo(&deny))?;
    } else {
        eprintln!("==> cargo deny: not installed; the two checks above cover the same ground");
    }
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    steps.command("clippy", workspace.cargo(&clippy))?;
    for manifest in plugins::MANIFESTS {
        let command = plugins::clippy(workspace, manifest);
        steps.command(&format!("clippy of {manifest}"), command)?;
    }
    let mut docs = workspace.cargo(&["doc", "--no-deps", "--workspace"]);
    docs.env("RUSTDOCFLAGS", "-D warnings");
    steps.command("docs", docs)?;
    test::add_steps(workspace, &test::Arguments::default(), &mut steps)?;
    steps.summarize();
    Ok(())
}
