//! Several ranges in one answer (RFC 9110, section 14.6).

use std::ops::Range;

use async_stream::try_stream;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use crate::calls::CallCounter;
use crate::drive::{self, Reader, Resource, Tree};
use crate::protocol::body::{Body, BodyError};

/// A `multipart/byteranges` answer; its parts are opened one after another.
pub(in crate::dav) struct Multipart {
    tree: Tree,
    file: Resource,
    reader: Reader,
    /// Each range with the text before it.
    parts: Vec<(Bytes, Range<u64>)>,
    tail: Bytes,
    boundary: String,
}

impl Multipart {
    pub(in crate::dav) fn new(tree: Tree, file: Resource, reader: Reader, size: u64, ranges: Vec<Range<u64>>) -> Self {
        let boundary = uuid::Uuid::new_v4().simple().to_string();
        let mime = file.entry.mime().unwrap_or("application/octet-stream");
        let parts = ranges
            .into_iter()
            .map(|range| {
                let head = format!(
                    "\r\n--{boundary}\r\nContent-Type: {mime}\r\nContent-Range: bytes {}-{}/{size}\r\n\r\n",
                    range.start,
                    range.end - 1
                );
                (head.into(), range)
            })
            .collect();
        let tail = format!("\r\n--{boundary}--\r\n").into();
        Self { tree, file, reader, parts, tail, boundary }
    }

    pub(in crate::dav) fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// Bytes of the whole body.
    pub(in crate::dav) fn length(&self) -> u64 {
        let parts: u64 = self.parts.iter().map(|(head, range)| head.len() as u64 + (range.end - range.start)).sum();
        parts + self.tail.len() as u64
    }

    /// Opens the first part, so that what fails at once still has a status of its own.
    pub(in crate::dav) async fn into_body(self) -> Result<Body, drive::Error> {
        let mut opened = match self.parts.first() {
            Some((_, range)) => Some(self.tree.read(&self.file, range.clone(), self.reader).await?),
            None => None,
        };
        let counter = CallCounter::current();
        let pieces = try_stream! {
            let mut version = None;
            for (head, range) in self.parts {
                yield Frame::data(head);
                let mut stream = match opened.take() {
                    Some(stream) => stream,
                    None => counter.scope(self.tree.read_on(&self.file, range, self.reader, version.take())).await?,
                };
                version = stream.identity();
                while let Some(bytes) = stream.next().await {
                    yield Frame::data(bytes?);
                }
            }
            yield Frame::data(self.tail);
        };
        let pieces = pieces.map(|piece: Result<Frame<Bytes>, drive::Error>| piece.map_err(BodyError::from));
        Ok(StreamBody::new(pieces).boxed_unsync())
    }
}
