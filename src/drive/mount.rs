//! One mount: a folder of one of an account's drives, at a path of the tree.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::config::{self, DriveType};
use crate::drive::account::Account;
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::path::Path;
use crate::state::{DriveIds, DriveKind};

/// A mount with the account behind it.
pub(super) struct Mounted {
    /// Position in the tree's list, the mount's short name in cache keys.
    pub(super) index: usize,
    pub(super) path: Path,
    pub(super) settings: Arc<config::Mount>,
    pub(super) account: Arc<Account>,
    /// The mount's root folder as an entry.
    pub(super) root: Arc<Entry>,
    last_use: Mutex<Option<Instant>>,
}

impl Mounted {
    pub(super) fn new(
        index: usize,
        path: Path,
        settings: Arc<config::Mount>,
        account: Arc<Account>,
        root: Arc<Entry>,
    ) -> Self {
        Self { index, path, settings, account, root, last_use: Mutex::default() }
    }

    /// Somebody asks for something in it.
    pub(super) fn is_used(&self) {
        *self.last_use.lock() = Some(Instant::now());
    }

    /// How long nobody has; absent where nobody ever did.
    pub(super) fn idle_time(&self) -> Option<Duration> {
        self.last_use.lock().map(|at| at.elapsed())
    }

    /// The drive's id: one call once ever for each account, then from the store. A drive that the store does not
    /// know is asked for again.
    pub(super) async fn drive_id(&self) -> Result<String, Error> {
        if let Some(id) = self.drive_among(&*self.account.drives().await?) {
            return Ok(id);
        }
        self.drive_among(&*self.account.drives_anew().await?).ok_or(match self.settings.drive_type {
            DriveType::Default => Error::NoDriveGranted,
            DriveType::Resource => Error::DriveNotGranted { drive: DriveKind::Resource.name() },
            DriveType::Backup => Error::DriveNotGranted { drive: DriveKind::Backup.name() },
        })
    }

    /// The drive's id among the account's.
    pub(super) fn drive_among(&self, ids: &DriveIds) -> Option<String> {
        let id = match self.settings.drive_type {
            DriveType::Default => ids.default_drive().map(|(_, id)| id),
            DriveType::Resource => ids.resource_drive_id.as_deref(),
            DriveType::Backup => ids.backup_drive_id.as_deref(),
        };
        id.map(str::to_owned)
    }

    /// Whether another mount shows the same folder, as far as the settings tell.
    pub(super) fn shows_same(&self, other: &Self) -> bool {
        let folder = |mount: &Self| (mount.settings.drive_type, mount.settings.root_folder_id.clone());
        self.settings.account == other.settings.account && folder(self) == folder(other)
    }

    /// Whether the service can be asked for a path below the mount: it knows paths from the drive's own root only.
    pub(super) fn has_drive_paths(&self) -> bool {
        self.settings.root_folder_id == "root"
    }
}
