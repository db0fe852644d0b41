//! A lane that several instances share: whose turn it is there is the store's to say.
//!
//! Within an instance the callers stand in line as ever, and the first of them asks. While the store is away each
//! instance calls at moments that are its own (`state::Pace::own_moment`).

use std::time::Duration;

use tokio::time::Instant;

use crate::state::{Pace, Reached, Turn, Window};

/// A call that is later than its moment by so much gives it up, for the next one would come too soon after it; each time
/// it may be twice as late, so that it goes at last on a machine that is always late.
const LATE: Duration = Duration::from_millis(50);

/// The same for what the store was asked after the moment had come.
const LONG_PAST: Duration = Duration::from_millis(500);

/// What could do without is not asked for again for so long while the store is away.
const AWAY: Duration = Duration::from_secs(3);

/// What came of asking.
pub(super) enum Agreed {
    Go,
    /// It would take so long.
    Later(Duration),
}

#[derive(Debug)]
pub(super) struct SharedLane {
    pace: Pace,
    window: Window,
}

impl SharedLane {
    pub(super) fn new(pace: Pace, window: Window) -> Self {
        Self { pace, window }
    }

    /// Waits for the moment that is the caller's among those of all instances.
    pub(super) async fn turn(&self, deadline: Instant) -> Agreed {
        let mut late = LATE;
        loop {
            if let Reached::Away(since) = self.pace.reached() {
                // What was agreed on before is to have left the window.
                let from = Instant::now().max(since + self.window.length);
                let at = self.pace.own_moment(self.window, from);
                if at > deadline {
                    return Agreed::Later(at - Instant::now());
                }
                tokio::time::sleep_until(at).await;
                if at.elapsed() < late && matches!(self.pace.reached(), Reached::Away(_)) {
                    return Agreed::Go;
                }
                late *= 2;
                continue;
            }
            let longest = deadline.saturating_duration_since(Instant::now());
            match self.pace.turn(self.window, self.window.calls, longest).await {
                Some(Turn::In(wait)) => {
                    if self.wait(wait, late).await {
                        return Agreed::Go;
                    }
                    late *= 2;
                }
                Some(Turn::Later(wait)) => return Agreed::Later(wait),
                None => {}
            }
        }
    }

    /// Waits until an agreed moment; whether a call may still go then.
    async fn wait(&self, wait: Duration, late: Duration) -> bool {
        // The timer takes a millisecond for no time at all, and so much is nothing to the rate.
        if wait.as_millis() == 0 {
            return true;
        }
        let at = Instant::now() + wait;
        tokio::time::sleep_until(at).await;
        // Another instance may have been refused meanwhile; then the moment is given up for a later one. So it is where
        // this process stood still, or the store went away: the others no longer go by what was agreed on.
        at.elapsed() < late
            && self.pace.paused().await.is_some_and(|pause| pause.is_zero())
            && at.elapsed() < late + LONG_PAST
    }

    /// A moment at once, if it leaves room for those for whom somebody waits.
    pub(super) async fn spare_turn(&self, share: usize) -> Agreed {
        let turn = match self.pace.reached() {
            Reached::Away(_) => None,
            _ => self.pace.turn(self.window, share, Duration::ZERO).await,
        };
        match turn {
            Some(Turn::In(_)) => Agreed::Go,
            Some(Turn::Later(wait)) => Agreed::Later(wait),
            None => Agreed::Later(AWAY),
        }
    }

    /// Has all instances wait.
    pub(super) async fn pause(&self, wait: Duration, spaced: Duration) {
        if !matches!(self.pace.reached(), Reached::Away(_)) {
            self.pace.pause(wait, spaced).await;
        }
    }
}
