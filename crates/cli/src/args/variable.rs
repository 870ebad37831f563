//! `jackfield variable`, as it is written.

use clap::{Args, Subcommand};

use super::{PlainOutput, VisitArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum VariableCommand {
    /// Keeps a variable; executions that begin afterwards see it as `$vars.NAME`
    Set(Box<VariableSetArgs>),
    /// Lists the variables of a tenant
    List(Box<VariableListArgs>),
    /// Prints the value of a variable as JSON
    Show(Box<VariableShowArgs>),
    /// Removes variables
    Remove(Box<VariableRemoveArgs>),
}

/// They are no secrets: what must not be seen is a credential.
#[derive(Debug, Args)]
pub(crate) struct VariableSetArgs {
    /// Its name
    pub(crate) name: String,
    /// Its value, as JSON: `5`, `true`, `"a text"`, `{"a": 1}`
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: String,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct VariableListArgs {
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct VariableShowArgs {
    /// Its name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct VariableRemoveArgs {
    /// Their names
    #[arg(required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) visit: VisitArgs,
}
