use jackfield_plugin_api::NodeError;

use super::table::{Column, Table};
use crate::dbal::kind::Kind;
use crate::dbal::session::{Session, number_of, text_of};

const FIND: &str = "SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES \
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? LIMIT 1";
const NAMES: &str = "SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES \
    WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME LIMIT 4096";
const COLUMNS: &str = "SELECT CAST(COLUMN_NAME AS CHAR), CAST(LOWER(DATA_TYPE) AS CHAR), \
    CAST(LOWER(COLUMN_TYPE) AS CHAR), IS_NULLABLE = 'YES', \
    EXTRA LIKE '%auto_increment%', \
    EXTRA LIKE '%GENERATED%' AND EXTRA NOT LIKE '%DEFAULT_GENERATED%', \
    CAST(IF(LOWER(DATA_TYPE) = 'decimal', NUMERIC_SCALE, NULL) AS CHAR), \
    CAST(CHARACTER_MAXIMUM_LENGTH AS CHAR) \
    FROM information_schema.COLUMNS \
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION";
const UNIQUE: &str = "SELECT CAST(INDEX_NAME AS CHAR), CAST(COLUMN_NAME AS CHAR), \
    SUB_PART IS NOT NULL FROM information_schema.STATISTICS \
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND NON_UNIQUE = 0 \
    ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX";
/// MariaDB keeps JSON as text with a check.
const JSON_CHECKS: &str = "SELECT CAST(CHECK_CLAUSE AS CHAR) \
    FROM information_schema.CHECK_CONSTRAINTS \
    WHERE CONSTRAINT_SCHEMA = DATABASE() AND TABLE_NAME = ? AND CHECK_CLAUSE LIKE 'json_valid(%'";

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
    let name = text_of(found, 0);
    let mut columns = Vec::new();
    for row in session.fixed(COLUMNS, &[&name]).await? {
        let (type_name, full_type) = (text_of(&row, 1), text_of(&row, 2));
        columns.push(Column {
            name: text_of(&row, 0),
            kind: kind(&type_name, &full_type),
            type_name,
            nullable: number_of(&row, 3) == 1,
            counted: number_of(&row, 4) == 1,
            generated: number_of(&row, 5) == 1,
            scale: text_of(&row, 6).parse().ok(),
            length: text_of(&row, 7).parse().ok(),
        });
    }
    if session.is_mariadb() {
        for row in session.fixed(JSON_CHECKS, &[&name]).await? {
            let clause = text_of(&row, 0);
            let column = columns
                .iter_mut()
                .find(|column| clause == format!("json_valid(`{}`)", column.name));
            if let Some(column) = column {
                column.kind = Kind::Json;
            }
        }
    }
    let mut primary_key = Vec::new();
    let mut indexes: Vec<(String, Option<Vec<usize>>)> = Vec::new();
    for row in session.fixed(UNIQUE, &[&name]).await? {
        let (index, column) = (text_of(&row, 0), text_of(&row, 1));
        let is_whole = number_of(&row, 2) == 0;
        let place = columns
            .iter()
            .position(|other| is_whole && other.name == column);
        if index == "PRIMARY" {
            primary_key.extend(place);
        }
        match indexes.last_mut().filter(|(last, _)| *last == index) {
            Some((_, places)) => match (places, place) {
                (Some(places), Some(place)) => places.push(place),
                (places, _) => *places = None,
            },
            None => indexes.push((index, place.map(|place| vec![place]))),
        }
    }
    Ok(Some(Table {
        schema: None,
        name,
        columns,
        primary_key,
        unique: indexes
            .into_iter()
            .filter_map(|(_, places)| places)
            .collect(),
    }))
}

fn kind(type_name: &str, full_type: &str) -> Kind {
    match type_name {
        "tinyint" if full_type.starts_with("tinyint(1)") => Kind::Boolean,
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" | "bit" => Kind::Integer,
        "float" | "double" => Kind::Float,
        "decimal" => Kind::Decimal,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => Kind::Text,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Kind::Bytes,
        "timestamp" => Kind::Timestamp,
        "datetime" => Kind::DateTime,
        "date" => Kind::Date,
        "time" => Kind::Time,
        "json" => Kind::Json,
        "uuid" => Kind::Uuid,
        _ => Kind::Other,
    }
}
