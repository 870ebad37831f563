//! Links between pages lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every page: those of the root, and all below `docs/`.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    let mut open = vec![root().join("docs")];
    let mut look_at = |folder: &Path, open: &mut Vec<PathBuf>| {
        for entry in fs::read_dir(folder).expect("the folder is in the repository") {
            let path = entry.expect("its entries can be read").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    };
    look_at(&root(), &mut Vec::new());
    while let Some(folder) = open.pop() {
        look_at(&folder, &mut open);
    }
    pages
}

/// The targets of `[text](target)` outside of code blocks, without the place in the page.
fn targets(page: &str) -> Vec<&str> {
    let mut is_code = false;
    let mut targets = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if !is_code {
            let found = line
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split(')').next());
            targets.extend(found.map(|target| target.split('#').next().unwrap_or(target)));
        }
    }
    targets
}

#[test]
fn every_relative_link_leads_to_a_file() {
    let pages = pages();
    assert!(pages.len() > 30, "only {} pages were found", pages.len());
    let mut broken = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for target in targets(&text) {
            let is_elsewhere = target.is_empty() || target.contains("://");
            if !is_elsewhere && !page.with_file_name(target).exists() {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
