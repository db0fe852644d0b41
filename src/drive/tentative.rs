//! A file that the drive has made for an upload which is not decided yet.
//!
//! Content that the drive had shows in the tree as soon as it is attached, and a commit may have taken
//! effect though its answer never came. Unless the upload ends well, such a file goes again: the client
//! was told that nothing was stored.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use super::Upload;
use crate::upstream::Client;

/// Goes again when it is dropped without [`Tentative::keep`].
pub(super) struct Tentative(Option<File>);

struct File {
    client: Client,
    drive_id: String,
    file_id: String,
    upload_id: Option<String>,
    tasks: TaskTracker,
    undecided: Arc<Mutex<HashSet<Box<str>>>>,
}

impl Upload {
    pub(super) fn tentative(&self, file_id: String, upload_id: Option<String>) -> Tentative {
        let uploads = &self.tree.0.uploads;
        uploads.undecided.lock().insert(file_id.as_str().into());
        Tentative(Some(File {
            client: self.target.mount.account.client.clone(),
            drive_id: self.target.drive_id.clone(),
            file_id,
            upload_id,
            tasks: uploads.tasks.clone(),
            undecided: uploads.undecided.clone(),
        }))
    }
}

impl Tentative {
    /// The file's id and its session's.
    pub(super) fn ids(&self) -> (&str, Option<&str>) {
        self.0.as_ref().map_or(("", None), |file| (&file.file_id, file.upload_id.as_deref()))
    }

    /// The upload ended well.
    pub(super) fn keep(mut self) {
        if let Some(file) = self.0.take() {
            file.undecided.lock().remove(&*file.file_id);
        }
    }

    /// The upload failed; returns when the file is gone.
    pub(super) async fn remove(mut self) {
        if let Some(file) = self.0.take() {
            file.remove().await;
        }
    }
}

impl File {
    async fn remove(self) {
        if let Err(error) = self.client.delete(&self.drive_id, &self.file_id).await {
            tracing::error!(%error, file = %self.file_id, "what the drive made for a failed upload could not be removed");
        }
        self.undecided.lock().remove(&*self.file_id);
    }
}

impl Drop for Tentative {
    fn drop(&mut self) {
        let Some(file) = self.0.take() else { return };
        // Without a runtime the process is ending, and with it every way to tell the drive.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        tracing::info!(file = %file.file_id, "an upload broke; removing what the drive had made for it");
        let tasks = file.tasks.clone();
        tasks.spawn_on(file.remove(), &runtime);
    }
}
