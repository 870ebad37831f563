//! Data sources whose URL a credential of the tenant has.

use jackfield_nodes::{
    DataSourceConfig, DataSourceError, DataSources, Migration, NodeSettings, RowOwnership,
    node_types,
};
use jackfield_plugin_api::NodeError;
use jackfield_testkit::database::{MariaDb, Postgres};
use jackfield_testkit::{ScriptedGrants, StaticCall};
use jackfield_types::{Credential, Secret};
use serde_json::{Value, json};

use crate::scene::{entity, tenant};

const PEOPLE: &str = "entity: people\ncolumns: { name: { type: text, maxLength: 100, required: true } }\nprimaryKey: [name]\n";

fn credential(credential_type: &str, url: &str) -> Credential {
    let fields = [("url".to_owned(), json!(url))].into_iter().collect();
    Credential::new("db", credential_type, fields, vec![url.to_owned()])
}

fn config() -> DataSourceConfig {
    DataSourceConfig {
        rows: RowOwnership::Exclusive,
        entities: vec![entity(PEOPLE)],
        ..DataSourceConfig::of_credential("db")
    }
}

fn sources() -> DataSources {
    let own = DataSources::builder().of_tenant(&tenant("acme"), "main", config());
    own.build().unwrap()
}

async fn call(
    sources: &DataSources,
    of: &str,
    grants: &ScriptedGrants,
    (node, parameters): (&str, Value),
) -> Result<Value, NodeError> {
    let settings = NodeSettings {
        data_sources: sources.clone(),
        ..NodeSettings::default()
    };
    let mut built_in = node_types(&settings).into_iter();
    let built_in = built_in.find(|one| one.metadata.node_type.as_str() == node);
    let built_in = built_in.unwrap();
    let output = StaticCall::new(&built_in.metadata, parameters)
        .with_tenant(of)
        .with_input(json!([{ "name": "Ada" }]))
        .with_grants(grants.clone())
        .execute(&*built_in.executor)
        .await?;
    Ok(StaticCall::ports(&output)[0].take())
}

fn write() -> (&'static str, Value) {
    (
        "dbal-write",
        json!({ "entity": "people", "operation": "create" }),
    )
}

fn read() -> (&'static str, Value) {
    (
        "dbal-read",
        json!({ "entity": "people", "fields": ["name"] }),
    )
}

/// A new database on a server, and where that is.
fn postgres() -> (String, String) {
    let server = Postgres::shared();
    (
        server.create_database(),
        format!("127.0.0.1:{}", server.port()),
    )
}

fn mariadb() -> (String, String) {
    let server = MariaDb::shared();
    (
        server.create_database(),
        format!("127.0.0.1:{}", server.port()),
    )
}

#[tokio::test]
async fn rows_go_where_the_credential_says_and_follow_it_elsewhere() {
    for make in [postgres, mariadb] {
        let sources = sources();
        let (url, host) = make();
        let first = ScriptedGrants::open().with_credential(credential("database", &url), &[&host]);
        call(&sources, "acme", &first, write()).await.unwrap();
        let rows = call(&sources, "acme", &first, read()).await.unwrap();
        assert_eq!(rows, json!([{ "name": "Ada" }]));
        assert!(first.asked().contains(&format!("credential db for {host}")));
        assert!(first.asked().contains(&format!("host {host}")));

        // Another URL in the credential is another database, and the first one is still there.
        let (other, host) = make();
        let moved =
            ScriptedGrants::open().with_credential(credential("database", &other), &[&host]);
        let rows = call(&sources, "acme", &moved, read()).await.unwrap();
        assert_eq!(rows, json!([]));
        let rows = call(&sources, "acme", &first, read()).await.unwrap();
        assert_eq!(rows, json!([{ "name": "Ada" }]));
    }
}

#[tokio::test]
async fn it_is_asked_for_at_each_call_and_its_binding_holds() {
    let sources = sources();
    let (url, host) = postgres();
    let kept = credential("database", &url);
    let granted = ScriptedGrants::open().with_credential(kept.clone(), &[&host]);
    call(&sources, "acme", &granted, write()).await.unwrap();
    let fails = async |grants: ScriptedGrants| {
        let error = call(&sources, "acme", &grants, read()).await.unwrap_err();
        let text = format!("{}: {error}", error.code());
        let password = url.split(':').nth(2).unwrap().split('@').next().unwrap();
        assert!(!text.contains(&url) && !text.contains(password), "{text}");
        text
    };
    let open = ScriptedGrants::open;
    let error = fails(open()).await;
    assert!(error.starts_with("CREDENTIAL_MISSING"), "{error}");
    let elsewhere = open().with_credential(kept.clone(), &["db.example.org:5432"]);
    let error = fails(elsewhere).await;
    assert!(
        error.contains("is not in hosts of credential `db`"),
        "{error}"
    );
    // What the policy says of hosts holds here, too.
    let elsewhere = open()
        .with_credential(kept, &[&host])
        .with_hosts(&["db.example.org:5432"]);
    let error = fails(elsewhere).await;
    assert!(error.contains("is not in the hosts of the test"), "{error}");
    let other = credential("bearer", &url);
    let error = fails(open().with_credential(other, &[&host])).await;
    assert!(error.contains("takes one of type `database`"), "{error}");
    // Others do not have the data source at all.
    let error = call(&sources, "globex", &granted, read())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("has no data source `main`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_credential_reaches_servers_and_nothing_of_this_machine() {
    let sources = sources();
    let folder = tempfile::tempdir().unwrap();
    let file = format!(
        "sqlite:{}?mode=rwc",
        folder.path().join("others.db").display()
    );
    for url in [
        &*file,
        "postgres://a:hunter2@localhost/app?host=/run/postgresql",
        "postgres://a@localhost/app",
        "postgres:///app",
        "nonsense",
    ] {
        let kept = credential("database", url);
        // Bound to what has no host, which is what a test alone can do.
        let grants = ScriptedGrants::open().with_credential(kept, &[":0"]);
        let error = call(&sources, "acme", &grants, read()).await.unwrap_err();
        assert!(matches!(error, NodeError::Refused(_)), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("the URL of credential `db`"), "{text}");
        assert!(
            !text.contains("hunter2") && !text.contains("others.db"),
            "{text}"
        );
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn what_a_credential_cannot_be_for_is_refused_when_it_is_configured() {
    let build = |config: DataSourceConfig| {
        let own = DataSources::builder().of_tenant(&tenant("acme"), "main", config);
        own.build()
    };
    let shared = DataSources::builder().shared("main", DataSourceConfig::of_credential("db"));
    let error = shared.build().unwrap_err();
    assert!(
        matches!(error, DataSourceError::SharedCredential { .. }),
        "{error}"
    );
    let asked = DataSourceConfig {
        migration: Migration::WhenAsked,
        ..config()
    };
    let owner = DataSourceConfig {
        migration_url: Some(Secret::new("postgres://owner:hunter2@db/app".to_owned())),
        ..config()
    };
    for config in [asked, owner] {
        let error = build(config).unwrap_err();
        assert!(
            matches!(error, DataSourceError::MigrationByCredential { .. }),
            "{error}"
        );
    }
    let column = DataSourceConfig {
        tenant_column: "no column".to_owned(),
        ..config()
    };
    let error = build(column).unwrap_err();
    assert!(
        matches!(error, DataSourceError::TenantColumn { .. }),
        "{error}"
    );
    let asked = sources().tenant(&tenant("acme")).migrate("main").await;
    assert!(
        asked
            .unwrap_err()
            .to_string()
            .contains("is in a credential")
    );
}

#[test]
fn a_document_names_credentials() {
    let text = "tenants: { acme: { main: { url: { credential: db }, rows: exclusive } } }";
    let read = DataSources::read(text).unwrap();
    assert_eq!(read.tenant(&tenant("acme")).names(), ["main"]);
    for wrong in [
        "shared: { main: { url: { credential: db } } }",
        "tenants: { acme: { main: { url: { credential: hunter2, more: 1 } } } }",
        "tenants: { acme: { main: { url: [hunter2] } } }",
        "shared: { main: 'postgres://nodes:hunter2@db/app' }",
        "shared: 'postgres://nodes:hunter2@db/app'",
        "shared: ['postgres://nodes:hunter2@db/app']",
        "tenants: { acme: 'postgres://nodes:hunter2@db/app' }",
        "tenants: { acme: { main: 'postgres://nodes:hunter2@db/app' } }",
        "tenants: { 'postgres://nodes:hunter2@db/app': {} }",
        "shared: { 'postgres://nodes:hunter2@db/app': { url: 'sqlite:a.db' } }",
        "'postgres://nodes:hunter2@db/app': {}",
        "'postgres://nodes:hunter2@db/app'",
        "shared: { main: { url: 'sqlite:a.db', 'postgres://u:hunter2@x/y': 1 } }",
        "shared: { main: { url: 'sqlite:a.db', rows: 'postgres://u:hunter2@x/y' } }",
        "shared: { main: { url: 'sqlite:a.db', maxRows: 'postgres://u:hunter2@x/y' } }",
        "shared: { main: { url: 'sqlite:a.db', migrationUrl: ['postgres://u:hunter2@x/y'] } }",
        "shared: { main: { url: 'sqlite:a.db', entities: ['postgres://u:hunter2@x/y'] } }",
    ] {
        let error = DataSources::read(wrong).unwrap_err();
        let error = format!("{error} {error:?}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    // What can be shown is where it is.
    for (wrong, place) in [
        (
            "shared: { main: { rows: shared } }",
            "`shared.main` has no `url`",
        ),
        ("shared: { main: text }", "`shared.main` is no object"),
        (
            "shared: { main: { url: 'sqlite:a.db', maxRows: 0 } }",
            "`shared.main.maxRows` is no field",
        ),
        (
            "tenants: { acme: { crm: { url: 'sqlite:a.db', maxRow: 1 } } }",
            "`tenants.acme.crm.maxRow` is no field",
        ),
        ("share: {}", "and no `share`"),
    ] {
        let error = DataSources::read(wrong).unwrap_err().to_string();
        assert!(error.contains(place), "{wrong}: {error}");
    }
}

#[test]
fn what_is_one_tenants_alone_nobody_else_has() {
    let exclusive = |url: &str| DataSourceConfig {
        rows: RowOwnership::Exclusive,
        ..DataSourceConfig::new(url)
    };
    let own = |tenants: [(&str, DataSourceConfig); 2]| {
        let builder = tenants
            .into_iter()
            .fold(DataSources::builder(), |builder, (id, config)| {
                builder.of_tenant(&tenant(id), "main", config)
            });
        builder.build()
    };
    let url = "postgres://a:hunter2@db.internal/app";
    let other = "postgresql://b:hunter2@DB.internal:5432/app?sslmode=require";
    for both in [
        [("acme", exclusive(url)), ("globex", exclusive(other))],
        [
            ("acme", exclusive(url)),
            ("globex", DataSourceConfig::new(other)),
        ],
        [
            ("acme", exclusive("sqlite:one.db")),
            ("globex", exclusive("sqlite://one.db?mode=rwc")),
        ],
    ] {
        let error = own(both).unwrap_err();
        assert!(
            matches!(error, DataSourceError::NotExclusive { .. }),
            "{error}"
        );
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    let shared = DataSources::builder()
        .shared("all", DataSourceConfig::new(other))
        .of_tenant(&tenant("acme"), "main", exclusive(url));
    let error = shared.build().unwrap_err();
    assert!(error.to_string().contains("of all tenants"), "{error}");
    for both in [
        [
            ("acme", exclusive(url)),
            ("acme2", exclusive("postgres://a:b@db.internal/app2")),
        ],
        [
            ("acme", exclusive("sqlite::memory:")),
            ("b", exclusive("sqlite::memory:")),
        ],
        [
            ("acme", DataSourceConfig::new(url)),
            ("b", DataSourceConfig::new(other)),
        ],
    ] {
        assert!(own(both).is_ok());
    }
    // By two names of the same tenant it is that tenant's all the same.
    let twice = DataSources::builder()
        .of_tenant(&tenant("acme"), "main", exclusive(url))
        .of_tenant(&tenant("acme"), "other", exclusive(other));
    assert!(twice.build().is_ok());
}

#[test]
fn a_key_that_can_be_guessed_is_refused() {
    let with_key = |key: &str| {
        let mut config = DataSourceConfig::new("postgres://a:b@db/app");
        config.row_security_key = Some(Secret::new(key.to_owned()));
        DataSources::builder().shared("main", config).build()
    };
    let error = with_key("hunter2hunter2hunter2hunter2hun").unwrap_err();
    assert!(
        matches!(error, DataSourceError::RowSecurityKey { length: 31, .. }),
        "{error}"
    );
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(with_key(&"k".repeat(32)).unwrap().holds_secrets());
    let open = DataSources::builder().shared("main", DataSourceConfig::new("sqlite:a.db"));
    assert!(!open.build().unwrap().holds_secrets());
    let open = DataSources::builder().shared("main", DataSourceConfig::new("mysql://a:b@db/app"));
    assert!(open.build().unwrap().holds_secrets());
}
