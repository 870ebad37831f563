//! Values at the edge of what databases keep: they come out as they went in, or are refused.

use serde_json::{Value, json};

use crate::scene::{Kind, Scene, on_each_database};

async fn with_numbers(kind: Kind) -> Scene {
    let scene = Scene::relaxed(kind);
    scene
        .sql(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, whole BIGINT, narrow REAL, wide DOUBLE, exact DECIMAL_TEXT, word TEXT, doc JSON)",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, whole BIGINT, narrow REAL, wide DOUBLE PRECISION, exact NUMERIC, word TEXT, doc JSONB)",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, whole BIGINT, narrow FLOAT, wide DOUBLE, exact DECIMAL(60,20), word LONGTEXT, doc JSON)",
        )
        .await;
    scene
}

async fn ids(scene: &Scene, filter: Value) -> Vec<i64> {
    let rows = scene
        .node(
            "dbal-read",
            json!({"entity": "t", "fields": ["id"], "filter": filter, "sort": [{"field": "id"}]}),
        )
        .await;
    let rows = rows.as_array().expect("rows");
    rows.iter().filter_map(|row| row["id"].as_i64()).collect()
}

on_each_database! {
    async fn whole_numbers_are_exact_wherever_they_stand(kind) {
        let scene = with_numbers(kind).await;
        let numbers = [
            9_007_199_254_740_991_i64, 9_007_199_254_740_992, 9_007_199_254_740_993, -9_007_199_254_740_993,
            i64::MAX, i64::MIN, i64::MAX - 1, 0,
        ];
        let items: Value = (1..).zip(numbers).map(|(id, whole)| json!({"id": id, "whole": whole, "doc": {"n": whole}})).collect();
        scene.call("dbal-write").items(items).run(json!({"entity": "t"})).await;
        for (id, number) in (1..).zip(numbers) {
            for filter in [
                json!({"whole": number}), json!({"whole": number.to_string()}), json!({"whole": {"in": [number]}}),
                json!({"whole": {"between": [number, number]}}), json!({"whole": {"gte": number, "lte": number}}),
            ] {
                assert_eq!(ids(&scene, filter.clone()).await, [id], "{filter}");
            }
        }
        assert_eq!(ids(&scene, json!({"whole": {"gt": 9_007_199_254_740_992_i64}})).await, [3, 5, 7]);
        let rows = scene.node("dbal-read", json!({"entity": "t", "fields": ["whole", "doc"], "sort": [{"field": "id"}]})).await;
        let expected: Value = numbers.iter().map(|number| json!({"whole": number, "doc": {"n": number}})).collect();
        assert_eq!(rows, expected);
        let most = scene.node("dbal-aggregate", json!({"entity": "t", "aggregates": [
            {"function": "max", "field": "whole", "as": "most"}, {"function": "min", "field": "whole", "as": "least"},
        ]})).await;
        assert_eq!(most, json!([{"most": i64::MAX, "least": i64::MIN}]));
        // Beyond them there is an error, and no other number.
        let failure = scene.call("dbal-write").fail(json!({"entity": "t", "values": {"id": 99, "whole": u64::MAX}})).await;
        assert!(["WRONG_TYPE", "INVALID_INPUT"].contains(&failure.code.as_str()), "{failure}");
        let failure = scene.call("dbal-write").fail(json!({"entity": "t", "values": {"id": 99, "whole": 1e300}})).await;
        assert_eq!(failure.code.as_str(), "WRONG_TYPE", "{failure}");
    }

    async fn decimals_keep_their_digits_and_are_found_by_them(kind) {
        let scene = with_numbers(kind).await;
        let decimals = [
            "0.10000000000000000001", "0.10000000000000000002", "123456789012345678901234567890.12345678901234567890",
            "-0.00000000000000000001", "99999999999999999999.00000000000000000000",
        ];
        let items: Value = (1..).zip(decimals).map(|(id, exact)| json!({"id": id, "exact": exact})).collect();
        scene.call("dbal-write").items(items).run(json!({"entity": "t"})).await;
        let rows = scene.node("dbal-read", json!({"entity": "t", "fields": ["exact"], "sort": [{"field": "id"}]})).await;
        let expected: Value = decimals.iter().map(|exact| json!({"exact": exact})).collect();
        assert_eq!(rows, expected);
        if kind == Kind::Sqlite {
            // It compares them as floating-point numbers.
            assert_eq!(ids(&scene, json!({"exact": decimals[2]})).await, [3]);
            return;
        }
        for (id, exact) in (1..).zip(decimals) {
            assert_eq!(ids(&scene, json!({"exact": exact})).await, [id], "{exact}");
            assert_eq!(ids(&scene, json!({"exact": {"in": [exact]}})).await, [id], "{exact}");
        }
        assert_eq!(ids(&scene, json!({"exact": {"gt": decimals[0], "lte": decimals[1]}})).await, [2]);
    }

    async fn floating_point_numbers_of_either_size_find_their_rows(kind) {
        let scene = with_numbers(kind).await;
        let floats = [0.1, -0.1, 1.5, 3.4e38, 1e-30, 16_777_217.0];
        let items: Value = (1..).zip(floats).map(|(id, float)| json!({"id": id, "narrow": float, "wide": float})).collect();
        scene.call("dbal-write").items(items).run(json!({"entity": "t"})).await;
        let rows = scene.node("dbal-read", json!({"entity": "t", "sort": [{"field": "id"}]})).await;
        for (id, row) in (1..).zip(rows.as_array().unwrap()) {
            assert_eq!(row["wide"], json!(floats[id - 1]));
            for field in ["narrow", "wide"] {
                assert_eq!(ids(&scene, json!({field: row[field]})).await, [id as i64], "{field} {}", row[field]);
                let none = json!({"id": id, field: {"gt": row[field]}});
                assert_eq!(ids(&scene, none).await, [0_i64; 0], "{field} {}", row[field]);
            }
        }
        // More than the column can hold, and still a question that has an answer.
        assert_eq!(ids(&scene, json!({"narrow": {"lt": 1e300}})).await.len(), floats.len());
        assert_eq!(ids(&scene, json!({"narrow": 1e300})).await, [0_i64; 0]);
    }

    async fn numbers_that_json_lacks_are_texts_where_the_database_has_them(kind) {
        let scene = with_numbers(kind).await;
        for (id, text) in [(1, "NaN"), (2, "Infinity"), (3, "-Infinity")] {
            for field in ["narrow", "wide", "exact"] {
                let call = scene.call("dbal-write").attempt(json!({
                    "entity": "t", "operation": "upsert", "conflict": ["id"], "values": {"id": id, field: text}, "returning": [field],
                })).await;
                if kind == Kind::Postgres {
                    let written = jackfield_testkit::StaticCall::ports(&call.unwrap());
                    assert_eq!(written, json!([[{field: text}]]));
                    assert_eq!(ids(&scene, json!({field: text})).await, [id], "{field} {text}");
                } else {
                    assert_eq!(call.unwrap_err().code().as_str(), "WRONG_TYPE", "{field} {text}");
                }
            }
        }
        let failure = scene.call("dbal-write").fail(json!({"entity": "t", "values": {"id": 9, "wide": "nan"}})).await;
        assert_eq!(failure.code.as_str(), "WRONG_TYPE");
    }

    async fn zero_characters_are_kept_or_refused_and_cut_nothing_off(kind) {
        let scene = with_numbers(kind).await;
        let word = "before\0behind";
        let write = |values: Value| json!({"entity": "t", "values": values, "returning": ["*"]});
        if kind == Kind::Postgres {
            let failure = scene.call("dbal-write").fail(write(json!({"id": 1, "word": word}))).await;
            assert_eq!(failure.code.as_str(), "WRONG_TYPE");
            assert!(failure.message.contains("zero characters"), "{failure}");
            let failure = scene.call("dbal-write").fail(write(json!({"id": 1, "doc": {"a": word}}))).await;
            assert_eq!(failure.code.as_str(), "INVALID_INPUT", "{failure}");
            for filter in [json!({"word": word}), json!({"word": {"in": [word]}}), json!({"word": {"like": word}})] {
                let failure = scene.call("dbal-read").fail(json!({"entity": "t", "filter": filter})).await;
                assert!(["WRONG_TYPE", "INVALID_INPUT"].contains(&failure.code.as_str()), "{failure}");
            }
            let failure = scene.call("dbal-query").fail(json!({"sql": "SELECT $1 AS v", "parameters": [word]})).await;
            assert_eq!(failure.code.as_str(), "INVALID_INPUT", "{failure}");
        } else {
            let written = scene.node("dbal-write", write(json!({"id": 1, "word": word, "doc": {"a": word}}))).await;
            assert_eq!(written[0]["word"], word);
            assert_eq!(written[0]["doc"], json!({"a": word}));
            assert_eq!(ids(&scene, json!({"word": word})).await, [1]);
            assert_eq!(ids(&scene, json!({"word": "before"})).await, [0_i64; 0]);
        }
        assert_eq!(ids(&scene, json!({"word": {"isNull": true}})).await, [0_i64; 0]);
    }

    async fn texts_of_every_character_come_back(kind) {
        let scene = with_numbers(kind).await;
        let words = ["", " ", "  padded  ", "\u{feff}bom", "e\u{301}", "\u{e9}", "\u{10ffff}", "\r\n\t", "'\"`\\", "%_", "${x} {{ y", "\u{202e}rtl"];
        // As values of items: in parameters a template would be one.
        let items: Value = (1..).zip(words).map(|(id, word)| json!({"id": id, "word": word, "doc": [word]})).collect();
        scene.call("dbal-write").items(items).run(json!({"entity": "t"})).await;
        let rows = scene.node("dbal-read", json!({"entity": "t", "fields": ["word", "doc"], "sort": [{"field": "id"}]})).await;
        let expected: Value = words.iter().map(|word| json!({"word": word, "doc": [word]})).collect();
        assert_eq!(rows, expected);
    }
}

#[tokio::test]
async fn lists_of_what_only_postgres_knows_are_lists_of_texts() {
    let scene = Scene::relaxed(Kind::Postgres);
    scene
        .run(
            "CREATE TYPE mood AS ENUM ('sad', 'happy');\n\
             CREATE TABLE t (id INTEGER PRIMARY KEY, moods mood[], nets INET[], spans INTERVAL[], exact NUMERIC[], \
             moments TIMESTAMPTZ[], docs JSONB[], raw BYTEA[], flags BOOLEAN[], net INET, span INTERVAL, mood mood, uid UUID)",
        )
        .await;
    let row = json!({
        "id": 1, "moods": ["sad", null, "happy"], "nets": ["10.0.0.0/8", "::1/128"], "spans": ["1 day", "02:00:00"],
        "exact": ["1.50", "NaN"], "moments": ["2026-01-31T12:00:00Z"], "docs": [{"a": [1]}, [], "x"], "raw": ["AP8="],
        "flags": [true, false, null], "net": "10.0.0.1/32", "span": "1 day", "mood": "happy",
        "uid": "0190163d-8694-739b-aea5-966c26f8ad91",
    });
    let written = scene
        .call("dbal-write")
        .items(json!([row]))
        .run(json!({"entity": "t", "returning": ["*"]}))
        .await;
    assert_eq!(written, json!([row]));
    assert_eq!(
        scene.node("dbal-read", json!({"entity": "t"})).await,
        json!([row])
    );
    for field in [
        "moods", "nets", "spans", "exact", "moments", "raw", "flags", "net", "span", "mood",
    ] {
        assert_eq!(
            ids(&scene, json!({field: row[field]})).await,
            [1],
            "{field}"
        );
    }
    for (field, pattern) in [
        ("net", "10.%"),
        ("span", "%day"),
        ("mood", "hap%"),
        ("uid", "0190163d-%"),
    ] {
        assert_eq!(
            ids(&scene, json!({field: {"like": pattern}})).await,
            [1],
            "{field}"
        );
    }
    let most = scene
        .node(
            "dbal-aggregate",
            json!({"entity": "t", "groupBy": ["mood"], "aggregates": [
                {"function": "max", "field": "net"}, {"function": "min", "field": "span"}, {"function": "max", "field": "mood"},
            ]}),
        )
        .await;
    assert_eq!(
        most,
        json!([{"mood": "happy", "max_net": "10.0.0.1/32", "min_span": "1 day", "max_mood": "happy"}])
    );
    // By SQL of one's own, what cannot be read is an error and no text that happens to be one.
    let spans = scene
        .failure("dbal-query", json!({"sql": "SELECT spans FROM t"}))
        .await;
    assert!(spans.contains("cast it to text"), "{spans}");
    let moods = scene
        .node("dbal-query", json!({"sql": "SELECT moods FROM t"}))
        .await;
    assert_eq!(moods, json!([{"moods": ["sad", null, "happy"]}]));
}

#[tokio::test]
async fn mariadb_keeps_spans_of_time_and_large_numbers() {
    let scene = Scene::relaxed(Kind::MariaDb);
    scene
        .run("CREATE TABLE t (id INTEGER PRIMARY KEY, hour TIME(6), big BIGINT UNSIGNED)")
        .await;
    let rows = json!([
        {"id": 1, "hour": "838:59:59", "big": u64::MAX}, {"id": 2, "hour": "-26:03:04.5", "big": 9_223_372_036_854_775_808_u64},
        {"id": 3, "hour": "12:30:00", "big": 0},
    ]);
    scene
        .call("dbal-write")
        .items(rows.clone())
        .run(json!({"entity": "t"}))
        .await;
    let read = scene
        .node(
            "dbal-read",
            json!({"entity": "t", "sort": [{"field": "id"}]}),
        )
        .await;
    assert_eq!(read, rows);
    for row in rows.as_array().unwrap() {
        for field in ["hour", "big"] {
            assert_eq!(
                ids(&scene, json!({field: row[field]})).await,
                [row["id"].as_i64().unwrap()],
                "{row}"
            );
        }
    }
}
