//! Tests of all that can be wrong with a PostgreSQL server, on a real one.

use std::time::{Duration, Instant};

use sqlx::ConnectOptions as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::config::StateLocation;
use crate::state::testing::{Database, joined, location, on_postgres};
use crate::state::{Change, Error, LockRow, Store};

/// A new connection takes long enough on a machine at work, with its password to be proved.
const SHORT: Duration = Duration::from_secs(1);

fn lock(token: &str) -> LockRow {
    LockRow {
        token: token.into(),
        path: "/a".into(),
        principal: None,
        owner: None,
        timeout: None,
        expires_at: None,
        shared: false,
        deep: false,
    }
}

/// What opening the store at the database's address, changed so, is refused with.
async fn refusal(database: &Database, change: impl FnOnce(&mut url::Url)) -> Error {
    let mut url = database.url();
    change(&mut url);
    let error = Store::open_within(&location(&url), SHORT).await.unwrap_err();
    let told = error.to_string();
    let password = database.admin.password().unwrap();
    assert!(!told.contains(password) && !format!("{error:?}").contains(password), "{told}");
    assert!(told.contains(url.host_str().unwrap()), "{told}");
    error
}

#[track_caller]
fn tells(error: &Error, away: bool, words: &str) {
    assert!(error.is_away() == away && error.to_string().contains(words), "{error:?}: {error}");
}

// Keeps 170.
#[tokio::test]
async fn a_server_that_cannot_be_used_is_told_with_the_remedy() {
    on_postgres(async |database| {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        tells(&refusal(database, |url| url.set_port(Some(free)).unwrap()).await, true, "PostgreSQL runs");
        tells(&refusal(database, |url| url.set_host(Some("no.invalid")).unwrap()).await, true, "host and port");
        tells(&refusal(database, |url| url.set_path("none")).await, false, "createdb");
        tells(&refusal(database, |url| url.set_password(Some("x")).unwrap()).await, false, "PGPASSFILE");
        tells(&refusal(database, |url| url.set_username("nobody").unwrap()).await, false, "nobody");
        tells(&refusal(database, |url| url.set_query(Some("sslmode=require"))).await, false, "sslmode");
        database
            .administer(&format!("CREATE DATABASE {}_x ENCODING SQL_ASCII TEMPLATE template0", database.name))
            .await;
        let other = format!("{}_x", database.name);
        tells(&refusal(database, |url| url.set_path(&other)).await, false, "UTF8");
        database.administer(&format!("DROP DATABASE {other}")).await;
        let read_only = "SET default_transaction_read_only = on";
        database.administer(&format!("ALTER DATABASE {} {read_only}", database.name)).await;
        tells(&refusal(database, |_| {}).await, false, "primary");
    })
    .await;
}

#[tokio::test]
async fn a_user_without_rights_or_room_is_told_so() {
    on_postgres(async |database| {
        let role = format!("{}_user", database.name);
        database.administer(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'")).await;
        let other = |url: &mut url::Url| {
            url.set_username(&role).unwrap();
            url.set_password(Some("x")).unwrap();
        };
        let error = refusal(database, other).await;
        database.administer(&format!("ALTER ROLE {role} CONNECTION LIMIT 0")).await;
        let full = refusal(database, other).await;
        database.administer(&format!("DROP ROLE {role}")).await;
        tells(&error, false, "owner");
        tells(&full, true, "max_connections");
        database.run("CREATE TABLE tokens (x INTEGER)").await;
        tells(&refusal(database, |_| {}).await, false, "database of its own");
    })
    .await;
}

#[tokio::test]
async fn an_older_program_goes_on_with_what_was_added_and_refuses_what_it_would_get_wrong() {
    on_postgres(async |database| {
        let store = Store::open(&database.location()).await.unwrap();
        store.save_lock(&lock("urn:1")).await.unwrap();
        database
            .run(
                "ALTER TABLE locks ADD COLUMN later TEXT; \
                 INSERT INTO _sqlx_migrations VALUES (9999, 'later', now(), TRUE, '', 1)",
            )
            .await;
        store.save_lock(&lock("urn:2")).await.unwrap();
        assert_eq!(store.locks().await.unwrap().len(), 2);
        let again = Store::open(&database.location()).await.unwrap();
        assert_eq!(again.locks().await.unwrap().len(), 2);
        database.run("UPDATE readable_by SET schema = 9999").await;
        let error = Store::open(&database.location()).await.unwrap_err();
        assert!(matches!(error, Error::Schema { .. }), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_server_older_than_fifteen_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://me@{}/alidav?sslmode=disable", listener.local_addr().unwrap());
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut startup = [0; 1024];
        let _ = socket.read(&mut startup).await.unwrap();
        let version = b"server_version\x0014.9\0";
        let mut answer = b"R\0\0\0\x08\0\0\0\0S".to_vec();
        answer.extend(u32::try_from(version.len() + 4).unwrap().to_be_bytes());
        answer.extend(version);
        answer.extend(b"Z\0\0\0\x05I");
        socket.write_all(&answer).await.unwrap();
        let _ = socket.read(&mut startup).await;
    };
    let location = location(&url.parse().unwrap());
    let (error, ()) = tokio::join!(Store::open(&location), server);
    tells(&error.unwrap_err(), false, "PostgreSQL 14; PostgreSQL 15 or newer");
}

#[tokio::test]
async fn a_statement_that_fails_or_takes_too_long_is_told_and_the_next_one_works() {
    on_postgres(async |database| {
        let store = Store::open_within(&database.location(), SHORT).await.unwrap();
        let options: sqlx::postgres::PgConnectOptions = database.url().as_str().parse().unwrap();
        let mut other = options.connect().await.unwrap();
        sqlx::raw_sql("BEGIN; LOCK TABLE locks").execute(&mut other).await.unwrap();
        tells(&store.save_lock(&lock("urn:1")).await.unwrap_err(), true, "does not answer in time");
        // The session is ended while its statement waits.
        let slow = Store::open(&database.location()).await.unwrap();
        let ended = async {
            tokio::time::sleep(SHORT).await;
            database
                .run(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE datname = current_database() AND wait_event_type = 'Lock'",
                )
                .await;
        };
        let lost = lock("urn:1");
        let (done, ()) = tokio::join!(slow.save_lock(&lost), ended);
        tells(&done.unwrap_err(), true, "ending or starting");
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        slow.save_lock(&lock("urn:1")).await.unwrap();
        store.save_lock(&lock("urn:1")).await.unwrap();
        database
            .run(
                "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$; \
                 CREATE TRIGGER no_room BEFORE INSERT ON properties EXECUTE FUNCTION no_room()",
            )
            .await;
        let row = crate::state::PropertyRow {
            file_id: "f".into(),
            namespace: String::new(),
            name: "n".into(),
            xml: "<n/>".into(),
        };
        tells(&store.save_properties("f", &[row]).await.unwrap_err(), false, "disk is full");
        assert!(store.properties_of(&["f"]).await.unwrap().is_empty());
    })
    .await;
}

/// A way to the server that can be cut or stand still.
struct Way {
    url: url::Url,
    open: tokio::sync::watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Way {
    async fn to(database: &Database) -> Self {
        let target = format!("{}:{}", database.admin.host_str().unwrap(), database.admin.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut url = database.url();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let (open, state) = tokio::sync::watch::channel(true);
        let task = tokio::spawn(async move {
            let mut all = tokio::task::JoinSet::new();
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let (target, state) = (target.clone(), state.clone());
                all.spawn(async move {
                    let Ok(far) = TcpStream::connect(target).await else { return };
                    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                    tokio::join!(carry(near_in, far_out, state.clone()), carry(far_in, near_out, state));
                });
            }
        });
        Self { url, open, task }
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut open: tokio::sync::watch::Receiver<bool>,
) {
    let mut buffer = [0; 4096];
    while let Ok(count) = from.read(&mut buffer).await {
        if open.wait_for(|open| *open).await.is_err() || count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_fails_operations_in_time_and_serves_again_by_itself() {
    on_postgres(async |database| {
        let way = Way::to(database).await;
        let store = Store::open_within(&location(&way.url), SHORT).await.unwrap();
        store.save_lock(&lock("urn:1")).await.unwrap();
        way.open.send_replace(false);
        let begun = Instant::now();
        let tries = (0..20).map(|_| store.locks());
        for done in futures_util::future::join_all(tries).await {
            tells(&done.unwrap_err(), true, "does not answer in time");
        }
        assert!(begun.elapsed() < Duration::from_secs(15));
        way.open.send_replace(true);
        assert_eq!(store.locks().await.unwrap().len(), 1);
        // All connections are cut at once, as with a server that is started anew.
        futures_util::future::join_all((0..8).map(|_| store.locks())).await;
        database
            .run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .await;
        let first = store.save_lock(&lock("urn:2")).await;
        assert!(first.is_ok() || first.unwrap_err().is_away());
        for _ in 0..20 {
            store.save_lock(&lock("urn:2")).await.unwrap();
        }
        way.task.abort();
    })
    .await;
}

#[tokio::test]
async fn a_caller_who_leaves_leaves_no_transaction_open() {
    on_postgres(async |database| {
        let store = Store::open(&database.location()).await.unwrap();
        for round in 0..20 {
            let row = crate::state::PropertyRow {
                file_id: "f".into(),
                namespace: String::new(),
                name: "n".into(),
                xml: round.to_string(),
            };
            let rows = [row];
            tokio::select! {
                biased;
                _ = store.save_properties("f", &rows) => {}
                () = tokio::time::sleep(Duration::from_micros(300 * round)) => {}
            }
        }
        let other = Store::open_within(&database.location(), Duration::from_secs(2)).await.unwrap();
        other.save_properties("f", &[]).await.unwrap();
        assert!(matches!(database.location(), StateLocation::Postgres(_)));
    })
    .await;
}

// Keeps 174.
#[tokio::test]
async fn one_that_could_not_connect_again_at_once_hears_the_others_again() {
    on_postgres(async |database| {
        let stores = [joined(database).await, joined(database).await];
        let mut heard = stores[1].changes().subscribe().unwrap();
        database.administer(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS false", database.name)).await;
        let cut = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", database.name);
        database.administer(&cut).await;
        // Long enough for it to try in vain.
        tokio::time::sleep(SHORT).await;
        database.administer(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", database.name)).await;
        let again = async {
            loop {
                stores[0].changes().tell(Change::Freed);
                if let Ok(Change::Freed) = tokio::time::timeout(SHORT, heard.next()).await {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), again).await.expect("it hears nothing any more");
    })
    .await;
}
