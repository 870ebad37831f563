use serde_json::Value;

/// The largest document that is read.
const MAX_SIZE: usize = 1 << 20;

/// What is wrong with the declaration of an entity.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntityError {
    /// It cannot be read.
    #[error("it cannot be read: {reason}")]
    Document {
        /// Why not.
        reason: String,
    },
    /// There are two of the same name.
    #[error("it is declared twice")]
    Duplicate,
    /// A name is not made as names in databases are.
    #[error(
        "`{name}` is no name that every database takes: letters of ASCII, digits and `_`, not a digit first, at most 63, and not beginning with `jackfield_`"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// The column that says whose a row is belongs to the engine.
    #[error("column `{name}` says whose a row is; it is added by itself")]
    TenantColumn {
        /// The column.
        name: String,
    },
    /// There are too few or too many columns.
    #[error("it has {count} columns, and there are 1 to 500")]
    Columns {
        /// How many.
        count: usize,
    },
    /// A key or an index names a column that is not there.
    #[error("{place} names column `{name}`, which is not there")]
    UnknownColumn {
        /// What names it.
        place: &'static str,
        /// The column.
        name: String,
    },
    /// There is no primary key.
    #[error("it has no primary key")]
    NoPrimaryKey,
    /// A key or an index is of a column that none can be made of.
    #[error("column `{name}` cannot be in a key or an index: {reason}")]
    Key {
        /// The column.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// Only the one whole number that is the primary key can be counted up.
    #[error("column `{name}` is generated, and is not the one whole number of the primary key")]
    Generated {
        /// The column.
        name: String,
    },
    /// The schema of a column is none.
    #[error("the schema of column `{name}` is no JSON Schema: {reason}")]
    Schema {
        /// The column.
        name: String,
        /// Why not.
        reason: String,
    },
}

/// Reads a document in JSON, or else in YAML.
pub(in crate::dbal) fn yaml_or_json(text: &str) -> Result<Value, String> {
    if text.len() > MAX_SIZE {
        return Err(format!("it has more than {MAX_SIZE} bytes"));
    }
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    // What the parser says of it shows the text, in which there may be secrets.
    serde_saphyr::from_str(text).map_err(|error| match error.location() {
        Some(place) => format!(
            "it is no valid YAML at line {}, column {}",
            place.line(),
            place.column()
        ),
        None => "it is no valid YAML".to_owned(),
    })
}

/// Whether a name is one that every database takes as it is.
pub(in crate::dbal) fn is_identifier(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name
            .to_ascii_lowercase()
            .starts_with(crate::dbal::catalog::OWN_PREFIX)
        && !name.to_ascii_lowercase().starts_with("sqlite_")
}
