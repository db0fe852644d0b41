//! The one place that decides whether a failed call is sent again: from the kind of failure and
//! whether a second arrival could do harm, within a number of tries and a total time.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::config::Timeouts;
use crate::upstream::error::{Error, ErrorKind};
use crate::upstream::http::classify::Refusal;
use crate::upstream::http::exchange::Fate;

/// Tries of one call in all.
const MAX_TRIES: u32 = 4;

/// What a second arrival of the call would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) enum Repeat {
    /// Nothing that the first did not.
    Harmless,
    /// Make a second item or spend something: only if the first surely had no effect.
    Harmful,
}

/// What to do about a failed try.
pub(in crate::upstream) enum Next {
    /// Send again with another access token.
    Renew,
    /// The authorisation may have been withdrawn.
    SignedOut(Error),
    /// Send again when the rate class has rested for so long.
    Pause(Duration),
    /// Send again after so long.
    Wait(Duration),
    /// The failure is final.
    Give(Error),
}

/// The tries of one call.
pub(in crate::upstream) struct Tries {
    repeat: Repeat,
    deadline: Instant,
    failed: u32,
    renewed: bool,
    timeouts: Timeouts,
}

impl Tries {
    pub(in crate::upstream) fn new(repeat: Repeat, deadline: Instant, timeouts: Timeouts) -> Self {
        Self { repeat, deadline, failed: 0, renewed: false, timeouts }
    }

    /// Whether any has failed.
    pub(in crate::upstream) fn have_failed(&self) -> bool {
        self.failed > 0
    }

    /// Whether the access token has not been replaced yet.
    pub(in crate::upstream) fn may_renew(&self) -> bool {
        !self.renewed
    }

    /// The access token has been replaced.
    pub(in crate::upstream) fn renewed(&mut self) {
        self.renewed = true;
    }

    /// Decides on a failed try.
    pub(in crate::upstream) fn next(&mut self, refusal: Refusal, fate: Fate) -> Next {
        let error = refusal.error;
        if refusal.bad_token && !self.renewed {
            self.renewed = true;
            return Next::Renew;
        }
        if error.kind == ErrorKind::SignInNeeded {
            return Next::SignedOut(error);
        }
        self.failed += 1;
        let pause = self.pause(&error, fate);
        if error.kind == ErrorKind::Throttled {
            let wait = error.retry_after.or(pause).unwrap_or(self.timeouts.first_throttled_retry);
            return match pause {
                Some(_) => Next::Pause(wait),
                None => Next::Give(error.retry_after(wait)),
            };
        }
        pause.map_or(Next::Give(error), Next::Wait)
    }

    /// How long to pause before sending again; absent when the failure is final.
    fn pause(&self, error: &Error, fate: Fate) -> Option<Duration> {
        let wait = match error.kind {
            // Refused for the rate: it surely had no effect.
            ErrorKind::Throttled => {
                error.retry_after.unwrap_or_else(|| growing(self.timeouts.first_throttled_retry).after(self.failed))
            }
            kind if kind.leaves_doubt() => {
                let safe = self.repeat == Repeat::Harmless || fate == Fate::Unsent;
                if !safe {
                    return None;
                }
                error.retry_after.unwrap_or_else(|| growing(self.timeouts.first_retry).spread(self.failed))
            }
            _ => return None,
        };
        (self.failed < MAX_TRIES && Instant::now() + wait <= self.deadline).then_some(wait)
    }
}

/// The tries and the deadline end it.
fn growing(first: Duration) -> Backoff {
    Backoff::new(first, Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed_once(repeat: Repeat, left: Duration) -> Tries {
        Tries { failed: 1, ..Tries::new(repeat, Instant::now() + left, Timeouts::default()) }
    }

    fn decide(kind: ErrorKind, fate: Fate, repeat: Repeat) -> bool {
        let tries = failed_once(repeat, Duration::from_secs(60));
        tries.pause(&Error::new("c", kind), fate).is_some()
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
        let tries = failed_once(Repeat::Harmless, Duration::from_secs(20));
        assert_eq!(tries.pause(&error, Fate::Answered), None);
    }
}
