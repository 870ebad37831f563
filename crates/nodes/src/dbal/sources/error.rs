use jackfield_types::TenantId;

use crate::dbal::entity::EntityError;

/// Why data sources cannot be configured as they are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataSourceError {
    /// The name is no name of a data source.
    #[error("`{name}` is no name of a data source: letters, digits, `-` and `_`, at most 64")]
    Name {
        /// The name.
        name: String,
    },
    /// The URL is not of a database that is known. It is not shown.
    #[error("the {what} of data source `{name}` is no URL of SQLite, PostgreSQL, MySQL or MariaDB")]
    Url {
        /// The data source.
        name: String,
        /// Which URL.
        what: &'static str,
    },
    /// It is there twice.
    #[error("data source `{name}` is configured twice for the same tenant")]
    Duplicate {
        /// The data source.
        name: String,
    },
    /// It is said to be one tenant's alone, and all tenants have it.
    #[error("data source `{name}` has the rows of one tenant only, and is shared by all")]
    ExclusiveAndShared {
        /// The data source.
        name: String,
    },
    /// Its URL is in a credential, which belongs to one tenant, and all tenants have it.
    #[error(
        "the URL of data source `{name}` is in a credential, which one tenant has, and the data source is shared by all; give it to tenants"
    )]
    SharedCredential {
        /// The data source.
        name: String,
    },
    /// Its URL is in a credential, and it is to be migrated by somebody else.
    #[error(
        "the URL of data source `{name}` is in a credential, so nobody else makes its tables: it takes neither `migrationUrl` nor the migration `whenAsked`"
    )]
    MigrationByCredential {
        /// The data source.
        name: String,
    },
    /// The database belongs to one tenant and to nobody else, and somebody else has it, too.
    #[error(
        "data source `{name}` says that the rows of its database are those of tenant `{tenant}` only, and data source `{other}` of {owner} leads to the same database; leave `rows: exclusive` out, or give them databases of their own"
    )]
    NotExclusive {
        /// The data source.
        name: String,
        /// Whose it is.
        tenant: TenantId,
        /// The other data source.
        other: String,
        /// Whose that is.
        owner: String,
    },
    /// The key that tenants are signed with can be guessed.
    #[error(
        "the `rowSecurityKey` of data source `{name}` has {length} bytes, and needs at least {least}; `openssl rand -base64 32` makes one"
    )]
    RowSecurityKey {
        /// The data source.
        name: String,
        /// How many it has.
        length: usize,
        /// How many it needs.
        least: usize,
    },
    /// The name of the tenant's column is no name of a column.
    #[error("the tenant's column of data source `{name}` has no valid name")]
    TenantColumn {
        /// The data source.
        name: String,
    },
    /// A declared entity breaks a rule.
    #[error("entity `{entity}` of data source `{name}`")]
    Entity {
        /// The data source.
        name: String,
        /// The entity.
        entity: String,
        /// The rule.
        #[source]
        source: EntityError,
    },
    /// The document is not what it has to be.
    #[error("the configuration of data sources cannot be read: {reason}")]
    Document {
        /// What is wrong with it.
        reason: String,
    },
    /// A key of the document is no tenant.
    #[error("`{tenant}` is no tenant")]
    Tenant {
        /// The key.
        tenant: String,
        /// Why not.
        #[source]
        source: <TenantId as std::str::FromStr>::Err,
    },
}
