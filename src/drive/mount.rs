//! One mount: a folder of one of an account's drives, at a path of the tree.

use std::sync::Arc;

use super::account::Account;
use super::{Entry, Error, Path};
use crate::config;

/// A mount with the account behind it.
pub(super) struct Mounted {
    /// Position in the tree's list, the mount's short name in cache keys.
    pub(super) index: usize,
    pub(super) path: Path,
    pub(super) settings: Arc<config::Mount>,
    pub(super) account: Arc<Account>,
    /// The mount's root folder as an entry.
    pub(super) root: Arc<Entry>,
}

impl Mounted {
    /// The drive's id: one call once ever for each account, then from the store.
    pub(super) async fn drive_id(&self) -> Result<String, Error> {
        let ids = self.account.drives().await?;
        let (id, drive) = match self.settings.drive_type {
            config::DriveType::Default => (Some(&ids.default_drive_id), "default"),
            config::DriveType::Resource => (ids.resource_drive_id.as_ref(), "resource"),
            config::DriveType::Backup => (ids.backup_drive_id.as_ref(), "backup"),
        };
        id.filter(|id| !id.is_empty()).cloned().ok_or(Error::DriveNotGranted { drive })
    }

    /// Whether the service can be asked for a path below the mount: it knows paths from the drive's own root only.
    pub(super) fn has_drive_paths(&self) -> bool {
        self.settings.root_folder_id == "root"
    }
}
