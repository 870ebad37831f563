use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::read::{EntityError, yaml_or_json};
use crate::dbal::kind::ValueType;

/// An entity, as it is declared in JSON or YAML.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EntityDeclaration {
    /// The name by which nodes know it.
    pub entity: String,
    /// The name of the table; that of the entity if not given.
    #[serde(default)]
    pub table: Option<String>,
    /// The columns, in order.
    pub columns: IndexMap<String, ColumnDeclaration>,
    /// The columns by which a row is told from all others.
    pub primary_key: Vec<String>,
    /// Lists of columns that no two rows of a tenant have alike.
    #[serde(default)]
    pub unique: Vec<Vec<String>>,
    /// Lists of columns that rows are looked up by.
    #[serde(default)]
    pub indexes: Vec<Vec<String>>,
}

/// A column of an entity.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ColumnDeclaration {
    /// What its values are.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// Whether its values are lists of such values.
    #[serde(default)]
    pub list: bool,
    /// Whether every row has a value.
    #[serde(default)]
    pub required: bool,
    /// Whether the database counts it up: whole numbers that are the primary key.
    #[serde(default)]
    pub generated: bool,
    /// The most characters of a text.
    #[serde(default)]
    pub max_length: Option<u16>,
    /// The digits of a decimal behind the point. MySQL and MariaDB keep 10 if nothing is said, the
    /// others as many as were written.
    #[serde(default)]
    pub scale: Option<u8>,
    /// A JSON Schema that values have to meet when they are written. `null` is not checked.
    #[serde(default)]
    pub schema: Option<Value>,
}

impl EntityDeclaration {
    /// Reads a declaration in JSON or YAML.
    ///
    /// # Errors
    /// [`EntityError::Document`] when it is no declaration.
    pub fn read(text: &str) -> Result<Self, EntityError> {
        let value = yaml_or_json(text).map_err(|reason| EntityError::Document { reason })?;
        Self::deserialize(value).map_err(|error| EntityError::Document {
            reason: error.to_string(),
        })
    }
}
