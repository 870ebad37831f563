use jackfield_plugin_api::{Grants, NodeError, NodeOutput, NodeType, Scheduling, TypedCall};
use jackfield_types::{Capability, ErrorCode, Item, NodeTypeMetadata, Object, ValidationIssue};
use schemars::JsonSchema;
use sea_query::{Asterisk, Expr, ExprTrait, Query, SelectStatement};
use serde::Deserialize;
use serde_json::{Value, json};

use super::filter::Filter;
use super::order::{RowOrder, SortBy};
use super::session::{Output, Statement, number_of};
use super::sources::{Access, DataSources};
use super::target::Target;
use crate::declaration::{declare, example_without_output, tags};
use crate::items::Budget;

/// How many fields rows are sorted by at most; where a page begins is said about each of them.
const MAX_SORT: usize = 32;
/// How many fields there are at most; databases take about as many columns.
pub(super) const MAX_FIELDS: usize = 1_000;

/// `dbal-read`: reads rows.
pub(crate) struct DbalRead {
    sources: DataSources,
}

/// Parameters of `dbal-read`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ReadParams {
    /// The data source.
    #[serde(default = "super::default_source")]
    data_source: String,
    /// The entity: a table, or what is declared as one.
    entity: String,
    /// The fields of the items; all if none are given.
    #[serde(default)]
    fields: Vec<String>,
    /// Which rows; all if it is not given.
    #[serde(default)]
    filter: Option<Filter>,
    /// The order, the most important field first.
    #[serde(default)]
    sort: Vec<SortBy>,
    /// The most rows. Without it more rows than the data source lets one call read are an error.
    #[serde(default)]
    #[schemars(range(min = 1))]
    limit: Option<u64>,
    /// How many rows are left out at the beginning.
    #[serde(default)]
    offset: u64,
    /// The place behind which rows are read: `next` of the page before. Empty: from the beginning.
    #[serde(default)]
    after: Option<String>,
    /// What comes out.
    #[serde(default)]
    output: ReadOutput,
}

/// What comes out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum ReadOutput {
    /// An item for each row.
    #[default]
    Rows,
    /// One item with a list of `rows`, and `next`, the place behind them, or `null` at the end.
    Page,
    /// The same, and `count`, the number of all rows that the filter means.
    CountedPage,
    /// One item with `count` alone.
    Count,
}

impl DbalRead {
    pub(super) fn new(sources: DataSources) -> Self {
        Self { sources }
    }
}

const DOCUMENTATION: &str = "\
Reads rows of a table, or of a declared entity, and makes an item of each. It is done for each input item, with parameters \
of its own.

**Filters.** An object: a field with a value (`{\"status\": \"open\"}`), or with operators: `eq`, `ne`, `lt`, `lte`, `gt`, \
`gte`, `in`, `notIn`, `like`, `notLike` (`%` and `_`, a backslash before them as they are), `between`, `notBetween`, `isNull` \
(`true` or `false`); `and` and `or` with lists of filters, `not` with a filter. What stands side by side holds together. \
Filters nest 32 deep. `null` compares with nothing: ask for it by `isNull`.

**Pages.** By `limit` and `offset`; or by `output: page`, whose `next` is `after` of the page that follows. The latter reads \
on where the page before ended, whatever was written meanwhile, and needs a primary key.

**Values.** Whole numbers are exact to 64 bits; decimals are texts; points in time are RFC 3339 in UTC; bytes are base64; \
JSON and lists are what they are. Databases sort and compare texts by their own rules.

**Bounds.** Without `limit` more rows than the data source's `maxRows` are an error, and nothing is cut off silently.

**Tenants.** Under strict isolation only the tenant's own rows are seen, whatever the filter says.";

impl NodeType for DbalRead {
    type Params = ReadParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["database", "sql", "select", "query", "table"]),
            examples: vec![
                example_without_output(
                    "Open orders of a customer, the newest first",
                    json!({
                        "entity": "orders",
                        "fields": ["id", "total", "created_at"],
                        "filter": {"customer": "{{ $json.id }}", "status": {"in": ["open", "paid"]}},
                        "sort": [{"field": "created_at", "direction": "desc"}],
                        "limit": 100
                    }),
                ),
                example_without_output(
                    "The next page of a list",
                    json!({
                        "entity": "orders",
                        "sort": [{"field": "created_at"}],
                        "limit": 50,
                        "after": "{{ $json.next }}",
                        "output": "page"
                    }),
                ),
                example_without_output(
                    "How many there are",
                    json!({"entity": "orders", "filter": {"total": {"gte": "100.00"}}, "output": "count"}),
                ),
            ],
            capabilities: vec![Capability::Database],
            ..declare("dbal-read", super::CATEGORY, "Reads rows of a database.")
        }
    }

    async fn run(&self, call: TypedCall<'_, ReadParams>) -> Result<NodeOutput, NodeError> {
        let mut results = call.results();
        let mut budget = Budget::default();
        for index in 0..call.items().len() {
            let params = match call.params_for(index) {
                Ok(params) => params,
                Err(error) => {
                    results.fail(index, error)?;
                    continue;
                }
            };
            match self.read(&call, &params, &mut budget).await {
                Ok(objects) => {
                    for object in objects {
                        results.put(Item::new(object).paired_with(index));
                    }
                }
                // What all items take together is no fault of one of them.
                Err(error) if budget.is_spent() => return Err(results.stop(index, error)),
                Err(error) => results.fail(index, error)?,
            }
        }
        results.finish()
    }

    fn check(&self, params: &ReadParams) -> Vec<ValidationIssue> {
        let mut issues = Vec::new();
        let mut wrong = |path: &str, message: &str| {
            issues.push(ValidationIssue::parameter(path, message));
        };
        if params.entity.is_empty() {
            wrong("/entity", "the name of a table or of a declared entity");
        }
        if params.limit == Some(0) {
            wrong("/limit", "at least 1");
        }
        if params.sort.len() > MAX_SORT {
            wrong("/sort", "at most 32 fields");
        }
        if params.fields.len() > MAX_FIELDS {
            wrong("/fields", "at most 1000 fields");
        }
        if i64::try_from(params.offset).is_err() {
            wrong("/offset", "a number of rows");
        }
        if params
            .after
            .as_deref()
            .is_some_and(|after| !after.is_empty())
            && params.offset > 0
        {
            wrong(
                "/offset",
                "`after` and `offset` are two ways of paging; use one",
            );
        }
        issues
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}

impl DbalRead {
    async fn read(
        &self,
        call: &TypedCall<'_, ReadParams>,
        params: &ReadParams,
        budget: &mut Budget,
    ) -> Result<Vec<Object>, NodeError> {
        let issues = self.check(params);
        if !issues.is_empty() {
            return Err(NodeError::Params(issues));
        }
        let mut target = Target::open(
            call.context,
            &self.sources,
            &params.data_source,
            &params.entity,
            Access::Read,
        )
        .await?;
        let read = read(&mut target, params, budget, call.context.grants)
            .await
            .map_err(|error| target.note(error))?;
        target.commit().await?;
        Ok(read)
    }
}

async fn read(
    target: &mut Target,
    params: &ReadParams,
    budget: &mut Budget,
    grants: &dyn Grants,
) -> Result<Vec<Object>, NodeError> {
    let count = match params.output {
        ReadOutput::Count | ReadOutput::CountedPage => Some(count(target, params).await?),
        ReadOutput::Rows | ReadOutput::Page => None,
    };
    if params.output == ReadOutput::Count {
        return Ok(vec![object([("count", count.into())])]);
    }
    let bound = bound(params.limit, target.max_rows())?;
    let is_page = params.output != ReadOutput::Rows;
    let (session, scope) = target.parts();
    let after = params.after.as_deref().filter(|after| !after.is_empty());
    let mut order = RowOrder::asked(scope, &params.sort)?;
    if is_page || after.is_some() {
        order = order.total()?;
    }
    if is_page {
        order = order.shown(grants)?;
    }
    let mut statement = SelectStatement::new();
    let mut outputs = Vec::new();
    for column in scope.columns(&params.fields)? {
        statement.expr(scope.selected(column));
        outputs.push(scope.output(column));
    }
    if is_page {
        for (key, output) in order.keys() {
            statement.expr(key);
            outputs.push(output);
        }
    }
    statement.from(scope.table.reference());
    let rows = scope.rows(params.filter.as_ref())?;
    let behind = after.map(|after| order.behind(after)).transpose()?;
    statement.and_where_option(rows).and_where_option(behind);
    order.apply(&mut statement);
    // One more shows whether there are more.
    statement.limit(bound.rows as u64 + 1);
    if params.offset > 0 {
        statement.offset(params.offset);
    }
    let statement = Statement::of(scope.dialect, &statement);
    let mut found = Vec::new();
    let mut last = Vec::new();
    let mut has_more = false;
    session
        .rows(statement, Some(&outputs), |object, keys| {
            if found.len() == bound.rows {
                has_more = true;
                return match bound.is_asked || is_page {
                    true => Ok(()),
                    false => Err(too_many(bound.rows)),
                };
            }
            budget.spend(&object)?;
            found.push(object);
            last = keys;
            Ok(())
        })
        .await?;
    if !is_page {
        return Ok(found);
    }
    let next = match has_more {
        true => Value::String(order.cursor(last, grants)?),
        false => Value::Null,
    };
    let rows = found.into_iter().map(Value::Object).collect();
    let mut page = object([("rows", rows), ("next", next)]);
    if let Some(count) = count {
        page.insert("count".to_owned(), count.into());
    }
    Ok(vec![page])
}

async fn count(target: &mut Target, params: &ReadParams) -> Result<i64, NodeError> {
    let (session, scope) = target.parts();
    let statement = Query::select()
        .expr(Expr::col(Asterisk).count())
        .from(scope.table.reference())
        .and_where_option(scope.rows(params.filter.as_ref())?)
        .to_owned();
    let mut counted = 0;
    let output = [Output {
        name: None,
        kind: None,
    }];
    session
        .rows(
            Statement::of(scope.dialect, &statement),
            Some(&output),
            |_, row| {
                counted = number_of(&row, 0);
                Ok(())
            },
        )
        .await?;
    Ok(counted)
}

/// How many rows are read, and whether that was asked for.
pub(super) struct RowBound {
    pub(super) rows: usize,
    pub(super) is_asked: bool,
}

/// The bound on rows: what was asked for, if that is not too much, else what the data source has.
pub(super) fn bound(limit: Option<u64>, most: usize) -> Result<RowBound, NodeError> {
    let Some(limit) = limit else {
        return Ok(RowBound {
            rows: most,
            is_asked: false,
        });
    };
    match usize::try_from(limit) {
        Ok(rows) if rows <= most => Ok(RowBound {
            rows,
            is_asked: true,
        }),
        _ => Err(NodeError::parameter(
            "/limit",
            format!("at most {most} rows in one call of this data source, not {limit}"),
        )),
    }
}

/// That there are more rows than one call reads or gives back.
pub(super) fn too_many(most: usize) -> NodeError {
    let message = format!(
        "there are more than {most} rows; narrow the filter, set `limit`, or read page by page"
    );
    NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message)
}

pub(super) fn object<const N: usize>(members: [(&str, Value); N]) -> Object {
    members
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}
