//! The layers of the workspace: who may depend on whom. Arrows point down only.
//!
//! The table is the one place where the layering is written down as data; `ARCHITECTURE.md` says
//! what the layers are for. Dev-dependencies are free: a test may look down on everything.

use std::collections::HashMap;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// A crate of the workspace, and what it may use.
struct Layer {
    name: &'static str,
    /// Crates of the workspace that it may depend on.
    below: &'static [&'static str],
    /// Crates from outside that it may not depend on.
    forbidden: &'static [&'static str],
}

/// I/O, async runtimes and everything that brings them: not for pure crates.
const IMPURE: &[&str] = &[
    "tokio",
    "tokio-util",
    "reqwest",
    "hyper",
    "axum",
    "sqlx",
    "wasmtime",
    "rand",
    "notify",
    "clap",
    "futures-util",
];
/// What the core has adapters for.
const ADAPTED: &[&str] = &["wasmtime", "axum", "clap", "sqlx", "reqwest"];
const FOR_EDGES: &[&str] = &["axum", "clap"];
const FOR_ADAPTERS: &[&str] = &["sqlx", "wasmtime"];

const LAYERS: &[Layer] = &[
    Layer {
        name: "jackfield-types",
        below: &[],
        forbidden: IMPURE,
    },
    Layer {
        name: "jackfield-kernel",
        below: &["jackfield-types"],
        forbidden: IMPURE,
    },
    Layer {
        name: "jackfield-definition",
        below: &["jackfield-types", "jackfield-kernel"],
        forbidden: IMPURE,
    },
    Layer {
        name: "jackfield-plugin-api",
        below: &["jackfield-types"],
        forbidden: ADAPTED,
    },
    Layer {
        name: "jackfield-store-api",
        below: &["jackfield-types"],
        forbidden: ADAPTED,
    },
    Layer {
        name: "jackfield-store-sqlite",
        below: &["jackfield-types", "jackfield-store-api"],
        forbidden: &["wasmtime", "axum", "clap", "reqwest", "sqlx"],
    },
    Layer {
        name: "jackfield-store-postgres",
        below: &["jackfield-types", "jackfield-store-api"],
        forbidden: &["wasmtime", "axum", "clap", "reqwest", "rusqlite"],
    },
    Layer {
        name: "jackfield-registry",
        below: &[
            "jackfield-types",
            "jackfield-definition",
            "jackfield-plugin-api",
        ],
        forbidden: ADAPTED,
    },
    Layer {
        name: "jackfield-tenancy",
        below: &["jackfield-types", "jackfield-definition"],
        forbidden: ADAPTED,
    },
    Layer {
        name: "jackfield-engine",
        below: &[
            "jackfield-types",
            "jackfield-kernel",
            "jackfield-definition",
            "jackfield-plugin-api",
            "jackfield-registry",
            "jackfield-store-api",
            "jackfield-tenancy",
        ],
        forbidden: ADAPTED,
    },
    Layer {
        name: "jackfield-net",
        below: &["jackfield-types", "jackfield-plugin-api"],
        forbidden: &["wasmtime", "axum", "clap", "sqlx"],
    },
    Layer {
        name: "jackfield-nodes",
        below: &[
            "jackfield-types",
            "jackfield-net",
            "jackfield-plugin-api",
            "jackfield-registry",
        ],
        forbidden: &["wasmtime", "axum", "clap", "reqwest"],
    },
    Layer {
        name: "jackfield-wasm",
        below: &[
            "jackfield-types",
            "jackfield-net",
            "jackfield-plugin-api",
            "jackfield-registry",
        ],
        forbidden: &["axum", "clap", "sqlx"],
    },
    Layer {
        name: "jackfield-credentials",
        below: &[
            "jackfield-types",
            "jackfield-store-api",
            "jackfield-tenancy",
        ],
        forbidden: ADAPTED,
    },
    Layer {
        name: "jackfield-oci",
        below: &["jackfield-types", "jackfield-registry"],
        forbidden: &["wasmtime", "axum", "clap", "sqlx"],
    },
    Layer {
        name: "jackfield",
        below: &[
            "jackfield-types",
            "jackfield-kernel",
            "jackfield-definition",
            "jackfield-plugin-api",
            "jackfield-registry",
            "jackfield-store-api",
            "jackfield-store-postgres",
            "jackfield-store-sqlite",
            "jackfield-tenancy",
            "jackfield-engine",
            "jackfield-credentials",
            "jackfield-nodes",
            "jackfield-oci",
            "jackfield-wasm",
        ],
        forbidden: FOR_EDGES,
    },
    Layer {
        name: "jackfield-plugin-build",
        below: &["jackfield-types"],
        forbidden: IMPURE,
    },
    Layer {
        name: "jackfield-cli",
        below: &["jackfield", "jackfield-plugin-build"],
        forbidden: FOR_ADAPTERS,
    },
    Layer {
        name: "jackfield-testkit",
        below: &[
            "jackfield-types",
            "jackfield-kernel",
            "jackfield-definition",
            "jackfield-plugin-api",
            "jackfield-registry",
            "jackfield-store-api",
            "jackfield-tenancy",
            "jackfield-engine",
        ],
        forbidden: FOR_EDGES,
    },
    Layer {
        name: "xtask",
        below: &["jackfield-plugin-build"],
        forbidden: &[],
    },
];

/// Checks the workspace as cargo resolves it.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let found = violations(&workspace.normal_dependencies());
    if found.is_empty() {
        eprintln!("{} crates keep to their layers", workspace.members().len());
        return Ok(());
    }
    for violation in &found {
        eprintln!("{violation}");
    }
    bail!(
        "{} dependencies point the wrong way; the table is in xtask/src/layers.rs",
        found.len()
    );
}

/// Every dependency that the table does not allow, in words, in a stable order.
fn violations(dependencies: &HashMap<&str, Vec<&str>>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, uses) in dependencies {
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == *name) else {
            found.push(format!("`{name}` has no place in the table of layers"));
            continue;
        };
        for used in uses {
            if dependencies.contains_key(used) && !layer.below.contains(used) {
                found.push(format!(
                    "`{name}` may not depend on `{used}`: it is not below it"
                ));
            }
            if layer.forbidden.contains(used) {
                found.push(format!(
                    "`{name}` may not depend on `{used}`: it is not for its layer"
                ));
            }
        }
    }
    for layer in LAYERS {
        if !dependencies.contains_key(layer.name) {
            found.push(format!(
                "`{}` is in the table of layers, and there is no such crate",
                layer.name
            ));
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace in which every crate of the table depends on nothing.
    fn bare() -> HashMap<&'static str, Vec<&'static str>> {
        LAYERS
            .iter()
            .map(|layer| (layer.name, Vec::new()))
            .collect()
    }

    #[test]
    fn the_table_itself_only_points_down() {
        for (place, layer) in LAYERS.iter().enumerate() {
            for below in layer.below {
                let place_below = LAYERS.iter().position(|other| other.name == *below);
                assert!(
                    place_below.is_some_and(|found| found < place),
                    "{} on {below}",
                    layer.name
                );
            }
        }
    }

    #[test]
    fn an_arrow_upwards_is_found() {
        let mut dependencies = bare();
        dependencies.insert(
            "jackfield-registry",
            vec!["jackfield-types", "jackfield-engine"],
        );
        let expected =
            "`jackfield-registry` may not depend on `jackfield-engine`: it is not below it";
        assert_eq!(violations(&dependencies), [expected]);
    }

    #[test]
    fn a_forbidden_crate_from_outside_is_found() {
        let mut dependencies = bare();
        dependencies.insert(
            "jackfield-kernel",
            vec!["jackfield-types", "tokio", "serde"],
        );
        let expected = "`jackfield-kernel` may not depend on `tokio`: it is not for its layer";
        assert_eq!(violations(&dependencies), [expected]);
    }

    #[test]
    fn a_crate_without_a_place_is_found_and_a_place_without_a_crate_too() {
        let mut dependencies = bare();
        dependencies.remove("jackfield-cli");
        dependencies.insert("jackfield-extra", vec!["tokio"]);
        let found = violations(&dependencies);
        assert_eq!(
            found,
            [
                "`jackfield-cli` is in the table of layers, and there is no such crate",
                "`jackfield-extra` has no place in the table of layers",
            ]
        );
    }
}
