//! What the machine needs beside Rust: installed where that is allowed, else named exactly.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use jackfield_plugin_build::RustToolchain;

use crate::{plugins, step};

/// Something that builds or tests need, and the Debian packages that bring it.
struct Prerequisite {
    what: &'static str,
    packages: &'static [&'static str],
    is_there: fn() -> bool,
}

const PREREQUISITES: &[Prerequisite] = &[
    Prerequisite {
        what: "a C compiler, which links programs and builds the TLS library's assembly",
        packages: &["gcc", "libc6-dev"],
        is_there: || runs("cc", &["--version"]),
    },
    Prerequisite {
        what: "the time zone database",
        packages: &["tzdata"],
        is_there: || {
            std::env::var_os("TZDIR").is_some()
                || Path::new("/usr/share/zoneinfo/Europe/Berlin").exists()
        },
    },
    Prerequisite {
        what: "a registry of container images, which plugins are pushed to and pulled from",
        packages: &["docker-registry"],
        is_there: || runs("docker-registry", &["--version"]),
    },
    Prerequisite {
        what: "a compiler that makes WebAssembly of Rust, for plugins; `rustup target add wasm32-wasip2` will do as well",
        packages: &RustToolchain::DEBIAN_PACKAGES,
        is_there: plugins::has_rust_for_guests,
    },
    Prerequisite {
        what: "Node.js and npm, for plugins in JavaScript",
        packages: &["nodejs", "npm"],
        is_there: || runs("node", &["--version"]) && runs("npm", &["--version"]),
    },
    Prerequisite {
        what: "Python with its module `venv`, for plugins in Python",
        packages: &["python3", "python3-venv"],
        is_there: || runs("python3", &["-c", "import venv, ensurepip"]),
    },
    Prerequisite {
        what: "PostgreSQL's server, of which tests start their own",
        packages: &["postgresql"],
        is_there: || runs("postgres", &["--version"]) || has_debian_postgres(),
    },
    Prerequisite {
        what: "MariaDB's server, of which tests start their own",
        packages: &["mariadb-server"],
        is_there: || {
            runs("mariadbd", &["--no-defaults", "--version"])
                || Path::new("/usr/sbin/mariadbd").exists()
        },
    },
    Prerequisite {
        what: "the certificates of the public authorities, which TLS clients check against",
        packages: &["ca-certificates"],
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
    let missing: Vec<&Prerequisite> = PREREQUISITES
        .iter()
        .filter(|prerequisite| !(prerequisite.is_there)())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing
        .iter()
        .flat_map(|one| one.packages)
        .copied()
        .collect();
    let packages = packages.join(" ");
    for prerequisite in &missing {
        eprintln!("missing: {}", prerequisite.what);
    }
    if !cfg!(target_os = "linux") || !runs("apt-get", &["--version"]) {
        bail!("install what is missing; on Debian and Ubuntu: sudo apt-get install {packages}");
    }
    if !is_root() {
        bail!("install what is missing: sudo apt-get install {packages}");
    }
    eprintln!("installing {packages}");
    step::status(&mut apt(&["update", "-qq"]))?;
    let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
    install.extend(packages.split(' '));
    step::status(&mut apt(&install))
}

/// Whether a version of PostgreSQL is where Debian keeps it, which is not in the path.
fn has_debian_postgres() -> bool {
    std::fs::read_dir("/usr/lib/postgresql").is_ok_and(|versions| {
        versions
            .flatten()
            .any(|version| version.path().join("bin/postgres").exists())
    })
}

fn apt(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success())
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
