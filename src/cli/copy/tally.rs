//! What has become of every file, counted and handed on to whoever shows it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::counts::{Counts, Fate};
use super::show::{Show, View};

/// The counts while they grow.
pub(super) struct Tally {
    counts: Mutex<Counts>,
    show: Show,
    begun: Instant,
    /// When something has gone on last.
    moved: Mutex<tokio::time::Instant>,
    /// It was told that nothing goes on.
    waits: AtomicBool,
}

impl Tally {
    pub(super) fn new(view: View) -> Self {
        Self {
            counts: Mutex::default(),
            show: Show::new(view),
            begun: Instant::now(),
            moved: Mutex::new(tokio::time::Instant::now()),
            waits: AtomicBool::new(false),
        }
    }

    /// A file is wanted.
    pub(super) fn found(&self, size: Option<u64>) {
        self.moves();
        let counts = {
            let mut counts = self.counts.lock();
            counts.found.add(size.unwrap_or_default());
            *counts
        };
        self.show.progress(&counts);
    }

    /// Bytes of a content have gone over the wire.
    pub(super) fn carried(&self, bytes: u64) {
        self.moves();
        let counts = {
            let mut counts = self.counts.lock();
            counts.carried_bytes += bytes;
            *counts
        };
        self.show.progress(&counts);
    }

    /// A file, or something else at a path, has come to its end.
    pub(super) fn ends(&self, at: &str, size: u64, fate: &Fate) {
        if !matches!(fate, Fate::Failed(_)) {
            self.moves();
        }
        let counts = {
            let mut counts = self.counts.lock();
            match fate {
                Fate::Attached => counts.attached.add(size),
                Fate::Sent => counts.sent.add(size),
                Fate::Received { proved } => {
                    counts.received.add(size);
                    counts.unproved += u64::from(!proved);
                }
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

    fn moves(&self) {
        *self.moved.lock() = tokio::time::Instant::now();
        self.goes_on();
    }

    /// How long nothing has gone on.
    pub(super) fn silent_for(&self) -> Duration {
        self.moved.lock().elapsed()
    }

    /// Nothing goes on since something is waited for.
    pub(super) fn waits(&self, what: &str, since: Duration) {
        self.waits.store(true, Ordering::Relaxed);
        self.show.waits(what, since);
    }

    /// It goes on again, which is told if it was told that it does not.
    pub(super) fn goes_on(&self) {
        if self.waits.swap(false, Ordering::Relaxed) {
            self.show.goes_on(&self.counts());
        }
    }

    /// Whether what is shown is drawn over.
    pub(super) fn is_drawn(&self) -> bool {
        self.show.is_drawn()
    }

    pub(super) fn counts(&self) -> Counts {
        *self.counts.lock()
    }

    /// The last word of a run that ends with this code.
    pub(super) fn close(&self, code: u8) {
        self.show.summary(&self.counts(), self.begun.elapsed(), code);
    }
}
