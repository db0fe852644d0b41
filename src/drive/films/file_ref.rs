//! Which file of which drive, and who asks there.

use std::sync::Arc;

use crate::drive::error::Error;
use crate::drive::mount::Mounted;
use crate::upstream::Client;

#[derive(Clone)]
pub(in crate::drive) struct FileRef {
    pub(super) client: Client,
    pub(super) drive_id: String,
    pub(super) file_id: String,
}

impl FileRef {
    /// A file of a mount's drive, by its id.
    ///
    /// # Errors
    /// The drive is not known or not granted.
    pub(super) async fn of(mount: &Arc<Mounted>, file_id: &str) -> Result<Self, Error> {
        let drive_id = mount.drive_id().await?;
        Ok(Self { client: mount.account.client.clone(), drive_id, file_id: file_id.to_owned() })
    }
}
