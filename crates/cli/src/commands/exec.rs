//! `jackfield exec`: a single node, through the pipeline that nodes of workflows go through.

use std::time::{Duration, Instant};

use jackfield::types::VariableWrite;
use jackfield::{
    ErrorCode, Items, NodeFailure, NodeOutput, NodeRequest, NodeTypeId, format_duration,
};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{say, warn_all};
use crate::args::{ExecArgs, PlainOutput, RunningArgs};
use crate::contents::Contents;
use crate::credentials;
use crate::error::CliError;
use crate::exit::Exit;
use crate::input::{read_items, read_parameters, variables};
use crate::output::Output;
use crate::render::text::{count, line};
use crate::render::{items, page_of};
use crate::session;
use crate::signals::Interrupts;
use crate::store;
use crate::terminal::Terminal;

/// Calls a node type once.
pub(crate) fn exec(
    args: ExecArgs,
    terminal: Terminal,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let runtime = session::runtime()?;
    let store = runtime.block_on(credentials::store_if_there(&args.store))?;
    let RunningArgs {
        tenancy,
        credential_keys: keys,
        ..
    } = &args.running;
    let contents = Contents::to_run(&runtime, store.as_ref(), keys, &tenancy.tenant)?;
    let session = session::running(&args.running, None, &contents, None)?;
    warn_all(&session.warnings, terminal.stderr);
    let registration = session
        .registry()
        .resolve(&args.node.node_type, &args.node.version)?;
    let version = registration.version().to_string();
    let parameters = read_parameters(&args.params)?;
    if args.input.iter().filter(|input| *input == "-").count() > 1 {
        return Err(CliError::usage(
            "standard input can be read only once",
            "give the items of the other inputs as files",
        ));
    }
    let inputs: Vec<Items> = args
        .input
        .iter()
        .map(|input| read_items(input))
        .collect::<Result<_, _>>()?;
    let request = NodeRequest {
        version: args.node.version,
        inputs,
        variables: variables(args.variables),
        ..NodeRequest::new(args.node.node_type.clone(), parameters)
    };
    let began = Instant::now();
    let result: Result<Result<NodeOutput, NodeFailure>, CliError> = runtime.block_on(async {
        let mut interrupts = Interrupts::listen()
            .map_err(|error| CliError::internal("signals cannot be listened to", &error))?;
        tokio::select! {
            // Dropping it breaks the call off, and there is nothing else to keep.
            result = session.engine.execute_node(request) => Ok(result.map_err(|failure| *failure)),
            () = interrupts.next() => Ok(Err(cancelled())),
        }
    });
    let recorded = session.finish();
    if let Some(store) = &store {
        runtime.block_on(store::close(store));
    }
    runtime.shutdown_background();
    recorded?;
    let call = Call {
        node_type: args.node.node_type,
        version,
        duration: began.elapsed(),
        result: result?,
    };
    match args.output {
        PlainOutput::Pretty if call.result.is_ok() => output.text(&call.shown())?,
        PlainOutput::Pretty => say(&call.shown()),
        PlainOutput::Json => output.data(&call)?,
    }
    Ok(call.exit())
}

fn cancelled() -> NodeFailure {
    let class = jackfield::types::FailureClass::Final;
    NodeFailure::new(class, ErrorCode::CANCELLED, "the call was cancelled")
}

/// A call that is over.
struct Call {
    node_type: NodeTypeId,
    version: String,
    duration: Duration,
    result: Result<NodeOutput, NodeFailure>,
}

impl Call {
    /// Parameters that are wrong are wrong input, and so is a plugin that cannot run at all; all else
    /// that fails is a failure.
    fn exit(&self) -> Exit {
        let Err(failure) = &self.result else {
            return Exit::Success;
        };
        if failure.code == ErrorCode::TENANT_FORBIDDEN {
            Exit::Refused
        } else if !failure.issues.is_empty() || failure.code == ErrorCode::INVALID_PACKAGE {
            Exit::InvalidInput
        } else {
            Exit::ExecutionFailed
        }
    }

    fn shown(&self) -> String {
        let what = format!("{} {}", self.node_type, self.version);
        let duration = format_duration(self.duration);
        match &self.result {
            Ok(output) => format!("{what}: success in {duration}\n{}", output_text(output)),
            Err(failure) => format!("{what}: error in {duration}\n{}", failure_text(failure)),
        }
    }
}

fn output_text(output: &NodeOutput) -> String {
    const MORE: &str = "`--output json` prints all of them";
    let mut text = String::new();
    let ports = output.outputs.main.iter().enumerate();
    let ports = ports.map(|(port, items)| (format!("output {port}"), items));
    let error = output
        .outputs
        .error
        .iter()
        .map(|items| ("error".to_owned(), items));
    for (name, items) in ports.chain(error) {
        text.push_str(&format!("\n{name}: {}\n", count(items.len(), "item")));
        text.push_str(&items::excerpt(items, MORE));
    }
    for write in &output.variables {
        let change = match write {
            VariableWrite::Set { name, value } => {
                format!("{} = {}", line(name, 80), line(&value.to_string(), 200))
            }
            VariableWrite::Delete { name } => format!("{} is deleted", line(name, 80)),
            VariableWrite::Clear => "all are deleted".to_owned(),
        };
        text.push_str(&format!("\nvariable: {change}\n"));
    }
    if let Some(wait) = output.wait {
        text.push_str(&format!(
            "\nin a workflow it would wait {}\n",
            format_duration(wait)
        ));
    }
    text
}

fn failure_text(failure: &NodeFailure) -> String {
    let page = page_of(&failure.code)
        .map(|page| format!(" (see {page})"))
        .unwrap_or_default();
    let mut text = format!("\nerror[{}]{page}\n", failure.code);
    if failure.issues.is_empty() {
        text.push_str(&format!("  {}\n", line(&failure.message, 2_000)));
    }
    for issue in &failure.issues {
        text.push_str(&format!("  {}\n", line(&issue.to_string(), 2_000)));
        if let Some(hint) = &issue.hint {
            text.push_str(&format!("    hint: {}\n", line(hint, 400)));
        }
    }
    text
}

impl Serialize for Call {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let status = if self.result.is_ok() {
            "success"
        } else {
            "error"
        };
        let milliseconds = (self.duration.as_secs_f64() * 1e6).round() / 1e3;
        let mut call = json!({
            "nodeType": self.node_type,
            "version": self.version,
            "status": status,
            "durationMs": milliseconds,
        });
        match &self.result {
            Ok(output) => {
                let outputs = output
                    .outputs
                    .serialize_json_only(serde_json::value::Serializer);
                call["output"] = outputs.map_err(serde::ser::Error::custom)?;
                call["variables"] = json!(output.variables);
            }
            Err(failure) => {
                call["error"] = Value::from(failure.message.as_str());
                call["errorCode"] = json!(failure.code);
                call["validationErrors"] = json!(failure.issues);
            }
        }
        call.serialize(serializer)
    }
}
