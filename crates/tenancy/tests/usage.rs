//! What one execution uses up.

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

use std::future::pending;
use std::hint::black_box;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::poll_fn;
use jackfield_tenancy::{
    OutputRefused, Quota, QuotaLimit, TooLarge, Usage, check_output, output_size,
};
use jackfield_types::{
    ByteSize, ErrorCode, ExecutionId, FailureClass, Item, Items, Object, Outputs, Quotas, Span,
    VariableWrite,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn outputs(items: &[Value]) -> Outputs {
    let items: Vec<_> = items
        .iter()
        .map(|item| Item::from_value(item.clone()).unwrap().paired_with(3))
        .collect();
    Outputs::first(Items::new(items))
}

fn limited(quotas: &Quotas) -> Usage {
    Usage::new(quotas).unwrap()
}

fn memory(bytes: u64) -> Usage {
    limited(&Quotas {
        memory_per_execution: Some(ByteSize::bytes(bytes)),
        ..Quotas::default()
    })
}

fn cpu_time(milliseconds: u64) -> Usage {
    limited(&Quotas {
        cpu_time_per_execution: Some(Span::from_millis(milliseconds)),
        ..Quotas::default()
    })
}

/// Keeps the processor busy until the usage, or ten seconds, are over.
fn compute(usage: &Usage, until: Duration) {
    let began = Instant::now();
    while usage.cpu_time() < until && began.elapsed() < Duration::from_secs(10) {
        usage.measured(|| (0..100_000_u64).fold(0, |sum, number| black_box(sum ^ number)));
    }
}

#[test]
fn nothing_is_kept_where_nothing_is_limited() {
    assert!(Usage::new(&Quotas::default()).is_none());
    let large = outputs(&[json!({"text": "x".repeat(10_000)})]);
    assert_eq!(check_output(&large, None, None), Ok(()));
}

#[test]
fn items_add_up_over_nodes_and_ports() {
    let usage = limited(&Quotas {
        items_per_execution: Some(5),
        ..Quotas::default()
    });
    let mut two = outputs(&[json!({})]);
    two.error = Some(outputs(&[json!({})]).main[0].clone());
    assert_eq!(usage.add_output(&two), Ok(()));
    assert_eq!(usage.add_output(&two), Ok(()));
    assert_eq!(usage.add_measured(1, 0), Ok(()));
    assert_eq!(usage.check(), Ok(()));
    let exceeded = usage.add_measured(1, 0).unwrap_err();
    assert_eq!(exceeded.quota, Quota::ItemsPerExecution);
    assert_eq!(exceeded.limit, QuotaLimit::Items(5));
    assert_eq!(usage.items(), 6);
    assert_eq!(usage.add_measured(0, 0), Err(exceeded));
    let failure = exceeded.to_failure();
    assert_eq!(failure.class, FailureClass::Final);
    assert_eq!(failure.code, ErrorCode::QUOTA_EXCEEDED);
    assert_eq!(
        failure.message,
        "the execution has used up its quota `itemsPerExecution` (5 items); split the work over several executions, or ask for a larger quota"
    );
}

#[test]
fn outputs_are_as_large_as_their_json() {
    let one = outputs(&[json!({"a": 1}), json!({"b": "ü\n"})]);
    let json = r#"{"main":[[{"a":1},{"b":"ü\n"}]]}"#;
    let size = u64::try_from(json.len()).unwrap();
    assert_eq!(output_size(&one, u64::MAX), Ok(size));
    assert_eq!(output_size(&one, size), Ok(size));
    let limit = ByteSize::bytes(size - 1);
    assert_eq!(output_size(&one, size - 1), Err(TooLarge { limit }));
    assert!(output_size(&Outputs::default(), 0).is_err());
}

#[test]
fn an_output_is_held_against_both_bounds_at_once() {
    let usage = memory(102);
    let some = outputs(&[json!({"text": "0123456789"})]);
    assert_eq!(output_size(&some, 100), Ok(34));
    let max = |bytes| Some(ByteSize::bytes(bytes));
    assert_eq!(check_output(&some, max(34), Some(&usage)), Ok(()));
    assert_eq!(usage.memory(), ByteSize::bytes(34));
    let too_large = check_output(&some, max(33), Some(&usage)).unwrap_err();
    assert_eq!(
        too_large,
        OutputRefused::TooLarge(TooLarge {
            limit: ByteSize::bytes(33)
        })
    );
    assert_eq!(too_large.to_failure().class, FailureClass::Permanent);
    assert_eq!(too_large.to_failure().code, ErrorCode::OUTPUT_TOO_LARGE);
    assert_eq!(check_output(&some, None, Some(&usage)), Ok(()));
    let exceeded = check_output(&some, max(1_000), Some(&usage)).unwrap_err();
    let OutputRefused::Quota(quota) = exceeded else {
        panic!("{exceeded:?}");
    };
    assert_eq!(quota.quota, Quota::MemoryPerExecution);
    assert_eq!(quota.limit, QuotaLimit::Size(ByteSize::bytes(102)));
    assert_eq!(exceeded.to_failure().class, FailureClass::Final);
    assert_eq!(usage.check(), Err(quota));
}

#[test]
fn variables_count_with_what_they_are() {
    let usage = memory(100);
    let execution = ExecutionId::generate();
    let set = |name: &str, text: &str| VariableWrite::Set {
        name: name.to_owned(),
        value: json!(text),
    };
    let first: Object = [("given".to_owned(), json!("0123456789"))]
        .into_iter()
        .collect();
    assert_eq!(usage.add_variables(execution, &first), Ok(()));
    assert_eq!(usage.memory(), ByteSize::bytes(17));
    for _ in 0..1_000 {
        assert_eq!(
            usage.write_variables(execution, &[set("counter", "12")]),
            Ok(())
        );
    }
    assert_eq!(usage.memory(), ByteSize::bytes(28));
    let delete = VariableWrite::Delete {
        name: "given".to_owned(),
    };
    assert_eq!(
        usage.write_variables(execution, &[delete.clone(), delete]),
        Ok(())
    );
    assert_eq!(usage.memory(), ByteSize::bytes(11));
    assert_eq!(
        usage.write_variables(execution, &[VariableWrite::Clear]),
        Ok(())
    );
    assert_eq!(usage.memory(), ByteSize::bytes(0));
    let exceeded = usage.write_variables(execution, &[set("large", &"x".repeat(100))]);
    assert_eq!(exceeded.unwrap_err().quota, Quota::MemoryPerExecution);
}

#[test]
fn variables_of_the_same_name_count_once_an_execution() {
    let usage = memory(100);
    let (outer, inner) = (ExecutionId::generate(), ExecutionId::generate());
    let variables: Object = [("name".to_owned(), json!("0123"))].into_iter().collect();
    usage.add_variables(outer, &variables).unwrap();
    usage.add_variables(inner, &variables).unwrap();
    assert_eq!(usage.memory(), ByteSize::bytes(20));
    usage
        .write_variables(inner, &[VariableWrite::Clear])
        .unwrap();
    assert_eq!(usage.memory(), ByteSize::bytes(10));
}

#[test]
fn usage_adds_up_over_threads_without_losing_any() {
    let usage = limited(&Quotas {
        items_per_execution: Some(1_000_000),
        memory_per_execution: Some(ByteSize::mib(100)),
        ..Quotas::default()
    });
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    usage.add_measured(3, 7).unwrap();
                }
            });
        }
    });
    assert_eq!(usage.items(), 120_000);
    assert_eq!(usage.memory(), ByteSize::bytes(280_000));
}

#[test]
fn what_is_enormous_does_not_overflow() {
    let usage = limited(&Quotas {
        items_per_execution: Some(u64::MAX),
        memory_per_execution: Some(ByteSize::bytes(u64::MAX)),
        cpu_time_per_execution: Some(Span::from(Duration::MAX)),
        ..Quotas::default()
    });
    for _ in 0..3 {
        usage.add_measured(usize::MAX, u64::MAX).unwrap();
        usage.add_cpu_time(Duration::MAX);
    }
    assert_eq!(usage.items(), u64::MAX);
    assert_eq!(usage.cpu_time(), Duration::from_nanos(u64::MAX));
}

#[test]
fn processor_time_is_that_of_polls_and_not_of_waiting() {
    let usage = cpu_time(60_000);
    let mut polls = 0;
    let mut future = Box::pin(usage.metered(poll_fn(|_| {
        polls += 1;
        (0..1_000_000_u64).fold(0, |sum, number| black_box(sum ^ number));
        if polls == 2 {
            Poll::Ready(polls)
        } else {
            Poll::Pending
        }
    })));
    assert_eq!((&mut future).now_or_never(), None);
    let once = usage.cpu_time();
    assert!(once > Duration::ZERO);
    // What happens between two polls does not count, however busy it is.
    compute(&cpu_time(60_000), Duration::from_millis(50));
    assert_eq!(usage.cpu_time(), once);
    assert_eq!((&mut future).now_or_never(), Some(Ok(2)));
    assert!(usage.cpu_time() > once);
}

#[test]
fn a_future_that_has_used_up_the_processor_time_ends() {
    let usage = cpu_time(20);
    let inner = Arc::new(());
    let held = Arc::clone(&inner);
    let mut future = Box::pin(usage.metered(async {
        let _held = held;
        compute(&usage, Duration::from_millis(21));
        pending::<()>().await;
    }));
    let exceeded = (&mut future).now_or_never().unwrap().unwrap_err();
    assert_eq!(exceeded.quota, Quota::CpuTimePerExecution);
    assert_eq!(exceeded.limit, QuotaLimit::Time(Span::from_millis(20)));
    drop(future);
    assert_eq!(Arc::strong_count(&inner), 1);
    // Nothing more of the execution runs.
    let next = usage.metered(async { 1 });
    assert_eq!(Box::pin(next).now_or_never(), Some(Err(exceeded)));
}

#[test]
fn a_future_is_left_alone_where_processor_time_is_not_limited() {
    let usage = memory(10);
    assert!(usage.add_measured(0, 11).is_err());
    assert_eq!(usage.metered(async { 7 }).now_or_never(), Some(Ok(7)));
    assert_eq!(usage.measured(|| 7), 7);
    assert_eq!(usage.cpu_time(), Duration::ZERO);
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_size_is_the_length_of_the_text(values in prop::collection::vec(value(), 0..5), limit in 0_u64..300) {
        let items: Vec<_> = values.iter().map(|value| json!({"value": value})).collect();
        let text = json!({"main": [items]}).to_string();
        let size = u64::try_from(text.len()).unwrap();
        let measured = output_size(&outputs(&items), limit);
        prop_assert_eq!(measured.ok(), (size <= limit).then_some(size));
    }
}
