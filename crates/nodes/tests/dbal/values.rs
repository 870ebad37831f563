//! Values come out as they went in, on every database.

use serde_json::{Value, json};

use crate::scene::{Scene, on_each_database};

const EVERYTHING: &str = r#"
entity: everything
columns:
  id: { type: integer, required: true }
  flag: { type: boolean }
  whole: { type: integer }
  float: { type: float }
  exact: { type: decimal, scale: 10 }
  words: { type: text }
  raw: { type: bytes }
  moment: { type: timestamp }
  wall: { type: dateTime }
  day: { type: date }
  hour: { type: time }
  data: { type: json }
  uid: { type: uuid }
  numbers: { type: integer, list: true }
  texts: { type: text, list: true }
primaryKey: [id]
"#;

fn rows() -> Value {
    json!([
        {
            "id": 1, "flag": true, "whole": i64::MAX, "float": 0.1, "exact": "12345678901234567.1234567890",
            "words": "grüße 漢字 🦀 \"quoted\" 'single' \\ %_", "raw": "AAEC/w==",
            "moment": "2026-01-31T12:00:00.123456Z", "wall": "2026-01-31T12:00:00.5",
            "day": "2026-01-31", "hour": "23:59:59", "data": {"a": [1, 9_007_199_254_740_993_i64, null, {"b": "ü"}], "c": 1.5},
            "uid": "0190163d-8694-739b-aea5-966c26f8ad91",
            "numbers": [1, -9_007_199_254_740_993_i64], "texts": ["a,b", "\"", "\\", "", "NULL", "{}"]
        },
        {
            "id": 2, "flag": false, "whole": i64::MIN, "float": -1.5e300, "exact": "-0.0000000001",
            "words": "", "raw": "", "moment": "1969-12-31T23:59:59Z", "wall": "1999-01-01T00:00:00",
            "day": "1900-03-01", "hour": "00:00:00", "data": [], "uid": "00000000-0000-0000-0000-000000000000",
            "numbers": [], "texts": []
        },
        {
            "id": 3, "flag": null, "whole": null, "float": null, "exact": null, "words": null, "raw": null,
            "moment": null, "wall": null, "day": null, "hour": null, "data": null, "uid": null,
            "numbers": null, "texts": null
        }
    ])
}

on_each_database! {
    async fn every_type_survives_the_round_trip(kind) {
        let scene = Scene::declared(kind, &[EVERYTHING]);
        let written = scene.call("dbal-write").items(rows())
            .run(json!({"entity": "everything", "returning": ["*"]})).await;
        assert_eq!(written, rows());
        let read = scene.node("dbal-read", json!({"entity": "everything", "sort": [{"field": "id"}]})).await;
        assert_eq!(read, rows());
    }

    async fn every_type_can_be_asked_for(kind) {
        let scene = Scene::declared(kind, &[EVERYTHING]);
        scene.call("dbal-write").items(rows()).run(json!({"entity": "everything"})).await;
        let rows = rows();
        for field in ["flag", "whole", "exact", "words", "raw", "moment", "wall", "day", "hour", "uid"] {
            let found = scene.node("dbal-read", json!({
                "entity": "everything", "fields": ["id"], "filter": {field: rows[0][field]},
            })).await;
            assert_eq!(found, json!([{"id": 1}]), "{field}");
            let found = scene.node("dbal-read", json!({
                "entity": "everything", "fields": ["id"], "filter": {field: {"in": [rows[1][field]]}},
            })).await;
            assert_eq!(found, json!([{"id": 2}]), "{field}");
        }
        for field in ["whole", "float", "exact", "moment", "wall", "day"] {
            let found = scene.node("dbal-read", json!({
                "entity": "everything", "fields": ["id"],
                "filter": {field: {"isNull": false}}, "sort": [{"field": field, "direction": "desc"}],
            })).await;
            assert_eq!(found, json!([{"id": 1}, {"id": 2}]), "{field}");
        }
    }

    async fn points_in_time_of_any_zone_are_one(kind) {
        let scene = Scene::declared(kind, &[EVERYTHING]);
        scene.call("dbal-write").items(json!([
            {"id": 1, "moment": "2026-01-31T14:00:00+02:00"}, {"id": 2, "moment": "2026-01-31T12:00:00.000001Z"},
        ])).run(json!({"entity": "everything"})).await;
        let found = scene.node("dbal-read", json!({
            "entity": "everything", "fields": ["moment"], "filter": {"moment": {"lte": "2026-01-31T07:00:00-05:00"}},
        })).await;
        assert_eq!(found, json!([{"moment": "2026-01-31T12:00:00Z"}]));
    }

    async fn wrong_types_are_refused_before_the_database_sees_them(kind) {
        let scene = Scene::declared(kind, &[EVERYTHING]);
        for (field, value) in [
            ("flag", json!("yes")), ("whole", json!(1.5)), ("whole", json!("x")), ("float", json!("1")),
            ("exact", json!("1; DROP TABLE everything")), ("words", json!(7)), ("raw", json!("not base64!")),
            ("moment", json!("2026-01-31")), ("wall", json!("2026-01-31T12:00:00Z")), ("day", json!("31.1.2026")),
            ("hour", json!("25:00")), ("uid", json!("x")), ("numbers", json!([1, "x"])), ("numbers", json!(1)),
        ] {
            let error = scene.failure("dbal-write", json!({
                "entity": "everything", "values": {"id": 9, field: value},
            })).await;
            assert!(error.starts_with("WRONG_TYPE"), "{field}: {error}");
            assert!(error.contains(&format!("`{field}`")), "{field}: {error}");
        }
        assert_eq!(scene.node("dbal-read", json!({"entity": "everything"})).await, json!([]));
    }

    async fn tables_that_were_there_before_keep_their_values(kind) {
        let scene = Scene::relaxed(kind);
        scene.sql(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, price DECIMAL(10,2), at DATETIME, ok BOOLEAN, doc JSON, n REAL, b BLOB, \
             \"odd \"\"name\" VARCHAR(20));\n\
             INSERT INTO t VALUES (1, 12.5, '2026-01-31 12:00:00', 1, '{\"a\": 1}', 0.5, x'00ff', 'x')",
            "CREATE TYPE mood AS ENUM ('sad', 'happy');\n\
             CREATE TABLE t (id SERIAL PRIMARY KEY, price NUMERIC(10,2), at TIMESTAMP, ok BOOL, doc JSON, n REAL, b BYTEA, \
             \"odd \"\"name\" CHAR(3), m mood, net INET, spans INTERVAL, grid INT[][], moods mood[], small SMALLINT);\n\
             INSERT INTO t VALUES (DEFAULT, 12.5, '2026-01-31 12:00:00', true, '{\"a\": 1}', 0.5, '\\x00ff', 'x', 'happy', \
             '10.0.0.0/8', '1 day', '{{1,2},{3,4}}', '{sad,happy}', 7)",
            "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, price DECIMAL(10,2), at DATETIME, ok BOOL, doc JSON, n FLOAT, \
             b VARBINARY(9), `odd \"name` VARCHAR(20), m ENUM('sad', 'happy'), big BIGINT UNSIGNED, y YEAR, ts TIMESTAMP NULL);\n\
             INSERT INTO t VALUES (1, 12.5, '2026-01-31 12:00:00', true, '{\"a\": 1}', 0.5, x'00ff', 'x', 'happy', \
             18446744073709551615, 2026, '2026-01-31 12:00:00')",
        ).await;
        let read = scene.node("dbal-read", json!({"entity": "t"})).await;
        let row = &read[0];
        let price = if kind == Kind::Sqlite { "12.5" } else { "12.50" };
        assert_eq!(row["price"], price);
        assert_eq!(row["at"], "2026-01-31T12:00:00");
        assert_eq!(row["ok"], true);
        assert_eq!(row["doc"], json!({"a": 1}));
        assert_eq!(row["n"], 0.5);
        assert_eq!(row["b"], "AP8=");
        assert_eq!(row["odd \"name"].as_str().map(str::trim), Some("x"));
        if kind == Kind::Postgres {
            assert_eq!(row["m"], "happy");
            assert_eq!(row["net"], "10.0.0.0/8");
            assert_eq!(row["spans"], "1 day");
            assert_eq!(row["grid"], json!([[1, 2], [3, 4]]));
            assert_eq!(row["small"], 7);
        }
        if kind == Kind::MariaDb {
            assert_eq!(row["m"], "happy");
            assert_eq!(row["big"], u64::MAX);
            assert_eq!(row["y"], 2026);
            assert_eq!(row["ts"], "2026-01-31T12:00:00Z");
        }
        // What came out goes back in, and finds its row.
        let mut again = row.clone();
        again["id"] = json!(2);
        if kind == Kind::Postgres {
            again.as_object_mut().unwrap().remove("moods");
        }
        scene.node("dbal-write", json!({"entity": "t", "values": again})).await;
        for field in ["price", "at", "ok", "odd \"name"] {
            let found = scene.node("dbal-read", json!({
                "entity": "t", "fields": ["id"], "filter": {field: row[field]}, "sort": [{"field": "id"}],
            })).await;
            assert_eq!(found, json!([{"id": 1}, {"id": 2}]), "{field}");
        }
        let second = scene.node("dbal-read", json!({"entity": "t", "filter": {"id": 2}})).await;
        let mut expected = again.clone();
        if kind == Kind::Postgres {
            expected["moods"] = Value::Null;
        }
        assert_eq!(second[0], expected);
    }
}
