use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, Scheduling, TypedCall};
use jackfield_types::{Capability, ErrorCode, Item, NodeTypeMetadata, Object, ValidationIssue};
use schemars::JsonSchema;
use sea_query::Value as Bound;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::uncertain;
use super::read::{object, too_many};
use super::session::Statement;
use super::sources::{Access, Afterwards, DataSources};
use super::sql_text::first_word;
use super::target::{is_isolated, source};
use crate::declaration::{declare, example_without_output, tags};
use crate::items::Budget;

const LONGEST_SQL: usize = 64 << 10;
const MAX_PARAMETERS: usize = 1_000;

/// What statements may begin with. Settings of the connection, which others use after this call,
/// and files of the server are not among them.
const ALLOWED: [&str; 8] = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "VALUES", "WITH", "TABLE",
];

/// `dbal-query`: runs SQL with parameters.
pub(crate) struct DbalQuery {
    sources: DataSources,
}

/// Parameters of `dbal-query`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct QueryParams {
    /// The data source.
    #[serde(default = "super::default_source")]
    data_source: String,
    /// One statement, written out: values go into `parameters`, and templates are refused here.
    sql: String,
    /// The values of the placeholders, in their order.
    #[serde(default)]
    parameters: Vec<Value>,
    /// What comes out.
    #[serde(default)]
    output: QueryOutput,
}

/// What comes out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum QueryOutput {
    /// An item for each row that the statement gives.
    #[default]
    Rows,
    /// One item with the number of rows that the statement changed, `affected`.
    Affected,
}

impl DbalQuery {
    pub(super) fn new(sources: DataSources) -> Self {
        Self { sources }
    }
}

const DOCUMENTATION: &str = "\
Runs one SQL statement and makes an item of each row that it gives. It is done for each input item, with parameters of its \
own, each in a transaction.

**Who may.** Nobody whose policy does not name the capability `sql`. Under strict isolation the data source has to be the \
tenant's own (`\"rows\": \"exclusive\"`): nobody can add the tenant to SQL that is written by hand.

**Parameters.** Placeholders are the database's: `$1`, `$2` on PostgreSQL, `?` on SQLite, MySQL and MariaDB. Texts, whole \
numbers, floating-point numbers, `true` and `false`, and `null` are sent as such, lists and objects as JSON text. PostgreSQL \
takes other types by a cast: `$1::numeric`, `$2::timestamptz`, `$3::jsonb`. Values never become part of the statement, and \
a statement with a template in it is refused.

**Statements.** One of `SELECT`, `INSERT`, `UPDATE`, `DELETE`, `REPLACE`, `VALUES`, `WITH`, `TABLE`, without a comment before it. \
What the role of the data source may do in the database is what SQL may do: give it no more than it needs. Of columns with \
the same name the last one comes out.";

impl NodeType for DbalQuery {
    type Params = QueryParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["database", "sql", "query", "join"]),
            examples: vec![example_without_output(
                "A join that the other node types cannot write",
                json!({
                    "sql": "SELECT c.name, count(*) AS orders FROM customers c JOIN orders o ON o.customer = c.id WHERE o.total > $1::numeric GROUP BY c.name",
                    "parameters": ["{{ $json.minimum }}"]
                }),
            )],
            capabilities: vec![Capability::Database, Capability::Sql],
            ..declare(
                "dbal-query",
                super::CATEGORY,
                "Runs SQL with parameters in a database.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, QueryParams>) -> Result<NodeOutput, NodeError> {
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
            match self.query(&call, &params, &mut budget).await {
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

    fn check(&self, params: &QueryParams) -> Vec<ValidationIssue> {
        let mut issues = Vec::new();
        let mut wrong = |path: &str, message: &str| {
            issues.push(ValidationIssue::parameter(path, message));
        };
        let word = first_word(&params.sql).to_ascii_uppercase();
        if !ALLOWED.contains(&word.as_str()) {
            let message = format!(
                "a statement that begins with one of {}; comments go behind the first word",
                ALLOWED.join(", ")
            );
            wrong("/sql", &message);
        }
        if params.sql.len() > LONGEST_SQL {
            wrong("/sql", "at most 64 KiB");
        }
        // What ends the text for a database is not its end here.
        if params.sql.contains('\0') {
            wrong("/sql", "no zero characters");
        }
        if params.parameters.len() > MAX_PARAMETERS {
            wrong("/parameters", "at most 1000");
        }
        issues
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}

impl DbalQuery {
    async fn query(
        &self,
        call: &TypedCall<'_, QueryParams>,
        params: &QueryParams,
        budget: &mut Budget,
    ) -> Result<Vec<Object>, NodeError> {
        call.context.grants.check_capability(Capability::Sql)?;
        // What an item says must not become a statement, not even by a template.
        if call.parameters.source().get("sql").and_then(Value::as_str) != Some(&params.sql) {
            return Err(NodeError::parameter(
                "/sql",
                "a statement that is written out; values from templates go into `parameters`",
            ));
        }
        let issues = self.check(params);
        if !issues.is_empty() {
            return Err(NodeError::Params(issues));
        }
        let source = source(call.context, &self.sources, &params.data_source)?;
        if is_isolated(call.context) && !source.is_exclusive() {
            let message = format!(
                "data source `{}` has rows of several tenants, and strict isolation cannot add the \
                 tenant to SQL that is written by hand; use the other node types, or a data source \
                 with `\"rows\": \"exclusive\"`",
                source.name()
            );
            return Err(NodeError::refused(ErrorCode::TENANT_FORBIDDEN, message));
        }
        let access = match first_word(&params.sql).to_ascii_uppercase().as_str() {
            "SELECT" | "VALUES" | "TABLE" => Access::Read,
            _ => Access::Write,
        };
        // What SQL leaves behind in a connection is nobody else's to find: settings, locks, what
        // is temporary.
        let mut session = source
            .session(call.context.tenant, access, Afterwards::Closed)
            .await?;
        if let Some(weakness) = session
            .row_security
            .weakness()
            .filter(|_| !source.is_exclusive())
        {
            let message = format!(
                "the row-level security of data source `{}` does not hold against SQL that is \
                 written by hand: {weakness}",
                source.name()
            );
            return Err(NodeError::refused(ErrorCode::TENANT_FORBIDDEN, message));
        }
        session.session.confine(&params.sql).await?;
        let statement = Statement {
            sql: params.sql.clone(),
            values: params.parameters.iter().map(value).collect(),
        };
        let most = usize::try_from(source.config().max_rows.get()).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        match params.output {
            QueryOutput::Affected => {
                let affected = session.session.execute(statement).await?;
                found.push(object([("affected", affected.into())]));
            }
            QueryOutput::Rows => {
                session
                    .session
                    .rows(statement, None, |row, _| {
                        if found.len() == most {
                            return Err(too_many(most));
                        }
                        budget.spend(&row)?;
                        found.push(row);
                        Ok(())
                    })
                    .await?;
            }
        }
        session.session.commit().await.map_err(uncertain)?;
        Ok(found)
    }
}

fn value(value: &Value) -> Bound {
    match value {
        Value::Null => Bound::String(None),
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(signed), _) => signed.into(),
            (None, Some(unsigned)) => unsigned.into(),
            (None, None) => number.as_f64().into(),
        },
        Value::String(text) => text.as_str().into(),
        nested => nested.to_string().into(),
    }
}
