//! All of them at once, and somebody who just wants to work.

use std::sync::Arc;

use jackfield_testkit::ScriptedGrants;
use jackfield_types::Capability;

use crate::guest::{Guest, signature};
use crate::harness::Host;

fn hordes() -> Vec<Guest> {
    let limits = "time = \"100ms\"\nmemory = \"8MiB\"\nhostCalls = 2000";
    let flood = Guest::doing("(loop $on (call $kv.get (i32.const 0) (i32.const 4) (i32.const 8192)) (br $on)) unreachable")
        .importing("kv", "get", signature::TEXT)
        .asking(Capability::Kv, "");
    let recursion = Guest::doing("(call $execute (local.get $call))");
    let bomb = Guest::doing("(loop $on (drop (memory.grow (i32.const 1))) (br $on)) unreachable");
    [
        Guest::doing("(loop $on (br $on)) unreachable"),
        Guest::doing("unreachable"),
        bomb,
        recursion,
        flood,
    ]
    .map(|guest| guest.with_limits(limits))
    .to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_works_goes_on_working_while_others_mean_harm() {
    let host = Arc::new(Host::new());
    let good = host.load_as("evil/good", &Guest::harmless()).await;
    let mut attacks = Vec::new();
    for (number, guest) in hordes().into_iter().enumerate() {
        let evil = host.load_as(&format!("evil/horde-{number}"), &guest).await;
        attacks.push(tokio::spawn(async move {
            for _ in 0..20 {
                let failure = evil.failure_for("globex", ScriptedGrants::open()).await;
                assert!(failure.starts_with("permanent "), "{failure}");
            }
        }));
    }
    let mut served = 0_u32;
    while !attacks.iter().all(tokio::task::JoinHandle::is_finished) {
        good.call_for("acme", ScriptedGrants::open()).await.unwrap();
        served += 1;
    }
    for attack in attacks {
        attack.await.unwrap();
    }
    assert!(served >= 20, "{served}");
    assert!(good.call().await.is_ok());
}
