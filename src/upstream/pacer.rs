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

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::calls::Background;
use crate::config;
use crate::meters;

/// Callers that may wait in one class; more are refused at once.
const MAX_WAITING: usize = 1000;

/// A window is this much longer than the limit says, since calls do not travel equally fast: the first over a
/// new connection comes late, and the next window's must not come early beside it.
const MARGIN: f64 = 1.01;

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
    pub(super) fn new(settings: &config::Upstream) -> Self {
        Self {
            list: Lane::new("list", settings.list_per_s),
            link: Lane::new("link", settings.link_per_s),
            other: Lane::new("other", settings.other_per_s),
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
    pub(super) fn pause(&self, class: RateClass, wait: Duration) {
        let mut refusal = self.lane(class).refusal.lock();
        let now = Instant::now();
        let paused_until = refusal.map_or(now + wait, |old| old.paused_until.max(now + wait));
        *refusal = Some(Refusal { paused_until, spaced_until: paused_until + SPACED });
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
        }
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
        self.go(&mut sent);
        Ok(())
    }

    /// A turn that nobody else wants and that leaves half of the window free. The queue's lock is not held
    /// while it waits.
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
                Ok(mut sent) => match self.next(&sent, share, Instant::now()) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    async fn times(rate: f64, calls: usize) -> Vec<f64> {
        let lane = Lane::new("test", rate);
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..calls {
            lane.turn(start + Duration::from_secs(600)).await.unwrap();
            times.push(start.elapsed().as_secs_f64());
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn no_window_ever_holds_more_calls_than_the_limit() {
        let times = times(4.0, 60).await;
        for (window, limit) in [(1.0, 4), (10.0, 40)] {
            for start in &times {
                let held = times.iter().filter(|t| **t >= *start && **t < start + window - 1e-6).count();
                assert!(held <= limit, "{held} calls in {window} s from {start}");
            }
        }
        assert!(*times.last().unwrap() <= 60.0 / 4.0, "{times:?}");
    }

    #[tokio::test]
    async fn a_first_call_goes_at_once_by_the_real_clock() {
        let lane = Lane::new("test", 4.0);
        lane.turn(Instant::now() + Duration::from_secs(1)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn rates_below_one_a_second_are_kept_too() {
        assert!((times(0.5, 3).await[2] - 4.0 * MARGIN).abs() < 0.01);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_that_is_no_whole_number_is_kept_over_time_and_never_passed_in_a_second() {
        for (rate, most) in [(3.9, 4), (14.9, 15), (1.5, 2), (0.9, 1)] {
            let times = times(rate, 60).await;
            for start in &times {
                let held = times.iter().filter(|t| **t >= *start && **t < start + 1.0).count();
                assert!(held <= most, "{held} calls in a second at {rate}");
            }
            // Not counting those that begin, which may go at once.
            let begun = times.iter().filter(|t| **t < 1e-6).count();
            #[expect(clippy::cast_precision_loss, reason = "sixty")]
            let reached = (times.len() - begun) as f64 / times.last().unwrap();
            assert!(reached <= rate && reached >= rate * 0.9, "{reached} at {rate}");
        }
    }

    // Keeps 55.
    #[tokio::test(start_paused = true)]
    async fn after_a_refusal_calls_go_one_by_one_for_a_while() {
        let pacer = Pacer::new(&config::Upstream { list_per_s: 4.0, ..config::Upstream::default() });
        let start = Instant::now();
        let far = start + Duration::from_secs(3600);
        let mut last = start;
        pacer.turn(RateClass::List, Urgency::Waited, far).await.unwrap();
        pacer.pause(RateClass::List, Duration::from_millis(100));
        for _ in 0..20 {
            pacer.turn(RateClass::List, Urgency::Waited, far).await.unwrap();
            assert!(last.elapsed() >= Duration::from_millis(250), "{:?}", last.elapsed());
            last = Instant::now();
        }
        assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
        tokio::time::sleep(SPACED).await;
        last = Instant::now();
        for _ in 0..4 {
            pacer.turn(RateClass::List, Urgency::Waited, far).await.unwrap();
        }
        assert!(last.elapsed() < Duration::from_millis(10), "{:?}", last.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_beyond_the_deadline_is_refused_at_once_with_the_time_to_wait() {
        let lane = Lane::new("test", 1.0);
        let start = Instant::now();
        lane.turn(start).await.unwrap();
        let wait = lane.turn(start + Duration::from_millis(500)).await.unwrap_err();
        assert_eq!(wait, Duration::from_secs_f64(MARGIN));
        assert!(start.elapsed() < Duration::from_millis(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_back_those_who_wait_already() {
        let pacer = Arc::new(Pacer::new(&config::Upstream { link_per_s: 1.0, ..config::Upstream::default() }));
        let start = Instant::now();
        let far = start + Duration::from_secs(60);
        pacer.turn(RateClass::Link, Urgency::Waited, far).await.unwrap();
        let waiter = tokio::spawn({
            let pacer = pacer.clone();
            async move { pacer.turn(RateClass::Link, Urgency::Waited, far).await }
        });
        tokio::task::yield_now().await;
        pacer.pause(RateClass::Link, Duration::from_secs(5));
        waiter.await.unwrap().unwrap();
        assert!(start.elapsed() >= Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn background_calls_leave_room_for_a_request() {
        let lane = Lane::new("test", 4.0);
        let start = Instant::now();
        let far = start + Duration::from_secs(60);
        for _ in 0..6 {
            lane.spare_turn(far).await.unwrap();
        }
        assert!(start.elapsed() >= Duration::from_secs(2), "two a second of four");
        for _ in 0..2 {
            lane.turn(far).await.unwrap();
        }
        assert!(start.elapsed() < Duration::from_millis(2100), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn background_calls_that_somebody_comes_to_wait_for_queue_up_like_others() {
        let pacer = Arc::new(Pacer::new(&config::Upstream { list_per_s: 1.0, ..config::Upstream::default() }));
        let far = Instant::now() + Duration::from_secs(600);
        pacer.turn(RateClass::List, Urgency::Waited, far).await.unwrap();
        let background = Background::default();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for name in ["background", "first", "second"] {
            let urgency = match name {
                "background" => Urgency::Background(background.clone()),
                _ => Urgency::Waited,
            };
            if name == "second" {
                background.is_wanted_now();
            }
            let (pacer, order) = (pacer.clone(), order.clone());
            tasks.push(tokio::spawn(async move {
                pacer.turn(RateClass::List, urgency, far).await.unwrap();
                order.lock().push(name);
            }));
            tokio::task::yield_now().await;
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock(), ["first", "background", "second"]);
    }

    #[tokio::test(start_paused = true)]
    async fn those_for_whom_nobody_waits_come_last() {
        let lane = Arc::new(Lane::new("test", 1.0));
        let far = Instant::now() + Duration::from_secs(600);
        lane.turn(far).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for name in ["background", "first", "second"] {
            let (lane, order) = (lane.clone(), order.clone());
            tasks.push(tokio::spawn(async move {
                let turn = if name == "background" { lane.spare_turn(far).await } else { lane.turn(far).await };
                turn.unwrap();
                order.lock().push(name);
            }));
            tokio::task::yield_now().await;
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock(), ["first", "second", "background"]);
    }
}
