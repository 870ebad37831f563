//! What authors write with, as it is in `sdk/` and `wit/`.

/// A file that is carried along.
#[derive(Debug, Clone, Copy)]
pub struct SourceFile {
    /// Where it goes, with `/`.
    pub path: &'static str,
    /// What is in it.
    pub text: &'static str,
}

macro_rules! files {
    ($($root:literal: $($path:literal),+ $(,)?);+ $(;)?) => {
        &[$($(SourceFile { path: $path, text: include_str!(concat!("../../../", $root, "/", $path)) }),+),+]
    };
}

/// The contract.
pub const WIT: SourceFile = SourceFile {
    path: "plugin.wit",
    text: include_str!("../../../wit/plugin.wit"),
};

const RUST: &[SourceFile] = files! {
    "sdk/rust":
        "Cargo.toml",
        "wit/plugin.wit",
        "src/bindings.rs",
        "src/call.rs",
        "src/error.rs",
        "src/host/http.rs",
        "src/host/mod.rs",
        "src/item.rs",
        "src/item_results.rs",
        "src/lib.rs",
        "src/metadata.rs",
        "src/node_type.rs",
        "src/output.rs",
        "src/plugin.rs";
};
const JAVASCRIPT: &[SourceFile] = files! {
    "sdk/js": "package.json", "jackfield.js", "utf8.js";
};
const PYTHON: &[SourceFile] = files! {
    "sdk/python": "jackfield_plugin.py";
};

/// What pins the tools for JavaScript: their names, versions and digests.
pub(crate) const JAVASCRIPT_TOOLS: &[SourceFile] = files! {
    "sdk/js/tools": "package.json", "package-lock.json";
};
/// What pins the tools for Python.
pub(crate) const PYTHON_TOOLS: &[SourceFile] = files! {
    "sdk/python/tools": "requirements.txt";
};

pub(crate) const RUST_TEMPLATE: &[SourceFile] = files! {
    "sdk/rust/template":
        ".cargo/config.toml", ".gitignore", "Cargo.toml", "fixtures/greet.json", "plugin.toml",
        "src/lib.rs";
};
pub(crate) const JAVASCRIPT_TEMPLATE: &[SourceFile] = files! {
    "sdk/js/template":
        ".gitignore", "fixtures/greet.json", "package.json", "plugin.js", "plugin.toml";
};
pub(crate) const PYTHON_TEMPLATE: &[SourceFile] = files! {
    "sdk/python/template": ".gitignore", "fixtures/greet.json", "plugin.py", "plugin.toml";
};

/// What plugins in a language are written with: a crate, a package, a module.
pub fn sdk(language: crate::Language) -> &'static [SourceFile] {
    match language {
        crate::Language::Rust => RUST,
        crate::Language::JavaScript => JAVASCRIPT,
        crate::Language::Python => PYTHON,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Language;

    #[test]
    fn the_guest_crate_has_the_contract_of_the_host() {
        let own = RUST.iter().find(|file| file.path == "wit/plugin.wit");
        assert!(
            own.unwrap().text == WIT.text,
            "copy `wit/plugin.wit` to `sdk/rust/wit/plugin.wit`"
        );
    }

    #[test]
    fn no_source_is_left_behind() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk");
        for (language, folder, extension) in [
            (Language::Rust, "rust/src", "rs"),
            (Language::Rust, "rust/src/host", "rs"),
            (Language::JavaScript, "js", "js"),
            (Language::Python, "python", "py"),
        ] {
            let folder = root.join(folder);
            let names = std::fs::read_dir(&folder).unwrap();
            for name in names.map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
                let is_source =
                    name.ends_with(&format!(".{extension}")) && !name.contains(".test.");
                let carried = sdk(language).iter().any(|file| file.path.ends_with(&name));
                assert!(!is_source || carried, "{}: {name}", folder.display());
            }
        }
    }
}
