//! What is known of the tables of a data source, and of which entities are kept in them.

use std::sync::Arc;
use std::time::Instant;

use jackfield_plugin_api::NodeError;
use jackfield_types::ErrorCode;

use super::{CATALOG_AGE, DataSource};
use crate::dbal::catalog::{Table, nearest_text, read_table, table_names};
use crate::dbal::entity::Entity;
use crate::dbal::session::Session;

/// What is known of a table.
#[derive(Clone)]
pub(in crate::dbal) struct Entry {
    pub(in crate::dbal) table: Arc<Table>,
    /// The declared entity that is kept in it, by whatever name the table was asked for.
    pub(in crate::dbal) entity: Option<Arc<Entity>>,
}

/// How many tables are known at most.
const CATALOG_SIZE: usize = 1_000;

impl DataSource {
    /// What is known of a table, read when it is not known, or was long ago.
    pub(in crate::dbal) async fn table(
        &self,
        session: &mut Session,
        name: &str,
    ) -> Result<Entry, NodeError> {
        let known = self.known.lock().get(name).cloned();
        if let Some((read, entry)) = known
            && read.elapsed() < CATALOG_AGE
        {
            return Ok(entry);
        }
        let declared = self.entities.get(name).cloned();
        let table_name = declared
            .as_ref()
            .map_or(name, |entity| entity.table.as_str());
        let Some(mut table) = read_table(session, table_name).await? else {
            self.known.lock().remove(name);
            return Err(self.unknown_entity(session, name).await);
        };
        let entity = match declared {
            Some(entity) => Some(entity),
            None => self.entity_in(session, &table).await?,
        };
        if let Some(entity) = &entity {
            for column in &mut table.columns {
                if let Some(declared) = entity.columns.get(&column.name) {
                    column.kind = declared.kind.clone();
                }
            }
        }
        let table = Arc::new(table);
        let entry = Entry { table, entity };
        let mut known = self.known.lock();
        if known.len() >= CATALOG_SIZE {
            known.clear();
        }
        known.insert(name.to_owned(), (Instant::now(), entry.clone()));
        Ok(entry)
    }

    /// The declared entity that is kept in a table. What it was declared with holds, too, when the
    /// table is asked for by a name of its own.
    async fn entity_in(
        &self,
        session: &mut Session,
        table: &Table,
    ) -> Result<Option<Arc<Entity>>, NodeError> {
        for entity in self.entities.values() {
            if !entity.table.eq_ignore_ascii_case(&table.name) {
                continue;
            }
            let own = read_table(session, &entity.table).await?;
            if own.is_some_and(|own| own.name == table.name && own.schema == table.schema) {
                return Ok(Some(Arc::clone(entity)));
            }
        }
        Ok(None)
    }

    /// Forgets what is known of a table, because the database says otherwise.
    pub(in crate::dbal) fn forget(&self, name: &str) {
        self.known.lock().remove(name);
    }

    async fn unknown_entity(&self, session: &mut Session, name: &str) -> NodeError {
        let names = table_names(session).await.unwrap_or_default();
        let declared = self.entities.keys().map(String::as_str);
        let names = declared.chain(names.iter().map(String::as_str));
        let nearest = nearest_text(name, names);
        let shown: String = name.chars().take(100).collect();
        let message = format!(
            "no entity `{shown}` in data source `{}`; {nearest}",
            self.name
        );
        NodeError::permanent(ErrorCode::UNKNOWN_ENTITY, message)
    }
}
