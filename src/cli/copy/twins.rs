//! Names that differ in case only. The drive tells them apart; many a local file system (macOS, Windows, FAT) does not, and
//! the second would take the place of the first.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::path::Path;

use crate::drive::nfc_key;

/// The names of one folder's members, as a file system knows them that does not tell case apart.
#[derive(Default)]
pub(super) struct Twins {
    names: HashMap<String, String>,
    /// Whether the destination takes them for one; found out when there are any.
    folds: Option<bool>,
}

impl Twins {
    /// The name that came before and that is this one to the folder.
    pub(super) fn of(&mut self, name: &str, folder: &Path) -> Option<&str> {
        self.of_if(name, || folds(folder).unwrap_or(false))
    }

    fn of_if(&mut self, name: &str, folds: impl FnOnce() -> bool) -> Option<&str> {
        match self.names.entry(nfc_key(name).to_lowercase()) {
            Entry::Vacant(entry) => {
                entry.insert(name.to_owned());
                None
            }
            Entry::Occupied(entry) => {
                let folds = *self.folds.get_or_insert_with(folds);
                folds.then(|| entry.into_mut().as_str())
            }
        }
    }
}

/// Whether the folder takes names that differ in case only for one: a file of ours is looked for by another name.
fn folds(folder: &Path) -> io::Result<bool> {
    let probe = tempfile::Builder::new().prefix(".alidav-case-").tempfile_in(folder)?;
    let name = probe.path().file_name().map(|name| name.to_string_lossy().to_uppercase()).unwrap_or_default();
    folder.join(name).try_exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Keeps 168.
    #[test]
    fn a_second_name_is_found_where_case_does_not_count() {
        let mut twins = Twins::default();
        assert_eq!(twins.of_if("Film", || true), None);
        assert_eq!(twins.of_if("other", || true), None);
        assert_eq!(twins.of_if("film", || true), Some("Film"));
        assert_eq!(twins.of_if("FILM", || false), Some("Film"));
        assert_eq!(twins.of_if("É", || false), None);
        assert_eq!(twins.of_if("e\u{301}", || false), Some("É"));
        let mut apart = Twins::default();
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(apart.of("Film", folder.path()), None);
        // The one that tests run on tells them apart, and nothing of the question stays.
        assert_eq!(apart.of("film", folder.path()).is_some(), folds(folder.path()).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
