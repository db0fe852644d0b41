//! SHA-1s of local files, by path, size and time: what was read once need not be read again while those three stay.

use sqlx::QueryBuilder;

use crate::clock::UnixSeconds;
use crate::digest::Sha1;
use crate::state::error::Error;
use crate::state::store::{Store, statements};

/// How long a hash is kept that nobody asks for.
const KEPT_S: i64 = 400 * 86_400;

/// How old the note of its last use may be before it is written anew.
const STALE_S: i64 = 30 * 86_400;

/// Rows of one statement: SQLite takes 32,766 values, PostgreSQL twice as many.
const MOST_ROWS: usize = 500;

/// What a local file was found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashRow {
    /// Absolute, in the system's own bytes.
    pub path: Vec<u8>,
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified_ns: i64,
    /// Of the whole content.
    pub sha1: Sha1,
}

impl Store {
    /// The hash of the file that was there with that size and time.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn hash(&self, path: &[u8], size: u64, modified_ns: i64) -> Result<Option<Sha1>, Error> {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let now = UnixSeconds::now();
        statements!(self, connection => {
            let statement = "SELECT sha1, used FROM hashes WHERE path = $1 AND size = $2 AND modified_ns = $3";
            let row = sqlx::query_as(statement).bind(path).bind(size).bind(modified_ns);
            let row: Option<(Vec<u8>, i64)> = row.fetch_optional(&mut *connection).await?;
            let Some((sha1, used)) = row else { return Ok(None) };
            if now.since(UnixSeconds(used)) > STALE_S {
                let statement = "UPDATE hashes SET used = $1 WHERE path = $2";
                sqlx::query(statement).bind(now.0).bind(path).execute(&mut *connection).await?;
            }
            Ok(<[u8; 20]>::try_from(sha1).ok().map(Sha1::from))
        })
    }

    /// Keeps what was found, in place of what was known of the same paths.
    ///
    /// # Errors
    /// A statement failed; those before it are kept.
    pub async fn save_hashes(&self, rows: &[HashRow]) -> Result<(), Error> {
        let now = UnixSeconds::now();
        for rows in rows.chunks(MOST_ROWS) {
            statements!(self, connection => {
                let mut statement = QueryBuilder::new("INSERT INTO hashes (path, size, modified_ns, sha1, used) ");
                statement.push_values(rows, |mut values, row| {
                    values
                        .push_bind(row.path.as_slice())
                        .push_bind(i64::try_from(row.size).unwrap_or(i64::MAX))
                        .push_bind(row.modified_ns)
                        .push_bind(row.sha1.bytes().to_vec())
                        .push_bind(now.0);
                });
                statement.push(
                    " ON CONFLICT (path) DO UPDATE SET size = excluded.size, modified_ns = excluded.modified_ns, \
                     sha1 = excluded.sha1, used = excluded.used",
                );
                statement.build().execute(&mut *connection).await.map(drop)
            })?;
        }
        Ok(())
    }

    /// Forgets what nobody has asked for in more than a year.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn forget_old_hashes(&self) -> Result<(), Error> {
        let before = UnixSeconds::now().plus(-KEPT_S);
        statements!(self, connection => {
            let statement = sqlx::query("DELETE FROM hashes WHERE used < $1").bind(before.0);
            statement.execute(&mut *connection).await.map(drop)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::testing::for_each_store;

    fn row(path: &str, size: u64) -> HashRow {
        HashRow { path: path.into(), size, modified_ns: 7, sha1: Sha1::of(path.as_bytes()) }
    }

    #[tokio::test]
    async fn a_hash_is_of_one_path_size_and_time() {
        for_each_store(async |location| {
            let store = Store::open(&location).await.unwrap();
            let rows: Vec<HashRow> = (0..1200).map(|at| row(&format!("/a/{at}"), at)).collect();
            store.save_hashes(&rows).await.unwrap();
            for at in [0, 499, 500, 1199] {
                let path = format!("/a/{at}");
                assert_eq!(store.hash(path.as_bytes(), at, 7).await.unwrap(), Some(Sha1::of(path.as_bytes())));
            }
            assert_eq!(store.hash(b"/a/5", 6, 7).await.unwrap(), None);
            assert_eq!(store.hash(b"/a/5", 5, 8).await.unwrap(), None);
            assert_eq!(store.hash(b"/b", 5, 7).await.unwrap(), None);
            let other = HashRow { sha1: Sha1::EMPTY, ..row("/a/5", 9) };
            store.save_hashes(std::slice::from_ref(&other)).await.unwrap();
            assert_eq!(store.hash(b"/a/5", 9, 7).await.unwrap(), Some(Sha1::EMPTY));
            assert_eq!(store.hash(b"/a/5", 5, 7).await.unwrap(), None);
        })
        .await;
    }

    #[tokio::test]
    async fn what_nobody_asks_for_is_forgotten() {
        for_each_store(async |location| {
            let store = Store::open(&location).await.unwrap();
            store.save_hashes(&[row("/old", 1), row("/used", 2), row("/new", 3)]).await.unwrap();
            let long_ago = UnixSeconds::now().plus(-KEPT_S - 1).0;
            statements!(&store, connection => {
                let statement = sqlx::query("UPDATE hashes SET used = $1 WHERE size <> 3").bind(long_ago);
                statement.execute(&mut *connection).await.map(drop)
            })
            .unwrap();
            assert!(store.hash(b"/used", 2, 7).await.unwrap().is_some());
            store.forget_old_hashes().await.unwrap();
            assert_eq!(store.hash(b"/old", 1, 7).await.unwrap(), None);
            assert!(store.hash(b"/used", 2, 7).await.unwrap().is_some());
            assert!(store.hash(b"/new", 3, 7).await.unwrap().is_some());
        })
        .await;
    }
}
