//! WebDAV locks, which survive a restart.

use std::time::Duration;

use sqlx::Row as _;

use crate::clock::UnixSeconds;
use crate::state::error::Error;
use crate::state::store::Store;

/// One lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockRow {
    /// URI that proves it.
    pub token: String,
    /// Path in the whole tree.
    pub path: String,
    /// User that made it.
    pub principal: Option<String>,
    /// The client's `owner` element as XML.
    pub owner: Option<String>,
    /// Granted life in whole seconds; absent for ever.
    pub timeout: Option<Duration>,
    /// When it ends.
    pub expires_at: Option<UnixSeconds>,
    /// Shared, else exclusive.
    pub shared: bool,
    /// For the whole tree below.
    pub deep: bool,
}

impl Store {
    /// All locks.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn locks(&self) -> Result<Vec<LockRow>, Error> {
        let act = async {
            let rows = sqlx::query("SELECT * FROM locks").fetch_all(&self.pool).await?;
            let read = |row: sqlx::sqlite::SqliteRow| {
                Ok(LockRow {
                    token: row.try_get("token")?,
                    path: row.try_get("path")?,
                    principal: row.try_get("principal")?,
                    owner: row.try_get("owner")?,
                    timeout: row.try_get::<Option<i64>, _>("timeout_s")?.map(seconds),
                    expires_at: row.try_get::<Option<i64>, _>("expires_at")?.map(UnixSeconds),
                    shared: row.try_get("shared")?,
                    deep: row.try_get("deep")?,
                })
            };
            rows.into_iter().map(read).collect()
        };
        self.named(act.await)
    }

    /// Keeps a lock, in place of one of its token.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn save_lock(&self, lock: &LockRow) -> Result<(), Error> {
        let act = async {
            sqlx::query("INSERT OR REPLACE INTO locks VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
                .bind(&lock.token)
                .bind(&lock.path)
                .bind(&lock.principal)
                .bind(&lock.owner)
                .bind(lock.timeout.map(|life| i64::try_from(life.as_secs()).unwrap_or(i64::MAX)))
                .bind(lock.expires_at.map(|at| at.0))
                .bind(lock.shared)
                .bind(lock.deep)
                .execute(&self.pool)
                .await?;
            Ok(())
        };
        self.named(act.await)
    }

    /// Forgets a lock.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn delete_lock(&self, token: &str) -> Result<(), Error> {
        let act = async {
            sqlx::query("DELETE FROM locks WHERE token = ?").bind(token).execute(&self.pool).await?;
            Ok(())
        };
        self.named(act.await)
    }
}

/// What was written as a number of seconds.
fn seconds(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or(0))
}
