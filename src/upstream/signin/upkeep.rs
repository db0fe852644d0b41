//! What keeps an account signed in while nobody looks: tokens that another process stored are taken up, a
//! refresh token is renewed long before its end, and the operator is told in time when only a person can help.
//!
//! A renewal gives a refresh token with its full life, so one within the last third is enough; no call is made
//! otherwise.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::UnixSeconds;
use crate::upstream::client::Client;

/// How often the store is looked at for changes by another process, such as `alidav login`.
const LOOK: Duration = Duration::from_secs(2);

/// How often the tokens' age is looked at.
const REVIEW: Duration = Duration::from_secs(3600);

/// How often the log repeats that somebody has to sign in.
const WARN: Duration = Duration::from_secs(86_400);

/// Longest wait for what is under way at the end; an answer of a token server takes half a minute at most.
const LAST_ANSWERS: Duration = Duration::from_secs(40);

impl Client {
    /// Waits, before the process ends, for renewals and exchanges under way: their answers may be the only living
    /// tokens.
    pub async fn settled(&self) {
        if tokio::time::timeout(LAST_ANSWERS, self.0.tokens.settled()).await.is_err() {
            tracing::warn!(account = self.account(), "a token server did not answer in time; a sign-in may be needed");
        }
    }

    /// Runs until stopped.
    pub async fn keep_signed_in(self, stop: CancellationToken) {
        let mut seen = None;
        let mut reviewed: Option<Instant> = None;
        let mut warned: Option<Instant> = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let version = self.0.tokens.store_version().await;
            let changed = version != seen;
            seen = version;
            if changed {
                self.0.tokens.look().await;
            }
            // A failed renewal writes to the store: that another process sees the change must not make it try too.
            let due = reviewed.is_none_or(|at| at.elapsed() >= REVIEW);
            if due {
                reviewed = Some(Instant::now());
                // A renewal that has begun is not given up: its answer may be the only living token.
                self.0.tokens.renew_early().await;
            } else if !changed {
                continue;
            }
            match self.token_status().await.complaint(self.account(), UnixSeconds::now()) {
                None => warned = None,
                Some(complaint) => {
                    if warned.is_none_or(|at| at.elapsed() >= WARN) {
                        warned = Some(Instant::now());
                        tracing::warn!(account = self.account(), "{complaint}");
                    }
                }
            }
        }
    }
}
