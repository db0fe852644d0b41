//! Fetching one folder's complete listing, page by page.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::time::Instant;

use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::listing::live_photo;
use crate::drive::listing::members::Listing;
use crate::drive::mount::Mounted;
use crate::upstream::{self, ListRequest};

/// Most pages of one listing: a million members at 100 a page.
const MAX_PAGES: usize = 10_000;

/// Asks for all pages of a folder.
///
/// # Errors
/// Any page that fails fails the listing: a part of a folder is never taken for the whole. What on a page is no item at
/// all is left out, with one word in the log for the whole listing.
pub(in crate::drive) async fn fetch(mount: &Mounted, folder_id: &str) -> Result<Listing, Error> {
    let drive_id = mount.drive_id().await?;
    let asked_at = Instant::now();
    let removals = &mount.account.removals;
    let mut items = Vec::new();
    let mut unreadable = 0;
    let mut marker: Option<String> = None;
    let mut markers = HashSet::new();
    for _ in 0..MAX_PAGES {
        let request = ListRequest {
            drive_id: &drive_id,
            parent_file_id: folder_id,
            order_by: mount.settings.order_by,
            order_direction: mount.settings.order_direction,
            marker: marker.as_deref(),
        };
        let page = mount.account.client.list(request).await.map_err(folder_is_gone)?;
        let shown = page.items.into_iter().filter(|i| !i.trashed && !i.uploading && !removals.hides_item(i));
        items.extend(shown.map(|mut item| {
            mount.account.addresses.take_in(&mut item);
            item
        }));
        unreadable += page.unreadable;
        match page.next_marker {
            None => {
                report_unreadable(unreadable, folder_id);
                return finish(mount, &drive_id, items, asked_at).await;
            }
            // A marker seen before would be followed in a circle for ever.
            Some(next) if !markers.insert(next.clone()) => return Err(Error::EndlessListing),
            Some(next) => marker = Some(next),
        }
    }
    Err(Error::EndlessListing)
}

fn report_unreadable(count: usize, folder: &str) {
    if count > 0 {
        tracing::warn!(count, folder, "items without a name, or not readable, are not shown");
    }
}

/// A listing names its folder as parent: without it the folder itself is missing.
fn folder_is_gone(error: upstream::Error) -> Error {
    match error.kind {
        upstream::ErrorKind::ParentNotFound => Error::NotFound,
        _ => error.into(),
    }
}

async fn finish(
    mount: &Mounted,
    drive_id: &str,
    mut items: Vec<upstream::Item>,
    asked_at: Instant,
) -> Result<Listing, Error> {
    // An item that moves between pages while they are fetched may come twice.
    let mut seen = HashSet::with_capacity(items.len());
    items.retain(|item| seen.insert(item.file_id.clone()));
    drop(seen);
    // Some may have become obsolete while later pages were fetched.
    items.retain(|item| !mount.account.removals.hides_item(item));
    live_photo::fill_streams(&mount.account.client, drive_id, &mut items).await?;
    let entries = items
        .iter()
        .filter(|item| showable(&item.name))
        .map(|item| {
            if live_photo::is_live_photo(item) {
                live_photo::as_stream(item, mount.settings.livp_download_format)
            } else {
                Entry::from(item)
            }
        })
        .map(Arc::new)
        .collect();
    Ok(Listing::new(entries, asked_at))
}

/// Names that no path can lead to are left out, with a word in the log.
fn showable(name: &str) -> bool {
    let showable = !name.is_empty() && name != "." && name != ".." && !name.contains('\0');
    if !showable {
        tracing::warn!(?name, "an item whose name cannot be part of a path is not shown");
    }
    showable
}
