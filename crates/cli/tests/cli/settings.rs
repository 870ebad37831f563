//! What is said once and not with each command.

use std::fs;

use crate::guest::write_package;
use crate::harness::{Folder, code, show};

fn folder() -> Folder {
    let folder = Folder::new();
    write_package(&folder.path("one/guest"), "1.2.3");
    write_package(&folder.path("two/guest"), "1.3.0");
    folder
}

/// The versions of the plugin that are listed.
fn versions(output: &std::process::Output) -> Vec<String> {
    assert_eq!(code(output), 0, "{}", show(output));
    let listed: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let usable = listed.iter().filter(|one| one["state"] == "lazy");
    let versions = usable.map(|one| one["version"].as_str().unwrap().to_owned());
    versions.collect()
}

const LIST: [&str; 4] = ["plugin", "list", "--output", "json"];

#[test]
fn a_flag_comes_before_the_environment_and_that_before_the_file() {
    let folder = folder().file(
        "home/settings.toml",
        "plugins = [\"../one\"]\nsignatures = \"ignored\"\n",
    );
    assert_eq!(versions(&folder.run(&LIST)), ["1.2.3"]);
    let mut command = folder.command(&LIST);
    let output = command.env("JACKFIELD_PLUGINS", "two").output().unwrap();
    assert_eq!(versions(&output), ["1.3.0"]);
    let both = std::env::join_paths(["one", "two"]).unwrap();
    let mut command = folder.command(&LIST);
    let output = command.env("JACKFIELD_PLUGINS", &both).output().unwrap();
    assert_eq!(versions(&output), ["1.2.3", "1.3.0"]);
    let mut command = folder.command(&[&LIST[..], &["--plugins", "one"]].concat());
    let output = command.env("JACKFIELD_PLUGINS", "two").output().unwrap();
    assert_eq!(versions(&output), ["1.2.3"]);
    let mut command = folder.command(&LIST);
    let output = command
        .env("JACKFIELD_SIGNATURES", "required")
        .output()
        .unwrap();
    assert!(versions(&output).is_empty());
}

#[test]
fn settings_that_are_wrong_are_errors_with_line_and_column() {
    let folder = folder().file("wrong.toml", "plugins = [\"one\"]\ncolour = 1\n");
    let output = folder.run(&[&LIST[..], &["--settings", "wrong.toml"]].concat());
    assert_eq!(code(&output), 2, "{}", show(&output));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with(
            "error[INVALID_INPUT] the settings in `wrong.toml` are wrong: line 2, column 1: \
             unknown field `colour`"
        ),
        "{said}"
    );
    let missing = folder.run(&[&LIST[..], &["--settings", "none.toml"]].concat());
    assert_eq!(code(&missing), 2, "{}", show(&missing));
}

#[test]
fn the_sandbox_has_the_limits_that_are_set() {
    // Less than the two pages that the guest begins with.
    let folder = folder().file(
        "tight.toml",
        "plugins = [\"one\"]\nsignatures = \"ignored\"\n[sandbox.limits]\nmemory = \"64KiB\"\n",
    );
    let call = ["exec", "acme/guest", "--settings", "tight.toml"];
    let output = folder.run(&call);
    assert_eq!(code(&output), 2, "{}", show(&output));
    fs::write(
        folder.path("tight.toml"),
        "plugins = [\"one\"]\nsignatures = \"ignored\"\n",
    )
    .unwrap();
    let output = folder.run(&call);
    assert_eq!(code(&output), 0, "{}", show(&output));
}

#[cfg(unix)]
#[test]
fn plugins_run_where_compiled_code_cannot_be_kept() {
    let folder = folder().file("file", "no folder");
    let arguments = [
        "exec",
        "acme/guest",
        "--plugins",
        "one",
        "--signatures=ignored",
    ];
    let mut command = folder.command(&arguments);
    let home = folder.path("file");
    let output = command.env("JACKFIELD_HOME", home).output().unwrap();
    assert_eq!(code(&output), 0, "{}", show(&output));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("compiled plugins are not kept: the folder `"),
        "{said}"
    );
    let cause = "cannot hold compiled code: it cannot be made or looked at: ";
    assert!(said.contains(cause), "{said}");
}
