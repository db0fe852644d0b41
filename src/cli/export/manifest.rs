//! What exports have written into a folder: by this alone is a file known as theirs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::folder::Folder;
use crate::digest::Sha1;

#[derive(Serialize, Deserialize, Clone, PartialEq)]
struct Kept {
    view: String,
    /// Sums of contents by path: what was written, and what was about to be.
    files: BTreeMap<String, BTreeSet<String>>,
    folders: BTreeSet<String>,
}

pub(super) struct Manifest {
    now: Kept,
    written: Option<Kept>,
}

impl Manifest {
    /// # Errors
    /// It cannot be read, or is another view's.
    pub(super) fn read(folder: &Folder, view: &str) -> Result<Self, String> {
        let written: Option<Kept> = match folder.read_own()? {
            None => None,
            Some(text) => Some(serde_json::from_slice(&text).map_err(|error| {
                let remedy = "remove it: what exports wrote is then left alone unless it is as it should be";
                format!("{}: {error}; {remedy}", folder.own().display())
            })?),
        };
        if let Some(other) = written.as_ref().filter(|kept| kept.view != view) {
            return Err(format!(
                "{} holds the export of the view {}; name another folder",
                folder.root().display(),
                other.view
            ));
        }
        let empty = || Kept { view: view.to_owned(), files: BTreeMap::new(), folders: BTreeSet::new() };
        Ok(Self { now: written.clone().unwrap_or_else(empty), written })
    }

    /// This content is about to be written there.
    pub(super) fn expects(&mut self, at: &str, sum: Sha1) {
        self.now.files.entry(at.to_owned()).or_default().insert(sum.to_string());
    }

    /// Whether an export wrote this content there.
    pub(super) fn wrote(&self, at: &str, sum: Sha1) -> bool {
        self.now.files.get(at).is_some_and(|sums| sums.contains(&*sum.to_string()))
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.now.files.keys().map(String::as_str)
    }

    pub(super) fn folders(&self) -> impl Iterator<Item = &str> {
        self.now.folders.iter().map(String::as_str)
    }

    pub(super) fn has_file(&mut self, at: &str, sum: Sha1) {
        self.now.files.insert(at.to_owned(), BTreeSet::from([sum.to_string()]));
    }

    pub(super) fn has_folder(&mut self, at: &str) {
        self.now.folders.insert(at.to_owned());
    }

    pub(super) fn forget(&mut self, at: &str) {
        self.now.files.remove(at);
        self.now.folders.remove(at);
    }

    /// Whether it is other than what was written last.
    pub(super) fn differs(&self) -> bool {
        self.written.as_ref() != Some(&self.now)
    }

    /// # Errors
    /// It cannot be written.
    pub(super) fn write(&mut self, folder: &Folder) -> Result<(), String> {
        if self.differs() {
            folder.write_own(&serde_json::to_vec_pretty(&self.now).map_err(|error| error.to_string())?)?;
            self.written = Some(self.now.clone());
        }
        Ok(())
    }
}
