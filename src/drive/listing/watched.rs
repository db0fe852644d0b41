//! What the searches for changes made elsewhere have told of each drive, and when it is to be asked next.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::clock::UnixMillis;
use crate::upstream::{self, Item};

/// How long a service that refuses searches is left alone.
const REFUSED_PAUSE: Duration = Duration::from_secs(3600);

/// How far the search's index may be behind: some seconds (reference 3.3), and others' clocks.
const OVERLAP: Duration = Duration::from_secs(120);

/// What is known of the drives that are watched.
pub(in crate::drive) struct Watch {
    /// Absent where nothing is watched.
    pub(super) interval: Option<Duration>,
    drives: Mutex<HashMap<DriveKey, Watched>>,
}

/// Account and drive.
pub(super) type DriveKey = (String, String);

#[derive(Default)]
struct Watched {
    /// When the drive is to be asked next; two trees overlap while settings are reloaded.
    next: Option<Instant>,
    /// Newest time of change that a search has told, by the service's clock.
    newest: Option<UnixMillis>,
    /// What the last search told: ids with their times of change.
    seen: HashSet<(String, Option<UnixMillis>)>,
    /// Whether the service has refused to search, and was told of in the log.
    refused: bool,
}

/// What one search told.
pub(super) struct SearchResult {
    pub(super) items: Vec<Item>,
    /// All pages were read.
    pub(super) complete: bool,
    /// More pages than are read.
    pub(super) flood: bool,
}

impl Watch {
    pub(in crate::drive) fn new(interval: Duration) -> Self {
        Self { interval: Some(interval).filter(|interval| !interval.is_zero()), drives: Mutex::default() }
    }

    /// Whether the drive's turn has come; takes it.
    pub(super) fn is_due(&self, drive: &DriveKey, interval: Duration) -> bool {
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

    pub(super) fn since(&self, drive: &DriveKey) -> Option<UnixMillis> {
        self.drives.lock().get(drive)?.newest.map(|newest| newest.minus(OVERLAP))
    }

    /// Takes over what a search told; gives the items that were not looked at before.
    pub(super) fn learn(&self, drive: &DriveKey, found: &SearchResult) -> Vec<Item> {
        let mut drives = self.drives.lock();
        let watched = drives.entry(drive.clone()).or_default();
        watched.refused = false;
        if found.complete || found.flood {
            let newest = found.items.iter().filter_map(|item| item.updated).max();
            watched.newest = watched.newest.max(newest);
        }
        let seen: HashSet<_> = found.items.iter().map(|item| (item.file_id.clone(), item.updated)).collect();
        let mut new = found.items.clone();
        new.retain(|item| !watched.seen.contains(&(item.file_id.clone(), item.updated)));
        if found.complete {
            watched.seen = seen;
        } else {
            watched.seen.extend(seen);
        }
        new
    }

    /// The search failed. A service that does not let us search is asked again in an hour.
    pub(super) fn failed(&self, drive: &DriveKey, error: &upstream::Error) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn found(items: Vec<Item>, complete: bool) -> SearchResult {
        SearchResult { items, complete, flood: false }
    }

    fn file(id: &str, updated: i64) -> Item {
        Item::test_file(id, UnixMillis(updated))
    }

    fn ids(items: &[Item]) -> Vec<&str> {
        items.iter().map(|item| &*item.file_id).collect()
    }

    #[tokio::test]
    async fn what_comes_again_is_looked_at_once_and_what_comes_late_is_not_missed() {
        let (watch, drive) = (Watch::new(Duration::from_secs(60)), ("a".to_owned(), "d".to_owned()));
        assert_eq!(watch.since(&drive), None);
        assert_eq!(ids(&watch.learn(&drive, &found(vec![file("b", 500_000), file("a", 400_000)], true))), ["b", "a"]);
        assert_eq!(watch.since(&drive), Some(UnixMillis(500_000).minus(OVERLAP)));
        // The index was behind: an older one appears later. One that changed again is new again.
        let again = vec![file("b", 500_000), file("late", 450_000), file("a", 510_000)];
        assert_eq!(ids(&watch.learn(&drive, &found(again, true))), ["late", "a"]);
        assert_eq!(watch.since(&drive), Some(UnixMillis(510_000).minus(OVERLAP)));
    }

    #[tokio::test]
    async fn a_search_that_breaks_off_is_made_again_from_where_it_began() {
        let (watch, drive) = (Watch::new(Duration::from_secs(60)), ("a".to_owned(), "d".to_owned()));
        watch.learn(&drive, &found(vec![file("a", 500_000)], true));
        assert_eq!(ids(&watch.learn(&drive, &found(vec![file("b", 900_000)], false))), ["b"]);
        assert_eq!(watch.since(&drive), Some(UnixMillis(500_000).minus(OVERLAP)));
        assert_eq!(ids(&watch.learn(&drive, &found(vec![file("b", 900_000), file("c", 600_000)], true))), ["c"]);
        assert_eq!(watch.since(&drive), Some(UnixMillis(900_000).minus(OVERLAP)));
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
