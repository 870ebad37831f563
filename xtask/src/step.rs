//! Steps of a chore: each is announced, timed, and stops the chore when it fails.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The steps of a chore, with the time that each one took.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(String, Duration)>,
}

impl Steps {
    /// Runs a step that is a function.
    pub(crate) fn run(&mut self, name: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
        eprintln!("==> {name}");
        let began = Instant::now();
        let outcome = step();
        let took = began.elapsed();
        if outcome.is_err() {
            eprintln!("==> {name}: failed after {:.1} s", took.as_secs_f64());
        } else {
            eprintln!("==> {name}: done in {:.1} s", took.as_secs_f64());
            self.done.push((name.to_owned(), took));
        }
        outcome.with_context(|| format!("{name} failed"))
    }

    /// Runs a step that is a command.
    pub(crate) fn command(&mut self, name: &str, mut command: Command) -> Result<()> {
        self.run(name, || status(&mut command))
    }

    /// Says what was done, and how long it took.
    pub(crate) fn summarize(&self) {
        let width = self
            .done
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or(0);
        eprintln!();
        for (name, took) in &self.done {
            eprintln!("  {name:<width$}  {:>7.1} s", took.as_secs_f64());
        }
        let whole: Duration = self.done.iter().map(|(_, took)| *took).sum();
        eprintln!("  {:<width$}  {:>7.1} s", "in all", whole.as_secs_f64());
    }
}

/// Runs a command to its end, with this process's input and outputs.
pub(crate) fn status(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("{} could not be started", shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs a command to its end and gives what it wrote to its standard output.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("{} could not be started", shown(command)))?;
    if !output.status.success() {
        bail!("{} ended with {}", shown(command), output.status);
    }
    Ok(output.stdout)
}

/// A command as it would be typed.
fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_stem().unwrap_or(command.get_program());
    let mut text = format!("`{}", name.to_string_lossy());
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text.push('`');
    text
}
