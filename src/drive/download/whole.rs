//! A small file read whole by its listed address, and proved.
//!
//! One read serves all who want bytes of the file at that time. Up to [`PROVED_FIRST`] nothing goes out before the
//! SHA-1 of the whole agrees with the listing; of larger files the bytes go out as they come, but for the last
//! of them ([`HELD_BACK`]): should the sum differ, every reader's body ends short. The read is a task of its own that
//! ends when the last of its readers leaves, and never waits for one of them: the file's bytes are few, and are
//! spoken for in the memory of all streams.
//!
//! What goes wrong before a reader has got anything is no error: it reads by a link.

use std::ops::Range;
use std::sync::Arc;

use async_stream::try_stream;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use sha1::Digest as _;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::calls;
use crate::digest::Sha1;
use crate::drive::download::identity::ContentId;
use crate::drive::download::source::{FileSource, MIN_LIFE, Tries};
use crate::drive::error::Error;
use crate::drive::slots::memory::Reservation;
use crate::drive::slots::permit::StreamPermit;
use crate::drive::slots::revocable_body::OpenBody;
use crate::meters;
use crate::upstream::{Address, DataErrorKind};

/// Files up to this are proved before their first byte goes out: a second of a slow line.
const PROVED_FIRST: u64 = 1 << 20;

/// What is held back of a larger file's range until the whole is proved.
const HELD_BACK: u64 = 64 << 10;

/// Bodies of one read that may break.
const MAX_BREAKS: u32 = 5;

/// One read of a whole file.
pub(super) struct WholeRead {
    sha1: Sha1,
    size: u64,
    progress: watch::Receiver<Progress>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Progress {
    /// What has come, in order.
    pieces: Vec<Bytes>,
    received: u64,
    /// Room for all of it, once it has begun to come.
    hold: Option<Reservation>,
    /// What the bytes are of.
    identity: Option<ContentId>,
    end: Option<Result<(), Failure>>,
}

/// Why a read came to nothing.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// The address's time is over.
    Expired,
    /// Who has got nothing yet reads by a link.
    Useless,
    /// A link would not help.
    Error(Error),
}

impl Failure {
    /// What a reader is told that has got bytes already.
    fn into_error(self) -> Error {
        match self {
            Self::Error(error) => error,
            Self::Expired | Self::Useless => Error::Changed { gone: false },
        }
    }
}

impl Progress {
    /// Up to where bytes of a range may go out.
    fn released(&self, size: u64, range: &Range<u64>) -> u64 {
        match self.end {
            Some(Ok(())) => range.end,
            None if size > PROVED_FIRST => self.received.min(range.end.saturating_sub(HELD_BACK)),
            _ => 0,
        }
    }

    /// Bytes from `at` on, as many as lie together, up to `end`.
    fn piece(&self, at: u64, end: u64) -> Bytes {
        let mut start = 0;
        for piece in &self.pieces {
            let next = start + piece.len() as u64;
            if at < next {
                let within = |offset: u64| usize::try_from(offset - start).unwrap_or(usize::MAX).min(piece.len());
                return piece.slice(within(at)..within(end));
            }
            start = next;
        }
        Bytes::new()
    }
}

impl WholeRead {
    /// Begins to read; absent where there would be nothing to prove. `keep` it for ranges that are asked for later.
    pub(in crate::drive) fn start(source: FileSource, address: Address, urgent: bool, keep: bool) -> Option<Arc<Self>> {
        let (sha1, size) = source.entry.sha1.zip(source.entry.size)?;
        let (sender, progress) = watch::channel(Progress::default());
        let fetch = Fetch { source, address, size, sha1, urgent, progress: sender };
        let task = AbortOnDropHandle::new(calls::spawn(fetch.run(keep)));
        Some(Arc::new(Self { sha1, size, progress, _task: task }))
    }

    /// Whether bytes of that content can still be had from it.
    pub(in crate::drive) fn gives(&self, sha1: Option<Sha1>) -> bool {
        Some(self.sha1) == sha1 && !matches!(self.progress.borrow().end, Some(Err(_)))
    }

    /// The bytes of a range, and what they are of. When this returns the first of them may go out.
    ///
    /// # Errors
    /// What kept the first byte from going out. What comes later ends the stream in an error.
    pub(in crate::drive) async fn read(
        self: Arc<Self>,
        range: Range<u64>,
    ) -> Result<(impl Stream<Item = Result<Bytes, Error>> + Send + 'static, Option<ContentId>), Failure> {
        let mut progress = self.progress.clone();
        let identity = {
            let begun = progress.wait_for(|p| p.end.is_some() || p.released(self.size, &range) > range.start).await;
            let begun = begun.map_err(|_| Failure::Error(Error::Stopping))?;
            if let Some(Err(failure)) = &begun.end {
                return Err(failure.clone());
            }
            begun.identity.clone()
        };
        let pieces = try_stream! {
            let mut at = range.start;
            while at < range.end {
                let piece = self.next_piece(&mut progress, at, &range).await?;
                at += piece.len() as u64;
                yield piece;
            }
        };
        Ok((pieces, identity))
    }

    async fn next_piece(
        &self,
        progress: &mut watch::Receiver<Progress>,
        at: u64,
        range: &Range<u64>,
    ) -> Result<Bytes, Error> {
        let ready = progress.wait_for(|p| p.end.is_some() || p.released(self.size, range) > at).await;
        let ready = ready.map_err(|_| Error::Stopping)?;
        match &ready.end {
            Some(Err(failure)) => Err(failure.clone().into_error()),
            _ => Ok(ready.piece(at, ready.released(self.size, range))),
        }
    }
}

/// The task behind a read.
struct Fetch {
    source: FileSource,
    address: Address,
    size: u64,
    sha1: Sha1,
    urgent: bool,
    progress: watch::Sender<Progress>,
}

impl Fetch {
    async fn run(self, keep: bool) {
        let end = self.fetch().await;
        match &end {
            Ok(()) if keep => self.keep(),
            Ok(()) => {}
            Err(failure) => {
                tracing::debug!(?failure, file = %self.source.entry.file_id, "a file was not read by its address")
            }
        }
        self.progress.send_modify(|progress| progress.end = Some(end));
    }

    async fn fetch(&self) -> Result<(), Failure> {
        let permit = self.source.mount.account.slots.acquire(self.urgent).await.map_err(Failure::Error)?;
        // Not before there is a slot: who waits for one needs no memory yet.
        let hold = self.source.budget.hold(self.size).ok_or(Failure::Useless)?;
        let (mut open, identity) = self.open(permit).await?;
        self.progress.send_modify(|progress| {
            progress.hold = Some(hold);
            progress.identity = Some(identity.clone());
        });
        // Of its own: what a connection reads into is larger than small files, and would be held as a whole.
        let mut gathered = BytesMut::with_capacity(usize::try_from(self.size).unwrap_or(0));
        let mut hasher = sha1::Sha1::new();
        let mut breaks = 0;
        let mut received = 0;
        while received < self.size {
            match open.body.next().await {
                Some(Ok(frame)) => {
                    received += frame.len() as u64;
                    hasher.update(&frame);
                    gathered.extend_from_slice(&frame);
                    let piece = gathered.split().freeze();
                    self.progress.send_modify(|progress| {
                        progress.pieces.push(piece);
                        progress.received = received;
                    });
                }
                event => {
                    breaks += 1;
                    if self.size <= PROVED_FIRST || breaks > MAX_BREAKS {
                        return Err(self.failed("broken", Failure::Useless));
                    }
                    tracing::info!(?event, file = %self.source.entry.file_id, at = received, "resuming a small file by a link");
                    open = self.resume(open, received, &identity).await?;
                }
            }
        }
        drop(open);
        if Sha1::from(hasher) == self.sha1 { Ok(()) } else { Err(self.lied("other_bytes").await) }
    }

    /// Opens the rest of the file by a link, with the permit of the body that broke.
    async fn resume(&self, broken: OpenBody, at: u64, identity: &ContentId) -> Result<OpenBody, Failure> {
        let permit = broken.close();
        let resumed = self.source.open(at..self.size, Some(permit), self.urgent, Some(identity)).await;
        resumed.map(|(open, _)| open).map_err(Failure::Error)
    }

    /// Opens the whole file at its address: what is there must be of its length.
    async fn open(&self, permit: StreamPermit) -> Result<(OpenBody, ContentId), Failure> {
        let account = &self.source.mount.account;
        let mut tries = Tries::new(account, false, false);
        loop {
            let error = match account.client.data_host().get_here(&self.address.url, 0..self.size).await {
                Ok(body) if body.total == self.size => {
                    let identity = ContentId::of(&body);
                    return Ok((OpenBody { body, permit }, identity));
                }
                Ok(_) => return Err(self.lied("other_length").await),
                Err(error) => error,
            };
            return Err(match error.kind {
                DataErrorKind::TooManyStreams => {
                    tries.pause(error).await.map_err(Failure::Error)?;
                    continue;
                }
                DataErrorKind::Expired => {
                    account.addresses.expire(&self.source.entry, &self.address);
                    self.failed("expired", Failure::Expired)
                }
                // A web page has no length, or another one.
                DataErrorKind::Shorter | DataErrorKind::WrongRange => self.lied("other_length").await,
                DataErrorKind::Redirected => self.refused("redirected"),
                DataErrorKind::Throttled
                | DataErrorKind::Unavailable
                | DataErrorKind::Broken
                | DataErrorKind::Stalled => self.failed("unavailable", Failure::Useless),
                DataErrorKind::Refused
                | DataErrorKind::Gone
                | DataErrorKind::NoSpace
                | DataErrorKind::PartAlreadyExists
                | DataErrorKind::PartNotSequential
                | DataErrorKind::UploadGone => self.refused("refused"),
            });
        }
    }

    /// It gave something else. If the file is still what was listed, by the word of its link, it was a lie. The link
    /// is what all who wait read by then.
    async fn lied(&self, reason: &'static str) -> Failure {
        let addresses = &self.source.mount.account.addresses;
        match self.source.link(MIN_LIFE).await {
            Err(Error::Changed { .. }) => addresses.forget(&self.source.entry, &self.address),
            _ => addresses.distrust(self.source.mount.index, &self.source.entry),
        }
        self.failed(reason, Failure::Useless)
    }

    fn refused(&self, reason: &'static str) -> Failure {
        self.source.mount.account.addresses.forget(&self.source.entry, &self.address);
        self.failed(reason, Failure::Useless)
    }

    fn failed(&self, reason: &'static str, failure: Failure) -> Failure {
        metrics::counter!(meters::ADDRESS_FAILURES, "reason" => reason).increment(1);
        failure
    }

    /// Has the file at hand for ranges that are asked for later.
    fn keep(&self) {
        let progress = self.progress.borrow();
        let Some(identity) = progress.identity.clone() else { return };
        let whole = match progress.pieces.as_slice() {
            [whole] => whole.clone(),
            pieces => pieces.concat().into(),
        };
        drop(progress);
        self.source.edges.keep(&self.source.entry, whole, identity);
    }
}
