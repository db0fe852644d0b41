//! Stars: the mark that the drive's own app has for what its user wants at hand.

use std::sync::Arc;

use crate::drive::change::Changes;
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::listing::members::Change;
use crate::drive::path::Path;

impl Changes {
    /// Stars what a path holds, or takes its star away: one call, none where that is known to be so already.
    ///
    /// # Errors
    /// [`Error::NotFound`], also of what is not on the drive; [`Error::Protected`], [`Error::ReadOnly`], the call's
    /// failure.
    pub(in crate::drive) async fn star(&self, path: &Path, starred: bool) -> Result<(), Error> {
        let target = match self.names.target(path).await {
            Err(Error::ParentMissing) => return Err(Error::NotFound),
            target => target?,
        };
        let _turn = self.names.turn(&target).await?;
        let entry = self.names.look(&target, None).await?.ok_or(Error::NotFound)?;
        if entry.starred == starred {
            return Ok(());
        }
        let client = &target.mount.account.client;
        if let Err(error) = client.star(&target.drive_id, &entry.file_id, starred).await {
            return Err(self.names.failed(&[&target], error).await);
        }
        self.names.resolver.forget(&target.mount, &target.rest).await;
        self.names.changed(&target, Change::Put(Arc::new(Entry { starred, ..(*entry).clone() }))).await;
        Ok(())
    }
}
