//! Changes of the tree: folders made, items removed, moved, copied, each in as few calls as the drive has.
//!
//! Each has its turn at the names that it changes (`turns`) and looks there once more (`target`). What is new is put in
//! place before what is old goes, and everything is done by id: a third item of the same name is never touched. The
//! cached listings follow at once.

pub(super) mod copy;
mod lineage;
pub(super) mod namespace;
mod outcome;
pub(super) mod relocate;
mod star;
pub(super) mod target;
pub(super) mod terms;
pub(super) mod turns;
pub(super) mod undecided;

use std::collections::HashSet;
use std::sync::Arc;

use crate::clock::UnixMillis;
use crate::config::RemoveWay;
use crate::drive::change::namespace::Namespace;
use crate::drive::change::outcome::{Whereabouts, wait_for, whereabouts};
use crate::drive::change::target::Target;
use crate::drive::change::terms::{Expected, seen};
use crate::drive::entry::{Entry, Kind};
use crate::drive::error::Error;
use crate::drive::listing::members::Listing;
use crate::drive::path::Path;
use crate::upstream::{CheckNameMode, Created, ErrorKind};

/// Most items of one name that one removal takes away.
const MOST_NAMESAKES: usize = 16;

/// Folders made and items removed; MOVE and COPY have files of their own.
pub(super) struct Changes {
    names: Namespace,
}

impl Changes {
    pub(super) fn new(names: Namespace) -> Self {
        Self { names }
    }

    /// Makes an empty folder.
    ///
    /// # Errors
    /// [`Error::NameExists`], [`Error::ParentMissing`], [`Error::ReadOnly`], the call's failure.
    pub(super) async fn create_folder(&self, path: &Path) -> Result<(), Error> {
        let target = self.names.target(path).await?;
        let turn = self.names.turn(&target).await?;
        if self.names.held(&target).is_some() {
            return Err(Error::NameExists);
        }
        turn.check().await?;
        let client = &target.mount.account.client;
        let _making = target.mount.account.removals.makes(&target.folder.file_id);
        let made =
            client.create_folder(&target.drive_id, &target.folder.file_id, target.name(), CheckNameMode::Refuse).await;
        let mut made = match made {
            Ok(made) => made,
            Err(error) => return Err(self.names.not_created(&target, error).await),
        };
        if matches!(&made, Created::Exists { file_id } if target.mount.account.removals.hides(file_id)) {
            // It has been removed for all but the drive.
            target.clear().await?;
            let (folder, name) = (&target.folder.file_id, target.name());
            made = client.create_folder(&target.drive_id, folder, name, CheckNameMode::Refuse).await?;
        }
        let Created::Done { file_id, name, .. } = made else {
            self.names.resolver.disbelieve(&target.mount, &target.rest).await;
            return Err(Error::NameExists);
        };
        // Without a name the answer was lost and the folder found by another call: it may hold something.
        if name.is_some() {
            self.names.resolver.listings.made(&target.mount, &file_id);
        }
        let now = UnixMillis::now();
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| target.name().to_owned());
        self.names.applied(&target, Entry { kind: Kind::Folder, ..Entry::synthetic(&name, &file_id, now) }).await;
        Ok(())
    }

    /// Removes what a path holds, a folder with all below it, the mount's way; gives what has gone, as far as listings at
    /// hand tell it. The name is free
    /// then: what the drive is known to have under it beside the shown item goes too.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::ConditionFailed`], [`Error::Protected`], [`Error::ReadOnly`], the call's failure.
    /// What the drive has lost already is no error.
    pub(super) async fn remove(&self, path: &Path, expected: &Expected) -> Result<Vec<Arc<Entry>>, Error> {
        let target = match self.names.target(path).await {
            Err(Error::ParentMissing) => return Err(Error::NotFound),
            target => target?,
        };
        if self.names.mounts.lie_below(path) {
            return Err(Error::Protected);
        }
        let turn = self.names.turn(&target).await?;
        let held = self.names.held(&target);
        let shown = self.names.look(&target, None).await?;
        expected.check(seen(held.as_ref(), shown.as_ref()))?;
        let mut gone: Vec<_> = held.iter().map(|held| held.entry.clone()).collect();
        let mut next = shown;
        let mut namesakes = 0..MOST_NAMESAKES;
        while let Some(entry) = next.filter(|_| namesakes.next().is_some()) {
            let below = if entry.is_folder() { self.names.held_below(&target, &entry).await } else { Vec::new() };
            gone.extend(self.known_below(&target, &entry));
            turn.check().await?;
            self.remove_entry(&target, &entry).await?;
            for held in below {
                self.names.held.forget(&held.key).await;
                gone.push(held.entry);
            }
            // The other Unicode form of the name is listed beside it, and another item.
            let namesake = |(listing, _): (Arc<Listing>, bool)| {
                listing.find(&entry.name).filter(|other| other.name == entry.name).cloned()
            };
            next = self.names.resolver.listings.peek(&target.mount, &target.folder.file_id).and_then(namesake);
            gone.push(entry);
        }
        self.names.held.forget(&target.key()).await;
        if gone.is_empty() { Err(Error::NotFound) } else { Ok(gone) }
    }

    /// Removes the very item that was seen under a name, the mount's way, and nothing else of that name; gives what has
    /// gone as [`Changes::remove`] does.
    ///
    /// # Errors
    /// [`Error::Changed`] when the name holds something else by now; the call's failure.
    pub(super) async fn remove_item(&self, target: &Target, entry: &Arc<Entry>) -> Result<Vec<Arc<Entry>>, Error> {
        let turn = self.names.turn(target).await?;
        let shown = self.names.look(target, None).await?.ok_or(Error::Changed { gone: true })?;
        if (&shown.file_id, shown.size, shown.sha1) != (&entry.file_id, entry.size, entry.sha1) {
            return Err(Error::Changed { gone: false });
        }
        let mut gone = self.known_below(target, &shown);
        turn.check().await?;
        self.remove_entry(target, &shown).await?;
        gone.push(shown);
        Ok(gone)
    }

    /// What listings at hand have below a folder.
    fn known_below(&self, target: &Target, folder: &Entry) -> Vec<Arc<Entry>> {
        let mut found = Vec::new();
        let mut folders = vec![folder.file_id.clone()];
        let mut seen = HashSet::new();
        while let Some(id) = folders.pop().filter(|id| seen.insert(id.clone())) {
            let Some((listing, _)) = self.names.resolver.listings.peek(&target.mount, &id) else { continue };
            folders.extend(listing.folders().map(|entry| entry.file_id.clone()));
            found.extend(listing.iter().cloned());
        }
        found
    }

    async fn remove_entry(&self, target: &Target, entry: &Entry) -> Result<(), Error> {
        let client = &target.mount.account.client;
        let removed = match target.mount.settings.remove_way {
            RemoveWay::Trash => client.trash(&target.drive_id, &entry.file_id).await,
            RemoveWay::Delete => client.delete(&target.drive_id, &entry.file_id).await,
        };
        let failure = match removed {
            Ok(change) => wait_for(&self.names, target, &change).await.err(),
            // It is gone, but its name may be another's by now.
            Err(error) if error.kind == ErrorKind::NotFound => {
                self.names.resolver.disbelieve(&target.mount, &target.rest).await;
                None
            }
            Err(error) => Some(self.names.failed(&[target], error).await),
        };
        if let Some(error) = failure {
            let doubt = match &error {
                Error::Upstream(error) => error.kind.leaves_doubt(),
                error => matches!(error, Error::Task(_)),
            };
            if !doubt || !matches!(whereabouts(target, &entry.file_id).await, Whereabouts::Gone) {
                return Err(error);
            }
        }
        self.names.gone(target, entry).await;
        Ok(())
    }
}
