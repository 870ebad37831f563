use std::fs;

use serde_json::Value;

use crate::guest::write_package;
use crate::harness::{Folder, assert_shown, code, scrub, show};
use crate::registry::{PASSWORD, Registry};

/// A workflow with the node type of the plugin in it.
const WORKFLOW: &str = r#"{
  "name": "guest",
  "nodes": [
    { "id": "start", "nodeType": "trigger.manual" },
    { "id": "guest", "nodeType": "acme/guest" }
  ],
  "connections": { "start": { "main": [[{ "node": "guest" }]] } }
}"#;

/// A folder with one plugin in `plugins`, and a workflow that uses it.
fn folder() -> Folder {
    let folder = Folder::new().file("flow.json", WORKFLOW);
    write_package(&folder.path("plugins/guest"), "1.2.3");
    folder
}

const PLUGINS: [&str; 3] = ["--plugins", "plugins", "--signatures=ignored"];

fn with<'a>(arguments: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [arguments, more].concat()
}

/// Runs the command, which must succeed.
fn done(folder: &Folder, arguments: &[&str]) -> String {
    let output = folder.run(arguments);
    assert_eq!(code(&output), 0, "{arguments:?}: {}", show(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn workflows_run_with_plugins_from_a_folder() {
    let folder = folder();
    let report = folder.json(&with(&["run", "flow.json", "--output", "json"], &PLUGINS));
    assert_eq!(report["status"], "success", "{report}");
    let call = folder.json(&with(&["exec", "acme/guest", "--output", "json"], &PLUGINS));
    assert_eq!(call["status"], "success", "{call}");
    assert!(call["output"].to_string().contains(r#"{"a":1}"#), "{call}");
    for command in [["validate", "flow.json"], ["plan", "flow.json"]] {
        done(&folder, &with(&command, &PLUGINS));
    }
}

#[test]
fn plugins_that_nobody_signed_are_not_run_unless_that_is_asked_for() {
    let folder = folder();
    let output = folder.run(&["run", "flow.json", "--plugins", "plugins"]);
    assert_eq!(code(&output), 2);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("warning[UNTRUSTED_PLUGIN]"), "{said}");
    assert!(said.contains("error[UNKNOWN_NODE_TYPE]"), "{said}");
    let missing = folder.run(&["run", "flow.json", "--plugins", "nowhere"]);
    assert_eq!(code(&missing), 2, "{}", show(&missing));
}

#[test]
fn node_types_say_where_they_come_from() {
    let folder = folder();
    let list = ["nodes", "list", "--category", "test"];
    assert_shown(
        "nodes_plugins",
        &scrub(&done(&folder, &with(&list, &PLUGINS))),
    );
    let all = folder.json(&with(&list, &["--plugins", "plugins", "--output", "json"]));
    assert_eq!(all[0]["state"], "refused", "{all}");
    assert!(all[0]["why"].as_str().unwrap().contains("is not signed"));
}

#[test]
fn plugins_are_listed_shown_and_inspected() {
    let folder = folder();
    let list = done(&folder, &with(&["plugin", "list"], &PLUGINS));
    assert_shown("plugin_list", &scrub(&list));
    let show = done(&folder, &with(&["plugin", "show", "acme/guest"], &PLUGINS));
    assert_shown("plugin_show", &scrub(&show));
    let inspect = done(&folder, &["plugin", "inspect", "plugins/guest"]);
    assert_shown("plugin_inspect", &scrub(&inspect));
    let unknown = folder.run(&with(&["plugin", "show", "acme/other"], &PLUGINS));
    assert_eq!(code(&unknown), 2);
}

#[test]
fn the_doctor_says_what_is_wrong_with_a_folder_and_how_to_mend_it() {
    let folder = folder()
        .file("plugins/broken/plugin.toml", "id = 3\nversion = \"1\"\n")
        .file("plugins/cut.jfp", b"not an archive")
        .file("plugins/notes/readme.txt", "no plugin");
    let ill = folder.run(&["plugin", "doctor", "plugins", "--signatures=ignored"]);
    assert_eq!(code(&ill), 2);
    let place = folder.path("").display().to_string();
    let shown = show(&ill).replace(&place, "/FOLDER/");
    assert_shown("plugin_doctor", &scrub(&shown));
    fs::remove_dir_all(folder.path("plugins/broken")).unwrap();
    fs::remove_file(folder.path("plugins/cut.jfp")).unwrap();
    done(
        &folder,
        &["plugin", "doctor", "plugins", "--signatures=ignored"],
    );
    // A component that is none is found, though its manifest is right.
    fs::write(folder.path("plugins/guest/guest.wasm"), b"nonsense").unwrap();
    let ill = folder.run(&["plugin", "doctor", "plugins", "--signatures=ignored"]);
    assert_eq!(code(&ill), 2, "{}", show(&ill));
}

#[test]
fn a_plugin_is_packed_signed_trusted_installed_and_removed() {
    let folder = folder();
    done(
        &folder,
        &["plugin", "pack", "plugins/guest", "--to", "guest.jfp"],
    );
    done(&folder, &["plugin", "key", "new", "acme"]);
    let keys = folder.json(&["plugin", "key", "list", "--output", "json"]);
    let key = keys[0]["publicKey"].as_str().unwrap().to_owned();
    let refused = folder.run(&["plugin", "install", "guest.jfp", "--plugins", "installed"]);
    assert_eq!(code(&refused), 3, "{}", show(&refused));
    done(&folder, &["plugin", "sign", "guest.jfp"]);
    done(&folder, &["plugin", "key", "trust", "acme", &key]);
    let trusted = folder.json(&["plugin", "key", "trusted", "--output", "json"]);
    assert_eq!(trusted["publishers"][0]["publisher"], "acme");
    done(
        &folder,
        &["plugin", "install", "guest.jfp", "--plugins", "installed"],
    );
    let locked = fs::read_to_string(folder.path("jackfield.lock")).unwrap();
    assert!(locked.contains("acme/guest"), "{locked}");
    let run = [
        "run",
        "flow.json",
        "--plugins",
        "installed",
        "--output",
        "json",
    ];
    assert_eq!(folder.json(&run)["status"], "success");
    // What is not pinned is not taken, whatever is said of signatures.
    write_package(&folder.path("plugins/guest"), "1.2.4");
    let other = folder.run(&with(&["plugin", "list", "--output", "json"], &PLUGINS));
    let listed: Value = serde_json::from_slice(&other.stdout).unwrap();
    assert_eq!(listed[0]["state"], "refused", "{listed}");

    write_package(&folder.path("newer/guest"), "1.3.0");
    let outdated = [
        "plugin",
        "outdated",
        "--from",
        "newer",
        "--plugins",
        "installed",
        "--output",
        "json",
    ];
    let outdated = folder.json(&outdated);
    assert_eq!(outdated[0]["newest"], "1.3.0", "{outdated}");

    done(&folder, &["plugin", "key", "distrust", &key]);
    assert_ne!(code(&folder.run(&run)), 0);
    done(
        &folder,
        &["plugin", "remove", "acme/guest", "--plugins", "installed"],
    );
    assert_eq!(fs::read_dir(folder.path("installed")).unwrap().count(), 0);
    let locked = fs::read_to_string(folder.path("jackfield.lock")).unwrap();
    assert!(!locked.contains("acme/guest"), "{locked}");
}

#[test]
fn a_version_that_is_pinned_is_replaced_only_when_that_is_asked_for() {
    let folder = folder();
    let install = [
        "plugin",
        "install",
        "plugins/guest",
        "--plugins",
        "installed",
        "--signatures=ignored",
    ];
    let digest = |said: &str| said.lines().last().unwrap().to_owned();
    let first = digest(&done(&folder, &install));
    // The same content is no other one.
    assert_eq!(digest(&done(&folder, &install)), first);
    let state = || {
        let installed = folder.path("installed/acme.guest-1.2.3.jfp");
        let lock = fs::read_to_string(folder.path("jackfield.lock")).unwrap();
        (fs::read(installed).unwrap(), lock)
    };
    let before = state();
    let manifest = folder.path("plugins/guest/plugin.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(manifest, text.replace("Gives an item.", "Gives it.")).unwrap();
    let refused = folder.run(&install);
    assert_eq!(code(&refused), 2, "{}", show(&refused));
    assert_eq!(state(), before);
    let second = digest(&done(&folder, &with(&install, &["--move-pin"])));
    assert_ne!(second, first);
    let said = show(&refused);
    assert!(said.contains(&first) && said.contains(&second), "{said}");
    assert!(said.contains("--move-pin"), "{said}");
    let (_, lock) = state();
    assert!(lock.contains(&second) && !lock.contains(&first), "{lock}");
}

#[test]
fn lock_file_and_rules_hold_for_every_command() {
    let folder = folder();
    let commands: [&[&str]; 8] = [
        &["run", "flow.json"],
        &["validate", "flow.json"],
        &["plan", "flow.json"],
        &["exec", "acme/guest"],
        &["nodes", "show", "acme/guest"],
        &["schema", "node", "acme/guest"],
        &["plugin", "show", "acme/guest"],
        &["plugin", "doctor"],
    ];
    for command in commands {
        done(&folder, &with(command, &PLUGINS));
        let unsigned = folder.run(&with(command, &["--plugins", "plugins"]));
        assert_ne!(code(&unsigned), 0, "{command:?}");
        assert!(show(&unsigned).contains("is not signed"), "{command:?}");
    }
    // Nothing is pinned in it, so nothing is taken, however little is asked of signatures.
    let folder = folder.file("jackfield.lock", "version = 1\n");
    for command in commands {
        let unpinned = folder.run(&with(command, &PLUGINS));
        assert_ne!(code(&unpinned), 0, "{command:?}");
        assert!(show(&unpinned).contains("is not pinned"), "{command:?}");
    }
}

#[test]
fn removing_a_plugin_makes_no_lock_file_where_there_is_none() {
    let folder = folder();
    let pack = [
        "plugin",
        "pack",
        "plugins/guest",
        "--to",
        "installed/guest.jfp",
    ];
    fs::create_dir(folder.path("installed")).unwrap();
    done(&folder, &pack);
    let remove = ["plugin", "remove", "acme/guest", "--plugins", "installed"];
    done(&folder, &remove);
    assert!(!folder.path("jackfield.lock").exists());
}

#[test]
fn examples_and_fixtures_are_tried_in_the_sandbox() {
    let folder = folder().file(
        "right/one.json",
        r#"{ "title": "always one", "nodeType": "acme/guest", "output": [[{ "a": 1 }]] }"#,
    );
    let tried = ["plugin", "test", "plugins/guest", "--fixtures", "right"];
    assert_shown("plugin_test", &scrub(&done(&folder, &tried)));
    let folder = folder.file(
        "wrong/two.json",
        r#"[{ "title": "two", "nodeType": "acme/guest", "output": [[{ "a": 2 }]] }]"#,
    );
    let wrong = folder.run(&["plugin", "test", "plugins/guest", "--fixtures", "wrong"]);
    assert_eq!(code(&wrong), 1, "{}", show(&wrong));
}

#[test]
fn a_plugin_is_begun_in_each_language() {
    let folder = Folder::new();
    for lang in ["rust", "js", "python"] {
        let new = ["plugin", "new", "initech/report", lang, "--lang", lang];
        done(&folder, &new);
        assert!(folder.path(lang).join("plugin.toml").is_file());
        assert_eq!(code(&folder.run(&new)), 2);
    }
    let nothing = folder.run(&["plugin", "build", "."]);
    assert_eq!(code(&nothing), 2, "{}", show(&nothing));
}

#[test]
fn packages_are_pushed_to_a_registry_and_come_back() {
    let registry = Registry::start();
    let folder = folder();
    let place = format!("oci://{}/acme/guest", registry.host);
    done(&folder, &["plugin", "push", "plugins/guest", &place]);
    let inspect = ["plugin", "inspect", &place, "--output", "json"];
    assert_eq!(folder.json(&inspect)["version"], "1.2.3");
    // Nothing that is not trusted is written.
    let refused = folder.run(&["plugin", "pull", &place, "--to", "pulled"]);
    assert_eq!(code(&refused), 3, "{}", show(&refused));
    assert_eq!(fs::read_dir(folder.path("pulled")).unwrap().count(), 0);
    let pull = [
        "plugin",
        "pull",
        &place,
        "--to",
        "pulled",
        "--signatures=ignored",
    ];
    done(&folder, &pull);
    assert!(folder.path("pulled/acme.guest-1.2.3.jfp").is_file());
    let install = [
        "plugin",
        "install",
        &place,
        "--plugins",
        "installed",
        "--signatures=ignored",
    ];
    done(&folder, &install);
    // Another content of the same version, in a registry that keeps no tag.
    let manifest = folder.path("plugins/guest/plugin.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(manifest, text.replace("Gives an item.", "Gives it.")).unwrap();
    let other = ["plugin", "push", "plugins/guest", &place, "--move-tag"];
    done(&folder, &other);
    let installed = || {
        let mut files = fs::read_dir(folder.path("installed")).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none(), "nothing is left behind");
        fs::read(file).unwrap()
    };
    let before = installed();
    let refused = folder.run(&install);
    assert_eq!(code(&refused), 2, "{}", show(&refused));
    assert!(show(&refused).contains(&place), "{}", show(&refused));
    assert_eq!(installed(), before);
    done(&folder, &with(&install, &["--move-pin"]));
    assert_ne!(installed(), before);
    let run = [
        "exec",
        "acme/guest",
        "--plugins",
        "installed",
        "--signatures=ignored",
    ];
    done(&folder, &run);

    write_package(&folder.path("newer/guest"), "1.3.0");
    done(&folder, &["plugin", "push", "newer/guest", &place]);
    let from = format!("oci://{}", registry.host);
    let outdated = [
        "plugin",
        "outdated",
        "--from",
        &from,
        "--plugins",
        "installed",
        "--output",
        "json",
    ];
    assert_eq!(folder.json(&outdated)[0]["newest"], "1.3.0");
}

#[test]
fn packages_go_to_registries_only_by_references_that_name_one() {
    let folder = folder();
    let push = folder.run(&["plugin", "push", "plugins/guest", "guest:1"]);
    assert_eq!(code(&push), 2, "{}", show(&push));
    // Nobody listens there.
    let gone = "localhost:1/acme/guest:1.2.3";
    for arguments in [
        &["plugin", "push", "plugins/guest", gone][..],
        &["plugin", "pull", gone],
    ] {
        let output = folder.run(arguments);
        assert_eq!(code(&output), 2, "{}", show(&output));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("error[NETWORK_ERROR]"), "{said}");
    }
}

#[test]
fn a_registry_lets_in_who_has_its_password_and_the_password_is_never_shown() {
    let registry = Registry::start_locked();
    let folder = folder();
    let place = format!("{}/acme/guest", registry.host);
    let push = ["plugin", "push", "plugins/guest", &place, "--log", "trace"];
    let with = |set: &[(&str, &str)]| {
        let mut command = folder.command(&push);
        let output = command.envs(set.iter().copied()).output().unwrap();
        let all = String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap();
        for secret in [PASSWORD, "wrong horse", "YWRhOmNvcnJlY3QgaG9yc2U="] {
            assert!(!all.contains(secret), "{all}");
        }
        (code(&output), all)
    };
    let host = ("JACKFIELD_REGISTRY_HOST", &*registry.host);
    let user = ("JACKFIELD_REGISTRY_USER", "ada");
    let password = ("JACKFIELD_REGISTRY_PASSWORD", PASSWORD);
    let (nobody, said) = with(&[]);
    assert_eq!(nobody, 2, "{said}");
    let wrong = ("JACKFIELD_REGISTRY_PASSWORD", "wrong horse");
    assert_eq!(with(&[host, user, wrong]).0, 2);
    // They belong to one registry, and are sent to no other.
    let (unbound, said) = with(&[user, password]);
    assert_eq!(unbound, 2);
    assert!(said.contains("JACKFIELD_REGISTRY_HOST"), "{said}");
    let elsewhere = ("JACKFIELD_REGISTRY_HOST", "registry.example.org");
    assert_eq!(with(&[elsewhere, user, password]).0, 2);
    let (let_in, said) = with(&[host, user, password]);
    assert_eq!(let_in, 0, "{said}");

    // The same from a file, as `docker login` writes it.
    let auth = format!(
        r#"{{ "auths": {{ "{}": {{ "auth": "YWRhOmNvcnJlY3QgaG9yc2U=" }} }} }}"#,
        registry.host
    );
    fs::write(folder.path("auth.json"), auth).unwrap();
    let pull = [
        "plugin",
        "pull",
        &place,
        "--to",
        "pulled",
        "--signatures=ignored",
    ];
    assert_eq!(code(&folder.run(&pull)), 2);
    done(
        &folder,
        &[&pull[..], &["--registry-auth", "auth.json"]].concat(),
    );
}
