//! Files that are held back from the drive: empty ones for a while, file managers' own for good.
//!
//! Explorer and Finder begin a save by an empty PUT or a LOCK on the free name, and send the content
//! later. The empty file is shown to all and kept in the state store; it reaches the drive only if it is
//! still empty a while later. So a save costs one upload and leaves nothing in the recycle bin.
//!
//! What file managers write for themselves (`._*`, `.DS_Store`, `Thumbs.db`, `desktop.ini`) stays in the
//! state store with its content, and follows its folder.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use sha1::{Digest as _, Sha1};

use super::path::one_form;
use super::upload::UploadOptions;
use super::write::unix_ms;
use super::{Entry, Error, Kind, Path, Resource, Tree};
use crate::config::MetadataFiles;
use crate::state::{HeldRow, Store};

/// How long an empty file waits for its content.
const PATIENCE: Duration = Duration::from_secs(60);

/// Most files held at a time; more go to the drive at once.
const MAX_HELD: usize = 100_000;

/// Largest file that stays here. Finder's and Explorer's are a few kilobytes, an icon of one's own some megabytes; a
/// companion that is refused ends the copy of the file that it belongs to.
pub const MAX_LOCAL: usize = 8 << 20;

/// Beginning of the ids of files that stay here.
const LOCAL: &str = "local-";

/// Whether a file manager writes a file of this name for itself.
fn is_managers_own(name: &str) -> bool {
    name.starts_with("._")
        || name == ".DS_Store"
        || ["thumbs.db", "desktop.ini"].contains(&name.to_ascii_lowercase().as_str())
}

/// The held files by the path in the whole tree, in one Unicode form.
pub(super) struct HeldFiles {
    store: Store,
    files: RwLock<BTreeMap<Box<str>, Held>>,
}

#[derive(Clone)]
struct Held {
    /// As its maker spelt it, and as the store knows it.
    path: Path,
    entry: Arc<Entry>,
}

impl HeldFiles {
    pub(super) fn new(store: Store) -> Self {
        Self { store, files: RwLock::default() }
    }

    pub(super) fn get(&self, path: &Path) -> Option<Arc<Entry>> {
        self.held(path).map(|held| held.entry)
    }

    fn held(&self, path: &Path) -> Option<Held> {
        self.files.read().get(&*one_form(path.as_str())).cloned()
    }

    fn put(&self, path: &Path, entry: Arc<Entry>) {
        self.files.write().insert(one_form(path.as_str()).into(), Held { path: path.clone(), entry });
    }

    fn len(&self) -> usize {
        self.files.read().len()
    }

    /// Held members of a folder.
    pub(super) fn members(&self, folder: &Path) -> Vec<Entry> {
        let depth = folder.segments().count() + 1;
        let within = self.inside(folder).into_iter();
        within.filter(|held| held.path.segments().count() == depth).map(|held| (*held.entry).clone()).collect()
    }

    /// Held files at a path and below it.
    fn below(&self, path: &Path) -> Vec<Held> {
        self.held(path).into_iter().chain(self.inside(path)).collect()
    }

    fn inside(&self, folder: &Path) -> Vec<Held> {
        let files = self.files.read();
        let inside = format!("{}/", one_form(folder.as_str()).trim_end_matches('/'));
        let from = files.range::<str, _>((Bound::Excluded(&*inside), Bound::Unbounded));
        from.take_while(|(path, _)| path.starts_with(&inside)).map(|(_, held)| held.clone()).collect()
    }

    async fn drop_file(&self, path: &Path) {
        let Some(held) = self.files.write().remove(&*one_form(path.as_str())) else { return };
        if let Err(error) = self.store.delete_held_file(held.path.as_str()).await {
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
        let restore = |row: HeldRow| {
            if let Ok(path) = Path::parse(&row.path) {
                self.0.held.put(&path, Arc::new(entry(&path, &row)));
            }
        };
        self.0.held.store.held_files(restore).await?;
        self.settle_all_later();
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
        if self.0.held.len() >= MAX_HELD {
            return self
                .upload(path, UploadOptions { size: Some(0), ..UploadOptions::default() })
                .await?
                .finish()
                .await;
        }
        let held = self.put_held(path, format!("held-{}", uuid::Uuid::new_v4().simple()), unix_ms(), None).await?;
        self.settle_later(path.clone());
        Ok(held)
    }

    /// Puts a held file at a path; where one is held already, under the name that it has.
    async fn put_held(
        &self,
        path: &Path,
        file_id: String,
        created_ms: i64,
        content: Option<Vec<u8>>,
    ) -> Result<Entry, Error> {
        let held = &self.0.held;
        let path = held.held(path).map_or_else(|| path.clone(), |held| held.path);
        let row = HeldRow { path: path.as_str().to_owned(), file_id, created_ms, content };
        held.store.save_held_file(&row).await.map_err(|error| Error::State(Arc::new(error)))?;
        let entry = entry(&path, &row);
        held.put(&path, Arc::new(entry.clone()));
        Ok(entry)
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
        let full = self.0.held.len() >= MAX_HELD && self.0.held.get(path).is_none();
        if full || content.len() > MAX_LOCAL {
            return Err(Error::Spool("a file manager's own file is too large, or too many are kept".to_owned()));
        }
        let file_id = format!("{LOCAL}{}", uuid::Uuid::new_v4().simple());
        self.put_held(path, file_id, unix_ms(), Some(content)).await
    }

    /// The content of a file that stays in the state store; absent for any other.
    ///
    /// # Errors
    /// The state store's failure.
    pub async fn kept_content(&self, file: &Resource) -> Result<Option<Vec<u8>>, Error> {
        if !is_local(&file.entry) {
            return Ok(None);
        }
        let path = self.0.held.held(&file.path).map_or_else(|| file.path.clone(), |held| held.path);
        let content = self.0.held.store.local_content(path.as_str()).await;
        content.map(|content| Some(content.unwrap_or_default())).map_err(|error| Error::State(Arc::new(error)))
    }

    /// Files that stay here follow their folder, or their own new name.
    pub(super) async fn follow(&self, from: &Path, to: &Path) {
        let depth = from.segments().count();
        for Held { path: old, entry } in self.0.held.below(from) {
            if !is_local(&entry) {
                continue;
            }
            let new = old.segments().skip(depth).fold(to.clone(), |path, name| path.join(name));
            let content = self.0.held.store.local_content(old.as_str()).await.ok().flatten();
            if self.put_held(&new, entry.file_id.to_string(), entry.created_ms, content).await.is_ok() {
                self.0.held.drop_file(&old).await;
            }
        }
    }

    /// The name has content now, or nothing any more.
    pub(super) async fn release(&self, path: &Path) {
        for held in self.0.held.below(path) {
            self.0.held.drop_file(&held.path).await;
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
        for Held { path: held, entry: before } in self.0.held.below(path) {
            if is_local(&before) {
                continue;
            }
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

    /// Takes over the waiting of the tree before.
    pub(super) fn settle_all_later(&self) {
        for held in self.0.held.below(&Path::root()) {
            if !is_local(&held.entry) {
                self.settle_later(held.path);
            }
        }
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
