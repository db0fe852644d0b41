//! The one place that decides whether a failed call is sent again: from the kind of failure and
//! whether a second arrival could do harm, within a number of tries and a total time.

use std::time::Duration;

use tokio::time::Instant;

use super::{Error, ErrorKind};

/// Tries of one call in all.
const MAX_TRIES: u32 = 4;

/// First pause; it doubles. The service names no wait of its own for most failures (reference 4.2).
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// First pause after a 429 without a wait of its own.
const FIRST_THROTTLED_PAUSE: Duration = Duration::from_secs(1);

/// What a second arrival of the call would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Nothing that the first did not.
    Harmless,
    /// Make a second item or spend something: only if the first surely had no effect.
    Harmful,
}

/// What is known of the fate of a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It never left.
    Unsent,
    /// The service answered.
    Answered,
    /// It may have arrived.
    Unclear,
}

/// How long to pause before sending again; absent when the failure is final.
pub(super) fn pause(error: &Error, fate: Fate, repeat: Repeat, tries: u32, deadline: Instant) -> Option<Duration> {
    let wait = match error.kind {
        // Refused for the rate: it surely had no effect.
        ErrorKind::Throttled => error.retry_after.unwrap_or(FIRST_THROTTLED_PAUSE * 2u32.saturating_pow(tries - 1)),
        kind if kind.leaves_doubt() => {
            let safe = repeat == Repeat::Harmless || fate == Fate::Unsent;
            if !safe {
                return None;
            }
            error.retry_after.unwrap_or(jittered(FIRST_PAUSE * 2u32.saturating_pow(tries - 1)))
        }
        _ => return None,
    };
    (tries < MAX_TRIES && Instant::now() + wait <= deadline).then_some(wait)
}

fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.75..1.25))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(kind: ErrorKind, fate: Fate, repeat: Repeat) -> bool {
        let far = Instant::now() + Duration::from_secs(60);
        pause(&Error::new("c", kind), fate, repeat, 1, far).is_some()
    }

    // Keeps 53.
    #[tokio::test(start_paused = true)]
    async fn what_could_act_twice_is_sent_again_only_if_it_surely_did_not_act() {
        assert!(decide(ErrorKind::Unavailable, Fate::Unsent, Repeat::Harmful));
        assert!(!decide(ErrorKind::Unavailable, Fate::Answered, Repeat::Harmful));
        assert!(!decide(ErrorKind::Timeout, Fate::Unclear, Repeat::Harmful));
        assert!(decide(ErrorKind::Throttled, Fate::Answered, Repeat::Harmful));
        assert!(decide(ErrorKind::Timeout, Fate::Unclear, Repeat::Harmless));
    }

    #[tokio::test(start_paused = true)]
    async fn final_answers_are_final() {
        for kind in [ErrorKind::NotFound, ErrorKind::Forbidden, ErrorKind::QuotaExhausted, ErrorKind::SignInNeeded] {
            assert!(!decide(kind, Fate::Answered, Repeat::Harmless), "{kind}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_the_deadline_is_left_to_the_client() {
        let error = Error::new("c", ErrorKind::Throttled).retry_after(Duration::from_secs(30));
        let soon = Instant::now() + Duration::from_secs(20);
        assert_eq!(pause(&error, Fate::Answered, Repeat::Harmless, 1, soon), None);
    }
}
