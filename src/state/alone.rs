//! Who of several processes with one store may do what only one can do.
//!
//! One server a store: what it keeps in memory of it, and works off, is nobody else's to change. Commands that look at
//! the store, or put tokens into it, need no lock. One renewal an account: a refresh token works once, so that whoever
//! comes second waits and takes up what the first one got.
//!
//! Either is a lock on a file beside the store, which the system frees however the process ends.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use crate::state::error::{Error, Fault};
use crate::state::private;
use crate::state::store::Store;

/// The right to serve from a store; given back when it is dropped.
#[derive(Debug)]
pub struct Alone {
    _lock: Option<File>,
}

/// The turn to renew an account's tokens; given back when it is dropped.
#[derive(Debug)]
pub struct RenewalTurn {
    _lock: Option<File>,
}

/// How often a renewal that waits for another process's looks whether that is over.
const LOOK: Duration = Duration::from_millis(50);

impl Store {
    /// Takes the right to serve from the store. One in memory is nobody else's anyway.
    ///
    /// # Errors
    /// [`Error::Served`], [`Error::Open`] for the file of the lock.
    pub fn serve_alone(&self) -> Result<Alone, Error> {
        let Some(file) = self.beside("lock") else { return Ok(Alone { _lock: None }) };
        match try_lock(&file)? {
            Tried::Locked(lock) => Ok(Alone { _lock: Some(lock) }),
            Tried::Taken => Err(Error::Served { file: self.file.to_path_buf() }),
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
        // Two accounts whose names become one share a turn, which costs nothing but a wait.
        let plain = |sign: char| if sign.is_ascii_alphanumeric() { sign } else { '_' };
        let name: String = account.chars().take(64).map(plain).collect();
        let Some(file) = self.beside(&format!("{name}.renewal")) else { return Ok(RenewalTurn { _lock: None }) };
        let end = Instant::now() + longest;
        loop {
            match try_lock(&file)? {
                Tried::Locked(lock) => return Ok(RenewalTurn { _lock: Some(lock) }),
                Tried::Unsupported => return Ok(RenewalTurn { _lock: None }),
                Tried::Taken if Instant::now() >= end => return Err(Error::Renewed { file: self.file.to_path_buf() }),
                Tried::Taken => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// A file beside the store's own; absent where the store is in memory.
    fn beside(&self, suffix: &str) -> Option<PathBuf> {
        let mut file = self.is_file().then(|| self.file.as_os_str().to_owned())?;
        file.push(".");
        file.push(suffix);
        Some(file.into())
    }

    fn is_file(&self) -> bool {
        *self.file != *std::path::Path::new(":memory:")
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
        file: file.to_owned(),
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
        let folder = tempfile::tempdir().unwrap();
        let location = StateLocation::File(folder.path().join("state.db"));
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
    }
}
