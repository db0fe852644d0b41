//! Ranges of one file fetched side by side, delivered in order.
//!
//! A service that limits each connection gives a film in time over several. They are opened only when
//! the client has been waiting for one connection, only on places that nobody waits for, and only as far
//! ahead as `read_ahead` and the memory allow. Each is a stream of its own that goes on over expired links, cuts and
//! stalls; when one fails for good, the rest is fetched over a single connection again.
//!
//! A connection does nothing between two ranges, from the last byte of one to the first of the next: so ranges are as
//! long as fit side by side into what may be ahead. They end one after another, not all at once. When one ends, with n
//! connections, an n-th of the next is still to come, and n - 1 whole ranges are spoken for behind it.

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
use crate::calls;

/// Time over which it is seen whether the client waits.
const WINDOW: Duration = Duration::from_millis(500);

/// Least and most bytes of one range, where the room allows.
const LEAST: u64 = 1 << 20;
const MOST: u64 = 8 << 20;

/// What is shorter costs more in openings than it gives. Ranges towards the end of what is asked may be as short.
const SHORTEST: u64 = 256 << 10;

/// How many seconds one range should take, for its opening costs up to a tenth of one.
const SPAN: f64 = 1.5;

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
    /// Ranges opened so far, with the one that the stream's own body ends with.
    opened: u64,
}

struct Lane {
    /// What of it has not been delivered.
    rest: Range<u64>,
    frames: mpsc::UnboundedReceiver<Result<Bytes, Error>>,
    task: AbortOnDropHandle<()>,
    /// Room for what of it has not been delivered.
    hold: Hold,
}

/// What the next range says.
pub(super) enum LaneEvent {
    Bytes(Bytes),
    /// It cannot go on: the content has changed, or it has failed.
    Failed(Option<Error>),
}

impl Lanes {
    /// One connection at such a rate does not do. How many bytes the stream's own body is to bring yet; none where there
    /// is no room for several.
    pub(super) fn begin(&mut self, source: &Source, rate: f64) -> Option<u64> {
        let connections = source.room.settings.connections as u64;
        let span = span(rate, source.room.ahead_over_lanes(), connections)?;
        self.span = Some(span);
        self.opened = 1;
        Some(span / connections)
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
            let connections = source.room.settings.connections;
            if next >= end || fetching + busy >= connections {
                return;
            }
            let room = source.room.ahead_over_lanes().saturating_sub(queued);
            let Some(length) = length(span, connections as u64, self.opened, end - next, room) else { return };
            let range = next..next + length;
            let Some(hold) = source.room.hold(length) else { return };
            let Some(place) = source.mount.account.slots.spare_place() else { return };
            let (sender, frames) = mpsc::unbounded_channel();
            let spare = Source { spare: true, ..source.clone() };
            let run = run(spare, range.clone(), place, identity.clone(), sender);
            let task = AbortOnDropHandle::new(calls::spawn(run));
            seat.help_by(task.abort_handle());
            self.queue.push_back(Lane { rest: range, frames, task, hold });
            self.opened += 1;
        }
    }

    /// The next bytes in order.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<LaneEvent> {
        let Some(lane) = self.queue.front_mut() else { return Poll::Ready(LaneEvent::Failed(None)) };
        match std::task::ready!(lane.frames.poll_recv(cx)) {
            Some(Ok(bytes)) => {
                lane.rest.start += bytes.len() as u64;
                lane.hold.shrink(lane.rest.end.saturating_sub(lane.rest.start));
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

/// Bytes of a range at a connection's rate, such that as many as there are connections fit into what may be ahead.
fn span(rate: f64, ahead: u64, connections: u64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is positive and finite")]
    let wanted = ((rate * SPAN) as u64).clamp(LEAST, MOST);
    // One n-th of the range that is being delivered, and n - 1 more.
    let fits = ahead / (connections * (connections - 1) + 1) * connections;
    Some(wanted.min(fits)).filter(|span| *span >= SHORTEST)
}

/// Bytes of the next range, of so many left; none until there is room for a worthwhile one.
fn length(span: u64, connections: u64, opened: u64, left: u64, room: u64) -> Option<u64> {
    // The first ones are shorter by turns, so that later ones end one after another; the last ones too, so that all
    // connections have something to do up to the end.
    let turn = span * (opened + 1).min(connections) / connections;
    let share = left.div_ceil(connections).max(SHORTEST);
    let wanted = turn.min(share).min(left);
    let length = wanted.min(room);
    (length >= wanted.min(span / 2)).then_some(length)
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

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn as_many_ranges_as_connections_fit_into_what_may_be_ahead() {
        for ahead in [MIB, 8 * MIB, 64 * MIB] {
            for connections in 2..=8 {
                for rate in [100e3, 500e3, 2e6, 5e6, 10e6, 100e6] {
                    let Some(span) = span(rate, ahead, connections) else {
                        assert!(ahead == MIB && connections > 3, "{ahead} {connections} {rate}");
                        continue;
                    };
                    assert!((SHORTEST..=MOST).contains(&span), "{span}");
                    let behind = span / connections + (connections - 1) * span;
                    assert!(behind <= ahead, "{connections} ranges of {span} in {ahead}");
                }
            }
        }
        assert_eq!(span(10e6, 8 * MIB, 3), Some(8 * MIB / 7 * 3));
        assert_eq!(span(500e3, 8 * MIB, 3), Some(LEAST));
        assert_eq!(span(500e3, 200_000, 3), None);
    }

    #[test]
    fn ranges_grow_at_first_shrink_at_last_and_wait_for_room() {
        let length = |opened, left, room| length(3 * MIB, 3, opened, left, room);
        assert_eq!([1, 2, 3, 99].map(|opened| length(opened, 1 << 40, 8 * MIB)), [2, 3, 3, 3].map(|n| Some(n * MIB)));
        assert_eq!(length(9, 6 * MIB, 8 * MIB), Some(2 * MIB));
        assert_eq!(length(9, 300_000, 8 * MIB), Some(SHORTEST));
        assert_eq!(length(9, 1000, 8 * MIB), Some(1000));
        assert_eq!(length(9, 1 << 40, 2 * MIB), Some(2 * MIB));
        assert_eq!((length(9, 1 << 40, MIB), length(9, 1000, 999)), (None, None));
    }
}
