//! The wall clock, read in one place, and its two units, which are types so that nobody adds one to the other.
//!
//! It counts only where somebody else names a moment: the service, a token, a lock's end. What is waited for is
//! tokio's time. Refuses calendars; dates are written by those who know the form.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// Whole seconds since 1970 in UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixSeconds(pub i64);

/// Milliseconds since 1970 in UTC.
///
/// ```
/// use alidav::clock::{UnixMillis, UnixSeconds};
///
/// assert_eq!(UnixMillis(1_999).seconds().plus(60), UnixSeconds(61));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl UnixSeconds {
    /// This moment by the machine's clock.
    #[must_use]
    pub fn now() -> Self {
        UnixMillis::now().seconds()
    }

    /// As many seconds later; no further than the type reaches.
    #[must_use]
    pub fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from an earlier moment to this one; below nothing where that one is later. No further than the type
    /// reaches.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// When it begins; no further than the type reaches.
    #[must_use]
    pub fn millis(self) -> UnixMillis {
        UnixMillis(self.0.saturating_mul(1000))
    }
}

impl UnixMillis {
    /// This moment by the machine's clock; a clock before 1970 counts as 1970.
    #[must_use]
    pub fn now() -> Self {
        let since = wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// The second that it lies in.
    #[must_use]
    pub fn seconds(self) -> UnixSeconds {
        UnixSeconds(self.0.div_euclid(1000))
    }

    /// As much later; no further than the type reaches.
    #[must_use]
    pub fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add(millis(time)))
    }

    /// Time from an earlier moment to this one; none where that one is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// As much earlier; no further than the type reaches.
    #[must_use]
    pub fn minus(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(millis(time)))
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// The machine's clock, for comparing with the dates of other libraries.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one reading")]
pub fn wall() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_lies_in_the_second_that_has_begun() {
        assert_eq!(UnixMillis(1_999).seconds(), UnixSeconds(1));
        assert_eq!(UnixMillis(-1).seconds(), UnixSeconds(-1));
        assert_eq!(UnixSeconds(i64::MAX).plus(1), UnixSeconds(i64::MAX));
        assert_eq!(UnixSeconds(2).millis(), UnixMillis(2000));
        assert_eq!(
            (UnixSeconds(2).since(UnixSeconds(5)), UnixSeconds(i64::MAX).since(UnixSeconds(-1))),
            (-3, i64::MAX)
        );
    }

    #[test]
    fn no_time_leads_out_of_what_can_be_said() {
        let second = Duration::from_secs(1);
        assert_eq!((UnixMillis(5).plus(second), UnixMillis(5).minus(second)), (UnixMillis(1005), UnixMillis(-995)));
        assert_eq!(UnixMillis(5).plus(Duration::MAX), UnixMillis(i64::MAX));
        assert_eq!(UnixMillis(-5).minus(Duration::MAX), UnixMillis(i64::MIN));
        assert_eq!(UnixMillis(1005).since(UnixMillis(5)), second);
        assert_eq!(UnixMillis(5).since(UnixMillis(1005)), Duration::ZERO);
    }
}
