//! A file's bytes as one stream, whatever happens to the connections behind it.
//!
//! An expired link, a cut, a stall or a 5xx leads to a new body from the next byte on, after the
//! check that it is of the same content. What cannot be resumed ends the stream with an error, so
//! that the client sees a short answer: it is never padded.

use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::BoxFuture;

use super::Error;
use super::open::{Identity, Source};
use super::slots::{Live, Next, Reader, Seat, SeatKey};
use crate::upstream::calls::CallCounter;

/// Bodies in a row that may break without a single byte gained.
const MAX_BARREN: u32 = 5;

/// A stream whose place went to a seek waits this long before it asks for another: the seeking client
/// is about to close it.
const AFTER_SEEK: Duration = Duration::from_secs(1);

/// A file's bytes; ends after exactly the asked range or with an error.
pub struct ByteStream {
    source: Source,
    /// What remains to be delivered.
    rest: Range<u64>,
    identity: Option<Identity>,
    seat: Arc<Seat>,
    phase: Phase,
    barren: u32,
    /// The request that caused the stream; resuming happens outside its task.
    counter: CallCounter,
}

enum Phase {
    Reading,
    Opening(BoxFuture<'static, Result<(Live, Identity), Error>>),
    Ended,
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteStream").field("rest", &self.rest).finish_non_exhaustive()
    }
}

impl ByteStream {
    /// Opens the stream: when this returns, the first upstream answer has been checked.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub(super) async fn open(source: Source, range: Range<u64>, reader: Reader) -> Result<Self, Error> {
        let key = SeatKey { reader, file_id: source.entry.file_id.clone() };
        let (seat, inherited) = source.mount.account.slots.seat(key);
        let mut stream = Self {
            source,
            rest: range,
            identity: None,
            seat,
            phase: Phase::Ended,
            barren: 0,
            counter: CallCounter::current(),
        };
        if stream.rest.is_empty() {
            return Ok(stream);
        }
        let (live, identity) = stream.source.open(stream.rest.clone(), inherited, None).await?;
        stream.seat.fill(live);
        stream.identity = Some(identity);
        stream.phase = Phase::Reading;
        Ok(stream)
    }

    /// Bytes still to come.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.rest.end - self.rest.start
    }

    /// Size of the whole file as the upstream answered it.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.identity.as_ref().map(Identity::total)
    }

    fn reopen(&mut self, pause: Duration) {
        let (source, rest, identity) = (self.source.clone(), self.rest.clone(), self.identity.clone());
        let counter = self.counter.clone();
        self.phase = Phase::Opening(Box::pin(async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            counter.scope(source.open(rest, None, identity.as_ref())).await
        }));
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<Bytes, Error>>> {
        tracing::warn!(%error, file = %self.source.entry.file_id, at = self.rest.start, "a stream could not go on");
        self.phase = Phase::Ended;
        Poll::Ready(Some(Err(error)))
    }

    /// What to do with the body's next event; `None` to look again.
    fn on_event(&mut self, next: Next) -> Option<Poll<Option<Result<Bytes, Error>>>> {
        match next {
            Next::Body(Some(Ok(mut bytes))) => {
                let remaining = usize::try_from(self.remaining()).unwrap_or(usize::MAX);
                bytes.truncate(remaining);
                self.rest.start += bytes.len() as u64;
                self.barren = 0;
                Some(Poll::Ready(Some(Ok(bytes))))
            }
            Next::Body(None) if self.rest.is_empty() => {
                drop(self.seat.vacate(false));
                self.phase = Phase::Ended;
                Some(Poll::Ready(None))
            }
            Next::Body(event) => {
                drop(self.seat.vacate(false));
                self.barren += 1;
                match event {
                    Some(Err(error)) if self.barren > MAX_BARREN => {
                        return Some(self.fail(Error::Data(error)));
                    }
                    Some(Err(error)) => {
                        tracing::info!(%error, file = %self.source.entry.file_id, at = self.rest.start, "resuming a stream");
                    }
                    _ => {}
                }
                self.reopen(Duration::ZERO);
                None
            }
            Next::Vacant { replaced } => {
                self.reopen(if replaced { AFTER_SEEK } else { Duration::ZERO });
                None
            }
        }
    }
}

impl Stream for ByteStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            match &mut this.phase {
                Phase::Ended => return Poll::Ready(None),
                Phase::Reading => {
                    let next = ready!(this.seat.poll_next(cx));
                    if let Some(answer) = this.on_event(next) {
                        return answer;
                    }
                }
                Phase::Opening(opening) => match ready!(opening.as_mut().poll(cx)) {
                    Ok((live, _)) => {
                        this.seat.fill(live);
                        this.phase = Phase::Reading;
                    }
                    Err(error) => return this.fail(error),
                },
            }
        }
    }
}

impl Drop for ByteStream {
    fn drop(&mut self) {
        // The seat may be held for a moment by a seek that looks for it: the body must go now.
        drop(self.seat.vacate(false));
        self.source.mount.account.slots.leave(&self.seat);
    }
}
