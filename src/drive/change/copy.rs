//! COPY: the drive's own copy of an item, under the name that was asked for.
//!
//! The drive takes no new name for a copy, so it is made under its source's, or a name of the drive's choice, and named
//! after that. One whose answer is lost is looked for, and one that does not come to its end goes again.

use std::sync::Arc;

use crate::clock::UnixMillis;
use crate::drive::change::lineage::check_lineage;
use crate::drive::change::namespace::Namespace;
use crate::drive::change::outcome::{Whereabouts, wait_for, whereabouts};
use crate::drive::change::target::Target;
use crate::drive::change::terms::{Placed, Terms};
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::listing::cache::Freshness;
use crate::drive::removals::Begun;
use crate::drive::removals::record::{Original, Stage, hex};
use crate::upstream::{CheckNameMode, ErrorKind, TreeChange};

/// COPY of what is on the drive.
pub(in crate::drive) struct Copies {
    names: Namespace,
}

impl Copies {
    pub(in crate::drive) fn new(names: Namespace) -> Self {
        Self { names }
    }

    /// Copies an item, a folder with all below it, in place of what is there, if the terms allow that; by whoever has the
    /// turn at both.
    ///
    /// # Errors
    /// [`Error::CrossDrive`] if the service refuses to copy to another drive of the account.
    pub(in crate::drive) async fn copy(
        &self,
        source: &Target,
        target: &Target,
        terms: &Terms,
    ) -> Result<Placed, Error> {
        let (account, drives) = (&target.mount.account, (&*source.drive_id, &*target.drive_id));
        if !source.same_drive(target) && account.copies_nothing(drives) {
            return Err(Error::CrossDrive);
        }
        let entry = self.names.look(source, None).await?.ok_or(Error::NotFound)?;
        terms.expected.check(Some(&entry))?;
        let mut replaced = self.names.look(target, None).await?;
        // The same item by the other Unicode form of its name: to replace it would remove it.
        if replaced.as_ref().is_some_and(|replaced| replaced.file_id == entry.file_id) {
            return Err(Error::IntoItself);
        }
        check_lineage(&self.names, (source, &entry), (target, replaced.as_deref())).await?;
        let covered = self.names.held(target);
        if !terms.overwrite && (replaced.is_some() || covered.is_some()) {
            return Err(Error::NameExists);
        }
        if entry.is_folder() {
            // The copy would have what is hidden in it.
            target.mount.account.removals.clear_all().await?;
        } else if replaced.is_none() {
            target.clear().await?;
        }
        let (begun, file_id) = self.copy_entry(source, target, &entry, terms.overwrite, &mut replaced).await?;
        self.names.confirm(Some(&begun), &[target]).await?;
        let now = UnixMillis::now();
        let copy = Entry { name: target.name().into(), file_id, updated: now, created: now, ..(*entry).clone() };
        self.names.applied(target, copy.clone()).await;
        self.names.remove_replaced(target, replaced.as_deref(), begun).await;
        let replaced = replaced.or(covered.map(|held| held.entry)).map(|entry| entry.file_id.clone());
        Ok(Placed { entry: Arc::new(copy), replaced, copy_of: Some(entry.file_id.clone()) })
    }

    /// The calls of a copy; gives its id, and where it is written down.
    async fn copy_entry(
        &self,
        source: &Target,
        target: &Target,
        entry: &Entry,
        overwrite: bool,
        replaced: &mut Option<Arc<Entry>>,
    ) -> Result<(Begun, Box<str>), Error> {
        let (of, like) = self.original(source, target, entry).await?;
        let named = !of.aside && source.name() == target.name();
        let begun = target.write_down_beside(replaced.as_deref(), Stage::Copying { of: of.clone() }, like).await?;
        let (begun, change, found) = self.ask_for_copy(source, target, &of, begun).await?;
        let file_id = change.file_id.clone();
        let copied = Stage::Copied { file_id: file_id.clone(), task: change.async_task_id.clone(), found, of };
        begun.reach(copied.clone()).await?;
        let mut done = wait_for(&self.names, target, &change).await;
        if done.is_ok() && !named {
            done = self.name_copy(target, &copied, &file_id, overwrite, replaced, &begun).await;
        }
        if let Err(error) = done {
            // A copy that is not whole, or under a name that nobody asked for, must not stay.
            begun.came_to_nothing(false).await;
            return Err(error);
        }
        Ok((begun, file_id.into()))
    }

    /// What the copy will be known by, and the ids of what is in its folder already and like it.
    async fn original(
        &self,
        source: &Target,
        target: &Target,
        entry: &Entry,
    ) -> Result<(Original, Vec<String>), Error> {
        let listings = &self.names.resolver.listings;
        let siblings = listings.get(&target.mount, &target.folder.file_id, Freshness::Cached).await?;
        let of = Original {
            file_id: entry.file_id.to_string(),
            name: source.name().to_owned(),
            drive_id: Some(&source.drive_id).filter(|id| **id != target.drive_id).cloned(),
            sha1: entry.sha1.filter(|_| entry.livp.is_none()).map(|sha1| hex(&sha1)),
            folder: entry.is_folder(),
            // In its own folder, or beside a namesake, the copy must first take another name.
            aside: siblings.find(source.name()).is_some(),
        };
        let like = siblings.iter().filter(|entry| of.may_name_copy(&entry.name));
        let like = like.map(|entry| entry.file_id.to_string()).collect();
        Ok((of, like))
    }

    /// The first call of a copy. If its answer is lost, the copy is looked for.
    async fn ask_for_copy(
        &self,
        source: &Target,
        target: &Target,
        of: &Original,
        begun: Begun,
    ) -> Result<(Begun, TreeChange, bool), Error> {
        let (from, to, folder) = (&source.drive_id, &target.drive_id, &target.folder.file_id);
        let asked = target.mount.account.client.copy_item(from, &of.file_id, to, folder, of.aside);
        let error = match asked.await {
            Ok(change) => return Ok((begun, change, false)),
            Err(error) => error,
        };
        if error.kind.leaves_doubt() {
            if let Some(file_id) = begun.find_copy().await {
                return Ok((begun, TreeChange { file_id, exists: false, async_task_id: None }, true));
            }
            begun.settle().await;
        } else {
            begun.came_to_nothing(false).await;
        }
        let kind = error.kind;
        let error = self.names.failed(&[source, target], error).await;
        if source.same_drive(target) || !is_of_the_drives(kind) {
            return Err(error);
        }
        tracing::info!(%error, %from, %to, "the service does not copy this between two drives: it is copied by its files");
        if kind == ErrorKind::InvalidRequest {
            target.mount.account.has_refused_to_copy((from, to));
        }
        Err(Error::CrossDrive)
    }

    /// Gives a copy its name.
    async fn name_copy(
        &self,
        target: &Target,
        copied: &Stage,
        file_id: &str,
        overwrite: bool,
        replaced: &mut Option<Arc<Entry>>,
        begun: &Begun,
    ) -> Result<(), Error> {
        let client = &target.mount.account.client;
        let mode = if replaced.is_some() { CheckNameMode::Ignore } else { CheckNameMode::Refuse };
        let mut renamed = client.rename(&target.drive_id, file_id, target.name(), mode).await;
        let mut asked = false;
        loop {
            let Err(error) = renamed else { return Ok(()) };
            let taken = error.kind == ErrorKind::NameExists;
            if (taken || error.kind.leaves_doubt())
                && let Whereabouts::At(item) = whereabouts(target, file_id).await
                && item.name == target.name()
            {
                return Ok(());
            }
            if asked || !taken || !overwrite {
                return Err(self.names.failed(&[target], error).await);
            }
            // Another program has put it there since the folder was listed.
            asked = true;
            *replaced = self.names.look_anew(target, Some(file_id)).await?;
            let way = target.mount.settings.remove_way;
            begun.replaces(replaced.as_deref().map(|replaced| (replaced, way)), copied.clone()).await?;
            renamed = client.rename(&target.drive_id, file_id, target.name(), CheckNameMode::Ignore).await;
        }
    }
}

/// Whether a refusal may be because the two places are on different drives: whether the service copies between them is
/// not known (reference 3.18).
fn is_of_the_drives(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InvalidRequest | ErrorKind::Forbidden | ErrorKind::NotFound | ErrorKind::ParentNotFound)
}
