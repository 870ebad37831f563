//! From nothing to a plugin that runs, in each language, as its author goes.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::harness::{Folder, code, show};

/// Where `cargo xtask plugins` keeps the tools that it builds plugins with.
fn tools() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target =
        target.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target"));
    target.join("plugins")
}

/// Begins, tries, packs, signs, installs and runs a plugin.
fn goes_all_the_way(lang: &str) {
    let tools = tools();
    let id = format!("acme/by-{lang}");
    let (sources, packed) = (format!("by-{lang}"), format!("by-{lang}.jfp"));
    let folder = Folder::new();
    let done = |arguments: &[&str]| {
        let mut command = folder.command(arguments);
        // Compilers share the machine with other tests.
        command.timeout(std::time::Duration::from_secs(900));
        let output = command.env("JACKFIELD_BUILD", &tools).output().unwrap();
        assert_eq!(code(&output), 0, "{arguments:?}: {}", show(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    done(&["plugin", "new", &id, &sources, "--lang", lang]);
    let fixture = format!(
        r#"[{{ "title": "Grace", "nodeType": "{id}", "parameters": {{ "name": "Grace" }},
              "output": [[{{ "greeting": "hello Grace" }}]] }},
            {{ "title": "nobody", "nodeType": "{id}", "error": "INVALID_PARAMETERS" }}]"#
    );
    let fixtures = folder.path(&sources).join("fixtures");
    fs::create_dir_all(&fixtures).unwrap();
    fs::write(fixtures.join("names.json"), fixture).unwrap();
    let tried: Value =
        serde_json::from_str(&done(&["plugin", "test", &sources, "-o", "json"])).unwrap();
    let cases = tried["cases"].as_array().unwrap();
    assert!(cases.len() >= 3, "{tried}");
    assert!(cases.iter().all(|case| case["wrong"].is_null()), "{tried}");

    done(&["plugin", "pack", &sources, "--to", &packed]);
    done(&["plugin", "key", "new", "acme"]);
    done(&["plugin", "key", "trust", "acme"]);
    done(&["plugin", "sign", &packed]);
    done(&["plugin", "install", &packed, "--plugins", "installed"]);
    let call = [
        "exec",
        &id,
        "--params",
        r#"{"name": "Ada"}"#,
        "--plugins",
        "installed",
        "-o",
        "json",
    ];
    let answer: Value = serde_json::from_str(&done(&call)).unwrap();
    assert_eq!(answer["status"], "success", "{answer}");
    assert!(
        answer["output"].to_string().contains("hello Ada"),
        "{answer}"
    );
}

#[test]
fn a_plugin_in_rust_goes_all_the_way() {
    goes_all_the_way("rust");
}

#[test]
fn a_plugin_in_javascript_goes_all_the_way() {
    goes_all_the_way("js");
}

#[test]
fn a_plugin_in_python_goes_all_the_way() {
    goes_all_the_way("python");
}

#[test]
fn sources_that_do_not_build_say_what_their_compiler_said() {
    let folder = Folder::new();
    let new = ["plugin", "new", "acme/broken", "broken-js", "--lang", "js"];
    assert_eq!(code(&folder.run(&new)), 0);
    fs::write(folder.path("broken-js/plugin.js"), "export const = 1;").unwrap();
    let mut command = folder.command(&["plugin", "build", "broken-js"]);
    let output = command.env("JACKFIELD_BUILD", tools()).output().unwrap();
    assert_eq!(code(&output), 2, "{}", show(&output));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("plugin.js"), "{said}");
}
