use bytes::Bytes;
use jackfield_store_api::{
    Collection, Document, Documents, Expected, Page, PageRequest, Revision, StoreError,
    StoreFuture, limits,
};
use jackfield_types::TenantId;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use crate::error::Fault;
use crate::inner::refuse;
use crate::names::{self, Kind};
use crate::row::{BYTES, count, counted, number, time};
use crate::sum::{checked, sum};
use crate::tenant::PostgresTenant;
use crate::tries::{Found, edit, read};

const PAGE: &str = "SELECT q.* FROM (
         SELECT p.*, count(*) OVER () AS every, row_number() OVER w AS place,
             sum(octet_length(p.content)) OVER w AS bytes
         FROM (
             SELECT name, content, revision, changed_at, checksum FROM documents
             WHERE tenant = $1 AND collection = $2 AND name >= $3 AND name > $4 AND name < $5
             ORDER BY name LIMIT $6
         ) AS p
         WINDOW w AS (ORDER BY p.name)
     ) AS q
     WHERE q.place = 1 OR q.bytes <= $7 ORDER BY q.place";

impl Documents for PostgresTenant {
    fn document<'a>(
        &'a self,
        collection: Collection,
        name: &'a str,
    ) -> StoreFuture<'a, Option<Document>> {
        Box::pin(async move {
            read!(self.inner, |connection| {
                if !limits::is_name(name) {
                    return Ok(None);
                }
                let row = sqlx::query(
                    "SELECT name, content, revision, changed_at, checksum FROM documents
                 WHERE tenant = $1 AND collection = $2 AND name = $3",
                )
                .bind(self.id.as_str())
                .bind(collection.as_str())
                .bind(name)
                .fetch_optional(connection)
                .await?;
                row.map(|row| read(&row, &self.id, collection)).transpose()
            })
        })
    }

    fn put_document<'a>(
        &'a self,
        collection: Collection,
        name: &'a str,
        content: Bytes,
        expected: Expected,
    ) -> StoreFuture<'a, Revision> {
        let refused = limits::check_name("the name of a document", name)
            .and_then(|()| limits::check_size("a document", content.len(), limits::RECORD_BYTES));
        if let Err(refused) = refused {
            return refuse(refused);
        }
        Box::pin(async move {
            let named = Named(self, collection, name);
            edit!(
                self.inner,
                |connection| named.put(connection, &content, expected).await,
                |connection, revision: Revision| named.look(connection, *revision).await
            )
        })
    }

    fn delete_document<'a>(
        &'a self,
        collection: Collection,
        name: &'a str,
        expected: Expected,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            if !limits::is_name(name) {
                check_expected(name, expected, None)?;
                return Ok(false);
            }
            let named = Named(self, collection, name);
            edit!(
                self.inner,
                |connection| named.delete(connection, expected).await,
                |connection, was_there: bool| named.look_deleted(connection, *was_there).await
            )
        })
    }

    fn list_documents<'a>(
        &'a self,
        collection: Collection,
        prefix: &'a str,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<Document>> {
        Box::pin(async move {
            read!(self.inner, |connection| {
                list(connection, (&self.id, collection), prefix, page).await
            })
        })
    }
}

/// A document by its name.
struct Named<'a>(&'a PostgresTenant, Collection, &'a str);

impl Named<'_> {
    async fn put(
        &self,
        connection: &mut PgConnection,
        content: &Bytes,
        expected: Expected,
    ) -> Result<Revision, Fault> {
        let Self(tenant, collection, name) = *self;
        let (now, found) = self.find(connection).await?;
        check_expected(name, expected, found)?;
        tenant.note(connection).await?;
        // Revisions of all documents come from one place: none is ever given twice.
        let row = sqlx::query("SELECT nextval('revisions')")
            .fetch_one(&mut *connection)
            .await?;
        let revision = Revision(counted(row.try_get(0)?)?);
        let names = [tenant.id.as_str(), collection.as_str(), name];
        sqlx::query(
            "INSERT INTO documents
                 (tenant, collection, name, revision, changed_at, checksum, content)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (tenant, collection, name) DO UPDATE SET
                 revision = excluded.revision, changed_at = excluded.changed_at,
                 checksum = excluded.checksum, content = excluded.content",
        )
        .bind(names[0])
        .bind(names[1])
        .bind(names[2])
        .bind(number(revision.0))
        .bind(now.as_microsecond())
        .bind(sum(&names, &[number(revision.0)], content))
        .bind(&**content)
        .execute(connection)
        .await?;
        Ok(revision)
    }

    async fn delete(
        &self,
        connection: &mut PgConnection,
        expected: Expected,
    ) -> Result<bool, Fault> {
        let Self(tenant, collection, name) = *self;
        let (_, found) = self.find(connection).await?;
        check_expected(name, expected, found)?;
        let deleted = sqlx::query(
            "DELETE FROM documents WHERE tenant = $1 AND collection = $2 AND name = $3",
        )
        .bind(tenant.id.as_str())
        .bind(collection.as_str())
        .bind(name)
        .execute(connection)
        .await?;
        Ok(deleted.rows_affected() > 0)
    }

    /// Whether it was written as this revision.
    async fn look(
        &self,
        connection: &mut PgConnection,
        revision: Revision,
    ) -> Result<Found, Fault> {
        let (_, found) = self.find(connection).await?;
        Ok(match found {
            Some(found) if found == revision => Found::Made,
            // It was not written, or somebody has written or deleted it since.
            Some(found) if found > revision => Found::Unknown,
            None => Found::Unknown,
            Some(_) => Found::NotMade,
        })
    }

    /// Whether it was deleted, if it was there.
    async fn look_deleted(
        &self,
        connection: &mut PgConnection,
        was_there: bool,
    ) -> Result<Found, Fault> {
        let (_, found) = self.find(connection).await?;
        Ok(match (was_there, found) {
            (false, _) | (true, None) => Found::Made,
            // It was not deleted, or somebody has made it again since.
            (true, Some(_)) => Found::Unknown,
        })
    }

    /// Which writing of it is there, while nobody else can change it.
    async fn find(
        &self,
        connection: &mut PgConnection,
    ) -> Result<(jiff::Timestamp, Option<Revision>), Fault> {
        let Self(tenant, collection, name) = *self;
        let place = format!("{collection} {name}");
        let now = tenant.lock(connection, Kind::Document, &place).await?;
        let row = sqlx::query(
            "SELECT revision FROM documents WHERE tenant = $1 AND collection = $2 AND name = $3",
        )
        .bind(tenant.id.as_str())
        .bind(collection.as_str())
        .bind(name)
        .fetch_optional(connection)
        .await?;
        let found = row.map(|row| count(&row, "revision")).transpose()?;
        Ok((now, found.map(Revision)))
    }
}

async fn list(
    connection: &mut PgConnection,
    (tenant, collection): (&TenantId, Collection),
    prefix: &str,
    request: &PageRequest,
) -> Result<Page<Document>, Fault> {
    let mut page = Page {
        entries: Vec::new(),
        next: None,
    };
    if prefix.contains('\0') {
        return Ok(page);
    }
    let after = names::after(request.after.as_deref().unwrap_or_default());
    let rows = sqlx::query(PAGE)
        .bind(tenant.as_str())
        .bind(collection.as_str())
        .bind(prefix)
        .bind(after)
        .bind(names::end_of(prefix))
        .bind(i64::from(request.limit()) + 1)
        .bind(BYTES)
        .fetch_all(connection)
        .await?;
    for row in rows.iter().take(request.limit() as usize) {
        page.entries.push(read(row, tenant, collection)?);
    }
    if names::is_cut_off(&rows, page.entries.len())? {
        page.next = page.entries.last().map(|last| last.name.clone());
    }
    Ok(page)
}

fn read(row: &PgRow, tenant: &TenantId, collection: Collection) -> Result<Document, Fault> {
    let name: String = row.try_get("name")?;
    let revision = Revision(count(row, "revision")?);
    let content = checked(
        || format!("document `{name}`"),
        &[tenant.as_str(), collection.as_str(), &name],
        &[number(revision.0)],
        row.try_get("content")?,
        row.try_get("checksum")?,
    )?;
    Ok(Document {
        name,
        content,
        revision,
        changed_at: time(row, "changed_at")?,
    })
}

fn check_expected(
    name: &str,
    expected: Expected,
    found: Option<Revision>,
) -> Result<(), StoreError> {
    let fits = match expected {
        Expected::Anything => true,
        Expected::Absent => found.is_none(),
        Expected::Revision(revision) => found == Some(revision),
    };
    if fits {
        return Ok(());
    }
    Err(StoreError::Conflict {
        what: format!("document `{name}`"),
    })
}
