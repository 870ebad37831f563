//! What a node works on: a table of a data source, on behalf of a tenant.

use std::sync::Arc;

use jackfield_plugin_api::{NodeContext, NodeError};
use jackfield_types::{Capability, ErrorCode};
use sea_query::{Alias, Expr, ExprTrait, Func};
use serde_json::Value;

use super::catalog::{Column, Table, nearest_text};
use super::cell::operand;
use super::dialect::Dialect;
use super::entity::Entity;
use super::filter::{Fields, Filter, Operand, condition};
use super::kind::Kind;
use super::session::{Output, Session};
use super::sources::{Access, Afterwards, DataSource, DataSources, Entry, TenantSession};

/// A table, with a transaction on it.
pub(super) struct Target {
    source: Arc<DataSource>,
    session: TenantSession,
    /// The table, and how statements about it are written.
    pub(super) scope: Scope,
}

/// A table, and whose rows of it are meant.
pub(super) struct Scope {
    pub(super) dialect: Dialect,
    pub(super) entity_name: String,
    pub(super) table: Arc<Table>,
    pub(super) entity: Option<Arc<Entity>>,
    owner: Option<Owner>,
    /// Whether what the database counts up is counted for other tenants, too.
    shares_counters: bool,
}

/// Whose rows they are, under strict isolation.
struct Owner {
    column: String,
    tenant: String,
}

/// Whether every statement is bound to the tenant.
pub(super) fn is_isolated(context: &NodeContext<'_>) -> bool {
    // A filter that lets everything through stays one under relaxed isolation alone.
    !context.grants.isolate(&Value::Null).is_null()
}

/// The data source of a name, of those of the tenant.
pub(super) fn source(
    context: &NodeContext<'_>,
    sources: &DataSources,
    name: &str,
) -> Result<Arc<DataSource>, NodeError> {
    context.grants.check_capability(Capability::Database)?;
    let tenant = sources.tenant(context.tenant);
    tenant.get(name, context.grants)
}

impl Target {
    /// Opens a table.
    pub(super) async fn open(
        context: &NodeContext<'_>,
        sources: &DataSources,
        source_name: &str,
        entity_name: &str,
        access: Access,
    ) -> Result<Self, NodeError> {
        let source = source(context, sources, source_name)?;
        // By the policy that granted the capability: while it waits, another may come into force.
        let is_isolated = is_isolated(context);
        let mut session = source
            .session(context.tenant, access, Afterwards::Kept)
            .await?;
        let Entry { table, entity } = source.table(&mut session.session, entity_name).await?;
        let owner = match is_isolated {
            true => owner(context, &source, &table, entity_name)?,
            false => None,
        };
        let scope = Scope {
            dialect: source.dialect(),
            entity_name: entity_name.to_owned(),
            entity,
            table,
            shares_counters: owner.is_some() && !source.is_exclusive(),
            owner,
        };
        Ok(Self {
            source,
            session,
            scope,
        })
    }

    /// The transaction, and what statements are written by.
    pub(super) fn parts(&mut self) -> (&mut Session, &Scope) {
        (&mut self.session.session, &self.scope)
    }

    /// The most rows that one call reads or writes.
    pub(super) fn max_rows(&self) -> usize {
        usize::try_from(self.source.config().max_rows.get()).unwrap_or(usize::MAX)
    }

    /// Ends the transaction; what was done is permanent.
    pub(super) async fn commit(self) -> Result<(), NodeError> {
        self.session.session.commit().await
    }

    /// Takes note of an error: what is known of the table may be out of date.
    pub(super) fn note(&self, error: NodeError) -> NodeError {
        if error.code() == ErrorCode::UNKNOWN_ENTITY || self.session.session.is_stale() {
            self.source.forget(&self.scope.entity_name);
        }
        error
    }
}

fn owner(
    context: &NodeContext<'_>,
    source: &DataSource,
    table: &Table,
    entity: &str,
) -> Result<Option<Owner>, NodeError> {
    let name = &source.config().tenant_column;
    let refused = |message| Err(NodeError::refused(ErrorCode::TENANT_FORBIDDEN, message));
    match table.column(name) {
        Some(column) if column.kind == Kind::Text => Ok(Some(Owner {
            column: name.clone(),
            tenant: context.tenant.as_str().to_owned(),
        })),
        _ if source.is_exclusive() => Ok(None),
        Some(column) => refused(format!(
            "column `{name}` of entity `{entity}` says whose a row is, and holds {} instead of \
             texts; strict isolation cannot tell whose its rows are",
            column.kind
        )),
        None => refused(format!(
            "entity `{entity}` has no column `{name}`: strict isolation cannot tell whose its rows \
             are; add the column, or give the tenant a data source of its own with \
             `\"rows\": \"exclusive\"`"
        )),
    }
}

impl Scope {
    /// The column of a name.
    pub(super) fn column(&self, name: &str) -> Result<&Column, NodeError> {
        self.table.column(name).ok_or_else(|| {
            let names = self.table.columns.iter().map(|column| column.name.as_str());
            let nearest = nearest_text(name, names);
            let shown: String = name.chars().take(100).collect();
            let message = format!(
                "entity `{}` has no column `{shown}`; {nearest}",
                self.entity_name
            );
            NodeError::permanent(ErrorCode::UNKNOWN_ENTITY, message)
        })
    }

    /// The columns of names; of no names, or of `*`, all but the one that says whose a row is.
    pub(super) fn columns(&self, names: &[String]) -> Result<Vec<&Column>, NodeError> {
        if names.is_empty() || names == ["*"] {
            let all = self.table.columns.iter();
            return Ok(all.filter(|column| !self.is_owner(&column.name)).collect());
        }
        names.iter().map(|name| self.column(name)).collect()
    }

    /// Whether it is the column that says whose a row is, and the engine alone fills it.
    pub(super) fn is_owner(&self, name: &str) -> bool {
        self.owner
            .as_ref()
            .is_some_and(|owner| owner.column == name)
    }

    /// The column that says whose a row is, and what is in it.
    pub(super) fn owner(&self) -> Option<(&str, &str)> {
        let owner = self.owner.as_ref()?;
        Some((&owner.column, &owner.tenant))
    }

    /// Whether the values of a column are counted up for all tenants, so that none may choose one:
    /// who takes the numbers that come next, or the last one, takes them from the others.
    pub(super) fn is_counted_for_all(&self, column: &Column) -> bool {
        self.shares_counters && column.counted
    }

    /// Which rows are meant: those of the filter, and of those the tenant's own.
    pub(super) fn rows(&self, filter: Option<&Filter>) -> Result<Option<Expr>, NodeError> {
        let asked = filter
            .map(|filter| condition(self.dialect, filter, self))
            .transpose()?;
        Ok(match (self.own_rows(), asked) {
            (Some(own), Some(asked)) => Some(own.and(asked)),
            (own, asked) => own.or(asked),
        })
    }

    /// The tenant's own rows, if they are told apart.
    pub(super) fn own_rows(&self) -> Option<Expr> {
        let owner = self.owner.as_ref()?;
        Some(self.is_owned(owner, || Expr::col(Alias::new(&owner.column))))
    }

    /// The same in the update of an upsert, where a column could be that of the new row.
    pub(super) fn own_rows_of_table(&self) -> Option<Expr> {
        let owner = self.owner.as_ref()?;
        let column = || Expr::col((Alias::new(&self.table.name), Alias::new(&owner.column)));
        Some(self.is_owned(owner, column))
    }

    /// The first comparison is for the index; the second holds whatever the database takes for
    /// equal, such as letters of another case.
    fn is_owned(&self, owner: &Owner, column: impl Fn() -> Expr) -> Expr {
        let tenant = || Expr::val(owner.tenant.as_str());
        let plain = column().eq(tenant());
        let exact = match self.dialect {
            Dialect::Sqlite => {
                let bytes = |value: Expr| value.cast_as(Alias::new("BLOB"));
                bytes(column()).eq(bytes(tenant()))
            }
            Dialect::MySql => {
                let bytes = |value: Expr| value.cast_as(Alias::new("BINARY"));
                bytes(column()).eq(bytes(tenant()))
            }
            Dialect::Postgres => {
                let bytes = |value: Expr| {
                    let text = value.cast_as(Alias::new("text"));
                    Func::cust(Alias::new("convert_to")).arg(text).arg("UTF8")
                };
                Expr::from(bytes(column())).eq(bytes(tenant()))
            }
        };
        plain.and(exact)
    }

    /// A column, as it is selected.
    pub(super) fn selected(&self, column: &Column) -> Expr {
        self.sent(Expr::col(Alias::new(&column.name)), &column.kind)
    }

    /// Values of a kind, as they are sent.
    pub(super) fn sent(&self, values: Expr, kind: &Kind) -> Expr {
        // How some are sent is known to PostgreSQL alone.
        let readable = match kind {
            _ if self.dialect != Dialect::Postgres => return values,
            Kind::Other => "text",
            Kind::Array(element) if **element == Kind::Other => "text[]",
            _ => return values,
        };
        values.cast_as(Alias::new(readable))
    }

    /// A column, as it comes out.
    pub(super) fn output(&self, column: &Column) -> Output {
        Output {
            name: Some(column.name.clone()),
            kind: Some(column.kind.clone()),
        }
    }
}

impl Fields for Scope {
    fn operand(&self, name: &str) -> Result<Operand, NodeError> {
        let column = self.column(name)?;
        Ok(Operand {
            expression: operand(self.dialect, column),
            column: column.clone(),
        })
    }
}
