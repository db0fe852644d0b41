//! Work that goes on though its request has ended.

use std::future::Future;

use tracing::Instrument as _;

use crate::calls;
use crate::drive::error::Error;
use crate::drive::tree::Tree;

impl Tree {
    /// Carries work out to its end, even if the caller leaves meanwhile: half of a change is worse than all of it.
    ///
    /// # Errors
    /// [`Error::Stopping`] when the process ends first.
    pub async fn see_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        let counter = calls::CallCounter::current();
        let work = async move { counter.scope(work).await }.in_current_span();
        match self.0.uploads.tasks.spawn(work).await {
            Ok(result) => Ok(result),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Error::Stopping),
        }
    }

    /// Returns when no work is running that outlived its request.
    pub async fn finish_tasks(&self) {
        let tasks = &self.0.uploads.tasks;
        tasks.close();
        tasks.wait().await;
        tasks.reopen();
    }
}
