//! Changes of the tree: folders made, items removed, moved, copied, each in as few calls as the drive has.
//!
//! Each has its turn at the names that it changes (`turns`) and looks there once more (`target`). What is new is put in
//! place before what is old goes, and everything is done by id: a third item of the same name is never touched. The
//! cached listings follow at once.

mod copy;
mod relocate;
pub(super) mod target;
pub(super) mod turns;
pub(super) mod undecided;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::UnixMillis;
use crate::config::RemoveWay;
use crate::drive::entry::{Entry, Kind};
use crate::drive::error::Error;
use crate::drive::held::files::Held;
use crate::drive::listing::members::{Change, Listing};
use crate::drive::mount::Mounted;
use crate::drive::path::Path;
use crate::drive::removals::Begun;
use crate::drive::tree::Tree;
use crate::upstream::{self, CheckNameMode, Created, ErrorKind, Item, TaskState, TreeChange};

use self::target::Target;

/// First and longest pause between questions after a background task.
const FIRST_POLL: Duration = Duration::from_millis(300);
const LONGEST_POLL: Duration = Duration::from_secs(2);

/// Longest a background task is waited for.
const TASK_LIMIT: Duration = Duration::from_secs(600);

/// Questions after a task, or after an item, that may fail one after another before the answer is given up.
const MOST_SILENCE: u32 = 4;

/// First pause after such a failure; it doubles.
const FIRST_SILENCE: Duration = Duration::from_millis(500);

/// Most items of one name that one removal takes away.
const MOST_NAMESAKES: usize = 16;

/// What the client knows of a name and made a condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Expected {
    /// No condition.
    #[default]
    Anything,
    /// The name is free.
    Nothing,
    /// The name holds what has this entity tag; empty for a folder, which has none.
    Tag(String),
}

impl Expected {
    /// Fails unless a name that holds this is what was expected. Ids do not count: an empty file changes its when it
    /// reaches the drive.
    pub(super) fn check(&self, current: Option<&Entry>) -> Result<(), Error> {
        let holds = match (self, current) {
            (Self::Anything, _) | (Self::Nothing, None) => true,
            (Self::Tag(tag), Some(entry)) => entry.etag().unwrap_or_default() == *tag,
            (Self::Nothing, Some(_)) | (Self::Tag(_), None) => false,
        };
        if holds { Ok(()) } else { Err(Error::ConditionFailed) }
    }
}

/// What a COPY or MOVE may replace, and what of.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// What is at the destination may go.
    pub overwrite: bool,
    /// Of the source.
    pub expected: Expected,
}

/// What a change has put under a name.
#[derive(Debug, Clone)]
pub struct Placed {
    /// What the name holds now.
    pub entry: Arc<Entry>,
    /// Id of what it held before.
    pub replaced: Option<Box<str>>,
    /// Id of what it is a copy of.
    pub copy_of: Option<Box<str>>,
}

/// What a name shows that holds these: a file that stays here covers the drive's, an empty one that waits does not.
pub(super) fn seen<'a>(held: Option<&'a Held>, drive: Option<&'a Arc<Entry>>) -> Option<&'a Entry> {
    let held = held.map(|held| (&*held.entry, held.is_local()));
    match (held, drive) {
        (Some((local, true)), _) => Some(local),
        (_, Some(drive)) => Some(drive),
        (held, None) => held.map(|(entry, _)| entry),
    }
}

/// Where an item is, after a call that may have moved it.
enum Whereabouts {
    /// In the folder of that id, under that name.
    At(Box<Item>),
    /// Removed, or in the recycle bin.
    Gone,
    /// The drive does not say.
    Unknown,
}

impl Tree {
    /// Makes an empty folder.
    ///
    /// # Errors
    /// [`Error::NameExists`], [`Error::ParentMissing`], [`Error::ReadOnly`], the call's failure.
    pub async fn create_folder(&self, path: &Path) -> Result<(), Error> {
        let target = self.target(path).await?;
        let _turn = self.turn(&target).await;
        if self.0.held.get(&target.key()).is_some() {
            return Err(Error::NameExists);
        }
        let client = &target.mount.account.client;
        let _making = target.mount.account.removals.makes(&target.folder.file_id);
        let made =
            client.create_folder(&target.drive_id, &target.folder.file_id, target.name(), CheckNameMode::Refuse).await;
        let mut made = match made {
            Ok(made) => made,
            Err(error) => return Err(self.not_created(&target, error).await),
        };
        if matches!(&made, Created::Exists { file_id } if target.mount.account.removals.hides(file_id)) {
            // It has been removed for all but the drive.
            target.clear().await?;
            let (folder, name) = (&target.folder.file_id, target.name());
            made = client.create_folder(&target.drive_id, folder, name, CheckNameMode::Refuse).await?;
        }
        let Created::Done { file_id, name, .. } = made else {
            self.0.resolver.disbelieve(&target.mount, &target.rest).await;
            return Err(Error::NameExists);
        };
        // Without a name the answer was lost and the folder found by another call: it may hold something.
        if name.is_some() {
            self.0.resolver.listings.made(&target.mount, &file_id);
        }
        let now = UnixMillis::now().0;
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| target.name().to_owned());
        self.put(&target, Entry { kind: Kind::Folder, ..Entry::synthetic(&name, &file_id, now) }).await;
        Ok(())
    }

    /// Removes what a path holds, a folder with all below it, the mount's way; gives what has gone, as far as listings at
    /// hand tell it. The name is free
    /// then: what the drive is known to have under it beside the shown item goes too.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::ConditionFailed`], [`Error::Protected`], [`Error::ReadOnly`], the call's failure.
    /// What the drive has lost already is no error.
    pub async fn remove(&self, path: &Path, expected: &Expected) -> Result<Vec<Arc<Entry>>, Error> {
        let target = match self.target(path).await {
            Err(Error::ParentMissing) => return Err(Error::NotFound),
            target => target?,
        };
        if self.holds_mounts(path) {
            return Err(Error::Protected);
        }
        let _turn = self.turn(&target).await;
        let held = self.0.held.get(&target.key());
        let shown = self.look(&target, None).await?;
        expected.check(seen(held.as_ref(), shown.as_ref()))?;
        let mut gone: Vec<_> = held.iter().map(|held| held.entry.clone()).collect();
        let mut next = shown;
        let mut namesakes = 0..MOST_NAMESAKES;
        while let Some(entry) = next.filter(|_| namesakes.next().is_some()) {
            let below = if entry.is_folder() { self.held_below(&target, &entry).await } else { Vec::new() };
            gone.extend(self.known_below(&target, &entry));
            self.remove_entry(&target, &entry).await?;
            for held in below {
                self.0.held.forget(&held.key).await;
                gone.push(held.entry);
            }
            // The other Unicode form of the name is listed beside it, and another item.
            let namesake = |(listing, _): (Arc<Listing>, bool)| {
                listing.find(&entry.name).filter(|other| other.name == entry.name).cloned()
            };
            next = self.0.resolver.listings.peek(&target.mount, &target.folder.file_id).and_then(namesake);
            gone.push(entry);
        }
        self.0.held.forget(&target.key()).await;
        if gone.is_empty() { Err(Error::NotFound) } else { Ok(gone) }
    }

    /// What listings at hand have below a folder.
    fn known_below(&self, target: &Target, folder: &Entry) -> Vec<Arc<Entry>> {
        let mut found = Vec::new();
        let mut folders = vec![folder.file_id.clone()];
        let mut seen = HashSet::new();
        while let Some(id) = folders.pop().filter(|id| seen.insert(id.clone())) {
            let Some((listing, _)) = self.0.resolver.listings.peek(&target.mount, &id) else { continue };
            folders.extend(listing.folders().map(|entry| entry.file_id.clone()));
            found.extend(listing.iter().cloned());
        }
        found
    }

    pub(super) async fn remove_entry(&self, target: &Target, entry: &Entry) -> Result<(), Error> {
        let client = &target.mount.account.client;
        let removed = match target.mount.settings.remove_way {
            RemoveWay::Trash => client.trash(&target.drive_id, &entry.file_id).await,
            RemoveWay::Delete => client.delete(&target.drive_id, &entry.file_id).await,
        };
        let failure = match removed {
            Ok(change) => self.wait_for(target, &change).await.err(),
            // It is gone, but its name may be another's by now.
            Err(error) if error.kind == ErrorKind::NotFound => {
                self.0.resolver.disbelieve(&target.mount, &target.rest).await;
                None
            }
            Err(error) => Some(self.failed(&[target], error).await),
        };
        if let Some(error) = failure {
            let doubt = match &error {
                Error::Upstream(error) => error.kind.leaves_doubt(),
                error => matches!(error, Error::Task(_)),
            };
            if !doubt || !matches!(self.whereabouts(target, &entry.file_id).await, Whereabouts::Gone) {
                return Err(error);
            }
        }
        self.changed(target, Change::Remove(entry.file_id.clone())).await;
        self.0.resolver.forget(&target.mount, &target.rest).await;
        Ok(())
    }

    /// Takes away what a change has replaced, as it is written down. The new is in place and served; so a failure is no
    /// failure of the change, and the removal is made later.
    pub(super) async fn remove_replaced(&self, target: &Target, old: Option<&Entry>, begun: Begun) {
        let obsolete = begun.took_effect().await;
        if let Some(old) = old.filter(|old| old.is_folder()) {
            for held in self.held_below(target, old).await {
                self.0.held.forget(&held.key).await;
            }
        }
        if old.is_some() {
            self.0.resolver.forget(&target.mount, &target.rest).await;
        }
        obsolete.remove().await;
    }

    /// Asks an item where it is.
    async fn whereabouts(&self, target: &Target, file_id: &str) -> Whereabouts {
        let mut pause = FIRST_SILENCE;
        for _ in 0..MOST_SILENCE {
            match target.mount.account.client.get(&target.drive_id, file_id).await {
                Ok(item) if item.trashed => return Whereabouts::Gone,
                Ok(item) => return Whereabouts::At(Box::new(item)),
                Err(error) if error.kind == ErrorKind::NotFound => return Whereabouts::Gone,
                Err(error) if error.kind.leaves_doubt() || error.kind == ErrorKind::Throttled => {
                    tokio::time::sleep(error.retry_after.unwrap_or(pause)).await;
                    pause *= 2;
                }
                Err(_) => break,
            }
        }
        Whereabouts::Unknown
    }

    /// Takes a new entry over into the caches.
    pub(super) async fn put(&self, target: &Target, entry: Entry) {
        self.0.resolver.forget(&target.mount, &target.rest).await;
        self.changed(target, Change::Put(Arc::new(entry))).await;
    }

    /// Takes one of our own changes over into what every mount of the drive remembers of the folder: mounts may
    /// show the same folder.
    pub(super) async fn changed(&self, target: &Target, change: Change) {
        let account = &target.mount.account;
        let ids = account.drives().await.ok();
        let shows = |mount: &&Arc<Mounted>| {
            mount.index == target.mount.index
                || Arc::ptr_eq(&mount.account, account)
                    && ids.as_ref().is_some_and(|ids| mount.drive_among(ids).as_ref() == Some(&target.drive_id))
        };
        if let Change::Remove(file_id) = &change {
            self.0.resolver.forget_located(file_id).await;
        }
        if let Change::Put(entry) = &change {
            account.removals.is_known(&target.folder.file_id, &entry.file_id).await;
        }
        for mount in self.mounts().iter().filter(shows) {
            self.0.resolver.listings.apply(mount, &target.folder.file_id, change.clone());
        }
    }

    /// Why something new could not be made in its folder.
    pub(super) async fn not_created(&self, target: &Target, error: upstream::Error) -> Error {
        let kind = error.kind;
        let error = self.failed(&[target], error).await;
        if matches!(kind, ErrorKind::NotFound | ErrorKind::ParentNotFound) { Error::ParentMissing } else { error }
    }

    /// What a failed call says of the places it was about: it may rest on what is no longer true, or may have
    /// taken effect nevertheless. So the drive is asked what is there.
    pub(super) async fn failed(&self, places: &[&Target], error: upstream::Error) -> Error {
        for place in places {
            match error.kind {
                ErrorKind::NotFound | ErrorKind::ParentNotFound | ErrorKind::NameExists => {
                    self.0.resolver.disbelieve(&place.mount, &place.rest).await;
                }
                kind if kind.leaves_doubt() => {
                    self.0.resolver.listings.refresh_behind(&place.mount, &place.folder.file_id);
                }
                _ => {}
            }
        }
        if error.kind == ErrorKind::NameExists { Error::NameExists } else { error.into() }
    }

    /// Waits for a background task, if there is one. A question without an answer is asked again.
    async fn wait_for(&self, target: &Target, change: &TreeChange) -> Result<(), Error> {
        let Some(task) = &change.async_task_id else { return Ok(()) };
        let deadline = Instant::now() + TASK_LIMIT;
        let mut pause = FIRST_POLL;
        let mut silence = 0;
        let failure = loop {
            match target.mount.account.client.task(task).await {
                Ok(TaskState::Succeed) => return Ok(()),
                Ok(TaskState::Failed) => break Error::Task("failed"),
                Ok(TaskState::Running) if Instant::now() >= deadline => break Error::Task("does not end"),
                Ok(TaskState::Running) => silence = 0,
                Err(error)
                    if silence < MOST_SILENCE && (error.kind.leaves_doubt() || error.kind == ErrorKind::Throttled) =>
                {
                    silence += 1;
                }
                Err(error) => break error.into(),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_POLL);
        };
        self.0.resolver.listings.refresh_behind(&target.mount, &target.folder.file_id);
        Err(failure)
    }
}
