//! How a decision comes about, for people. It asks the same rules in the same order as
//! [`TenantPolicy::decide`], which a test holds it to.

use std::sync::Arc;

use jackfield_types::{Capability, NodeTypeId};
use semver::Version;

use super::compiled::TenantPolicy;
use super::decision::{ExplainedRule, Explanation, RuleSays, Verdict};
use super::node_pattern::{EntryMatch, NodePatterns};

impl TenantPolicy {
    /// Tells how a decision comes about. Without a version it tells what holds for every version,
    /// or that it depends on it.
    pub fn explain(
        &self,
        node_type: &NodeTypeId,
        version: Option<&Version>,
        capabilities: &[Capability],
    ) -> Explanation {
        let mut steps = Vec::new();
        if let Some(rule) = self.missing_capability(capabilities) {
            return explained(steps, Verdict::Refused, rule, RuleSays::Refuses);
        }
        let name = node_type.as_str();
        let (verdict, rule) = if self.allowed.is_empty() {
            let rule = &self.rules.all_node_types;
            steps.push(ExplainedRule {
                rule: Arc::clone(rule),
                says: RuleSays::Allows,
                decides: false,
            });
            (Verdict::Allowed, Arc::clone(rule))
        } else {
            look_through(&self.allowed, name, version, RuleSays::Allows, &mut steps)
                .unwrap_or_else(|| (Verdict::Refused, Arc::clone(&self.rules.not_allowed)))
        };
        if verdict == Verdict::Refused {
            return explained(steps, verdict, rule, RuleSays::Refuses);
        }
        let restricting = look_through(
            &self.restricted,
            name,
            version,
            RuleSays::Refuses,
            &mut steps,
        );
        let (verdict, rule) = match restricting {
            Some((Verdict::DependsOnVersion, rule)) => (Verdict::DependsOnVersion, rule),
            Some((_, rule)) => (Verdict::Refused, rule),
            None => (verdict, rule),
        };
        if let Some(step) = steps.iter_mut().find(|step| step.rule == rule) {
            step.decides = true;
        }
        Explanation {
            verdict,
            rule,
            steps,
        }
    }
}

/// Looks at the entries of a list up to the first that means every version that is asked about.
fn look_through(
    list: &NodePatterns,
    name: &str,
    version: Option<&Version>,
    meaning: RuleSays,
    steps: &mut Vec<ExplainedRule>,
) -> Option<(Verdict, Arc<str>)> {
    let mut doubtful = None;
    for (rule, found) in list.explain(name, version) {
        let says = match found {
            EntryMatch::No => RuleSays::Nothing,
            EntryMatch::OtherVersion => RuleSays::OtherVersion,
            EntryMatch::SomeVersions => RuleSays::SomeVersions,
            EntryMatch::Yes => meaning,
        };
        steps.push(ExplainedRule {
            rule: Arc::clone(rule),
            says,
            decides: false,
        });
        match found {
            EntryMatch::Yes => return Some((Verdict::Allowed, Arc::clone(rule))),
            EntryMatch::SomeVersions if doubtful.is_none() => {
                doubtful = Some((Verdict::DependsOnVersion, Arc::clone(rule)));
            }
            EntryMatch::SomeVersions | EntryMatch::No | EntryMatch::OtherVersion => {}
        }
    }
    doubtful
}

/// An explanation that ends with a rule which is no entry of a list.
fn explained(
    mut steps: Vec<ExplainedRule>,
    verdict: Verdict,
    rule: Arc<str>,
    says: RuleSays,
) -> Explanation {
    steps.push(ExplainedRule {
        rule: Arc::clone(&rule),
        says,
        decides: true,
    });
    Explanation {
        verdict,
        rule,
        steps,
    }
}
