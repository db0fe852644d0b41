//! One file to the drive: passed over, attached, copied there, or sent.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::StreamExt as _;

use super::counts::Fate;
use super::dav::content::RemoteContent;
use super::dav::listing::Remote;
use super::fault::Fault;
use super::found::{Content, File};
use super::local::content::LocalContent;
use super::run::Run;
use super::walk::{Job, To};
use crate::clock::UnixMillis;
use crate::digest::Sha1;
use crate::drive::{self, ContentSource, Delivered, Entry, Freshness, Means, Resource, Terms, UploadOptions};

/// Hashes a local file ahead of its turn, so that disk and drive work side by side.
pub(super) async fn prepare(run: Arc<Run>, job: Job) -> Job {
    if let (Content::Local(path), To::Drive { there, .. }) = (&job.file.content, &job.to)
        && !(run.dry_run && there.is_none())
    {
        // What it fails in is told when its turn has come; what it found is remembered until then.
        run.hashes.ahead(path).await;
    }
    job
}

/// Puts a file on the drive.
///
/// # Errors
/// The last try's.
pub(super) async fn to_drive(run: &Run, file: &File, path: &drive::Path, there: Option<&Entry>) -> Result<Fate, Fault> {
    if there.is_some_and(Entry::is_folder) {
        return Err(Fault::Local("a folder of this name is there".to_owned()));
    }
    if let (None, Some(size), false) = (there, file.size, run.dry_run) {
        room(run, path, size).await?;
    }
    let mut patience = run.patience();
    loop {
        let done = match &file.content {
            Content::Local(local) => from_local(run, local, path, there).await,
            Content::Dav(remote) => from_dav(run, remote, path, there).await,
            Content::Drive(resource) => from_drive(run, resource, path, there).await,
        };
        match done {
            Ok(fate) => return Ok(fate),
            Err(fault) => patience.bear(fault).await?,
        }
    }
}

/// Whether the drive has room for a new file, asked before a film is read for its hash.
async fn room(run: &Run, path: &drive::Path, size: u64) -> Result<(), Fault> {
    let Some(folder) = path.parent() else { return Ok(()) };
    // A drive that does not tell refuses it itself.
    let Ok(folder) = run.tree.stat(&folder, Freshness::Cached).await else { return Ok(()) };
    match run.tree.quota(&folder).await {
        Ok(Some(quota)) => Fault::room("the drive", size, quota.available),
        _ => Ok(()),
    }
}

async fn from_local(
    run: &Run,
    local: &std::path::Path,
    path: &drive::Path,
    there: Option<&Entry>,
) -> Result<Fate, Fault> {
    if run.dry_run && there.is_none() {
        return Ok(Fate::Planned);
    }
    let (sha1, stamp) = run.hashes.of(local).await?;
    if holds(there, sha1, stamp.size) {
        return Ok(Fate::Present);
    }
    if run.dry_run {
        return Ok(Fate::Planned);
    }
    let content = LocalContent { path: local.to_owned(), stamp, rate: run.rate.clone() };
    deliver(run, path, options(Some(stamp.size), Some(sha1), Some(stamp.modified())), &content).await
}

async fn from_dav(run: &Run, remote: &Remote, path: &drive::Path, there: Option<&Entry>) -> Result<Fate, Fault> {
    let told = &remote.told;
    let present = match (told.sha1, told.size) {
        (Some(sha1), Some(size)) => holds(there, sha1, size),
        // Length and time are all there is to go by.
        _ => there.is_some_and(|there| {
            let second = |time: UnixMillis| time.seconds();
            there.size == told.size && told.size.is_some() && Some(second(there.modified)) == told.modified.map(second)
        }),
    };
    if present {
        return Ok(Fate::Present);
    }
    if run.dry_run {
        return Ok(Fate::Planned);
    }
    let content = RemoteContent::new(run.server()?.clone(), remote.clone(), run.rate.clone());
    let options = options(told.size, told.sha1, told.modified);
    let done = match deliver(run, path, options.clone(), &content).await {
        Err(_) if content.no_ranges.load(Ordering::Relaxed) => whole(run, path, options, &content).await,
        done => done,
    };
    match done {
        // All of it was read, and would be again.
        Err(Fault::Drive(drive::Error::Checksum)) => {
            Err(Fault::Source("its content has not the SHA-1 that the server lists".to_owned()))
        }
        done => done,
    }
}

async fn from_drive(run: &Run, from: &Resource, path: &drive::Path, there: Option<&Entry>) -> Result<Fate, Fault> {
    let entry = &from.entry;
    if entry.sha1.zip(entry.size).is_some_and(|(sha1, size)| holds(there, sha1, size)) || from.path == *path {
        return Ok(Fate::Present);
    }
    if run.dry_run {
        return Ok(Fate::Planned);
    }
    run.tree.copy(&from.path, path, &Terms { overwrite: true, ..Terms::default() }).await?;
    Ok(Fate::Copied)
}

async fn deliver(
    run: &Run,
    path: &drive::Path,
    options: UploadOptions,
    content: &dyn ContentSource,
) -> Result<Fate, Fault> {
    let Delivered { means, .. } = run.tree.deliver(path, options, content, &|bytes| run.tally.carried(bytes)).await?;
    Ok(match means {
        Means::Present => Fate::Present,
        Means::Attached => Fate::Attached,
        Means::Sent => Fate::Sent,
    })
}

/// Sends a file whose server gives no single bytes of it: it is read to its end, and must be what was told of it.
async fn whole(run: &Run, path: &drive::Path, options: UploadOptions, content: &RemoteContent) -> Result<Fate, Fault> {
    let mut upload = run.tree.upload(path, options).await?;
    let mut bytes = content.open(0).await?;
    while let Some(piece) = bytes.next().await {
        let piece = piece?;
        run.tally.carried(piece.len() as u64);
        upload.write(piece).await?;
    }
    upload.finish().await?;
    Ok(Fate::Sent)
}

fn options(size: Option<u64>, sha1: Option<Sha1>, modified: Option<UnixMillis>) -> UploadOptions {
    UploadOptions { size, sha1, modified, ..UploadOptions::default() }
}

fn holds(there: Option<&Entry>, sha1: Sha1, size: u64) -> bool {
    there.is_some_and(|there| there.sha1 == Some(sha1) && there.size == Some(size))
}
