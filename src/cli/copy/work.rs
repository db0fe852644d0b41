//! The files of a run on their way: hashed ahead, then carried several at a time.

use std::num::NonZeroUsize;
use std::sync::Arc;

use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::carry;
use super::counts::Fate;
use super::fault::Fault;
use super::fetch;
use super::found::Content;
use super::place::Source;
use super::run::Run;
use super::walk::{Job, To, walk};

/// Files that wait for their turn.
const MOST_WAITING: usize = 64;

/// Most files that are read for their hash at once: a disk that turns would only seek.
const MOST_HASHED: usize = 4;

/// Copies everything; returns when that is done or is to end.
pub(super) async fn all(run: &Arc<Run>, sources: Vec<Source>, transfers: usize) {
    let (send, jobs) = mpsc::channel(MOST_WAITING);
    let walker = run.clone();
    let walking = async move { walk(&walker, &sources, send).await };
    let jobs = futures_util::stream::unfold(jobs, |mut jobs| async { Some((jobs.recv().await?, jobs)) });
    let hashed = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_HASHED);
    let carrying = jobs
        // In tasks: one that is not asked for while the others are carried would keep the store's connection.
        .map(|job| AbortOnDropHandle::new(tokio::spawn(carry::prepare(run.clone(), job))))
        .buffer_unordered(hashed)
        .filter_map(|job| std::future::ready(job.ok()))
        .map(|job| AbortOnDropHandle::new(tokio::spawn(carry(run.clone(), job))))
        .buffer_unordered(transfers)
        .for_each(|_| std::future::ready(()));
    tokio::select! {
        _ = async { tokio::join!(walking, carrying) } => {}
        () = run.stop.cancelled() => {}
    }
}

async fn carry(run: Arc<Run>, job: Job) {
    let done = match (&job.to, &job.file.content) {
        (To::Drive { path, there }, _) => carry::to_drive(&run, &job.file, path, there.as_deref()).await,
        (To::Local { folder, name }, Content::Drive(file)) => fetch::to_local(&run, file, folder, name).await,
        (To::Local { .. }, Content::Local(_) | Content::Dav(_)) => {
            Err(Fault::Local("one side must be the drive".to_owned()))
        }
    };
    let fate = done.unwrap_or_else(|fault| Fate::Failed(fault.to_string()));
    run.tally.ends(&job.at, job.file.size.unwrap_or_default(), &fate);
}
