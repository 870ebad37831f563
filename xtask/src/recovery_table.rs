//! `cargo xtask recovery-table`: writes `docs/recovery.md` as the kernel has it.

use anyhow::Result;

use crate::step::Steps;
use crate::workspace::Workspace;

/// Lets the test that compares the page write it instead.
const UPDATE: &str = "JACKFIELD_UPDATE_RECOVERY_TABLE";

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::default();
    let arguments = [
        "test",
        "--package",
        "jackfield-kernel",
        "--test",
        "recovery_page",
    ];
    let mut command = workspace.cargo(&arguments);
    command.env(UPDATE, "1");
    steps.command("docs/recovery.md", command)?;
    steps.summarize();
    Ok(())
}
