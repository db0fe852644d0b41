//! SHA-1s of local files: read once, then known by path, size and time.
//!
//! A file that changes while it is read is read again. What was changed just before it was read is not remembered: a
//! later change could bear the same time.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;
use sha1::Digest as _;
use tokio_util::sync::CancellationToken;

use crate::cli::copy::fault::Fault;
use crate::clock::UnixMillis;
use crate::digest::Sha1;
use crate::drive;
use crate::state::{HashRow, Store};

/// How often a file is read that changes meanwhile.
const TRIES: u32 = 3;

/// Hashes that may be lost with the process: they are written together.
const MOST_WAITING: usize = 64;

/// How long a file must have rested before its time tells its content: some file systems tell it by two seconds.
const RESTED: Duration = Duration::from_secs(3);

/// By what a file is known to be the same as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::copy) struct Stamp {
    pub(in crate::cli::copy) size: u64,
    pub(in crate::cli::copy) modified_ns: i64,
    id: (u64, u64),
}

impl Stamp {
    pub(in crate::cli::copy) fn of(metadata: &Metadata) -> Self {
        let modified_ns = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
        Self { size: metadata.len(), modified_ns, id: (metadata.dev(), metadata.ino()) }
    }

    pub(in crate::cli::copy) fn modified(&self) -> UnixMillis {
        UnixMillis(self.modified_ns.div_euclid(1_000_000))
    }
}

/// What is known of local files' contents.
pub(in crate::cli::copy) struct Hashes {
    store: Store,
    waiting: Mutex<Vec<HashRow>>,
    /// Of files whose turn comes soon, which are few.
    ahead: Mutex<HashMap<PathBuf, (Sha1, Stamp)>>,
    stop: CancellationToken,
}

impl Hashes {
    pub(in crate::cli::copy) fn new(store: Store, stop: CancellationToken) -> Self {
        Self { store, waiting: Mutex::default(), ahead: Mutex::default(), stop }
    }

    /// Hashes a file whose turn comes soon.
    pub(in crate::cli::copy) async fn ahead(&self, path: &Path) {
        if let Ok(found) = self.find(path).await {
            self.ahead.lock().insert(path.to_owned(), found);
        }
    }

    /// The hash of a file's content, and by what it is known that it still is.
    ///
    /// # Errors
    /// It cannot be read, or changes all the time; the state store's.
    pub(in crate::cli::copy) async fn of(&self, path: &Path) -> Result<(Sha1, Stamp), Fault> {
        let ahead = self.ahead.lock().remove(path);
        let now = std::fs::metadata(path).map_err(|error| Fault::reading(&error))?;
        match ahead.filter(|(_, stamp)| *stamp == Stamp::of(&now)) {
            Some(found) => Ok(found),
            None => self.find(path).await,
        }
    }

    async fn find(&self, path: &Path) -> Result<(Sha1, Stamp), Fault> {
        let metadata = std::fs::metadata(path).map_err(|error| Fault::reading(&error))?;
        let stamp = Stamp::of(&metadata);
        if let Some(sha1) = self.known(path, &stamp).await? {
            // What cannot be opened is told, although its content is known.
            File::open(path).map_err(|error| Fault::reading(&error))?;
            return Ok((sha1, stamp));
        }
        let (owned, stop) = (path.to_owned(), self.stop.clone());
        let read = tokio::task::spawn_blocking(move || read(&owned, &stop)).await;
        let (sha1, stamp) = read.map_err(|_| Fault::Stopped)??;
        self.keep(path, sha1, &stamp).await?;
        Ok((sha1, stamp))
    }

    async fn known(&self, path: &Path, stamp: &Stamp) -> Result<Option<Sha1>, Fault> {
        let found = self.store.hash(path.as_os_str().as_bytes(), stamp.size, stamp.modified_ns).await;
        found.map_err(store_failed)
    }

    /// Remembers what a file holds.
    ///
    /// # Errors
    /// The state store's.
    pub(in crate::cli::copy) async fn keep(&self, path: &Path, sha1: Sha1, stamp: &Stamp) -> Result<(), Fault> {
        if stamp.modified().plus(RESTED) > UnixMillis::now() {
            return Ok(());
        }
        let row = HashRow {
            path: path.as_os_str().as_bytes().to_vec(),
            size: stamp.size,
            modified_ns: stamp.modified_ns,
            sha1,
        };
        let full = {
            let mut waiting = self.waiting.lock();
            waiting.push(row);
            (waiting.len() >= MOST_WAITING).then(|| std::mem::take(&mut *waiting))
        };
        match full {
            Some(rows) => self.store.save_hashes(&rows).await.map_err(store_failed),
            None => Ok(()),
        }
    }

    /// Writes what waits, and forgets what nobody has asked for in long.
    pub(in crate::cli::copy) async fn close(&self) {
        let rows = std::mem::take(&mut *self.waiting.lock());
        let written = async {
            self.store.save_hashes(&rows).await?;
            self.store.forget_old_hashes().await
        };
        if let Err(error) = written.await {
            tracing::warn!(%error, "hashes of files could not be kept; they are read again next time");
        }
    }
}

fn store_failed(error: crate::state::Error) -> Fault {
    Fault::Drive(drive::Error::State(std::sync::Arc::new(error)))
}

/// Reads a file until it stays the same meanwhile.
fn read(path: &Path, stop: &CancellationToken) -> Result<(Sha1, Stamp), Fault> {
    let mut buffer = vec![0; 1 << 20];
    for _ in 0..TRIES {
        let mut file = File::open(path).map_err(|error| Fault::reading(&error))?;
        let before = Stamp::of(&file.metadata().map_err(|error| Fault::reading(&error))?);
        let (mut hasher, mut length) = (sha1::Sha1::new(), 0u64);
        loop {
            if stop.is_cancelled() {
                return Err(Fault::Stopped);
            }
            match file.read(&mut buffer).map_err(|error| Fault::reading(&error))? {
                0 => break,
                count => {
                    hasher.update(&buffer[..count]);
                    length += count as u64;
                }
            }
            if length > before.size {
                break;
            }
        }
        let after = std::fs::metadata(path).map_err(|error| Fault::reading(&error))?;
        if length == before.size && Stamp::of(&after) == before {
            return Ok((Sha1::from(hasher), before));
        }
    }
    Err(Fault::Changing)
}
