use sea_query::{Alias, IntoTableRef, TableRef};

use crate::dbal::kind::Kind;

/// A column.
#[derive(Debug, Clone)]
pub(in crate::dbal) struct Column {
    /// Its name.
    pub(in crate::dbal) name: String,
    /// What its values are.
    pub(in crate::dbal) kind: Kind,
    /// The database's name of its type, ready for a statement.
    pub(in crate::dbal) type_name: String,
    /// Whether it takes `null`.
    pub(in crate::dbal) nullable: bool,
    /// Whether the database counts its values up, for all rows of the table.
    pub(in crate::dbal) counted: bool,
    /// The digits that a decimal keeps behind the point; further ones would be rounded off.
    pub(in crate::dbal) scale: Option<i64>,
    /// The characters that a text keeps.
    pub(in crate::dbal) length: Option<i64>,
    /// Whether the database alone says what is in it.
    pub(in crate::dbal) generated: bool,
}

impl Column {
    /// Whether SQLite makes a number of what looks like one in it, of which it keeps so many digits
    /// as a floating-point number has.
    pub(in crate::dbal) fn is_numeric_to_sqlite(&self) -> bool {
        let name = self.type_name.to_ascii_lowercase();
        let of_text = ["char", "clob", "text", "blob"];
        !of_text.iter().any(|word| name.contains(word))
    }

    /// Whether values of it are the same exactly if they are sent as the same.
    pub(in crate::dbal) fn is_plain(&self) -> bool {
        match self.kind {
            Kind::Integer | Kind::Boolean | Kind::Uuid => true,
            // By the rules of another type they would be the same if their letters are.
            Kind::Text => self.type_name != "citext",
            _ => false,
        }
    }
}

/// A table or a view.
#[derive(Debug, Clone)]
pub(in crate::dbal) struct Table {
    /// The schema, where there are schemas.
    pub(in crate::dbal) schema: Option<String>,
    /// The name.
    pub(in crate::dbal) name: String,
    /// The columns, in order.
    pub(in crate::dbal) columns: Vec<Column>,
    /// The places of the columns of the primary key.
    pub(in crate::dbal) primary_key: Vec<usize>,
    /// The places of the columns of each unique index, that of the primary key included.
    pub(in crate::dbal) unique: Vec<Vec<usize>>,
}

impl Table {
    /// The column of a name.
    pub(in crate::dbal) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The place of the column of a name.
    pub(in crate::dbal) fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The table, as part of a statement.
    pub(in crate::dbal) fn reference(&self) -> TableRef {
        let name = Alias::new(&self.name);
        match &self.schema {
            Some(schema) => (Alias::new(schema), name).into_table_ref(),
            None => name.into_table_ref(),
        }
    }

    /// The columns by which each row is told from all others, if there are such: the primary key,
    /// else a unique index of columns that are never `null`.
    pub(in crate::dbal) fn identity(&self) -> Option<&[usize]> {
        if !self.primary_key.is_empty() {
            return Some(&self.primary_key);
        }
        let never_null = |key: &&Vec<usize>| key.iter().all(|&place| !self.columns[place].nullable);
        self.unique.iter().find(never_null).map(Vec::as_slice)
    }

    /// Whether there is a unique index of exactly these columns.
    pub(in crate::dbal) fn is_unique(&self, places: &[usize]) -> bool {
        self.unique
            .iter()
            .any(|key| key.len() == places.len() && places.iter().all(|place| key.contains(place)))
    }
}
