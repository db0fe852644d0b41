//! What all uploads share: their memory, the spool's limit, one commit at a time for each name.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use super::Path;
use super::upload_memory::UploadMemory;
use crate::config;

pub(super) struct UploadLimits {
    pub(super) settings: config::Upload,
    pub(super) memory: UploadMemory,
    /// Bytes of the spool's limit that are spoken for.
    pub(super) spooled: Arc<AtomicU64>,
    /// Work that goes on after its request has ended.
    pub(super) tasks: TaskTracker,
    pub(super) commits: moka::sync::Cache<(usize, Path), Arc<tokio::sync::Mutex<()>>>,
}

impl UploadLimits {
    /// Waits for memory end after `max_wait`.
    pub(super) fn new(settings: &config::Upload, max_wait: Duration) -> Self {
        Self {
            settings: settings.clone(),
            memory: UploadMemory::new(settings.memory, max_wait),
            spooled: Arc::default(),
            tasks: TaskTracker::new(),
            commits: moka::sync::Cache::builder().max_capacity(10_000).build(),
        }
    }

    pub(super) fn metadata_files(&self) -> config::MetadataFiles {
        self.settings.metadata_files
    }
}
