//! Files that are held back from the drive: empty ones for a while, file managers' own for good.
//!
//! Explorer and Finder begin a save by an empty PUT or a LOCK on the free name, and send the content
//! later. The empty file is shown to all and kept in the state store; it reaches the drive only if it is
//! still empty a while later. So a save costs one upload and leaves nothing in the recycle bin.
//!
//! What file managers write for themselves (`._*`, `.DS_Store`, `Thumbs.db`, `desktop.ini`) stays in the
//! state store with its content, and follows its folder.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use sha1::{Digest as _, Sha1};

use super::upload::UploadOptions;
use super::write::unix_ms;
use super::{Entry, Error, Kind, Path, Resource, Tree};
use crate::config::MetadataFiles;
use crate::state::{HeldRow, Store};

/// How long an empty file waits for its content.
const PATIENCE: Duration = Duration::from_secs(60);

/// Most files held at a time; more go to the drive at once.
const MAX_HELD: usize = 100_000;

/// Largest file that stays here; Finder's and Explorer's are a few kilobytes.
pub const MAX_LOCAL: usize = 1 << 20;

/// Beginning of the ids of files that stay here.
const LOCAL: &str = "local-";

/// Whether a file manager writes a file of this name for itself.
fn is_managers_own(name: &str) -> bool {
    name.starts_with("._")
        || name == ".DS_Store"
        || ["thumbs.db", "desktop.ini"].contains(&name.to_ascii_lowercase().as_str())
}

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

fn entry(path: &Path, row: &HeldRow) -> Entry {
    let content = row.content.as_deref().unwrap_or_default();
    Entry {
        kind: Kind::File,
        size: Some(content.len() as u64),
        sha1: Some(Sha1::digest(content).into()),
        ..Entry::synthetic(path.name(), &row.file_id, row.created_ms)
    }
}

fn is_local(entry: &Entry) -> bool {
    entry.file_id.starts_with(LOCAL)
}

impl Tree {
    /// Takes up the held files of the last run.
    ///
    /// # Errors
    /// The state store failed.
    pub async fn restore_held(&self) -> Result<(), crate::state::Error> {
        for row in self.0.held.store.held_files().await? {
            let Ok(path) = Path::parse(&row.path) else { continue };
            let held = Arc::new(entry(&path, &row));
            let waits = !is_local(&held);
            self.0.held.files.write().insert(path.clone(), held);
            if waits {
                self.settle_later(path);
            }
        }
        Ok(())
    }

    /// Makes an empty file that is not yet sent to the drive.
    ///
    /// # Errors
    /// As [`Tree::upload`]; the state store's failure.
    pub async fn hold(&self, path: &Path) -> Result<Entry, Error> {
        if self.keeps_here(path) {
            return self.keep_here(path, Vec::new()).await;
        }
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
            content: None,
        };
        let held = self.hold_row(path, &row).await?;
        self.settle_later(path.clone());
        Ok(held)
    }

    async fn hold_row(&self, path: &Path, row: &HeldRow) -> Result<Entry, Error> {
        self.0.held.store.save_held_file(row).await.map_err(|error| Error::State(Arc::new(error)))?;
        let held = entry(path, row);
        self.0.held.files.write().insert(path.clone(), Arc::new(held.clone()));
        Ok(held)
    }

    /// Whether a file of this name stays in the state store.
    #[must_use]
    pub fn keeps_here(&self, path: &Path) -> bool {
        self.0.uploads.metadata_files() == MetadataFiles::Local && is_managers_own(path.name())
    }

    /// Whether a file of this name is refused.
    #[must_use]
    pub fn refuses(&self, path: &Path) -> bool {
        self.0.uploads.metadata_files() == MetadataFiles::Refuse && is_managers_own(path.name())
    }

    /// Keeps a file in the state store, in place of what it kept there.
    ///
    /// # Errors
    /// [`Error::ParentMissing`], [`Error::ReadOnly`]; [`Error::Spool`] when it is too large or too many are
    /// kept; the state store's failure.
    pub async fn keep_here(&self, path: &Path, content: Vec<u8>) -> Result<Entry, Error> {
        self.target(path).await?;
        let full = self.0.held.files.read().len() >= MAX_HELD && self.0.held.get(path).is_none();
        if full || content.len() > MAX_LOCAL {
            return Err(Error::Spool("a file manager's own file is too large, or too many are kept".to_owned()));
        }
        let file_id = format!("{LOCAL}{}", uuid::Uuid::new_v4().simple());
        let row = HeldRow { path: path.as_str().to_owned(), file_id, created_ms: unix_ms(), content: Some(content) };
        self.hold_row(path, &row).await
    }

    /// The content of a file that stays in the state store; absent for any other.
    ///
    /// # Errors
    /// The state store's failure.
    pub async fn kept_content(&self, file: &Resource) -> Result<Option<Vec<u8>>, Error> {
        if !is_local(&file.entry) {
            return Ok(None);
        }
        let content = self.0.held.store.local_content(file.path.as_str()).await;
        content.map(|content| Some(content.unwrap_or_default())).map_err(|error| Error::State(Arc::new(error)))
    }

    /// Files that stay here follow their folder, or their own new name.
    pub(super) async fn follow(&self, from: &Path, to: &Path) {
        for old in self.0.held.below(from) {
            let Some(held) = self.0.held.get(&old).filter(|held| is_local(held)) else { continue };
            let Some(new) = old.strip_base(from).map(|rest| rest.under(to)) else { continue };
            let content = self.0.held.store.local_content(old.as_str()).await.ok().flatten();
            let row = HeldRow {
                path: new.as_str().to_owned(),
                file_id: held.file_id.to_string(),
                created_ms: held.created_ms,
                content,
            };
            if self.hold_row(&new, &row).await.is_ok() {
                self.0.held.drop_file(&old).await;
            }
        }
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
            let Some(before) = self.0.held.get(&held).filter(|entry| !is_local(entry)) else { continue };
            let empty = UploadOptions { size: Some(0), ..UploadOptions::default() };
            match self.upload(&held, empty).await {
                Ok(upload) => {
                    let now = upload.finish().await?;
                    self.succeeded(&before.file_id, &now.file_id).await;
                }
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
