//! What the mounts of one account share: its client, drive ids, links, addresses, space, download slots and the count
//! of uploads.

pub(super) mod links;
pub(super) mod uploading;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::config::{Config, Timeouts};
use crate::drive::account::links::LinkCache;
use crate::drive::account::uploading::Uploading;
use crate::drive::download::addresses::Addresses;
use crate::drive::error::Error;
use crate::drive::removals::Removals;
use crate::drive::removals::overview::Overview;
use crate::drive::slots::StreamLimit;
use crate::state::{DriveIds, Store};
use crate::upstream::{Client, Membership};

/// How long the account's space is believed: file managers ask for it with every window.
const QUOTA_TTL: Duration = Duration::from_secs(60);

/// How long it is believed what its user has paid for.
const MEMBERSHIP_TTL: Duration = Duration::from_secs(600);

/// How soon the service may be asked again for a drive that it did not name.
const DRIVES_PAUSE: Duration = Duration::from_secs(60);

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
    pub(super) slots: Arc<StreamLimit>,
    pub(super) addresses: Addresses,
    pub(super) removals: Removals,
    pub(super) uploads: Uploading,
    pub(super) timeouts: Timeouts,
    store: Store,
    /// Pairs of its drives between which the service has refused to copy.
    apart: parking_lot::Mutex<HashSet<(String, String)>>,
    drives: Mutex<Option<Learnt>>,
    quota: moka::future::Cache<(), Quota>,
    membership: moka::future::Cache<(), Option<Membership>>,
}

/// The drives, and how they were learnt.
struct Learnt {
    /// The count of sign-ins before.
    sign_ins: u64,
    ids: Arc<DriveIds>,
    /// When the service told them to this process.
    asked_at: Option<Instant>,
}

impl Account {
    pub(super) fn new(client: Client, store: &Store, config: &Config, overview: Arc<dyn Overview>) -> Self {
        let settings = &config.upstream;
        let (max_wait, paused) = (settings.max_wait, config.timeouts.paused_client);
        let slots = StreamLimit::new(settings.max_streams, max_wait, paused, client.account(), store);
        Self {
            timeouts: config.timeouts,
            removals: Removals::new(client.clone(), store.clone(), overview, config.timeouts),
            client,
            links: LinkCache::new(),
            slots,
            addresses: Addresses::new(),
            uploads: Uploading::default(),
            store: store.clone(),
            apart: parking_lot::Mutex::default(),
            drives: Mutex::default(),
            quota: moka::future::Cache::builder().max_capacity(1).time_to_live(QUOTA_TTL).build(),
            membership: moka::future::Cache::builder().max_capacity(1).time_to_live(MEMBERSHIP_TTL).build(),
        }
    }

    /// Whether the service is known to copy nothing from one drive to another.
    pub(super) fn copies_nothing(&self, (from, to): (&str, &str)) -> bool {
        self.apart.lock().contains(&(from.to_owned(), to.to_owned()))
    }

    /// The service has refused to copy from one drive to another: it is not asked again.
    pub(super) fn has_refused_to_copy(&self, (from, to): (&str, &str)) {
        self.apart.lock().insert((from.to_owned(), to.to_owned()));
    }

    /// The account's drives: remembered, else stored, else asked of the service and stored. A new sign-in may
    /// have granted others.
    pub(super) async fn drives(&self) -> Result<Arc<DriveIds>, Error> {
        let mut learnt = self.drives.lock().await;
        let sign_ins = self.client.sign_ins();
        if let Some(learnt) = learnt.as_ref().filter(|learnt| learnt.sign_ins == sign_ins) {
            return Ok(learnt.ids.clone());
        }
        let new = match self.stored_drives().await? {
            Some(ids) => Learnt { sign_ins, ids: ids.into(), asked_at: None },
            None => self.ask_drives(sign_ins).await?,
        };
        Ok(learnt.insert(new).ids.clone())
    }

    /// The same, asked of the service if that was not done lately: the user may have granted more with a token
    /// that came by the configuration.
    pub(super) async fn drives_anew(&self) -> Result<Arc<DriveIds>, Error> {
        let mut learnt = self.drives.lock().await;
        let lately = |learnt: &&Learnt| learnt.asked_at.is_some_and(|at| at.elapsed() < DRIVES_PAUSE);
        if let Some(learnt) = learnt.as_ref().filter(lately) {
            return Ok(learnt.ids.clone());
        }
        let new = self.ask_drives(self.client.sign_ins()).await?;
        Ok(learnt.insert(new).ids.clone())
    }

    async fn stored_drives(&self) -> Result<Option<DriveIds>, Error> {
        let name = self.client.account();
        let stored = self.store.drives(name).await?;
        let user = self.store.tokens(name).await?.and_then(|t| t.user_id);
        // Somebody else may have signed in under this account's name since.
        Ok(stored.filter(|ids| user.as_ref().is_none_or(|user| *user == ids.user_id)))
    }

    async fn ask_drives(&self, sign_ins: u64) -> Result<Learnt, Error> {
        let ids = self.client.drive_info().await?;
        self.store.save_drives(self.client.account(), &ids).await?;
        Ok(Learnt { sign_ins, ids: ids.into(), asked_at: Some(Instant::now()) })
    }

    /// The account's space, at most [`QUOTA_TTL`] old.
    pub(super) async fn quota(&self) -> Result<Quota, Error> {
        let ask = async {
            let space = self.client.space_info().await?;
            Ok(Quota { used: space.used, available: space.total.saturating_sub(space.used) })
        };
        self.quota.try_get_with((), ask).await.map_err(|error: Arc<Error>| (*error).clone())
    }

    /// What its user has paid for, at most [`MEMBERSHIP_TTL`] old; absent where the service did not tell it then.
    pub(super) async fn membership(&self) -> Option<Membership> {
        let ask = async {
            let told = self.client.membership().await;
            told.inspect_err(|error| tracing::info!(%error, "what the account has is not told")).ok()
        };
        self.membership.get_with((), ask).await
    }
}
