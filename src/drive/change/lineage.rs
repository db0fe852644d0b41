//! Whether one place lies in another, where their paths do not tell: two mounts may show one drive from different
//! folders.

use crate::drive::change::namespace::Namespace;
use crate::drive::change::target::Target;
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::listing::cache::Freshness;

/// Folders above a mount's root that are followed up: the drive has none that lie deeper.
const MOST_ABOVE: usize = 200;

/// Fails if a folder would be put into itself, or an item in place of a folder that holds it.
///
/// # Errors
/// [`Error::IntoItself`]; a call's failure.
pub(super) async fn check_lineage(
    names: &Namespace,
    (source, entry): (&Target, &Entry),
    (target, replaced): (&Target, Option<&Entry>),
) -> Result<(), Error> {
    // Of one mount the paths tell.
    if source.mount.index == target.mount.index || !source.same_drive(target) {
        return Ok(());
    }
    let into_itself = entry.is_folder() && lies_in(names, target, &entry.file_id).await?;
    let replaces = replaced.filter(|replaced| replaced.is_folder());
    let over_itself = match replaces {
        Some(replaced) => lies_in(names, source, &replaced.file_id).await?,
        None => false,
    };
    if into_itself || over_itself { Err(Error::IntoItself) } else { Ok(()) }
}

/// Whether a place is somewhere in a folder.
async fn lies_in(names: &Namespace, place: &Target, folder_id: &str) -> Result<bool, Error> {
    if *place.folder.file_id == *folder_id {
        return Ok(true);
    }
    let mut at = place.rest.parent();
    while let Some(path) = at {
        if *names.resolver.find(&place.mount, &path, Freshness::Cached).await?.file_id == *folder_id {
            return Ok(true);
        }
        at = path.parent().filter(|_| !path.is_root());
    }
    above_mount(place, folder_id).await
}

async fn above_mount(place: &Target, folder_id: &str) -> Result<bool, Error> {
    let client = &place.mount.account.client;
    let mut id = place.mount.root.file_id.to_string();
    for _ in 0..MOST_ABOVE {
        if id == "root" {
            return Ok(false);
        }
        match client.get(&place.drive_id, &id).await?.parent_file_id {
            Some(parent) if parent == folder_id => return Ok(true),
            Some(parent) => id = parent,
            None => return Ok(false),
        }
    }
    Ok(false)
}
