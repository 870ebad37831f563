//! Clocks: the one of the contract. Those of WASI stand still without its grant, which is tested
//! where they are made.

use jackfield_types::Capability;

use crate::guest::{Guest, signature};
use crate::harness::Host;

#[tokio::test]
async fn the_clock_begins_with_the_call_and_never_goes_back() {
    let guest = Guest::doing(
        "(call $clock.monotonic-ns (i32.const 8192))
         (call $clock.monotonic-ns (i32.const 8256))
         (if (i64.lt_u (i64.load (i32.const 8264)) (i64.load (i32.const 8200))) (then unreachable))
         ;; Less than a minute: not since the machine was started.
         (if (i64.gt_u (i64.load (i32.const 8264)) (i64.const 60000000000)) (then unreachable))
         (i32.const 4096)",
    )
    .importing("clock", "monotonic-ns", signature::CLOCK)
    .asking(Capability::Clock, "");
    let plugin = Host::new().load(&guest).await;
    plugin.call().await.unwrap();
}
