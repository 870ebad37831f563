use jackfield_plugin_api::NodeError;

use super::table::{Column, Table};
use crate::dbal::kind::Kind;
use crate::dbal::session::{Session, number_of, text_of};

const FIND: &str = "SELECT name, type, sql LIKE '%autoincrement%' FROM sqlite_master \
    WHERE type IN ('table', 'view') AND name = ? AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
const NAMES: &str = "SELECT name FROM sqlite_master \
    WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
    ORDER BY name LIMIT 4096";
const COLUMNS: &str = "SELECT name, type, \"notnull\", pk, hidden \
    FROM pragma_table_xinfo(?) ORDER BY cid";
const UNIQUE: &str = "SELECT i.name, c.cid FROM pragma_index_list(?) i \
    JOIN pragma_index_info(i.name) c WHERE i.\"unique\" = 1 AND i.partial = 0 \
    ORDER BY i.seq, c.seqno";

pub(super) async fn table_names(session: &mut Session) -> Result<Vec<String>, NodeError> {
    let rows = session.fixed(NAMES, &[]).await?;
    Ok(rows.iter().map(|row| text_of(row, 0)).collect())
}

pub(super) async fn read_table(
    session: &mut Session,
    name: &str,
) -> Result<Option<Table>, NodeError> {
    let found = session.fixed(FIND, &[name]).await?;
    let Some(found) = found.first() else {
        return Ok(None);
    };
    let is_view = text_of(found, 1) == "view";
    let is_counted = number_of(found, 2) == 1;
    let mut columns = Vec::new();
    let mut keyed: Vec<(i64, usize)> = Vec::new();
    // Columns that are hidden are left out, and have numbers all the same.
    let mut places: Vec<Option<usize>> = Vec::new();
    for row in session.fixed(COLUMNS, &[name]).await? {
        let (key, hidden) = (number_of(&row, 3), number_of(&row, 4));
        if hidden == 1 {
            places.push(None);
            continue;
        }
        let type_name = text_of(&row, 1);
        if key > 0 {
            keyed.push((key, columns.len()));
        }
        places.push(Some(columns.len()));
        columns.push(Column {
            name: text_of(&row, 0),
            kind: kind(&type_name),
            // The key of a table without row ids is never null either.
            nullable: number_of(&row, 2) == 0 && key == 0,
            counted: false,
            // It heeds neither.
            scale: None,
            length: None,
            generated: hidden > 1,
            type_name,
        });
    }
    keyed.sort_unstable();
    let primary_key: Vec<usize> = keyed.into_iter().map(|(_, place)| place).collect();
    if let [only] = primary_key[..]
        && columns[only].type_name.eq_ignore_ascii_case("integer")
    {
        // The number of the row. Without the word it follows the largest that is there, and if that
        // is the largest of all, any that is free.
        columns[only].counted = is_counted;
    }
    let mut unique: Vec<Vec<usize>> = Vec::new();
    if !primary_key.is_empty() {
        unique.push(primary_key.clone());
    }
    if !is_view {
        let rows = session.fixed(UNIQUE, &[name]).await?;
        let mut indexes: Vec<(String, Option<Vec<usize>>)> = Vec::new();
        for row in rows {
            let index = text_of(&row, 0);
            // An expression has no column.
            let place = usize::try_from(number_of(&row, 1))
                .ok()
                .and_then(|cid| places.get(cid).copied().flatten());
            match indexes.last_mut().filter(|(name, _)| *name == index) {
                Some((_, key)) => match (key, place) {
                    (Some(key), Some(place)) => key.push(place),
                    (key, _) => *key = None,
                },
                None => indexes.push((index, place.map(|place| vec![place]))),
            }
        }
        unique.extend(indexes.into_iter().filter_map(|(_, key)| key));
    }
    Ok(Some(Table {
        schema: None,
        name: text_of(found, 0),
        columns,
        primary_key,
        unique,
    }))
}

/// The kind that a declared type stands for. SQLite itself keeps what it is given.
fn kind(type_name: &str) -> Kind {
    let name = type_name.to_ascii_lowercase();
    let begins = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
    if begins(&["bool"]) {
        Kind::Boolean
    } else if begins(&["decimal", "numeric", "money"]) {
        Kind::Decimal
    } else if begins(&["timestamptz", "timestamp_with_time", "timestamp with time"]) {
        Kind::Timestamp
    } else if begins(&["timestamp", "datetime"]) {
        Kind::DateTime
    } else if begins(&["date"]) {
        Kind::Date
    } else if begins(&["time"]) {
        Kind::Time
    } else if begins(&["json"]) {
        Kind::Json
    } else if begins(&["uuid"]) {
        Kind::Uuid
    } else if name.contains("int") {
        Kind::Integer
    } else if ["char", "clob", "text"]
        .iter()
        .any(|word| name.contains(word))
    {
        Kind::Text
    } else if name.contains("blob") {
        Kind::Bytes
    } else if ["real", "floa", "doub"]
        .iter()
        .any(|word| name.contains(word))
    {
        Kind::Float
    } else {
        Kind::Other
    }
}
