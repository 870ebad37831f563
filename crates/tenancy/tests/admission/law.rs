//! Whatever tenants do, quotas are kept, and nobody waits without a reason.

use std::pin::Pin;
use std::time::Duration;

use jackfield_tenancy::{Admission, ExecutionPermit, QuotaExceeded, TenantAdmission, TryExecution};
use jackfield_types::{Quotas, Span, WhenExceeded};
use proptest::prelude::*;
use tokio::time::{Instant, advance};

use crate::scene::{at_once, id, now, open};

type Waiting<'a> = Pin<Box<dyn Future<Output = Result<ExecutionPermit, QuotaExceeded>> + 'a>>;

#[derive(Debug, Clone)]
enum Operation {
    Try(usize),
    LineUp(usize),
    Leave(usize, usize),
    End(usize, usize),
    SetQuotas(usize, Quotas),
    Pass(u64),
}

/// What one tenant does, by the test's own count.
struct Tenant<'a> {
    admission: &'a TenantAdmission,
    quotas: Quotas,
    running: Vec<ExecutionPermit>,
    waiting: Vec<Waiting<'a>>,
    /// When executions began under these quotas.
    began: Vec<Instant>,
}

fn quotas() -> impl Strategy<Value = Quotas> {
    (
        prop::option::of(1_u32..5),
        prop::option::of(prop_oneof![Just(0.5), Just(3.0), Just(200.0)]),
        prop::option::of(1_u32..4),
        1_u32..5,
        prop_oneof![
            4 => Just(WhenExceeded::Queue),
            1 => Just(WhenExceeded::Reject),
            1 => Just(WhenExceeded::Drop),
        ],
        0_u32..8,
        0_u64..20_000,
    )
        .prop_map(
            |(at_once, rate, burst, weight, when_exceeded, max_queued, wait)| Quotas {
                concurrent_executions: at_once,
                executions_per_second: rate,
                execution_burst: burst,
                weight,
                when_exceeded,
                max_queued,
                max_wait: Span::from_millis(wait),
                ..Quotas::default()
            },
        )
}

fn operation() -> impl Strategy<Value = Operation> {
    let tenant = || 0_usize..3;
    prop_oneof![
        2 => tenant().prop_map(Operation::Try),
        6 => tenant().prop_map(Operation::LineUp),
        1 => (tenant(), any::<usize>()).prop_map(|(tenant, which)| Operation::Leave(tenant, which)),
        4 => (tenant(), any::<usize>()).prop_map(|(tenant, which)| Operation::End(tenant, which)),
        1 => (tenant(), quotas()).prop_map(|(tenant, quotas)| Operation::SetQuotas(tenant, quotas)),
        3 => (0_u64..2_000).prop_map(Operation::Pass),
    ]
}

impl Tenant<'_> {
    fn begin(&mut self, permit: ExecutionPermit) {
        self.running.push(permit);
        self.began.push(Instant::now());
    }

    /// Asks everybody in line, in whatever order, whether their turn has come.
    fn look(&mut self) -> usize {
        let mut let_in = 0;
        let mut place = 0;
        while place < self.waiting.len() {
            match now(&mut self.waiting[place]) {
                None => {
                    place += 1;
                    continue;
                }
                Some(Ok(permit)) => {
                    self.begin(permit);
                    let_in += 1;
                }
                Some(Err(refusal)) => {
                    assert!(refusal.retry_after > Duration::ZERO, "{refusal}");
                }
            }
            drop(self.waiting.remove(place));
        }
        let_in
    }

    fn quotas_are_kept(&self) {
        let state = self.admission.state().executions;
        assert_eq!(state.running as usize, self.running.len());
        assert_eq!(state.queued, self.waiting.len());
        let Some(rate) = self.quotas.executions_per_second else {
            return;
        };
        let burst = self.quotas.execution_burst.unwrap_or(rate as u32).max(1);
        for (first, from) in self.began.iter().enumerate() {
            for (last, to) in self.began.iter().enumerate().skip(first) {
                let most = f64::from(burst) + (*to - *from).as_secs_f64() * rate;
                assert!((last - first + 1) as f64 <= most + 1e-3);
            }
        }
    }
}

async fn run(instance: Admission, capacity: usize, first: Vec<Quotas>, operations: Vec<Operation>) {
    let admissions: Vec<_> = first
        .iter()
        .enumerate()
        .map(|(number, quotas)| instance.tenant(&id(&format!("tenant-{number}")), quotas))
        .collect();
    let mut tenants: Vec<_> = admissions
        .iter()
        .zip(first)
        .map(|(admission, quotas)| Tenant {
            admission,
            quotas,
            running: Vec::new(),
            waiting: Vec::new(),
            began: Vec::new(),
        })
        .collect();
    for operation in operations {
        match operation {
            Operation::Try(tenant) => {
                let tenant = &mut tenants[tenant];
                let running = tenant.running.len();
                if let TryExecution::Admitted(permit) = tenant.admission.try_execution() {
                    tenant.begin(permit);
                    let most = tenant
                        .quotas
                        .concurrent_executions
                        .map_or(usize::MAX, |m| m as usize);
                    assert!(running < most);
                }
            }
            Operation::LineUp(tenant) => {
                let tenant = &mut tenants[tenant];
                let admission = tenant.admission;
                tenant.waiting.push(Box::pin(admission.execution()));
            }
            Operation::Leave(tenant, which) => {
                let waiting = &mut tenants[tenant].waiting;
                if !waiting.is_empty() {
                    drop(waiting.remove(which % waiting.len()));
                }
            }
            Operation::End(tenant, which) => {
                let running = &mut tenants[tenant].running;
                if !running.is_empty() {
                    drop(running.remove(which % running.len()));
                }
            }
            Operation::SetQuotas(tenant, quotas) => {
                let tenant = &mut tenants[tenant];
                tenant.admission.set_quotas(&quotas);
                tenant.quotas = quotas;
                tenant.began.clear();
            }
            Operation::Pass(milliseconds) => advance(Duration::from_millis(milliseconds)).await,
        }
        // Somebody's leaving lets another in, who may be asked before them: until nothing changes.
        while tenants.iter_mut().map(Tenant::look).sum::<usize>() > 0 {}
        let running: usize = tenants.iter().map(|tenant| tenant.running.len()).sum();
        assert!(running <= capacity);
        for tenant in &tenants {
            tenant.quotas_are_kept();
            let state = tenant.admission.state().executions;
            let most = tenant.quotas.concurrent_executions.unwrap_or(u32::MAX);
            let room = running < capacity && state.running < most && state.tokens != Some(0);
            assert!(
                !room || state.queued == 0,
                "somebody waits for nothing: {state:?}"
            );
        }
    }
    drop(tenants);
    drop(admissions);
    assert_eq!(instance.tenants(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn quotas_are_kept_and_nobody_waits_for_nothing(
        capacity in prop::option::of(1_u32..6),
        first in prop::collection::vec(quotas(), 3),
        operations in prop::collection::vec(operation(), 1..120),
    ) {
        let instance = capacity.map_or_else(open, at_once);
        let capacity = capacity.map_or(usize::MAX, |capacity| capacity as usize);
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(run(instance, capacity, first, operations));
    }
}
