use crate::harness::{Folder, assert_shown, code};

#[test]
fn help_says_how_it_ends() {
    assert_shown("help", &Folder::new().shown(&["--help"]));
    assert_shown("help_run", &Folder::new().shown(&["run", "-h"]));
}

#[test]
fn the_version_is_that_of_the_crate() {
    let output = Folder::new().run(&["--version"]);
    assert_eq!(code(&output), 0);
    let expected = format!("jackfield {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_2() {
    let folder = Folder::with_hello();
    let cases: [&[&str]; 13] = [
        &[],
        &["rum", "hello.json"],
        &["run"],
        &["run", "hello.json", "--bogus"],
        &["run", "hello.json", "--strict", "--lenient"],
        &["run", "hello.json", "--output", "xml"],
        &["run", "hello.json", "--set", "novalue"],
        &["run", "hello.json", "--timeout", "soon"],
        &["run", "hello.json", "--tenant", "a b"],
        &["--log", "registry=loud", "run", "hello.json"],
        &["validate"],
        &["exec", "string upper"],
        &["completions", "tcsh"],
    ];
    let mut all = String::new();
    for arguments in cases {
        let output = folder.run(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        let first = said.lines().next().unwrap();
        all.push_str(&format!("{}\n  {first}\n", arguments.join(" ")));
    }
    assert_shown("usage", &all);
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = Folder::new().run(&["completions", shell]);
        assert_eq!(code(&output), 0);
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.contains("validate"), "{shell}");
    }
}

#[test]
fn colors_are_used_only_where_they_are_wanted() {
    let folder = Folder::with_hello();
    let is_colored = |arguments: &[&str]| folder.run(arguments).stdout.contains(&0x1b);
    assert!(!is_colored(&["run", "hello.json"]));
    assert!(is_colored(&["run", "hello.json", "--color", "always"]));
    assert!(!is_colored(&["run", "hello.json", "--color", "never"]));
}
