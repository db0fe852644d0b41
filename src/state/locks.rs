//! WebDAV locks, which survive a restart.

use std::time::Duration;

use crate::clock::UnixSeconds;
use crate::state::error::Error;
use crate::state::store::{Store, statements};

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
        type Row = (String, String, Option<String>, Option<String>, Option<i64>, Option<i64>, bool, bool);
        let statement = "SELECT token, path, principal, owner, timeout_s, expires_at, shared, deep FROM locks";
        let rows: Vec<Row> =
            statements!(self, connection => sqlx::query_as(statement).fetch_all(&mut *connection).await)?;
        let read = |(token, path, principal, owner, timeout, expires_at, shared, deep): Row| LockRow {
            token,
            path,
            principal,
            owner,
            timeout: timeout.map(seconds),
            expires_at: expires_at.map(UnixSeconds),
            shared,
            deep,
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Keeps a lock, in place of one of its token.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn save_lock(&self, lock: &LockRow) -> Result<(), Error> {
        let statement = "INSERT INTO locks (token, path, principal, owner, timeout_s, expires_at, shared, deep) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (token) DO UPDATE SET \
                         path = excluded.path, principal = excluded.principal, owner = excluded.owner, \
                         timeout_s = excluded.timeout_s, expires_at = excluded.expires_at, \
                         shared = excluded.shared, deep = excluded.deep";
        statements!(self, connection => {
            sqlx::query(statement)
                .bind(&lock.token)
                .bind(&lock.path)
                .bind(&lock.principal)
                .bind(&lock.owner)
                .bind(lock.timeout.map(|life| i64::try_from(life.as_secs()).unwrap_or(i64::MAX)))
                .bind(lock.expires_at.map(|at| at.0))
                .bind(lock.shared)
                .bind(lock.deep)
                .execute(&mut *connection)
                .await
                .map(drop)
        })
    }

    /// Forgets a lock.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn delete_lock(&self, token: &str) -> Result<(), Error> {
        let statement = "DELETE FROM locks WHERE token = $1";
        statements!(self, connection => sqlx::query(statement).bind(token).execute(&mut *connection).await.map(drop))
    }
}

/// What was written as a number of seconds.
fn seconds(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::testing::for_each_store;

    #[tokio::test]
    async fn a_lock_is_kept_as_it_was_last_written_until_it_is_forgotten() {
        for_each_store(async |location| {
            let store = Store::open(&location).await.unwrap();
            let lock = LockRow {
                token: "urn:1".into(),
                path: "/文件".into(),
                principal: Some("me".into()),
                owner: None,
                timeout: Some(Duration::from_secs(60)),
                expires_at: Some(UnixSeconds(7)),
                shared: true,
                deep: false,
            };
            store.save_lock(&lock).await.unwrap();
            let longer = LockRow { timeout: None, expires_at: None, shared: false, deep: true, ..lock.clone() };
            store.save_lock(&longer).await.unwrap();
            assert_eq!(store.locks().await.unwrap(), [longer]);
            store.delete_lock("urn:1").await.unwrap();
            assert!(store.locks().await.unwrap().is_empty());
        })
        .await;
    }
}
