//! A lane that several instances share: whose turn it is there is the store's to say.
//!
//! Within an instance the callers stand in line as ever, and the first of them asks. While the store is away each
//! instance keeps to its share of the rate, by how many they were. None of them knows when another begins or ceases to:
//! who begins waits until what all have agreed on before has left the window, and who has the store again keeps to the
//! share as well until the others must have it, too.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::state::{self, Pace, Turn, Window};

/// The store's answer is waited for so long: in-memory rates are better than a call that hangs.
const PATIENCE: Duration = Duration::from_secs(1);

/// After a failure the store is not asked for so long.
pub(super) const AWAY: Duration = Duration::from_secs(3);

/// By when another instance has noticed that the store is back.
const NOTICED: Duration = AWAY.saturating_add(PATIENCE);

/// What came of asking.
pub(super) enum Agreed {
    Go,
    /// It would take so long.
    Later(Duration),
    /// The store cannot be asked, or not by all; so many share the rate, none of whom may call before a moment.
    Alone {
        sharers: u32,
        from: Instant,
    },
}

#[derive(Debug)]
pub(super) struct SharedLane {
    pace: Pace,
    window: Window,
    reach: Mutex<Reach>,
}

/// Whether the store can be asked.
#[derive(Debug, Clone, Copy)]
enum Reach {
    /// So can all others after this moment.
    There { all_from: Instant },
    /// Not since, and it is tried again then.
    Away { since: Instant, again: Instant },
}

impl SharedLane {
    pub(super) fn new(pace: Pace, window: Window) -> Self {
        Self { pace, window, reach: Mutex::new(Reach::There { all_from: Instant::now() }) }
    }

    /// Waits for the moment that is the caller's among those of all instances.
    pub(super) async fn turn(&self, deadline: Instant) -> Agreed {
        loop {
            let asked = Instant::now();
            let longest = deadline.saturating_duration_since(asked);
            let Some(turn) = self.ask(self.pace.turn(self.window, self.window.calls, longest)).await else {
                return self.alone();
            };
            let wait = match turn {
                Turn::In(wait) => wait,
                Turn::Later(wait) => return Agreed::Later(wait),
            };
            // The timer takes a millisecond for no time at all.
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            // This process stood still meanwhile: the moment has passed, and others have had what came after it.
            if asked.elapsed() > wait + PATIENCE {
                continue;
            }
            if wait.is_zero() {
                return self.agreed();
            }
            // Another instance may have been refused meanwhile; then the moment is given up for a later one.
            match self.ask(self.pace.paused()).await {
                Some(pause) if !pause.is_zero() => {}
                _ => return self.agreed(),
            }
        }
    }

    /// The store has given a moment, which is now.
    fn agreed(&self) -> Agreed {
        match *self.reach.lock() {
            Reach::There { all_from } if all_from <= Instant::now() && !self.pace.was_away_within(NOTICED) => {
                Agreed::Go
            }
            _ => self.share(Instant::now()),
        }
    }

    /// A moment at once, if it leaves room for those for whom somebody waits.
    pub(super) async fn spare_turn(&self, share: usize) -> Agreed {
        match self.ask(self.pace.turn(self.window, share, Duration::ZERO)).await {
            Some(Turn::In(_)) => self.agreed(),
            Some(Turn::Later(wait)) => Agreed::Later(wait),
            None => self.alone(),
        }
    }

    /// Has all instances wait.
    pub(super) async fn pause(&self, wait: Duration, spaced: Duration) {
        self.ask(self.pace.pause(wait, spaced)).await;
    }

    fn alone(&self) -> Agreed {
        match *self.reach.lock() {
            Reach::Away { since, .. } => self.share(since + self.window.length),
            Reach::There { .. } => self.share(Instant::now()),
        }
    }

    fn share(&self, from: Instant) -> Agreed {
        Agreed::Alone { sharers: u32::try_from(self.pace.sharers()).unwrap_or(u32::MAX), from }
    }

    /// The store's answer; none while it is away.
    async fn ask<T>(&self, question: impl Future<Output = Result<T, state::Error>>) -> Option<T> {
        let before = *self.reach.lock();
        if matches!(before, Reach::Away { again, .. } if Instant::now() < again) {
            return None;
        }
        let asked = Instant::now();
        match tokio::time::timeout(PATIENCE, question).await {
            Ok(Ok(answer)) => {
                if let Reach::Away { .. } = before {
                    *self.reach.lock() = Reach::There { all_from: Instant::now() + NOTICED };
                }
                return Some(answer);
            }
            Ok(Err(error)) => tracing::warn!(%error, "calls keep to this instance's share of the rate"),
            Err(_) => tracing::warn!("the state store is slow; calls keep to this instance's share of the rate"),
        }
        let since = if let Reach::Away { since, .. } = before { since } else { asked };
        *self.reach.lock() = Reach::Away { since, again: Instant::now() + AWAY };
        None
    }
}
