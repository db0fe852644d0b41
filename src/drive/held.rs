//! Files that are held back from the drive: empty ones for a while, file managers' own for good.
//!
//! Explorer and Finder begin a save by an empty PUT or a LOCK on the free name, and send the content later. The empty
//! file is shown to all and kept in the state store; it reaches the drive only if it is still empty a while later. So a
//! save costs one upload and leaves nothing in the recycle bin. It never covers what the drive has: whatever appears
//! there under its name takes its place, and the drive is asked to refuse it where something is.
//!
//! What file managers write for themselves (`._*`, `.DS_Store`, `Thumbs.db`, `desktop.ini`) stays in the state store
//! with its content, follows its folder, and covers what the drive has under the name.

pub(super) mod files;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::UnixMillis;
use crate::config::MetadataFiles;
use crate::drive::change::target::Target;
use crate::drive::change::turns::NameKey;
use crate::drive::change::{Expected, Placed, seen};
use crate::drive::entry::{Entry, Resource};
use crate::drive::error::Error;
use crate::drive::listing::cache::Freshness;
use crate::drive::listing::members::Listing;
use crate::drive::mount::Mounted;
use crate::drive::path::Path;
use crate::drive::tree::Tree;
use crate::state::HeldRow;

use self::files::Held;

/// How long a file that was kept without ids waits for the next try to find its folder.
const ADOPTION_PAUSE: Duration = Duration::from_secs(60);

/// Most files held at a time; more go to the drive at once.
const MAX_HELD: usize = 100_000;

/// Largest file that stays here. Finder's and Explorer's are a few kilobytes, an icon of one's own some megabytes; a
/// companion that is refused ends the copy of the file that it belongs to.
pub const MAX_LOCAL: usize = 8 << 20;

/// Beginnings of the ids of files that stay here, and of those that wait for their content.
const LOCAL: &str = "local-";
const WAITING: &str = "held-";

/// Whether a file manager writes a file of this name for itself.
fn is_managers_own(name: &str) -> bool {
    name.starts_with("._")
        || name == ".DS_Store"
        || ["thumbs.db", "desktop.ini"].contains(&name.to_ascii_lowercase().as_str())
}

impl Entry {
    /// Whether this is a file manager's own file, which stays in the state store.
    #[must_use]
    pub fn stays_here(&self) -> bool {
        self.file_id.starts_with(LOCAL)
    }

    /// Whether this is an empty file that the drive does not have yet.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.file_id.starts_with(WAITING)
    }
}

impl Tree {
    /// Takes up the held files of the last run.
    ///
    /// # Errors
    /// The state store failed.
    pub async fn restore_held(&self) -> Result<(), crate::state::Error> {
        for row in self.0.held.restore().await? {
            self.adopt_later(row);
        }
        self.settle_all_later();
        Ok(())
    }

    /// Makes an empty file that is not yet sent to the drive; absent where the drive has something of the name, which
    /// stays as it is.
    ///
    /// # Errors
    /// As [`Tree::upload`]; [`Error::ConditionFailed`]; the state store's failure.
    pub async fn hold(&self, path: &Path, expected: &Expected) -> Result<Option<Placed>, Error> {
        let target = self.target(path).await?;
        let _turn = self.turn(&target).await;
        let drive = self.look(&target, None).await?;
        let held = self.0.held.get(&target.key());
        expected.check(seen(held.as_ref(), drive.as_ref()))?;
        if drive.is_some() && !held.as_ref().is_some_and(Held::is_local) {
            return Ok(None);
        }
        if let Some(held) = held {
            return Ok(Some(Placed { replaced: Some(held.entry.file_id.clone()), entry: held.entry, copy_of: None }));
        }
        let entry = if self.keeps_here(path) {
            self.keep_in_turn(&target, Vec::new(), None).await?
        } else if self.0.held.len() >= MAX_HELD {
            return self.upload_in_turn(&target, Vec::new(), false).await.map(Some);
        } else {
            let file_id = format!("{WAITING}{}", uuid::Uuid::new_v4().simple());
            let entry = self.put_held(&target, &file_id, UnixMillis::now().0, None).await?;
            self.settle_later(target.key());
            entry
        };
        Ok(Some(Placed { entry, replaced: None, copy_of: None }))
    }

    /// Puts a held file at a place; where one is held already, under the name that it has.
    async fn put_held(
        &self,
        target: &Target,
        file_id: &str,
        created_ms: i64,
        content: Option<Vec<u8>>,
    ) -> Result<Arc<Entry>, Error> {
        let key = target.key();
        let path = self.0.held.get(&key).map_or_else(|| target.path(), |held| held.path);
        let row = HeldRow {
            drive_id: key.drive_id.into(),
            folder_id: key.folder_id.into(),
            name: key.name.into(),
            path: path.as_str().to_owned(),
            file_id: file_id.to_owned(),
            created_ms,
            content,
        };
        Ok(self.0.held.put(&row).await?.entry)
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
    /// [`Error::ParentMissing`], [`Error::ReadOnly`], [`Error::ConditionFailed`]; [`Error::Spool`] when it is too large
    /// or too many are kept; the state store's failure.
    pub async fn keep_here(&self, path: &Path, content: Vec<u8>, expected: &Expected) -> Result<Placed, Error> {
        let target = self.target(path).await?;
        let _turn = self.turn(&target).await;
        let drive = self.look(&target, None).await?;
        let held = self.0.held.get(&target.key());
        let before = seen(held.as_ref(), drive.as_ref());
        expected.check(before)?;
        let replaced = before.map(|entry| entry.file_id.clone());
        let entry = self.keep_in_turn(&target, content, None).await?;
        Ok(Placed { entry, replaced, copy_of: None })
    }

    /// The same by whoever has the turn; the file is `moved`, or the one that is kept there, whose stored properties
    /// it keeps, or a new one.
    pub(super) async fn keep_in_turn(
        &self,
        target: &Target,
        content: Vec<u8>,
        moved: Option<&Entry>,
    ) -> Result<Arc<Entry>, Error> {
        let held = self.0.held.get(&target.key());
        let full = self.0.held.len() >= MAX_HELD && held.is_none();
        if full || content.len() > MAX_LOCAL {
            return Err(Error::Spool("a file manager's own file is too large, or too many are kept".to_owned()));
        }
        let before = held.as_ref().filter(|held| held.is_local()).map(|held| &*held.entry);
        let (file_id, created_ms) = match moved.or(before) {
            Some(entry) => {
                (entry.file_id.to_string(), if moved.is_some() { entry.created_ms } else { UnixMillis::now().0 })
            }
            None => (format!("{LOCAL}{}", uuid::Uuid::new_v4().simple()), UnixMillis::now().0),
        };
        self.put_held(target, &file_id, created_ms, Some(content)).await
    }

    /// The content of a file that stays in the state store; absent for any other.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it has gone meanwhile; a listing's failure; the state store's.
    pub async fn kept_content(&self, file: &Resource) -> Result<Option<Vec<u8>>, Error> {
        if !file.entry.stays_here() {
            return Ok(None);
        }
        let (mount, rest) = self.mount_of(&file.path).ok_or(Error::NotFound)?;
        let held = self.held_at(mount, &rest).await?.ok_or(Error::NotFound)?;
        self.0.held.content(&held.key).await.map(Some)
    }

    /// What is held at a path below a mount.
    pub(super) async fn held_at(&self, mount: &Arc<Mounted>, rest: &Path) -> Result<Option<Held>, Error> {
        let Some(parent) = rest.parent().filter(|_| self.0.held.any_named(rest.name())) else { return Ok(None) };
        let folder = match self.0.resolver.find(mount, &parent, Freshness::Cached).await {
            Err(Error::NotFound) => return Ok(None),
            folder => folder?,
        };
        Ok(self.0.held.get(&NameKey::new(&mount.drive_id().await?, &folder.file_id, rest.name())))
    }

    /// What a folder shows beside its listing. An empty file whose name is listed has given way.
    pub(super) async fn held_members(
        &self,
        mount: &Mounted,
        folder: &Entry,
        listing: &Listing,
    ) -> Result<Vec<Entry>, Error> {
        if self.0.held.len() == 0 {
            return Ok(Vec::new());
        }
        let mut shown = Vec::new();
        for held in self.0.held.members(&mount.drive_id().await?, &folder.file_id) {
            if held.is_local() || listing.find(held.path.name()).is_none() {
                shown.push((*held.entry).clone());
            } else {
                self.0.held.forget(&held.key).await;
            }
        }
        Ok(shown)
    }

    /// What is held in a folder and below it. By the paths where it was last seen, and only where these lead to the
    /// folders that it belongs to: another program may have moved them.
    pub(super) async fn held_below(&self, target: &Target, folder: &Entry) -> Vec<Held> {
        let mut below = Vec::new();
        for held in self.0.held.last_seen_in(&target.path()) {
            let Some(parent) = held.path.parent() else { continue };
            let is_there = *held.key.folder_id == *folder.file_id
                || match parent.strip_base(&target.mount.path) {
                    Some(rest) => {
                        let found = self.0.resolver.find(&target.mount, &rest, Freshness::Cached).await;
                        found.is_ok_and(|found| *found.file_id == *held.key.folder_id)
                    }
                    None => false,
                };
            if is_there {
                below.push(held);
            }
        }
        below
    }

    /// Sends the empty files below a path to the drive.
    ///
    /// # Errors
    /// An upload's.
    pub(super) async fn settle_below(&self, path: &Path) -> Result<(), Error> {
        for held in self.0.held.last_seen_in(path) {
            let _turn = self.0.turns.take([held.key.clone()]).await;
            self.settle_in_turn(&held.key).await?;
        }
        Ok(())
    }

    /// Sends the empty file that is held under a name to the drive, if it still is, by whoever has the turn. What the
    /// drive has under the name takes its place.
    pub(super) async fn settle_in_turn(&self, key: &NameKey) -> Result<(), Error> {
        let Some(held) = self.0.held.get(key).filter(|held| !held.is_local()) else { return Ok(()) };
        let Some(target) = self.target_of(&held).await? else {
            self.0.held.forget(key).await;
            return Ok(());
        };
        if self.known(&target, None).await.entry().is_some() {
            self.0.held.forget(key).await;
            return Ok(());
        }
        match self.upload_in_turn(&target, Vec::new(), true).await {
            Ok(placed) => self.succeeded(&held.entry.file_id, &placed.entry.file_id).await,
            // Something has appeared there, or the folder is gone and the file with it.
            Err(Error::NameExists | Error::IsAFolder | Error::ParentMissing) => self.0.held.forget(key).await,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The place of a held file; absent where no mount leads to its drive any more.
    async fn target_of(&self, held: &Held) -> Result<Option<Target>, Error> {
        let Some((mount, rest)) = self.mount_of(&held.path) else { return Ok(None) };
        if mount.settings.read_only || rest.is_root() || mount.drive_id().await? != *held.key.drive_id {
            return Ok(None);
        }
        let folder = Arc::new(Entry::synthetic("", &held.key.folder_id, 0));
        Ok(Some(Target { mount: mount.clone(), drive_id: held.key.drive_id.to_string(), folder, rest }))
    }

    /// Takes over the waiting of the tree before.
    pub(super) fn settle_all_later(&self) {
        for held in self.0.held.last_seen_in(&Path::root()) {
            if !held.is_local() {
                self.settle_later(held.key);
            }
        }
    }

    fn settle_later(&self, key: NameKey) {
        let wait = self.0.uploads.settings.empty_file_wait;
        self.later(wait, wait, move |tree| {
            let key = key.clone();
            async move {
                let (name, tasks) = (key.name.clone(), tree.clone());
                let settle = async move {
                    let _turn = tree.0.turns.take([key.clone()]).await;
                    tree.settle_in_turn(&key).await
                };
                let settled = tasks.see_through(settle).await.flatten();
                if let Err(error) = &settled {
                    tracing::warn!(%name, %error, "an empty file could not be sent to the drive yet");
                }
                settled.is_ok()
            }
        });
    }

    /// Finds the folder of a file that was kept without its id.
    fn adopt_later(&self, row: HeldRow) {
        let row = Arc::new(row);
        self.later(Duration::ZERO, ADOPTION_PAUSE, move |tree| {
            let row = row.clone();
            async move { tree.adopt(&row).await }
        });
    }

    /// False where it is to be tried again.
    async fn adopt(&self, row: &HeldRow) -> bool {
        let Ok(path) = Path::parse(&row.path) else { return true };
        let target = match self.target(&path).await {
            Ok(target) => target,
            Err(error) => return matches!(error, Error::ParentMissing | Error::Protected | Error::ReadOnly),
        };
        let key = target.key();
        let row = HeldRow {
            drive_id: key.drive_id.to_string(),
            folder_id: key.folder_id.to_string(),
            name: key.name.to_string(),
            ..row.clone()
        };
        if let Err(error) = self.0.held.place(&row).await {
            tracing::error!(%error, "a held file could not be kept by its folder");
        }
        self.settle_later(key);
        true
    }

    /// Does something after a while, and after each pause again until it is done.
    fn later<F>(&self, wait: Duration, pause: Duration, act: impl Fn(Self) -> F + Send + 'static)
    where
        F: Future<Output = bool> + Send,
    {
        // A tree that is gone has nothing left to settle; the next run takes it up.
        let inner = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            let mut wait = wait;
            loop {
                tokio::time::sleep(wait).await;
                let Some(inner) = inner.upgrade() else { return };
                if act(Self(inner)).await {
                    return;
                }
                wait = pause;
            }
        });
    }
}
