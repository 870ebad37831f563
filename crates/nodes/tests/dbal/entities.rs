//! Declared entities: their tables are made and changed, and what is written to them is checked.

use jackfield_nodes::{DataSourceConfig, DataSources, EntityDeclaration, Migration};
use serde_json::json;

use crate::scene::{Scene, entity, on_each_database, tenant};

const FIRST: &str = "
entity: invoices
table: billing_invoices
columns:
  number: { type: text, maxLength: 20, required: true }
  total: { type: decimal, scale: 2 }
primaryKey: [number]
";

pub(crate) const SECOND: &str = r#"{
  "entity": "invoices",
  "table": "billing_invoices",
  "columns": {
    "number": {"type": "text", "maxLength": 20, "required": true, "schema": {"pattern": "^R-[0-9]+$"}},
    "total": {"type": "decimal", "scale": 2},
    "email": {"type": "text", "maxLength": 100, "schema": {"type": "string", "minLength": 3}},
    "tags": {"type": "text", "list": true, "schema": {"maxItems": 2}},
    "due": {"type": "date"}
  },
  "primaryKey": ["number"],
  "unique": [["email"]],
  "indexes": [["due"]]
}"#;

fn sources(url: &str, declaration: &str, migration: Migration) -> DataSources {
    let mut config = DataSourceConfig::new(url);
    config.entities = vec![entity(declaration)];
    config.migration = migration;
    DataSources::builder()
        .shared("main", config)
        .build()
        .unwrap()
}

on_each_database! {
    async fn tables_are_made_changed_and_then_left_alone(kind) {
        let scene = Scene::strict(kind);
        let first = sources(&scene.url, FIRST, Migration::OnFirstUse);
        let scene = scene.reached_by(first);
        scene.node("dbal-write", json!({"entity": "invoices", "values": {"number": "R-1", "total": "9.90"}})).await;
        let second = sources(&scene.url, SECOND, Migration::WhenAsked);
        let scene = scene.reached_by(second);
        let own = scene.sources().tenant(&tenant("tenant"));
        let steps = own.migrate("main").await.unwrap();
        assert_eq!(steps.len(), 5, "{steps:?}");
        assert!(steps[0].contains("added column `email`"), "{steps:?}");
        assert_eq!(own.migrate("main").await.unwrap(), Vec::<String>::new());
        scene.node("dbal-write", json!({
            "entity": "invoices", "values": {"number": "R-2", "email": "a@b.example", "tags": ["x"], "due": "2026-02-01"},
        })).await;
        let rows = scene.node("dbal-read", json!({"entity": "invoices", "sort": [{"field": "number"}]})).await;
        assert_eq!(rows, json!([
            {"number": "R-1", "total": "9.90", "email": null, "tags": null, "due": null},
            {"number": "R-2", "total": null, "email": "a@b.example", "tags": ["x"], "due": "2026-02-01"},
        ]));
        // Each tenant has its own keys.
        scene.call("dbal-write").of("other").run(json!({
            "entity": "invoices", "values": {"number": "R-2", "email": "a@b.example"},
        })).await;
        let failure = scene.call("dbal-write").of("other").fail(json!({
            "entity": "invoices", "values": {"number": "R-3", "email": "a@b.example"},
        })).await;
        assert_eq!(failure.code.as_str(), "DATABASE_CONSTRAINT");
    }

    async fn what_is_written_is_checked(kind) {
        let scene = Scene::declared(kind, &[SECOND]);
        for (values, text) in [
            (json!({"number": "7"}), "column `number`"),
            (json!({"number": "R-1", "email": "x"}), "column `email`"),
            (json!({"number": "R-1", "tags": ["a", "b", "c"]}), "column `tags`"),
            (json!({"number": "R-12345678901234567890"}), "at most 20 characters"),
            (json!({"total": "1.00"}), "`number` is required"),
            (json!({"number": null}), "`number` is required"),
        ] {
            let error = scene.failure("dbal-write", json!({"entity": "invoices", "values": values})).await;
            assert!(error.starts_with("INVALID_INPUT") && error.contains(text), "{values}: {error}");
        }
        scene.node("dbal-write", json!({"entity": "invoices", "values": {"number": "R-1"}})).await;
        let error = scene.failure("dbal-write", json!({
            "entity": "invoices", "operation": "update", "filter": {"number": "R-1"}, "values": {"email": "x"},
        })).await;
        assert!(error.starts_with("INVALID_INPUT"), "{error}");
        // What is not changed is not asked for.
        scene.node("dbal-write", json!({
            "entity": "invoices", "operation": "update", "filter": {"number": "R-1"}, "values": {"total": "2.00"},
        })).await;
    }

    async fn a_table_that_is_something_else_is_left_alone(kind) {
        let scene = Scene::strict(kind);
        scene.run("CREATE TABLE billing_invoices (tenant_id VARCHAR(99), number VARCHAR(20), total INTEGER)").await;
        let scene_url = scene.url.clone();
        let scene = scene.reached_by(sources(&scene_url, FIRST, Migration::OnFirstUse));
        let failure = scene.call("dbal-read").fail(json!({"entity": "invoices"})).await;
        assert!(failure.message.contains("column `total` of table `billing_invoices` holds a whole number"), "{failure}");
        let scene = Scene::strict(kind);
        scene.run("CREATE TABLE billing_invoices (number VARCHAR(20))").await;
        let scene_url = scene.url.clone();
        let scene = scene.reached_by(sources(&scene_url, FIRST, Migration::OnFirstUse));
        let failure = scene.call("dbal-read").fail(json!({"entity": "invoices"})).await;
        assert!(failure.message.contains("has no column `tenant_id`"), "{failure}");
    }

    async fn many_who_begin_at_once_migrate_one_after_the_other(kind) {
        let scene = Scene::strict(kind);
        let each: Vec<DataSources> =
            (0..4).map(|_| sources(&scene.url, SECOND, Migration::WhenAsked)).collect();
        let own: Vec<_> = each.iter().map(|sources| sources.tenant(&tenant("t"))).collect();
        let (a, b, c, d) = tokio::join!(
            own[0].migrate("main"), own[1].migrate("main"), own[2].migrate("main"), own[3].migrate("main"),
        );
        let made: usize = [a, b, c, d].into_iter().map(|steps| steps.unwrap().len()).sum();
        assert_eq!(made, 1, "one makes the table, with its indexes");
    }
}

#[test]
fn a_declaration_says_what_is_wrong_with_it() {
    let wrong = |text: &str| {
        let mut config = DataSourceConfig::new("sqlite::memory:");
        config.entities = vec![entity(text)];
        let error = DataSources::builder()
            .shared("main", config)
            .build()
            .unwrap_err();
        format!("{error}: {}", std::error::Error::source(&error).unwrap())
    };
    for (text, part) in [
        ("entity: t\ncolumns: {}\nprimaryKey: [id]", "0 columns"),
        (
            "entity: t\ncolumns: {id: {type: integer}}\nprimaryKey: []",
            "no primary key",
        ),
        (
            "entity: t\ncolumns: {id: {type: integer}}\nprimaryKey: [ix]",
            "`ix`",
        ),
        (
            "entity: t\ncolumns: {'a\"b': {type: integer}}\nprimaryKey: [x]",
            "no name that every database takes",
        ),
        (
            "entity: jackfield_x\ncolumns: {id: {type: integer}}\nprimaryKey: [id]",
            "no name",
        ),
        (
            "entity: t\ncolumns: {tenant_id: {type: text}}\nprimaryKey: [tenant_id]",
            "added by itself",
        ),
        (
            "entity: t\ncolumns: {id: {type: text}}\nprimaryKey: [id]",
            "maxLength",
        ),
        (
            "entity: t\ncolumns: {id: {type: uuid, generated: true}}\nprimaryKey: [id]",
            "generated",
        ),
        (
            "entity: t\ncolumns: {id: {type: integer, schema: {type: 7}}}\nprimaryKey: [id]",
            "no JSON Schema",
        ),
    ] {
        let message = wrong(text);
        assert!(message.contains(part), "{text}: {message}");
    }
    assert!(EntityDeclaration::read("entity: [").is_err());
    assert!(EntityDeclaration::read("{\"entity\": \"t\", \"colums\": {}}").is_err());
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]";
    assert!(EntityDeclaration::read(bomb).is_err());
}

#[test]
fn a_document_of_data_sources_is_read_and_shows_no_secret() {
    let sources = DataSources::read(
        "shared:\n  main: { url: 'postgres://u:hunter2@db.example/x', maxConnections: 4 }\n\
         tenants:\n  acme:\n    crm: { url: 'sqlite:///tmp/x.db', rows: exclusive }\n",
    )
    .unwrap();
    assert_eq!(sources.tenant(&tenant("acme")).names(), ["crm", "main"]);
    assert_eq!(sources.tenant(&tenant("other")).names(), ["main"]);
    for text in [
        "shared: { main: { url: 'oracle://u:hunter2@x' } }",
        "shared: { main: { url: 'postgres://u:hunter2@x:port/y' } }",
        "shared: { main: { url: ['hunter2'] } }",
        "shared: { main: { url: 'postgres://u:hunter2@x/y', rows: exclusive } }",
        "shared:\n  main:\n    url: 'postgres://u:hunter2@x/y\n    rows: [",
        "shared: { main: { url: *hunter2 } }",
        "{\"shared\": {\"main\": {\"url\": \"postgres://u:hunter2@x/y}}}",
        "shared: { main: { url: 'postgres://u:hunter2@x/y', rows: hunter } }",
        "shared: { 'a b': { url: 'postgres://u:hunter2@x/y' } }",
        "tenants: { 'No Tenant': { a: { url: 'postgres://u:hunter2@x/y' } } }",
    ] {
        let error = DataSources::read(text).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    assert!(!format!("{sources:?}").contains("hunter2"));
    let mut config = DataSourceConfig::new("postgres://u:hunter2@x/y");
    config.row_security_key = Some(jackfield_types::Secret::new("hunter2".to_owned()));
    assert!(!format!("{config:?}").contains("hunter2"));
}
