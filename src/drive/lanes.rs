//! Ranges of one file fetched side by side, delivered in order.
//!
//! A service that limits each connection gives a film in time over several. They are opened only when
//! the client has been waiting for one connection, only on places that nobody waits for, and only as far
//! ahead as the memory allows. Each is a stream of its own that goes on over expired links, cuts and
//! stalls; when one fails for good, the rest is fetched over a single connection again.

use std::collections::VecDeque;
use std::ops::Range;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::download_room::Hold;
use super::open::{Identity, Source};
use super::slots::{Place, Seat};
use super::{ByteStream, Error};
use crate::upstream::calls;

/// Time over which it is seen whether the client waits.
const WINDOW: Duration = Duration::from_millis(500);

/// Least and most bytes of one range. It should take some seconds, so that its opening does not count.
const LEAST: u64 = 1 << 20;
const MOST: u64 = 4 << 20;

/// How long one range should take.
const SPAN: f64 = 2.0;

/// Whether the client waits for the connection.
pub(super) struct Meter {
    since: Instant,
    bytes: u64,
    waited: Duration,
    waiting: Option<Instant>,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), bytes: 0, waited: Duration::ZERO, waiting: None }
    }

    pub(super) fn pending(&mut self) {
        self.waiting.get_or_insert_with(Instant::now);
    }

    /// Notes a frame; the rate in bytes a second when the client has mostly been waiting.
    pub(super) fn received(&mut self, bytes: usize) -> Option<f64> {
        let now = Instant::now();
        if let Some(since) = self.waiting.take() {
            self.waited += now - since;
        }
        self.bytes += bytes as u64;
        let elapsed = now - self.since;
        if elapsed < WINDOW {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let rate = self.bytes as f64 / elapsed.as_secs_f64();
        let waiting = self.waited > elapsed.mul_f64(0.7);
        *self = Self::new();
        waiting.then_some(rate)
    }
}

/// The ranges after the one that is being delivered.
#[derive(Default)]
pub(super) struct Lanes {
    queue: VecDeque<Lane>,
    /// Bytes of a range; none while one connection does.
    span: Option<u64>,
}

struct Lane {
    /// What of it has not been delivered.
    rest: Range<u64>,
    frames: mpsc::UnboundedReceiver<Result<Bytes, Error>>,
    task: AbortOnDropHandle<()>,
    _hold: Hold,
}

/// What the next range says.
pub(super) enum LaneEvent {
    Bytes(Bytes),
    /// It cannot go on: the content has changed, or it has failed.
    Failed(Option<Error>),
}

impl Lanes {
    /// One connection at such a rate does not do.
    pub(super) fn begin(&mut self, rate: f64) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is positive and finite")]
        let span = ((rate * SPAN) as u64).clamp(LEAST, MOST);
        *self.span.insert(span)
    }

    pub(super) fn is_on(&self) -> bool {
        self.span.is_some()
    }

    pub(super) fn end(&mut self) {
        self.queue.clear();
        self.span = None;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Opens ranges up to `end`, the first of them at `from` when none is open; `busy` connections are in use besides.
    pub(super) fn top_up(
        &mut self,
        source: &Source,
        seat: &Seat,
        from: u64,
        end: u64,
        busy: usize,
        identity: &Identity,
    ) {
        let Some(span) = self.span else { return };
        loop {
            let next = self.queue.back().map_or(from, |lane| lane.rest.end);
            let fetching = self.queue.iter().filter(|lane| !lane.task.is_finished()).count();
            let queued: u64 = self.queue.iter().map(|lane| lane.rest.end - lane.rest.start).sum();
            let settings = &source.room.settings;
            if next >= end || fetching + busy >= settings.connections || queued + span > settings.read_ahead.max(span) {
                return;
            }
            let range = next..(next + span).min(end);
            let Some(hold) = source.room.hold(range.end - range.start) else { return };
            let Some(place) = source.mount.account.slots.spare_place() else { return };
            let (sender, frames) = mpsc::unbounded_channel();
            let spare = Source { spare: true, ..source.clone() };
            let run = run(spare, range.clone(), place, identity.clone(), sender);
            let task = AbortOnDropHandle::new(calls::spawn(run));
            seat.help_by(task.abort_handle());
            self.queue.push_back(Lane { rest: range, frames, task, _hold: hold });
        }
    }

    /// The next bytes in order.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<LaneEvent> {
        let Some(lane) = self.queue.front_mut() else { return Poll::Ready(LaneEvent::Failed(None)) };
        match std::task::ready!(lane.frames.poll_recv(cx)) {
            Some(Ok(bytes)) => {
                lane.rest.start += bytes.len() as u64;
                if lane.rest.is_empty() {
                    self.queue.pop_front();
                }
                Poll::Ready(LaneEvent::Bytes(bytes))
            }
            Some(Err(error)) => Poll::Ready(LaneEvent::Failed(Some(error))),
            // Its place was taken for a seek.
            None => Poll::Ready(LaneEvent::Failed(None)),
        }
    }
}

/// Fetches one range; as many bytes as it has are held for it.
async fn run(
    source: Source,
    range: Range<u64>,
    place: Place,
    identity: Identity,
    frames: mpsc::UnboundedSender<Result<Bytes, Error>>,
) {
    let mut stream = match ByteStream::open_part(source, range, place, identity).await {
        Ok(stream) => stream,
        Err(error) => {
            frames.send(Err(error)).ok();
            return;
        }
    };
    while let Some(frame) = stream.next().await {
        if frames.send(frame).is_err() {
            return;
        }
    }
}
