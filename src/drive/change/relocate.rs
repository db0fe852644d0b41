//! MOVE: an item by its id to another name, another folder, or both.
//!
//! A step whose answer is lost is settled by asking the item where it is. It is named back only where it is still in its
//! old folder, and the listings hear where it turned out to be.

use std::sync::Arc;

use crate::clock::UnixMillis;
use crate::drive::change::lineage::check_lineage;
use crate::drive::change::namespace::Namespace;
use crate::drive::change::outcome::{Whereabouts, wait_for, whereabouts};
use crate::drive::change::target::Target;
use crate::drive::change::terms::{Placed, Terms};
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::listing::members::Change;
use crate::drive::path::Path;
use crate::drive::removals::Begun;
use crate::drive::removals::record::{Spot, Stage};
use crate::upstream::{self, CheckNameMode, ErrorKind, Item};

/// A step that did not lead to where it should have, and where the item is, if it was asked.
struct Failed {
    error: Error,
    at: Option<Whereabouts>,
}

/// MOVE of what is on the drive.
pub(in crate::drive) struct Moves {
    names: Namespace,
}

impl Moves {
    pub(in crate::drive) fn new(names: Namespace) -> Self {
        Self { names }
    }

    /// Puts an item to another place, in place of what is there, if the terms allow that; by whoever has the turn at
    /// both.
    pub(in crate::drive) async fn relocate(
        &self,
        source: &Target,
        target: &Target,
        terms: &Terms,
    ) -> Result<Placed, Error> {
        let entry = self.names.look(source, None).await?.ok_or(Error::NotFound)?;
        terms.expected.check(Some(&entry))?;
        let _making = target.mount.account.removals.makes(&target.folder.file_id);
        let (replaced, begun) = self.move_entry(source, target, &entry, terms.overwrite).await?;
        self.names.confirm(begun.as_ref(), &[source, target]).await?;
        self.moved(source, target, &entry, replaced, begun).await
    }

    /// The calls of a move; gives what the destination held before, and where that is written down.
    async fn move_entry(
        &self,
        source: &Target,
        target: &Target,
        entry: &Entry,
        overwrite: bool,
    ) -> Result<(Option<Arc<Entry>>, Option<Begun>), Error> {
        let mut replaced = self.names.look(target, Some(&entry.file_id)).await?;
        check_lineage(&self.names, (source, entry), (target, replaced.as_deref())).await?;
        let held = target.key() != source.key() && self.names.held(target).is_some();
        if !overwrite && (replaced.is_some() || held) {
            return Err(Error::NameExists);
        }
        let mut begun = self.over(source, target, entry, replaced.as_deref(), None).await?;
        let mut result = self.relocate_by_id(source, target, entry, mode(replaced.as_ref()), begun.as_ref()).await;
        if overwrite && matches!(result, Err(Failed { error: Error::NameExists, .. })) {
            // Another program has put it there since the folder was listed.
            replaced = self.names.look_anew(target, Some(&entry.file_id)).await?;
            begun = self.over(source, target, entry, replaced.as_deref(), begun).await?;
            result = self.relocate_by_id(source, target, entry, mode(replaced.as_ref()), begun.as_ref()).await;
        }
        let Err(failed) = result else { return Ok((replaced, begun)) };
        // Else the drive is asked where it is, when it can be, and the item is given back.
        if let Some(begun) = begun.filter(|_| failed.nothing_left(source)) {
            begun.came_to_nothing(false).await;
        }
        Err(failed.error)
    }

    /// A move is about to be made: what it replaces, and where the item was if it takes two steps, is written down.
    async fn over(
        &self,
        source: &Target,
        target: &Target,
        entry: &Entry,
        replaced: Option<&Entry>,
        begun: Option<Begun>,
    ) -> Result<Option<Begun>, Error> {
        if replaced.is_none() {
            target.clear().await?;
        }
        let two_steps = source.folder.file_id != target.folder.file_id && source.name() != target.name();
        match begun {
            Some(begun) => {
                let way = target.mount.settings.remove_way;
                begun.replaces(replaced.map(|replaced| (replaced, way)), on_its_way(source, entry, None)).await?;
                Ok(Some(begun))
            }
            None if replaced.is_none() && !two_steps => Ok(None),
            None => target.write_down(replaced, on_its_way(source, entry, None)).await.map(Some),
        }
    }

    /// The item is in its new place: all that remembers the old one hears of it, and what was replaced goes.
    async fn moved(
        &self,
        source: &Target,
        target: &Target,
        entry: &Entry,
        replaced: Option<Arc<Entry>>,
        begun: Option<Begun>,
    ) -> Result<Placed, Error> {
        let covered = if target.key() == source.key() { None } else { self.names.held(target) };
        let follows = if entry.is_folder() { self.names.held_below(source, entry).await } else { Vec::new() };
        let now = Arc::new(Entry { name: target.name().into(), updated: UnixMillis::now(), ..entry.clone() });
        self.names.gone(source, entry).await;
        self.names.applied(target, (*now).clone()).await;
        if let Some(begun) = begun {
            self.names.remove_replaced(target, replaced.as_deref(), begun).await;
        }
        self.names.held.follow(follows, &source.path(), &target.path()).await;
        let replaced = replaced.or(covered.map(|held| held.entry)).map(|entry| entry.file_id.clone());
        Ok(Placed { entry: now, replaced, copy_of: None })
    }

    async fn relocate_by_id(
        &self,
        from: &Target,
        to: &Target,
        entry: &Entry,
        mode: CheckNameMode,
        begun: Option<&Begun>,
    ) -> Result<(), Failed> {
        let same_folder = from.folder.file_id == to.folder.file_id;
        let outcome = if same_folder {
            self.name(from, to, entry, mode).await
        } else if from.name() == to.name() {
            self.carry(from, to, entry, mode, begun).await
        } else {
            self.name_and_carry(from, to, entry, mode, begun).await
        };
        let Err(failed) = outcome else { return Ok(()) };
        match &failed.at {
            None => {}
            Some(Whereabouts::At(item)) => {
                let entry = Entry { name: item.name.as_str().into(), ..entry.clone() };
                let parent = item.parent_file_id.as_deref();
                if parent == Some(&*from.folder.file_id) {
                    self.names.changed(from, Change::Put(Arc::new(entry))).await;
                } else {
                    self.names.changed(from, Change::Remove(entry.file_id.clone())).await;
                    if parent == Some(&*to.folder.file_id) {
                        self.names.changed(to, Change::Put(Arc::new(entry))).await;
                    }
                }
            }
            Some(Whereabouts::Gone) => self.names.changed(from, Change::Remove(entry.file_id.clone())).await,
            Some(Whereabouts::Unknown) => {
                for place in [from, to] {
                    self.names.resolver.listings.forget(&place.mount, &place.folder.file_id);
                }
            }
        }
        Err(failed)
    }

    /// Both steps go by id, so a name that is taken on the way does no harm; if the second fails, the first is taken
    /// back.
    async fn name_and_carry(
        &self,
        from: &Target,
        to: &Target,
        entry: &Entry,
        mode: CheckNameMode,
        begun: Option<&Begun>,
    ) -> Result<(), Failed> {
        let halfway = Target { rest: from.rest.parent().unwrap_or_else(Path::root).join(to.name()), ..from.clone() };
        self.name(from, &halfway, entry, CheckNameMode::Ignore).await?;
        let Err(failed) = self.carry(from, to, entry, mode, begun).await else { return Ok(()) };
        let stays = match &failed.at {
            None => true,
            Some(Whereabouts::At(item)) => item.parent_file_id.as_deref() == Some(&*from.folder.file_id),
            Some(Whereabouts::Gone | Whereabouts::Unknown) => false,
        };
        if !stays {
            return Err(failed);
        }
        let back = from.mount.account.client.rename(&from.drive_id, &entry.file_id, from.name(), CheckNameMode::Refuse);
        let at = match back.await {
            Ok(item) => {
                Whereabouts::At(Box::new(Item { parent_file_id: Some(from.folder.file_id.to_string()), ..item }))
            }
            Err(error) => {
                tracing::warn!(%error, name = to.name(), wanted = from.name(), "a half-done move could not be taken back");
                whereabouts(from, &entry.file_id).await
            }
        };
        Err(Failed { at: Some(at), ..failed })
    }

    /// Gives the item its new name in its folder.
    async fn name(&self, from: &Target, to: &Target, entry: &Entry, mode: CheckNameMode) -> Result<(), Failed> {
        let client = &from.mount.account.client;
        match client.rename(&from.drive_id, &entry.file_id, to.name(), mode).await {
            Ok(_) => Ok(()),
            Err(error) => self.after(error, from, to, entry).await,
        }
    }

    /// Puts the item into its new folder.
    async fn carry(
        &self,
        from: &Target,
        to: &Target,
        entry: &Entry,
        mode: CheckNameMode,
        begun: Option<&Begun>,
    ) -> Result<(), Failed> {
        let client = &from.mount.account.client;
        let error = match client.move_item(&from.drive_id, &entry.file_id, &to.folder.file_id, mode, None).await {
            Ok(change) if change.exists => upstream::Error::new("openFile/move", ErrorKind::NameExists),
            Ok(change) => {
                if let (Some(task), Some(begun)) = (&change.async_task_id, begun)
                    && let Err(error) = begun.reach(on_its_way(from, entry, Some(task.clone()))).await
                {
                    // It is known in memory.
                    tracing::error!(%error, "that the drive moves something could not be written down");
                }
                let Err(error) = wait_for(&self.names, to, &change).await else { return Ok(()) };
                return self.unless_there(error, to, entry).await;
            }
            Err(error) => error,
        };
        self.after(error, from, to, entry).await
    }

    /// What a failed call has led to. Sent again after a lost answer it may have met the item itself where it is to
    /// go, as one that has the name already.
    async fn after(&self, error: upstream::Error, from: &Target, to: &Target, entry: &Entry) -> Result<(), Failed> {
        let kind = error.kind;
        let doubt = kind.leaves_doubt() || kind == ErrorKind::NameExists;
        if doubt && let Err(Failed { at, .. }) = self.unless_there(Error::Stopping, to, entry).await {
            return Err(Failed { error: self.names.failed(&[from, to], error).await, at });
        }
        if doubt { Ok(()) } else { Err(Failed { error: self.names.failed(&[from, to], error).await, at: None }) }
    }

    /// Fails with the error unless the item has arrived.
    async fn unless_there(&self, error: Error, to: &Target, entry: &Entry) -> Result<(), Failed> {
        match whereabouts(to, &entry.file_id).await {
            Whereabouts::At(item)
                if item.name == to.name() && item.parent_file_id.as_deref() == Some(&*to.folder.file_id) =>
            {
                Ok(())
            }
            at => Err(Failed { error, at: Some(at) }),
        }
    }
}

impl Failed {
    /// Whether the item surely is where it was, or gone.
    fn nothing_left(&self, from: &Target) -> bool {
        match &self.at {
            None | Some(Whereabouts::Gone) => true,
            Some(Whereabouts::At(item)) => {
                item.name == from.name() && item.parent_file_id.as_deref() == Some(&*from.folder.file_id)
            }
            Some(Whereabouts::Unknown) => false,
        }
    }
}

fn on_its_way(source: &Target, entry: &Entry, task: Option<String>) -> Stage {
    let from = Spot { folder_id: source.folder.file_id.to_string(), name: source.name().to_owned() };
    Stage::Moved { file_id: entry.file_id.to_string(), from, task }
}

fn mode(replaced: Option<&Arc<Entry>>) -> CheckNameMode {
    if replaced.is_some() { CheckNameMode::Ignore } else { CheckNameMode::Refuse }
}

/// Whether an item can be put there at all, on its drive.
pub(in crate::drive) fn check_places(from: &Target, to: &Target) -> Result<(), Error> {
    let (from, to) = (from.path(), to.path());
    // To remove the replaced folder would take the source with it.
    if to.strip_base(&from).is_some() || from.strip_base(&to).is_some() {
        return Err(Error::IntoItself);
    }
    Ok(())
}
