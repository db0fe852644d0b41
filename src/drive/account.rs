//! What the mounts of one account share: its client, drive ids, links, space and download places.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::Error;
use super::link::LinkCache;
use super::slots::Slots;
use crate::config::Config;
use crate::state::{DriveIds, Store};
use crate::upstream::Client;

/// How long the account's space is believed: file managers ask for it with every window.
const QUOTA_TTL: Duration = Duration::from_secs(60);

/// Space of the account behind a mount, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Used.
    pub used: u64,
    /// Still free.
    pub available: u64,
}

/// One account as the drive layer uses it.
pub(super) struct Account {
    pub(super) client: Client,
    pub(super) links: LinkCache,
    pub(super) slots: Slots,
    store: Store,
    /// With the count of sign-ins that they were learnt after.
    drives: Mutex<Option<(u64, Arc<DriveIds>)>>,
    quota: moka::future::Cache<(), Quota>,
}

impl Account {
    pub(super) fn new(client: Client, store: &Store, config: &Config) -> Self {
        let settings = &config.upstream;
        Self {
            client,
            links: LinkCache::new(),
            slots: Slots::new(settings.max_streams, settings.max_wait),
            store: store.clone(),
            drives: Mutex::default(),
            quota: moka::future::Cache::builder().max_capacity(1).time_to_live(QUOTA_TTL).build(),
        }
    }

    /// The account's drives: remembered, else stored, else asked of the service and stored. A new sign-in may
    /// have granted others.
    pub(super) async fn drives(&self) -> Result<Arc<DriveIds>, Error> {
        let mut drives = self.drives.lock().await;
        let sign_ins = self.client.sign_ins();
        if let Some((learnt, ids)) = &*drives
            && *learnt == sign_ins
        {
            return Ok(ids.clone());
        }
        let ids = Arc::new(self.load_drives().await?);
        *drives = Some((sign_ins, ids.clone()));
        Ok(ids)
    }

    async fn load_drives(&self) -> Result<DriveIds, Error> {
        let name = self.client.account();
        let state = |error| Error::State(std::sync::Arc::new(error));
        let stored = self.store.drives(name).await.map_err(state)?;
        let user = self.store.tokens(name).await.map_err(state)?.and_then(|t| t.user_id);
        // Somebody else may have signed in under this account's name since.
        if let Some(ids) = stored.filter(|ids| user.as_ref().is_none_or(|user| *user == ids.user_id)) {
            return Ok(ids);
        }
        let info = self.client.drive_info().await?;
        let ids = DriveIds {
            user_id: info.user_id,
            name: info.name,
            default_drive_id: info.default_drive_id,
            resource_drive_id: info.resource_drive_id,
            backup_drive_id: info.backup_drive_id,
        };
        self.store.save_drives(name, &ids).await.map_err(state)?;
        Ok(ids)
    }

    /// The account's space, at most [`QUOTA_TTL`] old.
    pub(super) async fn quota(&self) -> Result<Quota, Error> {
        let ask = async {
            let space = self.client.space_info().await?;
            Ok(Quota { used: space.used, available: space.total.saturating_sub(space.used) })
        };
        self.quota.try_get_with((), ask).await.map_err(|error: std::sync::Arc<Error>| (*error).clone())
    }
}
