//! The settings file: what whoever runs Jackfield says once, and not with each command.
//!
//! What is said on the command line comes first, then the environment, then this file, then the
//! default; [`settle`](crate::settle) is where they come together. The file is named or lies in
//! `JACKFIELD_HOME`: the current folder is never looked into, since it may be somebody else's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jackfield::registry::trust::Signatures;
use jackfield::types::PluginId;
use jackfield::wasm::{StaticConfig, WasmConfig};
use jackfield::{ByteSize, TenantId};
use serde::Deserialize;

use crate::args::{DurabilityArg, WrittenKey};
use crate::error::CliError;
use crate::file::read_file;
use crate::home;
use crate::store::StoreAddress;

/// The largest file that is read.
const LARGEST: ByteSize = ByteSize::mib(1);
/// The name of the file in `JACKFIELD_HOME`.
const FILE: &str = "settings.toml";

/// What the settings file says.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// The folders of plugins.
    pub(crate) plugins: Vec<PathBuf>,
    /// The file that says whose plugins are taken.
    pub(crate) trust: Option<PathBuf>,
    /// Whether plugins have to be signed, whatever that file says.
    pub(crate) signatures: Option<Signatures>,
    /// The lock file.
    pub(crate) lock: Option<PathBuf>,
    /// The folder of keys.
    pub(crate) keys: Option<PathBuf>,
    /// Where newer versions are looked for.
    pub(crate) registry: Option<String>,
    /// The file with the credentials of registries.
    pub(crate) registry_auth: Option<PathBuf>,
    /// The registries that are talked to without TLS.
    pub(crate) without_tls: Vec<String>,
    /// Where executions are kept.
    pub(crate) store: Option<StoreAddress>,
    /// How safe a step is before the next one begins.
    pub(crate) durability: Option<DurabilityArg>,
    /// Where the master keys of credentials are.
    pub(crate) credential_keys: Vec<WrittenKey>,
    /// The sandbox: limits, and how much of what there is.
    pub(crate) sandbox: WasmConfig,
    /// What plugins are told by the capability `config`, for all tenants.
    config: PluginValues,
    /// What is different for some tenants.
    tenants: BTreeMap<TenantId, TenantSettings>,
}

/// What is different for a tenant.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct TenantSettings {
    config: PluginValues,
}

type PluginValues = BTreeMap<PluginId, BTreeMap<String, PluginValue>>;

/// A value as plugins are given it: a text.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "a text, a number, `true` or `false`")]
enum PluginValue {
    Text(String),
    Whole(i64),
    Number(f64),
    Truth(bool),
}

impl PluginValue {
    fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Truth(truth) => truth.to_string(),
        }
    }
}

impl Settings {
    /// Reads the file that is named, or the one at home if it is there.
    pub(crate) fn read(named: Option<&Path>) -> Result<Self, CliError> {
        let at_home = || home::folder().map(|home| home.join(FILE));
        let file = named.map(Path::to_path_buf);
        let Some(file) = file.or_else(|| at_home().filter(|file| file.exists())) else {
            return Ok(Self::default());
        };
        let bytes = read_file(&file, LARGEST)?;
        let mut settings = Self::parse(&bytes).map_err(|reason| {
            CliError::usage(
                format!("the settings in `{}` are wrong: {reason}", file.display()),
                "docs/cli.md, under \"Settings\", says what can stand there",
            )
        })?;
        settings.resolve(file.parent().unwrap_or(Path::new("")));
        Ok(settings)
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "they are not UTF-8".to_owned())?;
        toml::from_str(text).map_err(|error| {
            let message = error.message().replace('\n', " ");
            match error.span() {
                Some(span) => {
                    let before = text.get(..span.start).unwrap_or_default();
                    let line = before.matches('\n').count() + 1;
                    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
                    format!("line {line}, column {column}: {message}")
                }
                None => message,
            }
        })
    }

    /// Paths in the file begin where the file is.
    fn resolve(&mut self, folder: &Path) {
        let one = [
            &mut self.trust,
            &mut self.lock,
            &mut self.keys,
            &mut self.registry_auth,
            &mut self.sandbox.cache,
        ];
        for path in one.into_iter().flatten().chain(&mut self.plugins) {
            *path = folder.join(&*path);
        }
        for key in &mut self.credential_keys {
            key.within(folder);
        }
        if let Some(store) = &mut self.store {
            store.within(folder);
        }
    }

    /// What plugins are told by the capability `config`.
    pub(crate) fn plugin_config(&self) -> StaticConfig {
        let mut config = StaticConfig::default();
        for (plugin, values) in &self.config {
            for (name, value) in values {
                config = config.with(plugin.clone(), name, &value.to_text());
            }
        }
        for (tenant, settings) in &self.tenants {
            for (plugin, values) in &settings.config {
                for (name, value) in values {
                    let value = value.to_text();
                    config = config.with_for(tenant.clone(), plugin.clone(), name, &value);
                }
            }
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use jackfield::wasm::ConfigSource as _;

    use super::*;

    #[test]
    fn plugins_are_told_what_stands_in_the_file_and_tenants_may_differ() {
        let text = b"signatures = \"optional\"\n[sandbox.limits]\nmemory = \"16MiB\"\n\
            [config.\"acme/enrich\"]\nbase-url = \"https://a.example\"\nretries = 3\n\
            [tenants.globex.config.\"acme/enrich\"]\nbase-url = \"https://b.example\"\n";
        let settings = Settings::parse(text).unwrap();
        assert_eq!(settings.signatures, Some(Signatures::Optional));
        assert_eq!(settings.sandbox.limits.memory, ByteSize::mib(16));
        let config = settings.plugin_config();
        let plugin: PluginId = "acme/enrich".parse().unwrap();
        let (anybody, globex) = (
            TenantId::default_tenant(),
            TenantId::parse("globex").unwrap(),
        );
        let of = |tenant, name| config.value(tenant, &plugin, name).unwrap();
        assert_eq!(of(&anybody, "base-url"), "https://a.example");
        assert_eq!(of(&globex, "base-url"), "https://b.example");
        assert_eq!(of(&globex, "retries"), "3");
    }

    #[test]
    fn what_nobody_knows_is_refused_with_its_place() {
        for (text, place) in [
            ("plugins = []\ncolour = 1\n", "line 2, column 1"),
            ("[sandbox]\nspeed = 1\n", "line 2, column 1"),
            ("signatures = \"never\"\n", "line 1, column 14"),
            ("[config.enrich]\na = 1\n", "line 1, column 9"),
            ("[config.\"acme/enrich\"]\na = []\n", "line 2, column 5"),
            ("= 1", "line 1, column 1"),
        ] {
            let reason = Settings::parse(text.as_bytes()).unwrap_err();
            assert!(reason.starts_with(place), "{text}: {reason}");
        }
        assert!(Settings::parse(b"\xff").is_err());
    }

    #[test]
    fn paths_begin_where_the_file_is() {
        let mut settings =
            Settings::parse(b"plugins = [\"a\", \"/b\"]\ntrust = \"t.toml\"").unwrap();
        settings.resolve(Path::new("/etc/jackfield"));
        let expected = [PathBuf::from("/etc/jackfield/a"), PathBuf::from("/b")];
        assert_eq!(settings.plugins, expected);
        assert_eq!(settings.trust.unwrap(), Path::new("/etc/jackfield/t.toml"));
    }
}
