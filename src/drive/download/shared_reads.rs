//! Reads of whole small files that are under way, one for all who want the file, and what is known of folders whose
//! addresses have expired.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::drive::download::source::FileSource;
use crate::drive::download::whole::WholeRead;
use crate::drive::slots::permit::Reader;
use crate::upstream::Address;

/// A folder is not listed again sooner for its addresses, which live some 15 minutes (reference 3.1): what that did not
/// mend it does not mend.
const RENEWAL_PAUSE: Duration = Duration::from_secs(300);

/// Reads further apart are not one scan of a folder.
const SCAN_PAUSE: Duration = Duration::from_secs(60);

/// Folders of which renewals are remembered.
const MAX_FOLDERS: u64 = 10_000;

pub(super) type FolderKey = (usize, Box<str>);

/// What all reads of small files share.
pub(in crate::drive) struct SharedReads {
    /// Reads under way, by file id.
    reads: Mutex<HashMap<Box<str>, Weak<WholeRead>>>,
    /// How many reads lately found the address of a file of the folder expired.
    wanted: moka::sync::Cache<FolderKey, Arc<AtomicUsize>>,
    pub(super) renewed: moka::future::Cache<FolderKey, ()>,
}

impl SharedReads {
    pub(in crate::drive) fn new() -> Self {
        Self {
            reads: Mutex::default(),
            wanted: moka::sync::Cache::builder().max_capacity(MAX_FOLDERS).time_to_idle(SCAN_PAUSE).build(),
            renewed: moka::future::Cache::builder().max_capacity(MAX_FOLDERS).time_to_live(RENEWAL_PAUSE).build(),
        }
    }

    /// A read of the file that is under way, or a new one; absent where there would be nothing to prove.
    pub(super) fn read(&self, source: &FileSource, address: Address, reader: Reader) -> Option<Arc<WholeRead>> {
        let mut reads = self.reads.lock();
        let entry = &source.entry;
        if let Some(read) = reads.get(&entry.file_id).and_then(Weak::upgrade).filter(|read| read.gives(entry.sha1)) {
            return Some(read);
        }
        let read = WholeRead::start(source.clone(), address, reader.urgent, reader.by_range)?;
        reads.retain(|_, read| read.strong_count() > 0);
        reads.insert(entry.file_id.clone(), Arc::downgrade(&read));
        Some(read)
    }

    /// Whether one more read makes it worth to ask for so many pages.
    pub(super) fn is_worth(&self, folder: &FolderKey, pages: usize) -> bool {
        let wanted = self.wanted.get_with_by_ref(folder, Arc::default);
        wanted.fetch_add(1, Ordering::Relaxed) + 1 >= pages
    }
}
