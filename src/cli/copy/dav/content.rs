//! The bytes of a file on a WebDAV server, held to what its listing said.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use http::{StatusCode, header};
use reqwest::Response;

use super::super::fault::Fault;
use super::super::rate::Rate;
use super::Server;
use super::listing::Remote;
use crate::drive::{ByteSource, ContentSource, Error};

/// A file of a server.
pub(in crate::cli::copy) struct RemoteContent {
    pub(in crate::cli::copy) server: Arc<Server>,
    pub(in crate::cli::copy) file: Remote,
    pub(in crate::cli::copy) rate: Arc<Rate>,
    /// The server has answered a range with something else.
    pub(in crate::cli::copy) no_ranges: AtomicBool,
}

impl RemoteContent {
    pub(in crate::cli::copy) fn new(server: Arc<Server>, file: Remote, rate: Arc<Rate>) -> Self {
        Self { server, file, rate, no_ranges: AtomicBool::new(false) }
    }

    /// Opens a range, which must be answered by just this range of a file of just the listed length.
    async fn range(&self, range: Range<u64>) -> Result<Response, Error> {
        let answer = self.server.get(&self.file.url, Some(range.clone())).await.map_err(source)?;
        if answer.status() != StatusCode::PARTIAL_CONTENT {
            self.no_ranges.store(true, Ordering::Relaxed);
            return Err(lie("the server does not read by range"));
        }
        let told = answer.headers().get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let (place, total) = told.and_then(|told| told.strip_prefix("bytes ")?.split_once('/')).unwrap_or_default();
        if place != format!("{}-{}", range.start, range.end - 1) {
            return Err(lie("the server answers another range than was asked for"));
        }
        match (total.parse::<u64>().ok(), self.file.told.size) {
            (Some(total), Some(size)) if total != size => Err(Error::Changed { gone: false }),
            _ => Ok(answer),
        }
    }

    async fn whole(&self) -> Result<Response, Error> {
        let answer = self.server.get(&self.file.url, None).await.map_err(source)?;
        if answer.status() != StatusCode::OK {
            return Err(lie("the server answers a part of the file"));
        }
        match (answer.content_length(), self.file.told.size) {
            (Some(length), Some(size)) if length != size => {
                Err(lie(&format!("the server gives {length} bytes where it listed {size}")))
            }
            _ => Ok(answer),
        }
    }

    async fn read_range(&self, range: Range<u64>) -> Result<Bytes, Error> {
        let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        if length == 0 {
            return Ok(Bytes::new());
        }
        let mut answer = self.range(range).await?;
        let mut bytes = BytesMut::new();
        while let Some(more) = self.server.chunk(&mut answer).await.map_err(source)? {
            bytes.extend_from_slice(&more);
            if bytes.len() > length {
                return Err(lie("the server gives more than was asked for"));
            }
        }
        if bytes.len() < length {
            return Err(Error::Source { text: "the connection broke".into(), broken: true });
        }
        Ok(bytes.freeze())
    }

    async fn stream(&self, from: u64) -> Result<ByteSource, Error> {
        let end = self.file.told.size;
        let mut answer = match end {
            Some(end) if from > 0 => self.range(from..end).await?,
            _ if from > 0 => return Err(lie("the server tells no length")),
            _ => self.whole().await?,
        };
        let (rate, server) = (self.rate.clone(), self.server.clone());
        let pieces = async_stream::try_stream! {
            let mut at = from;
            while let Some(bytes) = server.chunk(&mut answer).await.map_err(source)? {
                at += bytes.len() as u64;
                if end.is_some_and(|end| at > end) {
                    Err(lie("the server gives more than it listed"))?;
                }
                rate.take(bytes.len() as u64).await;
                yield bytes;
            }
        };
        Ok(pieces.boxed())
    }
}

impl ContentSource for RemoteContent {
    fn read(&self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, Error>> {
        self.read_range(range).boxed()
    }

    fn open(&self, from: u64) -> BoxFuture<'_, Result<ByteSource, Error>> {
        self.stream(from).boxed()
    }
}

/// What no other try would mend.
fn lie(words: &str) -> Error {
    Error::Source { text: words.into(), broken: false }
}

fn source(fault: Fault) -> Error {
    match fault {
        Fault::Drive(error) => error,
        Fault::Passing { words, .. } | Fault::Away(words) => Error::Source { text: words.into(), broken: true },
        fault => lie(&fault.to_string()),
    }
}
