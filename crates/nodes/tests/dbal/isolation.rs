//! One tenant's rows are nobody else's: through every parameter of every node, and by SQL that is
//! smuggled in.

use jackfield_nodes::{DataSourceConfig, DataSources, RowOwnership};
use serde_json::{Value, json};

use crate::scene::{Kind, Scene, on_each_database, tenant};

pub(crate) const NOTES: &str = r#"
entity: notes
columns:
  id: { type: integer, generated: true }
  slug: { type: text, required: true, maxLength: 60 }
  body: { type: text }
  stars: { type: integer }
primaryKey: [id]
unique: [[slug]]
"#;

/// What is in every row of the victim, and must never come out.
pub(crate) const SECRET: &str = "the victim's secret";

pub(crate) async fn with_a_victim(kind: Kind) -> Scene {
    let scene = Scene::declared(kind, &[NOTES]);
    fill(&scene).await;
    scene
}

pub(crate) async fn fill(scene: &Scene) {
    scene
        .call("dbal-write")
        .of("victim")
        .items(json!([
            {"slug": "one", "body": SECRET, "stars": 41}, {"slug": "two", "body": SECRET, "stars": 42},
        ]))
        .run(json!({"entity": "notes"}))
        .await;
    scene
        .call("dbal-write")
        .of("thief")
        .run(json!({"entity": "notes", "values": {"slug": "mine", "body": "own", "stars": 1}}))
        .await;
}

pub(crate) async fn rows_of(scene: &Scene, tenant: &str) -> Value {
    scene
        .call("dbal-read")
        .of(tenant)
        .run(json!({"entity": "notes", "fields": ["slug", "body", "stars"], "sort": [{"field": "slug"}]}))
        .await
}

pub(crate) fn victim() -> Value {
    json!([
        {"slug": "one", "body": SECRET, "stars": 41}, {"slug": "two", "body": SECRET, "stars": 42},
    ])
}

/// What somebody writes who wants a text to become SQL.
const INJECTIONS: [&str; 26] = [
    "' OR '1'='1",
    "x' OR 1=1 --",
    "\" OR 1=1 --",
    "` OR 1=1 #",
    "'; DELETE FROM notes; --",
    "notes; DROP TABLE notes",
    "notes\" WHERE 1=1; --",
    "notes` WHERE 1=1; #",
    "id) FROM notes UNION SELECT body FROM notes --",
    "(SELECT body FROM notes WHERE tenant_id = 'victim' LIMIT 1)",
    "\\' OR 1=1 --",
    "victim",
    "tenant_id",
    "$1",
    "body->>'a'",
    "notes.body",
    "public.notes",
    "main.notes",
    "pg_temp.notes",
    "\"notes\"",
    "`notes`",
    "[notes]",
    "notes AS n",
    "NOTES",
    "TENANT_ID",
    "*",
];

/// Filters that say something about tenants themselves.
fn sly_filters() -> Vec<Value> {
    vec![
        json!({}),
        json!({"tenant_id": "victim"}),
        json!({"or": [{"tenant_id": "victim"}, {"slug": {"isNull": false}}]}),
        json!({"not": {"tenant_id": "thief"}}),
        json!({"not": {"not": {"or": [{}, {"tenant_id": {"ne": "thief"}}]}}}),
        json!({"tenant_id": {"in": ["victim", "thief"]}}),
        json!({"tenant_id": {"like": "%"}}),
        json!({"tenant_id": {"isNull": true}}),
        json!({"and": [{"or": [{"stars": {"gte": 0}}]}, {"tenant_id": {"between": ["a", "z"]}}]}),
        json!({"tenantId": {"eq": "victim"}}),
        json!({"body": {"like": "%secret%"}}),
    ]
}

/// Every call that a thief can think of: a node and its parameters, with a text in each place.
fn attempts(text: &str) -> Vec<(&'static str, Value)> {
    let read = |change: Value| ("dbal-read", merged(json!({"entity": "notes"}), change));
    let write = |change: Value| ("dbal-write", merged(json!({"entity": "notes"}), change));
    let delete = |change: Value| ("dbal-delete", merged(json!({"entity": "notes"}), change));
    let figures = |change: Value| {
        let whole =
            json!({"entity": "notes", "aggregates": [{"function": "max", "field": "body"}]});
        ("dbal-aggregate", merged(whole, change))
    };
    vec![
        read(json!({"dataSource": text})),
        read(json!({"entity": text})),
        read(json!({"entity": format!("notes {text}")})),
        read(json!({"fields": [text]})),
        read(json!({"fields": ["body", text]})),
        read(json!({"filter": {text: "x"}})),
        read(json!({"filter": {"slug": text}})),
        read(json!({"filter": {"slug": {"in": [text]}}})),
        read(json!({"filter": {"slug": {"like": text}}})),
        read(json!({"filter": {"slug": {text: 1}}})),
        read(json!({"filter": {"slug": {"between": [text, "zzz"]}}})),
        read(json!({"sort": [{"field": text}]})),
        read(json!({"sort": [{"field": "slug", "direction": text}]})),
        read(json!({"after": text, "limit": 5})),
        read(json!({"limit": text})),
        read(json!({"offset": text})),
        read(json!({"output": text})),
        write(json!({"values": {text: "x", "slug": "new"}})),
        write(json!({"values": {"slug": text, "body": text}, "returning": ["*"]})),
        write(json!({"values": {"slug": "r"}, "returning": [text]})),
        write(json!({"values": {"slug": "t", "tenant_id": text}})),
        write(json!({"operation": text, "values": {"slug": "u"}})),
        write(json!({"operation": "update", "filter": {"slug": text}, "values": {"stars": 0}})),
        write(json!({"operation": "update", "filter": {text: 1}, "values": {"stars": 0}})),
        write(
            json!({"operation": "update", "all": true, "values": {"body": text}, "returning": ["body"]}),
        ),
        write(json!({"operation": "update", "all": true, "values": {"tenant_id": text}})),
        write(
            json!({"operation": "upsert", "conflict": [text], "values": {"slug": "one", "body": "stolen"}}),
        ),
        write(
            json!({"operation": "upsert", "conflict": ["slug"], "values": {"slug": text, "body": "x"}, "returning": ["*"]}),
        ),
        write(
            json!({"operation": "upsert", "conflict": ["slug"], "values": {"slug": "v", "tenant_id": text}}),
        ),
        write(
            json!({"operation": "upsert", "conflict": ["slug", "tenant_id"], "values": {"slug": "w", "tenant_id": text}}),
        ),
        delete(json!({"filter": {"slug": text}, "returning": ["*"]})),
        delete(json!({"filter": {text: {"isNull": false}}})),
        figures(json!({"filter": {"slug": text}})),
        figures(json!({"groupBy": [text]})),
        figures(json!({"groupBy": ["slug"], "having": {text: 1}})),
        figures(json!({"aggregates": [{"function": "min", "field": text}]})),
        figures(json!({"aggregates": [{"function": "min", "field": "body", "as": text}]})),
        figures(json!({"aggregates": [{"function": text, "field": "body"}]})),
        figures(json!({"groupBy": ["slug"], "sort": [{"field": text}]})),
    ]
}

fn merged(whole: Value, change: Value) -> Value {
    let (Value::Object(mut whole), Value::Object(change)) = (whole, change) else {
        panic!("both are objects");
    };
    whole.extend(change);
    Value::Object(whole)
}

/// Makes a call as the thief and looks at whatever came of it.
pub(crate) async fn try_to_steal(scene: &Scene, node: &str, parameters: &Value) {
    let seen = match scene
        .call(node)
        .of("thief")
        .attempt(parameters.clone())
        .await
    {
        Ok(output) => jackfield_testkit::StaticCall::ports(&output).to_string(),
        Err(error) => format!("{:?}", error.into_failure()),
    };
    assert!(!seen.contains(SECRET), "{node} {parameters}: {seen}");
    for figure in [":41", ":42", ":83"] {
        // The thief's own rows are counted up, and get that far.
        let own = seen.matches(&format!("\"id\"{figure}")).count();
        let found = seen.matches(figure).count();
        assert_eq!(found, own, "{node} {parameters}: {seen}");
    }
}

/// The policy that granted the call says whose rows are meant, whatever comes into force meanwhile.
#[tokio::test]
async fn a_call_keeps_to_the_isolation_that_it_began_with() {
    let scene = with_a_victim(Kind::Sqlite).await;
    let own = json!([{"slug": "mine", "body": "own", "stars": 1}]);
    let read = scene
        .call("dbal-read")
        .of("thief")
        .relaxed_meanwhile()
        .run(json!({"entity": "notes", "fields": ["slug", "body", "stars"]}))
        .await;
    assert_eq!(read, own);
    scene
        .call("dbal-delete")
        .of("thief")
        .relaxed_meanwhile()
        .run(json!({"entity": "notes", "all": true}))
        .await;
    assert_eq!(rows_of(&scene, "victim").await, victim());
    assert_eq!(rows_of(&scene, "thief").await, json!([]));
}

on_each_database! {
    async fn texts_in_every_parameter_reach_no_row_of_another_tenant(kind) {
        let scene = with_a_victim(kind).await;
        for text in INJECTIONS {
            for (node, parameters) in attempts(text) {
                try_to_steal(&scene, node, &parameters).await;
            }
        }
        assert_eq!(rows_of(&scene, "victim").await, victim());
    }

    async fn filters_about_tenants_reach_no_row_of_another_tenant(kind) {
        let scene = with_a_victim(kind).await;
        for filter in sly_filters() {
            for parameters in [
                json!({"entity": "notes", "filter": filter}),
                json!({"entity": "notes", "filter": filter, "fields": ["tenant_id", "body", "stars"]}),
                json!({"entity": "notes", "filter": filter, "output": "countedPage", "limit": 10}),
            ] {
                try_to_steal(&scene, "dbal-read", &parameters).await;
            }
            try_to_steal(&scene, "dbal-aggregate", &json!({
                "entity": "notes", "filter": filter, "groupBy": ["tenant_id"],
                "aggregates": [{"function": "max", "field": "body"}, {"function": "sum", "field": "stars"}],
                "having": {"tenant_id": "victim"},
            })).await;
            try_to_steal(&scene, "dbal-write", &json!({
                "entity": "notes", "operation": "update", "filter": filter, "all": true,
                "values": {"stars": 0}, "returning": ["*"],
            })).await;
            try_to_steal(&scene, "dbal-delete", &json!({
                "entity": "notes", "filter": filter, "all": true, "returning": ["*"],
            })).await;
            assert_eq!(rows_of(&scene, "victim").await, victim(), "{filter}");
        }
        let counted = scene.call("dbal-read").of("thief").run(json!({"entity": "notes", "output": "count"})).await;
        assert_eq!(counted, json!([{"count": 0}]));
    }

    async fn writing_the_same_key_as_another_tenant_leaves_its_row_alone(kind) {
        let scene = with_a_victim(kind).await;
        let upserted = scene.call("dbal-write").of("thief").run(json!({
            "entity": "notes", "operation": "upsert", "conflict": ["slug"],
            "values": [{"slug": "one", "body": "stolen"}, {"slug": "mine", "body": "changed"}], "returning": ["slug", "body"],
        })).await;
        assert_eq!(upserted, json!([{"slug": "one", "body": "stolen"}, {"slug": "mine", "body": "changed"}]));
        assert_eq!(rows_of(&scene, "victim").await, victim());
        // The number of another tenant's row is no way to it either.
        let ids = scene.call("dbal-read").of("victim").run(json!({"entity": "notes", "fields": ["id"]})).await;
        for id in ids.as_array().unwrap() {
            for conflict in [json!(["id"]), json!(["slug"])] {
                let call = scene.call("dbal-write").of("thief");
                let refused = call.attempt(json!({
                    "entity": "notes", "operation": "upsert", "conflict": conflict,
                    "values": {"id": id["id"], "slug": "taken", "body": "stolen"},
                })).await;
                assert!(refused.is_err(), "{conflict}");
            }
            let call = scene.call("dbal-write").of("thief");
            let taken = call.attempt(json!({
                "entity": "notes", "values": {"id": id["id"], "slug": "taken", "body": "stolen"},
            })).await;
            assert!(taken.is_err());
        }
        assert_eq!(rows_of(&scene, "victim").await, victim());
    }

    async fn a_tenant_whose_name_the_database_takes_for_equal_is_another(kind) {
        let scene = Scene::strict(kind);
        scene.sql(
            "CREATE TABLE loose (tenant_id TEXT COLLATE NOCASE NOT NULL, k TEXT, v TEXT, UNIQUE (tenant_id, k));\n\
             INSERT INTO loose VALUES ('VICTIM', 'a', 'secret')",
            "CREATE COLLATION loose_text (provider = icu, locale = 'und-u-ks-level2', deterministic = false);\n\
             CREATE TABLE loose (tenant_id TEXT COLLATE loose_text NOT NULL, k TEXT, v TEXT, UNIQUE (tenant_id, k));\n\
             INSERT INTO loose VALUES ('VICTIM', 'a', 'secret')",
            "CREATE TABLE loose (tenant_id VARCHAR(60) COLLATE utf8mb4_general_ci NOT NULL, k VARCHAR(60), v TEXT, UNIQUE (tenant_id, k));\n\
             INSERT INTO loose VALUES ('VICTIM', 'a', 'secret')",
        ).await;
        let rows = scene.call("dbal-read").of("victim").run(json!({"entity": "loose"})).await;
        assert_eq!(rows, json!([]));
        let gone = scene.call("dbal-delete").of("victim").run(json!({"entity": "loose", "all": true})).await;
        assert_eq!(gone, json!([{"affected": 0}]));
        let error = scene.call("dbal-write").of("victim").fail(json!({
            "entity": "loose", "operation": "upsert", "conflict": ["k"], "values": {"k": "a", "v": "stolen"},
        })).await;
        assert_eq!(error.code.as_str(), "DATABASE_CONSTRAINT", "{error}");
        let kept = scene.call("dbal-read").of("VICTIM".to_lowercase().as_str()).run(json!({"entity": "loose"})).await;
        assert_eq!(kept, json!([]));
    }

    async fn a_table_that_does_not_tell_tenants_apart_is_refused(kind) {
        let scene = Scene::strict(kind);
        scene.run("CREATE TABLE plain (id INTEGER, v VARCHAR(9));\nINSERT INTO plain VALUES (1, 'x');\n\
                   CREATE TABLE odd (tenant_id INTEGER, v VARCHAR(9))").await;
        for entity in ["plain", "odd"] {
            for (node, parameters) in [
                ("dbal-read", json!({})),
                ("dbal-write", json!({"values": {"v": "y"}})),
                ("dbal-delete", json!({"all": true})),
                ("dbal-aggregate", json!({"aggregates": [{"function": "count"}]})),
            ] {
                let failure = scene.call(node).fail(merged(parameters, json!({"entity": entity}))).await;
                assert_eq!(failure.code.as_str(), "TENANT_FORBIDDEN", "{node}: {failure}");
                assert!(failure.message.contains("tenant_id"), "{failure}");
            }
        }
    }

    async fn a_tenant_has_its_own_data_sources_and_no_others(kind) {
        let scene = Scene::relaxed(kind);
        scene.run("CREATE TABLE t (v INTEGER);\nINSERT INTO t VALUES (7)").await;
        let mut own = DataSourceConfig::new(scene.url.clone());
        own.rows = RowOwnership::Exclusive;
        let sources = DataSources::builder().of_tenant(&tenant("acme"), "crm", own).build().unwrap();
        let scene = scene.reached_by(sources);
        let read = json!({"dataSource": "crm", "entity": "t"});
        assert_eq!(scene.call("dbal-read").of("acme").run(read.clone()).await, json!([{"v": 7}]));
        let failure = scene.call("dbal-read").of("other").fail(read).await;
        assert_eq!(failure.code.as_str(), "UNKNOWN_ENTITY");
        assert!(failure.message.contains("tenant `other` has no data source `crm`"), "{failure}");
        assert_eq!(scene.sources().tenant(&tenant("acme")).names(), ["crm"]);
        assert!(scene.sources().tenant(&tenant("other")).names().is_empty());
    }

    async fn under_strict_isolation_a_database_of_ones_own_needs_no_column(kind) {
        let scene = Scene::strict(kind);
        scene.run("CREATE TABLE t (v INTEGER);\nINSERT INTO t VALUES (7)").await;
        let mut own = DataSourceConfig::new(scene.url.clone());
        own.rows = RowOwnership::Exclusive;
        let sources = DataSources::builder().of_tenant(&tenant("acme"), "main", own).build().unwrap();
        let scene = scene.reached_by(sources);
        assert_eq!(scene.call("dbal-read").of("acme").run(json!({"entity": "t"})).await, json!([{"v": 7}]));
    }
}
