//! Exported executions that were changed: by accident, or by somebody.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use jackfield::{StoredError, TenantId};
use jackfield_testkit::store::MemoryStore;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::files::{executions, exported, sealed};
use super::support::{Calls, Process, registry};

/// A file, and where it is tried.
struct Ground {
    runtime: Runtime,
    process: Process,
    file: Vec<u8>,
}

fn ground() -> &'static Ground {
    static GROUND: OnceLock<Ground> = OnceLock::new();
    GROUND.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let calls = Calls::default();
        let (file, _) = runtime.block_on(exported(&calls));
        let store = MemoryStore::new();
        let process = Process::new(&store, registry(&[("note", calls.executor())]));
        Ground {
            runtime,
            process,
            file,
        }
    })
}

/// Something that happens to a file.
#[derive(Debug, Clone)]
enum Mishap {
    Changed { at: Index, by: u8 },
    Lost { at: Index },
    Inserted { at: Index, byte: u8 },
    CutOff { at: Index },
    Twice { at: Index },
}

impl Mishap {
    fn befall(&self, file: &[u8]) -> Vec<u8> {
        let mut file = file.to_vec();
        match self {
            Self::Changed { at, by } => {
                let at = at.index(file.len());
                file[at] ^= by;
            }
            Self::Lost { at } => {
                file.remove(at.index(file.len()));
            }
            Self::Inserted { at, byte } => file.insert(at.index(file.len()), *byte),
            Self::CutOff { at } => file.truncate(at.index(file.len())),
            Self::Twice { at } => {
                let at = at.index(file.len());
                let rest = file[at..].to_vec();
                file.extend(rest);
            }
        }
        file
    }
}

fn mishaps() -> impl Strategy<Value = Mishap> {
    let at = any::<Index>;
    prop_oneof![
        6 => (at(), 1_u8..).prop_map(|(at, by)| Mishap::Changed { at, by }),
        1 => at().prop_map(|at| Mishap::Lost { at }),
        1 => (at(), any::<u8>()).prop_map(|(at, byte)| Mishap::Inserted { at, byte }),
        3 => at().prop_map(|at| Mishap::CutOff { at }),
        1 => at().prop_map(|at| Mishap::Twice { at }),
    ]
}

/// Imports a file for a tenant who has nothing, and nothing more if it is refused.
fn import(file: &[u8]) -> Result<Value, StoredError> {
    static TENANTS: AtomicU64 = AtomicU64::new(0);
    let Ground {
        runtime, process, ..
    } = ground();
    let tenant = TENANTS.fetch_add(1, Ordering::Relaxed);
    let tenant = TenantId::parse(&format!("tenant-{tenant}")).unwrap();
    let tenant = process.engine.tenant(&tenant);
    runtime.block_on(async {
        let imported = tenant.import(file).await;
        let there = executions(&tenant).await;
        match imported {
            Ok(id) => {
                assert_eq!((there.len(), there[0].id), (1, id));
                let state = there[0].state.as_str();
                assert!(state == "ended" || state == "paused", "{state}");
                let history = tenant.history(id).await.unwrap();
                Ok(serde_json::to_value(history.report().unwrap()).unwrap())
            }
            Err(error) => {
                assert_eq!(there, []);
                Err(error)
            }
        }
    })
}

/// Whether a message says where to look.
fn names_a_place(message: &str) -> bool {
    let between = message
        .split_once("between the bytes ")
        .and_then(|(_, rest)| rest.split_once(" and "));
    let is_number = |text: &str| text.starts_with(|one: char| one.is_ascii_digit());
    let by_line = message
        .split_once("line ")
        .is_some_and(|(_, rest)| is_number(rest));
    between.is_some_and(|(from, to)| is_number(from) && is_number(to))
        || by_line
        || message.contains("format version ")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn a_file_to_which_anything_happened_is_not_taken_in(mishap in mishaps()) {
        let file = &ground().file;
        let other = mishap.befall(file);
        prop_assume!(other != *file);
        match import(&other) {
            Ok(report) => prop_assert!(false, "taken in: {report}"),
            Err(StoredError::Invalid { reason }) => {
                prop_assert!(names_a_place(&reason), "{}", reason);
            }
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }

    /// Whoever makes up a file can have whatever makes sense taken in, and nothing else.
    #[test]
    fn what_is_taken_in_replays_whoever_made_it_up(mishap in mishaps()) {
        let other = mishap.befall(&ground().file);
        if let Ok(made_up) = serde_json::from_slice::<Value>(&other)
            && made_up.is_object()
        {
            let _ = import(&sealed(&made_up));
        }
    }
}

#[test]
fn the_file_is_taken_in_as_it_is() {
    let Ground { file, .. } = ground();
    let value: Value = serde_json::from_slice(file).unwrap();
    assert_eq!(import(file).unwrap()["status"], value["report"]["status"]);
}
