use std::ops::Bound;

use jackfield_store_api::{
    NewWorkflow, Page, PageRequest, StoreError, StoreFuture, WorkflowRecord, WorkflowVersion,
    Workflows,
};

use super::answer;
use super::tenant::MemoryTenant;

impl Workflows for MemoryTenant {
    fn put_workflow(&self, workflow: NewWorkflow) -> StoreFuture<'_, WorkflowVersion> {
        if let Err(refused) = workflow.check() {
            return answer(Err(refused));
        }
        self.add(|kept, now| {
            let versions = kept.workflows.entry(workflow.id.clone()).or_default();
            if let Some(newest) = versions.last()
                && newest.digest == workflow.digest
            {
                return Ok(newest.version.clone());
            }
            let version = WorkflowVersion {
                id: workflow.id,
                version: versions.last().map_or(0, |newest| newest.version.version) + 1,
            };
            versions.push(WorkflowRecord {
                version: version.clone(),
                name: workflow.name,
                document: workflow.document,
                digest: workflow.digest,
                created_at: now,
            });
            Ok(version)
        })
    }

    fn workflow<'a>(
        &'a self,
        id: &'a str,
        version: Option<u32>,
    ) -> StoreFuture<'a, WorkflowRecord> {
        self.read(|kept| {
            let versions = kept.workflows.get(id).map_or(&[][..], Vec::as_slice);
            let found = match version {
                None => versions.last(),
                Some(version) => versions.iter().find(|one| one.version.version == version),
            };
            found.cloned().ok_or_else(|| {
                StoreError::not_found(match version {
                    None => format!("workflow `{id}`"),
                    Some(version) => format!("workflow `{id}@{version}`"),
                })
            })
        })
    }

    fn list_workflows<'a>(
        &'a self,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<WorkflowRecord>> {
        self.read(|kept| {
            let after = page
                .after
                .as_deref()
                .map_or(Bound::Unbounded, Bound::Excluded);
            let mut found = kept
                .workflows
                .range::<str, _>((after, Bound::Unbounded))
                .filter_map(|(_, versions)| versions.last());
            let entries: Vec<WorkflowRecord> = found
                .by_ref()
                .take(page.limit() as usize)
                .cloned()
                .collect();
            let last = entries.last().map(|last| last.version.id.clone());
            let next = found.next().and(last);
            Ok(Page { entries, next })
        })
    }

    fn workflow_versions<'a>(
        &'a self,
        id: &'a str,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<WorkflowRecord>> {
        let below = match page.after.as_deref().map(str::parse).transpose() {
            Ok(below) => below.unwrap_or(u32::MAX),
            Err(_) => {
                return answer(Err(StoreError::Refused {
                    reason: "this is not where a page ended".to_owned(),
                }));
            }
        };
        self.read(|kept| {
            let versions = kept
                .workflows
                .get(id)
                .ok_or_else(|| StoreError::not_found(format!("workflow `{id}`")))?;
            let mut found = versions
                .iter()
                .rev()
                .skip_while(|one| one.version.version >= below);
            let entries: Vec<WorkflowRecord> = found
                .by_ref()
                .take(page.limit() as usize)
                .cloned()
                .collect();
            let last = entries.last().map(|last| last.version.version.to_string());
            let next = found.next().and(last);
            Ok(Page { entries, next })
        })
    }
}
