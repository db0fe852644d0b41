//! Copies and moves of which nobody tells how far they have come: found, and given back.
//!
//! A copy whose answer was lost is known by what it is a copy of, by when it was made, and by not having been there
//! before; a moved item by its id. Where another program has had its hands on one, it stays as it is.

use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::removals::Removals;
use crate::drive::removals::record::{Original, Removal, Spot, hex};
use crate::drive::removals::settle::{Outcome, is_made_since, leaves, may_yet_come, unproved};
use crate::upstream::{CheckNameMode, ErrorKind, Item, ItemKind, TaskState};

impl Removals {
    /// An item was to change its place. It is given back where it has only its new name yet, in its old folder.
    pub(super) async fn moved(
        &self,
        removal: &Removal,
        file_id: &str,
        from: &Spot,
        task: Option<&str>,
    ) -> Result<Outcome, Error> {
        if let Some(task) = task
            && self.client.task(task).await? == TaskState::Running
        {
            return Ok(Outcome::Open);
        }
        let Some(item) = self.item(&removal.drive_id, file_id).await? else { return Ok(Outcome::Nothing) };
        let to = &removal.facts;
        let parent = item.parent_file_id.as_deref().unwrap_or(&to.folder_id);
        if parent == to.folder_id {
            // Only by our own hands it has got there under another name than its old one; whatever came then.
            let arrived = item.name == to.name || from.folder_id != to.folder_id && item.name != from.name;
            return Ok(if arrived { Outcome::TookEffect } else { Outcome::Nothing });
        }
        if parent == from.folder_id && item.name == to.name && from.name != to.name {
            return self.give_back(removal, &item, from).await;
        }
        Ok(Outcome::Nothing)
    }

    /// Gives an item its old name back. Where that is another's by now it goes on to its new place, if that is free.
    async fn give_back(&self, removal: &Removal, item: &Item, from: &Spot) -> Result<Outcome, Error> {
        let (drive_id, file_id) = (&removal.drive_id, &item.file_id);
        match self.client.rename(drive_id, file_id, &from.name, CheckNameMode::Refuse).await {
            Ok(_) => {}
            // Sent again after a lost answer it may have met itself.
            Err(error) if error.kind == ErrorKind::NameExists => {
                let there = self.item(drive_id, file_id).await?;
                if there.is_none_or(|there| there.name != from.name) {
                    return self.carry_on(removal, item, from).await;
                }
            }
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(Outcome::Nothing),
            Err(error) => return Err(error.into()),
        }
        tracing::info!(name = item.name, wanted = from.name, "a half-done move was taken back");
        let entry = Entry { name: from.name.as_str().into(), ..Entry::from(item) };
        self.overview.item_named(&from.folder_id, entry).await;
        Ok(Outcome::Nothing)
    }

    /// Brings an item that has its new name already into its new folder, unless the name is taken there.
    async fn carry_on(&self, removal: &Removal, item: &Item, from: &Spot) -> Result<Outcome, Error> {
        let to = &removal.facts;
        let moving =
            self.client.move_item(&removal.drive_id, &item.file_id, &to.folder_id, CheckNameMode::Refuse, None);
        match moving.await {
            Ok(change) if !change.exists => {
                tracing::info!(name = item.name, "a half-done move was finished, since its old name is another's");
                self.overview.item_gone(&from.folder_id, &item.file_id).await;
                self.overview.item_named(&to.folder_id, Entry::from(item)).await;
                Ok(Outcome::TookEffect)
            }
            Err(error) if !matches!(error.kind, ErrorKind::NameExists | ErrorKind::NotFound) => Err(error.into()),
            Ok(_) | Err(_) => {
                tracing::warn!(
                    name = item.name,
                    wanted = from.name,
                    "a half-done move could neither be taken back nor finished: both names are taken; the item keeps \
                     the new one in its old folder"
                );
                Ok(Outcome::Nothing)
            }
        }
    }

    /// The drive was asked for a copy and has not told its id.
    pub(super) async fn copying(&self, removal: &Removal, of: &Original) -> Result<Outcome, Error> {
        let Some(copies) = self.copies(removal, of).await? else { return Ok(Outcome::Open) };
        Ok(match copies.as_slice() {
            [] if may_yet_come(removal) => Outcome::Open,
            [] => Outcome::Nothing,
            // Of a folder it cannot be told whether it is whole.
            [copy] if !of.folder && copy.name == removal.facts.name => Outcome::TookEffect,
            [copy] => unproved(copy),
            [copy, ..] => {
                tracing::warn!(
                    name = copy.name,
                    wanted = removal.facts.name,
                    "the answer to a copy was lost, and several items could be it: they stay; remove what is not wanted"
                );
                Outcome::Nothing
            }
        })
    }

    /// The id of a copy that the drive has not told, if it is certain.
    pub(super) async fn copy_of(&self, removal: &Removal, of: &Original) -> Result<Option<String>, Error> {
        Ok(match self.copies(removal, of).await?.as_deref() {
            Some([copy]) => Some(copy.file_id.clone()),
            _ => None,
        })
    }

    /// What can be the copy; absent where that cannot be told now.
    async fn copies(&self, removal: &Removal, of: &Original) -> Result<Option<Vec<Item>>, Error> {
        let is_like = |item: &Item| {
            let like = match (item.kind, &of.sha1) {
                (ItemKind::Folder, _) => of.folder,
                (ItemKind::File, Some(sha1)) => item.sha1.is_some_and(|found| hex(&found) == *sha1),
                (ItemKind::File, None) => false,
            };
            like && of.may_name_copy(&item.name) && item.file_id != of.file_id && is_made_since(item, removal)
        };
        let found = match self.members(&removal.drive_id, &removal.facts.folder_id, is_like).await {
            Err(Error::NotFound) => return Ok(Some(Vec::new())),
            found => found?,
        };
        // Asked after the folder: what has been told since is known now.
        let Some(others) = self.others(removal) else { return Ok(None) };
        let mut copies = Vec::new();
        for item in found.into_iter().filter(|item| !others.contains(&item.file_id)) {
            if !of.folder || self.has_nothing_else(&removal.drive_id, &item.file_id, &of.file_id).await? {
                copies.push(item);
            }
        }
        Ok(Some(copies))
    }

    /// Whether a folder has nothing in it but what another has too.
    async fn has_nothing_else(&self, drive_id: &str, folder_id: &str, of: &str) -> Result<bool, Error> {
        let theirs = match self.members(drive_id, of, |_| true).await {
            Err(Error::NotFound) => return Ok(false),
            theirs => theirs?,
        };
        let is_new = |item: &Item| {
            !theirs.iter().any(|their| (&their.name, their.kind, their.sha1) == (&item.name, item.kind, item.sha1))
        };
        match self.members(drive_id, folder_id, is_new).await {
            Err(Error::NotFound) => Ok(false),
            new => Ok(new?.is_empty()),
        }
    }

    /// A copy was made, and was to be named; `unwanted` if it is to go.
    pub(super) async fn copied(
        &self,
        removal: &Removal,
        file_id: &str,
        task: Option<&str>,
        of: &Original,
        unwanted: Outcome,
    ) -> Result<Outcome, Error> {
        let Some(item) = self.item(&removal.drive_id, file_id).await? else { return Ok(leaves(file_id, true)) };
        let here = item.parent_file_id.as_ref().is_none_or(|parent| *parent == removal.facts.folder_id);
        let unnamed = of.may_name_copy(&item.name);
        if unnamed && (!here || item.name != removal.facts.name) {
            return Ok(if here { unwanted } else { Outcome::Nothing });
        }
        // It is named when it is whole, and may not be whole only where it needs no name.
        match task.filter(|_| unnamed) {
            None => Ok(Outcome::TookEffect),
            Some(task) => match self.client.task(task).await? {
                TaskState::Succeed => Ok(Outcome::TookEffect),
                TaskState::Running => Ok(Outcome::Open),
                TaskState::Failed => Ok(unwanted),
            },
        }
    }
}
