//! Sub-folders of the folder that somebody looks at, listed before they are opened.
//!
//! Each listing is a background call of its own, one after the other: requests go first and join one that
//! is under way. The sub-folders of another folder take their place, and the first failure ends it. It
//! never goes deeper.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::task::AbortOnDropHandle;

use crate::drive::listing::cache::ListingCache;
use crate::drive::listing::members::Listing;
use crate::drive::mount::Mounted;
use crate::meters;

/// What is being listed in advance, one folder's members for each mount.
pub(in crate::drive) struct Prefetch {
    /// Most sub-folders of one folder.
    folders: usize,
    running: Mutex<HashMap<usize, AbortOnDropHandle<()>>>,
}

impl Prefetch {
    pub(in crate::drive) fn new(folders: usize) -> Self {
        Self { folders, running: Mutex::default() }
    }

    /// Lists the first sub-folders, as far as their listings are not at hand.
    pub(in crate::drive) fn begin(&self, listings: &ListingCache, mount: &Arc<Mounted>, looked_at: &Listing) {
        let ids = looked_at.folders().take(self.folders).map(|folder| folder.file_id.clone());
        let unknown: Vec<_> = ids.filter(|id| listings.peek(mount, id).is_none()).collect();
        if unknown.is_empty() {
            return;
        }
        let (listings, index, mount) = (listings.clone(), mount.index, mount.clone());
        let run = async move {
            for id in unknown {
                // Somebody may have asked for it since.
                if listings.peek(&mount, &id).is_some() {
                    continue;
                }
                metrics::counter!(meters::LISTING_LOOKUPS, "outcome" => "ahead").increment(1);
                if let Err(error) = listings.fetch_ahead(&mount, &id).await {
                    tracing::debug!(%error, "listing in advance ends");
                    return;
                }
            }
        };
        self.running.lock().insert(index, AbortOnDropHandle::new(tokio::spawn(run)));
    }
}
