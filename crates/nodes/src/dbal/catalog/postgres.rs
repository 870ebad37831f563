use jackfield_plugin_api::NodeError;

use super::table::{Column, Table};
use crate::dbal::kind::Kind;
use crate::dbal::session::{Session, number_of, text_of};

const FIND: &str = "SELECT c.oid::bigint, n.nspname::text, c.relname::text \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relname = $1 AND n.nspname = ANY (current_schemas(false)) \
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') \
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
    ORDER BY array_position(current_schemas(false), n.nspname) LIMIT 1";
const FIND_IN_SCHEMA: &str = "SELECT c.oid::bigint, n.nspname::text, c.relname::text \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relname = $2 AND n.nspname = $1 \
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') \
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f') LIMIT 1";
const NAMES: &str = "SELECT CASE WHEN n.nspname = ANY (current_schemas(false)) \
    THEN c.relname::text ELSE n.nspname || '.' || c.relname END \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') \
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
    AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1 LIMIT 4096";
const COLUMNS: &str = "SELECT a.attname::text, pg_catalog.format_type(a.atttypid, -1), \
    b.typname::text, coalesce(e.typname::text, ''), \
    CASE WHEN a.attnotnull THEN 1 ELSE 0 END::bigint, \
    CASE WHEN a.attidentity <> '' OR pg_catalog.pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%' \
    THEN 1 ELSE 0 END::bigint, \
    CASE WHEN a.attgenerated <> '' OR a.attidentity = 'a' THEN 1 ELSE 0 END::bigint, \
    a.attnum::bigint, \
    CASE WHEN 'numeric' IN (b.typname, e.typname) AND m.modifier >= 4 \
    THEN ((((m.modifier - 4) & 2047) # 1024) - 1024)::text END, \
    CASE WHEN b.typname IN ('varchar', 'bpchar') AND m.modifier >= 4 \
    THEN (m.modifier - 4)::text END \
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
    JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END \
    CROSS JOIN LATERAL (SELECT CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END) \
    AS m (modifier) \
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
    LEFT JOIN pg_catalog.pg_type e ON b.typcategory = 'A' AND e.oid = b.typelem \
    WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
const UNIQUE: &str = "SELECT i.indexrelid::bigint, k.attnum::bigint, \
    CASE WHEN i.indisprimary THEN 1 ELSE 0 END::bigint \
    FROM pg_catalog.pg_index i \
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place) \
    WHERE i.indrelid = $1::bigint::oid AND i.indisunique AND i.indisvalid \
    AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts \
    ORDER BY i.indisprimary DESC, i.indexrelid, k.place";

pub(super) async fn table_names(session: &mut Session) -> Result<Vec<String>, NodeError> {
    let rows = session.fixed(NAMES, &[]).await?;
    Ok(rows.iter().map(|row| text_of(row, 0)).collect())
}

pub(super) async fn read_table(
    session: &mut Session,
    name: &str,
) -> Result<Option<Table>, NodeError> {
    // A table whose name has a dot comes before one in a schema.
    let mut found = session.fixed(FIND, &[name]).await?;
    if found.is_empty()
        && let Some((schema, name)) = name.split_once('.')
    {
        found = session.fixed(FIND_IN_SCHEMA, &[schema, name]).await?;
    }
    let Some(found) = found.first() else {
        return Ok(None);
    };
    let oid = number_of(found, 0).to_string();
    let mut columns = Vec::new();
    let mut numbers = Vec::new();
    for row in session.fixed(COLUMNS, &[&oid]).await? {
        let (base, element) = (text_of(&row, 2), text_of(&row, 3));
        let kind = match element.as_str() {
            "" => kind(&base),
            element => Kind::Array(Box::new(kind(element))),
        };
        numbers.push(number_of(&row, 7));
        columns.push(Column {
            name: text_of(&row, 0),
            kind,
            type_name: text_of(&row, 1),
            nullable: number_of(&row, 4) == 0,
            counted: number_of(&row, 5) == 1,
            generated: number_of(&row, 6) == 1,
            scale: text_of(&row, 8).parse().ok(),
            length: text_of(&row, 9).parse().ok(),
        });
    }
    let mut primary_key = Vec::new();
    let mut indexes: Vec<(i64, Vec<usize>)> = Vec::new();
    for row in session.fixed(UNIQUE, &[&oid]).await? {
        let index = number_of(&row, 0);
        let number = number_of(&row, 1);
        let Some(place) = numbers.iter().position(|&other| other == number) else {
            continue;
        };
        if number_of(&row, 2) == 1 {
            primary_key.push(place);
        }
        match indexes.last_mut() {
            Some((last, places)) if *last == index => places.push(place),
            _ => indexes.push((index, vec![place])),
        }
    }
    Ok(Some(Table {
        schema: Some(text_of(found, 1)),
        name: text_of(found, 2),
        columns,
        primary_key,
        unique: indexes.into_iter().map(|(_, places)| places).collect(),
    }))
}

fn kind(type_name: &str) -> Kind {
    match type_name {
        "bool" => Kind::Boolean,
        "int2" | "int4" | "int8" => Kind::Integer,
        "float4" | "float8" => Kind::Float,
        "numeric" => Kind::Decimal,
        "text" | "varchar" | "bpchar" | "name" | "citext" => Kind::Text,
        "bytea" => Kind::Bytes,
        "timestamptz" => Kind::Timestamp,
        "timestamp" => Kind::DateTime,
        "date" => Kind::Date,
        "time" => Kind::Time,
        "json" | "jsonb" => Kind::Json,
        "uuid" => Kind::Uuid,
        _ => Kind::Other,
    }
}
