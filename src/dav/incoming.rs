//! The body of a PUT on its way: to the drive, or into the state store for a file manager's own file.
//!
//! dav-server writes it in pieces and commits it by `flush`; nothing shows in the tree before.

use std::fmt;
use std::io::SeekFrom;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use dav_server::fs::{DavFile, DavMetaData, FsError, FsFuture, FsResult};
use http::StatusCode;

use super::adapter::{Adapter, Meta, Scope};
use super::error::Failure;
use crate::drive::{self, Entry, Path, Upload};

/// A file that is being written.
pub(super) struct Incoming {
    pub(super) adapter: Adapter,
    pub(super) scope: Scope,
    pub(super) path: Path,
    pub(super) sink: Sink,
}

/// Where the bytes go.
pub(super) enum Sink {
    /// To the drive, in place of the file of that id, if there is one.
    Drive { upload: Box<Upload>, old_id: Option<String> },
    /// Into the state store.
    Here { size: Option<u64>, content: Vec<u8> },
    /// Nowhere any more: this is what was made of them, if it went well.
    Done(Option<Entry>),
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
            Sink::Drive { upload, old_id } => self.upload(*upload, old_id).await,
            Sink::Here { size, content } => self.keep(size, content).await,
            Sink::Done(made) => {
                self.sink = Sink::Done(made);
                return Ok(());
            }
        };
        self.sink = Sink::Done(Some(made.map_err(|error| self.scope.fail_whole(error))?));
        Ok(())
    }

    async fn upload(&self, upload: Upload, old_id: Option<String>) -> Result<Entry, drive::Error> {
        // An empty file under a free name is most often the beginning of a save.
        let opening = upload.is_empty() && old_id.as_deref().is_none_or(|id| id.starts_with("held-"));
        let (adapter, path) = (self.adapter.clone(), self.path.clone());
        let work = async move {
            let entry = if opening { adapter.tree.hold(&path).await? } else { upload.finish().await? };
            if let Some(old) = old_id.filter(|old| **old != *entry.file_id) {
                adapter.log(adapter.stored.follow(&old, &entry.file_id, false).await);
            }
            Ok(entry)
        };
        self.adapter.tree.see_through(work).await?
    }

    async fn keep(&self, size: Option<u64>, content: Vec<u8>) -> Result<Entry, drive::Error> {
        let received = content.len() as u64;
        match size.filter(|expected| *expected != received) {
            Some(expected) => Err(drive::Error::Length { expected, received }),
            None => self.adapter.tree.keep_here(&self.path, content).await,
        }
    }
}

impl DavFile for Incoming {
    fn metadata(&'_ mut self) -> FsFuture<'_, Box<dyn DavMetaData>> {
        Box::pin(async {
            match &self.sink {
                Sink::Done(Some(entry)) => Ok(Box::new(Meta(Arc::new(entry.clone()))) as Box<dyn DavMetaData>),
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
