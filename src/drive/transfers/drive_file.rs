//! A file of a drive as the source of a copy on another: read as one for whom nobody waits, within its account's slots.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;

use crate::drive::download::Downloads;
use crate::drive::entry::Resource;
use crate::drive::error::Error;
use crate::drive::slots::permit::Reader;
use crate::drive::upload::source::{ByteSource, ContentSource};

pub(super) struct DriveFile {
    downloads: Downloads,
    file: Resource,
    /// The bytes for a proof came by the listing's address: should the drive refuse them, the address lied.
    by_address: AtomicBool,
}

impl DriveFile {
    /// # Errors
    /// The file's size is not listed and cannot be had.
    pub(super) async fn new(downloads: Downloads, file: Resource) -> Result<Self, Error> {
        let file = downloads.sized(&file, reader(false)).await?;
        Ok(Self { downloads, file, by_address: AtomicBool::new(false) })
    }

    pub(super) fn size(&self) -> Option<u64> {
        self.file.entry.size
    }
}

impl ContentSource for DriveFile {
    fn read(&self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, Error>> {
        let first = !self.by_address.swap(true, Ordering::Relaxed);
        Box::pin(async move { self.downloads.few_bytes(&self.file, range, first).await })
    }

    fn open(&self, from: u64) -> BoxFuture<'_, Result<ByteSource, Error>> {
        Box::pin(async move {
            let end = self.file.entry.size.unwrap_or(from);
            let stream = self.downloads.read_on(&self.file, from..end, reader(from > 0), None).await?;
            Ok(stream.boxed())
        })
    }
}

/// Never the same as another, whose body its would replace.
fn reader(by_range: bool) -> Reader {
    Reader { id: rand::random(), open_ended: false, urgent: false, by_range }
}
