//! A change of which nobody tells whether it took effect: the drive is asked.
//!
//! Decides nothing but what the answer means: what becomes of the change is the worker's.

use std::sync::Arc;

use crate::drive::error::Error;
use crate::drive::removals::evidence::{self, Outcome, is_made_since, leaves, may_yet_come, unproved};
use crate::drive::removals::journal::Journal;
use crate::drive::removals::overview::Overview;
use crate::drive::removals::record::{Original, Removal, Stage, hex};
use crate::drive::removals::{copies, moves};
use crate::upstream::{Client, Item};

/// Who asks for what became of an account's changes.
pub(super) struct Inquiry {
    pub(super) client: Client,
    pub(super) journal: Arc<Journal>,
    pub(super) overview: Arc<dyn Overview>,
}

impl Inquiry {
    /// # Errors
    /// The drive cannot be asked now, or will never tell.
    pub(super) async fn outcome(&self, removal: &Removal, stage: &Stage) -> Result<Outcome, Error> {
        Ok(match stage {
            Stage::Begun => Outcome::Nothing,
            Stage::Attached { file_id } => leaves(file_id, false),
            Stage::Offered { sha1, size, whole } => self.offered(removal, sha1, *size, *whole).await?,
            // What was committed after all is somebody's file.
            Stage::Unfinished { file_id } => {
                if evidence::is_whole(&self.client, &removal.drive_id, file_id).await? {
                    Outcome::Nothing
                } else {
                    leaves(file_id, false)
                }
            }
            Stage::Committed { file_id, sha1, size } => {
                match evidence::item(&self.client, &removal.drive_id, file_id).await? {
                    // Whatever name another program has given it since.
                    Some(item) if has_content(&item, sha1, *size) => Outcome::TookEffect,
                    Some(_) => leaves(file_id, false),
                    None => leaves(file_id, true),
                }
            }
            Stage::Moved { file_id, from, task } => {
                moves::moved(&self.client, &*self.overview, removal, file_id, from, task.as_deref()).await?
            }
            Stage::Copying { of } => copies::copying(&self.client, &self.journal, removal, of).await?,
            Stage::Copied { file_id, task, of, .. } => {
                let unwanted = Outcome::Leaves { made: file_id.clone(), way: stage.way(), may_yet: false };
                copies::copied(&self.client, removal, file_id, task.as_deref(), of, unwanted).await?
            }
        })
    }

    /// The id of a file's copy that the drive has not told, if it is certain.
    ///
    /// # Errors
    /// The drive cannot be asked now.
    pub(super) async fn copy_of(&self, removal: &Removal, of: &Original) -> Result<Option<String>, Error> {
        copies::copy_of(&self.client, &self.journal, removal, of).await
    }

    /// Content that was offered is attached if an item of its name and hash is there that is newer than what it was to
    /// replace. If all of it had come, the name holds what was to be there; else it goes, where it came since.
    async fn offered(&self, removal: &Removal, sha1: &str, size: u64, whole: bool) -> Result<Outcome, Error> {
        let named = |item: &Item| item.name == removal.facts.name;
        let namesakes = match evidence::members(&self.client, &removal.drive_id, &removal.facts.folder_id, named).await
        {
            Err(Error::NotFound) => return Ok(Outcome::Nothing),
            namesakes => namesakes?,
        };
        let Some(others) = self.journal.others(removal) else { return Ok(Outcome::Open) };
        let old = namesakes.iter().find(|item| Some(&item.file_id) == removal.file_id.as_ref());
        let newer = |item: &&Item| old.is_none_or(|old| (item.updated, item.created) >= (old.updated, old.created));
        let offered =
            |item: &&Item| item.sha1.is_some_and(|found| hex(&found) == sha1) && item.size.is_none_or(|s| s == size);
        let attached = namesakes.iter().filter(|item| !others.contains(&item.file_id)).filter(newer).find(offered);
        Ok(match attached {
            Some(_) if whole => Outcome::TookEffect,
            Some(item) if is_made_since(item, removal) => unproved(&self.journal, removal, item).await?,
            None if may_yet_come(&self.journal, removal) => Outcome::Open,
            _ => Outcome::Nothing,
        })
    }
}

fn has_content(item: &Item, sha1: &str, size: u64) -> bool {
    item.sha1.is_none_or(|found| hex(&found) == sha1) && item.size.is_none_or(|found| found == size)
}
