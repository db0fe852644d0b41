//! Who is signed in on the pages.

use crate::clock::UnixMillis;
use crate::state::error::Error;
use crate::state::store::{Store, statements, together};

/// Sessions of one user; the one that was used least lately gives way to a further one.
const MOST: i64 = 200;

/// One signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// SHA-256 of what the browser holds; the key.
    pub digest: [u8; 32],
    /// Whose it is.
    pub user: String,
    /// What the user's entry in the settings was, keyed with what the browser holds.
    pub entry: [u8; 32],
    /// When it was last seen to be used.
    pub used: UnixMillis,
}

impl Store {
    /// The session of a digest, however old.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn session(&self, digest: &[u8; 32]) -> Result<Option<SessionRow>, Error> {
        // Without the quotes the name is PostgreSQL's word for who is connected.
        let statement = "SELECT \"user\", entry, used_ms FROM sessions WHERE digest = $1";
        let row: Option<(String, Vec<u8>, i64)> = statements!(self, connection => {
            sqlx::query_as(statement).bind(&digest[..]).fetch_optional(&mut *connection).await
        })?;
        let Some((user, entry, used)) = row else { return Ok(None) };
        // What is of another length can be nobody's.
        let Ok(entry) = entry.try_into() else { return Ok(None) };
        Ok(Some(SessionRow { digest: *digest, user, entry, used: UnixMillis(used) }))
    }

    /// Keeps a new session, and forgets all that were last used before `oldest`; how many have gone.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn add_session(&self, session: &SessionRow, oldest: UnixMillis) -> Result<u64, Error> {
        let session = session.clone();
        together!(self, connection => {
            let statement = "DELETE FROM sessions WHERE used_ms < $1";
            let old = sqlx::query(statement).bind(oldest.0).execute(&mut *connection).await?;
            let statement = "DELETE FROM sessions WHERE \"user\" = $1 AND digest NOT IN \
                             (SELECT digest FROM sessions WHERE \"user\" = $1 ORDER BY used_ms DESC LIMIT $2)";
            let further = sqlx::query(statement).bind(&session.user).bind(MOST - 1).execute(&mut *connection).await?;
            let statement = "INSERT INTO sessions (digest, \"user\", entry, created_ms, used_ms) \
                             VALUES ($1, $2, $3, $4, $4)";
            sqlx::query(statement)
                .bind(&session.digest[..])
                .bind(&session.user)
                .bind(&session.entry[..])
                .bind(session.used.0)
                .execute(&mut *connection)
                .await?;
            Ok(old.rows_affected() + further.rows_affected())
        })
    }

    /// Notes that a session was used.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn touch_session(&self, digest: &[u8; 32], used: UnixMillis) -> Result<(), Error> {
        let statement = "UPDATE sessions SET used_ms = $1 WHERE digest = $2";
        statements!(self, connection => {
            sqlx::query(statement).bind(used.0).bind(&digest[..]).execute(&mut *connection).await.map(drop)
        })
    }

    /// Ends one session.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn end_session(&self, digest: &[u8; 32]) -> Result<(), Error> {
        let statement = "DELETE FROM sessions WHERE digest = $1";
        statements!(self, connection => {
            sqlx::query(statement).bind(&digest[..]).execute(&mut *connection).await.map(drop)
        })
    }

    /// Ends all sessions of a user.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn end_sessions_of(&self, user: &str) -> Result<(), Error> {
        let statement = "DELETE FROM sessions WHERE \"user\" = $1";
        statements!(self, connection => sqlx::query(statement).bind(user).execute(&mut *connection).await.map(drop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::testing::for_each_store;

    fn session(n: u8, user: &str, used: i64) -> SessionRow {
        SessionRow { digest: [n; 32], user: user.to_owned(), entry: [9; 32], used: UnixMillis(used) }
    }

    #[tokio::test]
    async fn what_is_too_old_or_too_many_is_forgotten_with_the_next() {
        for_each_store(async |location| {
            let store = Store::open(&location).await.unwrap();
            let add = async |n, user: &str, used, oldest| {
                store.add_session(&session(n, user, used), UnixMillis(oldest)).await.unwrap()
            };
            assert_eq!(add(1, "me", 10, 0).await, 0);
            assert_eq!(add(2, "you", 20, 0).await, 0);
            assert_eq!(add(3, "me", 30, 15).await, 1);
            assert_eq!(store.session(&[1; 32]).await.unwrap(), None);
            store.touch_session(&[2; 32], UnixMillis(25)).await.unwrap();
            assert_eq!(store.session(&[2; 32]).await.unwrap(), Some(session(2, "you", 25)));
            for n in 4..=u8::MAX {
                add(n, "me", 30 + i64::from(n), 0).await;
            }
            assert_eq!(store.session(&[3; 32]).await.unwrap(), None);
            assert!(store.session(&[255; 32]).await.unwrap().is_some());
            store.end_sessions_of("me").await.unwrap();
            assert_eq!(store.session(&[255; 32]).await.unwrap(), None);
            store.end_session(&[2; 32]).await.unwrap();
            assert_eq!(store.session(&[2; 32]).await.unwrap(), None);
        })
        .await;
    }
}
