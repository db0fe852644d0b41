//! Slows wrong passwords: a few are free, then each doubles the wait. The wait ends.
//!
//! What counts is who guesses, by address. Behind a proxy on this machine that the settings do not know all clients
//! have one address, so there each name counts apart: whoever guesses one user's password holds up that user alone.
//! Names share a bounded number of counts whether they exist or not, so that a wait tells nothing of either.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::peer::subscriber;

/// Wrong passwords before the first wait.
pub(super) const FREE_TRIES: u32 = 5;

const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Counts that the names tried from this machine share.
const NAMES: u64 = 64;

#[derive(Clone, Copy)]
struct Blame {
    count: u32,
    until: Instant,
}

/// Who guesses.
pub(super) type Guesser = (IpAddr, u64);

/// Bounded: the oldest are forgotten.
#[derive(Clone)]
pub(super) struct Throttle {
    blamed: moka::sync::Cache<Guesser, Blame>,
    names: RandomState,
}

impl Throttle {
    pub(super) fn new() -> Self {
        let blamed = moka::sync::Cache::builder().max_capacity(50_000).time_to_live(LONGEST * 2).build();
        Self { blamed, names: RandomState::new() }
    }

    /// Who is held responsible for a password of this name from this address.
    pub(super) fn guesser(&self, address: IpAddr, name: &str) -> Guesser {
        let shared = address.to_canonical().is_loopback();
        (subscriber(address), if shared { self.names.hash_one(name) % NAMES } else { 0 })
    }

    /// How long the guesser has still to wait.
    pub(super) fn locked(&self, guesser: Guesser) -> Option<Duration> {
        let blame = self.blamed.get(&guesser)?;
        let left = blame.until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    pub(super) fn blame(&self, guesser: Guesser) {
        self.blamed.entry(guesser).and_upsert_with(|old| {
            let count = old.map_or(0, |old| old.into_value().count) + 1;
            let wait = match count.checked_sub(FREE_TRIES) {
                None => Duration::ZERO,
                Some(over) => Duration::from_secs(2u64.saturating_pow(over + 1)).min(LONGEST),
            };
            Blame { count, until: Instant::now() + wait }
        });
    }

    pub(super) fn forgive(&self, guesser: Guesser) {
        self.blamed.invalidate(&guesser);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Keeps 75.
    #[tokio::test(start_paused = true)]
    async fn the_wait_grows_and_ends() {
        let throttle = Throttle::new();
        let address = throttle.guesser("2001:db8::1".parse().unwrap(), "me");
        let neighbour = throttle.guesser("2001:db8::ffff".parse().unwrap(), "you");
        for _ in 1..FREE_TRIES {
            throttle.blame(address);
        }
        assert_eq!(throttle.locked(address), None);
        throttle.blame(address);
        let first = throttle.locked(neighbour).unwrap();
        tokio::time::advance(first).await;
        assert_eq!(throttle.locked(address), None);
        throttle.blame(address);
        assert!(throttle.locked(address).unwrap() > first);
        for _ in 0..100 {
            throttle.blame(address);
        }
        assert!(throttle.locked(address).unwrap() <= LONGEST);
        throttle.forgive(address);
        assert_eq!(throttle.locked(address), None);
    }

    #[test]
    fn names_tried_from_this_machine_count_apart_and_are_bounded() {
        let throttle = Throttle::new();
        let here = |name: &str| throttle.guesser("127.0.0.1".parse().unwrap(), name);
        let all: std::collections::HashSet<_> = (0..1000).map(|n| here(&n.to_string())).collect();
        assert!(all.len() > 32 && all.len() <= 64, "{}", all.len());
        assert_eq!(here("me"), here("me"));
    }
}
