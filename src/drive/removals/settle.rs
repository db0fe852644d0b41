//! A change of which nobody tells whether it took effect: the drive is asked.

use std::time::Duration;

use std::collections::HashSet;

use crate::clock::UnixMillis;
use crate::config::{OrderBy, OrderDirection, RemoveWay};
use crate::drive::error::Error;
use crate::drive::removals::patience::passing;
use crate::drive::removals::record::{Removal, Stage, hex};
use crate::drive::removals::{LATE, Removals};
use crate::upstream::{ErrorKind, Item, ListRequest};

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

impl Removals {
    /// Asks for the outcome of all changes of which nobody else tells it: none of them is left when a name is changed
    /// again.
    ///
    /// # Errors
    /// The drive cannot be asked now.
    pub(in crate::drive) async fn settled(&self) -> Result<(), Error> {
        let ids = self.ids(|removal| !removal.is_due());
        if ids.is_empty() {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        for id in ids {
            if let Err(error) = self.settle(id).await {
                self.failed(id, &error).await;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Decides what becomes of a change. In the caller's turn.
    pub(super) async fn settle(&self, id: i64) -> Result<(), Error> {
        let Some(removal) = self.get(id) else { return Ok(()) };
        let Some(stage) = &removal.facts.stage else { return Ok(()) };
        let outcome = match self.outcome(&removal, stage).await {
            Err(error) if is_final(&error) => {
                tracing::error!(%error, name = removal.facts.name, replaced = removal.file_id,
                    "the drive does not say whether a change took effect; both versions stay");
                Outcome::Nothing
            }
            outcome => outcome?,
        };
        match outcome {
            Outcome::Nothing => self.forget(id).await,
            Outcome::Open => self.later(id),
            Outcome::TookEffect if removal.file_id.is_none() => self.forget(id).await,
            Outcome::TookEffect => {
                self.change(id, |kept| kept.removal.facts.stage = None);
                self.decided(id).await;
            }
            Outcome::Leaves { made, way, may_yet } => {
                let until = may_yet.then(|| removal.since.max(UnixMillis::now().minus(LATE)).plus(LATE));
                self.change(id, |kept| kept.removal.undo(made, way, until));
                self.decided(id).await;
            }
        }
        Ok(())
    }

    /// What is to go is hidden at once. If the store cannot keep that, the next run asks the drive again.
    async fn decided(&self, id: i64) {
        if let Err(error) = self.write(id).await {
            tracing::error!(%error, "what is to be removed could not be written down");
        }
        if let Some(removal) = self.get(id) {
            self.disappear(&removal).await;
        }
        self.changed.notify_one();
    }

    async fn outcome(&self, removal: &Removal, stage: &Stage) -> Result<Outcome, Error> {
        Ok(match stage {
            Stage::Begun => Outcome::Nothing,
            Stage::Attached { file_id } => leaves(file_id, false),
            Stage::Offered { sha1, size, whole } => self.offered(removal, sha1, *size, *whole).await?,
            Stage::Committed { file_id, sha1, size } => match self.item(&removal.drive_id, file_id).await? {
                // Whatever name another program has given it since.
                Some(item) if has_content(&item, sha1, *size) => Outcome::TookEffect,
                Some(_) => leaves(file_id, false),
                None => leaves(file_id, true),
            },
            Stage::Moved { file_id, from, task } => self.moved(removal, file_id, from, task.as_deref()).await?,
            Stage::Copying { of } => self.copying(removal, of).await?,
            Stage::Copied { file_id, task, of, .. } => {
                let unwanted = Outcome::Leaves { made: file_id.clone(), way: stage.way(), may_yet: false };
                self.copied(removal, file_id, task.as_deref(), of, unwanted).await?
            }
        })
    }

    /// The item, if it is there and whole.
    pub(super) async fn item(&self, drive_id: &str, file_id: &str) -> Result<Option<Item>, Error> {
        match self.client.get(drive_id, file_id).await {
            Ok(item) => Ok(Some(item).filter(|item| !item.trashed && !item.uploading)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Content that was offered is attached if an item of its name and hash is there that is newer than what it was to
    /// replace. If all of it had come, the name holds what was to be there; else it goes, where it came since.
    async fn offered(&self, removal: &Removal, sha1: &str, size: u64, whole: bool) -> Result<Outcome, Error> {
        let named = |item: &Item| item.name == removal.facts.name;
        let namesakes = match self.members(&removal.drive_id, &removal.facts.folder_id, named).await {
            Err(Error::NotFound) => return Ok(Outcome::Nothing),
            namesakes => namesakes?,
        };
        let Some(others) = self.others(removal) else { return Ok(Outcome::Open) };
        let old = namesakes.iter().find(|item| Some(&item.file_id) == removal.file_id.as_ref());
        let newer = |item: &&Item| old.is_none_or(|old| (item.updated, item.created) >= (old.updated, old.created));
        let offered =
            |item: &&Item| item.sha1.is_some_and(|found| hex(&found) == sha1) && item.size.is_none_or(|s| s == size);
        let attached = namesakes.iter().filter(|item| !others.contains(&item.file_id)).filter(newer).find(offered);
        Ok(match attached {
            Some(_) if whole => Outcome::TookEffect,
            Some(item) if is_made_since(item, removal) => unproved(item),
            None if may_yet_come(removal) => Outcome::Open,
            _ => Outcome::Nothing,
        })
    }

    /// What is surely not what the change has made, so that it is not taken for it; absent while another change is
    /// under way in that folder of which it cannot be told apart.
    pub(super) fn others(&self, removal: &Removal) -> Option<HashSet<String>> {
        if self.making.lock().iter().any(|folder| **folder == *removal.facts.folder_id) {
            return None;
        }
        // What has been told since the caller looked counts too, and none is missed between the two places.
        let entries = self.entries.lock();
        let told = entries.get(&removal.id).map_or(&removal.facts.others, |kept| &kept.removal.facts.others);
        let mut others: HashSet<String> = told.iter().chain(&removal.file_id).cloned().collect();
        for kept in entries.values().filter(|kept| kept.removal.id != removal.id) {
            let Some(stage) = &kept.removal.facts.stage else { continue };
            if kept.live && stage.is_sought() && kept.removal.facts.folder_id == removal.facts.folder_id {
                return None;
            }
            others.extend(stage.made().map(str::to_owned));
        }
        Some(others)
    }

    /// Those of a folder's members that are there and whole, and wanted.
    pub(super) async fn members(
        &self,
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
            let page = self.client.list(request).await.map_err(|error| match error.kind {
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
}

fn has_content(item: &Item, sha1: &str, size: u64) -> bool {
    item.sha1.is_none_or(|found| hex(&found) == sha1) && item.size.is_none_or(|found| found == size)
}

/// What the change has made is to go, by its id.
pub(super) fn leaves(made: &str, may_yet: bool) -> Outcome {
    // What may have come and gone meanwhile is not to be taken out of the recycle bin for good.
    let way = if may_yet { RemoveWay::Trash } else { RemoveWay::Delete };
    Outcome::Leaves { made: made.to_owned(), way, may_yet }
}

/// The same where its id is not proved to be ours: it goes where it can be had back.
pub(super) fn unproved(item: &Item) -> Outcome {
    Outcome::Leaves { made: item.file_id.clone(), way: RemoveWay::Trash, may_yet: false }
}

/// Whether an item may have been made by a change, by the time of its creation.
pub(super) fn is_made_since(item: &Item, removal: &Removal) -> bool {
    let since = removal.since.minus(CLOCKS);
    item.created.is_some_and(|created| created >= since)
}

/// Whether the drive may still be at what it was asked for.
pub(super) fn may_yet_come(removal: &Removal) -> bool {
    UnixMillis::now() < removal.since.plus(OFFER)
}

/// Whether asking again will not lead to another answer.
fn is_final(error: &Error) -> bool {
    match error {
        Error::Upstream(error) => passing(error).is_none(),
        Error::EndlessListing => true,
        _ => false,
    }
}
