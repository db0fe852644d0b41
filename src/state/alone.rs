//! Who of several processes with one store may do what only one can do.
//!
//! One server a store: what it keeps in memory of it, and works off, is nobody else's to change. Commands that look at
//! the store, or put tokens into it, need no lock. One renewal an account: a refresh token works once, so that whoever
//! comes second waits and takes up what the first one got.
//!
//! Either is a lock on a file beside the store, which the system frees however the process ends. On PostgreSQL, several
//! may serve, and the turn is a lock of the database, which the server frees when the connection ends.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::Instant;

use crate::state::error::Error;
use crate::state::error::Fault;
use crate::state::private;
use crate::state::server::Server;
use crate::state::store::{Pool, Store};

/// The right to serve from a store; given back when it is dropped.
#[derive(Debug)]
pub struct Alone {
    _lock: Option<File>,
}

/// The turn to renew an account's tokens; given back when it is dropped.
#[derive(Debug)]
pub struct RenewalTurn(Turn);

#[derive(Debug)]
enum Turn {
    /// The store is in memory, or files cannot be locked here.
    Nobodys,
    File {
        _lock: File,
    },
    /// A lock of the database, which is there as long as its connection.
    Session {
        store: Store,
        session: PgConnection,
    },
}

impl RenewalTurn {
    /// Whether nobody else can have had the turn since. A database's lock goes with the connection, and so may have
    /// gone while this process stood still or was cut off; to be asked right before what only one may do.
    ///
    /// # Errors
    /// [`Error::Away`] if it is gone, or that cannot be found out.
    pub async fn still_ours(&mut self) -> Result<(), Error> {
        let Turn::Session { store, session } = &mut self.0 else { return Ok(()) };
        let Pool::Postgres(server) = &store.pool else { return Ok(()) };
        store.named(server.within(sqlx::query("SELECT 1").execute(session)).await.map(drop))
    }
}

/// How often a renewal that waits for another process's looks whether that is over.
const LOOK: Duration = Duration::from_millis(50);

/// Longest a renewal may be silent towards the database: all its servers are asked in that time.
const LONGEST_RENEWAL: Duration = Duration::from_secs(120);

/// What an account's turn is called. Two accounts whose names become one share a turn, which costs nothing but a wait.
pub(super) fn turn_name(account: &str) -> String {
    let plain = |sign: char| if sign.is_ascii_alphanumeric() { sign } else { '_' };
    account.chars().take(64).map(plain).collect()
}

impl Store {
    /// Takes the right to serve from the store. One in memory is nobody else's anyway.
    ///
    /// # Errors
    /// [`Error::Served`], [`Error::Open`] for the file of the lock.
    pub fn serve_alone(&self) -> Result<Alone, Error> {
        let Some(file) = self.beside("lock") else { return Ok(Alone { _lock: None }) };
        match try_lock(&file)? {
            Tried::Locked(lock) => Ok(Alone { _lock: Some(lock) }),
            Tried::Taken => Err(Error::Served { place: self.place.to_string() }),
            Tried::Unsupported => {
                tracing::warn!(file = %file.display(), "files cannot be locked here; let only one alidav serve from the state store");
                Ok(Alone { _lock: None })
            }
        }
    }

    /// Waits for the turn to renew an account's tokens among all processes with this store.
    ///
    /// # Errors
    /// [`Error::Renewed`] when another one is at it for longer than `longest`, [`Error::Open`] for the file of the lock.
    pub async fn renewal_turn(&self, account: &str, longest: Duration) -> Result<RenewalTurn, Error> {
        let name = turn_name(account);
        let end = Instant::now() + longest;
        if let Pool::Postgres(server) = &self.pool {
            return self.turn_of(server, &name, end).await;
        }
        let Some(file) = self.beside(&format!("{name}.renewal")) else { return Ok(RenewalTurn(Turn::Nobodys)) };
        loop {
            match try_lock(&file)? {
                Tried::Locked(lock) => return Ok(RenewalTurn(Turn::File { _lock: lock })),
                Tried::Unsupported => return Ok(RenewalTurn(Turn::Nobodys)),
                Tried::Taken => self.look_later(end).await?,
            }
        }
    }

    /// The turn by a lock of the database. The server ends a session that does nothing, so that a process which stands
    /// still keeps the others waiting for a while only.
    async fn turn_of(&self, server: &Server, name: &str, end: Instant) -> Result<RenewalTurn, Error> {
        let mut session = self.named(server.own().await)?;
        let idle = sqlx::AssertSqlSafe(format!("SET idle_session_timeout = {}", LONGEST_RENEWAL.as_millis()));
        self.named(server.within(sqlx::raw_sql(idle).execute(&mut session)).await)?;
        loop {
            let lock = sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtextextended($1, 0))");
            let lock = lock.bind(format!("alidav renewal {name}")).fetch_one(&mut session);
            if self.named(server.within(lock).await)? {
                return Ok(RenewalTurn(Turn::Session { store: self.clone(), session }));
            }
            self.look_later(end).await?;
        }
    }

    async fn look_later(&self, end: Instant) -> Result<(), Error> {
        if Instant::now() >= end {
            return Err(Error::Renewed { place: self.place.to_string() });
        }
        tokio::time::sleep(LOOK).await;
        Ok(())
    }

    /// A file beside the store's own; absent where the store is none.
    fn beside(&self, suffix: &str) -> Option<PathBuf> {
        let mut file = self.file.as_ref()?.as_os_str().to_owned();
        file.push(".");
        file.push(suffix);
        Some(file.into())
    }
}

enum Tried {
    Locked(File),
    /// By another process, or by this one.
    Taken,
    /// Not on this file system.
    Unsupported,
}

fn try_lock(file: &std::path::Path) -> Result<Tried, Error> {
    let unopenable = |error: &std::io::Error| Error::Open {
        place: file.display().to_string(),
        problem: error.to_string(),
        remedy: Fault::Unopenable.remedy(),
    };
    let lock = private::open(file).map_err(|error| unopenable(&error))?;
    match lock.try_lock() {
        Ok(()) => Ok(Tried::Locked(lock)),
        Err(TryLockError::WouldBlock) => Ok(Tried::Taken),
        Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => Ok(Tried::Unsupported),
        Err(TryLockError::Error(error)) => Err(unopenable(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StateLocation;
    use crate::state::testing::for_each_store;

    #[tokio::test]
    async fn one_serves_from_a_store_and_others_may_open_it() {
        let folder = tempfile::tempdir().unwrap();
        let location = StateLocation::File(folder.path().join("state.db"));
        let (first, second) = (Store::open(&location).await.unwrap(), Store::open(&location).await.unwrap());
        let alone = first.serve_alone().unwrap();
        second.try_write().await.unwrap();
        let refused = second.serve_alone().unwrap_err();
        assert!(matches!(&refused, Error::Served { .. }), "{refused}");
        assert!(refused.to_string().contains("state.db"), "{refused}");
        drop(alone);
        second.serve_alone().unwrap();
        let memory = Store::open(&StateLocation::Memory).await.unwrap();
        let _alone = memory.serve_alone().unwrap();
        memory.serve_alone().unwrap();
    }

    #[tokio::test]
    async fn renewals_of_an_account_go_one_after_another() {
        for_each_store(async |location| {
            let (first, second) = (Store::open(&location).await.unwrap(), Store::open(&location).await.unwrap());
            let turn = first.renewal_turn("main/主", Duration::ZERO).await.unwrap();
            first.renewal_turn("other", Duration::ZERO).await.unwrap();
            let refused = second.renewal_turn("main/主", Duration::from_millis(60)).await.unwrap_err();
            assert!(matches!(&refused, Error::Renewed { .. }), "{refused}");
            let (waited, ()) = tokio::join!(second.renewal_turn("main/主", Duration::from_secs(30)), async {
                tokio::task::yield_now().await;
                drop(turn);
            });
            waited.unwrap();
        })
        .await;
    }
}
