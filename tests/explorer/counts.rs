//! What one server of several in the process counts, by its own metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// The requests and calls of the server that runs in [`Counts::of`].
#[derive(Default)]
pub(crate) struct Counts {
    requests: Arc<AtomicU64>,
    calls: Arc<AtomicU64>,
}

impl Counts {
    /// Runs a server for a while; its tasks are this thread's.
    pub(crate) fn of<T>(&self, server: impl FnOnce() -> T) -> T {
        metrics::with_local_recorder(self, server)
    }

    /// Requests with the server, and its calls to the drive, that are not answered yet.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers, none below zero")]
    pub(crate) fn running(&self) -> (usize, usize) {
        let number = |gauge: &AtomicU64| f64::from_bits(gauge.load(Ordering::Relaxed)) as usize;
        (number(&self.requests), number(&self.calls))
    }
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match key.name() {
            "alidav_requests_running" => Gauge::from_arc(self.requests.clone()),
            "alidav_upstream_running" => Gauge::from_arc(self.calls.clone()),
            _ => Gauge::noop(),
        }
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
