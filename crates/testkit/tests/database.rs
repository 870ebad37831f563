//! The databases that tests start: they are real, apart from each other, and gone afterwards.
#![cfg(unix)]

use std::net::TcpStream;
use std::process::{Command, Stdio};

use jackfield_testkit::database::{MariaDb, Postgres};

const CHILD: &str = "JACKFIELD_DATABASE_CHILD";

#[test]
fn postgres_serves_databases_that_know_nothing_of_each_other() {
    let server = Postgres::shared();
    let one = server.create_database();
    let other = server.create_database();
    assert_ne!(one, other);
    let name = |url: &str| url.rsplit('/').next().unwrap_or_default().to_owned();
    server.execute(
        &name(&one),
        "CREATE TABLE t (n int); INSERT INTO t VALUES (7)",
    );
    assert_eq!(server.execute(&name(&one), "SELECT n FROM t"), "7\n");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(server.execute(&name(&other), tables), "0\n");
}

#[test]
fn mariadb_serves_databases_that_know_nothing_of_each_other() {
    let server = MariaDb::shared();
    let one = server.create_database();
    let other = server.create_database();
    let name = |url: &str| url.rsplit('/').next().unwrap_or_default().to_owned();
    server.execute(
        &name(&one),
        "CREATE TABLE t (n int); INSERT INTO t VALUES (7)",
    );
    assert_eq!(server.execute(&name(&one), "SELECT n FROM t"), "7\n");
    assert_eq!(server.execute(&name(&other), "SHOW TABLES"), "");
}

#[test]
fn a_dropped_server_is_gone() {
    let server = Postgres::start().expect("it starts");
    let port = server.port();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

/// Not a test of its own: what `a_killed_process_leaves_no_server_behind` kills.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let server = Postgres::shared();
    eprintln!("port {}", server.port());
    std::io::stdin().lines().for_each(drop);
}

#[test]
fn a_killed_process_leaves_no_server_behind() {
    use std::io::{BufRead, BufReader};
    let program = std::env::current_exe().expect("it has a name");
    let mut child = Command::new(program)
        .args(["--exact", "child", "--nocapture"])
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let messages = BufReader::new(child.stderr.take().expect("it is piped"));
    let port: u16 = messages
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("port ")?.parse().ok())
        .expect("it names its port");
    child.kill().expect("it runs");
    child.wait().expect("it ended");
    // The connection ends when the server does: nothing is waited for but that.
    while TcpStream::connect(("127.0.0.1", port)).is_ok() {
        std::thread::yield_now();
    }
}
