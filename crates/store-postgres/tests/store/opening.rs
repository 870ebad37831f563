//! Which databases are opened, and what becomes of those that are not ours.

use jackfield_store_api::{Store, StoreError};
use jackfield_store_postgres::{PostgresOptions, PostgresStore};
use jackfield_testkit::database::Postgres;

use crate::support::database;

async fn open(url: &str) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(PostgresOptions::new(url)).await
}

async fn refused(url: &str) -> StoreError {
    match open(url).await {
        Ok(_) => panic!("it is opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn schema_is_made_once_however_many_open_it() {
    let server = Postgres::shared();
    let url = server.create_database();
    let openings: Vec<_> = (0..8)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { open(&url).await.map(|store| store.describe()) })
        })
        .collect();
    for opening in openings {
        let place = opening.await.unwrap().unwrap();
        let expected = format!(
            "postgres://127.0.0.1:{}/{}?schema=jackfield",
            server.port(),
            database(&url)
        );
        assert_eq!(place, expected);
    }
    let elsewhere = server.execute(
        database(&url),
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'",
    );
    assert_eq!(elsewhere.trim(), "0", "nothing is made anywhere else");
}

#[tokio::test]
async fn newer_schema_is_refused_and_left_as_it_is() {
    let server = Postgres::shared();
    let url = server.create_database();
    open(&url).await.unwrap().close().await.unwrap();
    server.execute(
        database(&url),
        "UPDATE jackfield.jackfield_store SET version = 7",
    );
    let error = refused(&url).await;
    assert!(
        matches!(error, StoreError::Newer { found: 7, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("run the newer program"));
    let version = server.execute(
        database(&url),
        "SELECT version FROM jackfield.jackfield_store",
    );
    assert_eq!(version.trim(), "7");
}

#[tokio::test]
async fn schema_of_another_program_is_refused_and_another_one_may_be_named() {
    let server = Postgres::shared();
    let url = server.create_database();
    server.execute(
        database(&url),
        "CREATE SCHEMA jackfield; CREATE TABLE jackfield.theirs (id int)",
    );
    let error = refused(&url).await;
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("name another schema"), "{error}");
    open(&format!("{url}?schema=flows")).await.unwrap();
    let theirs = server.execute(database(&url), "SELECT count(*) FROM jackfield.theirs");
    assert_eq!(theirs.trim(), "0", "nothing was changed");
}

#[tokio::test]
async fn wrong_password_is_told_without_it() {
    let server = Postgres::shared();
    let url = server.url_for("jackfield", "wr0ng-s3cret", "postgres");
    let error = refused(&url).await;
    let text = format!("{error} {error:?}");
    assert!(text.contains("password authentication failed"), "{text}");
    assert!(text.contains("check the user and the password"), "{text}");
    assert!(!text.contains("wr0ng-s3cret"), "{text}");
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let server = Postgres::shared();
    let error = refused(&server.url("no_such_database")).await;
    assert!(error.to_string().contains("make the database"), "{error}");
    let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let error = refused(&format!("postgres://ada:s3cret@127.0.0.1:{port}/db")).await;
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(
        !format!("{error} {error:?}").contains("s3cret"),
        "{error:?}"
    );
}

#[tokio::test]
async fn encoding_that_cannot_hold_every_name_is_refused() {
    let server = Postgres::shared();
    server.execute(
        "postgres",
        "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
    );
    let error = refused(&server.url("latin")).await;
    assert!(error.to_string().contains("encoding LATIN1"), "{error}");
}

#[tokio::test]
async fn user_who_may_not_make_the_schema_is_told_and_may_use_one_that_was_given() {
    let server = Postgres::shared();
    let url = server.create_database();
    server.execute(database(&url), "CREATE ROLE modest LOGIN PASSWORD 'modest'");
    let modest = server.url_for("modest", "modest", database(&url));
    let error = refused(&modest).await;
    assert!(
        error.to_string().contains("give it to this user"),
        "{error}"
    );
    server.execute(
        database(&url),
        "CREATE SCHEMA jackfield AUTHORIZATION modest",
    );
    open(&modest).await.unwrap();
}
