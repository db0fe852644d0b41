//! Live photos (`.livp`): one item made of a picture and a film, shown as the one the mount asks for.
//!
//! The item's own size is that of neither stream (reference 3.1), so a listing asks for the streams
//! and shows name and length of the one that a download gives. Where the drive does not tell the
//! stream's length, none is shown.

use crate::config::LivpFormat;
use crate::drive::entry::Entry;
use crate::upstream::{Client, Error, ErrorKind, Item, ItemKind, LivpStream};

/// Most ids of one `batch/get` (reference 3.7).
const BATCH: usize = 100;

/// Most single look-ups a listing pays for live photos whose streams the batch did not tell.
const MAX_SINGLE: usize = 50;

const EXTENSION: &str = ".livp";

/// Whether the service's item is a live photo.
pub(super) fn is_live_photo(item: &Item) -> bool {
    item.kind == ItemKind::File && stem(&item.name).is_some()
}

/// The name without `.livp`, if it has that ending.
pub(in crate::drive) fn stem(name: &str) -> Option<&str> {
    let at = name.len().checked_sub(EXTENSION.len())?;
    (name.is_char_boundary(at) && name[at..].eq_ignore_ascii_case(EXTENSION)).then(|| &name[..at])
}

/// Whether `shown` is what a live photo of that stem is listed as.
pub(super) fn shown_as(shown: &str, stem: &str) -> bool {
    shown.strip_prefix(stem).is_some_and(|rest| matches!(rest, ".jpeg" | ".heic" | ".mov"))
}

/// Fills in the streams of the live photos among the items: one call for each hundred of them. One that has
/// gone since it was listed, or is frozen, keeps none.
///
/// # Errors
/// A failed call fails the listing: half of it would be a lie.
pub(super) async fn fill_streams(client: &Client, drive_id: &str, items: &mut [Item]) -> Result<(), Error> {
    let mut photos: Vec<&mut Item> = items.iter_mut().filter(|i| is_live_photo(i) && i.streams.is_empty()).collect();
    for chunk in photos.chunks_mut(BATCH) {
        let ids: Vec<&str> = chunk.iter().map(|i| i.file_id.as_str()).collect();
        let answers = client.batch_get(drive_id, &ids).await?;
        for photo in chunk.iter_mut() {
            if let Some(answer) = answers.iter().find(|a| a.file_id == photo.file_id) {
                photo.streams.clone_from(&answer.streams);
            }
        }
    }
    for photo in photos.iter_mut().filter(|p| p.streams.is_empty()).take(MAX_SINGLE) {
        match client.get(drive_id, &photo.file_id).await {
            Ok(item) => photo.streams = item.streams,
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Forbidden) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The live photo as the stream the mount asks for.
pub(in crate::drive) fn as_stream(item: &Item, format: LivpFormat) -> Entry {
    let wanted: &[&str] = match format {
        LivpFormat::Jpeg => &["jpeg", "heic"],
        LivpFormat::Mov => &["mov"],
    };
    let stream: Option<&LivpStream> = wanted.iter().find_map(|name| item.streams.iter().find(|s| s.name == *name));
    let mut entry = Entry::from(item);
    let extension = stream.map_or(wanted[0], |s| s.name.as_str());
    if let Some(stem) = stem(&entry.name) {
        entry.name = format!("{stem}.{extension}").into();
    }
    entry.size = stream.map(|s| s.size);
    entry.sha1 = stream.and_then(|s| s.sha1);
    entry.livp = Some(format);
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_is_matched_in_any_case_and_at_character_bounds() {
        assert_eq!(stem("IMG_1.LIVP"), Some("IMG_1"));
        assert_eq!(stem("照片.livp"), Some("照片"));
        assert_eq!(stem("照片"), None);
        assert_eq!(stem("livp"), None);
        assert!(shown_as("IMG_1.jpeg", "IMG_1"));
        assert!(!shown_as("IMG_10.jpeg", "IMG_1"));
    }
}
