use std::num::NonZeroU32;

use jackfield_net::Url;
use jackfield_types::{Secret, Span};
use schemars::JsonSchema;
use serde::Deserialize;

use super::DataSourceUrl;
use crate::dbal::entity::EntityDeclaration;

/// A database, how it is reached, and whose rows are in it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DataSourceConfig {
    /// Where it is and who asks: `sqlite:/path/to/file.db`, `postgres://…`, `mysql://…`, or
    /// `{ credential: NAME }`, a credential of the tenant that has the URL.
    pub url: DataSourceUrl,
    /// The same for whoever makes and changes tables. Nothing said: whoever asks does that too,
    /// and could lift the row-level security that stands behind the tenants.
    #[serde(default)]
    pub migration_url: Option<Secret<String>>,
    /// Whose rows are in it.
    #[serde(default)]
    pub rows: RowOwnership,
    /// The column that says whose a row is.
    #[serde(default = "tenant_column")]
    pub tenant_column: String,
    /// What the tenant is signed with towards PostgreSQL, so that nobody who has the role alone
    /// can say that they are another tenant.
    #[serde(default)]
    pub row_security_key: Option<Secret<String>>,
    /// How many connections there are at most.
    #[serde(default = "ten")]
    pub max_connections: NonZeroU32,
    /// How many of them one tenant has at most. Nothing said: half of them.
    #[serde(default)]
    pub max_connections_per_tenant: Option<NonZeroU32>,
    /// How long a call waits for a connection.
    #[serde(default = "ten_seconds")]
    pub acquire_timeout: Span,
    /// How long a connection is kept that nobody uses.
    #[serde(default = "ten_minutes")]
    pub idle_timeout: Span,
    /// How long one statement may take, or wait for a lock.
    #[serde(default = "minute")]
    pub statement_timeout: Span,
    /// The most rows that one call reads or writes.
    #[serde(default = "many")]
    pub max_rows: NonZeroU32,
    /// When the tables of declared entities are made and changed.
    #[serde(default)]
    pub migration: Migration,
    /// Entities that are declared, with what is checked when they are written.
    #[serde(default)]
    pub entities: Vec<EntityDeclaration>,
}

/// Whose rows are in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RowOwnership {
    /// Those of several tenants: strict isolation needs the tenant's column in every table, and
    /// there is no SQL of the tenant's own.
    #[default]
    Shared,
    /// Those of one tenant and of nobody else: the whole database is the tenant's.
    Exclusive,
}

/// When the tables of declared entities are made and changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Migration {
    /// Before the data source is first used.
    #[default]
    OnFirstUse,
    /// When it is asked for, by [`TenantDataSources::migrate`](crate::TenantDataSources::migrate).
    WhenAsked,
}

impl DataSourceConfig {
    /// A database at a URL, with the defaults for all else.
    pub fn new(url: impl Into<String>) -> Self {
        Self::at(DataSourceUrl::Given(Secret::new(url.into())))
    }

    /// A database whose URL is in a credential of the tenant, of the type `database`, with the
    /// defaults for all else.
    pub fn of_credential(name: impl Into<String>) -> Self {
        Self::at(DataSourceUrl::Credential(name.into()))
    }

    fn at(url: DataSourceUrl) -> Self {
        Self {
            url,
            migration_url: None,
            rows: RowOwnership::default(),
            tenant_column: tenant_column(),
            row_security_key: None,
            max_connections: ten(),
            max_connections_per_tenant: None,
            acquire_timeout: ten_seconds(),
            idle_timeout: ten_minutes(),
            statement_timeout: minute(),
            max_rows: many(),
            migration: Migration::default(),
            entities: Vec::new(),
        }
    }

    /// Whether a password or a key is in it.
    pub(super) fn holds_secrets(&self) -> bool {
        let has_password = |url: &str| Url::parse(url).is_ok_and(|url| url.password().is_some());
        self.row_security_key.is_some()
            || self.url.given().is_some_and(has_password)
            || (self.migration_url.as_ref()).is_some_and(|url| has_password(url.expose()))
    }

    /// How many connections one tenant has at most.
    pub(in crate::dbal) fn share(&self) -> usize {
        let half = self.max_connections.get().div_ceil(2);
        let share = self
            .max_connections_per_tenant
            .map_or(half, NonZeroU32::get);
        usize::try_from(share).unwrap_or(usize::MAX)
    }
}

fn tenant_column() -> String {
    "tenant_id".to_owned()
}

fn ten() -> NonZeroU32 {
    const { NonZeroU32::new(10).expect("ten is not zero") }
}

fn many() -> NonZeroU32 {
    const { NonZeroU32::new(10_000).expect("it is not zero") }
}

fn ten_seconds() -> Span {
    Span::from_millis(10_000)
}

fn minute() -> Span {
    Span::from_millis(60_000)
}

fn ten_minutes() -> Span {
    Span::from_millis(600_000)
}
