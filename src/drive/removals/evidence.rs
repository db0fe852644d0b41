//! How the drive is looked at for what a change has made, and what the look can come to.

use std::time::Duration;

use crate::config::{OrderBy, OrderDirection, RemoveWay};
use crate::drive::error::Error;
use crate::drive::removals::journal::Journal;
use crate::drive::removals::record::Removal;
use crate::upstream::{Client, ErrorKind, Item, ListRequest};

/// How long after it was asked the drive may still attach content or make a copy: longer than any answer to it is waited for.
const OFFER: Duration = Duration::from_secs(120);

/// How far the drive's clock and ours may be apart.
const CLOCKS: Duration = Duration::from_secs(60);

/// Most pages of a folder that are looked through for what a change has made.
const MOST_PAGES: usize = 1000;

/// What the drive's answer means.
pub(super) enum Outcome {
    /// What the change replaced is to go.
    TookEffect,
    /// What the change has made is to go, if it is there.
    Leaves { made: String, way: RemoveWay, may_yet: bool },
    /// Nothing is to go.
    Nothing,
    /// It cannot be said yet.
    Open,
}

/// The item, if it is there and whole.
pub(super) async fn item(client: &Client, drive_id: &str, file_id: &str) -> Result<Option<Item>, Error> {
    match client.get(drive_id, file_id).await {
        Ok(item) => Ok(Some(item).filter(|item| !item.trashed && !item.uploading)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether the item is a file by now, be it in the recycle bin, and no upload.
pub(super) async fn is_whole(client: &Client, drive_id: &str, file_id: &str) -> Result<bool, Error> {
    match client.get(drive_id, file_id).await {
        Ok(item) => Ok(!item.uploading),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(error.tells_of_recycle_bin()),
        Err(error) => Err(error.into()),
    }
}

/// Those of a folder's members that are there and whole, and wanted.
pub(super) async fn members(
    client: &Client,
    drive_id: &str,
    folder_id: &str,
    wanted: impl Fn(&Item) -> bool,
) -> Result<Vec<Item>, Error> {
    let mut found = Vec::new();
    let mut marker: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let request = ListRequest {
            drive_id,
            parent_file_id: folder_id,
            order_by: OrderBy::Name,
            order_direction: OrderDirection::Asc,
            marker: marker.as_deref(),
        };
        let page = client.list(request).await.map_err(|error| match error.kind {
            ErrorKind::ParentNotFound => Error::NotFound,
            _ => error.into(),
        })?;
        found.extend(page.items.into_iter().filter(|item| !item.trashed && !item.uploading && wanted(item)));
        marker = page.next_marker;
        if marker.is_none() {
            return Ok(found);
        }
    }
    Err(Error::EndlessListing)
}

/// What the change has made is to go, by its id.
pub(super) fn leaves(made: &str, may_yet: bool) -> Outcome {
    // What may have come and gone meanwhile is not to be taken out of the recycle bin for good.
    let way = if may_yet { RemoveWay::Trash } else { RemoveWay::Delete };
    Outcome::Leaves { made: made.to_owned(), way, may_yet }
}

/// The same where its id is not proved to be ours: it goes where it can be had back, and stays where another instance may
/// have made it.
///
/// # Errors
/// The state store cannot tell whether one may.
pub(super) async fn unproved(journal: &Journal, removal: &Removal, item: &Item) -> Result<Outcome, Error> {
    if !journal.is_ours(removal, &item.name).await? {
        tracing::warn!(
            name = item.name,
            "the answer to a change was lost, and what could be its doing may be another instance's: it stays"
        );
        return Ok(Outcome::Nothing);
    }
    Ok(Outcome::Leaves { made: item.file_id.clone(), way: RemoveWay::Trash, may_yet: false })
}

/// Whether an item may have been made by a change, by the time of its creation.
pub(super) fn is_made_since(item: &Item, removal: &Removal) -> bool {
    let since = removal.since.minus(CLOCKS);
    item.created.is_some_and(|created| created >= since)
}

/// Whether the drive may still be at what it was asked for.
pub(super) fn may_yet_come(journal: &Journal, removal: &Removal) -> bool {
    journal.now() < removal.since.plus(OFFER)
}
