//! What redaction costs: for 1,000 items with nothing to take out, with something in each, and for
//! one small item.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jackfield_tenancy::{RedactionRules, Redactor};
use jackfield_types::{FilterAction, Item, NodeTypeId, OutputFilter, Outputs};
use semver::Version;
use serde_json::json;

const SECRET: &str = "sk-live-4f9a8b7c6d5e4f3a2b1c";

fn rules() -> Arc<RedactionRules> {
    let filters = [
        OutputFilter {
            path: "customer.email".to_owned(),
            action: FilterAction::Mask,
            node_types: vec!["crm-*".to_owned()],
        },
        OutputFilter {
            path: "orders.*.card".to_owned(),
            action: FilterAction::Remove,
            node_types: Vec::new(),
        },
    ];
    let patterns = ["*password*", "*token*", "authorization"].map(str::to_owned);
    Arc::new(RedactionRules::compile(&filters, &patterns).expect("valid rules"))
}

fn outputs(count: usize, secret: &str) -> Outputs {
    let items = (0..count).map(|number| {
        let value = json!({
            "id": number, "name": "Ada Lovelace", "city": "London", "active": true,
            "address": {"street": "St James's Square 12", "country": "GB"},
            "orders": [{"id": 7, "sum": 12.5}, {"id": 8, "sum": 99.0}],
            "note": format!("called at noon, {secret} was mentioned, will call again"),
        });
        Item::from_value(value)
            .expect("an object")
            .paired_with(number)
    });
    Outputs::first(Arc::new(items.collect()))
}

fn redact(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("redaction");
    let node_type = NodeTypeId::parse("crm-read").expect("a valid name");
    let version = Version::new(1, 0, 0);
    let secrets = |redactor: Redactor| {
        redactor.learn(SECRET);
        redactor
    };
    let redactors = [
        ("idle", Redactor::new(None)),
        ("rules", Redactor::new(Some(rules()))),
        ("secret", secrets(Redactor::new(None))),
        ("both", secrets(Redactor::new(Some(rules())))),
    ];
    for (name, redactor) in &redactors {
        for (what, count, secret) in [
            ("1_clean_item", 1, "nothing"),
            ("1000_clean_items", 1_000, "nothing"),
            ("1000_items_with_secret", 1_000, SECRET),
        ] {
            let given = outputs(count, secret);
            group.throughput(Throughput::Elements(count as u64));
            group.bench_function(BenchmarkId::new(*name, what), |bencher| {
                bencher.iter(|| redactor.redact_outputs(&node_type, &version, given.clone()));
            });
        }
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("learn_and_look_once", |bencher| {
        bencher.iter(|| {
            let redactor = Redactor::new(None);
            redactor.learn(SECRET);
            black_box(redactor.redact_text("nothing to see").len())
        });
    });
    group.finish();
}

criterion_group!(benches, redact);
criterion_main!(benches);
