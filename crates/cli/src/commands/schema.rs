//! `jackfield schema`: JSON Schemas for editors and other programs.

use jackfield::{NodeSettings, policy_schema, workflow_schema};
use serde_json::{Value, json};

use crate::args::SchemaCommand;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::session;

/// Prints a schema.
pub(crate) fn schema(command: &SchemaCommand, output: &mut Output) -> Result<Exit, CliError> {
    let schema: Value = match command {
        SchemaCommand::Workflow => workflow_schema(),
        SchemaCommand::Policy => policy_schema(),
        SchemaCommand::Node { node, plugins } => {
            let registry = session::registry_with(plugins, &NodeSettings::default())?;
            let found = registry.resolve(&node.node_type, &node.version)?;
            // A node type without a schema takes any parameters.
            found
                .metadata()
                .schema
                .clone()
                .unwrap_or_else(|| json!(true))
        }
    };
    output.document(&schema)?;
    Ok(Exit::Success)
}
