//! The key of signed links, those of pages and those in the files of views.
//!
//! It is read anew each time: whoever renews it, in whatever process, ends all links at once.

use std::fmt::Write as _;

use rand::Rng as _;

use crate::state::error::Error;
use crate::state::store::Store;

impl Store {
    /// The key of signed links as a text, made by the first who asks.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn link_key(&self) -> Result<String, Error> {
        let kept = async { sqlx::query_scalar("SELECT key FROM link_key").fetch_optional(&self.pool).await };
        if let Some(key) = self.named(kept.await)? {
            return Ok(hex(key));
        }
        let act = async {
            sqlx::query("INSERT OR IGNORE INTO link_key VALUES (1, ?)").bind(random()).execute(&self.pool).await?;
            sqlx::query_scalar("SELECT key FROM link_key").fetch_one(&self.pool).await
        };
        self.named(act.await).map(hex)
    }

    /// Puts another key in its place: no link that was signed before opens anything any more.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn renew_link_key(&self) -> Result<(), Error> {
        let act = sqlx::query("INSERT OR REPLACE INTO link_key VALUES (1, ?)").bind(random());
        self.named(act.execute(&self.pool).await.map(drop))
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
