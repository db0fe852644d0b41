//! Copies of which nobody tells how far they have come: found.
//!
//! One whose answer was lost is known by what it is a copy of, by when it was made, and by not having been there
//! before. Where another program has had its hands on one, it stays as it is.

use crate::drive::error::Error;
use crate::drive::removals::evidence::{self, Outcome, is_made_since, leaves, may_yet_come, unproved};
use crate::drive::removals::journal::Journal;
use crate::drive::removals::record::{Original, Removal, hex};
use crate::upstream::{Client, Item, ItemKind, TaskState};

/// The drive was asked for a copy and has not told its id.
pub(super) async fn copying(
    client: &Client,
    journal: &Journal,
    removal: &Removal,
    of: &Original,
) -> Result<Outcome, Error> {
    let Some(copies) = copies(client, journal, removal, of).await? else { return Ok(Outcome::Open) };
    Ok(match copies.as_slice() {
        [] if may_yet_come(journal, removal) => Outcome::Open,
        [] => Outcome::Nothing,
        // Of a folder it cannot be told whether it is whole.
        [copy] if !of.folder && copy.name == removal.facts.name => Outcome::TookEffect,
        [copy] => unproved(journal, removal, copy).await?,
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
pub(super) async fn copy_of(
    client: &Client,
    journal: &Journal,
    removal: &Removal,
    of: &Original,
) -> Result<Option<String>, Error> {
    Ok(match copies(client, journal, removal, of).await?.as_deref() {
        Some([copy]) if journal.is_ours(removal, &copy.name).await? => Some(copy.file_id.clone()),
        _ => None,
    })
}

/// What can be the copy; absent where that cannot be told now.
async fn copies(
    client: &Client,
    journal: &Journal,
    removal: &Removal,
    of: &Original,
) -> Result<Option<Vec<Item>>, Error> {
    let is_like = |item: &Item| {
        let like = match (item.kind, &of.sha1) {
            (ItemKind::Folder, _) => of.folder,
            (ItemKind::File, Some(sha1)) => item.sha1.is_some_and(|found| hex(&found) == *sha1),
            (ItemKind::File, None) => false,
        };
        like && of.may_name_copy(&item.name) && item.file_id != of.file_id && is_made_since(item, removal)
    };
    let found = match evidence::members(client, &removal.drive_id, &removal.facts.folder_id, is_like).await {
        Err(Error::NotFound) => return Ok(Some(Vec::new())),
        found => found?,
    };
    // Asked after the folder: what has been told since is known now.
    let Some(others) = journal.others(removal) else { return Ok(None) };
    let mut copies = Vec::new();
    for item in found.into_iter().filter(|item| !others.contains(&item.file_id)) {
        if !of.folder || has_nothing_else(client, &removal.drive_id, &item.file_id, of).await? {
            copies.push(item);
        }
    }
    Ok(Some(copies))
}

/// Whether a folder has nothing in it but what another has too.
async fn has_nothing_else(client: &Client, drive_id: &str, folder_id: &str, of: &Original) -> Result<bool, Error> {
    let their_drive = of.drive_id.as_deref().unwrap_or(drive_id);
    let theirs = match evidence::members(client, their_drive, &of.file_id, |_| true).await {
        Err(Error::NotFound) => return Ok(false),
        theirs => theirs?,
    };
    let is_new = |item: &Item| {
        !theirs.iter().any(|their| (&their.name, their.kind, their.sha1) == (&item.name, item.kind, item.sha1))
    };
    match evidence::members(client, drive_id, folder_id, is_new).await {
        Err(Error::NotFound) => Ok(false),
        new => Ok(new?.is_empty()),
    }
}

/// A copy was made, and was to be named; `unwanted` if it is to go.
pub(super) async fn copied(
    client: &Client,
    removal: &Removal,
    file_id: &str,
    task: Option<&str>,
    of: &Original,
    unwanted: Outcome,
) -> Result<Outcome, Error> {
    let Some(item) = evidence::item(client, &removal.drive_id, file_id).await? else {
        return Ok(leaves(file_id, true));
    };
    let here = item.parent_file_id.as_ref().is_none_or(|parent| *parent == removal.facts.folder_id);
    let unnamed = of.may_name_copy(&item.name);
    if unnamed && (!here || item.name != removal.facts.name) {
        return Ok(if here { unwanted } else { Outcome::Nothing });
    }
    // It is named when it is whole, and may not be whole only where it needs no name.
    match task.filter(|_| unnamed) {
        None => Ok(Outcome::TookEffect),
        Some(task) => match client.task(task).await? {
            TaskState::Succeed => Ok(Outcome::TookEffect),
            TaskState::Running => Ok(Outcome::Open),
            TaskState::Failed => Ok(unwanted),
        },
    }
}
