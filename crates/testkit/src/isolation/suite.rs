use std::time::Duration;

use jackfield_engine::Engine;
use jackfield_types::TenantId;
use serde_json::Value;

use super::attempts::{Attempt, attempts};
use super::report::{AttemptReport, LeakReport, Verdict};
use super::scene::Scene;
use super::stage::{Actor, Stage};

/// How long one attempt may take. Nothing in it waits for long; what hangs shows nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node type that remembers something from call to call, to be tried too.
#[derive(Debug, Clone, PartialEq)]
pub struct StatefulNodeType {
    /// Its name. The engine's registry has it.
    pub node_type: String,
    /// Parameters by which it is given something to remember: the text `{{text}}` in it stands for
    /// what that is.
    pub remember: Value,
    /// Parameters by which it gives what it remembers, in its items.
    pub recall: Value,
}

/// Tries to get at what belongs to one tenant through everything that another one has.
pub struct LeakSuite {
    owner: TenantId,
    intruder: TenantId,
    factory: Box<dyn Fn(Scene) -> Engine + Send + Sync>,
    stateful: Vec<StatefulNodeType>,
}

/// Tries everything, for one tenant to own and another one to get at it.
///
/// `factory` is called for each attempt twice, and has to give a new engine each time. The engines
/// run on the tokio runtime at hand, which needs its timer. See [`LeakSuite`] for more to be tried.
///
/// # Examples
/// ```
/// use jackfield_registry::Registry;
/// use jackfield_testkit::isolation::find_leaks;
/// use jackfield_types::TenantId;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (acme, globex) = (TenantId::parse("acme")?, TenantId::parse("globex")?);
/// let report = find_leaks(&acme, &globex, |scene| scene.engine(Registry::new()).build()).await;
/// assert!(report.is_clean(), "{report}");
/// # Ok(())
/// # }
/// ```
///
/// # Panics
/// When the two are the same tenant.
pub async fn find_leaks(
    owner: &TenantId,
    intruder: &TenantId,
    factory: impl Fn(Scene) -> Engine + Send + Sync + 'static,
) -> LeakReport {
    LeakSuite::new(owner, intruder, factory).run().await
}

impl LeakSuite {
    /// Begins a suite; see [`find_leaks`].
    ///
    /// # Panics
    /// When the two are the same tenant.
    pub fn new(
        owner: &TenantId,
        intruder: &TenantId,
        factory: impl Fn(Scene) -> Engine + Send + Sync + 'static,
    ) -> Self {
        assert_ne!(owner, intruder, "a tenant cannot intrude on itself");
        Self {
            owner: owner.clone(),
            intruder: intruder.clone(),
            factory: Box::new(factory),
            stateful: Vec::new(),
        }
    }

    /// Tries a node type of the engine's own that remembers something.
    #[must_use]
    pub fn with_stateful(mut self, node_type: StatefulNodeType) -> Self {
        self.stateful.push(node_type);
        self
    }

    /// Tries everything.
    pub async fn run(&self) -> LeakReport {
        let mut reports = Vec::new();
        for attempt in attempts() {
            if attempt.needs_stateful && self.stateful.is_empty() {
                continue;
            }
            reports.push(AttemptReport {
                name: attempt.name,
                covers: attempt.covers,
                verdict: self.verdict(attempt).await,
            });
        }
        LeakReport { attempts: reports }
    }

    async fn verdict(&self, attempt: &Attempt) -> Verdict {
        let seen = match self.try_as(Actor::Owner, attempt).await {
            Ok(seen) => seen,
            Err(trouble) => return Verdict::Blind(format!("as the owner: {trouble}")),
        };
        match self.try_as(Actor::Intruder, attempt).await {
            Ok(leaks) if !leaks.is_empty() => Verdict::Leaked(leaks),
            Err(trouble) => Verdict::Blind(format!("as the other tenant: {trouble}")),
            Ok(_) if seen.is_empty() => {
                Verdict::Blind("the owner itself finds nothing by it".to_owned())
            }
            Ok(_) => Verdict::Tight,
        }
    }

    async fn try_as(&self, actor: Actor, attempt: &Attempt) -> Result<Vec<String>, String> {
        let (owner, intruder) = (&self.owner, &self.intruder);
        let stage = Stage::new(actor, owner, intruder, &self.stateful, &*self.factory)
            .map_err(|trouble| trouble.0)?;
        let tried = async {
            let outcome = (attempt.run)(&stage).await;
            stage.clear().await;
            outcome
        };
        match tokio::time::timeout(PATIENCE, tried).await {
            Ok(Ok(())) => Ok(stage.take_leaks()),
            Ok(Err(trouble)) => Err(trouble.0),
            Err(_) => Err("it takes too long".to_owned()),
        }
    }
}
