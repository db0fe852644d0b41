//! Slows wrong passwords by address: a few are free, then each doubles the wait. The wait ends.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use tokio::time::Instant;

/// Wrong passwords before the first wait.
pub(super) const FREE_TRIES: u32 = 5;

const LONGEST: Duration = Duration::from_secs(15 * 60);

#[derive(Clone, Copy)]
struct Blame {
    count: u32,
    until: Instant,
}

/// Bounded: the oldest addresses are forgotten.
#[derive(Clone)]
pub(super) struct Throttle(moka::sync::Cache<IpAddr, Blame>);

impl Throttle {
    pub(super) fn new() -> Self {
        Self(moka::sync::Cache::builder().max_capacity(50_000).time_to_live(LONGEST * 2).build())
    }

    /// How long the address has still to wait.
    pub(super) fn locked(&self, address: IpAddr) -> Option<Duration> {
        let blame = self.0.get(&group(address))?;
        let left = blame.until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    pub(super) fn blame(&self, address: IpAddr) {
        self.0.entry(group(address)).and_upsert_with(|old| {
            let count = old.map_or(0, |old| old.into_value().count) + 1;
            let wait = match count.checked_sub(FREE_TRIES) {
                None => Duration::ZERO,
                Some(over) => Duration::from_secs(2u64.saturating_pow(over + 1)).min(LONGEST),
            };
            Blame { count, until: Instant::now() + wait }
        });
    }

    pub(super) fn forgive(&self, address: IpAddr) {
        self.0.invalidate(&group(address));
    }
}

/// One IPv6 subscriber has a whole /64.
fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_wait_grows_and_ends() {
        let throttle = Throttle::new();
        let address: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::ffff".parse().unwrap();
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
}
