use std::ops::Bound;

use bytes::Bytes;
use jackfield_store_api::{
    Collection, Document, Documents, Expected, Page, PageRequest, Revision, StoreError,
    StoreFuture, limits,
};

use super::answer;
use super::tenant::MemoryTenant;

impl Documents for MemoryTenant {
    fn document<'a>(
        &'a self,
        collection: Collection,
        name: &'a str,
    ) -> StoreFuture<'a, Option<Document>> {
        self.read(|kept| Ok(kept.documents.get(&(collection, name.to_owned())).cloned()))
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
            return answer(Err(refused));
        }
        self.add(|kept, now| {
            let key = (collection, name.to_owned());
            let found = kept.documents.get(&key).map(|document| document.revision);
            check_expected(name, expected, found)?;
            let before = found.map_or_else(
                || kept.deleted.get(&collection).copied().unwrap_or(0),
                |found| found.0,
            );
            let revision = Revision(before + 1);
            let document = Document {
                name: name.to_owned(),
                content,
                revision,
                changed_at: now,
            };
            kept.documents.insert(key, document);
            Ok(revision)
        })
    }

    fn delete_document<'a>(
        &'a self,
        collection: Collection,
        name: &'a str,
        expected: Expected,
    ) -> StoreFuture<'a, bool> {
        self.write(|kept, _| {
            let key = (collection, name.to_owned());
            let found = kept.documents.get(&key).map(|document| document.revision);
            check_expected(name, expected, found)?;
            let Some(found) = found else {
                return Ok(false);
            };
            kept.documents.remove(&key);
            let deleted = kept.deleted.entry(collection).or_default();
            *deleted = (*deleted).max(found.0 + 1);
            Ok(true)
        })
    }

    fn list_documents<'a>(
        &'a self,
        collection: Collection,
        prefix: &'a str,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<Document>> {
        self.read(|kept| {
            let first = match page.after.as_deref() {
                Some(after) if after >= prefix => Bound::Excluded((collection, after.to_owned())),
                _ => Bound::Included((collection, prefix.to_owned())),
            };
            let mut found = kept
                .documents
                .range((first, Bound::Unbounded))
                .take_while(|((of, name), _)| *of == collection && name.starts_with(prefix))
                .map(|(_, document)| document);
            let entries: Vec<Document> = found
                .by_ref()
                .take(page.limit() as usize)
                .cloned()
                .collect();
            let last = entries.last().map(|last| last.name.clone());
            let next = found.next().and(last);
            Ok(Page { entries, next })
        })
    }
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
