//! Where flags, environment, settings file and defaults come together, in that order.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use crate::args::{
    AuditCommand, Command, CredentialCommand, CredentialKeptArgs, CredentialKeyArgs,
    CredentialStoreArgs, DurabilityArgs, ExecutionsCommand, InstalledArgs, KeyCommand, KeysArgs,
    LockArgs, NodesCommand, PluginArgs, PluginCommand, PolicyCommand, RemoteArgs, RunningArgs,
    SchemaCommand, StoreArgs, TrustArgs, VariableCommand, WrittenKey,
};
use crate::settings::Settings;

/// Names folders of plugins, as `PATH` names folders of programs.
const PLUGINS: &str = "JACKFIELD_PLUGINS";
/// Says where the master keys of credentials are, with `;` or line ends between them.
const CREDENTIAL_KEYS: &str = "JACKFIELD_CREDENTIAL_KEYS";
/// Where plugins are installed if nobody says where.
const INSTALLED: &str = "plugins";

/// Whether there is anything that settings could say to a command.
pub(crate) fn takes_settings(command: &Command) -> bool {
    !matches!(
        command,
        Command::Completions { .. }
            | Command::Schema(SchemaCommand::Workflow | SchemaCommand::Policy)
            | Command::Plugin(PluginCommand::CompileComponent { .. })
    )
}

/// Adds to a command what it did not say itself.
pub(crate) fn settle(command: &mut Command, settings: &Settings) {
    match command {
        Command::Run(args) => {
            args.store.settle(settings);
            args.durability.settle(settings);
            args.running.settle(settings);
        }
        Command::Resume(args) => {
            args.store.settle(settings);
            args.durability.settle(settings);
            args.running.settle(settings);
        }
        Command::Credential(command) => credential(command, settings),
        Command::Validate(args) => {
            args.store.settle(settings);
            args.plugins.settle(settings);
        }
        Command::Plan(args) => {
            args.store.settle(settings);
            args.plugins.settle(settings);
        }
        Command::Executions(command) => executions(command, settings),
        Command::Signal(args) => args.visit.store.settle(settings),
        Command::Approve(args) | Command::Reject(args) => args.visit.store.settle(settings),
        Command::Replay(args) => args.plugins.settle(settings),
        Command::Gc(args) => args.store.settle(settings),
        Command::Exec(args) => {
            args.store.settle(settings);
            args.running.settle(settings);
        }
        Command::Nodes(
            NodesCommand::List { plugins, .. }
            | NodesCommand::Show { plugins, .. }
            | NodesCommand::Search { plugins, .. },
        ) => plugins.settle(settings),
        Command::Policy(command) => policy(command, settings),
        Command::Audit(command) => audit(command, settings),
        Command::Variable(command) => variable(command, settings),
        Command::Schema(SchemaCommand::Node { plugins, .. }) => plugins.settle(settings),
        Command::Plugin(command) => plugin(command, settings),
        Command::Schema(SchemaCommand::Workflow | SchemaCommand::Policy)
        | Command::Completions { .. } => {}
    }
}

fn executions(command: &mut ExecutionsCommand, settings: &Settings) {
    let store = match command {
        ExecutionsCommand::List(args) => &mut args.visit.store,
        ExecutionsCommand::Cancel(args)
        | ExecutionsCommand::Pause(args)
        | ExecutionsCommand::Resume(args) => &mut args.visit.store,
        ExecutionsCommand::Show(args) => {
            args.plugins.settle(settings);
            &mut args.visit.store
        }
        ExecutionsCommand::Events(args) => {
            args.plugins.settle(settings);
            &mut args.visit.store
        }
        ExecutionsCommand::Export(args) => {
            args.plugins.settle(settings);
            &mut args.visit.store
        }
        ExecutionsCommand::Import(args) => {
            args.plugins.settle(settings);
            args.durability.settle(settings);
            &mut args.visit.store
        }
        ExecutionsCommand::Retry(args) => {
            args.running.settle(settings);
            args.durability.settle(settings);
            &mut args.store
        }
    };
    store.settle(settings);
}

fn credential(command: &mut CredentialCommand, settings: &Settings) {
    match command {
        CredentialCommand::Add(args) => args.kept.settle(settings),
        CredentialCommand::List(args) => args.kept.settle(settings),
        CredentialCommand::Show(args) => args.kept.settle(settings),
        CredentialCommand::Remove(args) => args.visit.store.settle(settings),
        CredentialCommand::Rotate(args) => args.kept.settle(settings),
        CredentialCommand::Types { .. } | CredentialCommand::Key(_) => {}
    }
}

fn policy(command: &mut PolicyCommand, settings: &Settings) {
    match command {
        PolicyCommand::Check(args) => args.plugins.settle(settings),
        PolicyCommand::Explain(args) => {
            args.store.settle(settings);
            args.plugins.settle(settings);
        }
        PolicyCommand::Set(args) => args.visit.store.settle(settings),
        PolicyCommand::Show(args) => args.visit.store.settle(settings),
        PolicyCommand::List(args) => args.store.settle(settings),
        PolicyCommand::Remove(args) => args.visit.store.settle(settings),
    }
}

fn audit(command: &mut AuditCommand, settings: &Settings) {
    let place = match command {
        AuditCommand::Show(args) => &mut args.query.place,
        AuditCommand::Verify(args) => &mut args.place,
        AuditCommand::Export(args) => &mut args.query.place,
    };
    place.store.settle(settings);
}

fn variable(command: &mut VariableCommand, settings: &Settings) {
    let visit = match command {
        VariableCommand::Set(args) => &mut args.visit,
        VariableCommand::List(args) => &mut args.visit,
        VariableCommand::Show(args) => &mut args.visit,
        VariableCommand::Remove(args) => &mut args.visit,
    };
    visit.store.settle(settings);
}

fn plugin(command: &mut PluginCommand, settings: &Settings) {
    match command {
        PluginCommand::List(args) => args.plugins.settle(settings),
        PluginCommand::Show(args) => args.plugins.settle(settings),
        PluginCommand::Doctor(args) => args.plugins.settle(settings),
        PluginCommand::Inspect(args) => {
            args.trust.settle(settings);
            args.remote.settle(settings);
        }
        PluginCommand::Install(args) => {
            args.installed.settle(settings);
            args.trust.settle(settings);
            args.remote.settle(settings);
        }
        PluginCommand::Remove(args) => args.installed.settle(settings),
        PluginCommand::Outdated(args) => {
            args.installed.settle(settings);
            args.remote.settle(settings);
            args.from = args.from.take().or_else(|| settings.registry.clone());
        }
        PluginCommand::Push(args) => args.remote.settle(settings),
        PluginCommand::Pull(args) => {
            args.trust.settle(settings);
            args.remote.settle(settings);
        }
        PluginCommand::Sign(args) => args.keys.settle(settings),
        PluginCommand::Key(KeyCommand::New { keys, .. } | KeyCommand::List { keys, .. }) => {
            keys.settle(settings);
        }
        PluginCommand::Key(KeyCommand::Trust { keys, trust, .. }) => {
            keys.settle(settings);
            *trust = trust.take().or_else(|| settings.trust.clone());
        }
        PluginCommand::Key(KeyCommand::Distrust { trust, .. }) => {
            *trust = trust.take().or_else(|| settings.trust.clone());
        }
        PluginCommand::Key(KeyCommand::Trusted { trust, .. }) => trust.settle(settings),
        PluginCommand::Pack(_)
        | PluginCommand::New(_)
        | PluginCommand::Build(_)
        | PluginCommand::Test(_)
        | PluginCommand::CompileComponent { .. } => {}
    }
}

impl RunningArgs {
    fn settle(&mut self, settings: &Settings) {
        self.plugins.settle(settings);
        self.credential_keys.settle(settings);
    }
}

impl CredentialKeyArgs {
    fn settle(&mut self, settings: &Settings) {
        let named = || {
            let named = env::var(CREDENTIAL_KEYS).unwrap_or_default();
            let named = named.split([';', '\n']).map(str::trim);
            let named = named.filter(|key| !key.is_empty());
            named.map(WrittenKey::new).collect::<Vec<_>>()
        };
        self.keys = std::mem::take(&mut self.given);
        if self.keys.is_empty() {
            self.keys = named();
        }
        if self.keys.is_empty() {
            self.keys = settings.credential_keys.clone();
        }
    }
}

impl CredentialKeptArgs {
    fn settle(&mut self, settings: &Settings) {
        self.visit.store.settle(settings);
        self.keys.settle(settings);
    }
}

impl CredentialStoreArgs {
    fn settle(&mut self, settings: &Settings) {
        self.store = self.store.take().or_else(|| settings.store.clone());
    }
}

impl PluginArgs {
    fn settle(&mut self, settings: &Settings) {
        if self.folders.is_empty() {
            self.folders = folders(settings);
        }
        self.trust.settle(settings);
        self.lock.settle(settings);
        *self.sandbox = settings.sandbox.clone();
        self.config = Arc::new(settings.plugin_config());
    }
}

impl StoreArgs {
    fn settle(&mut self, settings: &Settings) {
        self.store = self.store.take().or_else(|| settings.store.clone());
    }
}

impl DurabilityArgs {
    fn settle(&mut self, settings: &Settings) {
        let named = self.durability.or(settings.durability);
        self.level = named.map(Into::into).unwrap_or_default();
    }
}

impl InstalledArgs {
    fn settle(&mut self, settings: &Settings) {
        let first = || folders(settings).into_iter().next();
        let folder = self.named.take().or_else(first);
        self.folder = folder.unwrap_or_else(|| PathBuf::from(INSTALLED));
        self.lock.settle(settings);
    }
}

impl TrustArgs {
    fn settle(&mut self, settings: &Settings) {
        self.trust = self.trust.take().or_else(|| settings.trust.clone());
        let said = self.signatures.map(Into::into);
        self.rule = said.or(settings.signatures);
    }
}

impl LockArgs {
    fn settle(&mut self, settings: &Settings) {
        self.lock = self.lock.take().or_else(|| settings.lock.clone());
    }
}

impl KeysArgs {
    fn settle(&mut self, settings: &Settings) {
        self.keys = self.keys.take().or_else(|| settings.keys.clone());
    }
}

impl RemoteArgs {
    fn settle(&mut self, settings: &Settings) {
        let file = || settings.registry_auth.clone();
        self.registry_auth = self.registry_auth.take().or_else(file);
        self.without_tls
            .extend(settings.without_tls.iter().cloned());
    }
}

/// The folders that the environment names, else those of the settings.
fn folders(settings: &Settings) -> Vec<PathBuf> {
    let named = env::var_os(PLUGINS).unwrap_or_default();
    let named: Vec<PathBuf> = env::split_paths(&named)
        .filter(|folder| !folder.as_os_str().is_empty())
        .collect();
    if named.is_empty() {
        settings.plugins.clone()
    } else {
        named
    }
}
