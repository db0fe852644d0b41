//! `--bwlimit`: how fast content may go, over all files together.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// A bound on bytes a second.
#[derive(Debug)]
pub(super) struct Rate {
    /// Absent where there is none.
    per_s: Option<u64>,
    /// When the bytes that have gone are paid for.
    free_at: Mutex<Instant>,
}

impl Rate {
    pub(super) fn new(per_s: Option<u64>) -> Self {
        Self { per_s, free_at: Mutex::new(Instant::now()) }
    }

    /// Waits until so many bytes may go.
    pub(super) async fn take(&self, bytes: u64) {
        let Some(per_s) = self.per_s else { return };
        let start = {
            let mut free_at = self.free_at.lock();
            let start = (*free_at).max(Instant::now());
            *free_at = start + Duration::from_micros(bytes.saturating_mul(1_000_000) / per_s);
            start
        };
        tokio::time::sleep_until(start).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_files_together_go_no_faster() {
        let (rate, begun) = (Rate::new(Some(1000)), Instant::now());
        futures_util::future::join_all((0..11).map(|_| rate.take(500))).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(5));
        Rate::new(None).take(u64::MAX).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(5));
    }
}
