//! A file that the drive has made for an upload which is not decided yet.
//!
//! Content that the drive had shows in the tree as soon as it is attached, and a commit may take effect though its
//! answer never comes. So what an upload makes and what it replaces is written down beforehand (`removals`): unless
//! the upload ends well, what it made goes again, since the client was told that nothing was stored.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::digest::Sha1;
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::removals::record::{Stage, hex};
use crate::drive::upload::Upload;
use crate::upstream::{self, CheckNameMode, ContentHint, CreateFile, Created};

/// The drive's answer to the call that makes a file.
type Made = Result<Created, upstream::Error>;

/// What the drive has made for an upload; as long as it lives the file is nobody's to replace.
pub(in crate::drive) struct Tentative {
    pub(in crate::drive) file_id: String,
    /// Absent where there is nothing to commit.
    pub(super) upload_id: Option<String>,
    /// The drive had the content: the file shows already.
    attached: bool,
    undecided: Arc<Mutex<HashSet<Box<str>>>>,
}

impl Drop for Tentative {
    fn drop(&mut self) {
        self.undecided.lock().remove(&*self.file_id);
    }
}

impl Upload {
    fn tentative(&self, file_id: String, upload_id: Option<String>, attached: bool) -> Tentative {
        let undecided = self.tree.0.uploads.undecided.clone();
        undecided.lock().insert(file_id.as_str().into());
        Tentative { file_id, upload_id, attached, undecided }
    }

    /// All parts of a session are sent; nothing shows before its commit.
    pub(super) fn session_file(&self, file_id: String, upload_id: String) -> Tentative {
        self.tentative(file_id, Some(upload_id), false)
    }

    /// The drive has attached content that was offered. That it is to go again is written down by now, unless all of it
    /// has come: then it may as well stay.
    pub(in crate::drive) async fn attached(
        &mut self,
        file_id: String,
        upload_id: Option<String>,
    ) -> Result<Tentative, Error> {
        let file = self.tentative(file_id, upload_id, true);
        if !self.whole {
            self.attaches(&file.file_id).await?;
        }
        Ok(file)
    }

    /// Content is about to be offered to the drive, which may attach it beside what it is to replace.
    async fn offers(&mut self, sha1: Sha1, size: u64, whole: bool) -> Result<(), Error> {
        let old = self.known.clone().filter(|known| !known.is_folder());
        if whole && old.is_none() {
            // Whatever comes, the name holds what was to be there.
            return Ok(());
        }
        self.write_down(old.as_deref(), Stage::Offered { sha1: hex(&sha1), size, whole }).await
    }

    /// The call that makes the file. Content that is attached shows at once, so an offer is seen through and noted even
    /// if the caller leaves.
    pub(in crate::drive) async fn make(
        &mut self,
        size: Option<u64>,
        content: ContentHint,
        mode: CheckNameMode,
    ) -> Result<Made, Error> {
        let whole = self.whole;
        if let ContentHint::Full { sha1, .. } = &content {
            self.offers(*sha1, size.unwrap_or_default(), whole).await?;
        }
        let (target, options, begun) = (self.target.clone(), self.options.clone(), self.begun.take());
        let parts = if size == Some(0) { 0 } else { self.plan.count() };
        let work = async move {
            let journal = &target.mount.account.removals;
            let making = journal.makes(&target.folder.file_id);
            let request = CreateFile {
                drive_id: &target.drive_id,
                parent_file_id: &target.folder.file_id,
                name: target.name(),
                check_name_mode: mode,
                size,
                parts,
                content,
                local_modified_ms: options.modified_ms,
                local_created_ms: None,
            };
            let made = target.mount.account.client.create_file(request).await;
            if let Ok(Created::Done { file_id, .. }) = &made {
                journal.is_known(&target.folder.file_id, file_id).await;
            }
            drop(making);
            if let (Ok(Created::Done { file_id, .. }), Some(begun)) = (&made, &begun)
                && !whole
                && let Err(error) = begun.reach(Stage::Attached { file_id: file_id.clone() }).await
            {
                // It is known in memory.
                tracing::error!(%error, "what the drive attached could not be written down");
            }
            (made, begun)
        };
        let (made, begun) = self.tree.see_through(work).await?;
        self.begun = begun;
        Ok(made)
    }

    /// The drive has opened a session or refused: nothing shows.
    pub(in crate::drive) fn shows_nothing(&self) {
        if let Some(begun) = &self.begun {
            begun.shows_nothing();
        }
    }

    /// The commit is about to be made; `old` goes if it takes effect.
    pub(super) async fn commits(&mut self, file: &Tentative, sha1: Sha1, old: Option<&Entry>) -> Result<(), Error> {
        let stage = Stage::Committed { file_id: file.file_id.clone(), sha1: hex(&sha1), size: self.received };
        self.write_down(old, stage).await
    }

    /// The upload has failed; returns when what it made is gone, or is hidden. `may_yet`: the drive may still be at
    /// its commit.
    pub(in crate::drive) async fn came_to_nothing(&mut self, file: &Tentative, may_yet: bool) {
        if file.attached
            && let Err(error) = self.attaches(&file.file_id).await
        {
            tracing::error!(%error, file = file.file_id, "what is to be removed could not be written down");
        }
        if let Some(begun) = self.begun.take() {
            begun.came_to_nothing(may_yet).await;
        }
    }

    async fn attaches(&mut self, file_id: &str) -> Result<(), Error> {
        let stage = Stage::Attached { file_id: file_id.to_owned() };
        match &self.begun {
            Some(begun) => begun.reach(stage).await,
            None => self.write_down(None, stage).await,
        }
    }

    async fn write_down(&mut self, old: Option<&Entry>, stage: Stage) -> Result<(), Error> {
        match &self.begun {
            Some(begun) => {
                let way = self.target.mount.settings.remove_way;
                begun.replaces(old.map(|old| (old, way)), stage).await
            }
            None => {
                self.begun = Some(self.target.write_down(old, stage).await?);
                Ok(())
            }
        }
    }
}
