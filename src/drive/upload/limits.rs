//! What all uploads share: their memory and the spool's limit.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::config;
use crate::drive::upload::memory::UploadMemory;

pub(in crate::drive) struct UploadLimits {
    pub(in crate::drive) settings: config::Upload,
    pub(in crate::drive) memory: UploadMemory,
    /// Bytes of the spool's limit that are spoken for.
    pub(super) spooled: Arc<AtomicU64>,
}

impl UploadLimits {
    /// Waits for memory end after `max_wait`.
    pub(in crate::drive) fn new(settings: &config::Upload, max_wait: Duration) -> Self {
        Self {
            settings: settings.clone(),
            memory: UploadMemory::new(settings.memory, max_wait),
            spooled: Arc::default(),
        }
    }
}
