//! Data filters that cannot be talked out of their tenant.
//!
//! A filter is JSON: an object whose keys are fields with conditions, or `and`, `or`, `not`. What
//! a caller asks for becomes one side of an `and` whose other side is the tenant: whatever it
//! says about tenants itself, it can only leave out more. The caller's own filter is not touched.

use jackfield_types::{DataIsolation, TenantId};
use serde_json::{Value, json};

/// The field that says whose a row is.
pub const TENANT_FIELD: &str = "tenantId";

/// Whose data is asked for, and how strictly it is kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IsolationContext<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// Whether the tenant is added to every filter.
    pub isolation: DataIsolation,
}

/// Makes a new filter that lets through what `filter` does, but no row of another tenant. Under
/// relaxed isolation it lets through the same rows.
///
/// No filter at all (`null`) lets through every row of the tenant.
pub fn enforce_data_isolation(context: &IsolationContext<'_>, filter: &Value) -> Value {
    match context.isolation {
        DataIsolation::Relaxed => filter.clone(),
        DataIsolation::Strict => {
            let own = json!({ TENANT_FIELD: { "eq": context.tenant.as_str() } });
            match filter {
                Value::Null => json!({ "and": [own] }),
                filter => json!({ "and": [own, filter] }),
            }
        }
    }
}
