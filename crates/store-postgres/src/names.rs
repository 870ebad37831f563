//! What has a name of its own in a tenant: one at a time writes it, and it is listed by its bytes.

use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use crate::error::Fault;
use crate::row::{micros, timestamp};
use crate::tenant::PostgresTenant;

/// What has the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Workflow,
    Document,
    Audit,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Workflow => "workflow",
            Self::Document => "document",
            Self::Audit => "audit",
        }
    }
}

impl PostgresTenant {
    /// Shuts out everybody else who would write something with this name until the transaction
    /// ends, and gives the time from then on. What is found afterwards is what is there.
    pub(crate) async fn lock(
        &self,
        connection: &mut PgConnection,
        kind: Kind,
        name: &str,
    ) -> Result<Timestamp, Fault> {
        let row = sqlx::query(
            "WITH locked AS MATERIALIZED (
                 SELECT pg_advisory_xact_lock(hashtextextended(
                     concat_ws(' ', 'jackfield', current_schema(), $1, $2, $3), 0)))
             SELECT coalesce($4::bigint,
                 (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) FROM locked",
        )
        .bind(kind.as_str())
        .bind(self.id.as_str())
        .bind(name)
        .bind(micros(self.inner.options.own_time()))
        .fetch_one(connection)
        .await?;
        timestamp(row.try_get(0)?)
    }

    /// Notes that something is kept for the tenant.
    pub(crate) async fn note(&self, connection: &mut PgConnection) -> Result<(), Fault> {
        sqlx::query("INSERT INTO tenants (id) VALUES ($1) ON CONFLICT DO NOTHING")
            .bind(self.id.as_str())
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// A text after which the same names come as after this one. No name has a NUL in it, and no text
/// may have one for the database.
pub(crate) fn after(text: &str) -> &str {
    text.split_once('\0').map_or(text, |(before, _)| before)
}

/// The first text after all names that begin with this one.
pub(crate) fn end_of(prefix: &str) -> String {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            end.push(next);
            return end;
        }
    }
    // Longer than any name that is made of the greatest of all characters.
    "\u{10ffff}".repeat(jackfield_store_api::limits::NAME_BYTES / 4 + 1)
}

/// Whether there is more than is in a page.
pub(crate) fn is_cut_off(rows: &[PgRow], entries: usize) -> Result<bool, Fault> {
    let every: i64 = match rows.first() {
        Some(row) => row.try_get("every")?,
        None => 0,
    };
    Ok(every > entries as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_with_a_prefix_come_before_its_end() {
        for prefix in ["a", "a/", "\u{d7ff}", "é", "a\u{10ffff}", "\u{10ffff}", ""] {
            let end = end_of(prefix);
            for rest in ["", "\u{1}", "z", "\u{10ffff}\u{10ffff}"] {
                assert!(format!("{prefix}{rest}") < end, "{prefix:?} {rest:?}");
            }
            assert!(!end.starts_with(prefix) || prefix.chars().all(|c| c == '\u{10ffff}'));
        }
        assert!(end_of("a").as_str() <= "b");
        assert!("\u{10ffff}".repeat(256) < end_of("\u{10ffff}"));
    }

    #[test]
    fn same_names_come_after_a_text_without_what_follows_its_nul() {
        for (text, cut) in [("", ""), ("ab", "ab"), ("a\0b", "a"), ("\0", "")] {
            assert_eq!(after(text), cut);
            for name in ["a", "a\u{1}", "ab", "b"] {
                assert_eq!(name > text, name > cut, "{name:?} after {text:?}");
            }
        }
    }
}
