//! Changes that other programs make on the drive: once an interval its search is asked what was updated, and
//! the folders of what is new there are listed again on their next use.
//!
//! It only makes listings fresher. What the search does not tell (its index lags, removed items are not in it, it
//! may omit, repeat or reorder) stays as it was; nothing is taken for absent, hidden or removed by it.
//!
//! 1. *Cost*: one search an interval and drive, in the background class, and only for drives of which somebody has
//!    used a mount within the last hour ([`IDLE`]). An item that a listing shows already costs nothing more, so our
//!    own changes do not have their folders listed again.
//! 2. *Clocks*: the search is asked from the newest time that it has told itself; ours plays no part. Before it has told
//!    one, the first page of the newest items is looked at.
//! 3. *Lag*: each search begins `OVERLAP_MS` before that. What was looked at already is remembered for as long as it comes
//!    again.
//! 4. *Floods*: where more is new than [`MAX_PAGES`] tell, all listings of the drive are looked at anew on their next use.
//!
//! What other instances that share the state store change they tell at once; that costs no search.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::calls::Background;
use crate::clock::UnixMillis;
use crate::drive::entry::Entry;
use crate::drive::listing::resolve::Resolver;
use crate::drive::listing::watched::{DriveKey, SearchResult, Watch};
use crate::drive::mount::Mounted;
use crate::drive::mounts::Mounts;
use crate::meters;
use crate::state::{self, Changes};
use crate::upstream::{self, Item};

/// A mount that nobody has used for so long is not watched.
const IDLE: Duration = Duration::from_secs(3600);

/// Most pages of one search. At fifteen calls a second all programs together change some 1,400 items within an interval
/// and the overlap.
const MAX_PAGES: usize = 20;

/// Watches the drives of some mounts.
pub(in crate::drive) struct Watcher {
    mounts: Arc<Mounts>,
    resolver: Resolver,
    watch: Arc<Watch>,
    changes: Changes,
}

impl Watcher {
    pub(in crate::drive) fn new(mounts: Arc<Mounts>, resolver: Resolver, watch: Watch, changes: Changes) -> Self {
        Self { mounts, resolver, watch: Arc::new(watch), changes }
    }

    /// The same memory over other mounts.
    pub(in crate::drive) fn over(&self, mounts: Arc<Mounts>) -> Self {
        Self { mounts, resolver: self.resolver.clone(), watch: self.watch.clone(), changes: self.changes.clone() }
    }

    /// Watches the drives for changes made elsewhere, for as long as this is there.
    pub(in crate::drive) fn begin(self: &Arc<Self>) {
        self.changes.hand_to(self, Self::hear);
        let Some(interval) = self.watch.interval else { return };
        let this = Arc::downgrade(self);
        let watch = async move {
            loop {
                tokio::time::sleep(interval).await;
                let Some(this) = this.upgrade() else { return };
                this.look_around(interval).await;
            }
        };
        tokio::spawn(Background::default().scope(watch));
    }

    /// Takes over what another instance tells of its own changes.
    async fn hear(self: Arc<Self>, change: state::Change) {
        let listings = &self.resolver.listings;
        match change {
            state::Change::Folder { folder_id, file_id, gone } => {
                let is_file = |mount: &Arc<Mounted>| {
                    let listing = listings.peek(mount, &folder_id);
                    let is_it = |entry: &Arc<Entry>| *entry.file_id == *file_id && !entry.is_folder();
                    listing.is_some_and(|(listing, _)| listing.iter().any(is_it))
                };
                // What was found below a folder by its whole path is there no more.
                if gone && !self.mounts.all().iter().any(is_file) {
                    self.resolver.forget_all_located();
                } else {
                    self.resolver.forget_located(&file_id).await;
                }
                self.mounts.all().iter().for_each(|mount| listings.outdate(mount, &folder_id));
            }
            state::Change::Unknown => {
                self.mounts.all().iter().for_each(|mount| listings.outdate_all(mount));
                self.resolver.forget_all_located();
            }
            _ => {}
        }
    }

    /// Asks once of each drive in use.
    async fn look_around(&self, interval: Duration) {
        for (drive, mounts) in self.drives_in_use().await {
            if !self.watch.is_due(&drive, interval) {
                metrics::counter!(meters::WATCH_SEARCHES, "outcome" => "left out").increment(1);
                continue;
            }
            let since = self.watch.since(&drive);
            match search(&mounts[0], &drive.1, since).await {
                Ok(found) => {
                    metrics::counter!(meters::WATCH_SEARCHES, "outcome" => "ok").increment(1);
                    let new = self.watch.learn(&drive, &found);
                    for mount in &mounts {
                        take_over(&self.resolver, mount, &new, found.flood).await;
                    }
                }
                Err(error) => {
                    metrics::counter!(meters::WATCH_SEARCHES, "outcome" => "failed").increment(1);
                    self.watch.failed(&drive, &error);
                }
            }
        }
    }

    /// The drives of which a mount was used lately, each with these mounts.
    async fn drives_in_use(&self) -> HashMap<DriveKey, Vec<Arc<Mounted>>> {
        let mut drives: HashMap<_, Vec<_>> = HashMap::new();
        for mount in self.mounts.all() {
            if mount.idle_time().is_none_or(|idle| idle >= IDLE) {
                continue;
            }
            // Whoever uses the mount is told why it has no drive.
            let Ok(drive_id) = mount.drive_id().await else { continue };
            drives.entry((mount.account.client.account().to_owned(), drive_id)).or_default().push(mount.clone());
        }
        drives
    }
}

/// All that changed since a time; without one, the newest page.
///
/// # Errors
/// The first page's. A later one that fails leaves what was told before it.
async fn search(mount: &Mounted, drive_id: &str, since: Option<UnixMillis>) -> Result<SearchResult, upstream::Error> {
    let mut found = SearchResult { items: Vec::new(), complete: false, flood: false };
    let mut marker: Option<String> = None;
    for number in 0..MAX_PAGES {
        match mount.account.client.updated_since(drive_id, since, marker.as_deref()).await {
            Ok(page) => {
                found.items.extend(page.items);
                marker = page.next_marker;
            }
            Err(error) if number == 0 => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "a later page of a search failed");
                return Ok(found);
            }
        }
        if marker.is_none() || since.is_none() {
            found.complete = true;
            return Ok(found);
        }
    }
    found.flood = true;
    Ok(found)
}

/// Has the folders looked at anew in which something is that their listing does not show.
async fn take_over(resolver: &Resolver, mount: &Mounted, new: &[Item], flood: bool) {
    let listings = &resolver.listings;
    if flood {
        listings.outdate_all(mount);
    }
    for item in new {
        let Some(folder) = &item.parent_file_id else { continue };
        if listings.peek(mount, folder).is_some_and(|(listing, _)| !listing.shows(item)) {
            metrics::counter!(meters::WATCH_OUTDATED).increment(1);
            listings.outdate(mount, folder);
        }
    }
    resolver.doubt_located(mount, new).await;
}
