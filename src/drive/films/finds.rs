//! What whole drives are looked through for: films played last, names that hold a word, starred items.
//!
//! Answers for asking every drive that shows something at a path once, all at the same time, and for telling which of
//! them did not answer: one that fails takes nothing of the others away.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::films::file_ref::FileRef;
use crate::drive::films::folders::ROOT;
use crate::drive::films::kept::Films;
use crate::drive::mount::Mounted;
use crate::drive::path::Path;
use crate::upstream::Item;

/// An item that was found, where the tree has it.
#[derive(Debug, Clone)]
pub struct Find {
    /// Where it is.
    pub path: Path,
    /// What it is.
    pub entry: Entry,
    /// Seconds at which it was left, of a film.
    pub cursor_s: Option<f64>,
    /// Its length in seconds, of a film.
    pub duration_s: Option<f64>,
}

/// A page of what was found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Those of each drive in its own order, a drive's by turns with the others'; what lies in no mount is left out.
    pub finds: Vec<Find>,
    /// Where the next page begins in each drive that has more; none on the last.
    pub next: Vec<Marker>,
    /// The accounts whose drives could not be asked, and why.
    pub failed: Vec<(String, Error)>,
}

/// Where the next page of a drive begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker(usize, String);

/// What a drive is asked for.
#[derive(Clone, Copy)]
enum Question<'a> {
    Names(&'a str),
    Starred,
}

/// A drive, and the mounts by which a path shows something of it.
struct Drive {
    account: String,
    root: Result<FileRef, Error>,
    mounts: Vec<Arc<Mounted>>,
}

/// What one drive or account gave.
type Told = (String, Result<(Vec<Find>, Option<Marker>), Error>);

impl Films {
    /// The films played last at or below a path, the latest of each account first.
    ///
    /// # Errors
    /// A failed call, where no account answered.
    pub async fn recent(&self, at: &Path) -> Result<Found, Error> {
        let mut accounts: Vec<Vec<Drive>> = Vec::new();
        for drive in self.drives(at).await {
            match accounts.iter_mut().find(|drives| drives[0].account == drive.account) {
                Some(drives) => drives.push(drive),
                None => accounts.push(vec![drive]),
            }
        }
        let asked = accounts.iter().map(|drives| async move {
            let told = self.recent_of(at, drives).await.map(|finds| (finds, None));
            (drives[0].account.clone(), told)
        });
        gathered(join_all(asked).await)
    }

    /// One call for all drives of an account.
    async fn recent_of(&self, at: &Path, drives: &[Drive]) -> Result<Vec<Find>, Error> {
        let played = drives[0].mounts[0].account.client.recent().await?;
        let mut finds = Vec::new();
        for drive in drives {
            let root = drive.root.as_ref().map_err(Error::clone)?;
            let here = played.iter().filter(|played| played.drive_id == root.drive_id);
            let items: Vec<&Item> = here.map(|played| &played.item).collect();
            finds.extend(self.paths(at, root, &drive.mounts, &items).await?.into_iter().map(|(index, path)| {
                let item = items[index];
                let duration_s = item.media.as_deref().and_then(|media| media.duration_s);
                Find { path, entry: Entry::from(item), cursor_s: item.cursor_s, duration_s }
            }));
        }
        Ok(finds)
    }

    /// One page of what at or below a path has a name with these words; `from` is the last page's [`Found::next`].
    ///
    /// # Errors
    /// A failed call, where no drive answered.
    pub async fn search(&self, at: &Path, words: &str, from: Option<&[Marker]>) -> Result<Found, Error> {
        self.look(at, Question::Names(words), from).await
    }

    /// One page of the starred items at or below a path.
    ///
    /// # Errors
    /// As [`Films::search`].
    pub async fn starred(&self, at: &Path, from: Option<&[Marker]>) -> Result<Found, Error> {
        self.look(at, Question::Starred, from).await
    }

    async fn look(&self, at: &Path, question: Question<'_>, from: Option<&[Marker]>) -> Result<Found, Error> {
        let drives = self.drives(at).await;
        let asked = drives.iter().filter_map(|drive| {
            let is_here = |marker: &&Marker| drive.mounts.iter().any(|mount| mount.index == marker.0);
            let marker = match from {
                Some(markers) => Some(markers.iter().find(is_here)?.1.as_str()),
                None => None,
            };
            Some(async move { (drive.account.clone(), self.page(at, drive, question, marker).await) })
        });
        gathered(join_all(asked).await)
    }

    async fn page(
        &self,
        at: &Path,
        drive: &Drive,
        question: Question<'_>,
        marker: Option<&str>,
    ) -> Result<(Vec<Find>, Option<Marker>), Error> {
        let root = drive.root.as_ref().map_err(Error::clone)?;
        let page = match question {
            Question::Names(words) => root.client.search(&root.drive_id, words, marker).await?,
            Question::Starred => root.client.starred(&root.drive_id, marker).await?,
        };
        let items: Vec<&Item> = page.items.iter().filter(|item| !item.trashed && !item.uploading).collect();
        let found = self.paths(at, root, &drive.mounts, &items).await?;
        let finds = found.into_iter().map(|(index, path)| {
            let entry = Entry::from(items[index]);
            Find { path, entry, cursor_s: None, duration_s: None }
        });
        Ok((finds.collect(), page.next_marker.map(|marker| Marker(drive.mounts[0].index, marker))))
    }

    /// Where items of a drive are at or below a path, by their positions.
    async fn paths(
        &self,
        at: &Path,
        root: &FileRef,
        mounts: &[Arc<Mounted>],
        items: &[&Item],
    ) -> Result<Vec<(usize, Path)>, Error> {
        let mut found = Vec::new();
        for mount in mounts {
            let paths = self.folders.paths(mount, root, items).await?.into_iter().enumerate();
            found.extend(paths.filter_map(|(index, path)| Some((index, path?))).filter(|(_, path)| {
                // A mount point within the mount covers what is there.
                let shown = self.mounts.of(path).is_some_and(|(shown, _)| shown.index == mount.index);
                shown && path.strip_base(at).is_some()
            }));
        }
        found.sort_by_key(|(index, _)| *index);
        Ok(found)
    }

    /// The drives that show something at or below a path, each once.
    async fn drives(&self, at: &Path) -> Vec<Drive> {
        let mut drives: Vec<Drive> = Vec::new();
        for mount in self.mounts.seen_from(at) {
            let (account, root) = (mount.account.client.account(), FileRef::of(mount, ROOT).await);
            let same = |drive: &&mut Drive| {
                drive.account == account
                    && match (&drive.root, &root) {
                        (Ok(known), Ok(root)) => known.drive_id == root.drive_id,
                        (known, root) => known.is_err() == root.is_err(),
                    }
            };
            match drives.iter_mut().find(same) {
                Some(drive) => drive.mounts.push(mount.clone()),
                None => drives.push(Drive { account: account.to_owned(), root, mounts: vec![mount.clone()] }),
            }
        }
        drives
    }
}

/// One page of all: the first of each, then the second of each.
fn gathered(told: Vec<Told>) -> Result<Found, Error> {
    let mut found = Found::default();
    let mut lines: Vec<VecDeque<Find>> = Vec::new();
    for (account, told) in told {
        match told {
            Ok((finds, next)) => {
                lines.push(finds.into());
                found.next.extend(next);
            }
            Err(error) => found.failed.push((account, error)),
        }
    }
    if lines.is_empty()
        && let Some((_, error)) = found.failed.first()
    {
        return Err(error.clone());
    }
    while lines.iter().any(|line| !line.is_empty()) {
        found.finds.extend(lines.iter_mut().filter_map(VecDeque::pop_front));
    }
    Ok(found)
}
