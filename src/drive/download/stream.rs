//! A file's bytes as one stream, whatever happens to the connections behind it.
//!
//! An expired link, a cut, a stall or a 5xx leads to a new body from the next byte on, after the
//! check that it is of the same content. What cannot be resumed ends the stream with an error, so
//! that the client sees a short answer: it is never padded.
//!
//! Bytes come from three sources, in order: what is kept of the file's edges, the stream's own body, and ranges fetched
//! side by side (`lanes`). A small file's may all come from a read of the whole (`whole`). Frames are handed on as they
//! come; for a client that takes its time the body is read on.

use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, Stream};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use crate::calls::CallCounter;
use crate::drive::download::edges::Recorder;
use crate::drive::download::identity::ContentId;
use crate::drive::download::lanes::{LaneEvent, Lanes, Meter};
use crate::drive::download::source::FileSource;
use crate::drive::error::Error;
use crate::drive::slots::memory::StreamCount;
use crate::drive::slots::permit::{Reader, StreamPermit};
use crate::drive::slots::revocable_body::{Next, RevocableBody};
use crate::meters;

/// Bodies in a row that may break without a single byte gained.
const MAX_BARREN: u32 = 5;

/// A stream whose slot went to a seek waits this long before it asks for another: the seeking client
/// is about to close it.
const AFTER_SEEK: Duration = Duration::from_secs(1);

/// A file's bytes; ends after exactly the asked range or with an error.
pub struct ByteStream {
    source: FileSource,
    /// What remains to be fetched.
    rest: Range<u64>,
    /// Where the body is to stop; what follows comes over other connections.
    body_end: u64,
    identity: Option<ContentId>,
    body: Arc<RevocableBody>,
    phase: Phase,
    barren: u32,
    lanes: Lanes,
    /// Only where several connections are allowed.
    meter: Option<Meter>,
    recorders: Vec<Recorder>,
    _count: StreamCount,
    /// The request that caused the stream; resuming happens outside its task.
    counter: CallCounter,
}

enum Phase {
    /// The first frames were kept from another read.
    Kept(Bytes),
    /// A small file's bytes, from a read of the whole.
    Whole(BoxStream<'static, Result<Bytes, Error>>),
    Reading,
    /// A task of its own: it goes on although nobody asks this stream for more, and can be ended from outside.
    Opening(AbortOnDropHandle<Result<ContentId, Error>>),
    Ended,
}

/// What a look at one of the stream's sources has led to.
enum Step {
    /// Look again: the stream may be in another phase.
    Again,
    Give(Result<Bytes, Error>),
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteStream").field("rest", &self.rest).finish_non_exhaustive()
    }
}

impl ByteStream {
    /// Opens the stream: when this returns, the first upstream answer has been checked, unless the
    /// beginning is at hand. `known` is what another range of the same answer was of.
    ///
    /// # Errors
    /// As [`FileSource::open`].
    pub(in crate::drive) async fn open(
        source: FileSource,
        range: Range<u64>,
        reader: Reader,
        known: Option<ContentId>,
    ) -> Result<Self, Error> {
        let kept = source.edges.find(&source.entry, &range).filter(|_| reader.by_range);
        let kept = kept.filter(|kept| known.as_ref().is_none_or(|known| known.same(&kept.identity)));
        let wanted = kept.as_ref().is_none_or(|kept| (kept.bytes.len() as u64) < range.end - range.start);
        let (slots, file_id) = (&source.mount.account.slots, &source.entry.file_id);
        let (body, inherited) =
            if wanted { slots.register(reader, file_id) } else { (RevocableBody::new(reader, file_id), None) };
        let mut stream = Self::new(source, range, body);
        stream.meter = (stream.source.budget.settings.connections > 1).then(Meter::new);
        if reader.by_range {
            stream.recorders = stream.source.edges.recorders(&stream.source.entry, &stream.rest);
        }
        if let Some(kept) = kept {
            metrics::counter!(meters::DOWNLOAD_EDGES).increment(1);
            stream.phase = Phase::Kept(kept.bytes);
            stream.identity = Some(kept.identity);
            stream.body.keep(inherited);
        } else if !stream.rest.is_empty() {
            stream.connect(inherited, reader.urgent, known).await?;
        }
        Ok(stream)
    }

    /// Opens a part of another stream, which has the permit for it and knows what the content is.
    async fn open_part(
        source: FileSource,
        range: Range<u64>,
        permit: StreamPermit,
        identity: ContentId,
    ) -> Result<Self, Error> {
        let reader = Reader { id: rand::random(), open_ended: false, urgent: true, by_range: true };
        let (body, _) = source.mount.account.slots.register(reader, &source.entry.file_id);
        let mut stream = Self::new(source, range, body);
        stream.connect(Some(permit), true, Some(identity)).await?;
        Ok(stream)
    }

    /// The bytes of a range that a read of the whole file gives.
    pub(super) fn of_whole(
        source: FileSource,
        range: Range<u64>,
        reader: Reader,
        identity: Option<ContentId>,
        pieces: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
    ) -> Self {
        let body = RevocableBody::new(reader, &source.entry.file_id);
        let mut stream = Self::new(source, range, body);
        stream.phase = Phase::Whole(Box::pin(pieces));
        stream.identity = identity;
        stream
    }

    fn new(source: FileSource, range: Range<u64>, body: Arc<RevocableBody>) -> Self {
        Self {
            _count: source.budget.enter(),
            source,
            body_end: range.end,
            rest: range,
            identity: None,
            body,
            phase: Phase::Ended,
            barren: 0,
            lanes: Lanes::new(open_part),
            meter: None,
            recorders: Vec::new(),
            counter: CallCounter::current(),
        }
    }

    async fn connect(
        &mut self,
        permit: Option<StreamPermit>,
        urgent: bool,
        known: Option<ContentId>,
    ) -> Result<(), Error> {
        let (open, identity) = self.source.open(self.rest.clone(), permit, urgent, known.as_ref()).await?;
        self.body.fill(open);
        self.identity = Some(identity);
        self.phase = Phase::Reading;
        Ok(())
    }

    /// What the bytes are of, for further ranges of the same answer.
    #[must_use]
    pub fn identity(&self) -> Option<ContentId> {
        self.identity.clone()
    }

    /// Size of the whole file as the upstream answered it.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.identity.as_ref().map(ContentId::total)
    }

    fn reopen(&mut self, pause: Duration, permit: Option<StreamPermit>) {
        let (source, identity) = (self.source.clone(), self.identity.clone());
        let (range, counter, body) = (self.rest.start..self.body_end, self.counter.clone(), self.body.clone());
        let open = async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            let urgent = body.is_urgent();
            let (open, identity) = counter.scope(source.open(range, permit, urgent, identity.as_ref())).await?;
            body.fill(open);
            Ok(identity)
        };
        let task = tokio::spawn(open.in_current_span());
        self.body.opens(task.abort_handle());
        self.phase = Phase::Opening(AbortOnDropHandle::new(task));
    }

    /// What comes after an opening.
    fn on_opened(&mut self, result: Result<Result<ContentId, Error>, JoinError>) -> Step {
        let by_itself = self.body.opened();
        match result {
            Ok(Ok(identity)) => {
                self.identity.get_or_insert(identity);
                self.phase = Phase::Reading;
                Step::Again
            }
            Ok(Err(error)) => self.fail(error),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is being shut down.
            Err(_) if by_itself => self.fail(Error::Stopping),
            Err(_) => {
                self.reopen(if self.body.was_replaced() { AFTER_SEEK } else { Duration::ZERO }, None);
                Step::Again
            }
        }
    }

    fn fail(&mut self, error: Error) -> Step {
        tracing::warn!(%error, file = %self.source.entry.file_id, at = self.rest.start, "a stream could not go on");
        if matches!(error, Error::Changed { .. }) {
            self.recorders.iter_mut().for_each(Recorder::discard);
            self.source.edges.forget(&self.source.entry);
        }
        self.phase = Phase::Ended;
        self.lanes.end();
        Step::Give(Err(error))
    }

    /// Counts a frame in; what would go beyond the range is cut off.
    fn take(&mut self, mut bytes: Bytes, end: u64) -> Bytes {
        bytes.truncate(usize::try_from(end - self.rest.start).unwrap_or(usize::MAX));
        let at = self.rest.start;
        if let Some(identity) = &self.identity {
            self.recorders.retain_mut(|recorder| recorder.pass(at, &bytes, identity));
        }
        self.rest.start += bytes.len() as u64;
        self.barren = 0;
        bytes
    }

    /// What the body's next event leads to.
    fn on_body(&mut self, next: Next) -> Step {
        match next {
            Next::Body(Some(Ok(bytes))) => {
                let bytes = self.take(bytes, self.body_end);
                if self.rest.start >= self.body_end {
                    // Not only when the client asks again: a slow one would keep the slot for nothing.
                    drop(self.body.revoke(false));
                }
                if let Some(rate) = self.meter.as_mut().and_then(|meter| meter.received(bytes.len())) {
                    self.widen(rate);
                }
                Step::Give(Ok(bytes))
            }
            Next::Body(event) => {
                drop(self.body.revoke(false));
                self.barren += 1;
                match event {
                    Some(Err(error)) if self.barren > MAX_BARREN => return self.fail(Error::Data(error)),
                    Some(Err(error)) => {
                        tracing::info!(%error, file = %self.source.entry.file_id, at = self.rest.start, "resuming a stream");
                    }
                    None => {}
                    Some(Ok(_)) => {}
                }
                self.reopen(Duration::ZERO, None);
                Step::Again
            }
            Next::Revoked { replaced } => {
                self.narrow();
                self.reopen(if replaced { AFTER_SEEK } else { Duration::ZERO }, None);
                Step::Again
            }
        }
    }

    /// The client waits for the one connection: fetch what follows over others.
    fn widen(&mut self, rate: f64) {
        let Some(identity) = self.identity.clone() else { return };
        if !self.lanes.is_on() {
            let Some(own) = self.lanes.begin(&self.source, self.rest.start, rate) else { return };
            let end = (self.rest.start + own).min(self.rest.end);
            self.lanes.top_up(&self.source, &self.body, end, self.rest.end, 1, &identity);
            if self.lanes.is_empty() {
                self.lanes.end();
                return;
            }
            self.body.read_as_taken();
            self.body_end = end;
        } else {
            self.lanes.hurry();
            self.lanes.top_up(&self.source, &self.body, self.body_end, self.rest.end, 1, &identity);
        }
    }

    /// Back to one connection.
    fn narrow(&mut self) {
        self.lanes.end();
        self.body_end = self.rest.end;
    }

    /// The next bytes that came over other connections.
    fn poll_lanes(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        if let Some(identity) = &self.identity {
            self.lanes.top_up(&self.source, &self.body, self.rest.start, self.rest.end, 0, identity);
        }
        let polled = self.lanes.poll_next(self.rest.start, cx);
        if polled.is_pending()
            && let Some(meter) = &mut self.meter
        {
            meter.pending();
        }
        match ready!(polled) {
            LaneEvent::Bytes(bytes) => {
                let bytes = self.take(bytes, self.rest.end);
                if self.meter.as_mut().is_some_and(|meter| meter.received(bytes.len()).is_some()) {
                    self.lanes.hurry();
                }
                return Poll::Ready(Step::Give(Ok(bytes)));
            }
            LaneEvent::GaveUp => return Poll::Ready(Step::Again),
            LaneEvent::Failed(Some(error @ Error::Changed { .. })) => return Poll::Ready(self.fail(error)),
            LaneEvent::Failed(error) => {
                // The drive has no body to spare, whatever our count says: this stream asks for none again.
                if matches!(error, Some(Error::NoFreeStream { .. })) {
                    self.meter = None;
                }
                tracing::info!(
                    error = error.map(tracing::field::display),
                    at = self.rest.start,
                    "one connection again"
                );
            }
        }
        self.narrow();
        self.reopen(if self.body.was_replaced() { AFTER_SEEK } else { Duration::ZERO }, None);
        Poll::Ready(Step::Again)
    }

    /// The next bytes of the file.
    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            let step = match &mut self.phase {
                Phase::Ended => return Poll::Ready(None),
                Phase::Kept(kept) => {
                    let kept = std::mem::take(kept);
                    self.after_kept(kept.len() as u64);
                    Step::Give(Ok(kept))
                }
                Phase::Whole(pieces) => match ready!(pieces.as_mut().poll_next(cx)) {
                    Some(Ok(bytes)) => {
                        self.rest.start += bytes.len() as u64;
                        Step::Give(Ok(bytes))
                    }
                    Some(Err(error)) => self.fail(error),
                    None => self.end(),
                },
                Phase::Opening(opening) => {
                    let result = ready!(Pin::new(opening).poll(cx));
                    self.on_opened(result)
                }
                Phase::Reading => ready!(self.poll_reading(cx)),
            };
            if let Step::Give(bytes) = step {
                return Poll::Ready(Some(bytes));
            }
        }
    }

    fn end(&mut self) -> Step {
        self.phase = Phase::Ended;
        Step::Again
    }

    /// The frames that were kept are given; what follows is opened.
    fn after_kept(&mut self, bytes: u64) {
        self.phase = Phase::Ended;
        self.rest.start += bytes;
        if !self.rest.is_empty() {
            let permit = self.body.kept();
            self.reopen(Duration::ZERO, permit);
        }
    }

    /// The next bytes from the drive, over this connection or, beyond its part of the range, over others.
    fn poll_reading(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        if self.rest.start >= self.body_end {
            drop(self.body.revoke(false));
            return if self.rest.is_empty() { Poll::Ready(self.end()) } else { self.poll_lanes(cx) };
        }
        let polled = self.body.poll_next(cx);
        if polled.is_pending()
            && let Some(meter) = &mut self.meter
        {
            meter.pending();
        }
        Poll::Ready(self.on_body(ready!(polled)))
    }
}

fn open_part(
    source: FileSource,
    range: Range<u64>,
    permit: StreamPermit,
    identity: ContentId,
) -> BoxFuture<'static, Result<BoxStream<'static, Result<Bytes, Error>>, Error>> {
    async move { ByteStream::open_part(source, range, permit, identity).await.map(|stream| stream.boxed()) }.boxed()
}

impl Stream for ByteStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        // A range fetched beside others is read as far ahead as those allow.
        let leisurely = !this.source.spare && this.body.is_leisurely();
        let polled = this.poll_source(cx);
        this.body.client_waits(polled.is_pending());
        if leisurely && polled.is_ready() {
            this.body.read_ahead(&this.source.budget);
        }
        polled
    }
}

impl Drop for ByteStream {
    fn drop(&mut self) {
        // The open body may be held for a moment by a seek that looks for it: it must go now.
        drop(self.body.revoke(false));
        self.lanes.end();
        self.source.mount.account.slots.forget(&self.body);
    }
}
