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

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::clock::UnixMillis;
use crate::config::MetadataFiles;
use crate::drive::change::namespace::Namespace;
use crate::drive::change::target::Target;
use crate::drive::change::terms::{Expected, Placed, seen};
use crate::drive::change::turns::NameKey;
use crate::drive::entry::{Entry, Origin, Resource};
use crate::drive::error::Error;
use crate::drive::listing::Listings;
use crate::drive::mounts::Mounts;
use crate::drive::path::Path;
use crate::drive::tasks::Tasks;
use crate::drive::upload::Uploads;
use crate::state::{Change, HeldRow};

use self::files::{HeldFile, HeldFiles, new_id};

/// How long a file that was kept without ids waits for the next try to find its folder.
const ADOPTION_PAUSE: Duration = Duration::from_secs(60);

/// How much longer than its maker another instance waits before it sends an empty file to the drive.
const OTHERS_WAIT: Duration = Duration::from_secs(30);

/// Most files held at a time; more go to the drive at once.
const MAX_HELD: usize = 100_000;

/// Largest file that stays here. Finder's and Explorer's are a few kilobytes, an icon of one's own some megabytes; a
/// companion that is refused ends the copy of the file that it belongs to.
pub const MAX_LOCAL: usize = 8 << 20;

/// Whether a file manager writes a file of this name for itself.
fn is_managers_own(name: &str) -> bool {
    name.starts_with("._")
        || name == ".DS_Store"
        || ["thumbs.db", "desktop.ini"].contains(&name.to_ascii_lowercase().as_str())
}

/// Told the ids of an item and of the one that took its place.
type Successor = Box<dyn Fn(String, String) -> BoxFuture<'static, ()> + Send + Sync>;

/// What makes, keeps and settles these files.
pub(super) struct Held {
    mounts: Arc<Mounts>,
    listings: Listings,
    names: Namespace,
    uploads: Uploads,
    tasks: Tasks,
    pub(super) files: Arc<HeldFiles>,
    successor: Arc<OnceLock<Successor>>,
}

impl Held {
    pub(super) fn new(
        mounts: Arc<Mounts>,
        listings: Listings,
        names: Namespace,
        uploads: Uploads,
        tasks: Tasks,
        files: Arc<HeldFiles>,
    ) -> Self {
        Self { mounts, listings, names, uploads, tasks, files, successor: Arc::default() }
    }

    /// The same files over other mounts.
    pub(super) fn over(&self, mounts: Arc<Mounts>, listings: Listings, names: Namespace, uploads: Uploads) -> Self {
        let (tasks, files, successor) = (self.tasks.clone(), self.files.clone(), self.successor.clone());
        Self { mounts, listings, names, uploads, tasks, files, successor }
    }

    /// See `Tree::on_successor`.
    pub(super) fn on_successor(&self, tell: Successor) {
        self.successor.set(tell).ok();
    }

    pub(super) async fn succeeded(&self, old: &str, new: &str) {
        if let Some(tell) = self.successor.get() {
            tell(old.to_owned(), new.to_owned()).await;
        }
    }

    /// Takes up the held files of the last run.
    ///
    /// # Errors
    /// The state store failed.
    pub(super) async fn restore(self: &Arc<Self>) -> Result<(), crate::state::Error> {
        for row in self.files.restore().await? {
            self.adopt_later(row);
        }
        self.settle_all_later();
        Ok(())
    }

    /// Makes an empty file that is not yet sent to the drive; absent where the drive has something of the name, which
    /// stays as it is.
    ///
    /// # Errors
    /// As an upload; [`Error::ConditionFailed`]; the state store's failure.
    pub(super) async fn hold(self: &Arc<Self>, path: &Path, expected: &Expected) -> Result<Option<Placed>, Error> {
        let target = self.names.target(path).await?;
        let _turn = self.names.turn(&target).await?;
        let drive = self.names.look(&target, None).await?;
        let held = self.names.held(&target);
        expected.check(seen(held.as_ref(), drive.as_ref()))?;
        if drive.is_some() && !held.as_ref().is_some_and(HeldFile::is_local) {
            return Ok(None);
        }
        if let Some(held) = held {
            return Ok(Some(Placed { replaced: Some(held.entry.file_id.clone()), entry: held.entry, copy_of: None }));
        }
        let entry = if self.keeps_here(path) {
            self.keep_in_turn(&target, Vec::new(), None).await?
        } else if self.files.len() >= MAX_HELD {
            return self.uploads.put_in_turn(&target, Vec::new(), false).await.map(Some);
        } else {
            let file_id = new_id(Origin::Held);
            let entry = self.put_held(&target, &file_id, UnixMillis::now(), None).await?;
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
        created: UnixMillis,
        content: Option<Vec<u8>>,
    ) -> Result<Arc<Entry>, Error> {
        let key = target.key();
        let path = self.files.get(&key).map_or_else(|| target.path(), |held| held.path);
        let row = HeldRow {
            drive_id: key.drive_id.into(),
            folder_id: key.folder_id.into(),
            name: key.name.into(),
            path: path.as_str().to_owned(),
            file_id: file_id.to_owned(),
            created,
            content,
        };
        Ok(self.files.put(&row).await?.entry)
    }

    /// Whether a file of this name stays in the state store.
    pub(super) fn keeps_here(&self, path: &Path) -> bool {
        self.uploads.settings().metadata_files == MetadataFiles::Local && is_managers_own(path.name())
    }

    /// Whether a file of this name is refused.
    pub(super) fn refuses(&self, path: &Path) -> bool {
        self.uploads.settings().metadata_files == MetadataFiles::Refuse && is_managers_own(path.name())
    }

    /// Keeps a file in the state store, in place of what it kept there.
    ///
    /// # Errors
    /// [`Error::ParentMissing`], [`Error::ReadOnly`], [`Error::ConditionFailed`]; [`Error::Spool`] when it is too large
    /// or too many are kept; the state store's failure.
    pub(super) async fn keep_here(&self, path: &Path, content: Vec<u8>, expected: &Expected) -> Result<Placed, Error> {
        let target = self.names.target(path).await?;
        let _turn = self.names.turn(&target).await?;
        let drive = self.names.look(&target, None).await?;
        let held = self.names.held(&target);
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
        let held = self.names.held(target);
        let full = self.files.len() >= MAX_HELD && held.is_none();
        if full || content.len() > MAX_LOCAL {
            return Err(Error::Spool("a file manager's own file is too large, or too many are kept".to_owned()));
        }
        let before = held.as_ref().filter(|held| held.is_local()).map(|held| &*held.entry);
        let (file_id, created) = match moved.or(before) {
            Some(entry) => (entry.file_id.to_string(), if moved.is_some() { entry.created } else { UnixMillis::now() }),
            None => (new_id(Origin::Local), UnixMillis::now()),
        };
        self.put_held(target, &file_id, created, Some(content)).await
    }

    /// The content of a file that stays in the state store; absent for any other.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it has gone meanwhile; a listing's failure; the state store's.
    pub(super) async fn kept_content(&self, file: &Resource) -> Result<Option<Vec<u8>>, Error> {
        if file.entry.origin != Origin::Local {
            return Ok(None);
        }
        let (mount, rest) = self.mounts.of(&file.path).ok_or(Error::NotFound)?;
        let held = self.listings.held_at(mount, &rest).await?.ok_or(Error::NotFound)?;
        self.files.content(&held.key).await.map(Some)
    }

    /// Sends the empty files below a path to the drive.
    ///
    /// # Errors
    /// An upload's.
    pub(super) async fn settle_below(&self, path: &Path) -> Result<(), Error> {
        for held in self.files.last_seen_in(path) {
            let _turn = self.names.turn_at(held.key.clone()).await?;
            self.settle_in_turn(&held.key).await?;
        }
        Ok(())
    }

    /// Sends the empty file that is held under a name to the drive, if it still is, by whoever has the turn. What the
    /// drive has under the name takes its place.
    pub(super) async fn settle_in_turn(&self, key: &NameKey) -> Result<(), Error> {
        let Some(held) = self.files.get(key).filter(|held| !held.is_local()) else { return Ok(()) };
        let Some(target) = self.target_of(&held).await? else {
            self.files.forget(key).await;
            return Ok(());
        };
        if self.names.known(&target, None).await.entry().is_some() {
            self.files.forget(key).await;
            return Ok(());
        }
        match self.uploads.put_in_turn(&target, Vec::new(), true).await {
            Ok(placed) => self.succeeded(&held.entry.file_id, &placed.entry.file_id).await,
            // Something has appeared there, or the folder is gone and the file with it.
            Err(Error::NameExists | Error::IsAFolder | Error::ParentMissing) => self.files.forget(key).await,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The place of a held file; absent where no mount leads to its drive any more.
    async fn target_of(&self, held: &HeldFile) -> Result<Option<Target>, Error> {
        let Some((mount, rest)) = self.mounts.of(&held.path) else { return Ok(None) };
        if mount.settings.read_only || rest.is_root() || mount.drive_id().await? != *held.key.drive_id {
            return Ok(None);
        }
        let folder = Arc::new(Entry::synthetic("", &held.key.folder_id, UnixMillis::default()));
        Ok(Some(Target { mount: mount.clone(), drive_id: held.key.drive_id.to_string(), folder, rest }))
    }

    /// Takes over what another instance changes.
    async fn hear(self: Arc<Self>, change: Change) {
        let new = match change {
            Change::Row { table, key } if table == "held_files" => self.files.reread(Some(&key)).await,
            Change::Unknown => self.files.reread(None).await,
            _ => return,
        };
        match new {
            // Their maker sends them to the drive, unless it dies before.
            Ok(new) => new.into_iter().filter(|held| !held.is_local()).for_each(|held| {
                self.settle_after(held.key, self.uploads.settings().empty_file_wait + OTHERS_WAIT);
            }),
            Err(error) => tracing::warn!(%error, "what another instance holds could not be read"),
        }
    }

    /// Takes over the waiting of the tree before.
    pub(super) fn settle_all_later(self: &Arc<Self>) {
        self.files.changes().hand_to(self, Self::hear);
        for held in self.files.last_seen_in(&Path::root()) {
            if !held.is_local() {
                self.settle_later(held.key);
            }
        }
    }

    fn settle_later(self: &Arc<Self>, key: NameKey) {
        self.settle_after(key, self.uploads.settings().empty_file_wait);
    }

    fn settle_after(self: &Arc<Self>, key: NameKey, wait: Duration) {
        let pause = self.uploads.settings().empty_file_wait;
        self.later(wait, pause, move |held| {
            let key = key.clone();
            async move {
                let (name, tasks) = (key.name.clone(), held.tasks.clone());
                let settle = async move {
                    let _turn = held.names.turn_at(key.clone()).await?;
                    held.settle_in_turn(&key).await
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
    fn adopt_later(self: &Arc<Self>, row: HeldRow) {
        let row = Arc::new(row);
        self.later(Duration::ZERO, ADOPTION_PAUSE, move |held| {
            let row = row.clone();
            async move { held.adopt(&row).await }
        });
    }

    /// False where it is to be tried again.
    async fn adopt(self: &Arc<Self>, row: &HeldRow) -> bool {
        let Ok(path) = Path::parse(&row.path) else { return true };
        let target = match self.names.target(&path).await {
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
        if let Err(error) = self.files.place(&row).await {
            tracing::error!(%error, "a held file could not be kept by its folder");
        }
        self.settle_later(key);
        true
    }

    /// Does something after a while, and after each pause again until it is done.
    fn later<F>(self: &Arc<Self>, wait: Duration, pause: Duration, act: impl Fn(Arc<Self>) -> F + Send + 'static)
    where
        F: Future<Output = bool> + Send,
    {
        // A tree that is gone has nothing left to settle; the next run takes it up.
        let this = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut wait = wait;
            loop {
                tokio::time::sleep(wait).await;
                let Some(this) = this.upgrade() else { return };
                if act(this).await {
                    return;
                }
                wait = pause;
            }
        });
    }
}
