//! Data sources, as they are written down.
//!
//! What is wrong with a document is said by its place and in words that are always the same: what a
//! parser says of a value shows it, and it may be a URL with a password.

use jackfield_types::TenantId;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::tenant::DataSourcesBuilder;
use super::{DataSourceConfig, DataSourceError};

/// A URL that is right, for trying out the other fields.
const PLACEHOLDER: &str = "sqlite::memory:";

/// Reads a document in JSON or YAML.
pub(super) fn read(text: &str) -> Result<DataSourcesBuilder, DataSourceError> {
    let document = crate::dbal::entity::yaml_or_json(text)
        .map_err(|reason| DataSourceError::Document { reason })?;
    let mut builder = DataSourcesBuilder::default();
    for (part, value) in members("the document", document)? {
        match part.as_str() {
            "shared" => {
                for (name, config) in members("`shared`", value)? {
                    let config = source(&format!("shared.{}", shown(&name)), &config)?;
                    builder = builder.shared(&name, config);
                }
            }
            "tenants" => {
                for (tenant, sources) in members("`tenants`", value)? {
                    let place = format!("tenants.{}", shown(&tenant));
                    let id = TenantId::parse(&tenant).map_err(|source| {
                        let tenant = shown(&tenant).to_owned();
                        DataSourceError::Tenant { tenant, source }
                    })?;
                    for (name, config) in members(&format!("`{place}`"), sources)? {
                        let config = source(&format!("{place}.{}", shown(&name)), &config)?;
                        builder = builder.of_tenant(&id, &name, config);
                    }
                }
            }
            other => {
                let reason = format!("it has `shared` and `tenants`, and no `{}`", shown(other));
                return Err(DataSourceError::Document { reason });
            }
        }
    }
    Ok(builder)
}

fn members(what: &str, value: Value) -> Result<Map<String, Value>, DataSourceError> {
    match value {
        Value::Object(members) => Ok(members),
        // A key with nothing behind it, as YAML has it.
        Value::Null => Ok(Map::new()),
        _ => Err(DataSourceError::Document {
            reason: format!(
                "{what} is no object: `shared` has data sources by their names, `tenants` the same \
                 for each tenant"
            ),
        }),
    }
}

fn source(place: &str, value: &Value) -> Result<DataSourceConfig, DataSourceError> {
    DataSourceConfig::deserialize(value).map_err(|_| DataSourceError::Document {
        reason: misplaced(place, value),
    })
}

/// Where a data source is not what it has to be: each of its fields is tried out by itself.
fn misplaced(place: &str, value: &Value) -> String {
    let Value::Object(fields) = value else {
        return format!("`{place}` is no object with a `url` in it");
    };
    for (name, value) in fields {
        let mut alone = Map::from_iter([("url".to_owned(), PLACEHOLDER.into())]);
        alone.insert(name.clone(), value.clone());
        if DataSourceConfig::deserialize(&Value::Object(alone)).is_err() {
            let name = shown(name);
            return format!(
                "`{place}.{name}` is no field of a data source, or not what that field has to be"
            );
        }
    }
    format!("`{place}` has no `url`")
}

/// A name, if it cannot be anything else. Somebody may have put a URL in its place.
pub(super) fn shown(name: &str) -> &str {
    let may_be_url = name.len() > 100 || name.contains([':', '/', '@']);
    if may_be_url { "…" } else { name }
}
