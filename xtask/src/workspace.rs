//! What cargo knows of the workspace.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

/// The workspace, with its whole dependency graph.
pub(crate) struct Workspace {
    metadata: Metadata,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let metadata = MetadataCommand::new()
            .manifest_path(manifest)
            .exec()
            .context("`cargo metadata` failed; are the dependencies reachable?")?;
        Ok(Self { metadata })
    }

    /// The folder that the workspace is in.
    pub(crate) fn root(&self) -> &Path {
        self.metadata.workspace_root.as_std_path()
    }

    /// The folder that cargo builds in.
    pub(crate) fn target(&self) -> PathBuf {
        self.metadata.target_directory.clone().into_std_path_buf()
    }

    /// Every package of the dependency graph, our own included.
    pub(crate) fn packages(&self) -> &[Package] {
        &self.metadata.packages
    }

    /// The packages of the workspace.
    pub(crate) fn members(&self) -> Vec<&Package> {
        self.metadata.workspace_packages()
    }

    /// The names of the packages that each of ours depends on directly, dev-dependencies left out.
    pub(crate) fn normal_dependencies(&self) -> HashMap<&str, Vec<&str>> {
        let names: HashMap<&PackageId, &str> = self
            .packages()
            .iter()
            .map(|package| (&package.id, package.name.as_str()))
            .collect();
        let members = &self.metadata.workspace_members;
        let nodes = self
            .metadata
            .resolve
            .iter()
            .flat_map(|resolve| &resolve.nodes);
        nodes
            .filter(|node| members.contains(&node.id))
            .map(|node| {
                let dependencies = node
                    .deps
                    .iter()
                    .filter(|dependency| {
                        let mut kinds = dependency.dep_kinds.iter();
                        kinds.any(|kind| kind.kind != DependencyKind::Development)
                    })
                    .map(|dependency| names[&dependency.pkg])
                    .collect();
                (names[&node.id], dependencies)
            })
            .collect()
    }

    /// A command that runs this same cargo in the root of the workspace.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(arguments).current_dir(self.root());
        command
    }

    /// Whether cargo has a subcommand, such as `nextest`.
    pub(crate) fn has_subcommand(&self, name: &str) -> bool {
        self.cargo(&[name, "--version"])
            .output()
            .is_ok_and(|output| output.status.success())
    }
}
