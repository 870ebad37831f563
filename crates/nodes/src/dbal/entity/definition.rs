use indexmap::IndexMap;
use jackfield_types::Object;
use jsonschema::Validator;
use serde_json::Value;

use super::declaration::{ColumnDeclaration, EntityDeclaration};
use super::read::{EntityError, is_identifier};
use crate::dbal::cell::shown;
use crate::dbal::kind::{Kind, ValueType};
use crate::dbal::sources::{DataSourceConfig, RowOwnership};
use crate::dbal::text;

const MAX_COLUMNS: usize = 500;

/// An entity whose declaration holds together.
pub(in crate::dbal) struct Entity {
    pub(in crate::dbal) table: String,
    pub(in crate::dbal) columns: IndexMap<String, EntityColumn>,
    pub(in crate::dbal) primary_key: Vec<String>,
    pub(in crate::dbal) unique: Vec<Vec<String>>,
    pub(in crate::dbal) indexes: Vec<Vec<String>>,
    /// The column that says whose a row is, if rows of several tenants are in it.
    pub(in crate::dbal) tenant_column: Option<String>,
}

/// A column of it.
pub(in crate::dbal) struct EntityColumn {
    pub(in crate::dbal) declaration: ColumnDeclaration,
    pub(in crate::dbal) kind: Kind,
    schema: Option<Validator>,
}

impl Entity {
    pub(in crate::dbal) fn new(
        declaration: &EntityDeclaration,
        config: &DataSourceConfig,
    ) -> Result<Self, EntityError> {
        let table = declaration.table.as_ref().unwrap_or(&declaration.entity);
        let name_of = |name: &str| match is_identifier(name) {
            true => Ok(name.to_owned()),
            false => Err(EntityError::Name {
                name: name.chars().take(100).collect(),
            }),
        };
        name_of(&declaration.entity)?;
        let tenant_column =
            (config.rows == RowOwnership::Shared).then(|| config.tenant_column.clone());
        let count = declaration.columns.len();
        if !(1..=MAX_COLUMNS).contains(&count) {
            return Err(EntityError::Columns { count });
        }
        let mut columns = IndexMap::with_capacity(count);
        for (name, column) in &declaration.columns {
            name_of(name)?;
            if Some(name) == tenant_column.as_ref() {
                return Err(EntityError::TenantColumn { name: name.clone() });
            }
            columns.insert(name.clone(), EntityColumn::new(name, column)?);
        }
        if declaration.primary_key.is_empty() {
            return Err(EntityError::NoPrimaryKey);
        }
        let lists = [
            (
                "`primaryKey`",
                std::slice::from_ref(&declaration.primary_key),
            ),
            ("`unique`", &declaration.unique),
            ("`indexes`", &declaration.indexes),
        ];
        for (place, lists) in lists {
            for name in lists.iter().flatten() {
                let column = columns
                    .get(name)
                    .ok_or_else(|| EntityError::UnknownColumn {
                        place,
                        name: name.clone(),
                    })?;
                column.check_key(name)?;
            }
        }
        for (name, column) in &columns {
            let is_number =
                declaration.primary_key == [name.as_str()] && column.kind == Kind::Integer;
            if column.declaration.generated && !is_number {
                return Err(EntityError::Generated { name: name.clone() });
            }
        }
        Ok(Self {
            table: name_of(table)?,
            columns,
            primary_key: declaration.primary_key.clone(),
            unique: declaration.unique.clone(),
            indexes: declaration.indexes.clone(),
            tenant_column,
        })
    }

    /// Checks a row before it is written: what its columns are declared as, and, of a row that is
    /// new, whether everything required is there.
    pub(in crate::dbal) fn check(&self, row: &Object, is_new: bool) -> Result<(), String> {
        for (name, column) in &self.columns {
            let declared = &column.declaration;
            let value = row.get(name);
            let is_missing = value.map_or(is_new, Value::is_null);
            if declared.required && is_missing && !declared.generated {
                return Err(format!("column `{name}` is required"));
            }
            let Some(value) = value.filter(|value| !value.is_null()) else {
                continue;
            };
            if let (Some(most), Some(text)) = (declared.max_length, value.as_str()) {
                let length = text.chars().count();
                if length > usize::from(most) {
                    return Err(format!(
                        "column `{name}` has at most {most} characters, not {length}"
                    ));
                }
            }
            if let Some(scale) = declared.scale
                && let Some(value) = unfitting(&column.kind, scale, value)
            {
                return Err(format!(
                    "column `{name}` has at most {scale} digits behind the point, unlike {}; \
                     nothing is rounded off",
                    shown(value)
                ));
            }
            if let Some(schema) = &column.schema
                && let Err(error) = schema.validate(value)
            {
                let text: String = error.to_string().chars().take(300).collect();
                return Err(format!("column `{name}`: {text}"));
            }
        }
        Ok(())
    }
}

/// The decimal that has more digits behind the point than are kept.
fn unfitting<'v>(kind: &Kind, scale: u8, value: &'v Value) -> Option<&'v Value> {
    let text = match (kind, value) {
        (Kind::Array(element), Value::Array(values)) => {
            let mut values = values.iter();
            return values.find_map(|value| match value {
                Value::Array(_) => unfitting(kind, scale, value),
                value => unfitting(element, scale, value),
            });
        }
        (Kind::Decimal, Value::String(text)) => text.clone(),
        (Kind::Decimal, Value::Number(number)) => number.to_string(),
        _ => return None,
    };
    let (behind, _) = text::decimal_digits(&text)?;
    (behind > i64::from(scale)).then_some(value)
}

impl EntityColumn {
    fn new(name: &str, declaration: &ColumnDeclaration) -> Result<Self, EntityError> {
        let kind = Kind::from(declaration.value_type);
        let kind = match declaration.list {
            true => Kind::Array(Box::new(kind)),
            false => kind,
        };
        let schema = declaration.schema.as_ref().map(|schema| {
            // Nothing is fetched: whoever declares entities decides what they refer to.
            jsonschema::options()
                .build(schema)
                .map_err(|error| EntityError::Schema {
                    name: name.to_owned(),
                    reason: error.to_string(),
                })
        });
        Ok(Self {
            kind,
            schema: schema.transpose()?,
            declaration: declaration.clone(),
        })
    }

    fn check_key(&self, name: &str) -> Result<(), EntityError> {
        let wrong = |reason| EntityError::Key {
            name: name.to_owned(),
            reason,
        };
        match self.kind {
            Kind::Json | Kind::Array(_) => Err(wrong("it holds JSON or lists")),
            Kind::Bytes => Err(wrong("it holds bytes")),
            _ if self.declaration.value_type == ValueType::Text
                && self.declaration.max_length.is_none_or(|most| most > 190) =>
            {
                Err(wrong("it is a text without a `maxLength` of at most 190"))
            }
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for Entity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entity")
            .field("table", &self.table)
            .field("columns", &self.columns.keys())
            .finish_non_exhaustive()
    }
}
