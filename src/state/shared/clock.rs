//! The database's clock, by which instances agree: what ends at a moment that others have written down ends by it, and by
//! it they divide time when nothing else can be asked.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::clock::UnixMillis;
use crate::state::error::Error;
use crate::state::shared::database::Database;

/// Clocks that differ by no more count as one: what is written down of a moment is in seconds.
const SAME: Duration = Duration::from_secs(2);

/// A reading that took no longer takes the place of any other; one that took longer, of a worse or an old one.
const EXACT: Duration = Duration::from_millis(50);

/// When one is old: until then two clocks have run apart by some hundredths of a second.
const OLD: Duration = Duration::from_secs(600);

/// What was last read of it.
#[derive(Debug, Default)]
pub(in crate::state) struct SharedClock {
    /// Milliseconds that it is ahead of this machine's; none while they count as one.
    ahead: AtomicI64,
    read: Mutex<Option<Reading>>,
}

/// A moment, by a clock that nobody sets and by the database's.
#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Instant,
    theirs: UnixMillis,
    took: Duration,
}

impl SharedClock {
    /// Asks what time it is.
    ///
    /// # Errors
    /// The statement failed.
    pub(super) async fn look(&self, database: &Database) -> Result<(), Error> {
        let statement = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        let (asked, asked_at) = (Instant::now(), UnixMillis::now());
        if let Some((theirs,)) = database.row::<(i64,)>(sqlx::query_as(statement)).await? {
            let (theirs, took) = (UnixMillis(theirs), asked.elapsed());
            self.compare(theirs, asked_at, took);
            let mut read = self.read.lock();
            if read.is_none_or(|known| took <= EXACT.max(known.took) || known.at.elapsed() > OLD) {
                *read = Some(Reading { at: asked + took / 2, theirs, took });
            }
        }
        Ok(())
    }

    /// Compares it with this machine's, by a statement that took so long.
    fn compare(&self, theirs: UnixMillis, asked_at: UnixMillis, took: Duration) {
        let ahead = theirs.0.saturating_sub(asked_at.plus(took / 2).0);
        let known = self.ahead.load(Ordering::Relaxed);
        if Duration::from_millis(ahead.abs_diff(known)) <= SAME + took {
            return;
        }
        let ahead = if Duration::from_millis(ahead.unsigned_abs()) <= SAME { 0 } else { ahead };
        self.ahead.store(ahead, Ordering::Relaxed);
        tracing::warn!(
            seconds = ahead / 1000,
            "the database's clock is not this machine's; what instances share ends by the database's: set both by a time server"
        );
    }

    /// This moment by it.
    pub(in crate::state) fn now(&self) -> UnixMillis {
        UnixMillis(UnixMillis::now().0.saturating_add(self.ahead.load(Ordering::Relaxed)))
    }

    /// A moment by it, in seconds since 1970, as exactly as it was read.
    pub(super) fn at(&self, moment: Instant) -> f64 {
        let read = *self.read.lock();
        let (read_at, theirs) = read.map_or_else(|| (Instant::now(), self.now()), |read| (read.at, read.theirs));
        #[expect(clippy::cast_precision_loss, reason = "exact to microseconds for three centuries")]
        let theirs = theirs.0 as f64 / 1000.0;
        theirs + moment.saturating_duration_since(read_at).as_secs_f64()
            - read_at.saturating_duration_since(moment).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::testing::{joined, on_postgres};

    // Keeps 175.
    #[tokio::test]
    async fn what_is_shared_ends_by_the_clock_of_the_database() {
        on_postgres(async |database| {
            let near =
                |one: UnixMillis, other: UnixMillis| one.since(other).max(other.since(one)) < Duration::from_secs(60);
            assert!(near(joined(database).await.now(), UnixMillis::now()));
            database.run("CREATE SCHEMA ahead").await;
            let later = "CREATE FUNCTION ahead.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS \
                         $$ SELECT pg_catalog.clock_timestamp() + interval '1 hour' $$";
            database.run(later).await;
            let path = "SET search_path = public, ahead, pg_catalog";
            database.administer(&format!("ALTER DATABASE {} {path}", database.name)).await;
            let store = joined(database).await;
            assert!(near(store.now(), UnixMillis::now().plus(Duration::from_secs(3600))));
        })
        .await;
    }
}
