//! What all uploads share: their memory and the spool's limit.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::config;
use crate::drive::upload::memory::UploadMemory;

pub(in crate::drive) struct UploadLimits {
    pub(in crate::drive) settings: config::Upload,
    pub(in crate::drive) memory: UploadMemory,
    /// Bytes of the spool's limit that are spoken for.
    pub(super) spooled: Arc<AtomicU64>,
    /// Work that goes on after its request has ended.
    pub(in crate::drive) tasks: TaskTracker,
}

impl UploadLimits {
    /// Waits for memory end after `max_wait`.
    pub(in crate::drive) fn new(settings: &config::Upload, max_wait: Duration) -> Self {
        Self {
            settings: settings.clone(),
            memory: UploadMemory::new(settings.memory, max_wait),
            spooled: Arc::default(),
            tasks: TaskTracker::new(),
        }
    }

    pub(in crate::drive) fn metadata_files(&self) -> config::MetadataFiles {
        self.settings.metadata_files
    }
}
