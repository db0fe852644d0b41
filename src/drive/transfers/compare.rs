//! Whether a copy is what it is a copy of, by the listings of both.

use std::sync::Arc;

use crate::drive::change::namespace::Namespace;
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::listing::cache::Freshness;
use crate::drive::mount::Mounted;
use crate::drive::path::Path;
use crate::drive::transfers::failures::Failures;
use crate::drive::transfers::follower::Followers;

/// Whether one is a copy of the other, as far as listings tell: a file's content must be told to be the same.
pub(super) fn is_same(source: &Entry, copy: &Entry) -> bool {
    if source.is_folder() || copy.is_folder() {
        return source.is_folder() && copy.is_folder();
    }
    let sizes = source.size.zip(copy.size);
    match source.sha1.zip(copy.sha1) {
        Some((a, b)) => a == b && sizes.is_none_or(|(a, b)| a == b),
        None => sizes == Some((0, 0)),
    }
}

/// Whether nothing of the source would be lost without it: a live photo is shown as one of its streams, and has another.
pub(super) fn is_whole(source: &Entry, copy: &Entry) -> bool {
    is_same(source, copy) && (source.livp.is_none() || copy.livp.is_some())
}

/// A folder at its place.
pub(super) struct At {
    pub(super) mount: Arc<Mounted>,
    pub(super) folder: Arc<Entry>,
    pub(super) path: Path,
}

impl At {
    fn below(&self, folder: &Arc<Entry>) -> Self {
        Self { mount: self.mount.clone(), folder: folder.clone(), path: self.path.join(&folder.name) }
    }
}

/// Compares two trees as both drives list them now; what the copy lacks, or has otherwise, is a failure of the source's
/// path. So is what bears the name of something newer, which is shown to nobody and was not copied.
///
/// # Errors
/// A listing's failure.
pub(super) async fn compare(
    names: &Namespace,
    source: At,
    copy: At,
    followers: &Followers,
    failures: &Failures,
) -> Result<(), Error> {
    let mut open = vec![(source, copy)];
    while let Some((source, copy)) = open.pop() {
        let theirs = names.listing_of(&source.mount, &source.folder.file_id, Freshness::Refresh).await?;
        let ours = names.listing_of(&copy.mount, &copy.folder.file_id, Freshness::Refresh).await?;
        for entry in theirs.hidden() {
            failures.add(source.path.join(&entry.name), Error::NameExists);
        }
        for entry in theirs.iter() {
            match ours.find(&entry.name).filter(|copy| is_whole(entry, copy)) {
                Some(found) => {
                    followers.copied(entry, found).await;
                    if found.is_folder() {
                        open.push((source.below(entry), copy.below(found)));
                    }
                }
                None => failures.add(source.path.join(&entry.name), Error::Changed { gone: false }),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMillis;
    use crate::drive::entry::Kind;

    #[test]
    fn only_what_is_told_to_be_the_same_is() {
        let folder = Entry::synthetic("a", "1", UnixMillis(1));
        let file = |size, sha1: Option<u8>| Entry {
            kind: Kind::File,
            size,
            sha1: sha1.map(|byte| [byte; 20].into()),
            ..folder.clone()
        };
        assert!(is_same(&folder, &folder) && !is_same(&folder, &file(None, None)));
        assert!(is_same(&file(Some(1), Some(1)), &file(Some(1), Some(1))));
        assert!(!is_same(&file(Some(1), Some(1)), &file(Some(1), Some(2))));
        assert!(!is_same(&file(Some(1), Some(1)), &file(Some(2), Some(1))));
        assert!(!is_same(&file(Some(1), None), &file(Some(1), None)));
        assert!(is_same(&file(Some(0), None), &file(Some(0), Some(1))));
    }
}
