//! Which Rust compiler makes components here.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tool;

const TARGET: &str = "wasm32-wasip2";
/// What is built where the standard library has to be built as well: components come out because
/// the linker makes them, and nothing of WASI is asked for.
const BARE_TARGET: &str = "wasm32-unknown-unknown";
/// Debian's packages `rustc-web`, `cargo-web` and `rust-web-src`.
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
/// The oldest compiler that the guest crate is for.
const OLDEST: (u32, u32) = (1, 88);
/// Makes components of what [`LINKER`] makes.
const COMPONENT_LINKER: &str = "wasm-component-ld";
const LINKER: &str = "wasm-ld";

/// A way to build Rust for WebAssembly.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RustToolchain {
    /// The toolchain that is in use has the target.
    Installed,
    /// Debian's compiler builds the standard library, and the linkers are those of the toolchain in
    /// use, or those of the `PATH`.
    Debian {
        /// Makes components of what `wasm-ld` makes.
        component_linker: PathBuf,
        /// The linker itself.
        linker: PathBuf,
    },
}

/// Why there is no compiler that makes WebAssembly of Rust. What it says has the ways out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToolchainError {
    /// There is none at all.
    #[error("Rust plugins need Rust: there is no `rustc` that answers; see <https://rustup.rs>")]
    NoRust,
    /// The one that is in use lacks the target, and Debian's won't do.
    #[error(
        "Rust plugins need the target `wasm32-wasip2`, which {toolchain} lacks: \
         `rustup target add wasm32-wasip2`; where rustup's servers cannot be reached, Debian's \
         compiler will do, but {debian}"
    )]
    NoTarget {
        /// The toolchain in use.
        toolchain: String,
        /// What is wrong with Debian's compiler.
        debian: DebianGap,
    },
}

/// What keeps Debian's compiler from building plugins.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DebianGap {
    /// It is not there.
    NotInstalled,
    /// It is too old.
    Old {
        /// Its version.
        version: (u32, u32),
    },
    /// A linker is neither with the toolchain in use nor on the `PATH`.
    Linker {
        /// Its name.
        name: &'static str,
    },
}

impl fmt::Display for DebianGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packages = RustToolchain::DEBIAN_PACKAGES.join(" ");
        match self {
            Self::NotInstalled => write!(f, "it is not whole: `sudo apt-get install {packages}`"),
            Self::Old {
                version: (major, minor),
            } => write!(
                f,
                "it is Rust {major}.{minor}, and {}.{} is needed: `sudo apt-get update`, then \
                 `sudo apt-get install {packages}`",
                OLDEST.0, OLDEST.1
            ),
            Self::Linker { name: LINKER } => {
                f.write_str("there is no `wasm-ld`: `sudo apt-get install lld`")
            }
            Self::Linker { name } => write!(f, "there is no `{name}`: `cargo install {name}`"),
        }
    }
}

impl RustToolchain {
    /// What Debian's packages for it are called.
    pub const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

    /// Looks for one, in the order of the variants, from the point of view of a folder: rustup
    /// knows other toolchains for some.
    ///
    /// # Errors
    /// [`ToolchainError`], with what can be done about it.
    pub fn find(folder: &Path) -> Result<Self, ToolchainError> {
        let path = env::var_os("PATH").unwrap_or_default();
        let mut programs: Vec<PathBuf> = env::split_paths(&path).collect();
        let home = env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
        programs.extend(home.map(|home| home.join("bin")));
        let machine = Machine {
            ask: &|program, arguments| {
                let mut command = Command::new(program);
                let output = tool::run(command.args(arguments).current_dir(folder)).ok()?;
                String::from_utf8(output).ok()
            },
            rustc: env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()),
            debian_cargo: DEBIAN_CARGO.into(),
            debian_rustc: DEBIAN_RUSTC.into(),
            programs,
        };
        machine.find()
    }

    /// The command that builds with it.
    pub(crate) fn command(&self) -> Command {
        let mut command;
        match self {
            Self::Installed => {
                command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
                command.args(["build", "--target", TARGET]);
                command.env_remove("CARGO_ENCODED_RUSTFLAGS");
            }
            Self::Debian {
                component_linker,
                linker,
            } => {
                command = Command::new(DEBIAN_CARGO);
                command.args(["build", "--target", BARE_TARGET]);
                command.arg("-Zbuild-std=std,panic_abort");
                let flags = [
                    "-C".to_owned(),
                    format!("linker={}", component_linker.display()),
                    "-C".to_owned(),
                    format!("link-arg=--wasm-ld-path={}", linker.display()),
                ];
                command
                    // Unstable options of a compiler that is stable by name.
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("RUSTC", DEBIAN_RUSTC)
                    .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
                    .env_remove("CARGO")
                    .env_remove("RUSTC_WRAPPER")
                    .env_remove("RUSTC_WORKSPACE_WRAPPER");
            }
        }
        // They are meant for the machine, and not for guests.
        command.env_remove("RUSTFLAGS");
        command
    }
}

/// Runs a program; gives what it writes if it is there and ends well.
type Ask<'a> = &'a dyn Fn(&Path, &[&str]) -> Option<String>;

/// Where compilers and linkers are looked for.
struct Machine<'a> {
    ask: Ask<'a>,
    rustc: OsString,
    debian_cargo: PathBuf,
    debian_rustc: PathBuf,
    /// Folders of programs.
    programs: Vec<PathBuf>,
}

impl Machine<'_> {
    fn find(&self) -> Result<RustToolchain, ToolchainError> {
        let rustc = Path::new(&self.rustc);
        let sysroot = (self.ask)(rustc, &["--print", "sysroot"]).ok_or(ToolchainError::NoRust)?;
        let libraries = Path::new(sysroot.trim()).join("lib").join("rustlib");
        if libraries.join(TARGET).join("lib").is_dir() {
            return Ok(RustToolchain::Installed);
        }
        let verbose = (self.ask)(rustc, &["-vV"]).ok_or(ToolchainError::NoRust)?;
        let host = verbose.lines().find_map(|line| line.strip_prefix("host: "));
        let own = libraries.join(host.unwrap_or_default()).join("bin");
        self.debian(&own)
            .map_err(|debian| ToolchainError::NoTarget {
                toolchain: verbose.lines().next().unwrap_or_default().to_owned(),
                debian,
            })
    }

    /// Debian's compiler, with the linkers of a folder that has some or of those for programs.
    fn debian(&self, own: &Path) -> Result<RustToolchain, DebianGap> {
        let ask = |arguments: &[&str]| {
            (self.ask)(&self.debian_rustc, arguments).ok_or(DebianGap::NotInstalled)
        };
        let version = tool::version(&ask(&["--version"])?).ok_or(DebianGap::NotInstalled)?;
        if version < OLDEST {
            return Err(DebianGap::Old { version });
        }
        let sysroot = ask(&["--print", "sysroot"])?;
        let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/std");
        if !library.is_dir() || !self.debian_cargo.is_file() {
            return Err(DebianGap::NotInstalled);
        }
        let find = |folder: PathBuf, name| {
            let mut places = [folder].into_iter().chain(self.programs.iter().cloned());
            let found = places.find_map(|folder| {
                let program = folder.join(name);
                program.is_file().then_some(program)
            });
            found.ok_or(DebianGap::Linker { name })
        };
        Ok(RustToolchain::Debian {
            component_linker: find(own.to_path_buf(), COMPONENT_LINKER)?,
            linker: find(own.join("gcc-ld"), LINKER)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::files;

    const HOST: &str = "aarch64-unknown-linux-gnu";

    /// A machine with nothing but a toolchain for another processor than most have, and what a
    /// test puts there.
    struct Fake {
        folder: tempfile::TempDir,
        debian: Option<&'static str>,
    }

    impl Fake {
        fn new(debian: Option<&'static str>) -> Self {
            let folder = tempfile::tempdir().unwrap();
            Self { folder, debian }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn with(self, names: &[&str]) -> Self {
            for name in names {
                files::write(&self.path(name), b"").unwrap();
            }
            self
        }

        fn find(&self) -> Result<RustToolchain, ToolchainError> {
            let ask = |program: &Path, arguments: &[&str]| {
                let is_debian = program == self.path("usr/bin/rustc");
                let (version, root) = match self.debian {
                    Some(version) if is_debian => (version, "usr"),
                    None if is_debian => return None,
                    _ => ("1.95.0", "toolchain"),
                };
                Some(match arguments {
                    ["--print", "sysroot"] => format!("{}\n", self.path(root).display()),
                    _ => format!("rustc {version} (1 2026)\nhost: {HOST}\n"),
                })
            };
            let machine = Machine {
                ask: &ask,
                rustc: "rustc".into(),
                debian_cargo: self.path("usr/bin/cargo"),
                debian_rustc: self.path("usr/bin/rustc"),
                programs: vec![self.path("local/bin")],
            };
            machine.find()
        }

        fn gap(&self) -> DebianGap {
            match self.find() {
                Err(ToolchainError::NoTarget { debian, .. }) => debian,
                other => panic!("a gap, and not {other:?}"),
            }
        }
    }

    const WHOLE: [&str; 2] = ["usr/bin/cargo", "usr/lib/rustlib/src/rust/library/std/x"];
    const LINKERS: [&str; 2] = [
        "toolchain/lib/rustlib/aarch64-unknown-linux-gnu/bin/wasm-component-ld",
        "toolchain/lib/rustlib/aarch64-unknown-linux-gnu/bin/gcc-ld/wasm-ld",
    ];

    #[test]
    fn the_toolchain_in_use_comes_first() {
        let fake = Fake::new(Some("1.96.0")).with(&WHOLE).with(&LINKERS);
        let fake = fake.with(&["toolchain/lib/rustlib/wasm32-wasip2/lib/x"]);
        assert_eq!(fake.find(), Ok(RustToolchain::Installed));
    }

    #[test]
    fn debians_compiler_takes_the_linkers_of_the_toolchain_whatever_the_processor() {
        let fake = Fake::new(Some("1.96.0")).with(&WHOLE).with(&LINKERS);
        let found = RustToolchain::Debian {
            component_linker: fake.path(LINKERS[0]),
            linker: fake.path(LINKERS[1]),
        };
        assert_eq!(fake.find(), Ok(found));
        let fake = fake.with(&["local/bin/wasm-ld", "local/bin/wasm-component-ld"]);
        fs::remove_dir_all(fake.path("toolchain")).unwrap();
        let found = RustToolchain::Debian {
            component_linker: fake.path("local/bin/wasm-component-ld"),
            linker: fake.path("local/bin/wasm-ld"),
        };
        assert_eq!(fake.find(), Ok(found));
    }

    #[test]
    fn what_is_missing_is_said_with_the_way_out() {
        for (debian, there, gap) in [
            (None, &[][..], DebianGap::NotInstalled),
            (Some("1.96.0"), &WHOLE[..1], DebianGap::NotInstalled),
            (Some("1.96.0"), &WHOLE[1..], DebianGap::NotInstalled),
            (
                Some("1.85.1"),
                &WHOLE[..],
                DebianGap::Old { version: (1, 85) },
            ),
            (
                Some("1.96.0"),
                &WHOLE[..],
                DebianGap::Linker {
                    name: COMPONENT_LINKER,
                },
            ),
        ] {
            let fake = Fake::new(debian).with(there);
            assert_eq!(fake.gap(), gap);
            let text = fake.find().unwrap_err().to_string();
            assert!(text.contains("rustc 1.95.0"), "{text}");
            assert!(text.contains("`rustup target add wasm32-wasip2`"), "{text}");
            let ways = ["`sudo apt-get install", "`cargo install"];
            assert!(ways.iter().any(|way| text.contains(way)), "{text}");
        }
        let fake = Fake::new(Some("1.96.0")).with(&WHOLE).with(&LINKERS[..1]);
        assert_eq!(fake.gap(), DebianGap::Linker { name: LINKER });
    }

    #[test]
    fn a_compiler_that_is_new_enough_is_one_that_the_guest_crate_takes() {
        let manifest = include_str!("../../../sdk/rust/Cargo.toml");
        let needed = format!("rust-version = \"{}.{}\"", OLDEST.0, OLDEST.1);
        assert!(manifest.contains(&needed), "{needed}");
    }
}
