//! Master keys come from the environment, from files, and from commands.

use std::path::Path;
use std::time::{Duration, Instant};

use jackfield_credentials::{KeyId, KeySource, KeySourceError, MasterKeys};

use crate::support::key;

fn source(text: &str) -> KeySource {
    text.parse().unwrap()
}

async fn error(text: &str) -> String {
    source(text).read().await.unwrap_err().to_string()
}

#[cfg(unix)]
fn write(path: &Path, content: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn keys_are_read_from_files_and_commands_several_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (key("one"), key("two"));
    let path = folder.path().join("key");
    write(&path, &format!("{}\n", one.to_text().expose()), 0o600);
    let program = folder.path().join("give-key");
    write(
        &program,
        &format!("#!/bin/sh\necho {}\n", two.to_text().expose()),
        0o700,
    );
    let sources = [
        source(&format!("two=command:{} with arguments", program.display())),
        source(&format!("one=file:{}", path.display())),
    ];
    let keys = MasterKeys::read(&sources).await.unwrap();
    let ids: Vec<&str> = keys.ids().map(KeyId::as_str).collect();
    assert_eq!(ids, ["two", "one"]);
    assert_eq!(keys.current().unwrap().to_text(), two.to_text());
    let twice = [sources[1].clone(), sources[1].clone()];
    let error = MasterKeys::read(&twice).await.unwrap_err().to_string();
    assert!(
        error.contains("two master keys have the id `one`"),
        "{error}"
    );
    assert!(MasterKeys::read(&[]).await.is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let text = key("k").to_text();
    for mode in [0o644, 0o640, 0o604, 0o620, 0o601] {
        write(&path, text.expose(), mode);
        let error = error(&format!("k=file:{}", path.display())).await;
        assert!(
            error.contains("chmod 600") && !error.contains(text.expose()),
            "{error}"
        );
    }
    for mode in [0o600, 0o400] {
        write(&path, text.expose(), mode);
        assert!(
            source(&format!("k=file:{}", path.display()))
                .read()
                .await
                .is_ok()
        );
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_of_somebody_else_is_refused() {
    use std::os::unix::fs::chown;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    write(&path, key("k").to_text().expose(), 0o600);
    // Only root can give a file away; whoever else runs this is told by the test of the rule itself.
    if chown(&path, Some(54_321), None).is_ok() {
        let error = error(&format!("k=file:{}", path.display())).await;
        assert!(error.contains("belongs to user 54321"), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_key_is_refused_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let of_file = format!("k=file:{}", path.display());
    assert!(error(&of_file).await.contains("cannot be read"));
    write(&path, "hunter2", 0o600);
    let told = error(&of_file).await;
    assert!(
        told.contains("openssl rand") && !told.contains("hunter2"),
        "{told}"
    );
    write(&path, &"hunter2".repeat(1_000), 0o600);
    assert!(error(&of_file).await.contains("at most 4096 bytes"));
    assert!(
        error(&format!("k=file:{}", folder.path().display()))
            .await
            .contains("no file")
    );
    assert!(error("k=file:/dev/zero").await.contains("no file"));
    let told = error("k=env:JACKFIELD_THERE_IS_NO_SUCH_VARIABLE").await;
    assert!(
        told.contains("`JACKFIELD_THERE_IS_NO_SUCH_VARIABLE`"),
        "{told}"
    );
    assert!(source("k=env:A=B").read().await.is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_that_fails_or_says_too_much_is_refused_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("give-key");
    let of_command = format!("k=command:{}", program.display());
    assert!(error(&of_command).await.contains("cannot be started"));
    write(
        &program,
        "#!/bin/sh\necho hunter2 >&2\necho hunter2\nexit 3\n",
        0o700,
    );
    let told = error(&of_command).await;
    assert!(
        told.contains("exit status: 3") && !told.contains("hunter2"),
        "{told}"
    );
    write(
        &program,
        "#!/bin/sh\nwhile :; do echo hunter2; done\n",
        0o700,
    );
    let told = error(&of_command).await;
    assert!(
        told.contains("wrote more than") && !told.contains("hunter2"),
        "{told}"
    );
    // No shell reads it.
    let told = error("k=command:echo hunter2;id").await;
    assert!(
        told.contains("openssl rand") && !told.contains("hunter2"),
        "{told}"
    );
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_command_that_hangs_is_ended_with_everything_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("hang");
    let marks = folder.path().join("marks");
    // The shell waits for a child of its own, which holds the output open.
    let script = format!(
        "#!/bin/sh\nsleep 1000 &\necho $! > {}\nwait\n",
        marks.display()
    );
    write(&program, &script, 0o700);
    let reading =
        tokio::spawn(async move { error(&format!("k=command:{}", program.display())).await });
    let began = Instant::now();
    let child = loop {
        // Time stands still for timers while a task is ready to run.
        tokio::task::yield_now().await;
        let written = std::fs::read_to_string(&marks).unwrap_or_default();
        if let Some(line) = written.strip_suffix('\n') {
            break line.parse::<u32>().unwrap();
        }
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "it does not start"
        );
    };
    let error = reading.await.unwrap();
    assert!(error.contains("took longer than 10 s"), "{error}");
    let began = Instant::now();
    let runs = || {
        let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        state
            .rsplit(") ")
            .next()
            .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    };
    while runs() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "the child goes on"
        );
        std::thread::yield_now();
    }
}

#[test]
fn where_a_key_is_can_be_written_as_text() {
    for text in [
        "",
        "k",
        "k=",
        "k=env",
        "k=env:",
        "k=stdin:x",
        "=env:X",
        "a b=env:X",
        "k=command: ",
    ] {
        let parsed = text.parse::<KeySource>();
        assert!(
            matches!(parsed, Err(KeySourceError::Text | KeySourceError::Key(_))),
            "{text:?}"
        );
    }
}
