use std::collections::BTreeMap;
use std::sync::Arc;

use jackfield_definition::expression::Limits;
use jackfield_definition::{Diagnostics, PlanOptions, Workflow};
use jackfield_registry::Registry;
use tokio_util::sync::CancellationToken;

use crate::driver::Driver;
use crate::execution::{Running, authorize, find_trigger};
use crate::workflows::Nested;
use crate::{
    Authorizer, Clock, ExecutionHandle, NoWorkflows, PreparedPlan, Report, StartError,
    StartOptions, SystemClock, WorkflowSource,
};

/// Plans workflows against a registry and runs them.
///
/// A cheap handle; clones are the same engine.
///
/// # Examples
/// ```
/// use jackfield_engine::{Engine, StartOptions};
/// use jackfield_registry::Registry;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let engine = Engine::builder(Registry::new()).build();
/// assert_eq!(engine.registry().executors().len(), 0);
/// # let _ = StartOptions::default();
/// # }
/// ```
#[derive(Clone)]
pub struct Engine {
    parts: Arc<EngineParts>,
}

pub(crate) struct EngineParts {
    pub(crate) registry: Registry,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) authorizer: Option<Arc<dyn Authorizer>>,
    pub(crate) workflows: Arc<dyn WorkflowSource>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) limits: Limits,
    pub(crate) max_depth: u32,
}

/// Puts an engine together.
pub struct EngineBuilder {
    parts: EngineParts,
}

impl EngineBuilder {
    /// Sets where the time of events comes from.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.parts.clock = Arc::new(clock);
        self
    }

    /// Sets who decides which tenant may use what. Without it every tenant may use everything.
    #[must_use]
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.parts.authorizer = Some(Arc::new(authorizer));
        self
    }

    /// Sets where `execute-workflow` finds the workflows that it names.
    #[must_use]
    pub fn workflow_source(mut self, source: impl WorkflowSource) -> Self {
        self.parts.workflows = Arc::new(source);
        self
    }

    /// Grants values to `$env`, for all tenants alike. Expressions reach no other environment.
    #[must_use]
    pub fn environment(mut self, granted: impl IntoIterator<Item = (String, String)>) -> Self {
        self.parts.environment = granted.into_iter().collect();
        self
    }

    /// Sets how much one evaluation of an expression may do.
    #[must_use]
    pub fn expression_limits(mut self, limits: Limits) -> Self {
        self.parts.limits = limits;
        self
    }

    /// Sets how deep workflows may call each other; 16 if nothing is said.
    #[must_use]
    pub fn max_depth(mut self, depth: u32) -> Self {
        self.parts.max_depth = depth;
        self
    }

    /// Makes the engine.
    pub fn build(self) -> Engine {
        Engine {
            parts: Arc::new(self.parts),
        }
    }
}

impl Engine {
    /// Begins an engine over a registry.
    pub fn builder(registry: Registry) -> EngineBuilder {
        EngineBuilder {
            parts: EngineParts {
                registry,
                clock: Arc::new(SystemClock),
                authorizer: None,
                workflows: Arc::new(NoWorkflows),
                environment: BTreeMap::new(),
                limits: Limits::default(),
                max_depth: 16,
            },
        }
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.parts.registry
    }

    /// Checks a workflow against the registry and compiles it.
    ///
    /// # Errors
    /// Everything that is wrong with it, with places.
    pub fn plan(
        &self,
        workflow: &Workflow,
        options: &PlanOptions,
    ) -> Result<Arc<PreparedPlan>, Diagnostics> {
        self.parts.plan(workflow, options)
    }

    /// Starts an execution on the tokio runtime at hand.
    ///
    /// # Errors
    /// [`StartError::Forbidden`], [`StartError::UnknownTrigger`] or [`StartError::NoRuntime`];
    /// nothing has run then.
    pub fn start(
        &self,
        plan: &Arc<PreparedPlan>,
        options: StartOptions,
    ) -> Result<ExecutionHandle, StartError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let cancellation = CancellationToken::new();
        let driver = self
            .parts
            .driver(plan, options, cancellation.clone(), 0, Arc::default())?;
        Ok(ExecutionHandle::spawn(&runtime, driver, cancellation))
    }

    /// Runs an execution to its end within the caller's task. Dropping the future breaks it off.
    ///
    /// # Errors
    /// Those of [`start`](Self::start), and [`StartError::Internal`] when the engine made a mistake.
    pub async fn run(
        &self,
        plan: &Arc<PreparedPlan>,
        options: StartOptions,
    ) -> Result<Report, StartError> {
        self.parts
            .driver(plan, options, CancellationToken::new(), 0, Arc::default())?
            .run()
            .await
    }

    pub(crate) fn parts(&self) -> &Arc<EngineParts> {
        &self.parts
    }
}

impl EngineParts {
    pub(crate) fn plan(
        &self,
        workflow: &Workflow,
        options: &PlanOptions,
    ) -> Result<Arc<PreparedPlan>, Diagnostics> {
        let plan = workflow.plan(&self.registry, options)?;
        Ok(Arc::new(PreparedPlan::new(plan, &self.registry)))
    }

    pub(crate) fn driver(
        self: &Arc<Self>,
        plan: &Arc<PreparedPlan>,
        options: StartOptions,
        cancellation: CancellationToken,
        depth: u32,
        nested: Arc<Nested>,
    ) -> Result<Driver, StartError> {
        authorize(self, plan, &options.tenant)?;
        let trigger = find_trigger(plan, options.trigger.as_deref())?;
        let running = Running::new(self, plan, &options, cancellation, depth, nested);
        Ok(Driver::new(Arc::new(running), options, trigger))
    }
}
