//! Tests of a copy, from either kind of store to either kind.

use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::tables::TABLES;
use super::*;
use crate::clock::{UnixMillis, UnixSeconds};
use crate::config::StateLocation;
use crate::state::store::Pool;
use crate::state::testing::{for_each_store, on_postgres};
use crate::state::{DriveIds, HeldRow, LockRow, PropertyRow, RemovalRow, SessionRow, Tokens};

fn tokens(name: &str) -> Tokens {
    Tokens {
        user_id: Some("u".into()),
        access_token: format!("access of {name}").into(),
        refresh_token: format!("refresh of {name}").into(),
        issued_at: UnixSeconds(5),
        expires_at: UnixSeconds(6),
        sent_to: (name == "second").then(|| "https://other.example/token".into()),
        source_digest: None,
        server: Some("https://server.example/token".into()),
    }
}

fn removal(account: &str, due: bool) -> RemovalRow {
    RemovalRow {
        id: 0,
        account: account.into(),
        drive_id: "1".into(),
        file_id: due.then(|| "f".into()),
        way: "trash".into(),
        reason: "replaced".into(),
        due,
        since: UnixMillis(1_700_000_000_000),
        tries: 3,
        last_error: None,
        facts: "{\"路\":1}".into(),
        owner: 0,
    }
}

fn property(file_id: &str, name: &str) -> PropertyRow {
    PropertyRow { file_id: file_id.into(), namespace: "n".into(), name: name.into(), xml: format!("<{name}/>") }
}

fn held(name: &str, content: Option<Vec<u8>>) -> HeldRow {
    HeldRow {
        drive_id: "1".into(),
        folder_id: "root".into(),
        name: name.into(),
        path: format!("/{name}"),
        file_id: "held-1".into(),
        created: UnixMillis(7),
        content,
    }
}

fn lock(at: usize) -> LockRow {
    LockRow {
        token: format!("urn:{at:04}"),
        path: "/文件".into(),
        principal: Some("me".into()),
        owner: None,
        timeout: Some(Duration::from_secs(60)),
        expires_at: (at > 0).then_some(UnixSeconds(7)),
        shared: at.is_multiple_of(2),
        deep: at.is_multiple_of(3),
    }
}

const SESSION: SessionRow = SessionRow { digest: [2; 32], user: String::new(), entry: [9; 32], used: UnixMillis(8) };

/// Something in every table, in some more than goes at once.
async fn fill(store: &Store) {
    for name in ["main", "second"] {
        store.save_tokens(name, &tokens(name)).await.unwrap();
    }
    store.save_drives("main", &drives()).await.unwrap();
    for at in 0..450 {
        store.save_lock(&lock(at)).await.unwrap();
    }
    store.save_properties("f", &[property("f", "z"), property("f", "a"), property("f", "m")]).await.unwrap();
    for (name, content) in contents() {
        store.save_held_file(&held(name, content)).await.unwrap();
    }
    let gone = store.add_removal(&removal("main", true)).await.unwrap();
    for due in [true, false] {
        store.add_removal(&removal("main", due)).await.unwrap();
    }
    store.delete_removal(gone, 0).await.unwrap();
    store.add_session(&SESSION, UnixMillis(0)).await.unwrap();
    store.link_key().await.unwrap();
}

fn drives() -> DriveIds {
    DriveIds {
        user_id: "u".into(),
        name: "n".into(),
        default_drive_id: None,
        resource_drive_id: Some("2".into()),
        backup_drive_id: None,
    }
}

fn contents() -> Vec<(&'static str, Option<Vec<u8>>)> {
    let large = vec![0xff; 300_000];
    vec![("._a", Some(b"\0\xff".to_vec())), ("._b", Some(large)), ("c", None), ("d", None), ("e", None), ("é", None)]
}

/// That a store has what the other one was filled with.
async fn assert_same(from: &Store, to: &Store) {
    for name in ["main", "second"] {
        let (had, has) = (from.tokens(name).await.unwrap().unwrap(), to.tokens(name).await.unwrap().unwrap());
        assert_eq!(has.refresh_token.expose_secret(), had.refresh_token.expose_secret());
        assert_eq!(has.access_token.expose_secret(), had.access_token.expose_secret());
        assert_eq!((has.sent_to, has.server, has.expires_at), (had.sent_to, had.server, had.expires_at));
    }
    assert_eq!(to.drives("main").await.unwrap(), Some(drives()));
    let sorted = |mut locks: Vec<LockRow>| {
        locks.sort_by(|one, two| one.token.cmp(&two.token));
        locks
    };
    assert_eq!(sorted(to.locks().await.unwrap()), (0..450).map(lock).collect::<Vec<_>>());
    let names: Vec<_> = to.properties_of(&["f"]).await.unwrap().into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["z", "a", "m"]);
    for (name, content) in contents() {
        assert_eq!(to.local_content("1", "root", name).await.unwrap(), content);
    }
    assert_eq!(to.removals("main").await.unwrap(), from.removals("main").await.unwrap());
    assert_eq!(to.session(&SESSION.digest).await.unwrap(), Some(SESSION));
    assert_eq!(to.link_key().await.unwrap(), from.link_key().await.unwrap());
}

fn counts(copied: &[Copied]) -> Vec<(&'static str, u64)> {
    copied.iter().map(|copied| (copied.table, copied.rows)).collect()
}

/// Runs a test for every pair of kinds, each time with new stores to copy from and to.
async fn for_each_pair(test: impl AsyncFn(StateLocation, StateLocation)) {
    for_each_store(async |to| {
        let folder = tempfile::tempdir().unwrap();
        test(StateLocation::File(folder.path().join("from.db")), to).await;
    })
    .await;
    for_each_store(async |to| on_postgres(async |from| test(from.location(), to.clone()).await).await).await;
}

// Keeps 172.
#[tokio::test(flavor = "multi_thread")]
async fn all_that_must_survive_arrives_in_the_other_store() {
    for_each_pair(async |from, to| {
        let store = Store::open(&from).await.unwrap();
        fill(&store).await;
        store.close().await;
        let (from, to) = (Store::open_made(&from).await.unwrap(), Store::open(&to).await.unwrap());
        let copied = from.copy_to(&to).await.unwrap();
        let expected = [
            ("tokens", 2),
            ("drives", 1),
            ("locks", 450),
            ("properties", 3),
            ("held_files", 6),
            ("removals", 2),
            ("sessions", 1),
            ("link_key", 1),
        ];
        assert_eq!(counts(&copied), expected);
        assert_same(&from, &to).await;
        // A further removal is none of those that were copied.
        let last = to.removals("main").await.unwrap().last().unwrap().id;
        assert!(to.add_removal(&removal("main", true)).await.unwrap() > last);
        let _alone = (from.serve_alone().unwrap(), to.serve_alone().unwrap());
    })
    .await;
}

// Keeps 172.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_fails_in_the_middle_leaves_nothing() {
    for_each_pair(async |from, to| {
        let (from, to) = (Store::open(&from).await.unwrap(), Store::open(&to).await.unwrap());
        fill(&from).await;
        match &to.pool {
            Pool::Sqlite(pool) => {
                let trigger = "CREATE TRIGGER refused BEFORE INSERT ON link_key BEGIN SELECT RAISE(ABORT, 'no'); END";
                sqlx::raw_sql(trigger).execute(pool).await.map(drop).unwrap();
            }
            Pool::Postgres(server) => {
                let trigger = "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS \
                               $$ BEGIN RAISE EXCEPTION 'no'; END $$; \
                               CREATE TRIGGER refused BEFORE INSERT ON link_key EXECUTE FUNCTION no()";
                sqlx::raw_sql(trigger).execute(&mut server.own().await.unwrap()).await.map(drop).unwrap();
            }
        }
        let told = from.copy_to(&to).await.unwrap_err().to_string();
        assert!(told.contains("no") && !told.contains("refresh of"), "{told}");
        let mut left = Side::reading(&to).await.unwrap();
        for table in &TABLES {
            assert_eq!(left.count(table).await.unwrap(), 0, "{}", table.name);
        }
        drop(left);
        assert_eq!(from.locks().await.unwrap().len(), 450);
    })
    .await;
}

#[tokio::test]
async fn a_copy_whose_last_answer_is_lost_is_not_told_as_none() {
    on_postgres(async |database| {
        let folder = tempfile::tempdir().unwrap();
        let from = Store::open(&StateLocation::File(folder.path().join("state.db"))).await.unwrap();
        fill(&from).await;
        let to = Store::open(&database.location()).await.unwrap();
        // The connection ends in the midst of COMMIT.
        let ends = "CREATE FUNCTION ends() RETURNS trigger LANGUAGE plpgsql AS \
                    $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$; \
                    CREATE CONSTRAINT TRIGGER ends AFTER INSERT ON tokens DEFERRABLE INITIALLY DEFERRED \
                    FOR EACH ROW EXECUTE FUNCTION ends()";
        database.run(ends).await;
        let lost = from.copy_to(&to).await.unwrap_err();
        assert!(matches!(lost, Error::Undecided { .. }), "{lost:?}");
        database.run("DROP TRIGGER ends ON tokens").await;
        from.copy_to(&to).await.unwrap();
        assert_same(&from, &to).await;
    })
    .await;
}

// Keeps 172.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_served_from_or_has_something_is_refused() {
    for_each_pair(async |from, to| {
        let (source, target) = (Store::open(&from).await.unwrap(), Store::open(&to).await.unwrap());
        source.save_tokens("main", &tokens("main")).await.unwrap();
        for location in [&from, &to] {
            let mut server = Store::open(location).await.unwrap();
            server.join("other", Duration::from_secs(15)).await.unwrap();
            let alone = server.serve_alone().unwrap();
            let told = source.copy_to(&target).await.unwrap_err().to_string();
            assert!(told.contains("serves from it") && told.contains(&location.to_string()), "{told}");
            drop(alone);
            server.close().await;
        }
        let twice = source.copy_to(&source).await.unwrap_err().to_string();
        assert!(twice.contains("named twice"), "{twice}");
        target.save_lock(&lock(0)).await.unwrap();
        let told = source.copy_to(&target).await.unwrap_err().to_string();
        assert!(told.contains("it has locks already") && told.contains("empty database"), "{told}");
        assert!(target.tokens("main").await.unwrap().is_none());
        target.delete_lock(&lock(0).token).await.unwrap();
        source.copy_to(&target).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("none.db");
    let told = Store::open_made(&StateLocation::File(file.clone())).await.unwrap_err().to_string();
    assert!(told.contains("none.db") && told.contains("as `state` of its settings"), "{told}");
    assert!(!file.exists());
    on_postgres(async |database| {
        let told = Store::open_made(&database.location()).await.unwrap_err().to_string();
        assert!(told.contains(&database.name) && told.contains("no state of an alidav"), "{told}");
        database.run("CREATE TABLE tokens (nothing_was_made BOOLEAN)").await;
    })
    .await;
}

/// A token that another program renews is copied when that is over, as it is then.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_waits_for_a_renewal() {
    for_each_pair(async |from, to| {
        let (source, other) = (Store::open(&from).await.unwrap(), Store::open(&from).await.unwrap());
        let target = Store::open(&to).await.unwrap();
        source.save_tokens("main", &tokens("main")).await.unwrap();
        let turn = other.renewal_turn("main", Duration::ZERO).await.unwrap();
        let renewal = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            other.save_tokens("main", &tokens("renewed")).await.unwrap();
            drop(turn);
        };
        let (copied, ()) = tokio::join!(source.copy_to(&target), renewal);
        copied.unwrap();
        let kept = target.tokens("main").await.unwrap().unwrap().refresh_token;
        assert_eq!(kept.expose_secret(), "refresh of renewed");
    })
    .await;
}

/// All columns there are, as "table.column".
async fn columns(store: &Store) -> BTreeSet<String> {
    let statement = match &store.pool {
        Pool::Sqlite(_) => {
            "SELECT tables.name || '.' || columns.name FROM sqlite_schema AS tables, \
             pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'"
        }
        Pool::Postgres(_) => {
            "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'"
        }
    };
    let all: Vec<String> =
        statements!(store, connection => sqlx::query_scalar(statement).fetch_all(&mut *connection).await).unwrap();
    all.into_iter().collect()
}

/// A migration that adds something has to say whether it is copied.
#[tokio::test]
async fn every_column_is_copied_or_known_not_to_be() {
    let left =
        ["_sqlx_migrations", "sqlite_sequence", "hashes", "uploads", "readable_by", "instances", "leases", "pace"];
    for_each_store(async |location| {
        let store = Store::open(&location).await.unwrap();
        let is_left = |column: &String| left.iter().any(|table| column.starts_with(&format!("{table}.")));
        let there: BTreeSet<String> = columns(&store).await.into_iter().filter(|column| !is_left(column)).collect();
        let named = TABLES.iter().flat_map(|table| table.columns().map(|it| format!("{}.{}", table.name, it.0)));
        // SQLite counts rows without a column.
        let named: BTreeSet<String> =
            named.filter(|it| it != "properties.rowid" || there.contains("properties.rowid")).collect();
        assert_eq!(named, there);
    })
    .await;
}
