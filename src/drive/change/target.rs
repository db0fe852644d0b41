//! The place that is to be changed.

use std::sync::Arc;

use crate::drive::change::turns::NameKey;
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::mount::Mounted;
use crate::drive::path::Path;
use crate::drive::removals::record::Stage;
use crate::drive::removals::{Begun, DriveName};

/// A name in a folder that is to be changed.
#[derive(Clone)]
pub(in crate::drive) struct Target {
    pub(in crate::drive) mount: Arc<Mounted>,
    pub(in crate::drive) drive_id: String,
    /// Folder that holds the name.
    pub(in crate::drive) folder: Arc<Entry>,
    /// Below the mount.
    pub(in crate::drive) rest: Path,
}

/// What is known without a call of what the drive has under a name.
pub(in crate::drive) enum Known {
    Has(Arc<Entry>),
    /// Nothing.
    Free,
    /// The drive would have to be asked.
    Unknown,
}

impl Known {
    pub(in crate::drive) fn entry(self) -> Option<Arc<Entry>> {
        match self {
            Self::Has(entry) => Some(entry),
            Self::Free | Self::Unknown => None,
        }
    }
}

impl Target {
    pub(in crate::drive) fn name(&self) -> &str {
        self.rest.name()
    }

    /// The path in the whole tree.
    pub(in crate::drive) fn path(&self) -> Path {
        self.rest.under(&self.mount.path)
    }

    pub(in crate::drive) fn key(&self) -> NameKey {
        self.key_of(self.name())
    }

    /// Another name in the same folder.
    pub(super) fn key_of(&self, name: &str) -> NameKey {
        NameKey::new(&self.drive_id, &self.folder.file_id, name)
    }

    /// Writes a change of this place down before it is made; what is replaced goes if it takes effect.
    pub(in crate::drive) async fn write_down(&self, replaced: Option<&Entry>, stage: Stage) -> Result<Begun, Error> {
        self.write_down_beside(replaced, stage, Vec::new()).await
    }

    /// The same, with the ids of what is there already and could be taken for what the change makes.
    pub(super) async fn write_down_beside(
        &self,
        replaced: Option<&Entry>,
        stage: Stage,
        others: Vec<String>,
    ) -> Result<Begun, Error> {
        let place = DriveName { drive_id: &self.drive_id, folder_id: &self.folder.file_id, name: self.name() };
        let replaced = replaced.map(|entry| (entry, self.mount.settings.remove_way));
        self.mount.account.removals.begin(place, replaced, stage, others).await
    }

    /// What is hidden under the name goes at once, so that something new can be there.
    pub(super) async fn clear(&self) -> Result<(), Error> {
        self.mount.account.removals.clear(&self.folder.file_id, self.name()).await
    }

    pub(in crate::drive) fn same_drive(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.mount.account, &other.mount.account) && self.drive_id == other.drive_id
    }
}
