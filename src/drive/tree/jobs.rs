//! The tree's part of copies and moves from drive to drive that take long.

use std::future::Future;

use crate::drive::path::Path;
use crate::drive::transfers::jobs::{JobItems, JobStatus, NewJob};
use crate::drive::tree::Tree;

impl Tree {
    /// Begins a job that goes on though its request has ended, and tells its id. Whatever `work` copies between drives
    /// counts on it; `work` tells of each item, and what it holds back of it ends the job.
    pub fn begin_job<F: Future<Output = ()> + Send + 'static>(
        &self,
        what: NewJob,
        work: impl FnOnce(JobItems) -> F,
    ) -> u64 {
        let (id, items, job) = self.0.transfers.standing.jobs.begin_items(what);
        self.0.tasks.begin(job.scope(work(items)));
        id
    }

    /// Whether two paths are of the same drive, as far as the settings tell: what lies in a view or above the mounts is
    /// of none. Makes no call.
    #[must_use]
    pub fn is_one_drive(&self, one: &Path, other: &Path) -> bool {
        let drive = |path| self.mount_settings(path).map(|mount| (mount.account.clone(), mount.drive_type));
        drive(one) == drive(other)
    }

    /// Copies and moves from drive to drive: those that run, and the last that have ended.
    #[must_use]
    pub fn jobs(&self) -> Vec<JobStatus> {
        self.0.transfers.standing.jobs.all()
    }

    /// Ends a job that runs; what has arrived stays. False if there is none of that id.
    pub fn cancel_job(&self, id: u64) -> bool {
        self.0.transfers.standing.jobs.cancel(id)
    }
}
