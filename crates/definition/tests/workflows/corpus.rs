//! Real workflows that were exported from n8n: all are read, and what is wrong with them is only
//! that there are node types that the catalog does not have.

use std::path::{Path, PathBuf};

use crate::support::TestCatalog;
use jackfield_definition::{Dialect, PlanOptions, SourceText, plan_workflow, read_workflow};
use jackfield_types::Severity;

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a file").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    files
}

fn check(path: &Path) {
    let name = path.display().to_string();
    let source =
        SourceText::from_bytes(&*name, std::fs::read(path).expect("a file")).expect("UTF-8");
    let (workflow, _) = read_workflow(&source).unwrap_or_else(|findings| panic!("{findings}"));
    assert_eq!(workflow.dialect, Dialect::N8n, "{name}");
    assert!(!workflow.nodes.is_empty(), "{name}");
    let planned = plan_workflow(&source, &TestCatalog::default(), &PlanOptions::default());
    for finding in &planned.expect_err("unknown node types") {
        let is_known =
            finding.severity == Severity::Warning || finding.code.as_str() == "UNKNOWN_NODE_TYPE";
        assert!(is_known, "{finding}");
        assert!(finding.location.is_some(), "{finding}");
    }
}

#[test]
fn every_file_of_the_corpus_gives_only_unknown_node_types() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Beside the repository, and not part of it.
    let corpus = files(&root.join("../../../shared/corpus/n8n-sample"));
    for path in &corpus {
        check(path);
    }
    assert!(
        corpus.is_empty() || corpus.len() == 150,
        "{} files",
        corpus.len()
    );
}

#[test]
fn every_fixture_gives_only_unknown_node_types() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixtures = files(&root.join("tests/fixtures/n8n"));
    assert_eq!(fixtures.len(), 5);
    for path in &fixtures {
        check(path);
    }
}
