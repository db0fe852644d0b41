//! Whether the database answers: it is asked again and again, so that an instance knows it that asks nothing else.
//!
//! While it does not, nobody can agree on the moments of calls, and nobody counts them. Each instance has moments of its own
//! then ([`Reach::own_moment`]), which are nobody else's: time by the database's clock is divided among those that lived
//! when it was last seen. None of them knows when another begins or ceases to do so; who has the database again keeps
//! to its own moments, though they are counted, until all the others must have it, too.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::state::error::Error;
use crate::state::shared::database::Database;
use crate::state::shared::moments::{Grid, Share};
use crate::state::shared::presence::Presence;

/// How often it is asked, and how long its answer may take: together less than a second, the shortest in which rates are
/// counted, so that all know of it before one calls without having asked.
const EVERY: Duration = Duration::from_millis(400);
pub(super) const PATIENCE: Duration = Duration::from_millis(500);

/// A database that refuses what is asked is not asked again for so long.
const REFUSED: Duration = Duration::from_secs(3);

/// By when another instance has found the database again.
const NOTICED: Duration = Duration::from_secs(4);

/// By what a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// The database has been there for so long that all have it.
    There,
    /// It is there again, but perhaps not yet for all.
    Again,
    /// It has been away since.
    Away(Instant),
}

/// What an instance knows of the database; cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::state) struct Reach {
    presence: Arc<Presence>,
    found: Arc<Mutex<Found>>,
    _watch: Arc<DropGuard>,
}

#[derive(Debug)]
struct Found {
    state: State,
    /// Since when calls go by this instance's own moments, counted or not.
    own_since: Instant,
    /// As it was while the database was there: after a crash nobody is known to it at first.
    share: Share,
}

#[derive(Debug, Clone, Copy)]
enum State {
    There {
        since: Instant,
    },
    /// At least until then, whatever else is answered.
    Away {
        until: Instant,
    },
}

impl Found {
    fn now(&self) -> Reached {
        match self.state {
            State::Away { .. } => Reached::Away(self.own_since),
            State::There { since } if since.elapsed() < NOTICED => Reached::Again,
            State::There { .. } => Reached::There,
        }
    }

    fn away(&mut self, since: Instant, hold: Duration) {
        if self.now() == Reached::There {
            self.own_since = since;
        }
        if let State::There { .. } = self.state {
            tracing::warn!(
                "the state store does not answer: calls to the drive keep to this instance's share of the rate"
            );
        }
        self.state = State::Away { until: Instant::now() + hold };
    }

    fn there(&mut self, share: Share) {
        let now = Instant::now();
        if let State::Away { until } = self.state {
            if now < until {
                return;
            }
            self.state = State::There { since: now };
            tracing::info!(seconds = self.own_since.elapsed().as_secs_f32(), "the state store answers again");
        }
        if self.now() == Reached::There || share.of > self.share.of {
            self.share = share;
        }
    }
}

impl Reach {
    /// Asks until the result and all its clones are dropped. The others may have been without the database until now.
    pub(in crate::state) fn watch(database: Database, presence: Arc<Presence>) -> Self {
        let now = Instant::now();
        let found = Found { state: State::There { since: now }, own_since: now, share: presence.share() };
        let (found, end) = (Arc::new(Mutex::new(found)), CancellationToken::new());
        let (told, lives, ended) = (found.clone(), presence.clone(), end.clone());
        let watch = async move {
            loop {
                let asked = Instant::now();
                match tokio::time::timeout(PATIENCE, database.run(sqlx::query("SELECT 1"))).await {
                    Ok(Ok(())) => told.lock().there(lives.share()),
                    Ok(Err(_)) => told.lock().away(asked, Duration::ZERO),
                    Err(_) if stood_still(asked, PATIENCE) => continue,
                    Err(_) => told.lock().away(asked, Duration::ZERO),
                }
                tokio::time::sleep(EVERY).await;
            }
        };
        tokio::spawn(async move { ended.run_until_cancelled(watch).await });
        Self { presence, found, _watch: Arc::new(end.drop_guard()) }
    }

    pub(in crate::state) fn now(&self) -> Reached {
        self.found.lock().now()
    }

    /// Nothing came of a question that was asked then.
    pub(super) fn failed(&self, asked: Instant, why: Option<&Error>) {
        // One that reads only, or is full, answers other questions; all instances have that answer.
        let refuses = why.is_some_and(|error| !error.is_away());
        self.found.lock().away(asked, if refuses { REFUSED } else { Duration::ZERO });
    }

    /// When this instance may call first, not before `from`, where calls are `spacing` apart over all instances.
    pub(in crate::state) fn own_moment(&self, spacing: Duration, from: Instant) -> Instant {
        let share = self.found.lock().share;
        let by_clock = self.presence.clock().at(from);
        let wait = share.grid(spacing).map_or(0.0, |grid| grid.next(by_clock) - by_clock);
        from + Duration::try_from_secs_f64(wait).unwrap_or_default()
    }

    /// The same for the database to work out, where moments of its own are to be kept now.
    pub(in crate::state) fn grid(&self, spacing: Duration) -> Option<Grid> {
        let found = self.found.lock();
        if found.now() == Reached::There { None } else { found.share.grid(spacing) }
    }
}

/// Whether this process was stopped meanwhile, rather than that nothing came within `patience`.
pub(super) fn stood_still(asked: Instant, patience: Duration) -> bool {
    asked.elapsed() > patience * 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::testing::{answered, finds, joined, on_postgres};
    use crate::state::{Turn, Window};

    // Keeps 176.
    #[tokio::test]
    async fn who_asks_nothing_knows_that_the_database_is_away_and_has_moments_of_its_own() {
        on_postgres(async |database| {
            let stores = [joined(database).await, joined(database).await];
            for store in &stores {
                finds(store, |reached| reached == Reached::There).await;
            }
            database.administer(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS false", database.name)).await;
            let cut =
                format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", database.name);
            database.administer(&cut).await;
            for store in &stores {
                finds(store, |reached| matches!(reached, Reached::Away(_))).await;
            }
            let window = Window { calls: 1, length: Duration::from_secs(9), spacing: Duration::from_secs(10) };
            let mut moments = Vec::new();
            for store in &stores {
                let (pace, mut at) = (store.pace("main", "link").unwrap(), Instant::now());
                for _ in 0..5 {
                    at = pace.own_moment(window, at);
                    moments.push(at);
                }
            }
            moments.sort_unstable();
            for pair in moments.windows(2) {
                assert!(pair[1] - pair[0] > Duration::from_secs(8), "{moments:?}");
            }
            database.administer(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", database.name)).await;
            for store in &stores {
                finds(store, |reached| reached == Reached::Again).await;
                let pace = store.pace("main", "link").unwrap();
                match answered(async || pace.turn(window, 1, Duration::from_secs(60)).await).await {
                    Turn::In(wait) => moments.push(Instant::now() + wait),
                    Turn::Later(wait) => panic!("not before {wait:?}"),
                }
            }
            let [.., one, other] = moments[..] else { unreachable!() };
            assert!(other - one > Duration::from_secs(8), "counted, and at their own moments: {moments:?}");
        })
        .await;
    }
}
