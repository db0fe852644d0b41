//! Download links remembered until they expire by their own word.
//!
//! One call a second is all the drive grants for links (reference 4.1), and one link serves any
//! number of ranged reads, so it is kept for its whole life less a margin, and equal requests share
//! one call.

use std::sync::Arc;
use std::time::Duration;

use crate::config::LivpFormat;
use crate::digest::Sha1;
use crate::drive::error::Error;
use crate::upstream::{Client, Life, SignedUrl};

/// Taken off every link's life: a request needs time to arrive.
const MARGIN: Duration = Duration::from_secs(10);

/// A temporary direct URL for a file's content.
#[derive(Debug, Clone)]
pub struct Link {
    /// The signed URL.
    pub url: SignedUrl,
    /// How long new requests may be made with it.
    pub life: Life,
    /// SHA-1 of the content behind it, where the drive said so.
    pub sha1: Option<Sha1>,
    /// Bytes of the content behind it, where the drive said so.
    pub size: Option<u64>,
}

impl Link {
    /// Whether a new request may still be made with `min_life` to go. A link whose whole life is short
    /// does for half of it, or it would be asked for anew each time.
    fn lives(&self, min_life: Duration) -> bool {
        let half = self.life.whole() / 2;
        self.life.left() > min_life.min(half).max(MARGIN.min(half))
    }
}

type Key = (Box<str>, Box<str>, Option<bool>);

/// The links of one account.
pub(in crate::drive) struct LinkCache(moka::future::Cache<Key, Link>);

impl LinkCache {
    pub(in crate::drive) fn new() -> Self {
        // A link is about a kilobyte; the longest life is four hours (reference 3.8).
        Self(moka::future::Cache::builder().max_capacity(10_000).time_to_live(Duration::from_secs(4 * 3600)).build())
    }

    /// A link with at least `min_life` left, if its whole life allows.
    ///
    /// # Errors
    /// The call's, shared by all who waited for it.
    pub(in crate::drive) async fn get(
        &self,
        client: &Client,
        drive_id: &str,
        file_id: &str,
        livp: Option<LivpFormat>,
        min_life: Duration,
    ) -> Result<Link, Error> {
        let key: Key = (drive_id.into(), file_id.into(), livp.map(|format| format == LivpFormat::Jpeg));
        if let Some(link) = self.0.get(&key).await {
            if link.lives(min_life) {
                return Ok(link);
            }
            self.0.invalidate(&key).await;
        }
        let ask = async {
            let link = client.download_link(drive_id, file_id, livp).await?;
            // For a live photo the answer tells the size of the item, not of the stream.
            let size = link.size.filter(|_| livp.is_none());
            Ok(Link { url: link.url, life: link.life, sha1: link.sha1, size })
        };
        self.0.try_get_with(key, ask).await.map_err(|error: Arc<Error>| (*error).clone())
    }

    /// Forgets a link that was refused, unless a newer one has taken its place.
    pub(in crate::drive) async fn forget(&self, drive_id: &str, file_id: &str, livp: Option<LivpFormat>, link: &Link) {
        let key: Key = (drive_id.into(), file_id.into(), livp.map(|format| format == LivpFormat::Jpeg));
        if self.0.get(&key).await.is_some_and(|kept| kept.url == link.url) {
            self.0.invalidate(&key).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn after(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    fn link(seconds: u64) -> Link {
        let url = SignedUrl::parse("https://data.example/x").unwrap();
        Link { url, life: Life::lasting(Duration::from_secs(seconds)), sha1: None, size: None }
    }

    // Keeps 44.
    #[tokio::test(start_paused = true)]
    async fn a_link_is_used_up_to_the_margin_before_its_end() {
        let link = link(900);
        after(599).await;
        assert!(link.lives(Duration::from_secs(300)));
        after(1).await;
        assert!(!link.lives(Duration::from_secs(300)));
        after(289).await;
        assert!(link.lives(Duration::ZERO));
        after(1).await;
        assert!(!link.lives(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_lived_link_is_not_asked_for_at_every_request() {
        let (minute, moment) = (link(60), link(4));
        after(1).await;
        assert!(moment.lives(Duration::ZERO));
        after(28).await;
        assert!(minute.lives(Duration::from_secs(300)));
        after(2).await;
        assert!(!minute.lives(Duration::from_secs(300)));
        assert!(!link(0).lives(Duration::ZERO));
    }
}
