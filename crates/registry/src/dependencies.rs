//! What is wrong with what is registered: schemas, and dependencies between node types.

use std::fmt;

use jackfield_types::{ErrorCode, NodeTypeId};
use rustc_hash::FxHashMap;
use semver::{Version, VersionReq};
use serde::{Serialize, Serializer};

use crate::resolution::{matching, nearest_names};
use crate::snapshot::Snapshot;
use crate::{Registration, RegistrationId, Registry};

/// How many names all reported cycles may have together. A registry made to have as many and as
/// long cycles as possible would else make a report of any size.
const MOST_NAMES: usize = 1_000_000;

/// What [`Registry::validate_all`] found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidationReport {
    /// How many registrations were looked at.
    pub checked: usize,
    /// What is wrong, sorted by node type, cycles last.
    pub findings: Vec<Finding>,
    /// How many more cycles there are, when their paths are too long to be reported.
    pub cycles_left_out: usize,
}

impl ValidationReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

/// One thing that is wrong with a registration.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The node type.
    pub node_type: NodeTypeId,
    /// Its version.
    pub version: Version,
    /// What is wrong.
    #[serde(flatten)]
    pub problem: Problem,
}

/// What can be wrong with a registration.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "problem")]
#[non_exhaustive]
pub enum Problem {
    /// The parameter schema does not compile.
    Schema {
        /// Why, and where.
        reason: String,
    },
    /// A node type that it depends on is not registered.
    MissingDependency {
        /// The node type.
        dependency: NodeTypeId,
        /// Names that are written nearly like it.
        nearest: Vec<NodeTypeId>,
    },
    /// A node type that it depends on is registered, but in no version that will do.
    DependencyVersion {
        /// The node type.
        dependency: NodeTypeId,
        /// The versions that will do.
        #[serde(serialize_with = "as_text")]
        wanted: VersionReq,
        /// The versions that there are, newest first.
        available: Vec<Version>,
    },
    /// It depends on itself by way of others.
    Cycle {
        /// The whole way; the first name comes again at the end.
        path: Vec<NodeTypeId>,
    },
}

impl Problem {
    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Schema { .. } => ErrorCode::INVALID_METADATA,
            Self::MissingDependency { .. } | Self::DependencyVersion { .. } => {
                ErrorCode::DEPENDENCY_MISSING
            }
            Self::Cycle { .. } => ErrorCode::DEPENDENCY_CYCLE,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            node_type,
            version,
            problem,
        } = self;
        write!(f, "node type `{node_type}` {version}: {problem}")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema { reason } => write!(f, "the schema does not compile: {reason}"),
            Self::MissingDependency {
                dependency,
                nearest,
            } => {
                write!(f, "depends on `{dependency}`, which is not registered")?;
                match nearest.first() {
                    Some(name) => write!(f, "; did you mean `{name}`?"),
                    None => Ok(()),
                }
            }
            Self::DependencyVersion {
                dependency,
                wanted,
                available,
            } => {
                let available: Vec<_> = available.iter().map(ToString::to_string).collect();
                let available = available.join(", ");
                write!(
                    f,
                    "depends on `{dependency}` {wanted}, but there is only {available}"
                )
            }
            Self::Cycle { path } => {
                f.write_str("depends on itself: ")?;
                for (place, name) in path.iter().enumerate() {
                    let arrow = if place > 0 { " → " } else { "" };
                    write!(f, "{arrow}{name}")?;
                }
                Ok(())
            }
        }
    }
}

impl Registry {
    /// Checks everything that is registered: the schema compiles, each dependency is there in a
    /// version that will do, and none leads back to where it began. A cycle is reported once, with
    /// its whole path.
    pub fn validate_all(&self) -> ValidationReport {
        let snapshot = self.snapshot();
        let mut graph = Graph::new(&snapshot);
        let mut findings = Vec::new();
        for place in 0..graph.nodes.len() {
            graph.check_node(place, &snapshot, &mut findings);
        }
        let cycles_left_out = graph.find_cycles(&mut findings);
        let checked = graph.nodes.len();
        tracing::debug!(
            target: "registry",
            checked,
            findings = findings.len(),
            "registrations validated"
        );
        ValidationReport {
            checked,
            findings,
            cycles_left_out,
        }
    }
}

/// Registrations, sorted by name and newest first, and what each depends on.
struct Graph<'a> {
    nodes: Vec<&'a Registration>,
    places: FxHashMap<RegistrationId, usize>,
    edges: Vec<Vec<usize>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    New,
    /// On the path that is being followed.
    Open,
    Done,
}

impl<'a> Graph<'a> {
    fn new(snapshot: &'a Snapshot) -> Self {
        let all = snapshot
            .sorted()
            .into_iter()
            .flat_map(|versions| versions.iter());
        let nodes: Vec<_> = all.map(|one| &**one).collect();
        let places = nodes
            .iter()
            .enumerate()
            .map(|(place, one)| (one.id(), place))
            .collect();
        let edges = vec![Vec::new(); nodes.len()];
        Self {
            nodes,
            places,
            edges,
        }
    }

    fn check_node(&mut self, place: usize, snapshot: &Snapshot, findings: &mut Vec<Finding>) {
        let node = self.nodes[place];
        let mut report = |problem| findings.push(finding(node, problem));
        if let Err(error) = node.try_schema() {
            report(Problem::Schema {
                reason: error.reason,
            });
        }
        for dependency in &node.summary().dependencies {
            let versions = snapshot.versions(dependency.node_type.as_str());
            if let Some(found) = matching(versions, &dependency.version) {
                self.edges[place].extend(self.places.get(&found.id()));
            } else if versions.is_empty() {
                report(Problem::MissingDependency {
                    dependency: dependency.node_type.clone(),
                    nearest: nearest_names(snapshot, dependency.node_type.as_str()),
                });
            } else {
                report(Problem::DependencyVersion {
                    dependency: dependency.node_type.clone(),
                    wanted: dependency.version.clone(),
                    available: versions.iter().map(|one| one.version().clone()).collect(),
                });
            }
        }
    }

    /// Follows all dependencies, depth first and without recursion: chains may be of any length.
    /// Each dependency that leads back onto the path closes a cycle of its own.
    fn find_cycles(&self, findings: &mut Vec<Finding>) -> usize {
        let mut visits = vec![Visit::New; self.nodes.len()];
        let mut names_left = MOST_NAMES;
        let mut left_out = 0;
        for root in 0..self.nodes.len() {
            if visits[root] != Visit::New {
                continue;
            }
            visits[root] = Visit::Open;
            // A node on the path, and which of its dependencies comes next.
            let mut path = vec![(root, 0)];
            while let Some((node, next)) = path.last_mut() {
                let Some(&target) = self.edges[*node].get(*next) else {
                    visits[*node] = Visit::Done;
                    path.pop();
                    continue;
                };
                *next += 1;
                match visits[target] {
                    Visit::Done => {}
                    Visit::New => {
                        visits[target] = Visit::Open;
                        path.push((target, 0));
                    }
                    Visit::Open => {
                        // Looked for from the end: the cost is the length of the cycle.
                        let length = path
                            .iter()
                            .rev()
                            .take_while(|(node, _)| *node != target)
                            .count()
                            + 1;
                        if length > names_left {
                            left_out += 1;
                        } else {
                            names_left -= length;
                            findings.push(self.cycle(&path[path.len() - length..]));
                        }
                    }
                }
            }
        }
        left_out
    }

    /// Reports a cycle, beginning at its first node in order, whichever way it was found.
    fn cycle(&self, path: &[(usize, usize)]) -> Finding {
        let first = (0..path.len())
            .min_by_key(|place| path[*place].0)
            .unwrap_or(0);
        let turned = path[first..].iter().chain(&path[..=first]);
        let path_names = turned
            .map(|(node, _)| self.nodes[*node].node_type().clone())
            .collect();
        finding(
            self.nodes[path[first].0],
            Problem::Cycle { path: path_names },
        )
    }
}

fn finding(node: &Registration, problem: Problem) -> Finding {
    Finding {
        node_type: node.node_type().clone(),
        version: node.version().clone(),
        problem,
    }
}

fn as_text<S: Serializer>(requirement: &VersionReq, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(requirement)
}
