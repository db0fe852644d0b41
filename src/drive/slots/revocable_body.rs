//! Where a stream's upstream body lies, apart from the stream: so it can be taken away from outside, and read
//! on while the client of the stream does something else.
//!
//! Of a client that takes its time the next frames are fetched by a task of their own, within a bound, so that a
//! short trouble of the drive does not reach it. A fast client's frames pass as they come. What lies ready goes
//! with the body when that is taken away: the stream goes on at the next byte that its client has not had.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream as _;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::drive::slots::memory::{ByteBudget, Reservation};
use crate::drive::slots::permit::{BodyKey, Reader, StreamPermit};
use crate::upstream::{DataBody, DataError, LARGEST_FRAME};

/// A client that comes back for more after this long takes its time.
const LEISURELY: Duration = Duration::from_millis(100);

/// Read-ahead of a stream that has only begun; it grows to half of what the client has taken.
const FIRST_READ_AHEAD: u64 = 256 << 10;

/// One stream's upstream body, while it has one.
pub(in crate::drive) struct RevocableBody {
    pub(super) key: BodyKey,
    urgent: bool,
    inner: Mutex<BodyState>,
    /// Notified when a frame that lay ready is taken or the body is revoked.
    taken: Notify,
}

#[derive(Default)]
struct BodyState {
    open: Option<OpenBody>,
    /// A permit inherited before there is a body.
    kept: Option<StreamPermit>,
    /// The task that opens the next body, which holds a permit or waits for one.
    opening: Option<AbortHandle>,
    /// Frames of the body that lie ready, and what came after the last of them.
    ready: VecDeque<(Bytes, Reservation)>,
    ready_bytes: u64,
    end: Option<End>,
    /// Whether a task reads ahead.
    reading_ahead: bool,
    /// Whether none is to, of this body.
    as_taken: bool,
    /// Bytes that the client has taken.
    delivered: u64,
    /// The reading task, to wake when its body is taken away while it waits for bytes.
    waker: Option<Waker>,
    /// The same of the task that reads ahead.
    ahead_waker: Option<Waker>,
    /// Since when the client has not asked for more; absent while it waits for us. What is fetched ahead of
    /// it does not count: that goes on, and waits, while the client does nothing.
    idle_since: Option<Instant>,
    /// The body went to a seek, not to a waiting stranger.
    replaced: bool,
    /// Tasks that fetch what follows over other connections.
    helpers: Vec<AbortHandle>,
}

/// What came after the last frame of a body.
enum End {
    Whole,
    Broken(DataError),
}

/// An open body and its permit. The body goes first when both are dropped.
pub(in crate::drive) struct OpenBody {
    pub(in crate::drive) body: DataBody,
    pub(in crate::drive) permit: StreamPermit,
}

impl OpenBody {
    /// Closes the body; its permit can be used for another.
    pub(in crate::drive) fn close(self) -> StreamPermit {
        self.permit
    }
}

/// What there is for the stream.
pub(in crate::drive) enum Next {
    /// The body's next event.
    Body(Option<Result<Bytes, DataError>>),
    /// There is no body: it was taken away; `replaced` by a seek of the same reader.
    Revoked { replaced: bool },
}

impl RevocableBody {
    pub(in crate::drive) fn new(reader: Reader, file_id: &str) -> Arc<Self> {
        let key = BodyKey { id: reader.id, open_ended: reader.open_ended, file_id: file_id.into() };
        Arc::new(Self { key, urgent: reader.urgent, inner: Mutex::default(), taken: Notify::new() })
    }

    pub(in crate::drive) fn is_urgent(&self) -> bool {
        self.urgent
    }

    /// Keeps a permit until there is a body for it.
    pub(in crate::drive) fn keep(&self, permit: Option<StreamPermit>) {
        self.inner.lock().kept = permit;
    }

    pub(in crate::drive) fn kept(&self) -> Option<StreamPermit> {
        self.inner.lock().kept.take()
    }

    /// A task that ends when the body goes to a seek.
    pub(in crate::drive) fn help_by(&self, helper: AbortHandle) {
        let mut inner = self.inner.lock();
        inner.helpers.retain(|helper| !helper.is_finished());
        inner.helpers.push(helper);
    }

    pub(in crate::drive) fn was_replaced(&self) -> bool {
        self.inner.lock().replaced
    }

    /// Puts an open body in.
    pub(in crate::drive) fn fill(&self, open: OpenBody) {
        let mut inner = self.inner.lock();
        inner.open = Some(open);
        inner.replaced = false;
        inner.as_taken = false;
    }

    /// Notes the task that opens the next body.
    pub(in crate::drive) fn opens(&self, task: AbortHandle) {
        self.inner.lock().opening = Some(task);
    }

    /// The opening has ended; whether by itself, and not because it was revoked.
    pub(in crate::drive) fn opened(&self) -> bool {
        self.inner.lock().opening.take().is_some()
    }

    /// The client waits for us, or has what it asked for.
    pub(in crate::drive) fn client_waits(&self, waits: bool) {
        self.inner.lock().idle_since = (!waits).then(Instant::now);
    }

    /// Whether the client, which asks again just now, has taken its time.
    pub(in crate::drive) fn is_leisurely(&self) -> bool {
        self.inner.lock().idle_since.is_some_and(|since| since.elapsed() >= LEISURELY)
    }

    /// Takes the body out: its connection closes now, its permit goes to the caller. What lies ready goes with it. A
    /// body that is being opened is given up.
    pub(in crate::drive) fn revoke(&self, replaced: bool) -> Option<StreamPermit> {
        let mut inner = self.inner.lock();
        if replaced {
            inner.replaced = true;
            inner.helpers.drain(..).for_each(|helper| helper.abort());
        }
        if let Some(opening) = inner.opening.take() {
            opening.abort();
        }
        let kept = inner.kept.take();
        let Some(OpenBody { body, permit }) = inner.open.take() else { return kept };
        inner.replaced = replaced;
        inner.ready.clear();
        inner.ready_bytes = 0;
        inner.end = None;
        let wakers = [inner.waker.take(), inner.ahead_waker.take()];
        drop(inner);
        drop(body);
        self.taken.notify_one();
        wakers.into_iter().flatten().for_each(Waker::wake);
        Some(permit)
    }

    pub(super) fn paused_since(&self) -> Option<Instant> {
        let inner = self.inner.lock();
        let has_permit = inner.open.is_some() || inner.kept.is_some() || inner.opening.is_some();
        inner.idle_since.filter(|_| has_permit)
    }

    pub(in crate::drive) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Next> {
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        let Some(open) = inner.open.as_mut() else {
            return Poll::Ready(Next::Revoked { replaced: inner.replaced });
        };
        let polled = match (inner.ready.pop_front(), inner.end.take()) {
            (Some((bytes, _hold)), end) => {
                inner.end = end;
                inner.ready_bytes -= bytes.len() as u64;
                self.taken.notify_one();
                Poll::Ready(Some(Ok(bytes)))
            }
            (None, Some(End::Whole)) => Poll::Ready(None),
            (None, Some(End::Broken(error))) => Poll::Ready(Some(Err(error))),
            (None, None) if inner.reading_ahead => Poll::Pending,
            (None, None) => Pin::new(&mut open.body).poll_next(cx),
        };
        match &polled {
            Poll::Ready(Some(Ok(bytes))) => inner.delivered += bytes.len() as u64,
            Poll::Ready(_) => {}
            Poll::Pending if inner.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) => {}
            Poll::Pending => inner.waker = Some(cx.waker().clone()),
        }
        polled.map(Next::Body)
    }

    /// Has the body read on by a task of its own, as far as there is room. The task ends with the body, and where
    /// there is no memory: then frames pass as the client takes them.
    pub(in crate::drive) fn read_ahead(self: &Arc<Self>, budget: &Arc<ByteBudget>) {
        let mut inner = self.inner.lock();
        let begun = inner.reading_ahead || inner.as_taken || inner.open.is_none() || inner.end.is_some();
        // What is fetched comes in frames of that size: less than one is no room.
        if begun || budget.read_ahead() < LARGEST_FRAME as u64 {
            return;
        }
        inner.reading_ahead = true;
        let (body, budget) = (self.clone(), budget.clone());
        tokio::spawn(async move {
            while body.fetch_ahead(&budget).await {}
            let mut inner = body.inner.lock();
            inner.reading_ahead = false;
            if let Some(waker) = inner.waker.take() {
                waker.wake();
            }
        });
    }

    /// Has the body read as the client takes it from now on: what follows it is fetched already.
    pub(in crate::drive) fn read_as_taken(&self) {
        self.inner.lock().as_taken = true;
    }

    /// Fetches one frame for later, once there is room for it; false when there is nothing more to be fetched so.
    async fn fetch_ahead(&self, budget: &Arc<ByteBudget>) -> bool {
        while self.is_full(budget) {
            self.taken.notified().await;
        }
        if self.inner.lock().as_taken {
            return false;
        }
        // A frame's length is not known beforehand.
        let Some(hold) = budget.hold(LARGEST_FRAME as u64) else { return false };
        let mut hold = Some(hold);
        poll_fn(|cx| self.poll_ahead(cx, &mut hold)).await
    }

    fn is_full(&self, budget: &ByteBudget) -> bool {
        let inner = self.inner.lock();
        let grown = (inner.delivered / 2).max(FIRST_READ_AHEAD);
        inner.open.is_some() && inner.ready_bytes >= grown.min(budget.read_ahead())
    }

    fn poll_ahead(&self, cx: &mut Context<'_>, hold: &mut Option<Reservation>) -> Poll<bool> {
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        let Some(open) = inner.open.as_mut() else { return Poll::Ready(false) };
        let Poll::Ready(event) = Pin::new(&mut open.body).poll_next(cx) else {
            inner.ahead_waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let more = match (event, hold.take()) {
            (Some(Ok(bytes)), Some(mut hold)) => {
                hold.shrink(bytes.len() as u64);
                inner.ready_bytes += bytes.len() as u64;
                inner.ready.push_back((bytes, hold));
                true
            }
            (event, _) => {
                inner.end = Some(event.and_then(Result::err).map_or(End::Whole, End::Broken));
                false
            }
        };
        if let Some(waker) = inner.waker.take() {
            waker.wake();
        }
        Poll::Ready(more)
    }
}
