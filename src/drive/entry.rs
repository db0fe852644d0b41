//! Files and folders as the tree shows them.
//!
//! An [`Entry`] is what a listing keeps: hundreds of thousands of them are held in memory, so it has
//! no field that nobody asks for. A [`Resource`] is an entry at its path.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::clock::UnixMillis;
use crate::config;
use crate::digest::Sha1;
use crate::drive::path::Path;
use crate::drive::sounds::Sounds;
use crate::upstream::{Category, Item, ItemKind};

/// Punish flags of content that is not given out: frozen, and illegal (reference 3.1).
const FROZEN: [i64; 2] = [2, 103];

/// Whether an entry is a file or a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the variants say it")]
pub enum Kind {
    File,
    Folder,
}

/// Where an entry is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// An item of the drive.
    Drive,
    /// An empty file that waits for its content here; the drive does not have it yet.
    Held,
    /// A file manager's own file, which stays in the state store.
    Local,
    /// A mount's root, a view's, or a folder above them.
    Mount,
    /// A file that a view makes.
    View,
}

/// A file or folder of a drive, as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Name as shown: a `/` inside the drive's name appears as `／`.
    pub name: Box<str>,
    /// The drive's id of it; empty for a folder that exists only because mounts lie below it.
    pub file_id: Box<str>,
    /// Where it is from.
    pub origin: Origin,
    /// File or folder.
    pub kind: Kind,
    /// Bytes; absent for folders and where the drive does not say.
    pub size: Option<u64>,
    /// SHA-1 of the content, where known.
    pub sha1: Option<Sha1>,
    /// Time of modification: the uploader's where given, else the drive's.
    pub modified: UnixMillis,
    /// The drive's own time of the last change.
    pub updated: UnixMillis,
    /// Time of creation.
    pub created: UnixMillis,
    /// For a live photo shown as one of its streams, which.
    pub livp: Option<config::LivpFormat>,
    /// What the drive takes the content for; absent for folders and where the drive does not say.
    pub category: Option<Category>,
    /// Second at which it was left, of a film.
    pub cursor_s: Option<NonZeroU32>,
    /// The sound of a film.
    pub sounds: Sounds,
    /// The user has starred it.
    pub starred: bool,
    /// The drive has frozen the content: a link would lead to a notice, if there were one.
    pub frozen: bool,
}

impl Entry {
    /// A folder that no drive item stands for: a mount's root, or a folder above the mounts.
    pub(super) fn mount_point(name: &str, file_id: &str, time: UnixMillis) -> Self {
        Self { origin: Origin::Mount, ..Self::synthetic(name, file_id, time) }
    }

    /// A folder of which no more is known.
    pub(super) fn synthetic(name: &str, file_id: &str, time: UnixMillis) -> Self {
        Self {
            name: name.into(),
            file_id: file_id.into(),
            origin: Origin::Drive,
            kind: Kind::Folder,
            size: None,
            sha1: None,
            modified: time,
            updated: time,
            created: time,
            livp: None,
            category: None,
            cursor_s: None,
            sounds: Sounds::default(),
            starred: false,
            frozen: false,
        }
    }

    /// A folder of the server itself, in no drive.
    #[must_use]
    pub fn folder(name: &str, time: UnixMillis) -> Self {
        Self::mount_point(name, "", time)
    }

    /// Whether the entry is a folder.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.kind == Kind::Folder
    }

    /// MIME type by the name's extension; absent for folders.
    #[must_use]
    pub fn mime(&self) -> Option<&'static str> {
        let extension = self.name.rsplit_once('.').map_or("", |(_, extension)| extension);
        (!self.is_folder()).then(|| mime_guess::from_ext(extension).first_raw().unwrap_or("application/octet-stream"))
    }

    /// Strong entity tag with its quotes: the SHA-1 where the drive has one, else id, size and the
    /// drive's time of change. Absent for folders and for files of unknown size and hash.
    #[must_use]
    pub fn etag(&self) -> Option<String> {
        let mut tag = Vec::with_capacity(44);
        self.push_etag(&mut tag);
        String::from_utf8(tag).ok().filter(|tag| !tag.is_empty())
    }

    /// Appends [`Entry::etag`], or nothing where there is none.
    pub fn push_etag(&self, out: &mut Vec<u8>) {
        match (self.sha1, self.size) {
            (Some(sha1), _) => {
                out.push(b'"');
                out.extend_from_slice(sha1.lower().as_bytes());
                out.push(b'"');
            }
            (None, Some(size)) if !self.is_folder() => {
                out.extend_from_slice(format!("\"{}-{size:x}-{:x}\"", self.file_id, self.updated.0).as_bytes());
            }
            _ => {}
        }
    }
}

impl From<&Item> for Entry {
    fn from(item: &Item) -> Self {
        let updated = item.updated.or(item.created).unwrap_or_default();
        let folder = item.kind == ItemKind::Folder;
        Self {
            name: shown_name(&item.name),
            file_id: item.file_id.as_str().into(),
            origin: Origin::Drive,
            kind: if folder { Kind::Folder } else { Kind::File },
            size: item.size,
            sha1: item.sha1.filter(|_| !folder),
            modified: item.local_modified.filter(|_| !folder).unwrap_or(updated),
            updated,
            created: item.created.unwrap_or(updated),
            livp: None,
            category: item.category.filter(|_| !folder),
            cursor_s: item.cursor_s.and_then(second),
            sounds: item.media.as_deref().map(|media| Sounds::of(&media.sound)).unwrap_or_default(),
            starred: item.starred,
            frozen: FROZEN.contains(&item.punish_flag),
        }
    }
}

/// The whole second; none at the beginning.
fn second(seconds: f64) -> Option<NonZeroU32> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is beyond is cut")]
    NonZeroU32::new(seconds as u32)
}

/// The drive's name as one path segment: `/` cannot appear in one, its full-width twin can. The way
/// back is the listing itself, which keeps the id beside the shown name.
fn shown_name(name: &str) -> Box<str> {
    if name.contains('/') { name.replace('/', "／").into() } else { name.into() }
}

/// An entry at its path.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Where it is in the tree.
    pub path: Path,
    /// What it is.
    pub entry: Arc<Entry>,
    /// The mount's settings; absent for folders above the mounts.
    pub mount: Option<Arc<config::Mount>>,
}

impl Resource {
    /// Whether it is a folder.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.entry.is_folder()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> Entry {
        Entry { kind: Kind::File, size: Some(10), ..Entry::synthetic(name, "f1", UnixMillis(7)) }
    }

    // Keeps 21.
    #[test]
    fn the_entity_tag_is_the_hash_where_there_is_one() {
        let mut entry = file("a");
        assert_eq!(entry.etag().unwrap(), "\"f1-a-7\"");
        entry.sha1 = Some([0xab; 20].into());
        assert_eq!(entry.etag().unwrap(), format!("\"{}\"", "ab".repeat(20)));
        assert_eq!(Entry::synthetic("d", "d1", UnixMillis(7)).etag(), None);
    }

    // Keeps 5.
    #[test]
    fn a_slash_inside_a_name_does_not_make_two_segments() {
        assert_eq!(&*shown_name("AC/DC"), "AC／DC");
        assert_eq!(&*shown_name("plain"), "plain");
    }

    #[test]
    fn an_entry_stays_small() {
        // The budget is 400 bytes with the heap parts of name and id, which take about 100.
        assert!(size_of::<Entry>() <= 128, "{}", size_of::<Entry>());
    }
}
