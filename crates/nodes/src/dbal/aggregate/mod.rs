mod figures;

use std::collections::HashSet;

use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, Scheduling, TypedCall};
use jackfield_types::{Capability, Item, NodeTypeMetadata, Object, ValidationIssue};
use schemars::JsonSchema;
use sea_query::{Alias, ExprTrait, Order, SelectStatement};
use serde::Deserialize;
use serde_json::json;

use self::figures::Figures;
use super::filter::{Fields, Filter, condition};
use super::order::{Direction, SortBy};
use super::read::{bound, too_many};
use super::session::{Output, Statement};
use super::sources::{Access, DataSources};
use super::target::Target;
use crate::declaration::{declare, example_without_output, tags};
use crate::items::Budget;

/// How many figures and groups there are at most.
const MAX_FIGURES: usize = 100;

/// `dbal-aggregate`: counts, adds up and compares rows.
pub(crate) struct DbalAggregate {
    sources: DataSources,
}

/// Parameters of `dbal-aggregate`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AggregateParams {
    /// The data source.
    #[serde(default = "crate::dbal::default_source")]
    data_source: String,
    /// The entity: a table, or what is declared as one.
    entity: String,
    /// What is made of the rows of each group.
    aggregates: Vec<Aggregate>,
    /// The fields whose values make the groups; without them all rows are one group.
    #[serde(default)]
    group_by: Vec<String>,
    /// Which rows count; all if it is not given.
    #[serde(default)]
    filter: Option<Filter>,
    /// Which groups come out, by the names of what comes out.
    #[serde(default)]
    having: Option<Filter>,
    /// The order, by the names of what comes out.
    #[serde(default)]
    sort: Vec<SortBy>,
    /// The most groups.
    #[serde(default)]
    #[schemars(range(min = 1))]
    limit: Option<u64>,
}

/// A figure.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Aggregate {
    /// What is made of the values.
    function: Function,
    /// The field; only `count` goes without, and counts rows then.
    #[serde(default)]
    field: Option<String>,
    /// Whether equal values count once; for `count`.
    #[serde(default)]
    distinct: bool,
    /// The name of the figure; the function and the field if not given, `sum_total`.
    #[serde(default, rename = "as")]
    name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Function {
    /// How many.
    Count,
    /// Added up.
    Sum,
    /// The mean.
    Avg,
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

impl Function {
    fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

impl Aggregate {
    fn name(&self) -> String {
        match (&self.name, &self.field) {
            (Some(name), _) => name.clone(),
            (None, Some(field)) => format!("{}_{field}", self.function.as_str()),
            (None, None) => self.function.as_str().to_owned(),
        }
    }
}

impl DbalAggregate {
    pub(super) fn new(sources: DataSources) -> Self {
        Self { sources }
    }
}

const DOCUMENTATION: &str = "\
Makes figures of the rows of a table, or of a declared entity: `count`, `sum`, `avg`, `min`, `max`, over all rows or over \
groups of rows with the same values of `groupBy`. Each group is an item. It is done for each input item, with parameters of \
its own.

`filter` says which rows count, `having` which groups come out, by the names of figures and groups; both are written as the \
filters of `dbal-read`. Values that are `null` do not count; without any the figure is `null`, and a count 0.

Sums of whole numbers are whole numbers, and texts beyond 64 bits; figures of decimals are texts, and exact except on \
SQLite, which adds up floating-point numbers. Means of whole numbers are floating-point numbers. Under strict isolation only \
the tenant's own rows count, whatever the filter says.";

impl NodeType for DbalAggregate {
    type Params = AggregateParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["database", "sql", "group", "sum", "count", "average"]),
            examples: vec![
                example_without_output(
                    "Turnover of each country",
                    json!({
                        "entity": "orders",
                        "groupBy": ["country"],
                        "aggregates": [
                            {"function": "count", "as": "orders"},
                            {"function": "sum", "field": "total", "as": "turnover"}
                        ],
                        "filter": {"status": "paid"},
                        "having": {"orders": {"gte": 10}},
                        "sort": [{"field": "turnover", "direction": "desc"}],
                        "limit": 20
                    }),
                ),
                example_without_output(
                    "How many customers there are",
                    json!({
                        "entity": "orders",
                        "aggregates": [{"function": "count", "field": "customer", "distinct": true}]
                    }),
                ),
            ],
            capabilities: vec![Capability::Database],
            ..declare(
                "dbal-aggregate",
                crate::dbal::CATEGORY,
                "Counts, adds up and compares rows of a database.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, AggregateParams>) -> Result<NodeOutput, NodeError> {
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
            match self.aggregate(&call, &params, &mut budget).await {
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

    fn check(&self, params: &AggregateParams) -> Vec<ValidationIssue> {
        let mut issues = Vec::new();
        let mut wrong = |path: String, message: &str| {
            issues.push(ValidationIssue::parameter(path, message));
        };
        if params.entity.is_empty() {
            wrong(
                "/entity".to_owned(),
                "the name of a table or of a declared entity",
            );
        }
        if params.aggregates.is_empty() {
            wrong("/aggregates".to_owned(), "at least one figure");
        }
        if params.aggregates.len() + params.group_by.len() > MAX_FIGURES {
            wrong("/aggregates".to_owned(), "at most 100 figures and groups");
        }
        if params.limit == Some(0) {
            wrong("/limit".to_owned(), "at least 1");
        }
        if params.sort.len() > MAX_FIGURES {
            wrong("/sort".to_owned(), "at most 100 fields");
        }
        let mut names: HashSet<String> = params.group_by.iter().cloned().collect();
        for (place, aggregate) in params.aggregates.iter().enumerate() {
            let path = |member: &str| format!("/aggregates/{place}/{member}");
            if aggregate.field.is_none() && aggregate.function != Function::Count {
                wrong(path("field"), "only `count` goes without a field");
            }
            if aggregate.distinct
                && (aggregate.function != Function::Count || aggregate.field.is_none())
            {
                wrong(path("distinct"), "it is for `count` of a field");
            }
            if aggregate.name.as_deref().is_some_and(str::is_empty) {
                wrong(path("as"), "a name");
            }
            if !names.insert(aggregate.name()) {
                wrong(path("as"), "another figure or group has this name");
            }
        }
        issues
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}

impl DbalAggregate {
    async fn aggregate(
        &self,
        call: &TypedCall<'_, AggregateParams>,
        params: &AggregateParams,
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
        let made = aggregate(&mut target, params, budget)
            .await
            .map_err(|error| target.note(error))?;
        target.commit().await?;
        Ok(made)
    }
}

async fn aggregate(
    target: &mut Target,
    params: &AggregateParams,
    budget: &mut Budget,
) -> Result<Vec<Object>, NodeError> {
    let bound = bound(params.limit, target.max_rows())?;
    let (session, scope) = target.parts();
    let figures = Figures::of(scope, params)?;
    let mut statement = SelectStatement::new();
    let mut outputs = Vec::new();
    for name in &params.group_by {
        let column = scope.column(name)?;
        statement.expr(scope.selected(column));
        statement.group_by_col(Alias::new(name));
        outputs.push(scope.output(column));
    }
    for (name, figure) in &figures.made {
        statement.expr(scope.sent(figure.expression.clone(), &figure.column.kind));
        outputs.push(Output {
            name: Some(name.clone()),
            kind: Some(figure.column.kind.clone()),
        });
    }
    statement
        .from(scope.table.reference())
        .and_where_option(scope.rows(params.filter.as_ref())?);
    if let Some(having) = &params.having {
        statement.and_having(condition(scope.dialect, having, &figures)?);
    }
    for by in &params.sort {
        let sorted = figures.operand(&by.field)?.expression;
        let order = match by.direction {
            Direction::Asc => Order::Asc,
            Direction::Desc => Order::Desc,
        };
        // `null` comes last either way, in every database.
        statement
            .order_by_expr(sorted.clone().is_null(), Order::Asc)
            .order_by_expr(sorted, order);
    }
    statement.limit(bound.rows as u64 + 1);
    let mut found = Vec::new();
    session
        .rows(
            Statement::of(scope.dialect, &statement),
            Some(&outputs),
            |object, _| {
                if found.len() == bound.rows {
                    return match bound.is_asked {
                        true => Ok(()),
                        false => Err(too_many(bound.rows)),
                    };
                }
                budget.spend(&object)?;
                found.push(object);
                Ok(())
            },
        )
        .await?;
    Ok(found)
}
