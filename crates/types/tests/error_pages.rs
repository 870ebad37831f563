//! Every error code has a page in `docs/errors/` that says what it means and what to do about it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use jackfield_types::ErrorCode;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors")
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let codes: BTreeSet<String> = ErrorCode::ALL.iter().map(ToString::to_string).collect();
    let pages: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "README")
        .collect();
    assert_eq!(pages, codes);
}

#[test]
fn every_page_says_what_it_means_and_the_way_out() {
    for code in ErrorCode::ALL {
        let page = fs::read_to_string(folder().join(format!("{code}.md"))).unwrap();
        let headings: Vec<&str> = page.lines().filter(|line| line.starts_with('#')).collect();
        assert_eq!(headings[0], format!("# {code}"));
        for wanted in [
            "## When it is given",
            "## The way out",
            "## Is it tried again?",
        ] {
            assert!(headings.contains(&wanted), "{code}: no `{wanted}`");
        }
    }
}

#[test]
fn the_index_links_to_every_page() {
    let index = fs::read_to_string(folder().join("README.md")).unwrap();
    let linked: Vec<&str> = index
        .lines()
        .filter_map(|line| line.strip_prefix("| [`")?.split_once('`'))
        .map(|(code, _)| code)
        .collect();
    let codes: Vec<&str> = ErrorCode::ALL.iter().map(ErrorCode::as_str).collect();
    assert_eq!(linked, codes);
}
