//! Changes: whose they are, what is on record of them, and new keys.

use serde_json::{Value, json};

use super::{TOKEN, add, assert_hidden, fed, folder, with_store};
use crate::harness::{Folder, assert_shown, code, show};

fn names(folder: &Folder, tenant: &str) -> Vec<String> {
    let arguments = ["credential", "list", "-o", "json", "--tenant", tenant];
    let listed = folder.json(&with_store(&arguments));
    let listed = listed.as_array().unwrap().iter();
    listed
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn each_tenant_has_its_own() {
    let folder = folder();
    add(&folder, "crm", &["--tenant", "acme"]);
    add(&folder, "mail", &["--tenant", "globex"]);
    assert_eq!(names(&folder, "acme"), ["crm"]);
    assert_eq!(names(&folder, "globex"), ["mail"]);
    assert_eq!(names(&folder, "default"), Vec::<String>::new());
    let other = folder.run(&[
        "credential",
        "remove",
        "crm",
        "--store",
        "kept.db",
        "--tenant",
        "globex",
    ]);
    assert_eq!(code(&other), 2);
    assert!(
        show(&other).contains("CREDENTIAL_MISSING"),
        "{}",
        show(&other)
    );
    assert_eq!(names(&folder, "acme"), ["crm"]);
}

#[test]
fn changes_are_on_record_with_who_made_them() {
    let folder = folder();
    let record = ["--audit", "audit", "--user", "ada"];
    add(&folder, "crm", &record);
    add(&folder, "crm", &[&record[..], &["--replace"]].concat());
    let rotated = [
        &with_store(&["credential", "rotate", "--data-keys"])[..],
        &record,
    ]
    .concat();
    assert_eq!(code(&folder.run(&rotated)), 0);
    let removed = ["credential", "remove", "crm", "--store", "kept.db"];
    assert_eq!(code(&folder.run(&[&removed[..], &record].concat())), 0);
    let trail = folder.run(&["audit", "export", "audit"]);
    let lines = String::from_utf8(trail.stdout).unwrap();
    let told: Vec<Value> = lines
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            json!([line["action"], line["user"], line["note"]])
        })
        .collect();
    assert_eq!(
        Value::from(told),
        json!([
            ["trailBegun", null, null],
            ["credentialChanged", "ada", "crm: bearer"],
            ["credentialChanged", "ada", "crm: bearer"],
            [
                "credentialChanged",
                "ada",
                "crm: encrypted anew, master key 2025"
            ],
            ["credentialRemoved", "ada", "crm"]
        ])
    );
    assert_hidden("the trail", lines.as_bytes());
    let verified = folder.run(&["audit", "verify", "audit"]);
    assert_eq!(code(&verified), 0, "{}", show(&verified));
}

#[test]
fn an_old_key_is_not_needed_any_more_when_all_tenants_have_the_new_one() {
    let folder = folder();
    add(&folder, "crm", &["--tenant", "acme"]);
    add(&folder, "mail", &["--tenant", "globex"]);
    folder.run(&["credential", "key", "generate", "2026", "--to", "2026.key"]);
    let (old, new) = ("2025=file:2025.key", "2026=file:2026.key");
    let rotate = |more: &[&str]| {
        let arguments = ["credential", "rotate", "--store", "kept.db"];
        folder.shown(&[&arguments, more].concat())
    };
    let both = ["--credential-key", new, "--credential-key", old];
    let mut all = rotate(&["--credential-key", new, "--tenant", "acme"]);
    all += &rotate(&[&both[..], &["--tenant", "acme"]].concat());
    all += &rotate(&[&both[..], &["--all-tenants", "-o", "json"]].concat());
    all += &rotate(&[&both[..], &["--all-tenants", "--data-keys"]].concat());
    all += &rotate(&[]);
    assert_shown("credentials_rotated", &all);
    let show = |key| {
        let arguments = [
            "credential",
            "show",
            "crm",
            "--tenant",
            "acme",
            "--store",
            "kept.db",
        ];
        folder.run(&[&arguments[..], &["--credential-key", key]].concat())
    };
    assert_eq!(code(&show(new)), 0);
    assert_eq!(code(&show(old)), 2);
}

#[test]
fn keys_come_from_commands_the_environment_and_the_settings_file_too() {
    let folder = folder();
    add(&folder, "crm", &[]);
    let show = [
        "credential",
        "show",
        "crm",
        "--store",
        "kept.db",
        "-o",
        "json",
    ];
    let key = std::fs::read_to_string(folder.path("2025.key")).unwrap();
    let is_readable = |output: std::process::Output| {
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
        shown["readable"].clone()
    };
    assert_eq!(is_readable(folder.run(&show)), Value::Null);
    let by_command = [
        &show[..],
        &["--credential-key", "2025=command:cat 2025.key"],
    ]
    .concat();
    assert_eq!(is_readable(folder.run(&by_command)), true);
    let named = |value: &str| {
        let mut command = folder.process(&show);
        command
            .env("JACKFIELD_CREDENTIAL_KEYS", value)
            .env("THE_KEY", key.trim());
        command.output().unwrap()
    };
    assert_eq!(is_readable(named("2025=env:THE_KEY")), true);
    let several = "2026=command:echo ; 2025=env:THE_KEY";
    assert!(crate::harness::show(&named(several)).contains("master key `2026` is not 32 bytes"));
    let folder = folder.file(
        "home/settings.toml",
        "store = \"../kept.db\"\ncredential-keys = [\"2025=file:../2025.key\"]\n",
    );
    let by_settings = folder.run(&["credential", "show", "crm", "-o", "json"]);
    assert_eq!(is_readable(by_settings), true);
    // Somebody wrote the key where its place belongs.
    let wrong = [&show[..], &["--credential-key", key.trim()]].concat();
    let wrong = folder.run(&wrong);
    assert_eq!(code(&wrong), 2);
    assert!(!crate::harness::show(&wrong).contains(key.trim()));
}

#[test]
fn a_key_is_written_for_its_owner_alone_and_never_over_another_one() {
    let folder = folder();
    let key = std::fs::read(folder.path("2025.key")).unwrap();
    let again = ["credential", "key", "generate", "2025", "--to", "2025.key"];
    assert_eq!(code(&folder.run(&again)), 2);
    assert_eq!(std::fs::read(folder.path("2025.key")).unwrap(), key);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.path("2025.key");
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let arguments = with_store(&["credential", "add", "crm", "--type", "bearer"]);
        let output = fed(&folder, &arguments, TOKEN);
        assert_eq!(code(&output), 2);
        assert!(
            show(&output).contains("`chmod 600` it"),
            "{}",
            show(&output)
        );
    }
}
