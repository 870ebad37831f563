use std::collections::BTreeMap;
use std::sync::Arc;

use jackfield_definition::{
    Catalog, Diagnostics, Plan, PlanOptions, SourceText, Workflow, plan_workflow, read_workflow,
};
use jackfield_types::TenantId;

use super::content::measure;
use super::dependencies::{Needed, in_use, report};
use super::results::{Outcome, Witness, is_unasked};
use crate::Registry;

/// What came of a check.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Validated {
    /// Everything that was found, errors and warnings, sorted by place.
    pub findings: Diagnostics,
    /// What can run, if nothing that was found is an error.
    pub plan: Option<Arc<Plan>>,
}

impl Validated {
    /// Whether the workflow can run.
    pub fn is_valid(&self) -> bool {
        self.plan.is_some()
    }
}

/// What is checked: a workflow, or the text of one. Of a text, mistakes in writing and in meaning
/// are found in one go.
#[derive(Debug, Clone, Copy)]
pub enum Document<'a> {
    /// A text that has not been read yet.
    Text(&'a SourceText),
    /// A workflow that was read, or made.
    Workflow(&'a Workflow),
}

impl<'a> From<&'a SourceText> for Document<'a> {
    fn from(source: &'a SourceText) -> Self {
        Self::Text(source)
    }
}

impl<'a> From<&'a Workflow> for Document<'a> {
    fn from(workflow: &'a Workflow) -> Self {
        Self::Workflow(workflow)
    }
}

/// How a tenant sees the registry.
#[derive(Clone, Copy)]
pub struct CatalogView<'a> {
    /// What it finds, and what it is refused. As long as tenant, policy number and registrations
    /// are the same, so must these answers be; secrets may come and go.
    pub catalog: &'a dyn Catalog,
    /// The tenant. Nobody else is given what is found for it.
    pub tenant: &'a TenantId,
    /// A number that changes with the tenant's policy.
    pub policy_number: u64,
}

impl Registry {
    /// Checks a workflow as everybody sees it: plans it against all that is registered, and looks
    /// whether what its node types depend on is there and does not go round in a circle.
    ///
    /// The result is kept, and given again, until anything that it rests on changes.
    pub fn validate<'a>(
        &self,
        document: impl Into<Document<'a>>,
        options: &PlanOptions,
    ) -> Arc<Validated> {
        self.look_up(None, document.into(), options)
    }

    /// Does what [`validate`](Self::validate) does, as one tenant sees the registry.
    pub fn validate_for<'a>(
        &self,
        view: CatalogView<'_>,
        document: impl Into<Document<'a>>,
        options: &PlanOptions,
    ) -> Arc<Validated> {
        self.look_up(Some(view), document.into(), options)
    }

    fn look_up(
        &self,
        view: Option<CatalogView<'_>>,
        document: Document<'_>,
        options: &PlanOptions,
    ) -> Arc<Validated> {
        let catalog = view.map_or(self as &dyn Catalog, |view| view.catalog);
        let question = measure(view.as_ref(), &document, options);
        if let Some(validated) = self.results().find(question.content, catalog) {
            tracing::debug!(target: "registry", "validation found");
            return validated;
        }
        // Before anything is looked at: if it changes meanwhile, the result is not kept.
        let generation = self.results().generation();
        let witness = Witness::new(catalog);
        let (validated, needed) = self.check_document(document, &witness, options);
        let validated = Arc::new(validated);
        tracing::debug!(
            target: "registry",
            findings = validated.findings.len(),
            is_valid = validated.is_valid(),
            "workflow validated"
        );
        let mut unasked = BTreeMap::new();
        for one in needed {
            if is_unasked(&one.registration) {
                unasked.insert(one.registration.id(), one.registration);
            }
        }
        let outcome = Outcome {
            validated: Arc::clone(&validated),
            generation,
            secrets: witness.into_secrets(),
            unasked: unasked.into_values().collect(),
            size: question
                .size
                .saturating_add(size_of_findings(&validated.findings)),
        };
        self.results().keep(question.content, outcome);
        validated
    }

    fn check_document(
        &self,
        document: Document<'_>,
        catalog: &dyn Catalog,
        options: &PlanOptions,
    ) -> (Validated, Vec<Needed>) {
        match document {
            Document::Workflow(workflow) => self.check_workflow(workflow, catalog, options),
            Document::Text(source) => match read_workflow(source) {
                Ok((workflow, warnings)) => {
                    let (mut validated, needed) = self.check_workflow(&workflow, catalog, options);
                    validated.findings = validated.findings.merged(warnings);
                    (validated, needed)
                }
                Err(findings) => {
                    // What can be read is planned all the same, for its mistakes.
                    let planned = plan_workflow(source, catalog, options).err();
                    let findings = planned.unwrap_or(findings);
                    let plan = None;
                    (Validated { findings, plan }, Vec::new())
                }
            },
        }
    }

    fn check_workflow(
        &self,
        workflow: &Workflow,
        catalog: &dyn Catalog,
        options: &PlanOptions,
    ) -> (Validated, Vec<Needed>) {
        let planned = workflow.plan(catalog, options);
        let snapshot = self.snapshot();
        let needed = in_use(workflow, &snapshot);
        let found = report(&needed, &snapshot);
        let found = Diagnostics::collect(found, workflow.source.as_ref());
        let is_whole = !found.has_errors();
        let (findings, plan) = match planned {
            Ok(plan) => (plan.warnings().clone(), Some(Arc::new(plan))),
            Err(findings) => (findings, None),
        };
        let validated = Validated {
            findings: findings.merged(found),
            plan: plan.filter(|_| is_whole),
        };
        (validated, needed)
    }
}

/// Roughly what findings hold: a small document may have many.
fn size_of_findings(findings: &Diagnostics) -> u64 {
    let count = u64::try_from(findings.len()).unwrap_or(u64::MAX);
    count.saturating_mul(512)
}
