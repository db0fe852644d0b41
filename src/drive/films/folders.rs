//! The folders above items of a drive: their names and what is above them, so that what the drive tells without a path
//! (reference 3.3) is found in the tree. A level of all of them is one call.

use std::collections::HashMap;
use std::time::Duration;

use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::films::file_ref::FileRef;
use crate::drive::mount::Mounted;
use crate::drive::path::Path;
use crate::upstream::{Item, MAX_BATCH};

/// Folders that are remembered, and for how long: another program may move them.
const FOLDERS: u64 = 10_000;
const FOLDER_TTL: Duration = Duration::from_secs(60);

/// Levels of folders that are climbed.
const MAX_DEPTH: usize = 64;

/// The id of a drive's own root (reference 3.1).
pub(super) const ROOT: &str = "root";

/// A folder's shown name and the id of the folder above it.
type Folder = (Box<str>, Box<str>);

/// By drive and folder.
pub(super) struct Folders(moka::sync::Cache<(Box<str>, Box<str>), Folder>);

impl Folders {
    pub(super) fn new() -> Self {
        Self(moka::sync::Cache::builder().max_capacity(FOLDERS).time_to_live(FOLDER_TTL).build())
    }

    /// The paths of items of a drive in the tree; absent for what does not lie below the mount's folder.
    pub(super) async fn paths(
        &self,
        mount: &Mounted,
        root: &FileRef,
        items: &[&Item],
    ) -> Result<Vec<Option<Path>>, Error> {
        let folders = &self.0;
        let top = mount.settings.root_folder_id.as_str();
        let key = |id: &str| -> (Box<str>, Box<str>) { (root.drive_id.as_str().into(), id.into()) };
        let mut known: HashMap<Box<str>, Folder> = HashMap::new();
        let mut wanted: Vec<String> = items.iter().filter_map(|item| item.parent_file_id.clone()).collect();
        for _ in 0..MAX_DEPTH {
            wanted.retain(|id| id != top && id != ROOT && !known.contains_key(id.as_str()));
            wanted.sort_unstable();
            wanted.dedup();
            let mut next = Vec::new();
            let mut unknown = Vec::new();
            for id in wanted {
                match folders.get(&key(&id)) {
                    Some(folder) => {
                        next.push(folder.1.to_string());
                        known.insert(id.into(), folder);
                    }
                    None => unknown.push(id),
                }
            }
            for ids in unknown.chunks(MAX_BATCH) {
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                for item in root.client.batch_get(&root.drive_id, &ids).await? {
                    let Some(parent) = item.parent_file_id.clone() else { continue };
                    let folder = (Entry::from(&item).name, parent.as_str().into());
                    folders.insert(key(&item.file_id), folder.clone());
                    known.insert(item.file_id.into(), folder);
                    next.push(parent);
                }
            }
            if next.is_empty() {
                break;
            }
            wanted = next;
        }
        Ok(items.iter().map(|item| path_of(mount, item, top, &known)).collect())
    }
}

fn path_of(mount: &Mounted, item: &Item, top: &str, known: &HashMap<Box<str>, Folder>) -> Option<Path> {
    let mut names = vec![Entry::from(item).name];
    let mut at: &str = item.parent_file_id.as_deref()?;
    while at != top {
        let (name, parent) = known.get(at).filter(|_| names.len() < MAX_DEPTH)?;
        names.push(name.clone());
        at = parent;
    }
    Some(names.iter().rev().fold(mount.path.clone(), |path, name| path.join(name)))
}
