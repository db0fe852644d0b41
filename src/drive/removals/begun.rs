//! A change from when it is written down until what it replaced, or has made for nothing, is gone.

use std::sync::Arc;

use crate::config::RemoveWay;
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::removals::record::{Facts, Known, Reason, Removal, Stage};
use crate::drive::removals::worker::{LATE, Worker};

/// Where a change is made.
#[derive(Clone, Copy)]
pub(in crate::drive) struct DriveName<'a> {
    pub(in crate::drive) drive_id: &'a str,
    pub(in crate::drive) folder_id: &'a str,
    pub(in crate::drive) name: &'a str,
}

/// A change that has been written down. If it is dropped before its outcome is told, the drive is asked for it.
pub(in crate::drive) struct Begun {
    worker: Arc<Worker>,
    id: i64,
    open: bool,
}

impl Begun {
    /// See `Removals::begin`.
    ///
    /// # Errors
    /// The state store failed, or too much waits already.
    pub(super) async fn write(
        worker: Arc<Worker>,
        place: DriveName<'_>,
        replaced: Option<(&Entry, RemoveWay)>,
        stage: Stage,
        others: Vec<String>,
    ) -> Result<Self, Error> {
        let mut removal = Removal {
            id: 0,
            drive_id: place.drive_id.to_owned(),
            file_id: None,
            way: RemoveWay::Trash,
            reason: Reason::Replaced,
            since: worker.journal.now(),
            tries: 0,
            last_error: None,
            facts: Facts {
                folder_id: place.folder_id.to_owned(),
                name: place.name.to_owned(),
                known: None,
                stage: Some(stage),
                others,
                until: None,
                maker: 0,
                crossed: false,
            },
        };
        replace(&mut removal, replaced);
        let id = worker.journal.add(removal).await?;
        Ok(Self { worker, id, open: true })
    }

    /// Nothing of the change shows on the drive yet: if it ends here there is nothing to ask.
    pub(in crate::drive) fn shows_nothing(&self) {
        self.worker.journal.change(self.id, |kept| kept.removal.facts.stage = Some(Stage::Begun));
    }

    /// Writes down how far the change has come.
    ///
    /// # Errors
    /// The state store failed: the change must not go on.
    pub(in crate::drive) async fn reach(&self, stage: Stage) -> Result<(), Error> {
        self.worker.journal.change(self.id, |kept| kept.removal.facts.stage = Some(stage));
        Ok(self.worker.journal.write(self.id).await?)
    }

    /// The same, with what it replaces as it turned out to be.
    ///
    /// # Errors
    /// The state store failed: the change must not go on.
    pub(in crate::drive) async fn replaces(
        &self,
        replaced: Option<(&Entry, RemoveWay)>,
        stage: Stage,
    ) -> Result<(), Error> {
        self.worker.journal.change(self.id, |kept| {
            replace(&mut kept.removal, replaced);
            kept.removal.facts.stage = Some(stage);
        });
        Ok(self.worker.journal.write(self.id).await?)
    }

    /// A file's copy whose id the drive has not told, if it has made one.
    pub(in crate::drive) async fn find_copy(&self) -> Option<String> {
        let removal = self.worker.journal.get(self.id)?;
        match &removal.facts.stage {
            Some(Stage::Copying { of }) if !of.folder => self.worker.inquiry.copy_of(&removal, of).await.ok()?,
            _ => None,
        }
    }

    /// Nobody knows what became of the change: the drive is asked while the caller waits, and what is to go goes.
    pub(in crate::drive) async fn settle(mut self) {
        self.open = false;
        self.worker.journal.change(self.id, |kept| kept.live = false);
        self.worker.settle_now(self.id).await;
    }

    /// Makes sure, once the change is made, that no other instance has taken it over since it was written down: that one
    /// asks the drive what became of it, and may have asked too early. Only then it is this instance's to tell.
    ///
    /// # Errors
    /// One has, or nobody can say: this process was stopped, or cut off from the state store, for long.
    pub(in crate::drive) async fn is_still_ours(&self) -> Result<(), Error> {
        Ok(self.worker.journal.confirm(self.id).await?)
    }

    /// The change has taken effect: what it replaced is hidden from now on.
    pub(in crate::drive) async fn took_effect(mut self) -> Obsolete {
        self.open = false;
        let (worker, id) = (self.worker.clone(), self.id);
        worker.journal.change(id, |kept| kept.removal.facts.stage = None);
        let removal = worker.journal.get(id).filter(|removal| removal.hidden().is_some());
        if removal.is_some() && worker.journal.is_shared() {
            // The others hide it, too.
            worker.note(id).await;
        } else if let Some(removal) = removal {
            worker.disappear(&removal).await;
        }
        Obsolete { worker, id }
    }

    /// The change has come to nothing: what it has made goes, and what it was to replace stays. `may_yet`: the drive may
    /// still be at it.
    pub(in crate::drive) async fn came_to_nothing(mut self, may_yet: bool) {
        self.open = false;
        let (worker, id) = (self.worker.clone(), self.id);
        let stage = worker.journal.get(id).and_then(|removal| removal.facts.stage);
        let stage = stage.filter(|stage| !matches!(stage, Stage::Moved { .. }));
        let made = stage.and_then(|stage| Some((stage.made()?.to_owned(), stage.way())));
        let Some((made, way)) = made else { return worker.journal.forget(id).await };
        let until = may_yet.then(|| worker.journal.now().plus(LATE));
        worker.journal.change(id, |kept| kept.removal.undo(made, way, until));
        worker.note(id).await;
        Obsolete { worker, id }.remove().await;
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if self.open {
            self.worker.journal.change(self.id, |kept| {
                kept.live = false;
                // That this goes is known without a question.
                if let Some(Stage::Attached { file_id }) = kept.removal.facts.stage.clone() {
                    kept.removal.undo(file_id, RemoveWay::Delete, None);
                }
            });
            self.worker.journal.wake();
        }
    }
}

/// Something that is to go now.
#[must_use]
pub(in crate::drive) struct Obsolete {
    worker: Arc<Worker>,
    id: i64,
}

impl Obsolete {
    /// Removes it, if that takes no long time; else it is removed later. It is hidden in either case.
    pub(in crate::drive) async fn remove(self) {
        let (worker, id) = (self.worker.clone(), self.id);
        let Some(removal) = worker.journal.get(id) else { return };
        if removal.file_id.is_none() {
            return worker.journal.forget(id).await;
        }
        if let Err(error) = worker.in_time(worker.try_to_remove(id, true)).await {
            tracing::info!(%error, file = removal.file_id, "what was replaced is hidden and is removed later");
            worker.failed(id, &error).await;
        }
    }
}

impl Drop for Obsolete {
    fn drop(&mut self) {
        self.worker.journal.change(self.id, |kept| kept.live = false);
        self.worker.journal.wake();
    }
}

fn replace(removal: &mut Removal, replaced: Option<(&Entry, RemoveWay)>) {
    removal.file_id = replaced.map(|(entry, _)| entry.file_id.to_string());
    removal.way = replaced.map_or(removal.way, |(_, way)| way);
    removal.facts.known = replaced.map(|(entry, _)| Known::of(entry));
}
