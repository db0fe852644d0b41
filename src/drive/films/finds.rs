//! What a whole drive is looked through for: films played last, names that hold a word, starred items.

use std::sync::Arc;

use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::films::folders::ROOT;
use crate::drive::films::kept::Films;
use crate::drive::films::place::Place;
use crate::drive::mount::Mounted;
use crate::drive::path::Path;
use crate::upstream::{Item, Page, Played};

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
    /// In the drive's order; what lies in no mount is left out.
    pub finds: Vec<Find>,
    /// Where the next page begins; absent on the last.
    pub next: Option<String>,
}

impl Films {
    /// The films played last, of all accounts whose drives are mounted, the latest of each first.
    ///
    /// # Errors
    /// Any failed call.
    pub async fn recent(&self) -> Result<Vec<Find>, Error> {
        let mut asked: Vec<String> = Vec::new();
        let mut finds = Vec::new();
        for mount in self.mounts.all() {
            let client = &mount.account.client;
            if asked.iter().any(|name| name == client.account()) {
                continue;
            }
            asked.push(client.account().to_owned());
            let played = client.recent().await?;
            let account = client.account().to_owned();
            let mounts: Vec<_> = self.mounts.all().iter().filter(|m| m.account.client.account() == account).collect();
            for mount in mounts {
                finds.extend(self.located(mount, &played).await?);
            }
        }
        Ok(finds)
    }

    async fn located(&self, mount: &Arc<Mounted>, played: &[Played]) -> Result<Vec<Find>, Error> {
        let place = Place::of(mount, ROOT).await?;
        let here: Vec<&Played> = played.iter().filter(|played| played.drive_id == place.drive_id).collect();
        let items: Vec<&Item> = here.iter().map(|played| &played.item).collect();
        let paths = self.folders.paths(mount, &place, &items).await?;
        let finds = here.into_iter().zip(paths).filter_map(|(played, path)| {
            let (cursor_s, duration_s) = (played.cursor_s, played.duration_s);
            Some(Find { path: path?, entry: Entry::from(&played.item), cursor_s, duration_s })
        });
        Ok(finds.collect())
    }

    /// One page of what in the mount at `at`, below that path, has a name with these words.
    ///
    /// # Errors
    /// Any failed call; [`Error::NotFound`] where no mount is.
    pub async fn search(&self, at: &Path, words: &str, marker: Option<&str>) -> Result<Found, Error> {
        let (mount, _) = self.mounts.of(at).ok_or(Error::NotFound)?;
        let place = Place::of(mount, ROOT).await?;
        let page = place.client.search(&place.drive_id, words, marker).await?;
        self.page_of(mount, &place, at, page).await
    }

    /// One page of the starred items of the drive that is mounted at `at`.
    ///
    /// # Errors
    /// As [`Films::search`].
    pub async fn starred(&self, at: &Path, marker: Option<&str>) -> Result<Found, Error> {
        let (mount, _) = self.mounts.of(at).ok_or(Error::NotFound)?;
        let place = Place::of(mount, ROOT).await?;
        let page = place.client.starred(&place.drive_id, marker).await?;
        self.page_of(mount, &place, at, page).await
    }

    async fn page_of(&self, mount: &Arc<Mounted>, place: &Place, at: &Path, page: Page) -> Result<Found, Error> {
        let items: Vec<&Item> = page.items.iter().filter(|item| !item.trashed && !item.uploading).collect();
        let paths = self.folders.paths(mount, place, &items).await?;
        let finds = items.into_iter().zip(paths).filter_map(|(item, path)| {
            let path = path.filter(|path| path.strip_base(at).is_some())?;
            Some(Find { path, entry: Entry::from(item), cursor_s: None, duration_s: None })
        });
        Ok(Found { finds: finds.collect(), next: page.next_marker })
    }
}
