//! What the machine needs beside Rust: installed where that is allowed, else named exactly.
//!
//! What is there is left alone, whoever installed it. Debian's packages are installed as root, or
//! by `sudo`; what Debian does not have and rustup does comes from there. Whatever is missing after
//! all is an error that says what to type.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use jackfield_plugin_build::RustToolchain;

use crate::privileges::Privileges;
use crate::{plugins, step};

/// The oldest Node.js that the tools for JavaScript run on.
const OLDEST_NODE: u32 = 18;
/// Whether Python is new enough for the tools for Python.
const PYTHON_PROBE: &str = "import sys; sys.exit(sys.version_info < (3, 10))";

/// Something that builds or tests need, and the Debian packages that bring it.
struct Prerequisite {
    what: &'static str,
    packages: &'static [&'static str],
    /// What brings it where Debian does not.
    otherwise: Option<&'static [&'static str]>,
    is_there: fn() -> bool,
}

const PREREQUISITES: &[Prerequisite] = &[
    Prerequisite {
        what: "a C compiler, which links programs and builds the TLS library's assembly",
        packages: &["gcc", "libc6-dev"],
        otherwise: None,
        is_there: || runs("cc", &["--version"]),
    },
    Prerequisite {
        what: "the time zone database",
        packages: &["tzdata"],
        otherwise: None,
        is_there: || {
            std::env::var_os("TZDIR").is_some()
                || Path::new("/usr/share/zoneinfo/Europe/Berlin").exists()
        },
    },
    Prerequisite {
        what: "a registry of container images, which plugins are pushed to and pulled from",
        packages: &["docker-registry"],
        otherwise: None,
        is_there: || runs("docker-registry", &["--version"]),
    },
    Prerequisite {
        what: "a compiler that makes WebAssembly of Rust, for plugins; `rustup target add wasm32-wasip2` will do as well",
        packages: &RustToolchain::DEBIAN_PACKAGES,
        otherwise: Some(&["rustup", "target", "add", "wasm32-wasip2"]),
        is_there: || plugins::rust_for_guests().is_ok(),
    },
    Prerequisite {
        what: "Node.js 18 or newer, for plugins in JavaScript",
        packages: &["nodejs"],
        otherwise: None,
        is_there: has_node,
    },
    Prerequisite {
        what: "npm, for plugins in JavaScript",
        packages: &["npm"],
        otherwise: None,
        is_there: || runs("npm", &["--version"]),
    },
    Prerequisite {
        what: "Python 3.10 or newer, for plugins in Python",
        packages: &["python3"],
        otherwise: None,
        is_there: || runs("python3", &["-c", PYTHON_PROBE]),
    },
    Prerequisite {
        what: "Python's module `venv`, for plugins in Python",
        packages: &["python3-venv"],
        otherwise: None,
        is_there: || runs("python3", &["-c", "import venv, ensurepip"]),
    },
    Prerequisite {
        what: "PostgreSQL's server, of which tests start their own",
        packages: &["postgresql"],
        otherwise: None,
        is_there: || runs("postgres", &["--version"]) || has_debian_postgres(),
    },
    Prerequisite {
        what: "MariaDB's server, of which tests start their own",
        packages: &["mariadb-server"],
        otherwise: None,
        is_there: || {
            runs("mariadbd", &["--no-defaults", "--version"])
                || Path::new("/usr/sbin/mariadbd").exists()
        },
    },
    Prerequisite {
        what: "the certificates of the public authorities, which TLS clients check against",
        packages: &["ca-certificates"],
        otherwise: None,
        is_there: || {
            std::env::var_os("SSL_CERT_FILE").is_some()
                || std::env::var_os("SSL_CERT_DIR").is_some()
                || Path::new("/etc/ssl/certs/ca-certificates.crt").exists()
        },
    },
];

/// Sees to it that everything is there.
///
/// # Errors
/// When something is missing that cannot be installed from here; the error says what to type.
pub(crate) fn ensure() -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    for prerequisite in &missing {
        eprintln!("missing: {}", prerequisite.what);
    }
    let packages = packages(&missing);
    if !cfg!(target_os = "linux") || !runs("apt-get", &["--version"]) {
        bail!("install what is missing; on Debian and Ubuntu: sudo apt-get install {packages}");
    }
    let Some(privileges) = Privileges::find() else {
        bail!(
            "there is neither root nor `sudo` without a password here; install what is missing: \
             sudo apt-get install {packages}"
        );
    };
    // One source that cannot be reached does not make what others have less fresh.
    if let Err(error) = step::status(&mut privileges.apt(&["update", "-qq"])) {
        eprintln!("going on with the lists of packages that there are: {error:#}");
    }
    for prerequisite in missing {
        // One after the other may have come with those before it.
        if !(prerequisite.is_there)() {
            install(prerequisite, privileges)?;
        }
    }
    let missing = self::missing();
    if missing.is_empty() {
        return Ok(());
    }
    // More than packages may be missing of this one, and it says what.
    plugins::rust_for_guests()?;
    let names: Vec<&str> = missing.iter().map(|one| one.what).collect();
    bail!(
        "still missing, though the packages are installed ({}): {}; is something older first on \
         the PATH?",
        self::packages(&missing),
        names.join("; ")
    );
}

fn install(prerequisite: &Prerequisite, privileges: Privileges) -> Result<()> {
    let packages = prerequisite.packages;
    let installs = |package: &&str| runs("apt-cache", &["show", "--no-all-versions", package]);
    let has_all = packages.iter().all(installs);
    if let (false, Some([program, arguments @ ..])) = (has_all, prerequisite.otherwise) {
        eprintln!("running {program} {}", arguments.join(" "));
        return step::status(Command::new(program).args(arguments))
            .with_context(|| prerequisite.what);
    }
    eprintln!("installing {}", packages.join(" "));
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(packages);
    step::status(&mut privileges.apt(&arguments)).with_context(|| prerequisite.what)
}

fn missing() -> Vec<&'static Prerequisite> {
    let all = PREREQUISITES.iter();
    all.filter(|one| !(one.is_there)()).collect()
}

fn packages(prerequisites: &[&Prerequisite]) -> String {
    let packages: Vec<&str> = prerequisites
        .iter()
        .flat_map(|one| one.packages)
        .copied()
        .collect();
    packages.join(" ")
}

/// Whether a version of PostgreSQL is where Debian keeps it, which is not in the path.
fn has_debian_postgres() -> bool {
    std::fs::read_dir("/usr/lib/postgresql").is_ok_and(|versions| {
        versions
            .flatten()
            .any(|version| version.path().join("bin/postgres").exists())
    })
}

fn has_node() -> bool {
    let version = Command::new("node").arg("--version").output();
    version.is_ok_and(|output| {
        let text = String::from_utf8_lossy(&output.stdout);
        let major = text.trim_start_matches('v').split('.').next();
        let major = major.and_then(|major| major.parse::<u32>().ok());
        output.status.success() && major >= Some(OLDEST_NODE)
    })
}

pub(crate) fn runs(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success())
}
