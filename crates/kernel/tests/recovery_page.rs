//! `docs/recovery.md` is what the kernel does.

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

mod page;
mod script;

use std::path::Path;

/// Set to write the page instead of comparing it; `cargo xtask recovery-table` does.
const UPDATE: &str = "JACKFIELD_UPDATE_RECOVERY_TABLE";

#[test]
fn the_page_about_recovery_says_what_the_kernel_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/recovery.md");
    let page = page::page();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &page).unwrap();
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap();
    let first = written
        .lines()
        .zip(page.lines())
        .find(|(was, is)| was != is);
    assert!(
        written == page,
        "docs/recovery.md is not what the kernel does; write it again with `cargo xtask \
         recovery-table`. First difference: {first:#?}"
    );
}
