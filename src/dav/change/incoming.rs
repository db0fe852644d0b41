//! The body of a PUT on its way: to the drive, or into the state store for a file manager's own file.
//!
//! dav-server writes it in pieces and commits it by `flush`; nothing shows in the tree before.

use std::fmt;
use std::io::SeekFrom;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use dav_server::fs::{DavFile, DavMetaData, FsError, FsFuture, FsResult};
use http::StatusCode;

use crate::dav::change::scope::{Meta, Scope};
use crate::dav::error::Failure;
use crate::dav::store::dead_properties::{DeadProperties, log_failure};
use crate::digest::Sha1;
use crate::drive::{self, Entry, Path, Placed, Tree, Upload};

/// A file that is being written.
pub(super) struct Incoming {
    pub(super) tree: Tree,
    pub(super) stored: Arc<DeadProperties>,
    pub(super) scope: Scope,
    pub(super) path: Path,
    pub(super) sink: Sink,
}

/// Where the bytes go.
pub(super) enum Sink {
    /// To the drive; nothing that it has was seen under the name if that is `free`.
    Drive { upload: Box<Upload>, free: bool },
    /// Into the state store.
    Here { size: Option<u64>, content: Vec<u8> },
    /// Nowhere any more: this is what was made of them, if it went well.
    Done(Option<Arc<Entry>>),
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Incoming {
    async fn take(&mut self, bytes: Bytes) -> FsResult<()> {
        match &mut self.sink {
            Sink::Drive { upload, .. } => upload.write(bytes).await.map_err(|error| self.scope.fail(error)),
            Sink::Here { content, .. } if content.len() + bytes.len() > drive::MAX_LOCAL => {
                let text = "a file manager's own file of this size is not kept (upload.metadata_files)";
                self.scope.refuse(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, text));
                Err(FsError::TooLarge)
            }
            Sink::Here { content, .. } => {
                content.extend_from_slice(&bytes);
                Ok(())
            }
            Sink::Done(_) => Err(FsError::GeneralFailure),
        }
    }

    async fn commit(&mut self) -> FsResult<()> {
        let made = match std::mem::replace(&mut self.sink, Sink::Done(None)) {
            Sink::Drive { upload, free } => self.upload(*upload, free).await,
            Sink::Here { size, content } => self.keep(size, content).await,
            Sink::Done(made) => {
                self.sink = Sink::Done(made);
                return Ok(());
            }
        };
        let placed = made.map_err(|error| self.scope.fail_whole(error))?;
        self.scope.placed(&placed);
        self.sink = Sink::Done(Some(placed.entry));
        Ok(())
    }

    async fn upload(&self, upload: Upload, free: bool) -> Result<Placed, drive::Error> {
        // An empty file under a free name is most often the beginning of a save.
        let opening = upload.is_empty() && free;
        let (tree, stored, path) = (self.tree.clone(), self.stored.clone(), self.path.clone());
        let expected = self.scope.0.upload.expected.clone();
        let work = async move {
            let held = if opening { tree.hold(&path, &expected).await? } else { None };
            let placed = match held {
                Some(held) => held,
                None => upload.finish().await?,
            };
            if let Some(old) = placed.replaced.as_ref().filter(|old| **old != placed.entry.file_id) {
                log_failure(stored.follow(old, &placed.entry.file_id, false).await);
            }
            Ok(placed)
        };
        self.tree.see_through(work).await?
    }

    async fn keep(&self, size: Option<u64>, content: Vec<u8>) -> Result<Placed, drive::Error> {
        let upload = &self.scope.0.upload;
        let received = content.len() as u64;
        if let Some(expected) = size.filter(|expected| *expected != received) {
            return Err(drive::Error::Length { expected, received });
        }
        if upload.sha1.is_some_and(|announced| announced != Sha1::of(&content)) {
            return Err(drive::Error::Checksum);
        }
        let (tree, path, expected) = (self.tree.clone(), self.path.clone(), upload.expected.clone());
        self.tree.see_through(async move { tree.keep_here(&path, content, &expected).await }).await?
    }
}

impl DavFile for Incoming {
    fn metadata(&'_ mut self) -> FsFuture<'_, Box<dyn DavMetaData>> {
        Box::pin(async {
            match &self.sink {
                Sink::Done(Some(entry)) => Ok(Box::new(Meta(entry.clone())) as Box<dyn DavMetaData>),
                _ => Err(FsError::GeneralFailure),
            }
        })
    }

    fn write_buf(&'_ mut self, mut buf: Box<dyn Buf + Send>) -> FsFuture<'_, ()> {
        let bytes = buf.copy_to_bytes(buf.remaining());
        self.write_bytes(bytes)
    }

    fn write_bytes(&'_ mut self, buf: Bytes) -> FsFuture<'_, ()> {
        Box::pin(self.take(buf))
    }

    fn read_bytes(&'_ mut self, _count: usize) -> FsFuture<'_, Bytes> {
        Box::pin(async { Err(FsError::NotImplemented) })
    }

    fn seek(&'_ mut self, _pos: SeekFrom) -> FsFuture<'_, u64> {
        Box::pin(async { Err(FsError::NotImplemented) })
    }

    fn flush(&'_ mut self) -> FsFuture<'_, ()> {
        Box::pin(self.commit())
    }
}
