//! What is in a credential is taken from where nobody else looks.

use super::{TOKEN, add, assert_hidden, fed, folder, with_store};
use crate::harness::{Folder, assert_shown, code, show};

fn adding<'a>(credential_type: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let arguments = [
        "credential",
        "add",
        "crm",
        "--replace",
        "--type",
        credential_type,
    ];
    with_store(&[&arguments, more].concat())
}

/// What `http-request` would send is more than these tests need: that it can be read is enough.
fn assert_readable(folder: &Folder) {
    let shown = folder.json(&with_store(&["credential", "show", "crm", "-o", "json"]));
    assert_eq!(shown["readable"], true, "{shown}");
}

#[test]
fn standard_input_files_and_the_environment_are_read() {
    let folder = folder().file("token", format!("{TOKEN}\r\n")).file(
        "fields.json",
        format!(r#"{{"user": "ada", "password": "{TOKEN}"}}"#),
    );
    let pair = format!(r#"{{"user": "ada", "password": "{TOKEN}"}}"#);
    for (arguments, input) in [
        (adding("bearer", &[]), TOKEN),
        (
            adding("bearer", &["--fields", "-"]),
            &*format!(r#"{{"token": "{TOKEN}"}}"#),
        ),
        (adding("bearer", &["--from-file", "token=token"]), ""),
        (adding("bearer", &["--from-env", "token=THE_TOKEN"]), ""),
        (adding("basic", &["--fields", "fields.json"]), ""),
        (adding("basic", &["--fields", "-"]), &*pair),
        (adding("basic", &["--field", "user=ada"]), TOKEN),
        (
            adding(
                "basic",
                &["--field", "user=ada", "--from-file", "password=token"],
            ),
            "",
        ),
    ] {
        let mut process = folder.process(&arguments);
        process.env("THE_TOKEN", TOKEN);
        let mut command = assert_cmd::Command::from(process);
        let output = command.write_stdin(input).output().unwrap();
        assert_eq!(code(&output), 0, "{arguments:?}: {}", show(&output));
        assert_hidden("the output", show(&output).as_bytes());
        assert_readable(&folder);
    }
}

#[test]
fn what_is_wrong_is_told_and_not_shown() {
    let folder = folder()
        .file("broken.json", format!(r#"{{"token": "{TOKEN}", "#))
        .file("list.json", format!(r#"["{TOKEN}"]"#))
        .file(
            "twice.json",
            format!(r#"{{"token": "{TOKEN}", "{TOKEN}": 1}}"#),
        )
        .file("text", [TOKEN.as_bytes(), b"\xff"].concat());
    let secret = format!("token={TOKEN}");
    let mut all = String::new();
    for (arguments, input) in [
        (adding("bearer", &["--field", &secret]), ""),
        (adding("bearer", &["--field", TOKEN]), ""),
        (adding("bearer", &["--from-env", &secret]), ""),
        (adding("bearer", &["--from-env", "token=THERE_IS_NONE"]), ""),
        (
            adding("bearer", &["--from-file", "token=there-is-none"]),
            "",
        ),
        (adding("bearer", &["--from-file", "token=text"]), ""),
        (adding("bearer", &["--fields", "broken.json"]), ""),
        (adding("bearer", &["--fields", "list.json"]), ""),
        (adding("bearer", &["--fields", "twice.json"]), ""),
        (adding("bearer", &[]), ""),
        (adding("basic", &[]), TOKEN),
        (adding("basic", &["--fields", "-"]), r#"{"user": "ada"}"#),
        (adding("header", &["--field", "name=a b"]), TOKEN),
        (adding("bearer", &["--host", "ftp://a.example"]), TOKEN),
        (adding("bearer", &["--node-type", "a b"]), TOKEN),
        (adding("baerer", &[]), TOKEN),
    ] {
        let output = fed(&folder, &arguments, input);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", show(&output));
        assert_hidden("the error", show(&output).as_bytes());
        all += &show(&output);
    }
    assert_shown("credentials_given", &all);
    // Nothing of it was kept.
    let listed = folder.json(&with_store(&["credential", "list", "-o", "json"]));
    assert_eq!(listed, serde_json::json!([]));
}

#[test]
fn one_that_is_there_is_not_replaced_by_chance_and_stays_bound() {
    let folder = folder();
    add(
        &folder,
        "crm",
        &["--host", "127.0.0.1", "--node-type", "http-request"],
    );
    let again = with_store(&["credential", "add", "crm", "--type", "bearer"]);
    let output = fed(&folder, &again, "another-token");
    assert_eq!(code(&output), 2, "{}", show(&output));
    assert!(show(&output).contains("there is a credential `crm` already"));
    let bound = |folder: &Folder| {
        let shown = folder.json(&with_store(&["credential", "show", "crm", "-o", "json"]));
        (shown["hosts"].clone(), shown["nodeTypes"].clone())
    };
    let output = fed(&folder, &adding("bearer", &[]), "another-token");
    assert_eq!(code(&output), 0, "{}", show(&output));
    let (hosts, types) = (
        serde_json::json!(["127.0.0.1"]),
        serde_json::json!(["http-request"]),
    );
    assert_eq!(bound(&folder), (hosts.clone(), types));
    add(&folder, "crm", &["--replace", "--any-node-type"]);
    assert_eq!(bound(&folder), (hosts, serde_json::Value::Null));
}

/// A terminal at which a command asks for a user and a password.
#[cfg(unix)]
struct Terminal {
    ours: std::fs::File,
    theirs: std::os::fd::OwnedFd,
    child: std::process::Child,
    seen: Vec<u8>,
}

#[cfg(unix)]
impl Terminal {
    fn asking(folder: &Folder) -> Self {
        use rustix::fs::{Mode, OFlags, open};
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        use std::process::Stdio;

        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let child = folder
            .process(&adding("basic", &[]))
            .stdin(Stdio::from(theirs.try_clone().unwrap()))
            .stderr(Stdio::from(theirs.try_clone().unwrap()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            ours: ours.into(),
            theirs,
            child,
            seen: Vec::new(),
        }
    }

    /// Waits until the terminal shows something, and gives all that it has shown.
    fn until(&mut self, wanted: &str) -> String {
        use std::io::Read;
        let mut byte = [0];
        while !String::from_utf8_lossy(&self.seen).ends_with(wanted) {
            self.ours.read_exact(&mut byte).unwrap();
            self.seen.push(byte[0]);
        }
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    fn types(&mut self, text: &str) {
        use std::io::Write;
        self.ours.write_all(text.as_bytes()).unwrap();
    }

    /// Whether what is typed is shown.
    fn shows(&self) -> bool {
        use rustix::termios::{LocalModes, tcgetattr};
        let modes = tcgetattr(&self.theirs).unwrap().local_modes;
        modes.contains(LocalModes::ECHO)
    }

    /// Answers the first question, and waits until what is typed is hidden.
    fn until_hidden(&mut self) {
        self.until("user: ");
        self.types("ada\n");
        self.until("password: ");
        let began = std::time::Instant::now();
        // It says so before it hides what is typed.
        while self.shows() {
            assert!(
                began.elapsed().as_secs() < 60,
                "what is typed would be seen"
            );
            std::thread::yield_now();
        }
    }
}

#[cfg(unix)]
#[test]
fn a_terminal_is_asked_and_does_not_show_what_is_secret() {
    use std::io::Read;
    let folder = folder();
    let mut terminal = Terminal::asking(&folder);
    terminal.until_hidden();
    terminal.types(&format!("{TOKEN}\n"));
    assert!(terminal.child.wait().unwrap().success());
    let shown = terminal.until("\n");
    assert!(shown.contains("user: ada"), "{shown}");
    assert_hidden("the terminal", shown.as_bytes());
    assert!(terminal.shows(), "the terminal is as it was");
    let mut said = String::new();
    let mut stdout = terminal.child.stdout.take().unwrap();
    stdout.read_to_string(&mut said).unwrap();
    assert!(said.contains("credential `crm` is kept"), "{said}");
    assert_readable(&folder);
}

#[cfg(unix)]
#[test]
fn a_terminal_is_as_it_was_when_nobody_wants_to_answer() {
    let folder = folder();
    let mut terminal = Terminal::asking(&folder);
    terminal.until_hidden();
    let id = terminal.child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &id])
        .status();
    assert!(sent.unwrap().success());
    let ended = terminal.child.wait().unwrap();
    assert_eq!(ended.code(), Some(130));
    assert!(terminal.shows());
    let listed = folder.json(&with_store(&["credential", "list", "-o", "json"]));
    assert_eq!(listed, serde_json::json!([]));
}
