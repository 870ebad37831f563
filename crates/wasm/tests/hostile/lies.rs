//! Lengths that lie, texts that are none, and results that are nowhere.

use jackfield_types::Capability;

use crate::guest::{Guest, signature};
use crate::harness::{Host, Loaded};

async fn loaded(guest: &Guest) -> (Host, Loaded) {
    let host = Host::new();
    let loaded = host.load(guest).await;
    (host, loaded)
}

async fn failure(guest: &Guest) -> String {
    let (host, evil) = loaded(guest).await;
    let failure = evil.failure().await;
    let good = host.load_as("evil/good", &Guest::harmless()).await;
    assert!(good.call().await.is_ok());
    failure
}

/// A result with one port whose text is at a place.
fn giving(place: u32, length: u32) -> Guest {
    Guest::doing(&format!(
        "(i32.store (i32.const 4104) (i32.const 5000)) (i32.store (i32.const 4108) (i32.const 1))
         (i32.store (i32.const 5000) (i32.const {})) (i32.store (i32.const 5004) (i32.const {}))
         (i32.const 4096)",
        place.cast_signed(),
        length.cast_signed()
    ))
}

#[tokio::test]
async fn texts_that_lie_outside_of_the_memory_are_no_texts() {
    for (place, length) in [
        (0, u32::MAX),
        (u32::MAX, 1),
        (u32::MAX, u32::MAX),
        (131_071, 2),
        (131_073, 0),
        (0x8000_0000, 0x8000_0000),
    ] {
        let failure = failure(&giving(place, length)).await;
        assert!(
            failure.starts_with("permanent "),
            "{place} {length}: {failure}"
        );
        assert!(
            failure.contains("plugin `evil/node 1.0.0` at node `node`"),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn results_that_lie_outside_of_the_memory_are_no_results() {
    for place in ["-8", "2147483640", "131064", "1"] {
        let failure = failure(&Guest::doing(&format!("(i32.const {place})"))).await;
        assert!(
            failure.starts_with("permanent TRAPPED"),
            "{place}: {failure}"
        );
    }
    // Neither a result nor a failure.
    let neither = Guest::doing("(i32.store8 (i32.const 4096) (i32.const 7)) (i32.const 4096)");
    assert!(failure(&neither).await.starts_with("permanent TRAPPED"));
}

#[tokio::test]
async fn a_list_that_says_to_be_endless_is_not_made() {
    for length in ["-1", "1073741824", "268435456"] {
        let guest = Guest::doing(&format!(
            "(i32.store (i32.const 4108) (i32.const {length})) (i32.const 4096)"
        ));
        let failure = failure(&guest).await;
        assert!(failure.starts_with("permanent "), "{length}: {failure}");
    }
}

#[tokio::test]
async fn one_large_text_that_is_given_a_thousand_times_is_not_copied_a_thousand_times() {
    // 1,000 ports, each of them the same 60 MB: less than 64 MB in the guest, 60 GB in the host.
    let guest = Guest::doing(
        "(local $n i32)
         (drop (memory.grow (i32.const 960)))
         (loop $on
           (i32.store (i32.add (i32.const 65536) (i32.mul (local.get $n) (i32.const 8))) (i32.const 131072))
           (i32.store offset=4 (i32.add (i32.const 65536) (i32.mul (local.get $n) (i32.const 8))) (i32.const 60000000))
           (br_if $on (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))
         (i32.store (i32.const 4104) (i32.const 65536)) (i32.store (i32.const 4108) (i32.const 1000))
         (i32.const 4096)",
    );
    let failure = failure(&guest).await;
    assert!(
        failure.starts_with("permanent OUTPUT_TOO_LARGE"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_giant_text_for_the_host_is_refused_before_it_is_copied() {
    for (interface, capability, signature) in [
        ("log", Capability::Log, signature::LOG),
        ("kv", Capability::Kv, signature::SET),
    ] {
        let giant = "(i32.const 131072) (i32.const 60000000)";
        let call = match capability {
            Capability::Log => format!("(call $log.log (i32.const 0) {giant})"),
            _ => format!("(call $kv.set (i32.const 0) (i32.const 4) {giant} (i32.const 8192))"),
        };
        let function = if interface == "log" { "log" } else { "set" };
        let guest = Guest::doing(&format!(
            "(drop (memory.grow (i32.const 960))) {call} (i32.const 4096)"
        ))
        .importing(interface, function, signature)
        .asking(capability, "");
        let failure = failure(&guest).await;
        assert!(
            failure.starts_with("permanent OUTPUT_TOO_LARGE"),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn what_is_no_utf_8_is_no_text() {
    let broken = giving(5_100, 2).with("(data (i32.const 5100) \"\\c3\\28\")");
    let failure = failure(&broken).await;
    assert!(failure.starts_with("permanent TRAPPED"), "{failure}");
}

#[tokio::test]
async fn what_is_no_list_of_items_is_not_given_on() {
    for text in [
        "",
        "null",
        "{}",
        "[1]",
        "[{}]",
        "[{\"json\": 1}]",
        "[{\"json\": {}, \"more\": 1}]",
        "[{\"json\": {}, \"item\": 1}]",
        "[{\"json\": {}, \"item\": -1}]",
        "[{\"json\": {}, \"item\": 4294967296}]",
        "[{\"json\": {}, \"item\": 0, \"input\": 9}]",
        "[{\"json\": {}}",
        "[{\"json\": {\"a\": NaN}}]",
    ] {
        let guest = answering(text);
        let failure = failure(&guest).await;
        assert!(
            failure.starts_with("permanent EXECUTION_ERROR"),
            "{text}: {failure}"
        );
        assert!(
            failure.contains("does not keep to the plugin contract"),
            "{text}: {failure}"
        );
    }
    let (_host, evil) = loaded(&answering(&"[".repeat(30_000))).await;
    assert!(evil.call().await.is_err());
    let (_host, good) = loaded(&answering("[{\"json\": {\"a\": 1}, \"item\": 0}]")).await;
    assert!(good.call().await.is_ok());
}

fn answering(text: &str) -> Guest {
    let mut guest = Guest::harmless();
    let place = guest.text(text);
    let (start, length) = place.split_once(") (").unwrap();
    guest.then(&format!(
        "(i32.store (i32.const 4104) (i32.const 5000)) (i32.store (i32.const 4108) (i32.const 1))
         (i32.store (i32.const 5000) {start})) (i32.store (i32.const 5004) ({length})
         (i32.const 4096)"
    ))
}

#[tokio::test]
async fn an_allocator_that_lies_breaks_off_its_own_call_and_no_more() {
    for place in ["-16", "131073", "3", "2147483632"] {
        let guest = Guest::harmless().reallocating(&format!("(i32.const {place})"));
        let failure = failure(&guest).await;
        assert!(
            failure.starts_with("permanent TRAPPED"),
            "{place}: {failure}"
        );
    }
    // Everything in the same place: the guest only harms itself.
    let overlapping = Guest::harmless().reallocating("(i32.const 65536)");
    let (_host, evil) = loaded(&overlapping).await;
    assert!(evil.call().await.is_ok());
}

#[tokio::test]
async fn a_guest_that_enters_itself_through_the_host_is_stopped() {
    // The allocator is called by the host in the middle of the call, and calls the node again.
    let guest = Guest::harmless().reallocating("(call $execute (i32.const 0))");
    let guest = guest.then("(call $execute (i32.const 0))");
    let failure = failure(&guest).await;
    assert!(failure.starts_with("permanent TRAPPED"), "{failure}");
}

#[tokio::test]
async fn a_failure_that_is_giant_or_odd_comes_out_small_and_plain() {
    let mut guest = Guest::harmless();
    let long = guest.text(&"x".repeat(30_000));
    let guest = guest.then(&format!("(call $fail {long} {long})"));
    let (_host, evil) = loaded(&guest).await;
    let error = evil.call().await.unwrap_err();
    assert!(error.code().as_str().len() <= 64);
    assert!(
        error.to_string().len() < 20_000,
        "{}",
        error.to_string().len()
    );
}

#[tokio::test]
async fn a_description_that_lies_about_its_place_is_no_description() {
    let (place, length) = ("(i32.const 1000)", "(i32.const 1004)");
    for (start, size) in [("0", "-1"), ("-1", "1"), ("131072", "1"), ("1024", "0")] {
        let guest = Guest::harmless().describing(&format!(
            "(i32.store {place} (i32.const {start})) (i32.store {length} (i32.const {size})) {place}"
        ));
        let error = Host::new().try_load(&guest).await.unwrap_err();
        assert!(!error.is_transient(), "{error}");
        assert!(
            error
                .to_string()
                .starts_with("the plugin does not say what it provides"),
            "{error}"
        );
    }
}
