//! Sessions of large files that outlive their process: what the drive has of a file is not sent again.
//!
//! A session is written down before its first part goes out, by its place and by the content that is sent: SHA-1, size
//! and time. Whoever brings the same to the same place later goes on with it. It is forgotten when it is committed; what
//! is of no use any more is handed to the journal of removals, which asks the drive first whether it was committed after
//! all: when something else comes to the place, and when nobody has come back for it in a week.
//!
//! A session whose file the journal knows is not gone on with: it may be removed at any moment.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::UnixMillis;
use crate::drive::account::Account;
use crate::drive::change::target::Target;
use crate::drive::error::Error;
use crate::drive::removals::DriveName;
use crate::drive::removals::record::Stage;
use crate::drive::upload::body::Content;
use crate::drive::upload::session::Session;
use crate::state::{self, Lease, LeaseKey, Store, UploadRow};

/// How long a session waits for somebody to go on with it: days, as long as object stores keep theirs (reference 7.3).
const KEPT: Duration = Duration::from_secs(7 * 86_400);

/// The sessions that are written down; cheap to clone.
#[derive(Clone)]
pub(super) struct Remembered {
    store: Store,
    /// Upload ids that somebody is at.
    busy: Arc<Mutex<HashSet<String>>>,
}

/// A session that is written down, at which nobody else is, here or at another instance.
pub(super) struct Kept {
    remembered: Remembered,
    pub(super) row: UploadRow,
    _lease: Option<Lease>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.remembered.busy.lock().remove(&self.row.upload_id);
    }
}

impl Remembered {
    pub(super) fn new(store: Store) -> Self {
        Self { store, busy: Arc::default() }
    }

    /// The session that an earlier try has left of this content at this place. What others have left there goes.
    ///
    /// # Errors
    /// The state store's; too much waits to be removed.
    pub(super) async fn find(
        &self,
        target: &Target,
        content: Content,
        modified: Option<UnixMillis>,
    ) -> Result<Option<Kept>, Error> {
        let account = &target.mount.account;
        let (name, folder) = (account.client.account(), &target.folder.file_id);
        let rows = self.store.uploads_at(name, &target.drive_id, folder, target.name()).await.map_err(failed)?;
        let mut found = None;
        for row in rows {
            let Some(kept) = self.take(row).await? else { continue };
            let row = &kept.row;
            let same = (row.sha1, row.size, row.modified) == (content.sha1, content.size, modified);
            if account.removals.concerns(&row.file_id) {
                kept.forget().await?;
            } else if same && found.is_none() {
                let now = UnixMillis::now();
                self.store.use_upload(name, &row.upload_id, now).await.map_err(failed)?;
                found = Some(kept);
            } else {
                kept.leave(account).await?;
            }
        }
        Ok(found)
    }

    /// Writes down a session of which nothing has been sent.
    ///
    /// # Errors
    /// The state store's.
    pub(super) async fn keep(
        &self,
        target: &Target,
        session: &Session,
        content: Content,
        modified: Option<UnixMillis>,
        part_size: u64,
    ) -> Result<Option<Kept>, Error> {
        let row = UploadRow {
            account: target.mount.account.client.account().to_owned(),
            upload_id: session.upload_id.clone(),
            drive_id: target.drive_id.clone(),
            folder_id: target.folder.file_id.to_string(),
            name: target.name().to_owned(),
            file_id: session.file_id.clone(),
            size: content.size,
            sha1: content.sha1,
            modified,
            part_size,
            used: UnixMillis::now(),
        };
        self.store.add_upload(&row).await.map_err(failed)?;
        self.take(row).await
    }

    /// Hands what nobody has come back for to the journals of the accounts.
    ///
    /// # Errors
    /// The state store's.
    pub(super) async fn leave_old(&self, accounts: &HashMap<String, Arc<Account>>) -> Result<(), Error> {
        let rows = self.store.uploads_before(UnixMillis::now().minus(KEPT)).await.map_err(failed)?;
        for row in rows {
            let Some(kept) = self.take(row).await? else { continue };
            match accounts.get(&kept.row.account) {
                Some(account) => kept.leave(account).await?,
                // Nobody can reach its drive.
                None => kept.forget().await?,
            }
        }
        Ok(())
    }

    /// # Errors
    /// The state store's.
    async fn take(&self, row: UploadRow) -> Result<Option<Kept>, Error> {
        if !self.busy.lock().insert(row.upload_id.clone()) {
            return Ok(None);
        }
        let key = LeaseKey::new("upload", &[&row.account, &row.upload_id]);
        let mut kept = Kept { remembered: self.clone(), row, _lease: None };
        kept._lease = self.store.leases().any(&[key]).await.map_err(failed)?;
        Ok(kept._lease.is_some().then_some(kept))
    }
}

impl Kept {
    /// It is committed, or the drive knows it no more.
    ///
    /// # Errors
    /// The state store's.
    pub(super) async fn forget(self) -> Result<(), Error> {
        let row = &self.row;
        self.remembered.store.delete_upload(&row.account, &row.upload_id).await.map_err(failed)
    }

    /// It is of no use: what the drive has of it is to go, unless it turns out to have been committed.
    ///
    /// # Errors
    /// The state store's; too much waits to be removed.
    pub(super) async fn leave(self, account: &Account) -> Result<(), Error> {
        let row = &self.row;
        if !account.removals.concerns(&row.file_id) {
            let place = DriveName { drive_id: &row.drive_id, folder_id: &row.folder_id, name: &row.name };
            let stage = Stage::Unfinished { file_id: row.file_id.clone() };
            // As of a change whose maker is no more.
            drop(account.removals.begin(place, None, stage, Vec::new()).await?);
        }
        self.forget().await
    }
}

fn failed(error: state::Error) -> Error {
    Error::State(Arc::new(error))
}
