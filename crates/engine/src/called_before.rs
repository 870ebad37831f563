//! Workflows that an execution had called by name before it was taken up here: all calls of a name
//! run the version of the first one.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jackfield_definition::{PlanOptions, SourceText, read_workflow};
use jackfield_kernel::NodeIndex;
use jackfield_plugin_api::NodeError;
use jackfield_store_api::{StoreError, TenantStore, WorkflowRecord};
use jackfield_types::ErrorCode;

use crate::again::Again;
use crate::durable::{CalledByName, PinnedError, called_by_name};
use crate::execution::Running;
use crate::workflows::planning_error;
use crate::{PreparedPlan, audit};

impl Running {
    /// The plan of a workflow that was called by name before the execution was taken up here: of
    /// the version that it was then, with the node types that there are now. A node that calls it
    /// is hindered when that cannot be had.
    pub(crate) async fn plan_called_before(
        &self,
        name: &str,
        node: NodeIndex,
    ) -> Result<Option<Arc<PreparedPlan>>, NodeError> {
        let Some(keeper) = &self.engine().keeper else {
            return Ok(None);
        };
        if !self.nested.goes_on.load(Ordering::Acquire) {
            return Ok(None);
        }
        let store = keeper.store.tenant(self.tenant_id());
        let mut again = Again::new(keeper);
        loop {
            match self.called_before(&store, name).await {
                Ok(None) => return Ok(None),
                Ok(Some((called, workflow))) => {
                    return self.plan_as_before(name, node, called, &workflow).map(Some);
                }
                Err(error) if again.is_hopeless(&error) => {
                    return Err(self.not_called_again(name, node, error.to_string()));
                }
                Err(_) => again.pause().await,
            }
        }
    }

    /// What was called by that name, and its document.
    async fn called_before(
        &self,
        store: &Arc<dyn TenantStore>,
        name: &str,
    ) -> Result<Option<(&CalledByName, WorkflowRecord)>, StoreError> {
        let nested = &self.nested;
        let all = nested
            .called
            .get_or_try_init(|| called_by_name(store, nested.whole))
            .await?;
        let Some(called) = all.get(name) else {
            return Ok(None);
        };
        let version = &called.workflow;
        let workflow = store.workflow(&version.id, Some(version.version)).await?;
        Ok(Some((called, workflow)))
    }

    fn plan_as_before(
        &self,
        name: &str,
        node: NodeIndex,
        called: &CalledByName,
        workflow: &WorkflowRecord,
    ) -> Result<Arc<PreparedPlan>, NodeError> {
        let version = called.workflow.to_string();
        let options = PlanOptions {
            missing_fields: Some(called.missing_fields),
        };
        let planned = SourceText::from_bytes(version, workflow.document.to_vec())
            .and_then(|document| read_workflow(&document))
            .and_then(|(workflow, _)| self.caller.compile(&workflow, &options));
        planned.map_err(|findings| {
            if audit::refused_by(Some(&findings)).is_some() {
                return planning_error(&format!("workflow `{name}`"), &findings);
            }
            self.not_called_again(name, node, findings.to_string())
        })
    }

    /// A workflow that could be called before cannot be called any more: that is no failure of the
    /// workflow, so the execution is left to whoever can repair it.
    fn not_called_again(&self, name: &str, node: NodeIndex, reason: String) -> NodeError {
        let name = self.masked(name.to_owned());
        let error = PinnedError::Called { name, reason };
        let message = error.to_string();
        self.hinder(node, error);
        NodeError::permanent(ErrorCode::EXECUTION_ERROR, message)
    }
}
