//! Row-level security of PostgreSQL, which stands behind the filters: the database itself shows and
//! takes no row but those of the tenant on whose behalf the transaction runs.
//!
//! The transaction says the tenant by the setting `app.tenant`. With a key the setting is signed,
//! and the function that reads it believes no other: then not even who has the role of the nodes,
//! and SQL of their own, can say that they are somebody else. The key is kept in a table that only
//! the role of the migration reads, so the nodes need another role than that.

use hmac::{Hmac, KeyInit, Mac};
use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, TenantId};
use sea_query::Value as Bound;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::dbal::session::{Session, Statement, text_of};

/// Says the tenant for the rest of the transaction, and asks by what number it can be ended.
pub(in crate::dbal) const SET_TENANT: &str =
    "SELECT set_config('app.tenant', $1, true), pg_backend_pid()";

const IS_THERE: &str = "SELECT to_regprocedure('jackfield_tenant()') IS NOT NULL";

/// Whether the database believes the transaction; whether it would believe any; whether the role,
/// or one that it can take on, gets at the key; whether row-level security is none of its
/// business; whether the function, a table that is protected, or the schema of one is its own, so
/// that it can make another function or lift the protection; and whether a table lets it through
/// by another policy, too.
const STRENGTH: &str = "SELECT coalesce(jackfield_tenant() = $1, false), \
    to_regclass('jackfield_row_security') IS NULL, \
    coalesce((SELECT pg_has_role(session_user, c.relowner, 'MEMBER') \
        OR has_any_column_privilege(session_user, c.oid, 'SELECT') \
        FROM pg_catalog.pg_class c WHERE c.oid = to_regclass('jackfield_row_security')), false), \
    EXISTS (SELECT FROM pg_catalog.pg_roles r \
        WHERE (r.rolsuper OR r.rolbypassrls) AND pg_has_role(session_user, r.oid, 'MEMBER')), \
    EXISTS (SELECT FROM pg_catalog.pg_proc f WHERE f.oid = to_regprocedure('jackfield_tenant()') \
        AND pg_has_role(session_user, f.proowner, 'MEMBER')) \
    OR EXISTS (SELECT FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid \
        WHERE p.polname = 'jackfield_tenant' AND pg_has_role(session_user, c.relowner, 'MEMBER')) \
    OR EXISTS (SELECT FROM pg_catalog.pg_namespace n \
        WHERE pg_has_role(session_user, n.nspowner, 'MEMBER') AND n.oid IN ( \
        SELECT pronamespace FROM pg_catalog.pg_proc WHERE oid = to_regprocedure('jackfield_tenant()') \
        UNION ALL SELECT relnamespace FROM pg_catalog.pg_class \
        WHERE oid = to_regclass('jackfield_row_security') \
        UNION ALL SELECT c.relnamespace FROM pg_catalog.pg_policy p \
        JOIN pg_catalog.pg_class c ON c.oid = p.polrelid WHERE p.polname = 'jackfield_tenant')), \
    EXISTS (SELECT FROM pg_catalog.pg_policy o \
        JOIN pg_catalog.pg_policy p ON p.polrelid = o.polrelid AND p.polname = 'jackfield_tenant' \
        WHERE o.polname <> 'jackfield_tenant' AND o.polpermissive AND (o.polroles = '{0}' \
        OR EXISTS (SELECT FROM unnest(o.polroles) r WHERE pg_has_role(session_user, r, 'MEMBER'))))";

/// What of a name the role of the nodes owns, or a role that it can take on, when another one makes
/// it.
const FUNCTION_IN_REACH: &str = "SELECT 1::bigint FROM pg_catalog.pg_proc f \
    WHERE f.oid = to_regprocedure($1) AND pg_get_userbyid(f.proowner) <> current_user \
    AND pg_has_role($2, f.proowner, 'MEMBER')";
const TABLE_IN_REACH: &str = "SELECT 1::bigint FROM pg_catalog.pg_class c \
    WHERE c.oid = to_regclass($1) AND pg_get_userbyid(c.relowner) <> current_user \
    AND pg_has_role($2, c.relowner, 'MEMBER')";

/// Whether a table is protected already. Doing it again would wait for everybody who uses it.
const IS_PROTECTED: &str = "SELECT 1::bigint FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_policy p ON p.polrelid = c.oid AND p.polname = 'jackfield_tenant' \
    WHERE c.oid = to_regclass(quote_ident($1)) AND c.relrowsecurity AND c.relforcerowsecurity \
    AND p.polcmd = '*' AND p.polroles = '{0}' \
    AND pg_get_expr(p.polqual, c.oid) = pg_get_expr(p.polwithcheck, c.oid) \
    AND pg_get_expr(p.polqual, c.oid) = format( \
        '(%I = ( SELECT jackfield_tenant() AS jackfield_tenant))', $2)";

/// The fewest bytes of a key. Whoever sees one signature can try out shorter ones.
pub(in crate::dbal) const LEAST_KEY: usize = 32;

const BLOCK: usize = 64;

/// What row-level security there is in a database, as the role of the nodes has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dbal) enum RowSecurity {
    /// None that was made here.
    Absent,
    /// Whoever has the role can say that they are any tenant.
    Unsigned,
    /// Whoever has the role can read the key.
    KeyInReach,
    /// The role is above it.
    Bypassed,
    /// The role owns what it is made of.
    Owned,
    /// There are other policies, each of which lets through rows.
    Widened,
    /// Nobody but who has the key says which tenant they are.
    Holds,
}

impl RowSecurity {
    /// Looks what there is, in a transaction that said its tenant.
    ///
    /// # Errors
    /// [`NodeError::Permanent`] when the database does not believe it: it would show no rows, and
    /// nobody could tell that from there being none.
    pub(in crate::dbal) async fn find(
        session: &mut Session,
        source: &str,
        tenant: &TenantId,
    ) -> Result<Self, NodeError> {
        let is_true = |row: Option<&Vec<Value>>, place: usize| {
            row.and_then(|row| row.get(place)) == Some(&Value::Bool(true))
        };
        if !is_true(session.fixed(IS_THERE, &[]).await?.first(), 0) {
            return Ok(Self::Absent);
        }
        let rows = session.fixed(STRENGTH, &[tenant.as_str()]).await?;
        let is = |place| is_true(rows.first(), place);
        if !is(0) {
            let message = format!(
                "the row-level security of data source `{source}` is signed with another \
                 `rowSecurityKey` than this one, and would show no rows"
            );
            return Err(NodeError::permanent(ErrorCode::DATABASE_ERROR, message));
        }
        Ok(if is(3) {
            Self::Bypassed
        } else if is(1) {
            Self::Unsigned
        } else if is(2) {
            Self::KeyInReach
        } else if is(4) {
            Self::Owned
        } else if is(5) {
            Self::Widened
        } else {
            Self::Holds
        })
    }

    /// Why it does not hold against SQL that a tenant writes.
    pub(in crate::dbal) fn weakness(self) -> Option<&'static str> {
        match self {
            Self::Absent | Self::Holds => None,
            Self::Unsigned => Some(
                "whoever writes it can say that they are another tenant; set `rowSecurityKey` and \
                 `migrationUrl`",
            ),
            Self::KeyInReach => Some(
                "the role of `url` can read the key; let another role own what is made, by \
                 `migrationUrl`",
            ),
            Self::Owned => Some(
                "the role of `url` owns the function `jackfield_tenant()`, a table that is \
                 protected, or the schema of one, and can lift the protection; let the role of \
                 `migrationUrl` own them",
            ),
            Self::Widened => Some(
                "a table that is protected has another permissive policy, which lets through rows \
                 beside those of the tenant; drop it, or make it `AS RESTRICTIVE`",
            ),
            Self::Bypassed => Some(
                "the role of `url` is a superuser, has `BYPASSRLS`, or can take on a role that is \
                 or has; give it neither",
            ),
        }
    }
}

/// What a transaction says its tenant by.
pub(in crate::dbal) fn token(tenant: &TenantId, key: Option<&str>) -> String {
    let Some(key) = key else {
        return tenant.as_str().to_owned();
    };
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_bytes())
        .expect("it takes keys of any length");
    mac.update(tenant.as_str().as_bytes());
    format!("{} {tenant}", hex(&mac.finalize().into_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A few characters that stand for a longer name.
pub(super) fn short_digest(name: &str) -> String {
    hex(&Sha256::digest(name.as_bytes())[..6])
}

/// The two keys that the algorithm makes of one, so that PostgreSQL needs its own digest only.
fn pads(key: &str) -> ([u8; BLOCK], [u8; BLOCK]) {
    let mut block = [0_u8; BLOCK];
    if key.len() > BLOCK {
        let digest = Sha256::digest(key.as_bytes());
        block[..digest.len()].copy_from_slice(&digest);
    } else {
        block[..key.len()].copy_from_slice(key.as_bytes());
    }
    (block.map(|byte| byte ^ 0x36), block.map(|byte| byte ^ 0x5c))
}

/// Makes the function that says whose transaction it is.
///
/// `granted` is the role of the nodes when it is another one than this; then it owns nothing of it.
pub(super) async fn prepare(
    session: &mut Session,
    key: Option<&str>,
    granted: Option<&str>,
) -> Result<(), NodeError> {
    let schema = session
        .fixed("SELECT quote_ident(current_schema())", &[])
        .await?
        .first()
        .map(|row| text_of(row, 0))
        .unwrap_or_default();
    let Some(key) = key else {
        // Nobody takes the signature away by leaving the key out once.
        let signed = "SELECT to_regclass(quote_ident(current_schema()) || '.jackfield_row_security') IS NOT NULL";
        let is_signed = session.fixed(signed, &[]).await?;
        if is_signed
            .first()
            .is_some_and(|row| row.first() == Some(&true.into()))
        {
            return Err(NodeError::permanent(
                ErrorCode::DATABASE_ERROR,
                "the row-level security of this database is signed, and its data source has no `rowSecurityKey`",
            ));
        }
        let function = format!(
            "CREATE OR REPLACE FUNCTION {schema}.jackfield_tenant() RETURNS text \
             LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS \
             $$ SELECT current_setting('app.tenant', true) $$"
        );
        session.run(function).await?;
        return take_function(session, &schema, granted).await;
    };
    let table = format!("{schema}.jackfield_row_security");
    if is_in_reach(session, TABLE_IN_REACH, &table, granted).await? {
        // Whoever made it may have put something into it that hands the key on.
        session.run(format!("DROP TABLE {table}")).await?;
    }
    session
        .run(format!(
            "CREATE TABLE IF NOT EXISTS {schema}.jackfield_row_security \
             (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), \
             inner_key bytea NOT NULL, outer_key bytea NOT NULL); \
             REVOKE ALL ON {schema}.jackfield_row_security FROM PUBLIC"
        ))
        .await?;
    let (inner, outer) = pads(key);
    let keys = Statement {
        sql: format!(
            "INSERT INTO {schema}.jackfield_row_security (inner_key, outer_key) VALUES ($1, $2) \
             ON CONFLICT (only_row) DO UPDATE SET inner_key = excluded.inner_key, outer_key = excluded.outer_key"
        ),
        values: vec![Bound::from(inner.to_vec()), Bound::from(outer.to_vec())],
    };
    session.execute(keys).await?;
    // Whatever the caller made under the same names is not looked at.
    session
        .run(format!(
            "CREATE OR REPLACE FUNCTION {schema}.jackfield_tenant() RETURNS text \
             LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ \
             SELECT split_part(said.token, ' ', 2) \
             FROM (SELECT current_setting('app.tenant', true) AS token) said, \
             {schema}.jackfield_row_security kept \
             WHERE split_part(said.token, ' ', 1) = encode(sha256(kept.outer_key || \
             sha256(kept.inner_key || convert_to(split_part(said.token, ' ', 2), 'UTF8'))), 'hex') $$"
        ))
        .await?;
    take_function(session, &schema, granted).await
}

/// Becomes the owner of the function, if the role of the nodes is.
async fn take_function(
    session: &mut Session,
    schema: &str,
    granted: Option<&str>,
) -> Result<(), NodeError> {
    let function = format!("{schema}.jackfield_tenant()");
    match is_in_reach(session, FUNCTION_IN_REACH, &function, granted).await? {
        true => {
            session
                .run(format!("ALTER FUNCTION {function} OWNER TO CURRENT_USER"))
                .await
        }
        false => Ok(()),
    }
}

/// Whether the role of the nodes owns something, or a role that it can take on. The name is ready
/// for a statement.
async fn is_in_reach(
    session: &mut Session,
    question: &'static str,
    name: &str,
    granted: Option<&str>,
) -> Result<bool, NodeError> {
    let Some(role) = granted else {
        return Ok(false);
    };
    let found = session.fixed(question, &[name, role]).await?;
    Ok(!found.is_empty())
}

/// Puts a table under row-level security.
///
/// The names are those of a declaration, of letters, digits and `_` only.
pub(super) async fn protect(
    session: &mut Session,
    table: &str,
    tenant_column: &str,
    granted: Option<&str>,
) -> Result<(), NodeError> {
    let protected = session.fixed(IS_PROTECTED, &[table, tenant_column]).await?;
    if protected.is_empty() {
        let own = format!("\"{tenant_column}\" = (SELECT jackfield_tenant())");
        session
            .run(format!(
                "ALTER TABLE \"{table}\" ENABLE ROW LEVEL SECURITY; \
                 ALTER TABLE \"{table}\" FORCE ROW LEVEL SECURITY; \
                 DROP POLICY IF EXISTS jackfield_tenant ON \"{table}\"; \
                 CREATE POLICY jackfield_tenant ON \"{table}\" USING ({own}) WITH CHECK ({own})"
            ))
            .await?;
    }
    let quoted = format!("\"{table}\"");
    if is_in_reach(session, TABLE_IN_REACH, &quoted, granted).await? {
        session
            .run(format!("ALTER TABLE {quoted} OWNER TO CURRENT_USER"))
            .await?;
    }
    let Some(role) = granted else {
        return Ok(());
    };
    let role = role.replace('"', "\"\"");
    session
        .run(format!(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON \"{table}\" TO \"{role}\""
        ))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_can_check_what_was_signed() {
        let tenant = TenantId::parse("acme").unwrap();
        for key in ["short", &"long".repeat(40)] {
            let signed = token(&tenant, Some(key));
            let (inner, outer) = pads(key);
            let first = Sha256::digest([&inner[..], b"acme"].concat());
            let second = Sha256::digest([&outer[..], &first[..]].concat());
            assert_eq!(signed, format!("{} acme", hex(&second)));
        }
        assert_eq!(token(&tenant, None), "acme");
    }
}
