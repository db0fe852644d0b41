//! How many calls to the drive's API a request costs, for the access log and for tests; and which calls
//! are made for nobody in particular.
//!
//! A counter travels with a task, as the request's span does; work that a request hands to another task takes both
//! along by [`spawn`].

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

tokio::task_local! {
    static CURRENT: CallCounter;
    static BACKGROUND: Background;
}

/// Counts the calls made within its scope; clones count together.
#[derive(Debug, Clone, Default)]
pub struct CallCounter(Arc<AtomicU64>);

impl CallCounter {
    /// Calls so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Runs `future` with this counter as the current one.
    pub async fn scope<F: Future>(&self, future: F) -> F::Output {
        CURRENT.scope(self.clone(), future).await
    }

    /// The counter of the running task; a new one where there is none.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or_default()
    }
}

/// Spawns a task that counts on the caller's counter and whose lines of the log are the caller's request's.
pub fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let counter = CallCounter::current();
    tokio::spawn(async move { counter.scope(future).await }.in_current_span())
}

/// Work whose calls let everybody else's go first, since nobody waits for it; clones are the same work.
#[derive(Debug, Clone, Default)]
pub struct Background(CancellationToken);

impl Background {
    /// Spawns the work, counting on the caller's counter.
    pub fn spawn<F>(&self, future: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn(BACKGROUND.scope(self.clone(), future))
    }

    /// Runs `future` as this work.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        BACKGROUND.scope(self, future).await
    }

    /// Somebody waits for it by now: its calls queue up like all others from here on.
    pub fn is_wanted_now(&self) {
        self.0.cancel();
    }

    /// Returns once somebody waits for it.
    pub(crate) async fn until_wanted(&self) {
        self.0.cancelled().await;
    }

    /// The running task's, if nobody waits for it yet.
    pub(crate) fn current() -> Option<Self> {
        BACKGROUND.try_with(Clone::clone).ok().filter(|background| !background.0.is_cancelled())
    }
}

/// One call has been sent.
pub(crate) fn record() {
    CURRENT.try_with(|counter| counter.0.fetch_add(1, Ordering::Relaxed)).ok();
}
