//! How long to wait before the next try: twice as long after each failure, up to an end.
//!
//! Answers for the length of the pause alone. Whether there is a next try, and whether somebody else named a time,
//! is for those to say who know what failed.

use std::time::Duration;

/// Pauses that double, from the first to the longest.
///
/// ```
/// use std::time::Duration;
/// use alidav::backoff::Backoff;
///
/// let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
/// assert_eq!([1, 2, 3, 4].map(|failures| backoff.after(failures).as_secs()), [1, 2, 4, 5]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Pauses from `first` to `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The pause after so many failures in a row; after none as after one.
    #[must_use]
    pub fn after(self, failures: u32) -> Duration {
        let doubled = 2u32.saturating_pow(failures.saturating_sub(1));
        self.first.saturating_mul(doubled).min(self.longest)
    }

    /// The same, shorter or longer by up to a quarter at random, so that those who failed together do not come back
    /// together.
    #[must_use]
    pub fn spread(self, failures: u32) -> Duration {
        self.after(failures).mul_f64(0.75 + fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_failures_ends_at_the_longest_pause() {
        let backoff = Backoff::new(Duration::from_millis(300), Duration::from_secs(600));
        assert_eq!(backoff.after(0), Duration::from_millis(300));
        assert_eq!(backoff.after(u32::MAX), Duration::from_secs(600));
    }

    #[test]
    fn a_spread_pause_is_near_the_plain_one() {
        let backoff = Backoff::new(Duration::from_secs(4), Duration::from_secs(60));
        for _ in 0..100 {
            assert!((Duration::from_secs(3)..=Duration::from_secs(5)).contains(&backoff.spread(1)));
        }
    }
}
