//! The store itself: its connections to either engine, how an operation runs on them, and how a failed one is told.
//!
//! An operation is written once, as statements on `connection`, in one of two macros: [`statements!`] for what needs no
//! transaction, [`together!`] for what takes effect as one. Its SQL is what both engines understand: `$1` for values,
//! `ON CONFLICT`, `RETURNING`, `IS NOT DISTINCT FROM`, columns always named, so that a schema with further ones still
//! serves. Rows are read as tuples. The work is boxed, for it would stand once for each engine in every future above.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlitePool;

use crate::clock::UnixMillis;
use crate::meters;
use crate::state::error::Error;
use crate::state::server::Server;
use crate::state::shared::Shared;

/// How long those who only look are kept waiting.
const MOMENT: Duration = Duration::from_secs(2);

/// The store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) pool: Pool,
    /// File or database, for messages.
    pub(super) place: Arc<str>,
    /// The file, where it is one.
    pub(super) file: Option<Arc<Path>>,
    /// What it shares with other instances, once it has joined them.
    pub(super) shared: Option<Arc<Shared>>,
}

#[derive(Clone, Debug)]
pub(super) enum Pool {
    Sqlite(SqlitePool),
    Postgres(Arc<Server>),
}

/// Runs statements on a connection of the store, each of them with an effect of its own. Gives `Result<_, Error>`.
macro_rules! statements {
    ($store:expr, $connection:ident => $body:expr) => {{
        let store: &$crate::state::store::Store = $store;
        match &store.pool {
            $crate::state::store::Pool::Sqlite(pool) => {
                let work = Box::pin(async {
                    let $connection = &mut *pool.acquire().await?;
                    $body
                });
                store.named(work.await)
            }
            $crate::state::store::Pool::Postgres(server) => {
                let work = Box::pin(async {
                    let mut lent = server.lend().await?;
                    let $connection: &mut sqlx::PgConnection = &mut lent;
                    let done: Result<_, sqlx::Error> = async { $body }.await;
                    lent.give_back(&done);
                    done
                });
                store.named(server.within(work).await)
            }
        }
    }};
}

/// Runs statements that take effect together or not at all; what they use they own. Gives `Result<_, Error>`.
macro_rules! together {
    ($store:expr, $connection:ident => $body:expr) => {{
        let store: &$crate::state::store::Store = $store;
        match &store.pool {
            $crate::state::store::Pool::Sqlite(pool) => {
                let pool = pool.clone();
                // In a task of its own: a caller that leaves must not leave the transaction open. Not sqlx's own
                // transaction: one that SQLite has rolled back by itself, on a full disk, would confuse all that follow.
                let task = tokio::spawn(async move {
                    let held = &mut *pool.acquire().await?;
                    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *held).await?;
                    let $connection = &mut *held;
                    let mut done: Result<_, sqlx::Error> = async { $body }.await;
                    if done.is_ok()
                        && let Err(error) = sqlx::raw_sql("COMMIT").execute(&mut *held).await
                    {
                        done = Err(error);
                    }
                    if done.is_err() {
                        // Refused where SQLite has rolled back already.
                        sqlx::raw_sql("ROLLBACK").execute(&mut *held).await.ok();
                    }
                    done
                });
                store.named(task.await.unwrap_or(Err(sqlx::Error::WorkerCrashed)))
            }
            $crate::state::store::Pool::Postgres(server) => {
                let work = Box::pin(async {
                    let mut lent = server.lend().await?;
                    let done: Result<_, sqlx::Error> = async {
                        let mut all = sqlx::Connection::begin(&mut *lent).await?;
                        let $connection: &mut sqlx::PgConnection = &mut all;
                        let done: Result<_, sqlx::Error> = async { $body }.await;
                        let done = done?;
                        all.commit().await?;
                        Ok(done)
                    }
                    .await;
                    lent.give_back(&done);
                    done
                });
                store.named(server.within(work).await)
            }
        }
    }};
}

pub(super) use {statements, together};

impl Store {
    /// This moment by the clock of all who share the store: the database's, once they have joined there, else this
    /// machine's. What several are to agree on ends by it.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.shared.as_ref().map_or_else(UnixMillis::now, |shared| shared.now())
    }

    /// Waits until the other instances have heard of all that was changed here, a second at most: whoever was answered may
    /// ask one of them next.
    pub async fn told(&self) {
        if let Some(shared) = &self.shared {
            shared.told().await;
        }
    }

    /// Waits for running statements and closes the connections.
    pub async fn close(&self) {
        if let Some(shared) = &self.shared {
            shared.leave().await;
        }
        match &self.pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(server) => server.close().await,
        }
    }

    /// Whether no statement runs or waits for its turn.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let (idle, all) = match &self.pool {
            Pool::Sqlite(pool) => (pool.num_idle(), pool.size()),
            Pool::Postgres(server) => server.connections(),
        };
        u32::try_from(idle) == Ok(all)
    }

    /// Why the store does not answer, if it does not within a moment; without its address, for all to read.
    pub async fn trouble(&self) -> Option<&'static str> {
        let asked = async {
            statements!(self, connection => sqlx::query("SELECT 1").execute(&mut *connection).await.map(drop))
        };
        match tokio::time::timeout(MOMENT, asked).await {
            Ok(Ok(())) => None,
            Ok(Err(_)) => Some("the state store cannot be read; `alidav check` says why"),
            Err(_) => Some("the state store does not answer; `alidav check` says why"),
        }
    }

    /// The engine with its version, for people.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn engine(&self) -> Result<String, Error> {
        let statement = match &self.pool {
            Pool::Sqlite(_) => "SELECT 'SQLite ' || sqlite_version()",
            // Distributors add words of their own.
            Pool::Postgres(_) => "SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1)",
        };
        statements!(self, connection => sqlx::query_scalar(statement).fetch_one(&mut *connection).await)
    }

    /// Another number whenever another process has written tokens since, and at times without.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn version(&self) -> Result<i64, Error> {
        let statement = match &self.pool {
            Pool::Sqlite(_) => "PRAGMA data_version",
            // Whoever rewrites a row leaves the number of his transaction in it.
            Pool::Postgres(_) => "SELECT COALESCE(SUM(xmin::text::bigint), 0)::bigint FROM tokens",
        };
        statements!(self, connection => sqlx::query_scalar(statement).fetch_one(&mut *connection).await)
    }

    /// Writes something of no meaning, through to the disk: whether it can is only known by doing it.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn try_write(&self) -> Result<(), Error> {
        if let Pool::Postgres(_) = &self.pool {
            let statement = "UPDATE readable_by SET tried_at = now()";
            return statements!(self, connection => sqlx::query(statement).execute(&mut *connection).await.map(drop));
        }
        statements!(self, connection => {
            let count: i32 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
            let next = count.wrapping_add(1) & 0xffff;
            // Pragmas take no parameters; this one is a number.
            let statement = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {next}"));
            sqlx::raw_sql(statement).execute(&mut *connection).await.map(drop)
        })
    }

    /// Puts the place and the remedy into a failure.
    pub(super) fn named<T>(&self, result: Result<T, sqlx::Error>) -> Result<T, Error> {
        result.map_err(|error| {
            metrics::counter!(meters::STORE_FAILURES).increment(1);
            Error::statement(&self.place, &error)
        })
    }
}
