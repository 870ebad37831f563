use std::collections::HashSet;

use jackfield_types::ValidationIssue;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::dbal::filter::Filter;
use crate::dbal::read::MAX_FIELDS;

/// Parameters of `dbal-write`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WriteParams {
    /// The data source.
    #[serde(default = "crate::dbal::default_source")]
    pub(super) data_source: String,
    /// The entity: a table, or what is declared as one.
    pub(super) entity: String,
    /// What is done.
    #[serde(default)]
    pub(super) operation: Operation,
    /// The values of a row, or a list of rows; the item itself if it is not given.
    #[serde(default)]
    pub(super) values: Option<Value>,
    /// Which rows are changed, with `update`.
    #[serde(default)]
    pub(super) filter: Option<Filter>,
    /// Whether an `update` without a filter changes every row.
    #[serde(default)]
    pub(super) all: bool,
    /// The columns by which `upsert` knows a row again.
    #[serde(default)]
    pub(super) conflict: Vec<String>,
    /// What `upsert` does with a row that is there.
    #[serde(default)]
    pub(super) on_conflict: OnConflict,
    /// The fields of the rows that come out; without it their number does.
    #[serde(default)]
    pub(super) returning: Option<Vec<String>>,
}

/// What is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Operation {
    /// Rows are created.
    #[default]
    Create,
    /// Rows are changed.
    Update,
    /// Rows that are there are changed, the others created.
    Upsert,
}

/// What is done with a row that is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum OnConflict {
    /// It gets the values.
    #[default]
    Update,
    /// It stays as it is.
    Nothing,
}

impl WriteParams {
    /// Whether both can be done by one call.
    pub(super) fn goes_with(&self, other: &Self) -> bool {
        self.data_source == other.data_source
            && self.entity == other.entity
            && self.operation == other.operation
            && self.conflict == other.conflict
            && self.on_conflict == other.on_conflict
            && self.returning == other.returning
    }

    pub(super) fn check(&self) -> Vec<ValidationIssue> {
        let mut issues = Vec::new();
        let mut wrong = |path: &str, message: &str| {
            issues.push(ValidationIssue::parameter(path, message));
        };
        if self.entity.is_empty() {
            wrong("/entity", "the name of a table or of a declared entity");
        }
        let is_update = self.operation == Operation::Update;
        let reaches_all = self.filter.as_ref().is_none_or(Filter::is_everything);
        if is_update && reaches_all && !self.all {
            wrong(
                "/filter",
                "without a filter every row would be changed; set `\"all\": true` if that is meant",
            );
        }
        if !is_update && self.filter.is_some() {
            wrong("/filter", "it is for `\"operation\": \"update\"`");
        }
        if self
            .returning
            .as_ref()
            .is_some_and(|fields| fields.len() > MAX_FIELDS)
        {
            wrong("/returning", "at most 1000 fields");
        }
        let names: HashSet<&String> = self.conflict.iter().collect();
        if names.len() < self.conflict.len() {
            wrong("/conflict", "each column once");
        }
        let is_upsert = self.operation == Operation::Upsert;
        if is_upsert && self.conflict.is_empty() {
            wrong(
                "/conflict",
                "`upsert` needs the columns by which it knows a row again",
            );
        }
        if !is_upsert && !self.conflict.is_empty() {
            wrong("/conflict", "it is for `\"operation\": \"upsert\"`");
        }
        match &self.values {
            None | Some(Value::Object(_)) => {}
            Some(Value::Array(rows)) if !is_update && rows.iter().all(Value::is_object) => {}
            Some(_) if is_update => wrong("/values", "an object"),
            Some(_) => wrong("/values", "an object, or a list of objects"),
        }
        issues
    }
}
