//! Ranges of one file fetched side by side, delivered in order.
//!
//! A service that limits each connection gives a film in time over several. They are opened only when
//! the client has been waiting for one connection, and only on slots that nobody waits for. Each is a stream of its own
//! that goes on over expired links, cuts and stalls; when one fails for good, the rest is fetched over a single
//! connection again.
//!
//! A connection does nothing between two ranges, from the last byte of one to the first of the next: so ranges are as
//! long as `read_ahead` and the memory allow. They end one after another, not all at once: with n connections at
//! one rate, when the first has come, an n-th of the next is still to come, two n-ths of the one after it, and so on, so
//! that (n - 1) / 2 ranges lie ready. Bytes are counted as they come (`window`). A range that has no room
//! for long gives up; what it lacks becomes a range of its own later. Its client has paused, or does not need so many
//! connections: no more are opened until it waits again.

mod window;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::calls;
use crate::drive::download::identity::ContentId;
use crate::drive::download::source::FileSource;
use crate::drive::error::Error;
use crate::drive::slots::permit::StreamPermit;
use crate::drive::slots::revocable_body::RevocableBody;
use crate::upstream::LARGEST_FRAME;
use window::{Admission, Ready, Window};

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
    pub(in crate::drive) fn new() -> Self {
        Self { since: Instant::now(), bytes: 0, waited: Duration::ZERO, waiting: None }
    }

    pub(in crate::drive) fn pending(&mut self) {
        self.waiting.get_or_insert_with(Instant::now);
    }

    /// Notes a frame; the rate in bytes a second when the client has mostly been waiting.
    pub(in crate::drive) fn received(&mut self, bytes: usize) -> Option<f64> {
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

/// Opens a range of the file, which is of a known content, with a permit.
pub(super) type Open =
    fn(FileSource, Range<u64>, StreamPermit, ContentId) -> BoxFuture<'static, Result<Bytestream, Error>>;
type Bytestream = BoxStream<'static, Result<Bytes, Error>>;

/// The ranges after what the stream's own body brings.
pub(super) struct Lanes {
    open: Open,
    /// In order, with gaps where a range gave up.
    queue: VecDeque<Lane>,
    /// Absent while one connection does.
    course: Option<Course>,
}

struct Course {
    /// Bytes of a range.
    span: u64,
    window: Arc<Window>,
    /// Ranges opened so far, with the one that the stream's own body ends with.
    opened: u64,
    /// Whether the client needs as many connections as there may be.
    eager: bool,
}

struct Lane {
    /// What of it has not been delivered.
    rest: Range<u64>,
    frames: mpsc::UnboundedReceiver<Frame>,
    task: AbortOnDropHandle<()>,
    gave_up: GaveUp,
}

type Frame = Result<(Bytes, Option<Ready>), Error>;

/// The first byte that a range which gave up has not brought.
type GaveUp = Arc<OnceLock<u64>>;

/// What the next range says.
pub(super) enum LaneEvent {
    Bytes(Bytes),
    /// It has given up: what it lacks may be asked for again.
    GaveUp,
    /// It cannot go on: the content has changed, or it has failed.
    Failed(Option<Error>),
}

impl Lanes {
    pub(super) fn new(open: Open) -> Self {
        Self { open, queue: VecDeque::new(), course: None }
    }

    /// One connection at such a rate does not do. How many bytes the stream's own body, which is at `at`, is to bring
    /// yet; none where there is no room for several.
    pub(in crate::drive) fn begin(&mut self, source: &FileSource, at: u64, rate: f64) -> Option<u64> {
        let connections = source.budget.settings.connections as u64;
        let span = span(rate, source.budget.ahead_over_lanes(), connections)?;
        self.course = Some(Course { span, window: Window::new(&source.budget, at), opened: 1, eager: true });
        Some(span / connections)
    }

    pub(super) fn is_on(&self) -> bool {
        self.course.is_some()
    }

    pub(in crate::drive) fn end(&mut self) {
        self.queue.clear();
        self.course = None;
    }

    pub(in crate::drive) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The client has mostly been waiting.
    pub(super) fn hurry(&mut self) {
        if let Some(course) = &mut self.course {
            course.eager = true;
        }
    }

    /// Opens ranges up to `end`, the first of them at `from` when none is open; `busy` connections are in use besides.
    pub(super) fn top_up(
        &mut self,
        source: &FileSource,
        body: &RevocableBody,
        from: u64,
        end: u64,
        busy: usize,
        identity: &ContentId,
    ) {
        self.see_who_gave_up();
        // A seek has taken the stream's slot: there is nothing to help.
        while !body.was_replaced()
            && let Some((index, range)) = self.missing(from, end, busy, source.budget.settings.connections)
            && let Some(permit) = source.mount.account.slots.try_acquire_spare()
            && let Some(course) = &mut self.course
        {
            let (sender, frames) = mpsc::unbounded_channel();
            let gave_up = GaveUp::default();
            let feed = Feed { window: course.window.clone(), sender, gave_up: gave_up.clone() };
            let spare = FileSource { spare: true, ..source.clone() };
            let opened = (self.open)(spare.clone(), range.clone(), permit, identity.clone());
            let run = run(spare, range.clone(), opened, feed);
            let task = AbortOnDropHandle::new(calls::spawn(run));
            body.help_by(task.abort_handle());
            self.queue.insert(index, Lane { rest: range, frames, task, gave_up });
            course.opened += 1;
        }
    }

    /// The first range that is to be fetched, and its index in the queue; none while there are connections enough.
    fn missing(&self, from: u64, end: u64, busy: usize, connections: usize) -> Option<(usize, Range<u64>)> {
        let course = self.course.as_ref()?;
        let fetching = self.queue.iter().filter(|lane| !lane.task.is_finished()).count();
        if fetching + busy >= connections {
            return None;
        }
        let mut next = from;
        for (index, lane) in self.queue.iter().enumerate() {
            if next < lane.rest.start {
                let is_next = index == 0 && busy == 0;
                return (is_next || course.wants_more()).then_some((index, next..lane.rest.start));
            }
            next = lane.rest.end;
        }
        if next >= end || !course.wants_more() {
            return None;
        }
        let length = length(course.span, connections as u64, course.opened, end - next);
        Some((self.queue.len(), next..next + length))
    }

    fn see_who_gave_up(&mut self) {
        let Some(course) = &mut self.course else { return };
        for lane in &mut self.queue {
            if let Some(end) = lane.gave_up.get().filter(|end| **end < lane.rest.end) {
                lane.rest.end = *end;
                course.eager = false;
            }
        }
        self.queue.retain(|lane| !lane.rest.is_empty());
    }

    /// The next bytes in order, which begin at `from`.
    pub(in crate::drive) fn poll_next(&mut self, from: u64, cx: &mut Context<'_>) -> Poll<LaneEvent> {
        let (Some(course), Some(lane)) = (&self.course, self.queue.front_mut()) else {
            return Poll::Ready(LaneEvent::Failed(None));
        };
        if lane.rest.start != from {
            return Poll::Ready(LaneEvent::Failed(None));
        }
        course.window.advance(from);
        match std::task::ready!(lane.frames.poll_recv(cx)) {
            Some(Ok((bytes, ready))) => {
                lane.rest.start += bytes.len() as u64;
                drop(ready);
                course.window.advance(lane.rest.start);
                if lane.rest.is_empty() {
                    self.queue.pop_front();
                }
                Poll::Ready(LaneEvent::Bytes(bytes))
            }
            Some(Err(error)) => Poll::Ready(LaneEvent::Failed(Some(error))),
            None if lane.gave_up.get().is_some() => Poll::Ready(LaneEvent::GaveUp),
            // It was ended by a seek.
            None => Poll::Ready(LaneEvent::Failed(None)),
        }
    }
}

impl Course {
    /// Whether one more range would be of use. It need not have room for all of itself: the client takes on.
    fn wants_more(&self) -> bool {
        self.eager && self.window.has_room(SHORTEST)
    }
}

/// Bytes of a range at a connection's rate, such that as many as there are connections fit into what may be ahead.
fn span(rate: f64, ahead: u64, connections: u64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is positive and finite")]
    let wanted = ((rate * SPAN) as u64).clamp(LEAST, MOST);
    // With less, a single frame might never have room.
    if ahead < LARGEST_FRAME as u64 {
        return None;
    }
    // What lies ready when a range has come whole.
    let fits = ahead * 2 / (connections - 1).max(1);
    Some(wanted.min(fits)).filter(|span| *span >= SHORTEST)
}

/// Bytes of the next range, of so many left.
fn length(span: u64, connections: u64, opened: u64, left: u64) -> u64 {
    // The first ones are shorter by turns, so that later ones end one after another; the last ones too, so that all
    // connections have something to do up to the end.
    let turn = span * (opened + 1).min(connections) / connections;
    let share = left.div_ceil(connections).max(SHORTEST);
    turn.min(share).min(left)
}

/// Where a range's bytes go.
struct Feed {
    window: Arc<Window>,
    sender: mpsc::UnboundedSender<Frame>,
    gave_up: GaveUp,
}

/// Fetches one range.
async fn run(source: FileSource, range: Range<u64>, opened: BoxFuture<'static, Result<Bytestream, Error>>, feed: Feed) {
    let account = source.mount.account.clone();
    let mut at = range.start;
    let mut stream = match opened.await {
        Ok(stream) => stream,
        Err(error) => {
            feed.sender.send(Err(error)).ok();
            return;
        }
    };
    while let Some(frame) = stream.next().await {
        let frame = match frame {
            Ok(bytes) => {
                let length = bytes.len() as u64;
                match feed.window.admit(range.start, at, length, &account.slots).await {
                    Admission::Granted(ready) => {
                        at += length;
                        Ok((bytes, ready))
                    }
                    Admission::GiveUp => {
                        feed.gave_up.set(at).ok();
                        return;
                    }
                }
            }
            Err(error) => Err(error),
        };
        if feed.sender.send(frame).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn what_lies_ready_of_ranges_that_end_one_after_another_is_within_what_may_be_ahead() {
        for ahead in [MIB, 8 * MIB, 64 * MIB] {
            for connections in 2..=8 {
                for rate in [100e3, 500e3, 2e6, 5e6, 10e6, 100e6] {
                    let span = span(rate, ahead, connections).unwrap();
                    assert!((SHORTEST..=MOST).contains(&span), "{span}");
                    let ready: u64 = (1..connections).map(|turn| span * turn / connections).sum();
                    assert!(ready <= ahead, "{connections} ranges of {span} in {ahead}");
                }
            }
        }
        assert_eq!(span(10e6, 8 * MIB, 3), Some(8 * MIB));
        assert_eq!(span(500e3, 8 * MIB, 3), Some(LEAST));
        assert_eq!((span(500e3, 200_000, 3), span(500e3, MIB, 12)), (None, None));
    }

    #[test]
    fn ranges_grow_at_first_and_shrink_at_last() {
        let length = |opened, left| length(3 * MIB, 3, opened, left);
        assert_eq!([1, 2, 3, 99].map(|opened| length(opened, 1 << 40)), [2, 3, 3, 3].map(|n| n * MIB));
        assert_eq!(length(9, 6 * MIB), 2 * MIB);
        assert_eq!(length(9, 300_000), SHORTEST);
        assert_eq!(length(9, 1000), 1000);
    }
}
