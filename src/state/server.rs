//! The connections to a PostgreSQL server: few, each wait bounded, none used again that may be broken.
//!
//! A server that vanishes or stands still shows as an error within [`Server::within`]'s time, never as a wait without
//! end: sqlx sets no keep-alive on its sockets. A connection is given up with the operation that was cut on it, and
//! after one that broke all that are older are, for they lead to the same server. So the first operation after the
//! server's return has a new one.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgListener, PgPoolOptions, PgRow};
use sqlx::query::{Query, QueryAs};
use sqlx::{ConnectOptions as _, Connection as _, FromRow, PgConnection, PgPool, Postgres};
use tokio::time::Instant;

use crate::state::error::Fault;

/// Connections of one process; a server has a hundred for all by default.
const MOST_CONNECTIONS: u32 = 8;

/// How much longer than the server an operation waits, so that the server's own word for it comes first.
const LATER: Duration = Duration::from_secs(1);

/// A server's database and the connections to it.
pub(super) struct Server {
    pool: PgPool,
    options: PgConnectOptions,
    /// Longest wait for a connection, and by itself for the end of an operation.
    longest: Duration,
    broken: Broken,
    /// What its sessions are called: by it they are told from those of other processes.
    process: Arc<str>,
}

/// When a connection was last found broken.
#[derive(Clone, Debug, Default)]
struct Broken(Arc<Mutex<Option<Instant>>>);

impl Broken {
    fn now(&self) {
        *self.0.lock() = Some(Instant::now());
    }

    /// Whether a connection of that age was there then.
    fn includes(&self, age: Duration) -> bool {
        self.0.lock().is_some_and(|at| at.elapsed() <= age)
    }
}

impl std::fmt::Debug for Server {
    /// Its options hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Server").field(&self.process).finish()
    }
}

impl Server {
    /// Connects to nothing yet.
    pub(super) fn new(options: PgConnectOptions, longest: Duration) -> Self {
        let process: Arc<str> = format!("alidav {:016x}", rand::random::<u64>()).into();
        let options = options.application_name(&process);
        let broken = Broken::default();
        let known = broken.clone();
        let pool = PgPoolOptions::new()
            .max_connections(MOST_CONNECTIONS)
            .acquire_timeout(longest)
            .test_before_acquire(false)
            .before_acquire(move |_, meta| {
                let usable = !known.includes(meta.age);
                Box::pin(async move { Ok(usable) })
            })
            .after_release(move |connection, _| {
                Box::pin(async move {
                    Ok(tokio::time::timeout(longest, connection.ping()).await.is_ok_and(|it| it.is_ok()))
                })
            })
            .connect_lazy_with(options.clone());
        Self { pool, options, longest, broken, process }
    }

    /// A connection for one operation.
    pub(super) async fn lend(&self) -> Result<Lent, sqlx::Error> {
        Ok(Lent { connection: Some(self.pool.acquire().await?), broken: self.broken.clone() })
    }

    /// An operation's result, or an error once it has taken too long.
    pub(super) async fn within<T>(&self, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
        tokio::time::timeout(self.longest * 2 + LATER, work).await.unwrap_or_else(|_| {
            self.broken.now();
            Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "the server does not answer")))
        })
    }

    /// What its sessions are called.
    pub(super) fn process(&self) -> &str {
        &self.process
    }

    /// Whether it has been closed.
    pub(super) fn is_closed(&self) -> bool {
        self.pool.is_closed()
    }

    /// What is told on a channel, by a connection of its own.
    pub(super) async fn listen(&self, channel: &str) -> Result<PgListener, sqlx::Error> {
        self.within(async {
            let mut listener = PgListener::connect_with(&self.pool).await?;
            listener.listen(channel).await?;
            Ok(listener)
        })
        .await
    }

    /// All rows of a statement.
    pub(super) async fn rows<O>(&self, statement: QueryAs<'_, Postgres, O, PgArguments>) -> Result<Vec<O>, sqlx::Error>
    where
        O: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        let work = Box::pin(async {
            let mut lent = self.lend().await?;
            let done = statement.fetch_all(&mut *lent).await;
            lent.give_back(&done);
            done
        });
        self.within(work).await
    }

    /// Runs a statement of which no row is wanted.
    pub(super) async fn run(&self, statement: Query<'_, Postgres, PgArguments>) -> Result<(), sqlx::Error> {
        let work = Box::pin(async {
            let mut lent = self.lend().await?;
            let done = statement.execute(&mut *lent).await;
            lent.give_back(&done);
            done.map(drop)
        });
        self.within(work).await
    }

    /// A connection apart from the others, for what lives as long as it does.
    pub(super) async fn own(&self) -> Result<PgConnection, sqlx::Error> {
        self.within(self.options.connect()).await
    }

    /// Idle ones, and all.
    pub(super) fn connections(&self) -> (usize, u32) {
        (self.pool.num_idle(), self.pool.size())
    }

    /// Waits for running operations, but not for a server that stands still.
    pub(super) async fn close(&self) {
        tokio::time::timeout(self.longest, self.pool.close()).await.ok();
    }
}

/// A connection that is out for one operation; closed unless it is given back.
pub(super) struct Lent {
    connection: Option<PoolConnection<Postgres>>,
    broken: Broken,
}

/// Only between [`Lent::give_back`] and the drop that follows at once is there none.
const OUT: &str = "a connection that was given back is not used";

impl Lent {
    /// The operation came to an end: others may have the connection, unless that broke it.
    pub(super) fn give_back<T>(mut self, done: &Result<T, sqlx::Error>) {
        if done.as_ref().err().is_some_and(|error| Fault::of(error).is_away()) {
            self.broken.now();
        } else {
            drop(self.connection.take());
        }
    }
}

impl Deref for Lent {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect(OUT)
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect(OUT)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // What is in its way, and what was left open on it, is nobody else's.
        drop(self.connection.take().map(PoolConnection::detach));
    }
}
