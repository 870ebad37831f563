//! Which plugins need which, and which of them cannot have what they need.

use std::collections::BTreeMap;

use jackfield_types::PluginId;
use semver::{Version, VersionReq};

use super::Package;
use super::manifest::PluginDependency;
use super::refusal::RefusalReason;

/// How many plugins of a path are named.
const LONGEST_PATH: usize = 50;

/// A plugin, and what it needs.
pub(super) struct Requirer<'a> {
    pub(super) id: &'a PluginId,
    pub(super) version: &'a Version,
    pub(super) needs: &'a [PluginDependency],
}

impl<'a> Requirer<'a> {
    pub(super) fn of(package: &'a Package) -> Self {
        Self {
            id: package.id(),
            version: package.version(),
            needs: package.manifest().dependencies(),
        }
    }
}

/// What is decided about each plugin.
struct Graph<'a> {
    all: &'a [Requirer<'a>],
    /// The places of each plugin, newest version first.
    by_id: BTreeMap<&'a PluginId, Vec<usize>>,
    /// Who needs each plugin.
    needed_by: BTreeMap<&'a PluginId, Vec<usize>>,
    refused: Vec<Option<RefusalReason>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    New,
    /// On the path that is being followed.
    Open,
    Done,
}

/// Finds the plugins that cannot have what they need, each with its reason. `present` says whether
/// a plugin is there already in a version that will do.
pub(super) fn unmet(
    all: &[Requirer<'_>],
    present: impl Fn(&PluginId, &VersionReq) -> bool,
) -> Vec<Option<RefusalReason>> {
    let mut graph = Graph {
        all,
        by_id: BTreeMap::new(),
        needed_by: BTreeMap::new(),
        refused: all.iter().map(|_| None).collect(),
    };
    for (place, one) in all.iter().enumerate() {
        graph.by_id.entry(one.id).or_default().push(place);
        for need in one.needs {
            graph.needed_by.entry(&need.plugin).or_default().push(place);
        }
    }
    for places in graph.by_id.values_mut() {
        places.sort_by(|a, b| all[*b].version.cmp(all[*a].version));
    }
    graph.refuse_missing(0..all.len(), &present);
    let cyclic = graph.refuse_cycles(&present);
    graph.refuse_missing(cyclic, &present);
    graph.refused
}

impl<'a> Graph<'a> {
    /// What serves a need, of those that are not refused.
    fn serving(&self, need: &PluginDependency) -> Option<usize> {
        let places = self.by_id.get(&need.plugin)?;
        places.iter().copied().find(|place| {
            self.refused[*place].is_none() && need.version.matches(self.all[*place].version)
        })
    }

    /// Refuses whoever lacks something, and whoever lacks it because of that. Begins with those that
    /// may lack something, or with those that are refused already.
    fn refuse_missing(
        &mut self,
        begin: impl IntoIterator<Item = usize>,
        present: &impl Fn(&PluginId, &VersionReq) -> bool,
    ) {
        let mut open: Vec<usize> = Vec::new();
        for place in begin {
            open.push(place);
            open.extend(self.dependents(place));
        }
        while let Some(place) = open.pop() {
            if self.refused[place].is_some() {
                continue;
            }
            let needs = self.all[place].needs;
            let missing = needs
                .iter()
                .find(|need| self.serving(need).is_none() && !present(&need.plugin, &need.version));
            if let Some(need) = missing {
                let path = self.path_to_missing(place, need);
                self.refused[place] = Some(RefusalReason::DependencyMissing { path });
                open.extend(self.dependents(place));
            }
        }
    }

    fn dependents(&self, place: usize) -> Vec<usize> {
        if self.refused[place].is_none() {
            return Vec::new();
        }
        let needed_by = self.needed_by.get(self.all[place].id);
        needed_by.cloned().unwrap_or_default()
    }

    /// The way from a plugin to what is missing, by way of what is refused for it.
    fn path_to_missing(&self, place: usize, need: &PluginDependency) -> Vec<String> {
        let mut path = vec![self.all[place].id.to_string()];
        let candidates = self.by_id.get(&need.plugin).into_iter().flatten();
        let behind = candidates
            .filter(|place| need.version.matches(self.all[**place].version))
            .find_map(|place| self.refused[*place].as_ref());
        match behind {
            Some(
                RefusalReason::DependencyMissing { path: rest }
                | RefusalReason::DependencyCycle { path: rest },
            ) => {
                let from = rest.iter().position(|one| *one == need.plugin.as_str());
                path.extend(rest[from.unwrap_or(0)..].iter().take(LONGEST_PATH).cloned());
            }
            Some(_) | None => path.push(format!("{} {}", need.plugin, need.version)),
        }
        path
    }

    /// Refuses everything that is on a cycle, and says what that was.
    fn refuse_cycles(&mut self, present: &impl Fn(&PluginId, &VersionReq) -> bool) -> Vec<usize> {
        let mut visits = vec![Visit::New; self.all.len()];
        let mut cyclic = Vec::new();
        for root in 0..self.all.len() {
            if visits[root] != Visit::New || self.refused[root].is_some() {
                continue;
            }
            visits[root] = Visit::Open;
            // A plugin on the path, and which of its needs comes next.
            let mut path = vec![(root, 0)];
            while let Some((place, next)) = path.last_mut() {
                let Some(need) = self.all[*place].needs.get(*next) else {
                    visits[*place] = Visit::Done;
                    path.pop();
                    continue;
                };
                *next += 1;
                // What is there already needs nothing of what is found now.
                let Some(target) = self
                    .serving(need)
                    .filter(|_| !present(&need.plugin, &need.version))
                else {
                    continue;
                };
                match visits[target] {
                    Visit::Done => {}
                    Visit::New => {
                        visits[target] = Visit::Open;
                        path.push((target, 0));
                    }
                    Visit::Open => {
                        let from = path.iter().position(|(place, _)| *place == target);
                        let around: Vec<usize> = path[from.unwrap_or(0)..]
                            .iter()
                            .map(|(place, _)| *place)
                            .collect();
                        cyclic.push(around);
                    }
                }
            }
        }
        let mut refused = Vec::new();
        for around in cyclic {
            for (turn, place) in around.iter().enumerate() {
                let way = around[turn..].iter().chain(&around[..=turn]);
                let path = way.map(|place| self.all[*place].id.to_string()).collect();
                self.refused[*place].get_or_insert(RefusalReason::DependencyCycle { path });
                refused.push(*place);
            }
        }
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugins(text: &str) -> Vec<(PluginId, Version, Vec<PluginDependency>)> {
        let one = |line: &str| {
            let (plugin, needs) = line.split_once(':').unwrap();
            let (id, version) = plugin.trim().split_once('@').unwrap();
            let needs = needs.split_whitespace().map(|need| {
                let (id, version) = need.split_once('@').unwrap();
                PluginDependency {
                    plugin: id.parse().unwrap(),
                    version: version.parse().unwrap(),
                }
            });
            (
                id.parse().unwrap(),
                version.parse().unwrap(),
                needs.collect(),
            )
        };
        text.lines().map(one).collect()
    }

    fn refused(text: &str) -> Vec<String> {
        let plugins = plugins(text);
        let all: Vec<_> = plugins
            .iter()
            .map(|(id, version, needs)| Requirer { id, version, needs })
            .collect();
        let present = |id: &PluginId, wanted: &VersionReq| {
            id.as_str() == "x/there" && wanted.matches(&Version::new(1, 0, 0))
        };
        let unmet = unmet(&all, present).into_iter().zip(&all);
        unmet
            .filter_map(|(reason, one)| Some(format!("{}: {}", one.id, reason?)))
            .collect()
    }

    #[test]
    fn what_is_missing_is_named_with_the_whole_way_to_it() {
        let found = refused(
            "x/a@1.0.0: x/b@^1\nx/b@1.0.0: x/c@^2 x/there@^1\nx/c@1.0.0:\nx/d@1.0.0: x/c@^1\nx/e@1.0.0: x/there@^2",
        );
        assert_eq!(
            found,
            [
                "x/a: it needs a plugin that is not there: x/a → x/b → x/c ^2",
                "x/b: it needs a plugin that is not there: x/b → x/c ^2",
                "x/e: it needs a plugin that is not there: x/e → x/there ^2",
            ]
        );
    }

    #[test]
    fn a_cycle_is_named_with_its_whole_way_and_refuses_who_needs_it() {
        let found = refused("x/a@1.0.0: x/b@*\nx/b@1.0.0: x/c@*\nx/c@1.0.0: x/b@*\nx/d@1.0.0:");
        assert_eq!(
            found,
            [
                "x/a: it needs a plugin that is not there: x/a → x/b → x/c → x/b",
                "x/b: it needs itself: x/b → x/c → x/b",
                "x/c: it needs itself: x/c → x/b → x/c",
            ]
        );
    }

    #[test]
    fn another_version_serves_when_the_newest_cannot() {
        let found = refused("x/a@1.0.0: x/b@*\nx/b@2.0.0: x/gone@*\nx/b@1.0.0:");
        assert_eq!(
            found,
            ["x/b: it needs a plugin that is not there: x/b → x/gone *"]
        );
    }

    #[test]
    fn long_chains_need_no_stack() {
        let chain: Vec<String> = (0..5_000)
            .map(|place| format!("x/p{place}@1.0.0: x/p{}@*", place + 1))
            .collect();
        assert_eq!(refused(&chain.join("\n")).len(), 5_000);
    }
}
