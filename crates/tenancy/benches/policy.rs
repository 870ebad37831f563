//! What the policy check costs: 1,000 tenants with 100 globs each, asked for the first time and
//! again.

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use jackfield_tenancy::{Tenancy, Tenant};
use jackfield_types::{Capability, NodeTypeId, Policy, TenantId};
use semver::Version;

const TENANTS: usize = 1_000;
const GLOBS: usize = 100;

/// 50 entries that allow and 50 that refuse, different for each tenant.
fn policy(tenant: usize) -> Policy {
    let allowed = (0..GLOBS / 2).map(|glob| match glob % 4 {
        0 => format!("publisher-{tenant}-{glob}/*"),
        1 => format!("family{glob}.*"),
        2 => format!("node-{glob}@^1.{}", glob % 7),
        _ => format!("*-{glob}-read"),
    });
    let refused = (0..GLOBS / 2).map(|glob| match glob % 3 {
        0 => format!("secret-{tenant}-{glob}*"),
        1 => format!("family{glob}.drop-*"),
        _ => format!("node-{glob}@<0.{}", glob % 5 + 1),
    });
    Policy {
        allowed_node_types: allowed.collect(),
        restricted_node_types: refused.collect(),
        capabilities: Some(vec![Capability::Http, Capability::Random]),
        ..Policy::default()
    }
}

fn tenants() -> Vec<Tenant> {
    let tenancy = Tenancy::open();
    (0..TENANTS)
        .map(|number| {
            let id = TenantId::parse(&format!("tenant-{number}")).expect("a name");
            tenancy.set_policy(&id, &policy(number)).expect("a policy");
            tenancy.tenant(&id)
        })
        .collect()
}

fn node_types() -> Vec<NodeTypeId> {
    (0..64)
        .map(|number| {
            let name = match number % 3 {
                0 => format!("family{number}.upper"),
                1 => format!("node-{number}"),
                _ => format!("table-{number}-read"),
            };
            NodeTypeId::parse(&name).expect("a name")
        })
        .collect()
}

fn decide(criterion: &mut Criterion) {
    let begun = Instant::now();
    let tenants = tenants();
    let each = begun.elapsed() / u32::try_from(TENANTS).expect("a small number");
    let mut group = criterion.benchmark_group("policy");
    eprintln_compile_time(each);
    let node_types = node_types();
    let version = Version::new(1, 4, 2);
    let capabilities = [Capability::Http];

    // A policy that has never been asked: what the first call of a node type costs.
    let policies: Vec<_> = (0..TENANTS).map(policy).collect();
    group.bench_function("decide, cold", |bencher| {
        bencher.iter_batched_ref(
            || {
                let tenancy = Tenancy::open();
                let id = TenantId::parse("cold").expect("a name");
                tenancy.set_policy(&id, &policies[7]).expect("a policy");
                let tenant = tenancy.tenant(&id);
                // The places of the memo exist from the first question on.
                let _ = tenant.authorize(&node_types[0], &version, &[]);
                tenant
            },
            |tenant| black_box(tenant.authorize(&node_types[33], &version, &capabilities)),
            criterion::BatchSize::SmallInput,
        );
    });
    group.bench_function("decide, warm, one tenant", |bencher| {
        let mut turn = 0_usize;
        bencher.iter(|| {
            turn = turn.wrapping_add(1);
            let node_type = &node_types[turn % 16];
            black_box(tenants[7].authorize(node_type, &version, &capabilities))
        });
    });
    group.bench_function("decide, warm, 1,000 tenants in turn", |bencher| {
        for tenant in &tenants {
            for node_type in &node_types[..8] {
                let _ = tenant.authorize(node_type, &version, &capabilities);
            }
        }
        let mut turn = 0_usize;
        bencher.iter(|| {
            turn = turn.wrapping_add(1);
            let tenant = &tenants[turn * 7 % TENANTS];
            let node_type = &node_types[turn % 8];
            black_box(tenant.authorize(node_type, &version, &capabilities))
        });
    });
    group.bench_function("policy number", |bencher| {
        bencher.iter(|| black_box(tenants[7].policy_number()));
    });
    group.bench_function("compile 100 globs", |bencher| {
        let tenancy = Tenancy::open();
        let id = TenantId::parse("one").expect("a name");
        bencher.iter(|| black_box(tenancy.set_policy(&id, &policies[3])));
    });
    group.finish();
}

#[expect(clippy::print_stderr, reason = "a bench tells its reader what it made")]
fn eprintln_compile_time(each: std::time::Duration) {
    eprintln!("{TENANTS} policies of {GLOBS} globs were put in force in {each:?} each");
}

criterion_group!(benches, decide);
criterion_main!(benches);
