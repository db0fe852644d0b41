//! The key of signed links, those of pages and those in the files of views.
//!
//! It is read anew each time: whoever renews it, in whatever process, ends all links at once.

use std::fmt::Write as _;

use rand::Rng as _;

use crate::state::error::Error;
use crate::state::store::{Store, statements};

impl Store {
    /// The key of signed links as a text, made by the first who asks.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn link_key(&self) -> Result<String, Error> {
        let read = "SELECT key FROM link_key";
        let kept = statements!(self, connection => {
            sqlx::query_scalar(read).fetch_optional(&mut *connection).await
        })?;
        if let Some(key) = kept {
            return Ok(hex(key));
        }
        let new = random();
        let key = statements!(self, connection => {
            let first = sqlx::query("INSERT INTO link_key (one, key) VALUES (1, $1) ON CONFLICT DO NOTHING").bind(&new);
            first.execute(&mut *connection).await?;
            sqlx::query_scalar(read).fetch_one(&mut *connection).await
        })?;
        Ok(hex(key))
    }

    /// Puts another key in its place: no link that was signed before opens anything any more.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn renew_link_key(&self) -> Result<(), Error> {
        let statement = "INSERT INTO link_key (one, key) VALUES (1, $1) ON CONFLICT (one) DO UPDATE \
                         SET key = excluded.key";
        let new = random();
        statements!(self, connection => sqlx::query(statement).bind(&new).execute(&mut *connection).await.map(drop))
    }
}

fn hex(key: Vec<u8>) -> String {
    key.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").ok();
        text
    })
}

fn random() -> Vec<u8> {
    let mut key = vec![0; 32];
    rand::rng().fill_bytes(&mut key);
    key
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use crate::config::StateLocation;
    use crate::state::Store;
    use crate::state::testing::for_each_store;

    #[tokio::test]
    async fn all_have_the_first_key_until_it_is_renewed() {
        for_each_store(async |location| {
            let (first, second) = (Store::open(&location).await.unwrap(), Store::open(&location).await.unwrap());
            let key = first.link_key().await.unwrap();
            assert_eq!((key.len(), second.link_key().await.unwrap()), (64, key.clone()));
            second.renew_link_key().await.unwrap();
            assert_ne!(first.link_key().await.unwrap(), key);
        })
        .await;
    }

    #[tokio::test]
    async fn a_caller_who_leaves_does_not_take_the_store_in_memory_with_him() {
        let store = Store::open(&StateLocation::Memory).await.unwrap();
        let key = store.link_key().await.unwrap();
        for _ in 0..20 {
            assert!(store.link_key().now_or_never().is_none());
            assert_eq!(store.link_key().await.unwrap(), key);
        }
    }
}
