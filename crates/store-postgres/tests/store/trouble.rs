//! What goes wrong in the database: an error that says so, and whatever it does not touch goes on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use jackfield_store_api::{
    Claim, Collection, Durability, Expected, PageRequest, Store, StoreError, TenantStore, WorkerId,
    limits,
};
use jackfield_store_postgres::{PostgresOptions, PostgresStore};
use jackfield_testkit::database::Postgres;

use crate::support::{Held, check_journal, database, hold, one, open, tenant};

/// A store with a bit of everything, and two executions.
struct Filled {
    url: String,
    store: Arc<dyn Store>,
    tenant: Arc<dyn TenantStore>,
    held: [Held; 2],
}

async fn filled() -> Filled {
    let url = Postgres::shared().create_database();
    let store = open(&url).await;
    let tenant = tenant(&*store, "acme");
    let held = [hold(&*tenant).await.unwrap(), hold(&*tenant).await.unwrap()];
    for held in &held {
        for after in 1..5 {
            tenant.append(one(held, after)).await.unwrap();
        }
    }
    Filled {
        url,
        store,
        tenant,
        held,
    }
}

impl Filled {
    fn execute(&self, sql: &str) -> String {
        let sql = format!("SET search_path = jackfield; {sql}");
        Postgres::shared().execute(database(&self.url), &sql)
    }
}

fn damaged(error: &StoreError, what: &str) {
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains(what), "{error}");
}

#[tokio::test]
async fn rows_that_are_not_what_was_written_are_noticed() {
    let filled = filled().await;
    let Filled { tenant, held, .. } = &filled;
    let content = Bytes::from_static(b"content");
    let digest = limits::digest_of(&content);
    let mut append = one(&held[0], 5);
    append.payloads = vec![(digest, content.clone())];
    tenant.append(append).await.unwrap();
    let put = tenant.put_document(
        Collection::Variables,
        "v",
        content.clone(),
        Expected::Absent,
    );
    put.await.unwrap();
    tenant.append_audit(0, vec![content.clone()]).await.unwrap();
    tenant
        .send_signal(held[0].id, "signal", content)
        .await
        .unwrap();
    let id = *held[0].id.as_uuid();

    filled.execute("UPDATE documents SET content = 'another'");
    let error = tenant
        .document(Collection::Variables, "v")
        .await
        .unwrap_err();
    damaged(&error, "document `v`");
    let request = PageRequest::default();
    let listed = tenant
        .list_documents(Collection::Variables, "", &request)
        .await;
    damaged(&listed.unwrap_err(), "document `v`");
    filled.execute("UPDATE audit SET record = 'another'");
    damaged(&tenant.audit(0, 10).await.unwrap_err(), "audit record 1");
    filled.execute("UPDATE signals SET data = 'another'");
    damaged(
        &tenant.signals(held[0].id, 0).await.unwrap_err(),
        "signal 1",
    );
    filled.execute("UPDATE payloads SET content = 'another'");
    damaged(&tenant.payload(digest).await.unwrap_err(), "payload");
    filled.execute("UPDATE workflows SET document = 'another'");
    damaged(
        &tenant.workflow("flow", None).await.unwrap_err(),
        "workflow `flow@1`",
    );
    filled.execute(&format!(
        "UPDATE executions SET pinned = 'x' WHERE id = '{id}'"
    ));
    damaged(
        &tenant.execution(held[0].id).await.unwrap_err(),
        "execution",
    );

    // Records that changed, that changed places, and that are gone.
    filled.execute(&format!(
        "UPDATE journal SET record = 'another' WHERE execution = '{id}' AND sequence = 3"
    ));
    assert_eq!(tenant.journal(held[0].id, 0, 2).await.unwrap().len(), 2);
    let read = tenant.journal(held[0].id, 0, 10).await;
    damaged(&read.unwrap_err(), "record 3 of the journal");
    filled.execute(&format!(
        "DELETE FROM journal WHERE execution = '{id}' AND sequence = 3"
    ));
    let read = tenant.journal(held[0].id, 2, 10).await;
    damaged(&read.unwrap_err(), "record 3 of the journal");
    filled.execute(&format!(
        "UPDATE journal SET sequence = 3 WHERE execution = '{id}' AND sequence = 4"
    ));
    let read = tenant.journal(held[0].id, 2, 10).await;
    damaged(&read.unwrap_err(), "record 3 of the journal");
    filled.execute(&format!("DELETE FROM journal WHERE execution = '{id}'"));
    let read = tenant.journal(held[0].id, 0, 10).await;
    damaged(&read.unwrap_err(), "record 1 of the journal");

    // What is whole goes on.
    tenant.append(one(&held[1], 5)).await.unwrap();
    check_journal(&**tenant, held[1].id, 6).await;
}

/// Executions that cannot be taken up are passed over: all others are taken up, of whichever tenant.
#[tokio::test]
async fn damaged_executions_keep_nobody_from_being_taken_up() {
    const DAMAGES: [&str; 4] = [
        "state = 77",
        "fence = -1",
        "length = -1",
        "changed_at = 9223372036854775807",
    ];
    let url = Postgres::shared().create_database();
    let store = open(&url).await;
    let execute = |sql: &str| {
        let sql = format!("SET search_path = jackfield; {sql}");
        Postgres::shared().execute(database(&url), &sql)
    };
    let mut whole = Vec::new();
    for name in ["acme", "other"] {
        let tenant = tenant(&*store, name);
        for place in 0..DAMAGES.len() + 2 {
            let held = hold(&*tenant).await.unwrap();
            tenant.release(held.id, held.fence).await.unwrap();
            match DAMAGES.get(place).filter(|_| name == "acme") {
                Some(damage) => {
                    let id = held.id.as_uuid();
                    execute(&format!("UPDATE courses SET {damage} WHERE id = '{id}'"));
                }
                None => whole.push(held.id),
            }
        }
    }
    let claim = Claim {
        worker: WorkerId::generate(),
        lease: Duration::from_secs(60),
        // A share is less than what is damaged.
        most: 3,
    };
    let mut found = Vec::new();
    loop {
        let claimed = store.claim(claim).await.unwrap();
        if claimed.is_empty() {
            break;
        }
        found.extend(claimed.iter().map(|one| one.execution));
    }
    found.sort_unstable();
    whole.sort_unstable();
    assert_eq!(found, whole);
    let due = store.next_due().await.unwrap().unwrap();
    assert!(
        due > store.now().await.unwrap(),
        "nothing is due but leases"
    );
    let reasons =
        execute("SELECT count(*) FROM courses WHERE reason LIKE '%damaged%' AND due IS NULL");
    assert_eq!(reasons.trim(), DAMAGES.len().to_string());

    // A tenant whose name is none has no turn; the other has.
    execute("UPDATE courses SET tenant = 'No Name!' WHERE tenant = 'acme'");
    execute("UPDATE courses SET due = 0, lease = 0 WHERE due IS NOT NULL");
    let claim = Claim { most: 100, ..claim };
    let claimed = store.claim(claim).await.unwrap();
    assert_eq!(claimed.len(), DAMAGES.len() + 2);
    assert!(claimed.iter().all(|one| one.tenant.as_str() == "other"));
    execute("UPDATE tenants SET id = 'No Name!' WHERE id = 'acme'");
    let tenants = store.tenants(None).await.unwrap();
    assert_eq!(
        tenants,
        [jackfield_types::TenantId::parse("other").unwrap()]
    );
    store.close().await.unwrap();
}

/// One change of a group cannot be made: it alone fails, with what the database says.
#[tokio::test]
async fn changes_that_cannot_be_made_do_not_harm_the_others_of_their_group() {
    let filled = filled().await;
    let Filled { tenant, held, .. } = &filled;
    let id = *held[0].id.as_uuid();
    filled.execute(&format!(
        "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE 'no space left on device' USING ERRCODE = 'disk_full';
         END $$;
         CREATE TRIGGER fill BEFORE INSERT ON journal FOR EACH ROW
             WHEN (NEW.execution = '{id}') EXECUTE FUNCTION fill()"
    ));
    let mut calls = Vec::new();
    for after in 5..25 {
        calls.push(tenant.append(one(&held[1], after)));
        if after == 12 {
            calls.push(tenant.append(one(&held[0], 5)));
        }
    }
    let mut failed = Vec::new();
    for done in join_all(calls).await {
        failed.extend(done.err());
    }
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(matches!(failed[0], StoreError::Full { .. }), "{failed:?}");
    assert!(failed[0].is_transient());
    check_journal(&**tenant, held[1].id, 25).await;
    check_journal(&**tenant, held[0].id, 5).await;
    // There is room again.
    filled.execute("DROP TRIGGER fill ON journal");
    tenant.append(one(&held[0], 5)).await.unwrap();
    check_journal(&**tenant, held[0].id, 6).await;
    filled.store.close().await.unwrap();
}

#[tokio::test]
async fn writers_that_were_forgotten_come_back() {
    let filled = filled().await;
    let Filled { tenant, held, .. } = &filled;
    let writers = || {
        filled
            .execute("SELECT count(*) FROM writers")
            .trim()
            .to_owned()
    };
    assert_ne!(writers(), "0");
    filled.execute("DELETE FROM writers");
    for held in held {
        tenant.append(one(held, 5)).await.unwrap();
        tenant.append(one(held, 6)).await.unwrap();
        check_journal(&**tenant, held.id, 7).await;
    }
    filled.store.close().await.unwrap();
    assert_eq!(writers(), "0", "whoever closes leaves nothing behind");
}

#[tokio::test]
async fn tables_that_are_gone_are_told() {
    let filled = filled().await;
    filled.execute("DROP TABLE journal");
    let error = filled
        .tenant
        .append(one(&filled.held[0], 5))
        .await
        .unwrap_err();
    damaged(&error, "journal");
    let error = filled
        .tenant
        .journal(filled.held[0].id, 0, 1)
        .await
        .unwrap_err();
    damaged(&error, "journal");
    assert!(filled.tenant.execution(filled.held[0].id).await.is_ok());
}

/// The server may be set to acknowledge what is not on the disk: the store asks for what it
/// promises.
#[tokio::test]
async fn durability_is_what_was_asked_for() {
    let server = Postgres::shared();
    let is_off = server.execute("postgres", "SHOW synchronous_commit");
    assert_eq!(is_off.trim(), "off", "it is set so for tests");
    for (durability, expected) in [
        (Durability::Full, "on"),
        (Durability::Grouped, "on"),
        (Durability::Relaxed, "off"),
    ] {
        let url = server.create_database();
        let options = PostgresOptions::new(&url).durability(durability);
        let store = PostgresStore::open(options).await.unwrap();
        let tenant = tenant(&store, "acme");
        let held = hold(&*tenant).await.unwrap();
        let noting = "SET search_path = jackfield;
            CREATE TABLE noted (setting text);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO noted VALUES (current_setting('synchronous_commit'));
                RETURN NEW;
            END $$;
            CREATE TRIGGER note BEFORE INSERT ON journal FOR EACH ROW EXECUTE FUNCTION note();
            CREATE TRIGGER note BEFORE INSERT ON documents FOR EACH ROW EXECUTE FUNCTION note()";
        server.execute(database(&url), noting);
        let calls = (1..20).map(|after| tenant.append(one(&held, after)));
        for done in join_all(calls).await {
            done.unwrap();
        }
        let put = tenant.put_document(Collection::Variables, "v", Bytes::new(), Expected::Absent);
        put.await.unwrap();
        let noted = "SELECT setting, count(*) FROM jackfield.noted GROUP BY setting";
        let noted = server.execute(database(&url), noted);
        assert_eq!(noted.trim(), format!("{expected}|20"), "{durability:?}");
        store.close().await.unwrap();
        check_journal(
            &*crate::support::tenant(&*open(&url).await, "acme"),
            held.id,
            20,
        )
        .await;
    }
}
