//! What tests of the store share: each runs on SQLite, and on PostgreSQL where `POSTGRES_FOR_TESTS` names a server, by
//! the address of a user who may make databases.

mod troubles;

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use futures_util::FutureExt as _;
use sqlx::{ConnectOptions as _, PgConnection, SqlitePool};

use crate::config::StateLocation;
use crate::state::store::Pool;
use crate::state::{Reached, Store};

impl Store {
    pub(super) fn sqlite(&self) -> &SqlitePool {
        match &self.pool {
            Pool::Sqlite(pool) => pool,
            Pool::Postgres(_) => panic!("only SQLite is tested so"),
        }
    }
}

/// Runs a test on a new store of each kind.
pub(super) async fn for_each_store(test: impl AsyncFn(StateLocation)) {
    let folder = tempfile::tempdir().unwrap();
    test(StateLocation::File(folder.path().join("state.db"))).await;
    on_postgres(async |database| test(database.location()).await).await;
}

/// A new database on the server of the tests.
pub(super) struct Database {
    pub(super) admin: url::Url,
    pub(super) name: String,
}

impl Database {
    pub(super) fn location(&self) -> StateLocation {
        location(&self.url())
    }

    pub(super) fn url(&self) -> url::Url {
        let mut url = self.admin.clone();
        url.set_path(&self.name);
        url
    }

    /// Runs statements as the server's administrator, each in a session of its own.
    pub(super) async fn administer(&self, statement: &str) {
        connect(&self.admin, statement).await;
    }

    /// Runs statements in the database.
    pub(super) async fn run(&self, statement: &str) {
        connect(&self.url(), statement).await;
    }
}

pub(super) fn location(url: &url::Url) -> StateLocation {
    let text =
        format!("state = {:?}\n[[account]]\nname = \"a\"\n[[mount]]\npath = \"/\"\naccount = \"a\"", url.as_str());
    crate::config::Config::read(&text, None, &std::collections::BTreeMap::new()).unwrap().config.state
}

async fn connect(url: &url::Url, statement: &str) {
    let options: sqlx::postgres::PgConnectOptions = url.as_str().parse().unwrap();
    let mut connection: PgConnection = options.connect().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
}

/// Runs a test with a database of its own, which goes with it; nothing where no server is named.
pub(super) async fn on_postgres(test: impl AsyncFn(&Database)) {
    #[expect(clippy::disallowed_methods, reason = "no setting of the program")]
    let Ok(admin) = std::env::var("POSTGRES_FOR_TESTS") else { return };
    let database =
        Database { admin: admin.parse().unwrap(), name: format!("test_of_{}", uuid::Uuid::new_v4().simple()) };
    database.administer(&format!("CREATE DATABASE {}", database.name)).await;
    let done = AssertUnwindSafe(test(&database)).catch_unwind().await;
    database.administer(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", database.name)).await;
    if let Err(panic) = done {
        resume_unwind(panic);
    }
}

/// A store of an instance that has joined the others of the database.
pub(super) async fn joined(database: &Database) -> Store {
    let mut store = Store::open(&database.location()).await.unwrap();
    store.join("test", std::time::Duration::from_secs(15)).await.unwrap();
    store
}

/// Waits until a store of several finds the database so.
pub(super) async fn finds(store: &Store, so: impl Fn(Reached) -> bool) {
    let pace = store.pace("main", "list").unwrap();
    let known = async {
        while !so(pace.reached()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), known).await.expect("it never knew");
}

/// Asks until there is an answer: a busy machine's may come too late.
pub(super) async fn answered<T>(ask: impl AsyncFn() -> Option<T>) -> T {
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
