#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jackfield_tenancy::{
    AuditAction, AuditDurability, AuditEntry, AuditFinding, AuditKey, AuditLog, AuditOptions,
    AuditOutcome, AuditRecord, AuditVerification, VerifyOptions, verify_audit,
};
use jackfield_types::{ExecutionId, NodeName, NodeTypeId, Secret, TenantId, UserId};
use semver::Version;
use tempfile::TempDir;

/// A folder with audit trails.
pub(crate) struct Scene {
    folder: TempDir,
    pub(crate) options: AuditOptions,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(AuditOptions::default())
    }

    pub(crate) fn keyed() -> Self {
        Self::with(AuditOptions {
            key: Some(key(7)),
            ..AuditOptions::default()
        })
    }

    pub(crate) fn with(options: AuditOptions) -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            options: AuditOptions {
                durability: AuditDurability::Written {
                    every: Duration::from_millis(20),
                },
                ..options
            },
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn open(&self) -> AuditLog {
        AuditLog::open(self.folder(), self.options.clone()).unwrap()
    }

    pub(crate) fn trail(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.ndjson"))
    }

    pub(crate) fn head(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.head"))
    }

    /// Records so many calls and closes the log.
    pub(crate) fn record(&self, name: &str, calls: u64) {
        let audit = self.open().tenant(&tenant(name));
        for number in 0..calls {
            audit.record(call(number));
        }
    }

    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.trail(name)).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) fn write_lines(&self, name: &str, lines: &[String]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(self.trail(name), text).unwrap();
    }

    pub(crate) fn verify(&self, name: &str) -> AuditVerification {
        self.verify_against(name, None)
    }

    pub(crate) fn verify_against(&self, name: &str, expected: Option<&str>) -> AuditVerification {
        let options = VerifyOptions {
            key: self.options.key.clone(),
            expected_head: expected.map(|head| head.parse().unwrap()),
        };
        verify_audit(self.folder(), &tenant(name), &options).unwrap()
    }

    pub(crate) fn findings(&self, name: &str) -> Vec<String> {
        let findings = self.verify(name).findings;
        findings.iter().map(AuditFinding::to_string).collect()
    }

    pub(crate) fn records(&self, name: &str) -> Vec<AuditRecord> {
        let reader = jackfield_tenancy::AuditReader::open(self.folder(), &tenant(name));
        reader.unwrap().map(Result::unwrap).collect()
    }
}

pub(crate) fn key(byte: u8) -> AuditKey {
    AuditKey::parse(Secret::new(vec![byte; 32])).unwrap()
}

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

/// An entry about a call, that can be told from others by its node.
pub(crate) fn call(number: u64) -> AuditEntry {
    AuditEntry {
        user: Some(UserId::parse("ada@acme.example").unwrap()),
        execution: Some(ExecutionId::generate()),
        node: Some(NodeName::parse(&format!("call {number}")).unwrap()),
        node_type: Some(NodeTypeId::parse("http-request").unwrap()),
        version: Some(Version::new(1, 2, 3)),
        rule: Some("allowedNodeTypes[2] `http-*`".into()),
        outcome: Some(AuditOutcome::Success),
        duration: Some(Duration::from_micros(1_250)),
        ..AuditEntry::allowed(AuditAction::NodeCalled)
    }
}
