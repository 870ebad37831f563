use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, Scheduling, TypedCall};
use jackfield_types::{Capability, NodeTypeMetadata, ValidationIssue};
use schemars::JsonSchema;
use sea_query::DeleteStatement;
use serde::Deserialize;
use serde_json::json;

use super::dialect::Dialect;
use super::filter::Filter;
use super::read::MAX_FIELDS;
use super::session::Statement;
use super::sources::{Access, DataSources};
use super::target::Target;
use super::write::{
    Returned, Returning, clause, lock_identities, needed_identity, outputs, read_back,
};
use crate::declaration::{declare, example_without_output, tags};

/// `dbal-delete`: deletes rows.
pub(crate) struct DbalDelete {
    sources: DataSources,
}

/// Parameters of `dbal-delete`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DeleteParams {
    /// The data source.
    #[serde(default = "super::default_source")]
    data_source: String,
    /// The entity: a table, or what is declared as one.
    entity: String,
    /// Which rows.
    #[serde(default)]
    filter: Option<Filter>,
    /// Whether every row is deleted when there is no filter.
    #[serde(default)]
    all: bool,
    /// The fields of the rows that come out as they were; without it their number does.
    #[serde(default)]
    returning: Option<Vec<String>>,
}

impl DbalDelete {
    pub(super) fn new(sources: DataSources) -> Self {
        Self { sources }
    }
}

const DOCUMENTATION: &str = "\
Deletes rows of a table, or of a declared entity. It is done for each input item, with parameters of its own, and all in one \
transaction: all of it happens, or nothing.

Filters are those of `dbal-read`. Without a filter, or with one that lets every row through, it refuses to run unless `all` \
is set.

With `returning` the rows come out as they were (`[\"*\"]` for all columns); without it one item with the number of rows, \
`affected`. Under strict isolation only the tenant's own rows are deleted, whatever the filter says.";

impl NodeType for DbalDelete {
    type Params = DeleteParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["database", "sql", "remove", "table"]),
            examples: vec![
                example_without_output(
                    "Delete what each item names",
                    json!({"entity": "orders", "filter": {"id": "{{ $json.id }}"}}),
                ),
                example_without_output(
                    "Delete everything that is old, and see what it was",
                    json!({
                        "entity": "sessions",
                        "filter": {"expires_at": {"lt": "{{ $now.toISO() }}"}},
                        "returning": ["id"]
                    }),
                ),
            ],
            capabilities: vec![Capability::Database],
            ..declare(
                "dbal-delete",
                super::CATEGORY,
                "Deletes rows of a database.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, DeleteParams>) -> Result<NodeOutput, NodeError> {
        let count = call.items().len();
        if count == 0 {
            return Ok(NodeOutput::items(Vec::new()));
        }
        let mut all = Vec::with_capacity(count);
        for index in 0..count {
            let stop = |error| call.results().stop(index, error);
            let params = call.params_for(index).map_err(stop)?;
            let issues = self.check(&params);
            if !issues.is_empty() {
                return Err(stop(NodeError::Params(issues)));
            }
            all.push(params);
        }
        let first = &all[0];
        let is_same = |params: &DeleteParams| {
            params.data_source == first.data_source
                && params.entity == first.entity
                && params.returning == first.returning
        };
        if let Some(other) = all.iter().position(|params| !is_same(params)) {
            let message =
                "`dataSource`, `entity` and `returning` are the same for all items of one call";
            let error = NodeError::parameter("", message);
            return Err(call.results().stop(other, error));
        }
        let mut target = Target::open(
            call.context,
            &self.sources,
            &first.data_source,
            &first.entity,
            Access::Write,
        )
        .await?;
        let returning = Returning::of(first.returning.as_deref(), target.max_rows());
        let mut returned = Returned::new(returning);
        for (index, params) in all.iter().enumerate() {
            delete(&mut target, params, index, &mut returned)
                .await
                .map_err(|error| call.results().stop(index, target.note(error)))?;
        }
        target.commit().await?;
        Ok(returned.output())
    }

    fn check(&self, params: &DeleteParams) -> Vec<ValidationIssue> {
        let mut issues = Vec::new();
        if params.entity.is_empty() {
            issues.push(ValidationIssue::parameter(
                "/entity",
                "the name of a table or of a declared entity",
            ));
        }
        let fields = params.returning.as_ref().map_or(0, Vec::len);
        if fields > MAX_FIELDS {
            let message = "at most 1000 fields";
            issues.push(ValidationIssue::parameter("/returning", message));
        }
        if params.filter.as_ref().is_none_or(Filter::is_everything) && !params.all {
            issues.push(ValidationIssue::parameter(
                "/filter",
                "without a filter every row would be deleted; set `\"all\": true` if that is meant",
            ));
        }
        issues
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}

async fn delete(
    target: &mut Target,
    params: &DeleteParams,
    index: usize,
    returned: &mut Returned<'_>,
) -> Result<(), NodeError> {
    let most = target.max_rows();
    let (session, scope) = target.parts();
    let rows = scope.rows(params.filter.as_ref())?;
    let mut statement = DeleteStatement::new();
    statement
        .from_table(scope.table.reference())
        .and_where_option(rows.clone());
    let Some(columns) = returned.columns(scope)? else {
        let statement = Statement::of(scope.dialect, &statement);
        return returned.count(session.execute(statement).await?);
    };
    if scope.dialect != Dialect::MySql {
        statement.returning(clause(scope, &columns));
        let outputs = outputs(scope, &columns);
        let statement = Statement::of(scope.dialect, &statement);
        return session
            .rows(statement, Some(&outputs), |row, _| returned.put(row, index))
            .await;
    }
    let identity = needed_identity(scope)?;
    let keys = lock_identities(session, scope, &identity, rows, most).await?;
    read_back(session, scope, &columns, &identity, &keys, |_, row| {
        returned.put(row, index)
    })
    .await?;
    session
        .execute(Statement::of(scope.dialect, &statement))
        .await
        .map(drop)
}
