//! Row-level security of PostgreSQL, which stands behind the filters: whoever has the role of the
//! nodes, and SQL of their own, sees the rows of their tenant and no others.

use std::num::NonZeroU32;

use jackfield_nodes::{DataSourceConfig, DataSources, Migration};
use jackfield_testkit::StaticCall;
use jackfield_testkit::database::Postgres;
use jackfield_types::{Secret, Span};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, Row};

use crate::isolation::{NOTES, SECRET, fill, rows_of, victim};
use crate::scene::{Kind, Scene, entity, tenant};

/// What the database signs tenants with.
const KEY: &str = "a key that only the operator has";

/// A PostgreSQL database whose tables are made by one role and used by another, weaker one.
struct Secured {
    database: String,
    role: String,
    role_url: String,
    config: DataSourceConfig,
}

impl Secured {
    fn new(key: Option<&str>) -> Self {
        let server = Postgres::shared();
        let owner_url = server.create_database();
        let database = owner_url.rsplit('/').next().expect("a name").to_owned();
        let role = format!("node_{database}");
        server.execute(
            &database,
            &format!(
                "CREATE ROLE {role} LOGIN PASSWORD 'pw'; GRANT USAGE ON SCHEMA public TO {role}"
            ),
        );
        let role_url = server.url_for(&role, "pw", &database);
        let mut config = DataSourceConfig::new(role_url.clone());
        config.migration_url = Some(Secret::new(owner_url));
        config.row_security_key = key.map(|key| Secret::new(key.to_owned()));
        config.entities = vec![entity(NOTES)];
        Self {
            database,
            role,
            role_url,
            config,
        }
    }

    /// Does something as a superuser.
    fn execute(&self, sql: &str) -> String {
        Postgres::shared().execute(&self.database, &sql.replace("ROLE_OF_NODES", &self.role))
    }

    fn scene(&self) -> Scene {
        self.scene_with(|config| config)
    }

    fn scene_with(&self, change: impl FnOnce(DataSourceConfig) -> DataSourceConfig) -> Scene {
        let config = change(self.config.clone());
        let sources = DataSources::builder().shared("main", config).build();
        Scene::strict(Kind::Sqlite).reached_by(sources.unwrap())
    }

    async fn filled(key: Option<&str>) -> (Self, Scene) {
        let secured = Self::new(key);
        let scene = secured.scene();
        fill(&scene).await;
        (secured, scene)
    }
}

/// Runs SQL on behalf of a tenant whose isolation is relaxed, and gives everything that shows.
async fn query(scene: &Scene, of: &str, sql: &str) -> String {
    match scene
        .call("dbal-query")
        .of(of)
        .attempt(json!({"sql": sql}))
        .await
    {
        Ok(output) => StaticCall::ports(&output).to_string(),
        Err(error) => format!("{:?}", error.into_failure()),
    }
}

async fn visible(connection: &mut sqlx::PgConnection) -> i64 {
    let row = connection
        .fetch_one("SELECT count(*) FROM notes WHERE body LIKE '%secret%'")
        .await
        .expect("it is counted");
    row.get(0)
}

#[tokio::test]
async fn row_level_security_shows_the_role_of_the_nodes_nothing_without_a_tenant() {
    for key in [None, Some(KEY)] {
        let (secured, scene) = Secured::filled(key).await;
        assert_eq!(rows_of(&scene, "victim").await, victim());
        assert_eq!(rows_of(&scene, "thief").await.as_array().unwrap().len(), 1);
        let mut connection = sqlx::PgConnection::connect(&secured.role_url)
            .await
            .unwrap();
        assert_eq!(visible(&mut connection).await, 0);
        for refused in [
            "INSERT INTO notes (tenant_id, slug) VALUES ('victim', 'x')",
            "ALTER TABLE notes DISABLE ROW LEVEL SECURITY",
            "DROP POLICY jackfield_tenant ON notes",
            "TRUNCATE notes",
        ] {
            assert!(connection.execute(refused).await.is_err(), "{refused}");
        }
        for harmless in ["DELETE FROM notes", "UPDATE notes SET body = 'stolen'"] {
            let done = connection.execute(harmless).await.unwrap();
            assert_eq!(done.rows_affected(), 0, "{harmless}");
        }
        connection.close().await.unwrap();
        assert_eq!(rows_of(&scene, "victim").await, victim());
    }
}

#[tokio::test]
async fn with_a_key_even_the_role_of_the_nodes_cannot_say_that_it_is_another_tenant() {
    let (secured, scene) = Secured::filled(Some(KEY)).await;
    let mut connection = sqlx::PgConnection::connect(&secured.role_url)
        .await
        .unwrap();
    // What the thief's own transactions say is not enough to say something else.
    for claim in [
        "SET app.tenant = 'victim'",
        "SET app.tenant = ' victim'",
        "SELECT set_config('app.tenant', repeat('0', 64) || ' victim', false)",
        "CREATE TEMP TABLE jackfield_row_security AS SELECT true AS only_row, '\\x00'::bytea AS inner_key, '\\x00'::bytea AS outer_key",
        "SET search_path = pg_temp, public",
        "SELECT set_config('app.tenant', encode(sha256('\\x00'::bytea || sha256('\\x00'::bytea || 'victim'::bytea)), 'hex') || ' victim', false)",
    ] {
        connection
            .execute(AssertSqlSafe(claim.to_owned()))
            .await
            .unwrap();
        assert_eq!(visible(&mut connection).await, 0, "{claim}");
    }
    let kept = connection
        .execute("SELECT * FROM public.jackfield_row_security")
        .await;
    assert!(kept.is_err(), "the key can be read");
    connection.close().await.unwrap();
    assert_eq!(rows_of(&scene, "victim").await, victim());
}

/// What a thief writes who may write SQL, and wants the rows of somebody else or the key.
const CLAIMS: [&str; 30] = [
    "SELECT set_config('app.tenant', 'victim', true)",
    "SELECT set_config('app.tenant', 'victim', false)",
    "WITH said AS MATERIALIZED (SELECT set_config('app.tenant', 'victim', true) AS t) SELECT n.* FROM said, notes n",
    "SELECT n.* FROM (SELECT set_config('app.tenant', split_part(current_setting('app.tenant'), ' ', 1) || ' victim', true) AS t) said, notes n WHERE said.t IS NOT NULL",
    "SELECT n.*, set_config('app.tenant', current_setting('app.tenant') || ' victim', false) FROM notes n",
    "SELECT set_config('app.tenant', encode(sha256('victim'), 'hex') || ' victim', false)",
    "SELECT set_config('role', 'jackfield', false)",
    "SELECT set_config('session_authorization', 'jackfield', false)",
    "SELECT set_config('row_security', 'off', false)",
    "SELECT set_config('search_path', 'pg_temp, public', false)",
    "SELECT * FROM public.jackfield_row_security",
    "SELECT inner_key, outer_key FROM jackfield_row_security",
    "SELECT true AS only_row, '\\x00'::bytea AS inner_key, '\\x00'::bytea AS outer_key INTO TEMP jackfield_row_security",
    "SELECT query_to_xml('SELECT body FROM notes', true, true, '')::text AS x",
    "SELECT table_to_xml('notes', true, true, '')::text AS x",
    "SELECT most_common_vals::text AS v, histogram_bounds::text AS h FROM pg_stats WHERE tablename = 'notes'",
    "SELECT stavalues1::text AS v FROM pg_statistic",
    "SELECT rolpassword FROM pg_authid",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT * FROM notes WHERE CAST(body AS integer) = 0",
    "SELECT count(*) FROM notes WHERE 1 / (stars - 41) = 0",
    "TABLE notes",
    "INSERT INTO notes (tenant_id, slug, body) VALUES ('victim', 'planted', 'x')",
    "INSERT INTO notes (id, tenant_id, slug) VALUES (1, 'thief', 'z') ON CONFLICT (id) DO UPDATE SET slug = 'stolen' RETURNING *",
    "UPDATE notes SET tenant_id = 'victim' RETURNING *",
    "DELETE FROM notes WHERE tenant_id = 'victim' RETURNING *",
    "WITH gone AS (DELETE FROM notes WHERE tenant_id <> 'thief' RETURNING *) SELECT * FROM gone",
    "/* /* */ SELECT */ SET ROLE jackfield",
    "/* /* */ SELECT */ ALTER TABLE notes DISABLE ROW LEVEL SECURITY",
    "/* /* */ SELECT */ COPY notes TO STDOUT",
];

#[tokio::test]
async fn sql_of_a_tenant_can_not_say_that_it_is_of_another() {
    let (secured, _) = Secured::filled(Some(KEY)).await;
    secured.execute("ANALYZE notes");
    let scene = secured
        .scene_with(|mut config| {
            config.max_connections = NonZeroU32::new(1).unwrap();
            config
        })
        .relax();
    for claim in CLAIMS {
        let seen = query(&scene, "thief", claim).await;
        assert!(!seen.contains(SECRET), "{claim}: {seen}");
        // Nor does the next one, in the connection that it had, see more than its own.
        let next = query(&scene, "thief", "SELECT * FROM notes").await;
        assert!(
            !next.contains(SECRET) && next.contains("mine"),
            "{claim}: {next}"
        );
        let of_victim = query(
            &scene,
            "victim",
            "SELECT slug, body, stars FROM notes ORDER BY slug",
        )
        .await;
        assert_eq!(of_victim, json!([victim()]).to_string(), "{claim}");
    }
}

#[tokio::test]
async fn what_sql_leaves_behind_in_a_connection_no_other_tenant_finds() {
    let (secured, _) = Secured::filled(Some(KEY)).await;
    let scene = secured
        .scene_with(|mut config| {
            config.max_connections = NonZeroU32::new(1).unwrap();
            config
        })
        .relax();
    let settings = "SELECT current_setting('search_path') AS path, current_setting('client_encoding') AS encoding, \
                    current_setting('statement_timeout') AS timeout, current_setting('my.word', true) AS word, \
                    to_regclass('pg_temp.notes')::text AS temp, \
                    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') AS locks";
    let before = query(&scene, "victim", settings).await;
    for left in [
        "SELECT set_config('search_path', 'pg_temp', false)",
        "SELECT set_config('client_encoding', 'LATIN1', false)",
        "SELECT set_config('statement_timeout', '0', false)",
        "SELECT set_config('default_transaction_read_only', 'on', false)",
        "SELECT set_config('my.word', 'for you', false)",
        "SELECT pg_advisory_lock(7306085893296906337)::text",
        "SELECT * INTO TEMP notes FROM notes",
    ] {
        let left_behind = query(&scene, "thief", left).await;
        assert!(left_behind.starts_with("[["), "{left}: {left_behind}");
        assert_eq!(query(&scene, "victim", settings).await, before, "{left}");
        let written = scene.call("dbal-query").of("victim").run(json!({
            "sql": "UPDATE notes SET stars = 42 WHERE slug = 'two'", "output": "affected",
        }));
        assert_eq!(written.await, json!([{"affected": 1}]), "{left}");
    }
}

#[tokio::test]
async fn there_is_no_sql_where_it_could_say_that_it_is_another_tenant() {
    let sql = "SELECT slug FROM notes";
    let (_, unsigned) = Secured::filled(None).await;
    let refused = query(&unsigned.relax(), "thief", sql).await;
    assert!(
        refused.contains("TENANT_FORBIDDEN") && refused.contains("rowSecurityKey"),
        "{refused}"
    );
    for (weakness, text) in [
        (
            "GRANT SELECT (inner_key) ON jackfield_row_security TO ROLE_OF_NODES",
            "can read the key",
        ),
        (
            "GRANT ALL ON jackfield_row_security TO ROLE_OF_NODES",
            "can read the key",
        ),
        ("ALTER ROLE ROLE_OF_NODES BYPASSRLS", "BYPASSRLS"),
        ("GRANT jackfield TO ROLE_OF_NODES", "superuser"),
        ("ALTER ROLE ROLE_OF_NODES SUPERUSER", "superuser"),
        (
            "GRANT CREATE ON SCHEMA public TO ROLE_OF_NODES; \
             ALTER FUNCTION jackfield_tenant() OWNER TO ROLE_OF_NODES; SET ROLE ROLE_OF_NODES; \
             CREATE OR REPLACE FUNCTION jackfield_tenant() RETURNS text LANGUAGE sql STABLE AS \
             $$ SELECT split_part(current_setting('app.tenant', true), ' ', 2) $$",
            "owns the function",
        ),
        (
            "ALTER TABLE notes OWNER TO ROLE_OF_NODES",
            "owns the function",
        ),
        (
            "ALTER SCHEMA public OWNER TO ROLE_OF_NODES",
            "the schema of one",
        ),
        (
            "CREATE POLICY everybody ON notes USING (true)",
            "another permissive policy",
        ),
        (
            "CREATE POLICY a_few ON notes FOR SELECT TO ROLE_OF_NODES USING (stars > 0)",
            "another permissive policy",
        ),
    ] {
        let (secured, _) = Secured::filled(Some(KEY)).await;
        assert!(
            query(&secured.scene().relax(), "thief", sql)
                .await
                .contains("mine")
        );
        secured.execute(weakness);
        // A migration takes back what it can.
        let scene = secured.scene_with(|mut config| {
            config.migration = Migration::WhenAsked;
            config
        });
        let refused = query(&scene.relax(), "thief", sql).await;
        assert!(
            refused.contains("TENANT_FORBIDDEN") && refused.contains(text),
            "{weakness}: {refused}"
        );
    }
}

#[tokio::test]
async fn policies_that_let_the_role_of_the_nodes_through_to_nothing_more_do_no_harm() {
    let (secured, _) = Secured::filled(Some(KEY)).await;
    secured.execute(
        "CREATE POLICY fewer ON notes AS RESTRICTIVE USING (true); \
         CREATE POLICY of_another_role ON notes TO jackfield USING (true)",
    );
    let own = query(&secured.scene().relax(), "thief", "SELECT slug FROM notes").await;
    assert!(own.contains("mine") && !own.contains(SECRET), "{own}");
}

#[tokio::test]
async fn a_migration_owns_what_the_role_of_the_nodes_owned_before() {
    let secured = Secured::new(Some(KEY));
    secured.execute(
        "GRANT CREATE ON SCHEMA public TO ROLE_OF_NODES; SET ROLE ROLE_OF_NODES; \
         CREATE TABLE notes (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, \
         tenant_id text NOT NULL, slug varchar(60) NOT NULL, body text, stars bigint, \
         UNIQUE (tenant_id, slug)); \
         CREATE TABLE jackfield_row_security (only_row boolean PRIMARY KEY DEFAULT true, \
         inner_key bytea NOT NULL, outer_key bytea NOT NULL); \
         CREATE FUNCTION jackfield_tenant() RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'victim' $$; \
         RESET ROLE",
    );
    let scene = secured.scene();
    fill(&scene).await;
    let owners = secured.execute(
        "SELECT string_agg(pg_get_userbyid(owner), ' ') FROM ( \
         SELECT relowner FROM pg_class WHERE relname IN ('notes', 'jackfield_row_security') \
         UNION ALL SELECT proowner FROM pg_proc WHERE proname = 'jackfield_tenant') o (owner)",
    );
    assert!(!owners.contains("node_"), "{owners}");
    let own = query(&scene.relax(), "thief", "SELECT slug FROM notes").await;
    assert!(own.contains("mine") && !own.contains(SECRET), "{own}");
}

#[tokio::test]
async fn with_another_key_or_none_there_is_an_error_instead_of_no_rows() {
    let (secured, _) = Secured::filled(Some(KEY)).await;
    for key in [None, Some("another key, which is of the right length")] {
        let scene = secured.scene_with(|mut config| {
            config.row_security_key = key.map(|key| Secret::new(key.to_owned()));
            config.entities = Vec::new();
            config
        });
        for tenant in ["victim", "thief"] {
            let failure = scene
                .call("dbal-read")
                .of(tenant)
                .fail(json!({"entity": "notes"}))
                .await;
            assert_eq!(failure.code.as_str(), "DATABASE_ERROR", "{failure}");
            assert!(
                failure.message.contains("another `rowSecurityKey`"),
                "{failure}"
            );
        }
    }
    // Nobody takes the signature away by leaving the key out once.
    let scene = secured.scene_with(|mut config| {
        config.row_security_key = None;
        config
    });
    let failure = scene
        .call("dbal-read")
        .of("thief")
        .fail(json!({"entity": "notes"}))
        .await;
    assert!(failure.message.contains("is signed"), "{failure}");
}

#[tokio::test]
async fn a_key_that_the_role_of_the_nodes_would_own_is_refused() {
    let secured = Secured::new(Some(KEY));
    secured.execute("GRANT CREATE ON SCHEMA public TO ROLE_OF_NODES");
    for migration_url in [None, Some(secured.role_url.clone())] {
        let scene = secured.scene_with(|mut config| {
            config.migration_url = migration_url.map(Secret::new);
            config
        });
        let failure = scene
            .call("dbal-read")
            .fail(json!({"entity": "notes"}))
            .await;
        assert!(
            failure
                .message
                .contains("set `migrationUrl` to another role"),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn tables_that_are_protected_already_are_not_waited_for() {
    let (secured, scene) = Secured::filled(Some(KEY)).await;
    let mut reader = sqlx::PgConnection::connect(&secured.role_url)
        .await
        .unwrap();
    reader.execute("BEGIN").await.unwrap();
    assert_eq!(visible(&mut reader).await, 0);
    // The reader is still at it.
    let again = secured.scene_with(|mut config| {
        config.statement_timeout = Span::from_millis(2_000);
        config.migration = Migration::WhenAsked;
        config
    });
    let own = again.sources().tenant(&tenant("victim"));
    assert_eq!(own.migrate("main").await.unwrap(), Vec::<String>::new());
    reader.close().await.unwrap();
    // What somebody took away comes back.
    secured.execute(
        "ALTER TABLE notes NO FORCE ROW LEVEL SECURITY; DROP POLICY jackfield_tenant ON notes; \
                     CREATE POLICY jackfield_tenant ON notes USING (true)",
    );
    let mut role = sqlx::PgConnection::connect(&secured.role_url)
        .await
        .unwrap();
    assert_eq!(visible(&mut role).await, 2);
    own.migrate("main").await.unwrap();
    assert_eq!(visible(&mut role).await, 0);
    assert_eq!(rows_of(&scene, "victim").await, victim());
}

#[tokio::test]
async fn views_show_the_rows_of_the_tenant_or_nothing() {
    let (secured, scene) = Secured::filled(Some(KEY)).await;
    secured.execute(
        "CREATE VIEW everybody AS SELECT slug, body, stars FROM notes; \
         CREATE VIEW owned AS SELECT tenant_id, slug, body, stars FROM notes; \
         CREATE MATERIALIZED VIEW kept AS SELECT tenant_id, slug, body, stars FROM notes; \
         CREATE SCHEMA archive; GRANT USAGE ON SCHEMA archive TO ROLE_OF_NODES; \
         CREATE TABLE archive.notes AS SELECT * FROM notes; \
         GRANT SELECT ON everybody, owned, kept, archive.notes TO ROLE_OF_NODES",
    );
    let failure = scene
        .call("dbal-read")
        .of("thief")
        .fail(json!({"entity": "everybody"}))
        .await;
    assert_eq!(failure.code.as_str(), "TENANT_FORBIDDEN", "{failure}");
    for entity in ["owned", "kept", "archive.notes"] {
        let rows = scene
            .call("dbal-read")
            .of("thief")
            .run(json!({"entity": entity, "fields": ["slug"]}))
            .await;
        assert_eq!(rows, json!([{"slug": "mine"}]), "{entity}");
        let counted = scene.call("dbal-aggregate").of("thief").run(json!({
            "entity": entity, "aggregates": [{"function": "max", "field": "body", "as": "body"}],
        })).await;
        assert_eq!(counted, json!([{"body": "own"}]), "{entity}");
    }
}
