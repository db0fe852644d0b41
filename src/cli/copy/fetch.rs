//! One file from the drive into a local folder.

mod part;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use bytes::BytesMut;
use futures_util::StreamExt as _;

use self::part::{Part, Wanted};
use super::counts::Fate;
use super::fault::Fault;
use super::local::hashes::Stamp;
use super::run::{Run, blocking};
use super::target::holds;
use crate::drive::{self, Reader, Resource};

/// Bytes that are written at once.
const PIECE: usize = 1 << 20;

/// What is under a local name.
enum There {
    Nothing,
    /// Of this length.
    File(u64),
}

/// Puts a file of the drive into a folder, unless it is there.
///
/// # Errors
/// The last try's.
pub(super) async fn to_local(run: &Run, file: &Resource, folder: &Path, name: &str) -> Result<Fate, Fault> {
    let path = folder.join(holds(name)?);
    let there = look(&path)?;
    if is_present(run, file, &path, &there).await? {
        return Ok(Fate::Present);
    }
    if run.dry_run {
        return Ok(Fate::Planned);
    }
    let mut patience = run.patience();
    loop {
        match fetch(run, file, folder, &path).await {
            Ok(proved) => return Ok(Fate::Received { proved }),
            Err(fault) => patience.bear(fault).await?,
        }
    }
}

fn look(path: &Path) -> Result<There, Fault> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(There::File(metadata.len())),
        Ok(_) => Err(Fault::Local("what is no file is in its place".to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(There::Nothing),
        Err(error) => Err(Fault::writing(&error)),
    }
}

async fn is_present(run: &Run, file: &Resource, path: &Path, there: &There) -> Result<bool, Fault> {
    match (there, file.entry.sha1, file.entry.size) {
        (There::File(length), Some(sha1), Some(size)) if *length == size => Ok(run.hashes.of(path).await?.0 == sha1),
        _ => Ok(false),
    }
}

/// Whether it was held to a SHA-1, not to its length alone.
async fn fetch(run: &Run, file: &Resource, folder: &Path, path: &Path) -> Result<bool, Fault> {
    let reader = Reader { id: rand::random(), open_ended: false, urgent: false, by_range: false };
    let file = match run.tree.sized(file, reader).await {
        Err(drive::Error::Changed { gone: false }) => anew(run, file).await?,
        file => file?,
    };
    let wanted = Wanted { size: file.entry.size.unwrap_or_default(), sha1: file.entry.sha1 };
    let (owned, name) = (folder.to_owned(), file_name(path));
    let mut part = blocking(move || Part::open(&owned, &name, wanted)).await?;
    if part.at() < wanted.size {
        if let Ok(disk) = rustix::fs::statvfs(folder) {
            let has = disk.f_bavail.saturating_mul(disk.f_frsize);
            if let Err(fault) = Fault::room("the disk", wanted.size - part.at(), has) {
                if part.at() == 0 {
                    part.discard();
                }
                return Err(fault);
            }
        }
        let mut stream = run.tree.read(&file, part.at()..wanted.size, reader).await?;
        let mut piece = BytesMut::with_capacity(PIECE);
        loop {
            let wait = run.waits.begin("the drive to send");
            let Some(bytes) = stream.next().await else { break };
            drop(wait);
            let bytes = bytes?;
            run.rate.take(bytes.len() as u64).await;
            run.tally.carried(bytes.len() as u64);
            piece.extend_from_slice(&bytes);
            if piece.len() >= PIECE {
                part = write(part, piece.split()).await?;
            }
        }
        part = write(part, piece).await?;
    }
    let (owned, modified) = (path.to_owned(), file.entry.modified);
    blocking(move || part.finish(&owned, modified)).await?;
    if let (Some(sha1), Ok(metadata)) = (wanted.sha1, fs::metadata(path)) {
        run.hashes.keep(path, sha1, &Stamp::of(&metadata)).await?;
    }
    Ok(wanted.sha1.is_some())
}

/// What the drive has there by now.
async fn anew(run: &Run, file: &Resource) -> Result<Resource, Fault> {
    Ok(run.tree.stat(&file.path, drive::Freshness::Refresh).await?)
}

async fn write(mut part: Part, bytes: BytesMut) -> Result<Part, Fault> {
    blocking(move || {
        part.write(&bytes)?;
        Ok(part)
    })
    .await
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
