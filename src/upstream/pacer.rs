//! Spaces the calls of one account so that the service never has to refuse them (reference 4.1).
//!
//! Each rate class has a sliding window: as many calls as the rate allows in a second may go at
//! once, the next when the oldest has left the window. Thus no second holds more than the rate and
//! no ten seconds more than ten times the rate; of a rate that is no whole number the next one may go in
//! a second, and the rate itself over time. Callers take turns in order of asking, and those for
//! whom nobody waits after all others and in half of the window at most, so that a request that comes
//! next can go at once.
//!
//! A refusal (429) pauses the class for as long as the service asks. It also means that the service, though the
//! limit was kept, counts in another way, or that another program uses it up too: for a while calls go one by
//! one, evenly spaced and a little slower.
//!
//! Where several instances share the account, the first in line asks the store for his moment too (`shared`).

mod shared;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::shared::{Agreed, SharedLane};
use crate::calls::Background;
use crate::config;
use crate::meters;
use crate::state::{Store, Window};

/// Callers that may wait in one class; more are refused at once.
const MAX_WAITING: usize = 1000;

/// A window is this much longer than the limit says, since calls do not travel equally fast: the first over a
/// new connection comes late, and the next window's must not come early beside it.
const MARGIN: f64 = 1.01;

/// How much longer still it is where several instances share it: so long may pass between the store's answer to one and
/// its call's arrival, and not with another's.
const SHARED_MARGIN: Duration = Duration::from_millis(100);

/// The same for calls that go one by one.
const SPACED_MARGIN: f64 = 1.05;

/// How long calls go one by one after a refusal.
const SPACED: Duration = Duration::from_secs(600);

/// Which of the service's limits a call counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RateClass {
    /// `list`.
    List,
    /// `getDownloadUrl`.
    Link,
    /// Everything else.
    Other,
}

/// Whether somebody waits for a call.
#[derive(Debug)]
pub(super) enum Urgency {
    /// A request does: in order of asking.
    Waited,
    /// Nobody does: after everybody else, until somebody does.
    Background(Background),
}

/// The windows of one account.
#[derive(Debug)]
pub(super) struct Pacer {
    list: Lane,
    link: Lane,
    other: Lane,
}

impl Pacer {
    /// The windows of the `account`, shared with the store's other instances if there are any.
    pub(super) fn new(settings: &config::Upstream, account: &str, store: &Store) -> Self {
        Self::of(settings, |lane| lane.shared_by(account, store))
    }

    fn of(settings: &config::Upstream, shared: impl Fn(Lane) -> Lane) -> Self {
        let lane = |name, rate| shared(Lane::new(name, rate));
        Self {
            list: lane("list", settings.list_per_s),
            link: lane("link", settings.link_per_s),
            other: lane("other", settings.other_per_s),
        }
    }

    fn lane(&self, class: RateClass) -> &Lane {
        match class {
            RateClass::List => &self.list,
            RateClass::Link => &self.link,
            RateClass::Other => &self.other,
        }
    }

    /// Each class with its calls a second and the turns that were given since the start.
    pub(super) fn turns(&self) -> [(&'static str, f64, u64); 3] {
        [&self.list, &self.link, &self.other].map(|lane| (lane.name, lane.rate, lane.turns.load(Ordering::Relaxed)))
    }

    /// Waits for the caller's turn.
    ///
    /// # Errors
    /// How long to wait before asking again, when the turn would come after `deadline`.
    pub(super) async fn turn(&self, class: RateClass, urgency: Urgency, deadline: Instant) -> Result<(), Duration> {
        let lane = self.lane(class);
        let asked = Instant::now();
        match urgency {
            Urgency::Waited => lane.turn(deadline).await?,
            Urgency::Background(background) => tokio::select! {
                biased;
                turn = lane.spare_turn(deadline) => turn?,
                // Who waits now has not waited yet.
                () = background.until_wanted() => lane.turn(Instant::now() + (deadline - asked)).await?,
            },
        }
        lane.turns.fetch_add(1, Ordering::Relaxed);
        metrics::histogram!(meters::UPSTREAM_WAIT_SECONDS, "class" => lane.name).record(asked.elapsed());
        Ok(())
    }

    /// A call was refused: lets none of the class go before `wait` has passed, and then one by one.
    pub(super) async fn pause(&self, class: RateClass, wait: Duration) {
        let lane = self.lane(class);
        lane.pause(wait);
        if let Some(shared) = &lane.shared {
            shared.pause(wait, SPACED).await;
        }
    }
}

#[derive(Debug)]
struct Lane {
    name: &'static str,
    /// Calls that may go within `window`.
    calls: usize,
    window: Duration,
    rate: f64,
    /// When the last calls went, oldest first. Its lock is the queue: tokio's is fair.
    sent: tokio::sync::Mutex<VecDeque<Instant>>,
    waiting: AtomicUsize,
    /// Told when the last of those who waited has gone.
    emptied: Notify,
    refusal: Mutex<Option<Refusal>>,
    /// Turns that were given.
    turns: AtomicU64,
    /// By what several instances agree.
    shared: Option<SharedLane>,
}

/// What follows from a call that was refused for the rate.
#[derive(Debug, Clone, Copy)]
struct Refusal {
    paused_until: Instant,
    spaced_until: Instant,
}

impl Lane {
    fn new(name: &'static str, rate: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded just here")]
        let calls = rate.clamp(1.0, 1_000_000.0).ceil() as usize;
        #[expect(clippy::cast_precision_loss, reason = "at most a million")]
        let window = Duration::from_secs_f64((MARGIN * calls as f64 / rate).min(3600.0));
        Self {
            name,
            calls,
            window,
            rate,
            sent: tokio::sync::Mutex::default(),
            waiting: AtomicUsize::new(0),
            emptied: Notify::new(),
            turns: AtomicU64::new(0),
            refusal: Mutex::default(),
            shared: None,
        }
    }

    fn shared_by(mut self, account: &str, store: &Store) -> Self {
        let length = self.window + SHARED_MARGIN;
        let spacing = self.spacing() + SHARED_MARGIN / u32::try_from(self.calls).unwrap_or(u32::MAX);
        let window = Window { calls: self.calls, length, spacing };
        self.shared = store.pace(account, self.name).map(|pace| SharedLane::new(pace, window));
        self
    }

    fn pause(&self, wait: Duration) {
        let mut refusal = self.refusal.lock();
        let now = Instant::now();
        let paused_until = refusal.map_or(now + wait, |old| old.paused_until.max(now + wait));
        *refusal = Some(Refusal { paused_until, spaced_until: paused_until + SPACED });
    }

    async fn turn(&self, deadline: Instant) -> Result<(), Duration> {
        let asked = Instant::now();
        let place = Waiting::join(self);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let expected = Duration::from_secs_f64(place.ahead as f64 / self.rate);
        if place.ahead >= MAX_WAITING || asked + expected > deadline + self.window {
            return Err(expected);
        }
        let Ok(mut sent) = tokio::time::timeout_at(deadline, self.sent.lock()).await else {
            return Err(self.window);
        };
        loop {
            let now = Instant::now();
            let next = self.next(&sent, self.calls, now);
            if next <= now {
                break;
            }
            if next > deadline {
                return Err(next - now);
            }
            tokio::time::sleep_until(next).await;
        }
        if let Some(shared) = &self.shared {
            match Box::pin(shared.turn(deadline)).await {
                Agreed::Go => {}
                Agreed::Later(wait) => return Err(wait),
            }
        }
        self.go(&mut sent);
        Ok(())
    }

    /// A turn that nobody else wants and that leaves half of the window free. The queue's lock is not held
    /// while it waits, but for the store's answer.
    async fn spare_turn(&self, deadline: Instant) -> Result<(), Duration> {
        let share = (self.calls / 2).max(1);
        loop {
            let empty = self.emptied.notified();
            if self.waiting.load(Ordering::Acquire) > 0 {
                if tokio::time::timeout_at(deadline, empty).await.is_err() {
                    return Err(self.window);
                }
                continue;
            }
            let next = match self.sent.try_lock() {
                Ok(mut sent) => match self.next_spare(&sent, share).await {
                    next if next <= Instant::now() => {
                        self.go(&mut sent);
                        return Ok(());
                    }
                    next => next,
                },
                // Somebody has just come.
                Err(_) => Instant::now() + Duration::from_millis(1),
            };
            if next > deadline {
                return Err(next - Instant::now());
            }
            tokio::time::sleep_until(next).await;
        }
    }

    /// When a call may go for which nobody waits; all instances have agreed to it if that is now.
    async fn next_spare(&self, sent: &VecDeque<Instant>, share: usize) -> Instant {
        let next = self.next(sent, share, Instant::now());
        let Some(shared) = self.shared.as_ref().filter(|_| next <= Instant::now()) else { return next };
        match Box::pin(shared.spare_turn(share)).await {
            Agreed::Go => next,
            Agreed::Later(wait) => Instant::now() + wait.max(Duration::from_millis(1)),
        }
    }

    fn go(&self, sent: &mut VecDeque<Instant>) {
        if sent.len() == self.calls {
            sent.pop_front();
        }
        sent.push_back(Instant::now());
    }

    /// When a call may go that leaves the window with at most `share` calls.
    fn next(&self, sent: &VecDeque<Instant>, share: usize, now: Instant) -> Instant {
        let last_to_leave = sent.len().checked_sub(share).and_then(|at| sent.get(at));
        let free = last_to_leave.map_or(now, |at| *at + self.window);
        let Some(refusal) = *self.refusal.lock() else { return free };
        let spaced = sent.back().filter(|_| now < refusal.spaced_until).map_or(now, |last| *last + self.spacing());
        free.max(refusal.paused_until).max(spaced)
    }

    fn spacing(&self) -> Duration {
        self.window.mul_f64(SPACED_MARGIN / MARGIN) / u32::try_from(self.calls).unwrap_or(u32::MAX)
    }
}

/// One caller in the queue; leaves it when dropped.
struct Waiting<'a> {
    lane: &'a Lane,
    ahead: usize,
}

impl<'a> Waiting<'a> {
    fn join(lane: &'a Lane) -> Self {
        metrics::gauge!(meters::UPSTREAM_WAITING, "class" => lane.name).increment(1.0);
        Self { lane, ahead: lane.waiting.fetch_add(1, Ordering::AcqRel) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        metrics::gauge!(meters::UPSTREAM_WAITING, "class" => self.lane.name).decrement(1.0);
        if self.lane.waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.lane.emptied.notify_waiters();
        }
    }
}
