//! Components on their way into the host: what is compiled, what is kept, and what is refused.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::iter;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jackfield_registry::discovery::{PluginHost, PluginLoadError};
use jackfield_testkit::StaticCall;
use jackfield_types::{ByteSize, Span};
use jackfield_wasm::{CompilerProgram, Services, WasmConfig, WasmHost};
use serde_json::json;

use crate::guest::{Guest, component_of, metadata, ok, source_of};
use crate::{config, executor, host};

/// What becomes of some bytes as a component.
async fn refusal(host: &WasmHost, component: Vec<u8>) -> String {
    match host.load(source_of("", component)).await {
        Err(error @ (PluginLoadError::Component { .. } | PluginLoadError::Describe { .. })) => {
            assert!(!error.is_transient());
            error.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_with_the_reason() {
    let host = host();
    let whole = Guest::default().component();
    refusal(&host, Vec::new()).await;
    refusal(&host, b"not a component".to_vec()).await;
    for length in [4, 8, 100, whole.len() / 2, whole.len() - 1] {
        refusal(&host, whole[..length].to_vec()).await;
    }
    let module = wat::parse_str("(module)").unwrap();
    refusal(&host, module).await;
    let empty = refusal(&host, wat::parse_str("(component)").unwrap()).await;
    assert!(empty.contains("jackfield:plugin/node"), "{empty}");
    let foreign = wat::parse_str(r#"(component (import "acme:other/files" (instance)))"#);
    let foreign = refusal(&host, foreign.unwrap()).await;
    assert!(foreign.contains("jackfield:plugin/node"), "{foreign}");
}

#[tokio::test]
async fn a_plugin_that_cannot_say_what_it_is_is_refused_with_the_reason() {
    let host = host();
    let say = |described: &str| Guest {
        described: described.to_owned(),
        ..Guest::default()
    };
    let reason = refusal(&host, say("no JSON").component()).await;
    assert!(reason.contains("JSON"), "{reason}");
    let other = r#"{"contract": "7.0", "nodeTypes": []}"#;
    let reason = refusal(&host, say(other).component()).await;
    assert!(reason.contains("`7.0`"), "{reason}");
    let breaking = r#"(module
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "jackfield:plugin/node@0.1.0#describe") (result i32) unreachable)
        (func (export "jackfield:plugin/node@0.1.0#execute") (param i32) (result i32) unreachable))"#;
    let reason = refusal(&host, component_of(breaking)).await;
    assert!(reason.contains("broke off"), "{reason}");
    let config = WasmConfig {
        describe_time: Span::from_millis(50),
        ..config()
    };
    let host = WasmHost::start(config, Services::default()).unwrap();
    let endless = breaking.replacen(
        "#describe\") (result i32) unreachable",
        "#describe\") (result i32) (loop $l (br $l)) unreachable",
        1,
    );
    let reason = refusal(&host, component_of(&endless)).await;
    assert!(reason.contains("long"), "{reason}");
}

/// A host that keeps compiled code in a folder, and the only file of code in it.
struct Kept {
    folder: tempfile::TempDir,
    config: WasmConfig,
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))
            .expect("a folder of its own");
        let config = WasmConfig {
            cache: Some(folder.path().to_owned()),
            ..config()
        };
        Self { folder, config }
    }

    fn host(&self) -> WasmHost {
        WasmHost::start(self.config.clone(), Services::default()).expect("a host")
    }

    fn code(&self) -> PathBuf {
        let entries = fs::read_dir(self.folder.path()).expect("a folder");
        let mut code = entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|kind| kind == "cwasm"));
        let first = code.next().expect("compiled code");
        assert_eq!(code.next(), None);
        first
    }

    async fn works(&self) {
        let guest = executor(&self.host(), &Guest::default()).await;
        let output = StaticCall::new(&metadata(), json!({}))
            .execute(&*guest)
            .await;
        assert_eq!(
            StaticCall::ports(&output.expect("an output")),
            json!([[{"a": 1}]])
        );
    }
}

fn inode(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).expect("a file").ino()
}

#[tokio::test]
async fn compiled_code_is_kept_for_the_next_process_and_checked_before_it_runs() {
    let kept = Kept::new();
    kept.works().await;
    let (code, first) = (kept.code(), inode(&kept.code()));
    kept.works().await;
    assert_eq!(inode(&code), first, "compiled anew though nothing changed");

    // Touched, but the same: looked at, and believed.
    fs::File::open(&code)
        .unwrap()
        .set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    kept.works().await;
    assert_eq!(inode(&code), first);

    // Altered in one byte: not run, but compiled anew.
    let mut bytes = fs::read(&code).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&code, &bytes).unwrap();
    kept.works().await;
    assert_ne!(fs::read(&code).unwrap(), bytes);

    // Cut short, replaced by something else, with a record that says nothing.
    OpenOptions::new()
        .write(true)
        .open(&code)
        .unwrap()
        .set_len(100)
        .unwrap();
    kept.works().await;
    fs::write(&code, b"something else").unwrap();
    kept.works().await;
    fs::write(code.with_extension("json"), b"{}").unwrap();
    kept.works().await;
    kept.works().await;
}

#[tokio::test]
async fn code_that_others_could_have_written_is_not_trusted() {
    let kept = Kept::new();
    kept.works().await;
    let code = kept.code();
    let before = inode(&code);
    fs::set_permissions(&code, fs::Permissions::from_mode(0o666)).unwrap();
    kept.works().await;
    assert_ne!(inode(&code), before);

    fs::set_permissions(kept.folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let error = WasmHost::start(kept.config.clone(), Services::default());
    let error = error.err().unwrap();
    let causes = iter::successors(error.source(), |&cause| cause.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    let said = causes
        .iter()
        .any(|it| it.contains("others could put code into it"));
    assert!(said, "{error}: {causes:?}");
    let file = kept.folder.path().join("file");
    fs::File::create(&file).unwrap().write_all(b"x").unwrap();
    let config = WasmConfig {
        cache: Some(file),
        ..config()
    };
    assert!(WasmHost::start(config, Services::default()).is_err());
}

#[tokio::test]
async fn the_folder_of_compiled_code_has_a_bound() {
    let mut kept = Kept::new();
    kept.works().await;
    let one = fs::metadata(kept.code()).unwrap().len();
    kept.config.cache_size = ByteSize::bytes(2 * one + one / 2);
    let host = kept.host();
    for number in 0..5 {
        let guest = Guest {
            execute: ok(&format!(r#"[{{"json":{{"a":{number}}}}}]"#)),
            ..Guest::default()
        };
        executor(&host, &guest).await;
    }
    let entries = fs::read_dir(kept.folder.path()).unwrap();
    assert!(entries.count() <= 4, "two codes with their records");
}

/// The program of this crate that compiles for hosts.
fn compiler() -> PathBuf {
    let test = std::env::current_exe().expect("a test");
    let debug = test
        .parent()
        .and_then(Path::parent)
        .expect("a target folder");
    debug.join("examples").join("compiler")
}

#[tokio::test]
async fn large_components_are_compiled_by_another_process() {
    let mut kept = Kept::new();
    kept.config.compiler_from = ByteSize::bytes(0);
    kept.config.compiler = Some(CompilerProgram {
        program: compiler(),
        arguments: Vec::new(),
    });
    kept.works().await;
    let first = inode(&kept.code());
    kept.works().await;
    assert_eq!(inode(&kept.code()), first);

    let reason = refusal(&kept.host(), b"not a component".to_vec()).await;
    assert!(reason.contains("magic"), "{reason}");

    // One that is not there is no reason not to run the plugin.
    let other = Guest {
        execute: ok("[]"),
        ..Guest::default()
    };
    kept.config.compiler = Some(CompilerProgram {
        program: "/nowhere/compiler".into(),
        arguments: Vec::new(),
    });
    executor(&kept.host(), &other).await;
}

/// What a shell that is taken for a compiler makes of a component.
async fn compiled_by_shell(script: &str) -> PluginLoadError {
    let mut kept = Kept::new();
    kept.config.compiler_from = ByteSize::bytes(0);
    kept.config.compile_time = Span::from_millis(500);
    kept.config.compiler = Some(CompilerProgram {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), script.into()],
    });
    let error = kept.host().load(Guest::default().source()).await;
    // Nothing that was begun is left.
    let left = fs::read_dir(kept.folder.path()).expect("a folder");
    assert_eq!(left.count(), 0);
    error.expect_err("a refusal")
}

#[tokio::test]
async fn a_compiler_that_does_not_end_is_ended_with_all_that_it_started() {
    for script in [
        "exec sleep 1000",
        "sleep 1000",
        "exec 0<&- 2>&-; sleep 1000",
        "cat > /dev/null; sleep 1000",
    ] {
        let error = compiled_by_shell(script).await;
        assert!(
            matches!(error, PluginLoadError::TooSlow { .. }),
            "{script}: {error:?}"
        );
    }
    // It ends, and leaves somebody behind who holds on to its pipes.
    let error = compiled_by_shell("sleep 1000 & exit 3").await;
    assert!(matches!(error, PluginLoadError::Host { .. }), "{error:?}");
}

#[tokio::test]
async fn a_compiler_that_breaks_off_says_nothing_about_the_component() {
    for script in ["echo no room >&2; exit 1", "kill -9 $$"] {
        let error = compiled_by_shell(script).await;
        assert!(error.is_transient(), "{script}: {error:?}");
    }
    // What it breaks off with by itself would happen again.
    let error = compiled_by_shell("kill -ABRT $$").await;
    assert!(!error.is_transient(), "{error:?}");
    // It knows nothing of the environment that the host was started in.
    let error = compiled_by_shell("test -z \"$CARGO_MANIFEST_DIR\" && kill -ABRT $$").await;
    assert!(!error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn a_component_that_takes_more_memory_to_compile_than_there_may_be_is_refused() {
    let mut kept = Kept::new();
    kept.config.compiler_from = ByteSize::bytes(0);
    kept.config.compile_memory = ByteSize::mib(24);
    kept.config.compiler = Some(CompilerProgram {
        program: compiler(),
        arguments: Vec::new(),
    });
    // Many functions, so that there is something to do.
    let functions: String = (0..20_000)
        .map(|number| {
            format!("(func (param i32) (result i32) (i32.mul (local.get 0) (i32.const {number})))")
        })
        .collect();
    let large = Guest {
        more: functions,
        ..Guest::default()
    };
    let error = kept.host().load(large.source()).await.unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn a_component_that_takes_too_long_to_compile_in_this_process_is_given_up() {
    let config = WasmConfig {
        compile_time: Span::from_millis(0),
        ..config()
    };
    let host = WasmHost::start(config, Services::default()).unwrap();
    let error = host.load(Guest::default().source()).await.unwrap_err();
    assert!(
        matches!(error, PluginLoadError::TooSlow { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_component_in_use_is_compiled_once_for_all() {
    let host = host();
    let guest = Guest::default();
    let loads = (0..8).map(|_| host.load(guest.source()));
    for loaded in futures_util::future::join_all(loads).await {
        let loaded = loaded.unwrap();
        assert_eq!(loaded.node_types, [metadata()]);
        assert!(loaded.memory > ByteSize::bytes(0));
    }
}

#[tokio::test]
async fn a_component_that_does_not_fit_into_the_pool_runs_all_the_same() {
    let kept = Kept::new();
    let large = Guest {
        more: "(table 50000 funcref)".to_owned(),
        ..Guest::default()
    };
    // Compiled, then mapped, then in a host that keeps nothing.
    for host in [kept.host(), kept.host(), host()] {
        let guest = executor(&host, &large).await;
        let output = StaticCall::new(&metadata(), json!({}))
            .execute(&*guest)
            .await;
        assert_eq!(StaticCall::ports(&output.unwrap()), json!([[{"a": 1}]]));
    }
    assert!(kept.code().exists());
}

#[tokio::test]
async fn a_plugin_of_another_point_release_runs_and_one_of_another_contract_does_not() {
    let guest = Guest {
        imports: r#"(import "jackfield:plugin/clock@0.1.0" "now-ms" (func (param i32)))"#
            .to_owned(),
        ..Guest::default()
    };
    let of_version = |version: &str| {
        let mut component = guest.component();
        for at in 0..component.len().saturating_sub(6) {
            if component[at..].starts_with(b"@0.1.0") {
                component[at + 1..at + 6].copy_from_slice(version.as_bytes());
            }
        }
        source_of("", component)
    };
    let host = host();
    for version in ["0.1.0", "0.1.7"] {
        let loaded = host.load(of_version(version)).await.unwrap();
        let call = StaticCall::new(&metadata(), json!({}));
        let output = call.execute(&*loaded.executors["acme/guest"]).await;
        assert_eq!(StaticCall::ports(&output.unwrap()), json!([[{"a": 1}]]));
    }
    for version in ["0.2.0", "1.1.0"] {
        let error = host.load(of_version(version)).await.unwrap_err();
        assert!(
            matches!(error, PluginLoadError::Component { .. }),
            "{error:?}"
        );
    }
}
