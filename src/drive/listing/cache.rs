//! Listings remembered, with one fetch at a time for each folder.
//!
//! 1. Many ask for one folder at once: the fetch is a task that all of them share ([`Fetch`]), and a caller that
//!    leaves does not stop it for the others.
//! 2. The drive is slow, down or throttles: a listing younger than `list_ttl` is believed; an older one, up to
//!    `stale_ttl`, is served while a fetch behind it replaces it, which after a failure is not tried again at once
//!    ([`RETRY_PAUSE`]).
//! 3. We change something while a fetch runs, whose pages may lack it: the change is kept with the fetch and made
//!    again in what it brings (`with_own_changes`).
//! 4. Another program changes something: its folder is *outdated*, and the next use waits for a new listing
//!    ([`ListingCache::outdate`]).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::calls::{self, Background};
use crate::config;
use crate::drive::entry::Entry;
use crate::drive::error::{Error, ErrorKind};
use crate::drive::listing::fetch;
use crate::drive::listing::members::{Change, Listing};
use crate::drive::mount::Mounted;
use crate::meters;

/// After a refresh in the background failed, how long the stale listing is served without another try.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// How new an answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// What the cache holds within its time to live, or stale while it is refreshed.
    Cached,
    /// What the cache holds within its time to live; a stale answer will not do.
    Fresh,
    /// Asked of the drive now.
    Refresh,
}

/// A folder of a mount: mounts differ in order, so they do not share listings.
type FolderKey = (usize, Box<str>);
type Flight = Shared<BoxFuture<'static, Result<Arc<Listing>, Error>>>;

/// A fetch under way.
struct Fetch {
    flight: Flight,
    /// Where nobody waited when it began.
    background: Option<Background>,
    /// Our own changes since it began, which its pages may lack.
    changes: Vec<(Instant, Change)>,
}

/// All listings of all mounts; cheap to clone.
#[derive(Clone)]
pub(in crate::drive) struct ListingCache(Arc<Inner>);

struct Inner {
    listings: moka::sync::Cache<FolderKey, Arc<Listing>>,
    /// Fetches under way. The lock is held while one lands, so that no change of our own falls between.
    flights: Mutex<HashMap<FolderKey, Fetch>>,
    /// Folders whose last refresh in the background failed, when, and why.
    failed: moka::sync::Cache<FolderKey, (Instant, ErrorKind)>,
    /// Folders that another program has changed, and when that was learnt: listings asked for before are looked at anew.
    outdated: moka::sync::Cache<FolderKey, Instant>,
    /// The same of all folders of a mount.
    outdated_mounts: Mutex<HashMap<usize, Instant>>,
    list_ttl: Duration,
    stale_ttl: Duration,
}

impl ListingCache {
    pub(in crate::drive) fn new(settings: &config::Cache) -> Self {
        // A folder that is larger than all may be together is kept too, beside the folders above it: else each look-up
        // in it would list it anew.
        let most = u32::try_from(settings.max_entries / 2).unwrap_or(u32::MAX).max(1);
        let weight = move |listing: &Listing| u32::try_from(listing.len() + 1).unwrap_or(u32::MAX).min(most);
        let listings = moka::sync::Cache::builder()
            .max_capacity(settings.max_entries)
            // The folder that was looked at last is looked at next, or a file of it is: to refuse it because others
            // were asked for more often would cost a call for each file.
            .eviction_policy(moka::policy::EvictionPolicy::lru())
            .weigher(move |_, listing: &Arc<Listing>| weight(listing))
            .time_to_live(settings.stale_ttl)
            .build();
        Self(Arc::new(Inner {
            listings,
            flights: Mutex::default(),
            failed: moka::sync::Cache::builder().max_capacity(10_000).time_to_live(RETRY_PAUSE).build(),
            outdated: moka::sync::Cache::builder().max_capacity(100_000).time_to_live(settings.stale_ttl).build(),
            outdated_mounts: Mutex::default(),
            list_ttl: settings.list_ttl,
            stale_ttl: settings.stale_ttl,
        }))
    }

    /// What is known without a call, and whether it is still believed.
    pub(in crate::drive) fn peek(&self, mount: &Mounted, folder_id: &str) -> Option<(Arc<Listing>, bool)> {
        let listing = self.0.listings.get(&key(mount, folder_id))?;
        let age = listing.asked_at.elapsed();
        (age < self.0.stale_ttl).then(|| {
            let fresh = age < self.0.list_ttl && !self.is_outdated(mount, folder_id, &listing);
            (listing, fresh)
        })
    }

    /// Whether another program is known to have changed the folder since the listing was asked for.
    pub(super) fn is_outdated(&self, mount: &Mounted, folder_id: &str, listing: &Listing) -> bool {
        let since = |at: Instant| listing.asked_at <= at;
        self.0.outdated.get(&key(mount, folder_id)).is_some_and(since)
            || self.0.outdated_mounts.lock().get(&mount.index).copied().is_some_and(since)
    }

    /// Another program has changed the folder: its next use lists it again.
    pub(super) fn outdate(&self, mount: &Mounted, folder_id: &str) {
        self.0.outdated.insert(key(mount, folder_id), Instant::now());
    }

    /// The same of all folders of the mount.
    pub(super) fn outdate_all(&self, mount: &Mounted) {
        self.0.outdated_mounts.lock().insert(mount.index, Instant::now());
    }

    /// The folder's complete listing.
    ///
    /// # Errors
    /// The fetch's, shared by all who waited for it; never for a folder with a usable older listing
    /// unless `freshness` refuses one.
    pub(in crate::drive) async fn get(
        &self,
        mount: &Arc<Mounted>,
        folder_id: &str,
        freshness: Freshness,
    ) -> Result<Arc<Listing>, Error> {
        match (self.peek(mount, folder_id), freshness) {
            (Some((listing, true)), Freshness::Cached | Freshness::Fresh) => {
                metrics::counter!(meters::LISTING_LOOKUPS, "outcome" => "hit").increment(1);
                Ok(listing)
            }
            (Some((listing, false)), Freshness::Cached) if self.is_outdated(mount, folder_id, &listing) => {
                metrics::counter!(meters::LISTING_LOOKUPS, "outcome" => "outdated").increment(1);
                self.renewed(mount, folder_id, listing).await
            }
            (Some((listing, false)), Freshness::Cached) => {
                metrics::counter!(meters::LISTING_LOOKUPS, "outcome" => "stale").increment(1);
                self.refresh_behind(mount, folder_id);
                Ok(listing)
            }
            _ => {
                metrics::counter!(meters::LISTING_LOOKUPS, "outcome" => "fetch").increment(1);
                self.fetch_current(mount, folder_id).await
            }
        }
    }

    /// Fetches the folder; once more where it is known to have changed after a fetch was begun that somebody else waited
    /// for.
    async fn fetch_current(&self, mount: &Arc<Mounted>, folder_id: &str) -> Result<Arc<Listing>, Error> {
        match self.fetch(mount, folder_id, false).await {
            Ok(listing) if self.is_outdated(mount, folder_id, &listing) => self.fetch(mount, folder_id, false).await,
            fetched => fetched,
        }
    }

    /// A new listing in place of one that is known to be outdated; that one where the drive cannot be asked now.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the folder is gone.
    async fn renewed(&self, mount: &Arc<Mounted>, folder_id: &str, old: Arc<Listing>) -> Result<Arc<Listing>, Error> {
        if self.has_just_failed(&key(mount, folder_id)) {
            return Ok(old);
        }
        match self.fetch_current(mount, folder_id).await {
            Err(error) if !matches!(error, Error::NotFound) => Ok(old),
            result => result,
        }
    }

    fn has_just_failed(&self, key: &FolderKey) -> bool {
        self.failure(key).is_some()
    }

    fn failure(&self, key: &FolderKey) -> Option<ErrorKind> {
        self.0.failed.get(key).filter(|(at, _)| at.elapsed() < RETRY_PAUSE).map(|(_, why)| why)
    }

    /// Why the folder could not be asked for anew just now.
    pub(super) fn trouble(&self, mount: &Mounted, folder_id: &str) -> Option<ErrorKind> {
        self.failure(&key(mount, folder_id))
    }

    /// Starts a fetch that nobody waits for, unless the last one has just failed.
    pub(in crate::drive) fn refresh_behind(&self, mount: &Arc<Mounted>, folder_id: &str) {
        if !self.has_just_failed(&key(mount, folder_id)) {
            drop(self.fetch(mount, folder_id, true));
        }
    }

    /// Fetches a folder that nobody has asked for yet.
    ///
    /// # Errors
    /// As [`ListingCache::get`].
    pub(in crate::drive) async fn fetch_ahead(&self, mount: &Arc<Mounted>, folder_id: &str) -> Result<(), Error> {
        self.fetch(mount, folder_id, true).await.map(drop)
    }

    /// Joins the running fetch of the folder or starts one, which nobody waits for if it is `behind`.
    fn fetch(&self, mount: &Arc<Mounted>, folder_id: &str, behind: bool) -> Flight {
        let key = key(mount, folder_id);
        let mut flights = self.0.flights.lock();
        if let Some(airborne) = flights.get(&key) {
            if let Some(background) = airborne.background.as_ref().filter(|_| !behind) {
                background.is_wanted_now();
            }
            return airborne.flight.clone();
        }
        let run = self.clone().run(mount.clone(), key.clone());
        let background = behind.then(Background::default);
        let task = match &background {
            Some(background) => background.spawn(run),
            None => calls::spawn(run),
        };
        let flight = async move {
            match task.await {
                Ok(result) => result,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => Err(Error::Stopping),
            }
        }
        .boxed()
        .shared();
        flights.insert(key, Fetch { flight: flight.clone(), background, changes: Vec::new() });
        flight
    }

    async fn run(self, mount: Arc<Mounted>, key: FolderKey) -> Result<Arc<Listing>, Error> {
        let cut = RemoveOnPanic { cache: &self, key: &key };
        let fetched = fetch::fetch(&mount, &key.1).await;
        // It got here: it leaves the table together with its landing.
        std::mem::forget(cut);
        let mut flights = self.0.flights.lock();
        let changes = flights.remove(&key).map(|airborne| airborne.changes).unwrap_or_default();
        let result = fetched.map(|listing| Arc::new(with_own_changes(listing, &changes)));
        match &result {
            Ok(listing) => {
                self.0.failed.invalidate(&key);
                self.0.listings.insert(key.clone(), listing.clone());
            }
            Err(Error::NotFound) => self.0.listings.invalidate(&key),
            Err(error) => {
                tracing::warn!(folder = %key.1, %error, "a listing failed");
                self.0.failed.insert(key.clone(), (Instant::now(), error.kind()));
            }
        }
        result
    }

    /// Takes over one of our own changes, into the listing at hand and into one that is being fetched.
    pub(in crate::drive) fn apply(&self, mount: &Mounted, folder_id: &str, change: Change) {
        let key = key(mount, folder_id);
        let mut flights = self.0.flights.lock();
        if let Some(listing) = self.0.listings.get(&key) {
            self.0.listings.insert(key.clone(), Arc::new(listing.with(&change)));
        }
        if let Some(airborne) = flights.get_mut(&key) {
            airborne.changes.push((Instant::now(), change));
        }
    }

    /// Takes an item out of all listings of its folder, in all mounts, and out of those that are being fetched.
    pub(in crate::drive) fn item_gone(&self, folder_id: &str, file_id: &str) {
        self.apply_everywhere(folder_id, file_id, &Change::Remove(file_id.into()));
    }

    /// The same for an item that stays, under another name.
    pub(in crate::drive) fn item_named(&self, folder_id: &str, entry: Entry) {
        let file_id = entry.file_id.clone();
        self.apply_everywhere(folder_id, &file_id, &Change::Put(Arc::new(entry)));
    }

    fn apply_everywhere(&self, folder_id: &str, file_id: &str, change: &Change) {
        let mut flights = self.0.flights.lock();
        for (key, listing) in &self.0.listings {
            if *key.1 == *folder_id && (matches!(change, Change::Put(_)) || listing.holds(file_id)) {
                self.0.listings.insert((*key).clone(), Arc::new(listing.with(change)));
            }
        }
        for (_, airborne) in flights.iter_mut().filter(|(key, _)| *key.1 == *folder_id) {
            airborne.changes.push((Instant::now(), change.clone()));
        }
    }

    /// A folder that has just been made is known to be empty, unless more is known of it already.
    pub(in crate::drive) fn made(&self, mount: &Mounted, folder_id: &str) {
        let key = key(mount, folder_id);
        let flights = self.0.flights.lock();
        if !flights.contains_key(&key) && !self.0.listings.contains_key(&key) {
            self.0.listings.insert(key, Arc::new(Listing::new(Vec::new(), Instant::now())));
        }
    }

    /// Forgets a folder's listing.
    pub(in crate::drive) fn forget(&self, mount: &Mounted, folder_id: &str) {
        self.0.listings.invalidate(&key(mount, folder_id));
    }
}

/// A listing asked for before one of our own changes may lack it.
fn with_own_changes(listing: Listing, changes: &[(Instant, Change)]) -> Listing {
    let asked_at = listing.asked_at;
    let missed = changes.iter().filter(|(at, _)| *at >= asked_at);
    missed.fold(listing, |listing, (_, change)| listing.with(change))
}

/// Takes a fetch that ends in a panic out of the table.
struct RemoveOnPanic<'a> {
    cache: &'a ListingCache,
    key: &'a FolderKey,
}

impl Drop for RemoveOnPanic<'_> {
    fn drop(&mut self) {
        self.cache.0.flights.lock().remove(self.key);
    }
}

fn key(mount: &Mounted, folder_id: &str) -> FolderKey {
    (mount.index, folder_id.into())
}
