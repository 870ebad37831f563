//! Each capability without its grant: of the manifest, of the policy, and both.

use jackfield_testkit::ScriptedGrants;
use jackfield_types::{Capability, Credential};

use crate::guest::{Guest, signature};
use crate::harness::{Host, Loaded};

/// Where the host puts its answers.
const ANSWER: &str = "(i32.const 8192)";

/// What a capability is used for, and where the fault is in the answer.
struct Use {
    capability: Capability,
    function: (&'static str, &'static str),
    /// What the manifest has to say besides a reason.
    more: &'static str,
    /// The call, with `T` where a text goes.
    call: &'static str,
    fault: u32,
}

const USES: [Use; 6] = [
    Use {
        capability: Capability::Http,
        function: ("send", signature::SEND),
        more: "hosts = [\"example.org\"]",
        call: "T T (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)",
        fault: 8196,
    },
    Use {
        capability: Capability::Kv,
        function: ("get", signature::TEXT),
        more: "",
        call: "T",
        fault: 8196,
    },
    Use {
        capability: Capability::Secrets,
        function: ("get", signature::TEXT),
        more: "names = [\"key\"]",
        call: "T",
        fault: 8196,
    },
    Use {
        capability: Capability::Config,
        function: ("get", signature::TEXT),
        more: "names = [\"key\"]",
        call: "T",
        fault: 8196,
    },
    Use {
        capability: Capability::Clock,
        function: ("now-ms", signature::CLOCK),
        more: "",
        call: "",
        fault: 8200,
    },
    Use {
        capability: Capability::Random,
        function: ("bytes", signature::RANDOM),
        more: "",
        call: "(i32.const 8)",
        fault: 8196,
    },
];

impl Use {
    /// A guest that uses the capability, and fails with the fault that it is given.
    fn guest(&self, text: &str) -> Guest {
        let name = self.capability.as_str();
        let (function, signature) = self.function;
        let mut guest = Guest::harmless().importing(name, function, signature);
        let text = guest.text(text);
        let call = self.call.replace('T', &text);
        guest.then(&format!(
            "(call ${name}.{function} {call} {ANSWER})
             (if (result i32) (i32.load8_u {ANSWER})
               (then (call $fault (i32.const {})))
               (else (i32.const 4096)))",
            self.fault
        ))
    }

    fn asking(&self, text: &str) -> Guest {
        self.guest(text).asking(self.capability, self.more)
    }
}

async fn failure(guest: &Guest, grants: ScriptedGrants) -> String {
    let host = Host::new();
    let loaded: Loaded = host.load(guest).await;
    loaded.failure_for("acme", grants).await
}

#[tokio::test]
async fn what_the_manifest_does_not_ask_for_is_refused_whatever_the_policy_grants() {
    for used in USES {
        let name = used.capability.as_str();
        let failure = failure(&used.guest("key"), ScriptedGrants::open()).await;
        assert_eq!(
            failure,
            format!(
                "refused CAPABILITY_REFUSED: plugin `evil/node 1.0.0` at node `node`: plugin \
                 `evil/node 1.0.0` does not ask for capability `{name}`; its `plugin.toml` has to, with a reason"
            )
        );
    }
}

#[tokio::test]
async fn what_the_policy_does_not_grant_is_refused_whatever_the_manifest_asks_for() {
    for used in USES {
        let name = used.capability.as_str();
        let none = ScriptedGrants::open().with_capabilities(&[]);
        let failure = failure(&used.asking("key"), none).await;
        assert_eq!(
            failure,
            format!(
                "refused TENANT_FORBIDDEN: plugin `evil/node 1.0.0` at node `node`: `{name}` is not \
                 in the capabilities of the test"
            )
        );
    }
}

#[tokio::test]
async fn what_is_granted_is_there() {
    for used in USES {
        let host = Host::new();
        let loaded = host.load(&used.asking("key")).await;
        let grants = ScriptedGrants::open()
            .with_capabilities(&[used.capability])
            .with_secret("key", "s3cr3t");
        let output = loaded.call_for("acme", grants).await;
        match used.capability {
            // `key` is no URL, which it is told.
            Capability::Http => {
                let error = output.unwrap_err();
                assert_eq!(
                    error.to_string(),
                    "this is no URL: relative URL without a base"
                );
            }
            _ => assert!(output.is_ok(), "{:?}: {output:?}", used.capability),
        }
    }
}

#[tokio::test]
async fn names_that_the_manifest_does_not_list_are_refused_before_anybody_is_asked() {
    for used in &USES[2..4] {
        let guest = used.asking("other\u{1b}[31m");
        let grants = ScriptedGrants::open().with_secret("other\u{1b}[31m", "s3cr3t");
        let host = Host::new();
        let loaded = host.load(&guest).await;
        let failure = loaded.failure_for("acme", grants.clone()).await;
        assert!(
            failure.starts_with("refused CAPABILITY_REFUSED"),
            "{failure}"
        );
        assert!(
            failure.contains("`other\\u{1b}[31m` is not among the names"),
            "{failure}"
        );
        assert_eq!(grants.asked(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_no_refusal_and_names_no_tenant() {
    let failure = failure(&USES[2].asking("key"), ScriptedGrants::open()).await;
    assert_eq!(failure, "permanent CREDENTIAL_MISSING: no secret `key`");
}

#[tokio::test]
async fn a_credential_that_is_bound_is_read_by_no_plugin() {
    let fields = [("token".to_owned(), "s3cr3t".into())]
        .into_iter()
        .collect();
    let credential = Credential::new("key", "bearer", fields, vec!["s3cr3t".to_owned()]);
    let grants = ScriptedGrants::open().with_credential(credential, &["api.example.org:443"]);
    let guest = USES[2].asking("key");
    assert_eq!(
        failure(&guest, grants.clone()).await,
        "refused TENANT_FORBIDDEN: plugin `evil/node 1.0.0` at node `node`: credential `key` is bound by its hosts"
    );
    assert_eq!(grants.asked(), ["secret key"]);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_tells_people_why() {
    let grants = ScriptedGrants::open().with_unreadable_secret("key");
    let failure = failure(&USES[2].asking("key"), grants).await;
    assert_eq!(
        failure,
        "permanent CREDENTIAL_UNREADABLE: plugin `evil/node 1.0.0` at node `node`: the test has no key for secret `key`"
    );
}

#[tokio::test]
async fn nothing_is_granted_while_a_plugin_starts_or_describes_itself() {
    let mut guest = Guest::harmless()
        .importing("kv", "set", signature::SET)
        .importing("kv", "get", signature::TEXT)
        .asking(Capability::Kv, "");
    let key = guest.text("early");
    // Breaks off if it got anything but a refusal.
    let guest = guest
        .with(&format!(
            "(func $early
               (call $kv.set {key} {key} {ANSWER})
               (br_if 0 (i32.load8_u {ANSWER}))
               unreachable)"
        ))
        .with("(func $start) (start $start)");
    let described = format!(
        "(call $early) (i32.store (i32.const 1000) (i32.const 1024)) \
         (i32.store (i32.const 1004) (i32.const {})) (i32.const 1000)",
        serde_json::json!({"contract": "0.1", "nodeTypes": [guest.metadata()]})
            .to_string()
            .len()
    );
    let guest = guest.describing(&described).then(&format!(
        "(call $kv.get {key} {ANSWER}) (i32.load8_u offset=4 {ANSWER}) (if (then unreachable)) (i32.const 4096)"
    ));
    let host = Host::new();
    let loaded = host.load(&guest).await;
    loaded.call().await.unwrap();
}

#[tokio::test]
async fn lines_and_progress_without_a_grant_are_dropped_and_harm_nobody() {
    let mut guest = Guest::harmless()
        .importing("log", "log", signature::LOG)
        .importing("progress", "report", signature::PROGRESS);
    let text = guest.text("the key is s3cr3t\nERROR forged");
    let guest = guest.then(&format!(
        "(call $log.log (i32.const 4) {text}) (call $progress.report (f64.const 0.5) {text}) (i32.const 4096)"
    ));
    let host = Host::new();
    host.load(&guest).await.call().await.unwrap();
    assert_eq!(host.heard.lines(), Vec::<String>::new());

    let granted = guest
        .asking(Capability::Log, "")
        .asking(Capability::Progress, "");
    let grants = ScriptedGrants::open().with_secret("key", "s3cr3t");
    let loaded = host.load(&granted).await;
    loaded.call_for("acme", grants.clone()).await.unwrap();
    assert_eq!(
        host.heard.lines(),
        [
            "acme Error: the key is [redacted]\\nERROR forged",
            "acme 0.5: the key is [redacted]\\nERROR forged"
        ]
    );
    let none = grants.with_capabilities(&[]);
    loaded.call_for("acme", none).await.unwrap();
    assert_eq!(host.heard.lines().len(), 2);
}

#[tokio::test]
async fn a_guest_cannot_pass_a_refusal_off_as_something_that_may_pass() {
    let used = &USES[1];
    let guest = used.guest("key");
    // Says that trying again may help.
    let guest = guest.then(
        "(call $kv.get (i32.const 0) (i32.const 1) (i32.const 8192))
         (i32.store8 (i32.const 4120) (i32.const 1))
         (call $fault (i32.const 8196))",
    );
    let failure = failure(&guest, ScriptedGrants::open()).await;
    assert!(
        failure.starts_with("refused CAPABILITY_REFUSED"),
        "{failure}"
    );
}
