//! How long after its deadline a guest ends that never would: on average, and at most of many.
//!
//! One after the other, and many at once on as many threads as there are processors. Those are calls
//! of different tenants, on a host that has them all compute: a call that waits for its turn has not
//! begun, and its time has not either.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench shows what it measures, and may break off"
)]

#[expect(dead_code, reason = "a bench needs a part of what tests need")]
#[path = "../tests/hostile/guest.rs"]
mod guest;
#[expect(dead_code, reason = "a bench needs a part of what tests need")]
#[path = "../tests/hostile/harness.rs"]
mod harness;

use std::time::{Duration, Instant};

use jackfield_testkit::ScriptedGrants;
use jackfield_wasm::{Services, WasmConfig, WasmHost};
use tokio::runtime::Builder;

use guest::Guest;
use harness::{Heard, Host, Loaded};

/// The time that a call has.
const LIMIT: Duration = Duration::from_millis(20);
/// How many loops end, and how many of them run at once where many do.
const LOOPS: usize = 256;
const AT_ONCE: usize = 8;

fn main() {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let loops = if is_quick { LOOPS / 8 } else { LOOPS };
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    let endless = Guest::doing("(loop $on (br $on)) unreachable");
    let endless = endless.with_limits(&format!("time = \"{}ms\"", LIMIT.as_millis()));
    for (name, at_once) in [("one", 1), ("eight at once", AT_ONCE)] {
        let late = runtime.block_on(async {
            let host = host(at_once);
            let guest = host.load(&endless).await;
            let mut late = Vec::new();
            for _ in 0..loops / at_once {
                let running: Vec<_> = (0..at_once)
                    .map(|number| tokio::spawn(lateness(guest.clone(), number)))
                    .collect();
                for ended in running {
                    late.push(ended.await.unwrap());
                }
            }
            late
        });
        let mean = late.iter().sum::<Duration>() / u32::try_from(late.len()).unwrap();
        let most = late.iter().max().unwrap();
        println!(
            "endless loop after its deadline, {name}, mean: {}",
            mean.as_nanos()
        );
        println!(
            "endless loop after its deadline, {name}, most: {}",
            most.as_nanos()
        );
    }
}

/// A host where so many calls may compute at once.
fn host(long_calls: usize) -> Host {
    let config = WasmConfig {
        long_calls: u32::try_from(long_calls).unwrap(),
        ..WasmConfig::default()
    };
    Host {
        host: WasmHost::start(config, Services::default()).unwrap(),
        heard: Heard::default(),
    }
}

async fn lateness(endless: Loaded, tenant: usize) -> Duration {
    let tenant = format!("tenant-{tenant}");
    let began = Instant::now();
    let ended = endless.call_for(&tenant, ScriptedGrants::open()).await;
    ended.unwrap_err();
    began.elapsed().saturating_sub(LIMIT)
}
