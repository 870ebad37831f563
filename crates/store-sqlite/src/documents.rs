use bytes::Bytes;
use jackfield_store_api::{
    Collection, Document, Documents, Expected, Page, PageRequest, Revision, StoreError,
    StoreFuture, limits,
};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::Fault;
use crate::journal::BYTES;
use crate::row::{Count, count, number, time};
use crate::store::refuse;
use crate::sum::{checked, sum};
use crate::tenant::SqliteTenant;

impl Documents for SqliteTenant {
    fn document<'a>(
        &'a self,
        collection: Collection,
        name: &'a str,
    ) -> StoreFuture<'a, Option<Document>> {
        let name = name.to_owned();
        self.read(move |connection, tenant| {
            let mut statement = connection.prepare_cached(
                "SELECT name, content, revision, changed_at, checksum FROM documents
                 WHERE tenant = ?1 AND collection = ?2 AND name = ?3",
            )?;
            let mut rows = statement.query((tenant, collection.as_str(), name))?;
            rows.next()?
                .map(|row| read(row, tenant, collection))
                .transpose()
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
        let name = name.to_owned();
        self.change(content.len(), move |ledger, id| {
            let found = match ledger.tenant(id)? {
                Some(tenant) => revision(&ledger.connection, tenant, collection, &name)?,
                None => None,
            };
            check_expected(&name, expected, found)?;
            let tenant = ledger.tenant_or_new(id)?;
            let before = match found {
                Some(found) => found.0,
                None => deleted(&ledger.connection, tenant, collection)?,
            };
            let revision = Revision(before + 1);
            let place = [tenant, number(revision.0)];
            let names = [collection.as_str(), name.as_str()];
            ledger
                .connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO documents
                         (tenant, revision, collection, name, content, changed_at, checksum)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute((
                    place[0],
                    place[1],
                    names[0],
                    names[1],
                    &*content,
                    ledger.now.as_microsecond(),
                    sum(&place, &names, &content),
                ))?;
            Ok(revision)
        })
    }

    fn delete_document<'a>(
        &'a self,
        collection: Collection,
        name: &'a str,
        expected: Expected,
    ) -> StoreFuture<'a, bool> {
        let name = name.to_owned();
        self.change(0, move |ledger, id| {
            let Some(tenant) = ledger.tenant(id)? else {
                check_expected(&name, expected, None)?;
                return Ok(false);
            };
            let found = revision(&ledger.connection, tenant, collection, &name)?;
            check_expected(&name, expected, found)?;
            let Some(found) = found else {
                return Ok(false);
            };
            ledger
                .connection
                .prepare_cached(
                    "DELETE FROM documents WHERE tenant = ?1 AND collection = ?2 AND name = ?3",
                )?
                .execute((tenant, collection.as_str(), &name))?;
            // The deletion is a writing, too.
            ledger
                .connection
                .prepare_cached(
                    "INSERT INTO deleted_documents (tenant, collection, revision)
                     VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET revision = max(revision, excluded.revision)",
                )?
                .execute((tenant, collection.as_str(), number(found.0 + 1)))?;
            Ok(true)
        })
    }

    fn list_documents<'a>(
        &'a self,
        collection: Collection,
        prefix: &'a str,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<Document>> {
        let (prefix, page) = (prefix.to_owned(), page.clone());
        self.read(move |connection, tenant| list(connection, (tenant, collection), &prefix, &page))
    }
}

fn list(
    connection: &Connection,
    (tenant, collection): (i64, Collection),
    prefix: &str,
    request: &PageRequest,
) -> Result<Page<Document>, Fault> {
    // Texts are compared by their bytes, so that all with the prefix follow it at once.
    let (from, inclusive) = match request.after.as_deref() {
        Some(after) if after >= prefix => (after, false),
        _ => (prefix, true),
    };
    let mut statement = connection.prepare_cached(
        "SELECT name, content, revision, changed_at, checksum FROM documents
         WHERE tenant = ?1 AND collection = ?2 AND name >= ?3 AND (?4 OR name <> ?3)
         ORDER BY name",
    )?;
    let mut rows = statement.query((tenant, collection.as_str(), from, inclusive))?;
    let mut page = Page {
        entries: Vec::new(),
        next: None,
    };
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let name = row
            .get_ref("name")?
            .as_bytes()
            .map_err(rusqlite::Error::from)?;
        if !name.starts_with(prefix.as_bytes()) {
            break;
        }
        if page.entries.len() == request.limit() as usize || bytes > BYTES {
            page.next = page.entries.last().map(|last: &Document| last.name.clone());
            break;
        }
        let document = read(row, tenant, collection)?;
        bytes += document.content.len();
        page.entries.push(document);
    }
    Ok(page)
}

fn read(row: &Row<'_>, tenant: i64, collection: Collection) -> Result<Document, Fault> {
    let name: String = row.get("name")?;
    let revision = Revision(count(row, "revision")?);
    let content = checked(
        &format!("document `{name}`"),
        &[tenant, number(revision.0)],
        &[collection.as_str(), &name],
        row.get("content")?,
        row.get("checksum")?,
    )?;
    Ok(Document {
        name,
        content,
        revision,
        changed_at: time(row, "changed_at")?,
    })
}

fn revision(
    connection: &Connection,
    tenant: i64,
    collection: Collection,
    name: &str,
) -> rusqlite::Result<Option<Revision>> {
    connection
        .prepare_cached(
            "SELECT revision FROM documents WHERE tenant = ?1 AND collection = ?2 AND name = ?3",
        )?
        .query_row((tenant, collection.as_str(), name), |row| {
            Ok(Revision(row.get::<_, Count>(0)?.0))
        })
        .optional()
}

/// The greatest revision that a deleted document of a collection had.
fn deleted(connection: &Connection, tenant: i64, collection: Collection) -> rusqlite::Result<u64> {
    let found: Option<Count> = connection
        .prepare_cached(
            "SELECT revision FROM deleted_documents WHERE tenant = ?1 AND collection = ?2",
        )?
        .query_row((tenant, collection.as_str()), |row| row.get(0))
        .optional()?;
    Ok(found.map_or(0, |found| found.0))
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
