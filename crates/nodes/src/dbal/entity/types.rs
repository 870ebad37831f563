use super::declaration::ColumnDeclaration;
use crate::dbal::dialect::Dialect;
use crate::dbal::kind::ValueType;

/// The most characters of a text with a bound on MySQL and MariaDB.
pub(super) const MOST_CHARACTERS: u16 = 16_000;

/// The type of a column in a database, as it is written in a statement.
///
/// SQLite's types are chosen so that it keeps what it is given: a decimal in a column that SQLite
/// takes for numeric would become a floating-point number.
pub(super) fn type_name(dialect: Dialect, column: &ColumnDeclaration) -> String {
    match dialect {
        Dialect::Sqlite => sqlite(column).to_owned(),
        Dialect::Postgres => {
            let element = postgres(column);
            match column.list {
                true => format!("{element}[]"),
                false => element,
            }
        }
        Dialect::MySql => mysql(column),
    }
}

fn sqlite(column: &ColumnDeclaration) -> &'static str {
    if column.list {
        return "json_text";
    }
    match column.value_type {
        ValueType::Boolean => "boolean",
        ValueType::Integer => "integer",
        ValueType::Float => "double",
        ValueType::Decimal => "decimal_text",
        ValueType::Text => "text",
        ValueType::Bytes => "blob",
        ValueType::Timestamp => "timestamptz_text",
        ValueType::DateTime => "datetime_text",
        ValueType::Date => "date_text",
        ValueType::Time => "time_text",
        ValueType::Json => "json_text",
        ValueType::Uuid => "uuid_text",
    }
}

fn postgres(column: &ColumnDeclaration) -> String {
    let name = match column.value_type {
        ValueType::Boolean => "boolean",
        ValueType::Integer => "bigint",
        ValueType::Float => "double precision",
        ValueType::Decimal => match column.scale {
            Some(scale) => return format!("numeric({}, {scale})", 38 + u16::from(scale)),
            None => "numeric",
        },
        ValueType::Text => match column.max_length {
            Some(most) => return format!("varchar({most})"),
            None => "text",
        },
        ValueType::Bytes => "bytea",
        ValueType::Timestamp => "timestamptz",
        ValueType::DateTime => "timestamp",
        ValueType::Date => "date",
        ValueType::Time => "time",
        ValueType::Json => "jsonb",
        ValueType::Uuid => "uuid",
    };
    name.to_owned()
}

fn mysql(column: &ColumnDeclaration) -> String {
    if column.list {
        return "json".to_owned();
    }
    let name = match column.value_type {
        ValueType::Boolean => "tinyint(1)",
        ValueType::Integer => "bigint",
        ValueType::Float => "double",
        ValueType::Decimal => {
            let scale = column.scale.unwrap_or(10).min(30);
            return format!("decimal({}, {scale})", u16::from(scale) + 28);
        }
        ValueType::Text => match column.max_length {
            Some(most) => return format!("varchar({})", most.min(MOST_CHARACTERS)),
            None => "longtext",
        },
        ValueType::Bytes => "longblob",
        // Its own type for points in time ends in 2038.
        ValueType::Timestamp | ValueType::DateTime => "datetime(6)",
        ValueType::Date => "date",
        ValueType::Time => "time(6)",
        ValueType::Json => "json",
        ValueType::Uuid => "char(36)",
    };
    name.to_owned()
}
