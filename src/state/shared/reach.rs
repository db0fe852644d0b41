//! Whether the database answers: it is asked again and again, so that an instance knows it that asks nothing else.
//!
//! Who cannot ask for the common pace calls by its share of the rate, and nobody counts these calls. All others have to
//! keep to their shares as well then, and for a while after: also those that had nothing to ask meanwhile.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::state::shared::database::Database;

/// How often it is asked, and how long its answer may take: together less than the pacer's own patience, so that all know
/// of it before one calls by its share.
const EVERY: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_millis(500);

/// When the database was last found away; cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::state) struct Reach {
    away: Arc<Mutex<Option<Instant>>>,
    _watch: Arc<DropGuard>,
}

impl Reach {
    /// Asks until the result and all its clones are dropped.
    pub(in crate::state) fn watch(database: Database) -> Self {
        let (away, end) = (Arc::new(Mutex::new(None)), CancellationToken::new());
        let (found, ended) = (away.clone(), end.clone());
        let watch = async move {
            loop {
                let asked = tokio::time::timeout(PATIENCE, database.run(sqlx::query("SELECT 1"))).await;
                if !matches!(asked, Ok(Ok(()))) {
                    *found.lock() = Some(Instant::now());
                }
                tokio::time::sleep(EVERY).await;
            }
        };
        tokio::spawn(async move { ended.run_until_cancelled(watch).await });
        Self { away, _watch: Arc::new(end.drop_guard()) }
    }

    /// Whether the database was away within the last such time.
    pub(in crate::state) fn was_away_within(&self, time: Duration) -> bool {
        self.away.lock().is_some_and(|at| at.elapsed() < time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::testing::{joined, on_postgres};

    #[tokio::test]
    async fn who_asks_nothing_knows_that_the_database_was_away() {
        on_postgres(async |database| {
            let store = joined(database).await;
            let pace = store.pace("main", "list").unwrap();
            let long = Duration::from_secs(60);
            assert!(!pace.was_away_within(long));
            database.administer(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS false", database.name)).await;
            let cut =
                format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", database.name);
            database.administer(&cut).await;
            let known = async {
                while !pace.was_away_within(long) {
                    tokio::time::sleep(EVERY / 4).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(30), known).await.expect("it never knew");
            database.administer(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", database.name)).await;
        })
        .await;
    }
}
