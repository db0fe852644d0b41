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
//! 3. *Lag*: each search begins [`OVERLAP_MS`] before that. What was looked at already is remembered for as long as it comes
//!    again.
//! 4. *Floods*: where more is new than [`MAX_PAGES`] tell, all listings of the drive are looked at anew on their next use.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::calls::Background;
use crate::drive::listing::resolve::Resolver;
use crate::drive::mount::Mounted;
use crate::drive::tree::Tree;
use crate::meters;
use crate::upstream::{self, Item};

/// A mount that nobody has used for so long is not watched.
const IDLE: Duration = Duration::from_secs(3600);

/// How long a service that refuses searches is left alone.
const REFUSED_PAUSE: Duration = Duration::from_secs(3600);

/// How far the search's index may be behind: some seconds (reference 3.3), and others' clocks.
const OVERLAP_MS: i64 = 120_000;

/// Most pages of one search. At fifteen calls a second all programs together change some 1,400 items within an interval
/// and the overlap.
const MAX_PAGES: usize = 20;

/// What is known of the drives that are watched.
pub(in crate::drive) struct Watch {
    /// Absent where nothing is watched.
    interval: Option<Duration>,
    drives: Mutex<HashMap<DriveKey, Watched>>,
}

/// Account and drive.
type DriveKey = (String, String);

#[derive(Default)]
struct Watched {
    /// When the drive is to be asked next; two trees overlap while settings are reloaded.
    next: Option<Instant>,
    /// Newest time of change that a search has told, Unix milliseconds by the service's clock.
    newest_ms: Option<i64>,
    /// What the last search told: ids with their times of change.
    seen: HashSet<(String, Option<i64>)>,
    /// Whether the service has refused to search, and was told of in the log.
    refused: bool,
}

/// What one search told.
struct Told {
    items: Vec<Item>,
    /// All pages were read.
    complete: bool,
    /// More pages than are read.
    flood: bool,
}

impl Watch {
    pub(in crate::drive) fn new(interval: Duration) -> Self {
        Self { interval: Some(interval).filter(|interval| !interval.is_zero()), drives: Mutex::default() }
    }

    /// Whether the drive's turn has come; takes it.
    fn is_due(&self, drive: &DriveKey, interval: Duration) -> bool {
        let now = Instant::now();
        let mut drives = self.drives.lock();
        let watched = drives.entry(drive.clone()).or_default();
        let due = watched.next.is_none_or(|next| next <= now);
        if due {
            // Half of it: the next tick is not to find itself a moment early.
            watched.next = Some(now + interval / 2);
        }
        due
    }

    fn since(&self, drive: &DriveKey) -> Option<i64> {
        self.drives.lock().get(drive)?.newest_ms.map(|newest| newest - OVERLAP_MS)
    }

    /// Takes over what a search told; gives the items that were not looked at before.
    fn learn(&self, drive: &DriveKey, told: &Told) -> Vec<Item> {
        let mut drives = self.drives.lock();
        let watched = drives.entry(drive.clone()).or_default();
        watched.refused = false;
        if told.complete || told.flood {
            let newest = told.items.iter().filter_map(|item| item.updated_ms).max();
            watched.newest_ms = watched.newest_ms.max(newest);
        }
        let seen: HashSet<_> = told.items.iter().map(|item| (item.file_id.clone(), item.updated_ms)).collect();
        let mut new = told.items.clone();
        new.retain(|item| !watched.seen.contains(&(item.file_id.clone(), item.updated_ms)));
        if told.complete {
            watched.seen = seen;
        } else {
            watched.seen.extend(seen);
        }
        new
    }

    /// The search failed. A service that does not let us search is asked again in an hour.
    fn failed(&self, drive: &DriveKey, error: &upstream::Error) {
        use upstream::ErrorKind::{SignInNeeded, Store, Throttled};
        if error.kind.leaves_doubt() || matches!(error.kind, Throttled | SignInNeeded | Store) {
            tracing::debug!(%error, account = drive.0, "changes made elsewhere could not be asked for this time");
            return;
        }
        let mut drives = self.drives.lock();
        let watched = drives.entry(drive.clone()).or_default();
        watched.next = Some(Instant::now() + REFUSED_PAUSE);
        if !std::mem::replace(&mut watched.refused, true) {
            tracing::warn!(%error, account = drive.0, "the drive refuses to be searched: changes made elsewhere show only \
                after cache.list_ttl_s; asked again once an hour (watch_s = 0 asks never)");
        }
    }
}

impl Tree {
    /// Watches the drives for changes made elsewhere, for as long as the tree is there.
    pub fn watch_drives(&self) {
        let Some(interval) = self.0.watch.interval else { return };
        let inner = Arc::downgrade(&self.0);
        let watch = async move {
            loop {
                tokio::time::sleep(interval).await;
                let Some(inner) = inner.upgrade() else { return };
                Self(inner).look_around(interval).await;
            }
        };
        tokio::spawn(Background::default().scope(watch));
    }

    /// Asks once of each drive in use.
    async fn look_around(&self, interval: Duration) {
        for (drive, mounts) in self.drives_in_use().await {
            if !self.0.watch.is_due(&drive, interval) {
                metrics::counter!(meters::WATCH_SEARCHES, "outcome" => "left out").increment(1);
                continue;
            }
            let since = self.0.watch.since(&drive);
            match search(&mounts[0], &drive.1, since).await {
                Ok(told) => {
                    metrics::counter!(meters::WATCH_SEARCHES, "outcome" => "ok").increment(1);
                    let new = self.0.watch.learn(&drive, &told);
                    for mount in &mounts {
                        take_over(&self.0.resolver, mount, &new, told.flood).await;
                    }
                }
                Err(error) => {
                    metrics::counter!(meters::WATCH_SEARCHES, "outcome" => "failed").increment(1);
                    self.0.watch.failed(&drive, &error);
                }
            }
        }
    }

    /// The drives of which a mount was used lately, each with these mounts.
    async fn drives_in_use(&self) -> HashMap<DriveKey, Vec<Arc<Mounted>>> {
        let mut drives: HashMap<_, Vec<_>> = HashMap::new();
        for mount in self.mounts() {
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
async fn search(mount: &Mounted, drive_id: &str, since: Option<i64>) -> Result<Told, upstream::Error> {
    let mut told = Told { items: Vec::new(), complete: false, flood: false };
    let mut marker: Option<String> = None;
    for number in 0..MAX_PAGES {
        match mount.account.client.updated_since(drive_id, since, marker.as_deref()).await {
            Ok(page) => {
                told.items.extend(page.items);
                marker = page.next_marker;
            }
            Err(error) if number == 0 => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "a later page of a search failed");
                return Ok(told);
            }
        }
        if marker.is_none() || since.is_none() {
            told.complete = true;
            return Ok(told);
        }
    }
    told.flood = true;
    Ok(told)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(items: Vec<Item>, complete: bool) -> Told {
        Told { items, complete, flood: false }
    }

    fn ids(items: &[Item]) -> Vec<&str> {
        items.iter().map(|item| &*item.file_id).collect()
    }

    #[tokio::test]
    async fn what_comes_again_is_looked_at_once_and_what_comes_late_is_not_missed() {
        let (watch, drive) = (Watch::new(Duration::from_secs(60)), ("a".to_owned(), "d".to_owned()));
        assert_eq!(watch.since(&drive), None);
        assert_eq!(
            ids(&watch.learn(&drive, &told(vec![Item::test_file("b", 500_000), Item::test_file("a", 400_000)], true))),
            ["b", "a"]
        );
        assert_eq!(watch.since(&drive), Some(500_000 - OVERLAP_MS));
        // The index was behind: an older one appears later. One that changed again is new again.
        let again =
            vec![Item::test_file("b", 500_000), Item::test_file("late", 450_000), Item::test_file("a", 510_000)];
        assert_eq!(ids(&watch.learn(&drive, &told(again, true))), ["late", "a"]);
        assert_eq!(watch.since(&drive), Some(510_000 - OVERLAP_MS));
    }

    #[tokio::test]
    async fn a_search_that_breaks_off_is_made_again_from_where_it_began() {
        let (watch, drive) = (Watch::new(Duration::from_secs(60)), ("a".to_owned(), "d".to_owned()));
        watch.learn(&drive, &told(vec![Item::test_file("a", 500_000)], true));
        assert_eq!(ids(&watch.learn(&drive, &told(vec![Item::test_file("b", 900_000)], false))), ["b"]);
        assert_eq!(watch.since(&drive), Some(500_000 - OVERLAP_MS));
        assert_eq!(
            ids(&watch.learn(&drive, &told(vec![Item::test_file("b", 900_000), Item::test_file("c", 600_000)], true))),
            ["c"]
        );
        assert_eq!(watch.since(&drive), Some(900_000 - OVERLAP_MS));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_kept_for_an_hour_and_an_outage_is_not() {
        let (watch, drive) = (Watch::new(Duration::from_secs(60)), ("a".to_owned(), "d".to_owned()));
        let interval = Duration::from_secs(60);
        assert!(watch.is_due(&drive, interval) && !watch.is_due(&drive, interval));
        watch.failed(&drive, &upstream::Error::new("openFile/search", upstream::ErrorKind::Unavailable));
        tokio::time::advance(interval).await;
        assert!(watch.is_due(&drive, interval));
        watch.failed(&drive, &upstream::Error::new("openFile/search", upstream::ErrorKind::Forbidden));
        tokio::time::advance(REFUSED_PAUSE - Duration::from_secs(1)).await;
        assert!(!watch.is_due(&drive, interval));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(watch.is_due(&drive, interval));
    }
}
