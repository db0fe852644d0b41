//! What all uploads share: their memory, the spool's limit, what is not decided yet.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use super::upload_memory::UploadMemory;
use crate::config;

pub(super) struct UploadLimits {
    pub(super) settings: config::Upload,
    pub(super) memory: UploadMemory,
    /// Bytes of the spool's limit that are spoken for.
    pub(super) spooled: Arc<AtomicU64>,
    /// Ids of what the drive has made for uploads that are not decided yet.
    pub(super) undecided: Arc<Mutex<HashSet<Box<str>>>>,
    /// Work that goes on after its request has ended.
    pub(super) tasks: TaskTracker,
}

impl UploadLimits {
    /// Waits for memory end after `max_wait`.
    pub(super) fn new(settings: &config::Upload, max_wait: Duration) -> Self {
        Self {
            settings: settings.clone(),
            memory: UploadMemory::new(settings.memory, max_wait),
            spooled: Arc::default(),
            tasks: TaskTracker::new(),
            undecided: Arc::default(),
        }
    }

    pub(super) fn metadata_files(&self) -> config::MetadataFiles {
        self.settings.metadata_files
    }
}
