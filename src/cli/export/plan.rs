//! What an export has to do: what the view has, held against what is in the folder.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::folder::{Folder, Local};
use super::manifest::Manifest;
use crate::clock::UnixMillis;
use crate::digest::Sha1;
use crate::drive::{self, Freshness, Origin, Resource, Tree};

/// An item of the view.
pub(super) struct Wanted {
    /// Its path below the view, without a slash at either end.
    pub(super) at: String,
    pub(super) modified: UnixMillis,
    pub(super) what: What,
}

pub(super) enum What {
    Folder,
    /// A file that the view makes, with its content.
    Made(Vec<u8>),
    /// A file of the drive's.
    Kept(Resource),
}

impl Wanted {
    /// The sum of its content, where it is known without reading it.
    pub(super) fn sha1(&self) -> Option<Sha1> {
        match &self.what {
            What::Folder => None,
            What::Made(text) => Some(Sha1::of(text)),
            What::Kept(file) => file.entry.sha1,
        }
    }
}

/// All of a view, folders before what is in them; complete or an error.
///
/// # Errors
/// A listing's.
pub(super) async fn listed(tree: &Tree, view: &drive::Path) -> Result<Vec<Wanted>, drive::Error> {
    let mut wanted = Vec::new();
    let mut left = vec![view.clone()];
    while let Some(path) = left.pop() {
        let folder = tree.stat(&path, Freshness::Cached).await?;
        let members = tree.members(&folder, Freshness::Cached).await?;
        for entry in members.iter() {
            let path = path.join(&entry.name);
            let at = path.strip_base(view).map(|rest| rest.as_str().trim_matches('/').to_owned()).unwrap_or_default();
            let what = if entry.is_folder() {
                left.push(path);
                What::Folder
            } else {
                let file = tree.stat(&path, Freshness::Cached).await?;
                match (file.entry.origin, tree.kept_content(&file).await?) {
                    (Origin::View, Some(text)) => What::Made(text),
                    _ => What::Kept(file),
                }
            };
            wanted.push(Wanted { at, modified: entry.modified, what });
        }
    }
    Ok(wanted)
}

/// What is to be done.
pub(super) struct Plan {
    /// New or other than what is there.
    pub(super) to_write: Vec<Wanted>,
    /// Files that an export wrote and the view has no more.
    pub(super) to_remove: Vec<String>,
    /// Folders that an export made and the view has no more, the deepest first.
    pub(super) vanished_folders: Vec<String>,
    /// What stands in the way and is not an export's.
    pub(super) foreign: Vec<String>,
    /// What is no more as an export wrote it, and not in the view: it is nobody's business now.
    pub(super) given_up: Vec<String>,
    /// Files that are as they should be.
    pub(super) unchanged: usize,
    /// Those of them that no export is known to have written.
    pub(super) adopted: Vec<(String, Sha1)>,
}

impl Plan {
    /// # Errors
    /// The folder cannot be read.
    pub(super) fn new(folder: &Folder, known: &Manifest, wanted: Vec<Wanted>, keep: bool) -> Result<Self, String> {
        let mut plan = Self {
            to_write: Vec::new(),
            to_remove: Vec::new(),
            vanished_folders: Vec::new(),
            foreign: Vec::new(),
            given_up: Vec::new(),
            unchanged: 0,
            adopted: Vec::new(),
        };
        if !keep {
            let there: HashSet<&str> = wanted.iter().map(|wanted| wanted.at.as_str()).collect();
            plan.to_remove = known.files().filter(|at| !there.contains(at)).map(str::to_owned).collect();
            plan.vanished_folders = known.folders().filter(|at| !there.contains(at)).map(str::to_owned).collect();
            plan.vanished_folders.sort_by_key(|at| Reverse(at.split('/').count()));
        }
        for wanted in wanted {
            plan.judge(folder.look(&wanted.at)?, known, wanted);
        }
        let foreign = |at: &String| match folder.look(at) {
            Ok(Local::File(sum)) => !known.wrote(at, sum),
            _ => false,
        };
        (plan.given_up, plan.to_remove) = std::mem::take(&mut plan.to_remove).into_iter().partition(foreign);
        Ok(plan)
    }

    fn judge(&mut self, there: Local, known: &Manifest, wanted: Wanted) {
        match (&wanted.what, there) {
            (What::Folder, Local::Folder) => {}
            (_, Local::Nothing) => self.to_write.push(wanted),
            (What::Made(_) | What::Kept(_), Local::File(sum)) if wanted.sha1() == Some(sum) => {
                self.unchanged += 1;
                if !known.wrote(&wanted.at, sum) {
                    self.adopted.push((wanted.at, sum));
                }
            }
            (What::Made(_) | What::Kept(_), Local::File(sum)) if known.wrote(&wanted.at, sum) => {
                self.to_write.push(wanted);
            }
            _ => self.foreign.push(wanted.at),
        }
    }

    /// Whether there is anything to do.
    pub(super) fn changes_anything(&self) -> bool {
        !self.to_write.is_empty() || !self.to_remove.is_empty()
    }
}
