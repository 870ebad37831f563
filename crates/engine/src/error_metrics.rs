//! How often what went wrong: by code, node type and tenant, and never more of it than fits.

use std::collections::{BTreeMap, HashMap};

use jackfield_types::{ErrorCode, NodeTypeId, TenantId};
use parking_lot::Mutex;
use serde::Serialize;

/// How many tenants are told apart.
const MOST_TENANTS: usize = 1_000;
/// How many pairs of node type and code are told apart for one tenant.
const MOST_PAIRS: usize = 200;

/// The failures of attempts since the engine was made.
///
/// Tenants, node types and codes beyond what is kept apart are counted together, so that none of
/// them can make it grow without bounds, and none can push out what another one has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorMetrics {
    /// All of them.
    pub total: u64,
    /// Those that were kept apart, sorted by tenant, node type and code.
    pub counts: Vec<ErrorCount>,
    /// Those that were not.
    pub other: u64,
}

/// How often one thing went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorCount {
    /// Whose execution it was.
    pub tenant: TenantId,
    /// What was called.
    pub node_type: NodeTypeId,
    /// What went wrong.
    pub code: ErrorCode,
    /// How often.
    pub count: u64,
}

impl ErrorMetrics {
    /// The numbers by code.
    pub fn by_code(&self) -> BTreeMap<&ErrorCode, u64> {
        self.sums(|count| &count.code)
    }

    /// The numbers by node type.
    pub fn by_node_type(&self) -> BTreeMap<&NodeTypeId, u64> {
        self.sums(|count| &count.node_type)
    }

    /// The numbers by tenant.
    pub fn by_tenant(&self) -> BTreeMap<&TenantId, u64> {
        self.sums(|count| &count.tenant)
    }

    fn sums<'a, K: Ord>(&'a self, key: impl Fn(&'a ErrorCount) -> K) -> BTreeMap<K, u64> {
        let mut sums = BTreeMap::new();
        for count in &self.counts {
            *sums.entry(key(count)).or_default() += count.count;
        }
        sums
    }
}

/// Where failures are counted.
#[derive(Default)]
pub(crate) struct ErrorCounter(Mutex<Table>);

#[derive(Default)]
struct Table {
    tenants: HashMap<TenantId, OfTenant>,
    /// Those of tenants that are not told apart.
    other: u64,
}

#[derive(Default)]
struct OfTenant {
    node_types: HashMap<NodeTypeId, Vec<(ErrorCode, u64)>>,
    pairs: usize,
    other: u64,
}

impl ErrorCounter {
    pub(crate) fn record(&self, tenant: &TenantId, node_type: &NodeTypeId, code: &ErrorCode) {
        let mut table = self.0.lock();
        if !table.tenants.contains_key(tenant) {
            if table.tenants.len() >= MOST_TENANTS {
                table.other += 1;
                return;
            }
            table.tenants.insert(tenant.clone(), OfTenant::default());
        }
        if let Some(tenant) = table.tenants.get_mut(tenant) {
            tenant.record(node_type, code);
        }
    }

    /// The numbers of all tenants, or those of one.
    pub(crate) fn read(&self, only: Option<&TenantId>) -> ErrorMetrics {
        let table = self.0.lock();
        let mut metrics = ErrorMetrics::default();
        let chosen = table
            .tenants
            .iter()
            .filter(|(tenant, _)| only.is_none_or(|only| only == *tenant));
        for (tenant, of_tenant) in chosen {
            metrics.other += of_tenant.other;
            for (node_type, codes) in &of_tenant.node_types {
                metrics
                    .counts
                    .extend(codes.iter().map(|(code, count)| ErrorCount {
                        tenant: tenant.clone(),
                        node_type: node_type.clone(),
                        code: code.clone(),
                        count: *count,
                    }));
            }
        }
        if only.is_none() {
            metrics.other += table.other;
        }
        metrics.counts.sort_by(|a, b| {
            (&a.tenant, &a.node_type, &a.code).cmp(&(&b.tenant, &b.node_type, &b.code))
        });
        let apart: u64 = metrics.counts.iter().map(|count| count.count).sum();
        metrics.total = apart + metrics.other;
        metrics
    }
}

impl OfTenant {
    fn record(&mut self, node_type: &NodeTypeId, code: &ErrorCode) {
        let is_full = self.pairs >= MOST_PAIRS;
        let Some(codes) = self.node_types.get_mut(node_type) else {
            if is_full {
                self.other += 1;
            } else {
                let codes = vec![(code.clone(), 1)];
                self.node_types.insert(node_type.clone(), codes);
                self.pairs += 1;
            }
            return;
        };
        match codes.iter_mut().find(|(one, _)| one == code) {
            Some((_, count)) => *count += 1,
            None if is_full => self.other += 1,
            None => {
                codes.push((code.clone(), 1));
                self.pairs += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node_type(name: &str) -> NodeTypeId {
        NodeTypeId::parse(name).unwrap()
    }

    #[test]
    fn one_tenant_can_neither_fill_the_table_nor_hide_anothers_errors() {
        let counter = ErrorCounter::default();
        let (loud, quiet) = (
            TenantId::parse("loud").unwrap(),
            TenantId::parse("quiet").unwrap(),
        );
        for number in 0..10_000 {
            let code = ErrorCode::custom(&format!("own {number}"));
            counter.record(&loud, &node_type("a"), &code);
        }
        counter.record(&quiet, &node_type("a"), &ErrorCode::TIMEOUT);
        let all = counter.read(None);
        assert_eq!(all.total, 10_001);
        assert_eq!(all.counts.len(), MOST_PAIRS + 1);
        let own = counter.read(Some(&quiet));
        assert_eq!((own.total, own.other, own.counts.len()), (1, 0, 1));
        assert_eq!(own.by_code()[&ErrorCode::TIMEOUT], 1);
        for number in 0..2 * MOST_TENANTS {
            let tenant = TenantId::parse(&format!("t{number}")).unwrap();
            counter.record(&tenant, &node_type("a"), &ErrorCode::TIMEOUT);
        }
        assert_eq!(counter.read(None).by_tenant().len(), MOST_TENANTS);
        assert_eq!(counter.read(None).total, 10_001 + 2 * MOST_TENANTS as u64);
    }
}
