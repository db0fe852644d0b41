//! What has become of every file, counted and handed on to whoever shows it.

use std::time::Instant;

use parking_lot::Mutex;

use super::counts::{Counts, Fate};
use super::show::{Show, View};

/// The counts while they grow.
pub(super) struct Tally {
    counts: Mutex<Counts>,
    show: Show,
    begun: Instant,
}

impl Tally {
    pub(super) fn new(view: View) -> Self {
        Self { counts: Mutex::default(), show: Show::new(view), begun: Instant::now() }
    }

    /// A file is wanted.
    pub(super) fn found(&self, size: Option<u64>) {
        let counts = {
            let mut counts = self.counts.lock();
            counts.found.add(size.unwrap_or_default());
            *counts
        };
        self.show.progress(&counts);
    }

    /// Bytes of a content have gone over the wire.
    pub(super) fn carried(&self, bytes: u64) {
        let counts = {
            let mut counts = self.counts.lock();
            counts.carried_bytes += bytes;
            *counts
        };
        self.show.progress(&counts);
    }

    /// A file, or something else at a path, has come to its end.
    pub(super) fn ends(&self, at: &str, size: u64, fate: &Fate) {
        let counts = {
            let mut counts = self.counts.lock();
            match fate {
                Fate::Attached => counts.attached.add(size),
                Fate::Sent => counts.sent.add(size),
                Fate::Received => counts.received.add(size),
                Fate::Copied => counts.copied.add(size),
                Fate::Present => counts.present.add(size),
                Fate::Planned => counts.planned.add(size),
                Fate::LeftOut(_) => counts.left_out += 1,
                Fate::Failed(_) => counts.failed += 1,
            }
            *counts
        };
        self.show.file(at, size, fate);
        self.show.progress(&counts);
    }

    pub(super) fn counts(&self) -> Counts {
        *self.counts.lock()
    }

    /// The last word of a run that ends with this code.
    pub(super) fn close(&self, code: u8) {
        self.show.summary(&self.counts(), self.begun.elapsed(), code);
    }
}
