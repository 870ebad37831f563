use std::sync::Arc;

use jackfield_definition::{Diagnostics, PlanOptions, Workflow};
use jackfield_registry::{CatalogView, Document, Validated};
use jackfield_tenancy::{AuditError, AuditReader, Tenant, TenantAudit};
use jackfield_types::{ExecutionId, TenantId, UserId};
use tokio_util::sync::CancellationToken;

use crate::admission::Turn;
use crate::catalog::TenantCatalog;
use crate::driver::Driver;
use crate::durable::Creation;
use crate::engine::EngineParts;
use crate::execution::{Caller, Running, find_trigger};
use crate::running_execution::RunningExecution;
use crate::tenant_state::TenantState;
use crate::{
    Circuit, ErrorMetrics, ExecutionHandle, PreparedPlan, Report, StartError, StartOptions, audit,
    authorize,
};

/// The engine as one tenant has it.
///
/// A cheap handle. What it plans, starts, lists, counts and cancels is this tenant's; what belongs
/// to another tenant is, through this handle, not there.
#[derive(Clone)]
pub struct TenantEngine {
    pub(crate) caller: Caller,
}

impl TenantEngine {
    pub(crate) fn new(engine: &Arc<EngineParts>, state: Arc<TenantState>) -> Self {
        Self {
            caller: Caller {
                engine: Arc::clone(engine),
                state,
                user: None,
            },
        }
    }

    /// The same, on behalf of one of the tenant's users.
    #[must_use]
    pub fn as_user(mut self, user: UserId) -> Self {
        self.caller.user = Some(user);
        self
    }

    /// The tenant.
    pub fn id(&self) -> &TenantId {
        self.caller.state.id()
    }

    /// The tenant's policy, quotas and secrets.
    pub fn tenant(&self) -> &Tenant {
        &self.caller.state.tenant
    }

    /// Checks a workflow against the registry and what the tenant may use, and compiles it. Other
    /// tenants cannot run the plan, nor can other engines.
    ///
    /// # Errors
    /// Everything that is wrong with it, with places.
    pub fn plan(
        &self,
        workflow: &Workflow,
        options: &PlanOptions,
    ) -> Result<Arc<PreparedPlan>, Diagnostics> {
        self.caller.plan(workflow, options)
    }

    /// Checks a workflow, or the text of one, as the tenant sees the registry: everything that can
    /// be known before it runs, dependencies of its node types included. What was found once is
    /// kept until something changes that it rests on.
    pub fn validate<'a>(
        &self,
        document: impl Into<Document<'a>>,
        options: &PlanOptions,
    ) -> Arc<Validated> {
        self.caller.validate(document.into(), options)
    }

    /// What planning looks node types up in: the registry, and what the tenant may use of it.
    pub fn catalog(&self) -> TenantCatalog<'_> {
        TenantCatalog::new(&self.caller.engine.registry, &self.caller.state.tenant)
    }

    /// Starts an execution on the tokio runtime at hand. When the tenant's quotas or the instance
    /// have no room for it now, it waits for its turn, if the policy says so.
    ///
    /// # Errors
    /// [`StartError::Forbidden`], [`StartError::UserForbidden`], [`StartError::UnknownPlan`],
    /// [`StartError::UnknownTrigger`], [`StartError::QuotaExceeded`], [`StartError::PluginChanged`] or
    /// [`StartError::NoRuntime`];
    /// nothing has run then.
    ///
    /// With a store the execution is kept: [`ExecutionHandle::kept`] tells from when on.
    pub fn start(
        &self,
        plan: &Arc<PreparedPlan>,
        options: StartOptions,
    ) -> Result<ExecutionHandle, StartError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let cancellation = CancellationToken::new();
        let mut driver = self.caller.driver(plan, options, cancellation)?;
        driver.may_park = true;
        Ok(ExecutionHandle::spawn(&runtime, driver))
    }

    /// Runs an execution to its end within the caller's task. Dropping the future breaks it off; one
    /// that is kept goes on when somebody takes it up.
    ///
    /// # Errors
    /// Those of [`start`](Self::start), and [`StartError::Internal`] when the engine made a
    /// mistake.
    pub async fn run(
        &self,
        plan: &Arc<PreparedPlan>,
        options: StartOptions,
    ) -> Result<Report, StartError> {
        self.caller
            .driver(plan, options, CancellationToken::new())?
            .run_to_end()
            .await
    }

    /// The tenant's executions that run or wait for their turn, oldest first. Those that others
    /// started by `execute-workflow` are part of those.
    pub fn executions(&self) -> Vec<RunningExecution> {
        self.caller.state.executions()
    }

    /// One of the tenant's executions, while it runs.
    pub fn execution(&self, id: ExecutionId) -> Option<RunningExecution> {
        self.caller.state.execution(id)
    }

    /// Asks one of the tenant's executions to end; `false` when there is none that runs.
    pub fn cancel(&self, id: ExecutionId) -> bool {
        let Some(execution) = self.execution(id) else {
            return false;
        };
        audit::cancelled(&self.caller, id);
        execution.cancel();
        true
    }

    /// Reads the tenant's audit trail; `None` when the instance keeps none. It waits for the disk,
    /// so in asynchronous code it belongs on a thread for that.
    ///
    /// # Errors
    /// [`AuditError`] when it cannot be read.
    pub fn audit_log(&self) -> Result<Option<AuditReader>, AuditError> {
        let audit = self.caller.state.tenant.audit();
        audit.map(TenantAudit::read).transpose()
    }

    /// How often what went wrong for the tenant.
    pub fn error_metrics(&self) -> ErrorMetrics {
        self.caller.engine.errors.read(Some(self.id()))
    }

    /// How the tenant's circuits stand, sorted by node type and version. A node type that was not
    /// called has none.
    pub fn circuits(&self) -> Vec<Circuit> {
        self.caller.state.breakers.list()
    }
}

impl Caller {
    pub(crate) fn plan(
        &self,
        workflow: &Workflow,
        options: &PlanOptions,
    ) -> Result<Arc<PreparedPlan>, Diagnostics> {
        let planned = self.compile(workflow, options);
        audit::planned(self, &workflow.name, planned.as_ref().err());
        planned
    }

    /// Plans without putting it on record.
    pub(crate) fn compile(
        &self,
        workflow: &Workflow,
        options: &PlanOptions,
    ) -> Result<Arc<PreparedPlan>, Diagnostics> {
        let validated = self.validate(workflow.into(), options);
        let Some(plan) = &validated.plan else {
            return Err(validated.findings.clone());
        };
        let tenant = self.state.id().clone();
        let warnings = validated.findings.clone();
        let mut plan = PreparedPlan::new(Arc::clone(plan), warnings, tenant, &self.engine);
        if self.engine.keeper.is_some()
            && let Some(document) = workflow.document()
        {
            plan.set_document(document);
        }
        Ok(Arc::new(plan))
    }

    /// Checks without putting it on record; what was found once is kept.
    fn validate(&self, document: Document<'_>, options: &PlanOptions) -> Arc<Validated> {
        let (registry, tenant) = (&self.engine.registry, &self.state.tenant);
        // Read first: what is found under a policy that is replaced meanwhile is found anew.
        let number = tenant.policy_number();
        let view = CatalogView {
            catalog: &TenantCatalog::new(registry, tenant),
            tenant: tenant.id(),
            // Another engine over the same registry may have another policy by the same number.
            policy_number: self.engine.scope.wrapping_add(number),
        };
        registry.validate_for(view, document, options)
    }

    /// An execution that nothing but its turn keeps from running.
    fn driver(
        &self,
        plan: &Arc<PreparedPlan>,
        options: StartOptions,
        cancellation: CancellationToken,
    ) -> Result<Driver, StartError> {
        let result = self.checked_driver(plan, options, cancellation);
        if let Err(error) = &result {
            audit::not_started(self, plan, error);
        }
        result
    }

    fn checked_driver(
        &self,
        plan: &Arc<PreparedPlan>,
        options: StartOptions,
        cancellation: CancellationToken,
    ) -> Result<Driver, StartError> {
        authorize::user(self)?;
        authorize::plan(self, plan)?;
        let trigger = find_trigger(plan, options.trigger.as_deref())?;
        let turn = Turn::take(&self.state)?;
        let running = Running::new(self, plan, &options, cancellation);
        running.check_plugins()?;
        let mut driver = Driver::new(Arc::new(running), options, trigger).with_turn(turn);
        if let Some(keeper) = &self.engine.keeper {
            driver.creation = Some(Box::new(Creation::new(keeper)));
        }
        Ok(driver)
    }
}
