//! One pace for an account's calls over all instances.
//!
//! The store has, for each account and rate class, the moments at which the last calls went, or are to go, by its own
//! clock. A call's moment is found and written down in one statement: the first at which no window holds more calls than
//! the rate allows and no pause lies. What is given away already is not moved, so that calls go in order of asking.

use std::sync::Arc;
use std::time::Duration;

use crate::state::error::Error;
use crate::state::shared::database::Database;
use crate::state::shared::presence::Presence;
use crate::state::shared::reach::Reach;

/// What the calls of one class may be.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Calls that may go within `length`.
    pub calls: usize,
    /// Its length.
    pub length: Duration,
    /// Least time between two calls while they go one by one.
    pub spacing: Duration,
}

/// What was decided of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is to go in so long.
    In(Duration),
    /// It would have to wait so long, which is too long; nothing was written down.
    Later(Duration),
}

/// The pace of one account's class; cheap to clone.
#[derive(Clone)]
pub struct Pace {
    database: Database,
    presence: Arc<Presence>,
    reach: Reach,
    account: String,
    class: &'static str,
}

impl std::fmt::Debug for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pace").field(&self.account).field(&self.class).finish()
    }
}

impl Pace {
    pub(in crate::state) fn new(
        database: Database,
        presence: Arc<Presence>,
        reach: Reach,
        account: String,
        class: &'static str,
    ) -> Self {
        Self { database, presence, reach, account, class }
    }

    /// How many instances share the pace, by what was last known.
    #[must_use]
    pub fn sharers(&self) -> usize {
        self.presence.count()
    }

    /// Whether the database was away within the last such time, so that others may still call by their shares.
    #[must_use]
    pub fn was_away_within(&self, time: Duration) -> bool {
        self.reach.was_away_within(time)
    }

    /// The moment of a call that leaves the window with at most `share` calls, where it comes within `longest`.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn turn(&self, window: Window, share: usize, longest: Duration) -> Result<Turn, Error> {
        loop {
            match self.ask(window, share, longest).await? {
                Some((wait, true)) => return Ok(Turn::In(duration(wait))),
                Some((wait, false)) => return Ok(Turn::Later(duration(wait))),
                None => self.begin().await?,
            }
        }
    }

    async fn ask(&self, window: Window, share: usize, longest: Duration) -> Result<Option<(f64, bool)>, Error> {
        // Moments that lie far ahead were written before the database's clock was set back.
        let statement = "WITH looked AS ( \
               SELECT sent, clock_timestamp() AS now, greatest( \
                 clock_timestamp(), \
                 sent[cardinality(sent) + 1 - $6] + make_interval(secs => $4), \
                 least(paused_until, clock_timestamp() + interval '1 hour'), \
                 CASE WHEN clock_timestamp() < spaced_until \
                   THEN sent[cardinality(sent)] + make_interval(secs => $5) END) AS at \
               FROM (SELECT account, class, paused_until, spaced_until, \
                       CASE WHEN sent[cardinality(sent)] < clock_timestamp() + interval '1 hour' THEN sent ELSE '{}' END \
                         AS sent \
                     FROM pace WHERE account = $1 AND class = $2 FOR UPDATE) AS locked \
             ), taken AS ( \
               UPDATE pace SET sent = (looked.sent || looked.at)[greatest(1, cardinality(looked.sent) + 2 - $3):] \
               FROM looked WHERE account = $1 AND class = $2 AND looked.at <= looked.now + make_interval(secs => $7) \
               RETURNING 1 \
             ) SELECT extract(epoch FROM at - now)::float8, EXISTS (SELECT FROM taken) FROM looked";
        let found = sqlx::query_as(statement)
            .bind(&self.account)
            .bind(self.class)
            .bind(count(window.calls))
            .bind(window.length.as_secs_f64())
            .bind(window.spacing.as_secs_f64())
            .bind(count(share))
            .bind(longest.as_secs_f64());
        self.database.row(found).await
    }

    async fn begin(&self) -> Result<(), Error> {
        let statement = "INSERT INTO pace (account, class) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.database.run(sqlx::query(statement).bind(&self.account).bind(self.class)).await
    }

    /// No call goes before `wait` has passed, and for `spaced` after that they go one by one.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn pause(&self, wait: Duration, spaced: Duration) -> Result<(), Error> {
        let statement = "INSERT INTO pace AS p (account, class, paused_until, spaced_until) VALUES ($1, $2, \
             clock_timestamp() + make_interval(secs => $3), clock_timestamp() + make_interval(secs => $3 + $4)) \
             ON CONFLICT (account, class) DO UPDATE SET paused_until = greatest(p.paused_until, excluded.paused_until), \
             spaced_until = greatest(p.spaced_until, excluded.spaced_until)";
        let paused = sqlx::query(statement)
            .bind(&self.account)
            .bind(self.class)
            .bind(wait.as_secs_f64())
            .bind(spaced.as_secs_f64());
        self.database.run(paused).await
    }

    /// For how long a pause still lasts.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn paused(&self) -> Result<Duration, Error> {
        let statement = "SELECT extract(epoch FROM greatest(paused_until, clock_timestamp()) - clock_timestamp())::float8 \
                         FROM pace WHERE account = $1 AND class = $2";
        let left = sqlx::query_as::<_, (f64,)>(statement).bind(&self.account).bind(self.class);
        Ok(duration(self.database.row(left).await?.unwrap_or_default().0))
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.clamp(0.0, 3600.0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::state::testing::{joined, on_postgres};

    fn window() -> Window {
        Window { calls: 4, length: Duration::from_millis(1010), spacing: Duration::from_millis(260) }
    }

    #[tokio::test]
    async fn calls_of_two_instances_have_one_pace() {
        on_postgres(async |database| {
            let stores = [joined(database).await, joined(database).await];
            let paces = stores.each_ref().map(|store| store.pace("main", "list").unwrap());
            let turn = async |at: usize| match paces[at].turn(window(), 4, Duration::from_secs(60)).await.unwrap() {
                Turn::In(wait) => wait,
                Turn::Later(wait) => panic!("not before {wait:?}"),
            };
            assert_eq!(paces[0].paused().await.unwrap(), Duration::ZERO);
            for at in [0, 1, 1, 0] {
                assert!(turn(at).await < Duration::from_millis(1), "the first four go at once");
            }
            assert!(paces[1].paused().await.unwrap() < Duration::from_millis(1));
            let fifth = turn(1).await;
            assert!(fifth > Duration::from_millis(500) && fifth <= window().length, "{fifth:?}");
            // What could do without leaves half of the window, and takes no moment that has to be waited for.
            let spare = paces[0].turn(window(), 2, Duration::ZERO).await.unwrap();
            assert!(matches!(spare, Turn::Later(wait) if wait > Duration::from_millis(500)), "{spare:?}");
            let late = paces[0].turn(window(), 4, Duration::from_millis(10)).await.unwrap();
            assert!(matches!(late, Turn::Later(_)), "{late:?}");
        })
        .await;
    }

    #[tokio::test]
    async fn a_refusal_at_one_pauses_the_other_and_spaces_its_calls() {
        on_postgres(async |database| {
            let stores = [joined(database).await, joined(database).await];
            let paces = stores.each_ref().map(|store| store.pace("main", "link").unwrap());
            paces[0].pause(Duration::from_secs(5), Duration::from_secs(600)).await.unwrap();
            let paused = Instant::now();
            let left = paces[1].paused().await.unwrap();
            assert!(left > Duration::from_secs(4) && left <= Duration::from_secs(5), "{left:?}");
            // By this clock each call's moment lies between these two.
            let mut moments = Vec::new();
            for _ in 0..2 {
                let before = Instant::now();
                match paces[1].turn(window(), 4, Duration::from_secs(60)).await.unwrap() {
                    Turn::In(wait) => moments.push((before + wait, Instant::now() + wait)),
                    Turn::Later(wait) => panic!("not before {wait:?}"),
                }
            }
            assert!(moments[0].1 > paused + Duration::from_secs(4), "{moments:?}");
            assert!(moments[1].1 > moments[0].0 + Duration::from_millis(200), "{moments:?}");
        })
        .await;
    }
}
