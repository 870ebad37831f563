use std::collections::HashMap;
use std::time::{Duration, Instant};

use jackfield_types::TenantId;
use parking_lot::Mutex;

/// The most lines of a tenant in a second, of all its calls together.
const MOST_LINES: u32 = 2_000;

/// How long lines are counted.
const WINDOW: Duration = Duration::from_secs(1);

/// How many tenants are counted before those are forgotten that are quiet.
const MANY: usize = 1_024;

/// How many lines each tenant's plugins may still write to the log.
#[derive(Default)]
pub(super) struct LineBudget(Mutex<HashMap<TenantId, Window>>);

struct Window {
    since: Instant,
    lines: u32,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is written.
    Written,
    /// It is the first one that is not.
    Replaced,
    /// It is dropped.
    Dropped,
}

impl LineBudget {
    /// Counts a line that a tenant's plugin writes now.
    pub(super) fn count(&self, tenant: &TenantId, now: Instant) -> Verdict {
        let mut windows = self.0.lock();
        let is_over = |window: &Window| now.saturating_duration_since(window.since) >= WINDOW;
        if let Some(window) = windows.get_mut(tenant) {
            if !is_over(window) {
                window.lines = window.lines.saturating_add(1);
                return match window.lines {
                    ..=MOST_LINES => Verdict::Written,
                    lines if lines == MOST_LINES + 1 => Verdict::Replaced,
                    _ => Verdict::Dropped,
                };
            }
        } else if windows.len() >= MANY {
            windows.retain(|_, window| !is_over(window));
        }
        let window = Window {
            since: now,
            lines: 1,
        };
        windows.insert(tenant.clone(), window);
        Verdict::Written
    }

    /// What stands in the log in the place of those that are dropped.
    pub(super) fn notice() -> String {
        format!("{MOST_LINES} lines of one tenant in a second: what follows is dropped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_that_floods_the_log_is_dropped_for_a_while_and_alone() {
        let budget = LineBudget::default();
        let (acme, globex) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let now = Instant::now();
        let verdicts: Vec<_> = (0..3_000).map(|_| budget.count(&acme, now)).collect();
        let so_many = |verdict| verdicts.iter().filter(|one| **one == verdict).count();
        assert_eq!(so_many(Verdict::Written), 2_000);
        assert_eq!(so_many(Verdict::Replaced), 1);
        assert_eq!(budget.count(&globex, now), Verdict::Written);
        assert_eq!(budget.count(&acme, now + WINDOW), Verdict::Written);
    }

    #[test]
    fn quiet_tenants_are_forgotten() {
        let budget = LineBudget::default();
        let now = Instant::now();
        for number in 0..10_000_u32 {
            let tenant = format!("t{number}").parse().unwrap();
            budget.count(&tenant, now + WINDOW * number);
        }
        assert!(budget.0.lock().len() <= MANY);
    }
}
