//! Copies that may take long: what each has done so far, and how it is ended.
//!
//! A request that copies one item is a job. One that hands over several and does not wait for them is one job too, of
//! which each copy is a part: whatever is begun in its [`Job::scope`] counts on it. Knows nothing of how anything is
//! copied. The last few that have ended are remembered for a while.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::clock::UnixMillis;
use crate::drive::error::Error;
use crate::drive::path::Path;

/// Ended jobs that are remembered.
const MOST_ENDED: usize = 16;

/// Milliseconds for which one that has ended is remembered.
const KEPT: i64 = 10 * 60 * 1000;

/// Failures of a job that are told one by one.
const MOST_TOLD: usize = 100;

tokio::task_local! {
    static CURRENT: Arc<Job>;
}

/// How far a copy from drive to drive has come.
#[derive(Debug, Clone)]
pub struct JobStatus {
    /// By which it is cancelled; each is given once in a process.
    pub id: u64,
    /// A MOVE: the source goes once all has arrived.
    pub moves: bool,
    /// What is copied; of several items the first.
    pub from: Path,
    /// Where to, of the same item.
    pub to: Path,
    /// What holds all that is copied: the item itself where it is one.
    pub above: Path,
    /// Items that were to be copied, each with all below it.
    pub items: usize,
    /// Those of them that are done with, well or badly.
    pub items_over: usize,
    /// When it was begun.
    pub since: UnixMillis,
    /// When it ended.
    pub ended: Option<UnixMillis>,
    /// Files of all items that were begun; 0 until they are counted.
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
    /// What failed of the items that are done with, at the source or else where it was to go; no more than a hundred.
    pub failures: Vec<(Path, JobFailure)>,
    /// Whether it goes on.
    pub state: JobState,
}

impl JobStatus {
    fn new(id: u64, what: NewJob) -> Self {
        let NewJob { moves, from, to, above, items } = what;
        Self {
            id,
            moves,
            from,
            to,
            above,
            items,
            items_over: 0,
            since: UnixMillis::now(),
            ended: None,
            files: 0,
            bytes: 0,
            files_done: 0,
            bytes_done: 0,
            files_rapid: 0,
            bytes_sent: 0,
            failed: 0,
            failures: Vec::new(),
            state: JobState::Running,
        }
    }

    /// Tells of as many failures as are told; a tree of which some failed has counted that itself.
    fn note(&mut self, failures: impl IntoIterator<Item = (Path, JobFailure)>) {
        let room = MOST_TOLD.saturating_sub(self.failures.len());
        self.failures.extend(failures.into_iter().take(room));
        self.failed = self.failed.max(self.failures.len() as u64);
    }
}

/// Why something of a job failed.
#[derive(Debug, Clone)]
pub enum JobFailure {
    /// What the tree said.
    Tree(Error),
    /// Words for people of whoever had it done.
    Told(String),
}

/// What a job is to do: see [`JobStatus`].
#[derive(Debug)]
#[expect(missing_docs, reason = "JobStatus says it")]
pub struct NewJob {
    pub moves: bool,
    pub from: Path,
    pub to: Path,
    pub above: Path,
    pub items: usize,
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
    /// The job that the running task is a part of.
    pub(in crate::drive) fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs work as a part of the job.
    pub(in crate::drive) async fn scope<F: Future>(self: Arc<Self>, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

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
        status.files += files;
        status.bytes += bytes;
    }

    pub(super) fn sent(&self, bytes: u64) {
        self.status.lock().bytes_sent += bytes;
    }

    /// `rapid`: the drive had its content.
    pub(super) fn arrived(&self, bytes: u64, rapid: bool) {
        let mut status = self.status.lock();
        status.files_done += 1;
        status.bytes_done += bytes;
        status.files_rapid += u64::from(rapid);
    }

    pub(super) fn failed(&self) {
        self.status.lock().failed += 1;
    }

    /// Why a copy that is the job, or a part of it, was not made, or not all of it.
    fn fails(&self, from: &Path, error: &Error) {
        let mut status = self.status.lock();
        match error {
            Error::Cancelled => {}
            Error::Partly(partly) => {
                let failures = partly.failures.iter().cloned();
                status.note(failures.map(|(path, error)| (path, JobFailure::Tree(error))));
            }
            error => status.note([(from.clone(), JobFailure::Tree(error.clone()))]),
        }
    }

    /// Only the first word counts.
    fn ends(&self, state: JobState) {
        let mut status = self.status.lock();
        if status.state == JobState::Running {
            status.state = state;
            status.ended = Some(UnixMillis::now());
        }
    }
}

/// A job that runs, or a part of one; a whole one dropped without a word has failed.
pub(super) struct Running {
    job: Arc<Job>,
    /// What is copied.
    from: Path,
    is_part: bool,
}

impl std::ops::Deref for Running {
    type Target = Job;

    fn deref(&self) -> &Job {
        &self.job
    }
}

impl Running {
    /// A part leaves it to the whole.
    pub(super) fn ends<T>(self, result: &Result<T, Error>) {
        if let Err(error) = result {
            self.job.fails(&self.from, error);
        }
        if !self.is_part {
            self.job.ends(match result {
                Ok(_) => JobState::Done,
                Err(_) if self.job.cancel.is_cancelled() => JobState::Cancelled,
                Err(_) => JobState::Failed,
            });
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_part {
            self.job.ends(JobState::Failed);
        }
    }
}

/// A job of several items, for those who work on it; ends when it is dropped.
pub struct JobItems(Arc<Job>);

impl JobItems {
    /// Somebody has cancelled it: what has not begun is not to begin.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancel.is_cancelled()
    }

    /// One of its items is done with; `failure` has words for people.
    pub fn over(&self, path: &Path, failure: Option<String>) {
        let mut status = self.0.status.lock();
        status.items_over += 1;
        let Some(words) = failure else { return };
        // Its copy has told more exactly what failed, if it came so far.
        if status.failures.iter().all(|(failed, _)| failed.strip_base(path).is_none()) {
            status.note([(path.clone(), JobFailure::Told(words))]);
        }
        status.failed = status.failed.max(1);
    }
}

impl Drop for JobItems {
    fn drop(&mut self) {
        let (failed, all) = {
            let status = self.0.status.lock();
            (status.failed > 0, status.items_over == status.items)
        };
        self.0.ends(match (failed, all) {
            (false, true) => JobState::Done,
            _ if self.is_cancelled() => JobState::Cancelled,
            _ => JobState::Failed,
        });
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
    /// The job of a copy, or a part of the one in whose scope it is begun.
    pub(super) fn begin(&self, moves: bool, from: Path, to: Path) -> Running {
        match Job::current() {
            Some(job) => Running { job, from, is_part: true },
            None => {
                let what = NewJob { moves, above: from.clone(), from: from.clone(), to, items: 1 };
                Running { job: self.add(what).1, from, is_part: false }
            }
        }
    }

    /// A job of several items, by its id: to be told of by the one and worked in the scope of the other.
    pub(in crate::drive) fn begin_items(&self, what: NewJob) -> (u64, JobItems, Arc<Job>) {
        let (id, job) = self.add(what);
        (id, JobItems(job.clone()), job)
    }

    fn add(&self, what: NewJob) -> (u64, Arc<Job>) {
        let mut known = self.0.lock();
        known.last_id += 1;
        let id = known.last_id;
        let job = Arc::new(Job { status: Mutex::new(JobStatus::new(id, what)), cancel: CancellationToken::new() });
        let ended = |job: &Arc<Job>| job.status.lock().state != JobState::Running;
        let mut surplus = (known.jobs.iter().filter(|job| ended(job)).count() + 1).saturating_sub(MOST_ENDED);
        known.jobs.retain(|job| {
            let goes = surplus > 0 && ended(job);
            surplus -= usize::from(goes);
            !goes
        });
        known.jobs.push_back(job.clone());
        (id, job)
    }

    /// Those that run and the last that have ended, in the order in which they were begun.
    pub(in crate::drive) fn all(&self) -> Vec<JobStatus> {
        let now = UnixMillis::now();
        let mut known = self.0.lock();
        known.jobs.retain(|job| job.status.lock().ended.is_none_or(|ended| now.0 - ended.0 < KEPT));
        known.jobs.iter().map(|job| job.status.lock().clone()).collect()
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
        assert_eq!((jobs.all()[0].state, jobs.all()[0].failures.len()), (JobState::Cancelled, 0));
    }

    #[test]
    fn what_failed_of_a_tree_is_told_and_no_more_of_it_than_a_bound() {
        let jobs = Jobs::default();
        let failures = (0..250).map(|n| (Path::root().join(&n.to_string()), Error::ReadOnly)).collect();
        let partly = crate::drive::error::Partly { failures, more: 7 };
        let job = jobs.begin(false, Path::root(), Path::root());
        (0..257).for_each(|_| job.failed());
        job.ends(&Err::<(), _>(Error::Partly(Arc::new(partly))));
        let status = jobs.all().remove(0);
        assert_eq!((status.failed, status.failures.len(), status.state), (257, MOST_TOLD, JobState::Failed));
        assert_eq!(status.failures[3].0.as_str(), "/3");
    }

    #[tokio::test]
    async fn the_parts_of_a_job_count_together_and_it_ends_as_a_whole() {
        let jobs = Jobs::default();
        let root = Path::root;
        let what = || NewJob { moves: true, from: root(), to: root(), above: root(), items: 2 };
        let (id, items, job) = jobs.begin_items(what());
        job.scope(async {
            for bytes in [3, 4] {
                let part = jobs.begin(true, Path::root(), Path::root());
                part.counted(1, bytes);
                part.arrived(bytes, false);
                part.ends(&Ok(()));
                items.over(&Path::root(), None);
            }
        })
        .await;
        let status = jobs.all().remove(0);
        assert_eq!((jobs.all().len(), status.state, status.files, status.bytes_done), (1, JobState::Running, 2, 7));
        drop(items);
        assert_eq!((jobs.all()[0].id, jobs.all()[0].state), (id, JobState::Done));
        let (id, items, _) = jobs.begin_items(what());
        items.over(&Path::root(), Some("words".into()));
        assert!(jobs.cancel(id) && items.is_cancelled());
        drop(items);
        let status = jobs.all().pop().unwrap();
        assert_eq!((status.state, status.failed, status.items_over), (JobState::Cancelled, 1, 1));
    }
}
