use sea_query::{
    MysqlQueryBuilder, PostgresQueryBuilder, QueryStatementBuilder, SqliteQueryBuilder,
    Value as Bound,
};

use crate::dbal::dialect::Dialect;

/// SQL, and the values that go beside it.
#[derive(Debug, Clone)]
pub(in crate::dbal) struct Statement {
    pub(in crate::dbal) sql: String,
    pub(in crate::dbal) values: Vec<Bound>,
}

impl Statement {
    /// Writes a statement for a database.
    pub(in crate::dbal) fn of(dialect: Dialect, query: &impl QueryStatementBuilder) -> Self {
        let (sql, values) = match dialect {
            Dialect::Sqlite => query.build_any(&SqliteQueryBuilder),
            Dialect::Postgres => query.build_any(&PostgresQueryBuilder),
            Dialect::MySql => query.build_any(&MysqlQueryBuilder),
        };
        Self {
            sql,
            values: values.0,
        }
    }
}
