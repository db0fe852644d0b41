//! Empty files that are held back from the drive.
//!
//! Explorer and Finder begin a save by an empty PUT or a LOCK on the free name, and send the content
//! later. The empty file is shown to all and kept in the state store; it reaches the drive only if it is
//! still empty a while later. So a save costs one upload and leaves nothing in the recycle bin.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use sha1::{Digest as _, Sha1};

use super::upload::UploadOptions;
use super::write::unix_ms;
use super::{Entry, Error, Kind, Path, Tree};
use crate::state::{HeldRow, Store};

/// How long an empty file waits for its content.
const PATIENCE: Duration = Duration::from_secs(60);

/// Most files held at a time; more go to the drive at once.
const MAX_HELD: usize = 1000;

/// The held files by their path in the whole tree.
pub(super) struct HeldFiles {
    store: Store,
    files: RwLock<BTreeMap<Path, Arc<Entry>>>,
}

impl HeldFiles {
    pub(super) fn new(store: Store) -> Self {
        Self { store, files: RwLock::default() }
    }

    pub(super) fn get(&self, path: &Path) -> Option<Arc<Entry>> {
        self.files.read().get(path).cloned()
    }

    /// Held members of a folder.
    pub(super) fn members(&self, folder: &Path) -> Vec<Entry> {
        let files = self.files.read();
        if files.is_empty() {
            return Vec::new();
        }
        let within = |path: &Path| path.parent().as_ref() == Some(folder);
        files.iter().filter(|(path, _)| within(path)).map(|(_, entry)| (**entry).clone()).collect()
    }

    /// Held files at a path and below it.
    fn below(&self, path: &Path) -> Vec<Path> {
        self.files.read().keys().filter(|held| held.strip_base(path).is_some()).cloned().collect()
    }

    async fn drop_file(&self, path: &Path) {
        self.files.write().remove(path);
        if let Err(error) = self.store.delete_held_file(path.as_str()).await {
            tracing::error!(%error, "a held file could not be forgotten");
        }
    }
}

fn entry(path: &Path, file_id: &str, created_ms: i64) -> Entry {
    let sha1 = Some(Sha1::new().finalize().into());
    Entry { kind: Kind::File, size: Some(0), sha1, ..Entry::synthetic(path.name(), file_id, created_ms) }
}

impl Tree {
    /// Takes up the held files of the last run.
    ///
    /// # Errors
    /// The state store failed.
    pub async fn restore_held(&self) -> Result<(), crate::state::Error> {
        for row in self.0.held.store.held_files().await? {
            let Ok(path) = Path::parse(&row.path) else { continue };
            let held = Arc::new(entry(&path, &row.file_id, row.created_ms));
            self.0.held.files.write().insert(path.clone(), held);
            self.settle_later(path);
        }
        Ok(())
    }

    /// Makes an empty file that is not yet sent to the drive.
    ///
    /// # Errors
    /// As [`Tree::upload`]; the state store's failure.
    pub async fn hold(&self, path: &Path) -> Result<Entry, Error> {
        self.target(path).await?;
        if self.0.held.files.read().len() >= MAX_HELD {
            return self
                .upload(path, UploadOptions { size: Some(0), ..UploadOptions::default() })
                .await?
                .finish()
                .await;
        }
        let row = HeldRow {
            path: path.as_str().to_owned(),
            file_id: format!("held-{}", uuid::Uuid::new_v4().simple()),
            created_ms: unix_ms(),
        };
        self.0.held.store.save_held_file(&row).await.map_err(|error| Error::State(Arc::new(error)))?;
        let held = entry(path, &row.file_id, row.created_ms);
        self.0.held.files.write().insert(path.clone(), Arc::new(held.clone()));
        self.settle_later(path.clone());
        Ok(held)
    }

    /// The name has content now, or nothing any more.
    pub(super) async fn release(&self, path: &Path) {
        for held in self.0.held.below(path) {
            self.0.held.drop_file(&held).await;
        }
    }

    /// Forgets a held file; false where the path holds none.
    pub async fn drop_held(&self, path: &Path) -> bool {
        let held = self.0.held.get(path).is_some();
        if held {
            self.release(path).await;
        }
        held
    }

    /// Sends what is held at a path and below it to the drive.
    ///
    /// # Errors
    /// An upload's.
    pub async fn settle(&self, path: &Path) -> Result<(), Error> {
        for held in self.0.held.below(path) {
            let empty = UploadOptions { size: Some(0), ..UploadOptions::default() };
            match self.upload(&held, empty).await {
                Ok(upload) => upload.finish().await.map(drop)?,
                // Its folder is gone, and the file with it.
                Err(Error::ParentMissing | Error::Protected | Error::ReadOnly) => self.0.held.drop_file(&held).await,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn settle_later(&self, path: Path) {
        // A tree that is gone has nothing left to settle; the next run takes it up.
        let inner = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(PATIENCE).await;
                let Some(inner) = inner.upgrade() else { return };
                let tree = Self(inner);
                if tree.0.held.get(&path).is_none() {
                    return;
                }
                match tree.settle(&path).await {
                    Ok(()) => return,
                    Err(error) => tracing::warn!(%path, %error, "an empty file could not be sent to the drive yet"),
                }
            }
        });
    }
}
