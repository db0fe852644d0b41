//! What of a tree could not be copied, as it is told to the client.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::drive::error::{Error, Partly};
use crate::drive::path::Path;

/// Failures that are told one by one.
const MOST_TOLD: usize = 1000;

/// What has failed so far.
#[derive(Default)]
pub(super) struct Failures(Mutex<Partly>);

impl Failures {
    pub(super) fn add(&self, path: Path, error: Error) {
        tracing::warn!(%path, %error, "this could not be copied");
        let mut partly = self.0.lock();
        if partly.failures.len() < MOST_TOLD {
            partly.failures.push((path, error));
        } else {
            partly.more += 1;
        }
    }

    /// Whether it is among those that are told.
    pub(super) fn has(&self, path: &Path) -> bool {
        let partly = self.0.lock();
        partly.more > 0 || partly.failures.iter().any(|(failed, _)| failed == path)
    }

    /// Fails if anything has.
    pub(super) fn result(&self) -> Result<(), Error> {
        let partly = std::mem::take(&mut *self.0.lock());
        if partly.failures.is_empty() { Ok(()) } else { Err(Error::Partly(Arc::new(partly))) }
    }
}
