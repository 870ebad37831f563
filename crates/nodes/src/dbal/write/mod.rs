mod change;
mod insert;
mod params;
mod returned;
mod rows;
mod upsert;

pub(super) use returned::{
    Returned, Returning, clause, lock_identities, needed_identity, outputs, read_back,
};

use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, Scheduling, TypedCall};
use jackfield_types::{Capability, NodeTypeMetadata, ValidationIssue};
use serde_json::json;

use self::params::{Operation, WriteParams};
use super::error;
use super::sources::{Access, DataSources};
use super::target::Target;
use crate::declaration::{declare, example_without_output, tags};

/// `dbal-write`: creates and changes rows.
pub(crate) struct DbalWrite {
    sources: DataSources,
}

impl DbalWrite {
    pub(super) fn new(sources: DataSources) -> Self {
        Self { sources }
    }
}

const DOCUMENTATION: &str = "\
Creates rows, changes them, or does whichever is needed. All input items are written in one transaction: all of it happens, or \
nothing.

**Rows.** `values` is an object, or a list of objects, made for each input item; without it each item is a row. With \
`operation: create` they are inserted, many at once. With `update` the rows of `filter` get the values; without a filter it \
is refused unless `all` is set. With `upsert` the row with the same `conflict` columns gets the values, and if there is none \
it is created; a unique index of those columns has to be there. `onConflict: nothing` leaves such a row as it is.

**What comes out.** With `returning` the rows that were written, as the database has them (`[\"*\"]` for all columns), paired \
with their items; without it one item with the number of rows, `affected`.

**Tenants.** Under strict isolation the column that says whose a row is is filled in, rows of others are neither changed \
nor taken for the same, and it belongs to the columns of `conflict` by itself.

**Errors.** A value that breaks a rule of the database is `DATABASE_CONSTRAINT` and is not tried again; a deadlock or a \
lock that was not free in time is `DATABASE_BUSY` and may be. When the connection breaks while rows that are created become \
permanent, nobody knows whether they did: that is not tried again.";

impl NodeType for DbalWrite {
    type Params = WriteParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["database", "sql", "insert", "update", "upsert", "table"]),
            examples: vec![
                example_without_output(
                    "A row of each item",
                    json!({"entity": "orders", "returning": ["id"]}),
                ),
                example_without_output(
                    "Change rows",
                    json!({
                        "entity": "orders",
                        "operation": "update",
                        "filter": {"id": "{{ $json.id }}"},
                        "values": {"status": "paid"}
                    }),
                ),
                example_without_output(
                    "Create, or change what is there",
                    json!({
                        "entity": "products",
                        "operation": "upsert",
                        "conflict": ["sku"],
                        "values": {"sku": "{{ $json.sku }}", "price": "{{ $json.price }}"}
                    }),
                ),
            ],
            capabilities: vec![Capability::Database],
            ..declare(
                "dbal-write",
                super::CATEGORY,
                "Creates and changes rows of a database.",
            )
        }
    }

    async fn run(&self, call: TypedCall<'_, WriteParams>) -> Result<NodeOutput, NodeError> {
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
        if let Some(other) = all.iter().position(|params| !params.goes_with(first)) {
            let message = "`dataSource`, `entity`, `operation`, `conflict`, `onConflict` and \
                           `returning` are the same for all items of one call";
            return Err(call
                .results()
                .stop(other, NodeError::parameter("", message)));
        }
        let mut target = Target::open(
            call.context,
            &self.sources,
            &first.data_source,
            &first.entity,
            Access::Write,
        )
        .await?;
        let mut returned =
            Returned::new(Returning::of(first.returning.as_deref(), target.max_rows()));
        match first.operation {
            Operation::Create | Operation::Upsert => {
                let mut rows = Vec::new();
                for (index, params) in all.iter().enumerate() {
                    let item = call.items()[index].json();
                    rows::of_item(&target, params.values.as_ref(), item, index, &mut rows)
                        .map_err(|error| call.results().stop(index, target.note(error)))?;
                }
                let written = match first.operation {
                    Operation::Upsert => upsert::run(&mut target, first, rows, &mut returned).await,
                    _ => insert::run(&mut target, rows, &mut returned).await,
                };
                written.map_err(|error| target.note(error))?;
            }
            Operation::Update => {
                for (index, params) in all.iter().enumerate() {
                    let item = call.items()[index].json();
                    change::run(&mut target, params, item, index, &mut returned)
                        .await
                        .map_err(|error| call.results().stop(index, target.note(error)))?;
                }
            }
        }
        target
            .commit()
            .await
            .map_err(|error| uncertain(first.operation, error))?;
        Ok(returned.output())
    }

    fn check(&self, params: &WriteParams) -> Vec<ValidationIssue> {
        params.check()
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}

/// Rows that may have been created are not created again.
fn uncertain(operation: Operation, error: NodeError) -> NodeError {
    match operation {
        Operation::Create => error::uncertain(error),
        Operation::Update | Operation::Upsert => error,
    }
}
