//! Moves of which nobody tells how far they have come: found by the item's id, and given back.
//!
//! Where another program has had its hands on one, it stays as it is.

use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::removals::evidence::{self, Outcome};
use crate::drive::removals::overview::Overview;
use crate::drive::removals::record::{Removal, Spot};
use crate::upstream::{CheckNameMode, Client, ErrorKind, Item, TaskState};

/// An item was to change its place. It is given back where it has only its new name yet, in its old folder.
pub(super) async fn moved(
    client: &Client,
    overview: &dyn Overview,
    removal: &Removal,
    file_id: &str,
    from: &Spot,
    task: Option<&str>,
) -> Result<Outcome, Error> {
    if let Some(task) = task
        && client.task(task).await? == TaskState::Running
    {
        return Ok(Outcome::Open);
    }
    let Some(item) = evidence::item(client, &removal.drive_id, file_id).await? else { return Ok(Outcome::Nothing) };
    let to = &removal.facts;
    let parent = item.parent_file_id.as_deref().unwrap_or(&to.folder_id);
    if parent == to.folder_id {
        // Only by our own hands it has got there under another name than its old one; whatever came then.
        let arrived = item.name == to.name || from.folder_id != to.folder_id && item.name != from.name;
        return Ok(if arrived { Outcome::TookEffect } else { Outcome::Nothing });
    }
    if parent == from.folder_id && item.name == to.name && from.name != to.name {
        return give_back(client, overview, removal, &item, from).await;
    }
    Ok(Outcome::Nothing)
}

/// Gives an item its old name back. Where that is another's by now it goes on to its new place, if that is free.
async fn give_back(
    client: &Client,
    overview: &dyn Overview,
    removal: &Removal,
    item: &Item,
    from: &Spot,
) -> Result<Outcome, Error> {
    let (drive_id, file_id) = (&removal.drive_id, &item.file_id);
    match client.rename(drive_id, file_id, &from.name, CheckNameMode::Refuse).await {
        Ok(_) => {}
        // Sent again after a lost answer it may have met itself.
        Err(error) if error.kind == ErrorKind::NameExists => {
            let there = evidence::item(client, drive_id, file_id).await?;
            if there.is_none_or(|there| there.name != from.name) {
                return carry_on(client, overview, removal, item, from).await;
            }
        }
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(Outcome::Nothing),
        Err(error) => return Err(error.into()),
    }
    tracing::info!(name = item.name, wanted = from.name, "a half-done move was taken back");
    let entry = Entry { name: from.name.as_str().into(), ..Entry::from(item) };
    overview.item_named(&from.folder_id, entry).await;
    Ok(Outcome::Nothing)
}

/// Brings an item that has its new name already into its new folder, unless the name is taken there.
async fn carry_on(
    client: &Client,
    overview: &dyn Overview,
    removal: &Removal,
    item: &Item,
    from: &Spot,
) -> Result<Outcome, Error> {
    let to = &removal.facts;
    let moving = client.move_item(&removal.drive_id, &item.file_id, &to.folder_id, CheckNameMode::Refuse, None);
    match moving.await {
        Ok(change) if !change.exists => {
            tracing::info!(name = item.name, "a half-done move was finished, since its old name is another's");
            overview.item_gone(&from.folder_id, &item.file_id).await;
            overview.item_named(&to.folder_id, Entry::from(item)).await;
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
