//! One server a store: what it keeps in memory of it, and works off, is nobody else's to change.
//!
//! A file beside the store is locked for the server's life; the system frees it however the process ends. Commands
//! that look at the store, or put tokens into it, need no lock.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::PathBuf;

use crate::state::error::{Error, Fault};
use crate::state::store::Store;

/// The right to serve from a store; given back when it is dropped.
#[derive(Debug)]
pub struct Alone {
    _lock: Option<File>,
}

impl Store {
    /// Takes the right to serve from the store. One in memory is nobody else's anyway.
    ///
    /// # Errors
    /// [`Error::Served`], [`Error::Open`] for the file of the lock.
    pub fn serve_alone(&self) -> Result<Alone, Error> {
        if !self.is_file() {
            return Ok(Alone { _lock: None });
        }
        let mut file = self.file.as_os_str().to_owned();
        file.push(".lock");
        let file = PathBuf::from(file);
        let unopenable = |error: &std::io::Error| Error::Open {
            file: file.clone(),
            problem: error.to_string(),
            remedy: Fault::Unopenable.remedy(),
        };
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options.open(&file).map_err(|error| unopenable(&error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Alone { _lock: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(Error::Served { file: self.file.to_path_buf() }),
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {
                tracing::warn!(file = %file.display(), "files cannot be locked here; let only one alidav serve from the state store");
                Ok(Alone { _lock: None })
            }
            Err(TryLockError::Error(error)) => Err(unopenable(&error)),
        }
    }

    fn is_file(&self) -> bool {
        *self.file != *std::path::Path::new(":memory:")
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
}
