//! Copies that go file by file and may take long: what each has done so far, and how it is ended.
//!
//! Knows nothing of how anything is copied. The last few that have ended are remembered.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::clock::UnixMillis;
use crate::drive::error::Error;
use crate::drive::path::Path;
use crate::drive::upload::known::Means;

/// Ended jobs that are remembered.
const MOST_ENDED: usize = 16;

/// How far a copy from drive to drive has come.
#[derive(Debug, Clone)]
pub struct JobStatus {
    /// By which it is cancelled; each is given once in a process.
    pub id: u64,
    /// A MOVE: the source goes once all has arrived.
    pub moves: bool,
    /// What is copied.
    pub from: Path,
    /// Where to.
    pub to: Path,
    /// When it was begun.
    pub since: UnixMillis,
    /// Files in all; 0 until they are counted.
    pub files: u64,
    /// Their bytes, as far as the drive tells them.
    pub bytes: u64,
    /// Files that have arrived, those that were there among them.
    pub files_done: u64,
    /// Their bytes.
    pub bytes_done: u64,
    /// Files that arrived without being carried, since the drive had their content.
    pub files_rapid: u64,
    /// Bytes that were carried, of files that are not whole yet too.
    pub bytes_sent: u64,
    /// Files and folders that could not be copied.
    pub failed: u64,
    /// Whether it goes on.
    pub state: JobState,
}

/// Whether a job goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants say it")]
pub enum JobState {
    Running,
    Done,
    Failed,
    Cancelled,
}

/// One job, for those who work on it.
pub(in crate::drive) struct Job {
    status: Mutex<JobStatus>,
    cancel: CancellationToken,
}

impl Job {
    /// Fails if somebody has cancelled it.
    pub(super) fn goes_on(&self) -> Result<(), Error> {
        if self.cancel.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Returns once somebody has cancelled it.
    pub(super) async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    pub(super) fn counted(&self, files: u64, bytes: u64) {
        let mut status = self.status.lock();
        (status.files, status.bytes) = (files, bytes);
    }

    pub(super) fn sent(&self, bytes: u64) {
        self.status.lock().bytes_sent += bytes;
    }

    pub(super) fn arrived(&self, bytes: u64, means: Means) {
        let mut status = self.status.lock();
        status.files_done += 1;
        status.bytes_done += bytes;
        status.files_rapid += u64::from(means == Means::Attached);
    }

    pub(super) fn failed(&self) {
        self.status.lock().failed += 1;
    }
}

/// A job that runs; dropped without a word it has failed.
pub(super) struct Running(Arc<Job>);

impl std::ops::Deref for Running {
    type Target = Job;

    fn deref(&self) -> &Job {
        &self.0
    }
}

impl Running {
    pub(super) fn ends<T>(self, result: &Result<T, Error>) {
        self.0.status.lock().state = match result {
            Ok(_) => JobState::Done,
            Err(_) if self.0.cancel.is_cancelled() => JobState::Cancelled,
            Err(_) => JobState::Failed,
        };
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut status = self.0.status.lock();
        if status.state == JobState::Running {
            status.state = JobState::Failed;
        }
    }
}

/// All jobs of a process.
#[derive(Default)]
pub(in crate::drive) struct Jobs(Mutex<Known>);

#[derive(Default)]
struct Known {
    last_id: u64,
    jobs: VecDeque<Arc<Job>>,
}

impl Jobs {
    pub(super) fn begin(&self, moves: bool, from: Path, to: Path) -> Running {
        let mut known = self.0.lock();
        known.last_id += 1;
        let status = JobStatus {
            id: known.last_id,
            moves,
            from,
            to,
            since: UnixMillis::now(),
            files: 0,
            bytes: 0,
            files_done: 0,
            bytes_done: 0,
            files_rapid: 0,
            bytes_sent: 0,
            failed: 0,
            state: JobState::Running,
        };
        let job = Arc::new(Job { status: Mutex::new(status), cancel: CancellationToken::new() });
        let ended = |job: &Arc<Job>| job.status.lock().state != JobState::Running;
        let mut surplus = (known.jobs.iter().filter(|job| ended(job)).count() + 1).saturating_sub(MOST_ENDED);
        known.jobs.retain(|job| {
            let goes = surplus > 0 && ended(job);
            surplus -= usize::from(goes);
            !goes
        });
        known.jobs.push_back(job.clone());
        Running(job)
    }

    /// Those that run and the last that have ended, in the order in which they were begun.
    pub(in crate::drive) fn all(&self) -> Vec<JobStatus> {
        self.0.lock().jobs.iter().map(|job| job.status.lock().clone()).collect()
    }

    /// Ends a job after the files that it is at; false if none of that id runs.
    pub(in crate::drive) fn cancel(&self, id: u64) -> bool {
        let known = self.0.lock();
        let is_it = |job: &&Arc<Job>| {
            let status = job.status.lock();
            status.id == id && status.state == JobState::Running
        };
        known.jobs.iter().find(is_it).map(|job| job.cancel.cancel()).is_some()
    }

    /// Ends all.
    pub(in crate::drive) fn cancel_all(&self) {
        self.0.lock().jobs.iter().for_each(|job| job.cancel.cancel());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_run_are_kept_and_of_those_that_ended_the_last() {
        let jobs = Jobs::default();
        let begin = || jobs.begin(false, Path::root(), Path::root());
        let first = begin();
        for _ in 0..40 {
            begin().ends(&Ok(()));
        }
        drop(begin());
        let all = jobs.all();
        assert_eq!((all.len(), all[0].id, all[0].state), (MOST_ENDED + 1, 1, JobState::Running));
        assert_eq!(all[MOST_ENDED].state, JobState::Failed);
        assert!(jobs.cancel(1) && !jobs.cancel(42) && !jobs.cancel(99));
        assert!(matches!(first.goes_on(), Err(Error::Cancelled)));
        first.ends(&Err::<(), _>(Error::Cancelled));
        assert_eq!(jobs.all()[0].state, JobState::Cancelled);
    }
}
