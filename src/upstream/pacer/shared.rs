//! A lane that several instances share: whose turn it is there is the store's to say.
//!
//! Within an instance the callers stand in line as ever, and the first of them asks. While the store is away each
//! instance keeps to its share of the rate, by how many they were.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::state::{self, Pace, Turn, Window};

/// The store's answer is waited for so long: in-memory rates are better than a call that hangs.
const PATIENCE: Duration = Duration::from_secs(1);

/// After a failure the store is not asked for so long.
pub(super) const AWAY: Duration = Duration::from_secs(3);

/// What came of asking.
pub(super) enum Agreed {
    Go,
    /// It would take so long.
    Later(Duration),
    /// The store cannot be asked; so many share the rate.
    Alone {
        sharers: u32,
    },
}

#[derive(Debug)]
pub(super) struct SharedLane {
    pace: Pace,
    window: Window,
    away_until: Mutex<Option<Instant>>,
}

impl SharedLane {
    pub(super) fn new(pace: Pace, window: Window) -> Self {
        Self { pace, window, away_until: Mutex::default() }
    }

    /// Waits for the moment that is the caller's among those of all instances.
    pub(super) async fn turn(&self, deadline: Instant) -> Agreed {
        loop {
            let longest = deadline.saturating_duration_since(Instant::now());
            let Some(turn) = self.ask(self.pace.turn(self.window, self.window.calls, longest)).await else {
                return self.alone();
            };
            match turn {
                Turn::In(Duration::ZERO) => return Agreed::Go,
                Turn::In(wait) => tokio::time::sleep(wait).await,
                Turn::Later(wait) => return Agreed::Later(wait),
            }
            // Another instance may have been refused meanwhile; then the moment is given up for a later one.
            match self.ask(self.pace.paused()).await {
                Some(pause) if !pause.is_zero() => {}
                _ => return Agreed::Go,
            }
        }
    }

    /// A moment at once, if it leaves room for those for whom somebody waits.
    pub(super) async fn spare_turn(&self, share: usize) -> Agreed {
        match self.ask(self.pace.turn(self.window, share, Duration::ZERO)).await {
            Some(Turn::In(_)) => Agreed::Go,
            Some(Turn::Later(wait)) => Agreed::Later(wait),
            None => self.alone(),
        }
    }

    /// Has all instances wait.
    pub(super) async fn pause(&self, wait: Duration, spaced: Duration) {
        self.ask(self.pace.pause(wait, spaced)).await;
    }

    fn alone(&self) -> Agreed {
        Agreed::Alone { sharers: u32::try_from(self.pace.sharers()).unwrap_or(u32::MAX) }
    }

    /// The store's answer; none while it is away.
    async fn ask<T>(&self, question: impl Future<Output = Result<T, state::Error>>) -> Option<T> {
        if self.away_until.lock().is_some_and(|until| Instant::now() < until) {
            return None;
        }
        match tokio::time::timeout(PATIENCE, question).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => tracing::warn!(%error, "calls keep to this instance's share of the rate"),
            Err(_) => tracing::warn!("the state store is slow; calls keep to this instance's share of the rate"),
        }
        *self.away_until.lock() = Some(Instant::now() + AWAY);
        None
    }
}
