//! The table of held files: in memory and in the state store, by folder and name.
//!
//! A held file belongs to the folder of its id: it follows where that goes, all mounts that show the folder show it,
//! and another folder in its place does not. Its path is only where it was last seen.
//!
//! Where several instances share the store the table in memory is a copy: read anew, by folder, when another instance has
//! told of a change and by whoever has the turn at a name that another instance had before.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::RwLock;

use crate::digest::Sha1;
use crate::drive::change::turns::NameKey;
use crate::drive::entry::{Entry, Kind, Origin};
use crate::drive::error::Error;
use crate::drive::path::{Path, nfc_key};
use crate::state::{self, Changes, HeldRow, Store};

/// Beginnings of the ids of files that stay here, and of those that wait for their content: by them the state store
/// knows which a file is.
const LOCAL: &str = "local-";
const WAITING: &str = "held-";

/// A new id for a file that stays here, or that waits.
pub(in crate::drive) fn new_id(origin: Origin) -> String {
    let prefix = if origin == Origin::Local { LOCAL } else { WAITING };
    format!("{prefix}{}", uuid::Uuid::new_v4().simple())
}

/// One held file.
#[derive(Clone)]
pub(in crate::drive) struct HeldFile {
    pub(in crate::drive) key: NameKey,
    /// As its maker spelt it, where it was last seen.
    pub(in crate::drive) path: Path,
    pub(in crate::drive) entry: Arc<Entry>,
}

impl HeldFile {
    /// Whether it stays here for good.
    pub(in crate::drive) fn is_local(&self) -> bool {
        self.entry.origin == Origin::Local
    }

    pub(in crate::drive) fn of(row: &HeldRow) -> Option<Self> {
        let path = Path::parse(&row.path).ok()?;
        let key = NameKey {
            drive_id: row.drive_id.as_str().into(),
            folder_id: row.folder_id.as_str().into(),
            name: row.name.as_str().into(),
        };
        let content = row.content.as_deref().unwrap_or_default();
        let entry = Entry {
            origin: if row.file_id.starts_with(LOCAL) { Origin::Local } else { Origin::Held },
            kind: Kind::File,
            size: Some(content.len() as u64),
            sha1: Some(Sha1::of(content)),
            ..Entry::synthetic(path.name(), &row.file_id, row.created)
        };
        Some(Self { key, path, entry: Arc::new(entry) })
    }
}

/// All held files.
pub(in crate::drive) struct HeldFiles {
    store: Store,
    files: RwLock<Files>,
    /// Held alone while rows are read, by all while both are changed: what is read lacks no change of our own.
    changing: tokio::sync::RwLock<()>,
}

#[derive(Default)]
struct Files {
    by_key: BTreeMap<NameKey, HeldFile>,
    /// How many bear each name: most look-ups are for a name that none bears.
    names: HashMap<Box<str>, usize>,
}

impl Files {
    fn remove(&mut self, key: &NameKey) -> Option<HeldFile> {
        let held = self.by_key.remove(key)?;
        if let Some(count) = self.names.get_mut(&key.name) {
            *count -= 1;
            if *count == 0 {
                self.names.remove(&key.name);
            }
        }
        Some(held)
    }

    fn insert(&mut self, held: HeldFile) {
        self.remove(&held.key);
        *self.names.entry(held.key.name.clone()).or_default() += 1;
        self.by_key.insert(held.key.clone(), held);
    }
}

impl HeldFiles {
    pub(in crate::drive) fn new(store: Store) -> Self {
        Self { store, files: RwLock::default(), changing: tokio::sync::RwLock::default() }
    }

    /// What other instances tell.
    pub(in crate::drive) fn changes(&self) -> Changes {
        self.store.changes()
    }

    /// Reads the rows of a folder anew, or all; gives those that were not known.
    pub(in crate::drive) async fn reread(&self, folder_id: Option<&str>) -> Result<Vec<HeldFile>, state::Error> {
        let _alone = self.changing.write().await;
        let mut rows = Vec::new();
        let read = |row: HeldRow| rows.extend(HeldFile::of(&row).filter(|_| !row.drive_id.is_empty()));
        self.store.held_files(folder_id, read).await?;
        let mut files = self.files.write();
        let of = |key: &NameKey| folder_id.is_none_or(|id| *key.folder_id == *id);
        let before: Vec<NameKey> = files.by_key.keys().filter(|key| of(key)).cloned().collect();
        let old: HashMap<NameKey, HeldFile> =
            before.into_iter().filter_map(|key| files.remove(&key).map(|held| (key, held))).collect();
        rows.iter().for_each(|held| files.insert(held.clone()));
        let is_new = |held: &HeldFile| old.get(&held.key).is_none_or(|old| old.entry.file_id != held.entry.file_id);
        Ok(rows.into_iter().filter(is_new).collect())
    }

    /// Takes up the files of the last run; gives those that have no ids yet.
    pub(in crate::drive) async fn restore(&self) -> Result<Vec<HeldRow>, state::Error> {
        let mut unplaced = Vec::new();
        let restore = |row: HeldRow| match HeldFile::of(&row) {
            Some(_) if row.drive_id.is_empty() => unplaced.push(row),
            Some(held) => self.files.write().insert(held),
            None => {}
        };
        self.store.held_files(None, restore).await?;
        Ok(unplaced)
    }

    /// A file that was restored without ids has them now.
    pub(in crate::drive) async fn place(&self, row: &HeldRow) -> Result<(), Error> {
        let _with_others = self.changing.read().await;
        self.store.place_held_file(row).await?;
        if let Some(held) = HeldFile::of(row) {
            self.files.write().insert(held);
        }
        Ok(())
    }

    pub(in crate::drive) fn get(&self, key: &NameKey) -> Option<HeldFile> {
        self.files.read().by_key.get(key).cloned()
    }

    pub(in crate::drive) fn len(&self) -> usize {
        self.files.read().by_key.len()
    }

    /// Whether a held file in any folder bears the name.
    pub(in crate::drive) fn any_named(&self, name: &str) -> bool {
        let files = self.files.read();
        !files.names.is_empty() && files.names.contains_key(&*nfc_key(name))
    }

    /// Those in a folder, in order of name.
    pub(in crate::drive) fn members(&self, drive_id: &str, folder_id: &str) -> Vec<HeldFile> {
        let files = self.files.read();
        let from = files.by_key.range(NameKey::new(drive_id, folder_id, "")..);
        let inside = from.take_while(|(key, _)| *key.drive_id == *drive_id && *key.folder_id == *folder_id);
        inside.map(|(_, held)| held.clone()).collect()
    }

    /// Those last seen below a path.
    pub(in crate::drive) fn last_seen_in(&self, folder: &Path) -> Vec<HeldFile> {
        let inside = format!("{}/", nfc_key(folder.as_str()).trim_end_matches('/'));
        let files = self.files.read();
        files.by_key.values().filter(|held| nfc_key(held.path.as_str()).starts_with(&inside)).cloned().collect()
    }

    /// Keeps a file under its key.
    pub(in crate::drive) async fn put(&self, row: &HeldRow) -> Result<HeldFile, Error> {
        let _with_others = self.changing.read().await;
        self.store.save_held_file(row).await?;
        let held = HeldFile::of(row).ok_or(Error::NotFound)?;
        self.files.write().insert(held.clone());
        Ok(held)
    }

    /// The content of a file that stays here.
    pub(in crate::drive) async fn content(&self, key: &NameKey) -> Result<Vec<u8>, Error> {
        let content = self.store.local_content(&key.drive_id, &key.folder_id, &key.name).await;
        Ok(content?.unwrap_or_default())
    }

    /// The name has content now, or nothing any more.
    pub(in crate::drive) async fn forget(&self, key: &NameKey) {
        let _with_others = self.changing.read().await;
        if self.files.write().remove(key).is_none() {
            return;
        }
        if let Err(error) = self.store.delete_held_file(&key.drive_id, &key.folder_id, &key.name).await {
            tracing::error!(%error, "a held file could not be forgotten");
        }
    }

    /// A folder is at another path now, and these below it.
    pub(in crate::drive) async fn follow(&self, files: Vec<HeldFile>, from: &Path, to: &Path) {
        let _with_others = self.changing.read().await;
        let depth = from.segments().count();
        for HeldFile { key, path, entry } in files {
            let path = path.segments().skip(depth).fold(to.clone(), |path, name| path.join(name));
            let kept = self.store.set_held_path(&key.drive_id, &key.folder_id, &key.name, path.as_str()).await;
            if let Err(error) = kept {
                tracing::error!(%error, "a held file's new path could not be kept");
            }
            self.files.write().insert(HeldFile { key, path, entry });
        }
    }
}
