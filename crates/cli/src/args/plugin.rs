//! The part of the command line that is about plugins.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use jackfield::registry::trust::{PublicKey, PublisherName, Scope, Signatures};
use jackfield::wasm::{StaticConfig, WasmConfig};
use jackfield_plugin_build::Language;

use super::PlainOutput;
use crate::plugin_reference::{PackageSource, PluginReference};

/// Which plugins there are.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PluginArgs {
    /// A folder of plugins, or one plugin; of those given the first that has a plugin counts. Those
    /// that JACKFIELD_PLUGINS names, separated as in PATH, if none is given
    #[arg(long = "plugins", value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) lock: LockArgs,
    /// How the sandbox is set up, by the settings file.
    #[arg(skip)]
    pub(crate) sandbox: Box<WasmConfig>,
    /// What plugins are told by the capability `config`, by the settings file.
    #[arg(skip)]
    pub(crate) config: Arc<StaticConfig>,
}

/// Whose plugins are taken.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TrustArgs {
    /// A file that says whose plugins are taken. `trust.toml` in JACKFIELD_HOME if not given;
    /// where neither is, nobody's
    #[arg(long, value_name = "FILE", env = "JACKFIELD_TRUST")]
    pub(crate) trust: Option<PathBuf>,
    /// Whether plugins have to be signed, whatever that file says
    #[arg(long, value_enum, value_name = "WHETHER", env = "JACKFIELD_SIGNATURES")]
    pub(crate) signatures: Option<SignaturesArg>,
    /// The same, with the settings file regarded.
    #[arg(skip)]
    pub(crate) rule: Option<Signatures>,
}

/// Which plugins are pinned.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct LockArgs {
    /// The lock file; nothing that it does not pin is taken. `jackfield.lock` in the current
    /// folder if it is there
    #[arg(long, value_name = "FILE", env = "JACKFIELD_LOCK")]
    pub(crate) lock: Option<PathBuf>,
}

/// Whether plugins have to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SignaturesArg {
    /// By somebody who is trusted to sign them
    Required,
    /// Only those that bear the name of a publisher who is trusted
    Optional,
    /// Nobody looks: for writing plugins
    Ignored,
}

impl From<SignaturesArg> for Signatures {
    fn from(argument: SignaturesArg) -> Self {
        match argument {
            SignaturesArg::Required => Self::Required,
            SignaturesArg::Optional => Self::Optional,
            SignaturesArg::Ignored => Self::Ignored,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Lists plugins, and those that were refused
    List(PluginListArgs),
    /// Shows what a plugin provides, asks for and needs
    Show(PluginShowArgs),
    /// Shows what is in a package: files, digests, who signed it
    Inspect(PluginInspectArgs),
    /// Looks for everything that is wrong with plugins, and says how to mend it
    Doctor(PluginDoctorArgs),
    /// Puts packages into a folder of plugins, and pins them
    Install(PluginInstallArgs),
    /// Takes a plugin out of a folder of plugins
    Remove(PluginRemoveArgs),
    /// Tells of which plugins there are newer versions
    Outdated(PluginOutdatedArgs),
    /// Packs a folder as a `.jfp` file
    Pack(PluginPackArgs),
    /// Signs a package
    Sign(PluginSignArgs),
    /// Makes keys, and says whose are trusted
    #[command(subcommand)]
    Key(KeyCommand),
    /// Pushes a package to a registry of container images
    Push(PluginPushArgs),
    /// Pulls a package from a registry of container images
    Pull(PluginPullArgs),
    /// Begins a plugin
    New(PluginNewArgs),
    /// Builds the plugin in a folder, as a package
    Build(PluginBuildArgs),
    /// Runs the examples and fixtures of a plugin in the sandbox
    Test(PluginTestArgs),
    /// Compiles the component on standard input, for the host itself
    #[command(hide = true)]
    CompileComponent {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PluginListArgs {
    #[command(flatten)]
    pub(crate) plugins: PluginArgs,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
}

#[derive(Debug, Args)]
pub(crate) struct PluginShowArgs {
    /// The plugin
    #[arg(value_name = "PLUGIN[@VERSION]")]
    pub(crate) plugin: PluginReference,
    #[command(flatten)]
    pub(crate) plugins: PluginArgs,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
}

#[derive(Debug, Args)]
pub(crate) struct PluginInspectArgs {
    /// A folder, a `.jfp` file, or `oci://HOST/REPOSITORY[:TAG]`
    pub(crate) package: PackageSource,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
}

#[derive(Debug, Args)]
pub(crate) struct PluginDoctorArgs {
    /// Folders of plugins, or plugins; those of `--plugins` if none is given
    #[arg(value_name = "DIR")]
    pub(crate) examined: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) plugins: PluginArgs,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
}

/// Where plugins are installed.
#[derive(Debug, Args)]
pub(crate) struct InstalledArgs {
    /// The folder of plugins; the first that JACKFIELD_PLUGINS names, or `plugins`, if not given
    #[arg(long = "plugins", value_name = "DIR")]
    pub(crate) named: Option<PathBuf>,
    /// The same, with all regarded that says where it is.
    #[arg(skip)]
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) lock: LockArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PluginInstallArgs {
    /// Folders, `.jfp` files, or `oci://HOST/REPOSITORY[:TAG]`
    #[arg(required = true, value_name = "PACKAGE")]
    pub(crate) packages: Vec<PackageSource>,
    /// Moves the pin if the same version is pinned with another digest
    #[arg(long)]
    pub(crate) move_pin: bool,
    #[command(flatten)]
    pub(crate) installed: InstalledArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PluginRemoveArgs {
    /// The plugin; in all versions if none is said
    #[arg(value_name = "PLUGIN[@VERSION]")]
    pub(crate) plugin: PluginReference,
    #[command(flatten)]
    pub(crate) installed: InstalledArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PluginOutdatedArgs {
    /// Where newer versions are looked for: a folder of packages, or `oci://HOST[/PREFIX]`, which
    /// has a repository `PUBLISHER/NAME` for each plugin
    #[arg(long, value_name = "DIR|oci://HOST", env = "JACKFIELD_REGISTRY")]
    pub(crate) from: Option<String>,
    #[command(flatten)]
    pub(crate) installed: InstalledArgs,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
}

#[derive(Debug, Args)]
pub(crate) struct PluginPackArgs {
    /// A folder with sources, which is built first, or the folder of a package
    pub(crate) folder: PathBuf,
    /// Where tools and what they make are kept; `target` in the plugin's folder if not given
    #[arg(long, value_name = "DIR", env = "JACKFIELD_BUILD")]
    pub(crate) target: Option<PathBuf>,
    /// The file to write; `PUBLISHER.NAME-VERSION.jfp` in the current folder if not given
    #[arg(long = "to", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// Where keys are.
#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    /// The folder of keys; `keys` in JACKFIELD_HOME if not given
    #[arg(long, value_name = "DIR", env = "JACKFIELD_KEYS")]
    pub(crate) keys: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PluginSignArgs {
    /// A folder or `.jfp` file
    pub(crate) package: PathBuf,
    /// The key to sign with, by name; the publisher of the plugin if not given
    #[arg(long, value_name = "NAME")]
    pub(crate) key: Option<PublisherName>,
    #[command(flatten)]
    pub(crate) keys: KeysArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Makes a key
    New {
        /// The publisher whose plugins it signs
        name: PublisherName,
        #[command(flatten)]
        keys: KeysArgs,
    },
    /// Lists the keys to sign with
    List {
        #[command(flatten)]
        keys: KeysArgs,
        /// What is printed
        #[arg(long, short, value_enum, default_value_t)]
        output: PlainOutput,
    },
    /// Trusts a publisher with a key
    Trust {
        /// The publisher
        name: PublisherName,
        /// The public key: `ed25519:…`; that of your own key of this name if not given
        key: Option<PublicKey>,
        #[command(flatten)]
        keys: KeysArgs,
        /// What it may sign: `acme/slugify`, `acme/*` or `*`. A publisher's own plugins if not given
        #[arg(long = "scope", value_name = "PLUGINS")]
        scopes: Vec<Scope>,
        /// The file that says whose plugins are taken; `trust.toml` in JACKFIELD_HOME if not given
        #[arg(long, value_name = "FILE", env = "JACKFIELD_TRUST")]
        trust: Option<PathBuf>,
    },
    /// Trusts a key no more
    Distrust {
        /// The public key: `ed25519:…`
        key: PublicKey,
        /// The file that says whose plugins are taken; `trust.toml` in JACKFIELD_HOME if not given
        #[arg(long, value_name = "FILE", env = "JACKFIELD_TRUST")]
        trust: Option<PathBuf>,
    },
    /// Lists who is trusted
    Trusted {
        #[command(flatten)]
        trust: TrustArgs,
        /// What is printed
        #[arg(long, short, value_enum, default_value_t)]
        output: PlainOutput,
    },
}

/// How registries are talked to.
#[derive(Debug, Args)]
pub(crate) struct RemoteArgs {
    /// The file with the credentials of registries, as `docker login` writes it;
    /// `~/.docker/config.json` if it is there
    #[arg(long, value_name = "FILE", env = "JACKFIELD_REGISTRY_AUTH")]
    pub(crate) registry_auth: Option<PathBuf>,
    /// Talks to this registry without TLS: `HOST[:PORT]`
    #[arg(long, value_name = "HOST")]
    pub(crate) without_tls: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PluginPushArgs {
    /// A folder or `.jfp` file
    pub(crate) package: PathBuf,
    /// Where to: `HOST/REPOSITORY[:TAG]`; the version is the tag if none is said
    pub(crate) reference: String,
    /// Moves the tag if it points to another package
    #[arg(long)]
    pub(crate) move_tag: bool,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PluginPullArgs {
    /// Where from: `HOST/REPOSITORY[:TAG][@DIGEST]`; the newest version if neither is said
    pub(crate) reference: String,
    /// The folder that the package is put into
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PluginNewArgs {
    /// The plugin: `publisher/name`
    pub(crate) id: jackfield::types::PluginId,
    /// What it is written in: `rust`, `js` or `python`
    #[arg(long, value_name = "LANGUAGE")]
    pub(crate) lang: Language,
    /// The folder; one of the plugin's name if not given
    pub(crate) folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PluginBuildArgs {
    /// The folder of the plugin
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// The folder of the package; `target/package` in the plugin's folder if not given
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// Where tools and what they make are kept; `target` in the plugin's folder if not given
    #[arg(long, value_name = "DIR", env = "JACKFIELD_BUILD")]
    pub(crate) target: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PluginTestArgs {
    /// A folder with sources, which is built first, or a package
    #[arg(default_value = ".")]
    pub(crate) plugin: PathBuf,
    /// The folder of fixtures; `fixtures` beside the manifest if not given
    #[arg(long, value_name = "DIR")]
    pub(crate) fixtures: Option<PathBuf>,
    /// Where tools and what they make are kept; `target` in the plugin's folder if not given
    #[arg(long, value_name = "DIR", env = "JACKFIELD_BUILD")]
    pub(crate) target: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) grants: super::GrantArgs,
    /// What is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: PlainOutput,
}
