//! How many uploads to an account are under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The count; clones are the same.
#[derive(Clone, Default)]
pub(in crate::drive) struct Uploading(Arc<AtomicUsize>);

/// An upload that counts until this is dropped.
pub(in crate::drive) struct Counted(Uploading);

impl Uploading {
    /// One more, to its end.
    pub(in crate::drive) fn begin(&self) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    /// Those under way.
    pub(in crate::drive) fn running(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
