//! Work that goes on though its request has ended.

use std::future::Future;

use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::calls;
use crate::drive::error::Error;
use crate::drive::transfers::jobs::Job;

/// All such work of a process; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Tasks(TaskTracker);

impl Tasks {
    /// Carries work out to its end, even if the caller leaves meanwhile: half of a change is worse than all of it.
    ///
    /// # Errors
    /// [`Error::Stopping`] when the process ends first.
    pub(super) async fn see_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        let (counter, background) = (calls::CallCounter::current(), calls::Background::current());
        let job = Job::current();
        // Each scope would have a copy of the work beside its own, on the stack of whoever hands it over.
        let work = Box::pin(work);
        let work = async move {
            match job {
                Some(job) => job.scope(work).await,
                None => work.await,
            }
        };
        let work = async move {
            match background {
                Some(background) => background.scope(counter.scope(work)).await,
                None => counter.scope(work).await,
            }
        };
        let work = work.in_current_span();
        match self.0.spawn(work).await {
            Ok(result) => Ok(result),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Error::Stopping),
        }
    }

    /// Carries work out for which no request waits.
    pub(super) fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(Box::pin(work).in_current_span());
    }

    /// Returns when none of it is left.
    pub(super) async fn finish(&self) {
        self.0.close();
        self.0.wait().await;
        self.0.reopen();
    }
}
