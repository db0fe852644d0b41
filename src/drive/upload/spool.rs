//! A body that waits on disk for its whole hash, since the drive may have it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;

use crate::drive::error::Error;
use crate::drive::upload::limits::UploadLimits;
use crate::drive::upload::session::Session;
use crate::upstream::ProofSource;

/// A body on disk, which nothing else knows of.
pub(super) struct Spool {
    file: tokio::fs::File,
    /// The same file, for reads at any place.
    reader: Arc<std::fs::File>,
    _reserve: Reserve,
    /// How much must be here before the drive can be asked for the announced content.
    pub(super) ask_at: Option<u64>,
    /// Opened when the drive turned out not to have the announced content.
    pub(super) session: Option<Session>,
}

impl Spool {
    /// A spool for so many bytes; absent where the limit leaves no room.
    pub(super) async fn begin(limits: &UploadLimits, size: u64, ask_at: Option<u64>) -> Result<Option<Self>, Error> {
        let mut reserve = Reserve::new(limits);
        if !reserve.grow(size) {
            return Ok(None);
        }
        let reader = nameless_file(limits).await?;
        let file = tokio::fs::File::from_std(reader.try_clone().map_err(spool_error)?);
        Ok(Some(Self { file, reader: Arc::new(reader), _reserve: reserve, ask_at, session: None }))
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        // Here a read at a place moves the place of writing.
        #[cfg(windows)]
        tokio::io::AsyncSeekExt::seek(&mut self.file, io::SeekFrom::End(0)).await.map_err(spool_error)?;
        self.file.write_all(bytes).await.map_err(spool_error)
    }

    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        self.file.flush().await.map_err(spool_error)
    }

    /// Whether the announced content can be asked for once so much has come.
    pub(super) fn can_be_offered(&self, received: u64) -> bool {
        self.ask_at.is_some_and(|at| received >= at)
    }

    /// What the drive is offered as proof.
    pub(super) async fn proof(&mut self) -> Result<ProofSource, Error> {
        self.flush().await?;
        let reader = self.reader.clone();
        Ok(ProofSource(Arc::new(move |start, end| read_at(&reader, start, end))))
    }

    pub(super) async fn read(&self, start: u64, end: u64) -> Result<Bytes, Error> {
        let reader = self.reader.clone();
        let bytes = tokio::task::spawn_blocking(move || read_at(&reader, start, end)).await;
        Ok(bytes.map_err(|_| Error::Stopping)?.map_err(spool_error)?.into())
    }
}

/// Bytes of the spool's limit that are spoken for; given back when dropped.
pub(super) struct Reserve {
    size: u64,
    limit: u64,
    spooled: Arc<AtomicU64>,
}

impl Reserve {
    pub(super) fn new(limits: &UploadLimits) -> Self {
        Self { size: 0, limit: limits.settings.spool_limit, spooled: limits.spooled.clone() }
    }

    /// Speaks for more; whether the limit leaves room for it.
    pub(super) fn grow(&mut self, more: u64) -> bool {
        let room = |spooled: u64| spooled.checked_add(more).filter(|all| *all <= self.limit);
        let grown = self.spooled.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok();
        if grown {
            self.size += more;
        }
        grown
    }

    /// Whether the limit would leave room for more if nobody else had any of it.
    pub(super) fn could_grow(&self, more: u64) -> bool {
        self.size.checked_add(more).is_some_and(|all| all <= self.limit)
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        self.spooled.fetch_sub(self.size, Ordering::Relaxed);
    }
}

/// A file in the spool's folder that nothing else knows of, and that is gone with its last handle.
pub(super) async fn nameless_file(limits: &UploadLimits) -> Result<std::fs::File, Error> {
    let dir = limits.settings.spool_dir.clone().unwrap_or_else(std::env::temp_dir);
    let file = tokio::task::spawn_blocking(move || tempfile::tempfile_in(dir)).await;
    file.map_err(|_| Error::Stopping)?.map_err(spool_error)
}

pub(super) fn spool_error(error: io::Error) -> Error {
    Error::Spool(error.to_string())
}

#[cfg(unix)]
pub(super) fn read_at(file: &std::fs::File, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(end - start).map_err(io::Error::other)?];
    std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, start)?;
    Ok(bytes)
}

#[cfg(unix)]
pub(super) fn write_at(file: &std::fs::File, bytes: &[u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, start)
}

#[cfg(windows)]
pub(super) fn read_at(file: &std::fs::File, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(end - start).map_err(io::Error::other)?];
    let mut done = 0;
    while done < bytes.len() {
        match std::os::windows::fs::FileExt::seek_read(file, &mut bytes[done..], start + done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => done += read,
        }
    }
    Ok(bytes)
}

#[cfg(windows)]
pub(super) fn write_at(file: &std::fs::File, bytes: &[u8], start: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match std::os::windows::fs::FileExt::seek_write(file, &bytes[done..], start + done as u64)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => done += written,
        }
    }
    Ok(())
}
