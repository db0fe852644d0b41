//! Changes of the tree: folders made, items removed, moved, copied, each in as few calls as the drive has.
//!
//! What is new is put in place before what is old goes, and everything is done by id: a third item of the
//! same name is never touched. The cached listings follow at once.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::cache::Freshness;
use super::members::Change;
use super::mount::Mounted;
use super::upload::UploadOptions;
use super::{Entry, Error, Kind, Path, Resource, Tree};
use crate::config::RemoveWay;
use crate::upstream::{self, CheckNameMode, Created, ErrorKind, TaskState, TreeChange};

/// First and longest pause between questions after a background task.
const FIRST_POLL: Duration = Duration::from_millis(300);
const LONGEST_POLL: Duration = Duration::from_secs(2);

/// Longest a background task is waited for.
const TASK_LIMIT: Duration = Duration::from_secs(600);

/// Where a new item is to be.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) mount: Arc<Mounted>,
    pub(super) drive_id: String,
    /// Folder that will hold it.
    pub(super) folder: Arc<Entry>,
    /// Below the mount.
    pub(super) rest: Path,
}

impl Target {
    pub(super) fn name(&self) -> &str {
        self.rest.name()
    }

    fn same_drive(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.mount.account, &other.mount.account) && self.drive_id == other.drive_id
    }
}

impl Tree {
    /// The place of a path that is to be changed.
    pub(super) async fn target(&self, path: &Path) -> Result<Target, Error> {
        let (mount, rest) = self.mount_of(path).ok_or(Error::Protected)?;
        let Some(parent) = rest.parent() else { return Err(Error::Protected) };
        if mount.settings.read_only {
            return Err(Error::ReadOnly);
        }
        let folder = match self.0.resolver.find(mount, &parent, Freshness::Cached).await {
            Err(Error::NotFound) => return Err(Error::ParentMissing),
            folder => folder?,
        };
        if !folder.is_folder() {
            return Err(Error::ParentMissing);
        }
        Ok(Target { mount: mount.clone(), drive_id: mount.drive_id().await?, folder, rest })
    }

    /// Makes an empty folder.
    ///
    /// # Errors
    /// [`Error::NameExists`], [`Error::ParentMissing`], [`Error::ReadOnly`], the call's failure.
    pub async fn create_folder(&self, path: &Path) -> Result<(), Error> {
        let target = self.target(path).await?;
        let client = &target.mount.account.client;
        let made =
            client.create_folder(&target.drive_id, &target.folder.file_id, target.name(), CheckNameMode::Refuse).await;
        let made = match made {
            Ok(made) => made,
            Err(error) => return Err(self.not_created(&target, error).await),
        };
        let Created::Done { file_id, name, .. } = made else {
            self.0.resolver.disbelieve(&target.mount, &target.rest).await;
            return Err(Error::NameExists);
        };
        // Without a name the answer was lost and the folder found by another call: it may hold something.
        if name.is_some() {
            self.0.resolver.listings.made(&target.mount, &file_id);
        }
        let now = unix_ms();
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| target.name().to_owned());
        self.put(&target, Entry { kind: Kind::Folder, ..Entry::synthetic(&name, &file_id, now) }).await;
        Ok(())
    }

    /// Removes an item, a folder with all below it, the mount's way.
    ///
    /// # Errors
    /// [`Error::Protected`], [`Error::ReadOnly`], the call's failure. What is gone already is no error.
    pub async fn remove(&self, resource: &Resource) -> Result<(), Error> {
        let target = self.target(&resource.path).await?;
        if self.holds_mounts(&resource.path) {
            return Err(Error::Protected);
        }
        if self.0.held.get(&resource.path).is_none() {
            self.remove_entry(&target, &resource.entry).await?;
        }
        self.release(&resource.path).await;
        Ok(())
    }

    pub(super) async fn remove_entry(&self, target: &Target, entry: &Entry) -> Result<(), Error> {
        let client = &target.mount.account.client;
        let removed = match target.mount.settings.remove_way {
            RemoveWay::Trash => client.trash(&target.drive_id, &entry.file_id).await,
            RemoveWay::Delete => client.delete(&target.drive_id, &entry.file_id).await,
        };
        match removed {
            Ok(change) => self.wait_for(target, &change).await?,
            // It is gone, but its name may be another's by now.
            Err(error) if error.kind == ErrorKind::NotFound => {
                self.0.resolver.disbelieve(&target.mount, &target.rest).await;
            }
            Err(error) => return Err(self.failed(&[target], error).await),
        }
        self.changed(target, Change::Remove(entry.file_id.clone())).await;
        self.0.resolver.forget(&target.mount, &target.rest).await;
        Ok(())
    }

    /// Puts an item to another path; `replaced` is removed when it is there.
    ///
    /// # Errors
    /// [`Error::CrossDrive`], [`Error::IntoItself`], [`Error::NameExists`], as [`Tree::remove`].
    pub async fn relocate(&self, source: &Resource, to: &Path, replaced: Option<&Resource>) -> Result<(), Error> {
        let from = self.target(&source.path).await?;
        if let Some(content) = self.kept_content(source).await? {
            self.place_kept(content, to, replaced).await?;
            self.release(&source.path).await;
            return Ok(());
        }
        if self.holds_mounts(&source.path) {
            return Err(Error::Protected);
        }
        let target = self.target(to).await?;
        self.check_places(&from, &target, source, to)?;
        let mode = if replaced.is_some() { CheckNameMode::Ignore } else { CheckNameMode::Refuse };
        self.relocate_by_id(&from, &target, &source.entry, mode).await?;
        let entry = Entry { name: target.name().into(), updated_ms: unix_ms(), ..(*source.entry).clone() };
        self.changed(&from, Change::Remove(entry.file_id.clone())).await;
        self.0.resolver.forget(&from.mount, &from.rest).await;
        if let Some(replaced) = replaced {
            self.remove_entry(&target, &replaced.entry).await?;
        }
        self.put(&target, entry).await;
        self.follow(&source.path, to).await;
        Ok(())
    }

    /// Puts the content of a file that stays here to another path: here again, or to the drive.
    async fn place_kept(&self, content: Vec<u8>, to: &Path, replaced: Option<&Resource>) -> Result<(), Error> {
        if self.keeps_here(to) {
            self.keep_here(to, content).await?;
        } else {
            let size = Some(content.len() as u64);
            let mut upload = self.upload(to, UploadOptions { size, ..UploadOptions::default() }).await?;
            upload.write(content.into()).await?;
            upload.finish().await?;
            return Ok(());
        }
        match replaced {
            Some(replaced) if !replaced.entry.file_id.starts_with("local-") => self.remove(replaced).await,
            _ => Ok(()),
        }
    }

    async fn relocate_by_id(
        &self,
        from: &Target,
        to: &Target,
        entry: &Entry,
        mode: CheckNameMode,
    ) -> Result<(), Error> {
        let client = &from.mount.account.client;
        let (drive, id) = (&from.drive_id, &entry.file_id);
        let same_folder = from.folder.file_id == to.folder.file_id;
        let same_name = from.name() == to.name();
        if same_folder {
            let renamed = client.rename(drive, id, to.name(), mode).await.map(drop);
            return self.arrived(from, to, id, to.name(), renamed).await;
        }
        if same_name {
            return self.move_by_id(from, to, id, to.name(), mode).await;
        }
        // Both steps go by id, so a name that is taken on the way does no harm; a failure of the second
        // gives the first back.
        let renamed = client.rename(drive, id, to.name(), CheckNameMode::Ignore).await.map(drop);
        self.arrived(from, from, id, to.name(), renamed).await?;
        let result = self.move_by_id(from, to, id, to.name(), mode).await;
        if result.is_err()
            && let Err(error) = client.rename(drive, id, from.name(), CheckNameMode::Ignore).await
        {
            tracing::warn!(%error, name = to.name(), wanted = from.name(), "a half-done move keeps the new name");
            self.0.resolver.listings.forget(&from.mount, &from.folder.file_id);
        }
        result
    }

    async fn move_by_id(
        &self,
        from: &Target,
        to: &Target,
        id: &str,
        name: &str,
        mode: CheckNameMode,
    ) -> Result<(), Error> {
        let client = &from.mount.account.client;
        let change = match client.move_item(&from.drive_id, id, &to.folder.file_id, mode, None).await {
            Ok(change) if !change.exists => return self.wait_for(to, &change).await,
            Ok(_) => Err(upstream::Error::new("openFile/move", ErrorKind::NameExists)),
            Err(error) => Err(error),
        };
        self.arrived(from, to, id, name, change).await
    }

    /// The outcome of a step of a move. Sent again after a lost answer it may meet the item itself where it is to
    /// go, as one that has the name already.
    async fn arrived(
        &self,
        from: &Target,
        to: &Target,
        id: &str,
        name: &str,
        outcome: Result<(), upstream::Error>,
    ) -> Result<(), Error> {
        let Err(error) = outcome else { return Ok(()) };
        if error.kind == ErrorKind::NameExists {
            let item = from.mount.account.client.get(&from.drive_id, id).await;
            let folder = Some(&*to.folder.file_id);
            if item.is_ok_and(|item| item.name == name && item.parent_file_id.as_deref() == folder && !item.trashed) {
                return Ok(());
            }
        }
        Err(self.failed(&[from, to], error).await)
    }

    /// Copies an item, a folder with all below it; `replaced` is removed when the copy is there.
    ///
    /// # Errors
    /// As [`Tree::relocate`].
    pub async fn copy(&self, source: &Resource, to: &Path, replaced: Option<&Resource>) -> Result<(), Error> {
        if let Some(content) = self.kept_content(source).await? {
            return self.place_kept(content, to, replaced).await;
        }
        let (mount, rest) = self.mount_of(&source.path).ok_or(Error::Protected)?;
        let target = self.target(to).await?;
        let from = Target { mount: mount.clone(), drive_id: mount.drive_id().await?, rest, ..target.clone() };
        self.check_places(&from, &target, source, to)?;
        // The same item by the other Unicode form of its name: to replace it would remove it.
        if replaced.is_some_and(|replaced| replaced.entry.file_id == source.entry.file_id) {
            return Err(Error::IntoItself);
        }
        let client = &target.mount.account.client;
        let drive = &target.drive_id;
        let source_name = source.path.name();
        let siblings = self.0.resolver.listings.get(&target.mount, &target.folder.file_id, Freshness::Cached).await?;
        // In its own folder, or beside a namesake, the copy must first take another name.
        let step_aside = siblings.find(source_name).is_some();
        let copied = client.copy_item(drive, &source.entry.file_id, drive, &target.folder.file_id, step_aside).await;
        let change = match copied {
            Ok(change) => change,
            Err(error) => return Err(self.failed(&[&from, &target], error).await),
        };
        self.wait_for(&target, &change).await?;
        if step_aside || source_name != target.name() {
            let renamed = client.rename(drive, &change.file_id, target.name(), CheckNameMode::Ignore).await;
            if let Err(error) = renamed {
                // A copy under a name that nobody asked for must not stay.
                client.delete(drive, &change.file_id).await.ok();
                return Err(self.failed(&[&target], error).await);
            }
        }
        let now = unix_ms();
        let entry = Entry {
            name: target.name().into(),
            file_id: change.file_id.into(),
            updated_ms: now,
            created_ms: now,
            ..(*source.entry).clone()
        };
        if let Some(replaced) = replaced {
            self.remove_entry(&target, &replaced.entry).await?;
        }
        self.put(&target, entry).await;
        Ok(())
    }

    fn check_places(&self, from: &Target, to: &Target, source: &Resource, path: &Path) -> Result<(), Error> {
        if !from.same_drive(to) {
            return Err(Error::CrossDrive);
        }
        if source.is_folder() && path.strip_base(&source.path).is_some() {
            return Err(Error::IntoItself);
        }
        // Removing the replaced folder would take the source with it.
        if source.path.strip_base(path).is_some() {
            return Err(Error::IntoItself);
        }
        Ok(())
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

    /// Waits for a background task, if there is one.
    async fn wait_for(&self, target: &Target, change: &TreeChange) -> Result<(), Error> {
        let Some(task) = &change.async_task_id else { return Ok(()) };
        let deadline = Instant::now() + TASK_LIMIT;
        let mut pause = FIRST_POLL;
        let failure = loop {
            match target.mount.account.client.task(task).await {
                Ok(TaskState::Succeed) => return Ok(()),
                Ok(TaskState::Failed) => break Error::Task("failed"),
                Ok(TaskState::Running) if Instant::now() >= deadline => break Error::Task("does not end"),
                Ok(TaskState::Running) => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_POLL);
                }
                Err(error) => break error.into(),
            }
        };
        self.0.resolver.listings.refresh_behind(&target.mount, &target.folder.file_id);
        Err(failure)
    }
}

pub(super) fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
