//! Licences and sources of all dependencies: permissive ones from crates.io, nothing else.
//!
//! An expression passes when what is on the list satisfies it: of `GPL-2.0 OR MIT` we take MIT.

use anyhow::{Result, bail};
use cargo_metadata::Package;
use spdx::{Expression, LicenseReq, ParseMode};

use crate::workspace::Workspace;

/// The licences that a dependency may be under; `deny.toml` has the same list.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Checks every package that cargo resolves, for all platforms.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut found = Vec::new();
    for package in workspace.packages() {
        found.extend(refusal(package));
    }
    if found.is_empty() {
        eprintln!(
            "{} packages are under licences that we may use",
            workspace.packages().len()
        );
        return Ok(());
    }
    found.sort();
    for refusal in &found {
        eprintln!("{refusal}");
    }
    bail!(
        "{} packages may not be used; the lists are in xtask/src/licences.rs and deny.toml",
        found.len()
    );
}

/// Why a package may not be used, if it may not.
fn refusal(package: &Package) -> Option<String> {
    let named = format!("`{} {}`", package.name, package.version);
    if let Some(source) = &package.source
        && source.repr != CRATES_IO
    {
        return Some(format!("{named} comes from {source}, not from crates.io"));
    }
    let Some(licence) = &package.license else {
        return Some(format!("{named} does not say its licence"));
    };
    match is_allowed(licence) {
        Ok(true) => None,
        Ok(false) => Some(format!("{named} is under `{licence}`")),
        Err(reason) => Some(format!("{named}: `{licence}` cannot be read: {reason}")),
    }
}

fn is_allowed(licence: &str) -> Result<bool, String> {
    // Old packages write `MIT/Apache-2.0`, which the lax mode takes for `OR`.
    let expression = Expression::parse_mode(licence, ParseMode::LAX)
        .map_err(|error| error.reason.to_string())?;
    Ok(expression.evaluate(is_on_the_list))
}

fn is_on_the_list(required: &LicenseReq) -> bool {
    let id = required.license.id();
    // An exception only ever grants more than the licence that it is added to.
    id.is_some_and(|id| ALLOWED.contains(&id.name))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn an_expression_passes_when_the_list_satisfies_it() {
        for good in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "Apache-2.0 / MIT",
            "GPL-2.0-only OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert_eq!(is_allowed(good), Ok(true), "{good}");
        }
        for bad in [
            "GPL-3.0-or-later",
            "MIT AND LGPL-2.1-only",
            "MPL-2.0",
            "LicenseRef-Mine",
        ] {
            assert_eq!(is_allowed(bad), Ok(false), "{bad}");
        }
        assert!(is_allowed("whatever you like").is_err());
    }

    #[test]
    fn cargo_deny_has_the_same_list() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deny.toml");
        let text = std::fs::read_to_string(path).unwrap();
        let start = text.find("allow = [").unwrap();
        let list = &text[start..start + text[start..].find(']').unwrap()];
        let named: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
        assert_eq!(named, ALLOWED);
    }
}
