//! From a workflow file to a plan.

use std::path::Path;
use std::sync::Arc;

use jackfield::definition::plan_workflow;
use jackfield::{
    Diagnostics, MAX_DOCUMENT_SIZE, MissingFields, PlanOptions, PreparedPlan, SourceText,
    TenantEngine, Workflow, read_workflow,
};

use crate::args::MissingFieldsArgs;
use crate::error::CliError;
use crate::file::read_file;

/// A workflow that can run, and what is probably not meant as it is written.
pub(crate) struct Planned {
    pub(crate) workflow: Workflow,
    pub(crate) plan: Arc<PreparedPlan>,
    pub(crate) warnings: Diagnostics,
}

/// Reads the text of a workflow file.
pub(crate) fn read_source(path: &Path) -> Result<SourceText, CliError> {
    let bytes = read_file(path, MAX_DOCUMENT_SIZE)?;
    SourceText::from_bytes(path.display().to_string(), bytes).map_err(CliError::Workflow)
}

/// Reads, checks and plans a workflow. Everything that is wrong is reported in one go.
pub(crate) fn plan(
    engine: &TenantEngine,
    source: &SourceText,
    options: &PlanOptions,
) -> Result<Planned, CliError> {
    let (workflow, warnings) = match read_workflow(source) {
        Ok(read) => read,
        // Planning goes as far as it can, so that its findings are there, too.
        Err(findings) => {
            let all = plan_workflow(source, &engine.catalog(), options).err();
            return Err(CliError::Workflow(all.unwrap_or(findings)));
        }
    };
    let plan = engine
        .plan(&workflow, options)
        .map_err(CliError::Workflow)?;
    let warnings = warnings.merged(plan.warnings().clone());
    Ok(Planned {
        workflow,
        plan,
        warnings,
    })
}

/// What the command line says about planning.
pub(crate) fn plan_options(missing_fields: &MissingFieldsArgs) -> PlanOptions {
    let missing_fields = match (missing_fields.strict, missing_fields.lenient) {
        (true, _) => Some(MissingFields::Strict),
        (false, true) => Some(MissingFields::Lenient),
        (false, false) => None,
    };
    PlanOptions { missing_fields }
}
