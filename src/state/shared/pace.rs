//! One pace for an account's calls over all instances.
//!
//! The store has, for each account and rate class, the moments at which the last calls went, or are to go, by its own
//! clock. A call's moment is found and written down in one statement: the first at which no window holds more calls than
//! the rate allows and no pause lies. What is given away already is not moved, so that calls go in order of asking.

use std::time::Duration;

use tokio::time::Instant;

use crate::state::error::Error;
use crate::state::shared::database::Database;
use crate::state::shared::reach::{PATIENCE, Reach, Reached, stood_still};

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
    pub(in crate::state) fn new(database: Database, reach: Reach, account: String, class: &'static str) -> Self {
        Self { database, reach, account, class }
    }

    /// Whether the database can be asked.
    #[must_use]
    pub fn reached(&self) -> Reached {
        self.reach.now()
    }

    /// When this instance may call first without having asked, not before `from`: no other one that cannot ask does so
    /// within the spacing.
    #[must_use]
    pub fn own_moment(&self, window: Window, from: Instant) -> Instant {
        self.reach.own_moment(window.spacing, from)
    }

    /// The moment of a call that leaves the window with at most `share` calls, where it comes within `longest`; nothing
    /// where there was no answer.
    pub async fn turn(&self, window: Window, share: usize, longest: Duration) -> Option<Turn> {
        let turn = async {
            loop {
                match self.ask(window, share, longest).await? {
                    Some((wait, true)) => return Ok(Turn::In(duration(wait))),
                    Some((wait, false)) => return Ok(Turn::Later(duration(wait))),
                    None => self.begin().await?,
                }
            }
        };
        self.answered(turn).await
    }

    /// What was answered soon enough, unless this process was stopped meanwhile; else the database is away.
    async fn answered<T>(&self, question: impl Future<Output = Result<T, Error>>) -> Option<T> {
        let asked = Instant::now();
        match tokio::time::timeout(PATIENCE, question).await {
            // A moment that was given before a long stop has passed.
            Ok(Ok(_)) if stood_still(asked, PATIENCE) => {}
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => {
                tracing::warn!(%error, "calls cannot be agreed on with the other instances");
                self.reach.failed(asked, Some(&error));
            }
            Err(_) if stood_still(asked, PATIENCE) => {}
            Err(_) => self.reach.failed(asked, None),
        }
        None
    }

    async fn ask(&self, window: Window, share: usize, longest: Duration) -> Result<Option<(f64, bool)>, Error> {
        // Moments that lie far ahead were written before the database's clock was set back.
        let statement = "WITH looked AS ( \
               SELECT sent, clock_timestamp() AS now, greatest( \
                 clock_timestamp(), \
                 sent[cardinality(sent) + 1 - $6] + make_interval(secs => $4), \
                 least(paused_until, clock_timestamp() + interval '1 hour'), \
                 CASE WHEN clock_timestamp() < spaced_until \
                   THEN sent[cardinality(sent)] + make_interval(secs => $5) END) AS free \
               FROM (SELECT account, class, paused_until, spaced_until, \
                       CASE WHEN sent[cardinality(sent)] < clock_timestamp() + interval '1 hour' THEN sent ELSE '{}' END \
                         AS sent \
                     FROM pace WHERE account = $1 AND class = $2 FOR UPDATE) AS locked \
             ), placed AS ( \
               SELECT sent, now, CASE WHEN $8 > 0 \
                 THEN to_timestamp($9 + $8 * ceil((extract(epoch FROM free)::float8 - $9) / $8)) ELSE free END AS at \
               FROM looked \
             ), taken AS ( \
               UPDATE pace SET sent = (placed.sent || placed.at)[greatest(1, cardinality(placed.sent) + 2 - $3):] \
               FROM placed WHERE account = $1 AND class = $2 AND placed.at <= placed.now + make_interval(secs => $7) \
               RETURNING 1 \
             ) SELECT extract(epoch FROM at - now)::float8, EXISTS (SELECT FROM taken) FROM placed";
        let grid = self.reach.grid(window.spacing);
        let found = sqlx::query_as(statement)
            .bind(&self.account)
            .bind(self.class)
            .bind(count(window.calls))
            .bind(window.length.as_secs_f64())
            .bind(window.spacing.as_secs_f64())
            .bind(count(share))
            .bind(longest.as_secs_f64())
            .bind(grid.map_or(0.0, |grid| grid.every))
            .bind(grid.map_or(0.0, |grid| grid.first));
        self.database.row(found).await
    }

    async fn begin(&self) -> Result<(), Error> {
        let statement = "INSERT INTO pace (account, class) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.database.run(sqlx::query(statement).bind(&self.account).bind(self.class)).await
    }

    /// No call goes before `wait` has passed, and for `spaced` after that they go one by one; nothing where there was no
    /// answer.
    pub async fn pause(&self, wait: Duration, spaced: Duration) -> Option<()> {
        let statement = "INSERT INTO pace AS p (account, class, paused_until, spaced_until) VALUES ($1, $2, \
             clock_timestamp() + make_interval(secs => $3), clock_timestamp() + make_interval(secs => $3 + $4)) \
             ON CONFLICT (account, class) DO UPDATE SET paused_until = greatest(p.paused_until, excluded.paused_until), \
             spaced_until = greatest(p.spaced_until, excluded.spaced_until)";
        let paused = sqlx::query(statement)
            .bind(&self.account)
            .bind(self.class)
            .bind(wait.as_secs_f64())
            .bind(spaced.as_secs_f64());
        self.answered(self.database.run(paused)).await
    }

    /// For how long a pause still lasts; nothing where there was no answer.
    pub async fn paused(&self) -> Option<Duration> {
        let statement = "SELECT extract(epoch FROM greatest(paused_until, clock_timestamp()) - clock_timestamp())::float8 \
                         FROM pace WHERE account = $1 AND class = $2";
        let left = sqlx::query_as::<_, (f64,)>(statement).bind(&self.account).bind(self.class);
        let left = self.answered(self.database.row(left)).await?;
        Some(duration(left.unwrap_or_default().0))
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
    use super::*;
    use crate::state::testing::{answered, finds, joined, on_postgres};

    fn window() -> Window {
        Window { calls: 4, length: Duration::from_millis(1010), spacing: Duration::from_millis(260) }
    }

    #[tokio::test]
    async fn calls_of_two_instances_have_one_pace() {
        on_postgres(async |database| {
            let stores = [joined(database).await, joined(database).await];
            for store in &stores {
                finds(store, |reached| reached == Reached::There).await;
            }
            let paces = stores.each_ref().map(|store| store.pace("main", "list").unwrap());
            let turn =
                async |at: usize| match answered(async || paces[at].turn(window(), 4, Duration::from_secs(60)).await)
                    .await
                {
                    Turn::In(wait) => wait,
                    Turn::Later(wait) => panic!("not before {wait:?}"),
                };
            assert_eq!(answered(async || paces[0].paused().await).await, Duration::ZERO);
            for at in [0, 1, 1, 0] {
                assert!(turn(at).await < Duration::from_millis(1), "the first four go at once");
            }
            assert!(answered(async || paces[1].paused().await).await < Duration::from_millis(1));
            let fifth = turn(1).await;
            assert!(fifth > Duration::from_millis(500) && fifth <= window().length, "{fifth:?}");
            // What could do without leaves half of the window, and takes no moment that has to be waited for.
            let spare = answered(async || paces[0].turn(window(), 2, Duration::ZERO).await).await;
            assert!(matches!(spare, Turn::Later(wait) if wait > Duration::from_millis(500)), "{spare:?}");
            let late = answered(async || paces[0].turn(window(), 4, Duration::from_millis(10)).await).await;
            assert!(matches!(late, Turn::Later(_)), "{late:?}");
        })
        .await;
    }

    #[tokio::test]
    async fn a_refusal_at_one_pauses_the_other_and_spaces_its_calls() {
        on_postgres(async |database| {
            let stores = [joined(database).await, joined(database).await];
            let paces = stores.each_ref().map(|store| store.pace("main", "link").unwrap());
            answered(async || paces[0].pause(Duration::from_secs(5), Duration::from_secs(600)).await).await;
            let paused = Instant::now();
            let left = answered(async || paces[1].paused().await).await;
            assert!(left > Duration::from_secs(4) && left <= Duration::from_secs(5), "{left:?}");
            // By this clock each call's moment lies between these two.
            let mut moments = Vec::new();
            for _ in 0..2 {
                let before = Instant::now();
                match answered(async || paces[1].turn(window(), 4, Duration::from_secs(60)).await).await {
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
