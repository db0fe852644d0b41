//! How long an account's tokens last, and when a person has to do something about it.
//!
//! Pure: looks at tokens and a clock that it is given. Renewing and warning belong to `auth` and `upkeep`.

use secrecy::ExposeSecret as _;

use crate::clock::UnixSeconds;
use crate::state::Tokens;
use crate::upstream::auth::jwt;

const DAY_S: i64 = 86_400;

/// Life of a refresh token that does not tell (reference 1.6).
const REFRESH_LIFE_S: i64 = 90 * DAY_S;

/// A refresh token with less life than this, and less than a third of its own, is renewed in the background.
const RENEW_EARLY_S: i64 = 30 * DAY_S;

/// How long before a sign-in ends people are warned. Below [`RENEW_EARLY_S`], so that nobody is warned of
/// what the background renewal mends.
const WARN_S: i64 = 14 * DAY_S;

/// How long the account's tokens last and whether a person has to sign in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenStatus {
    /// Whether there are tokens that nobody has refused.
    pub signed_in: bool,
    /// When the access token expires.
    pub access_expires_at: Option<UnixSeconds>,
    /// When the refresh token expires, where it tells.
    pub refresh_expires_at: Option<UnixSeconds>,
    /// Whether the tokens can be renewed without a person; not with PKCE (reference 1.5).
    pub renewable: bool,
    /// When a person has to sign in at the latest if no renewal succeeds; reckoned from the time of issue where the
    /// token does not tell.
    pub sign_in_by: Option<UnixSeconds>,
    /// Why the last renewal failed, with the remedy.
    pub problem: Option<String>,
}

impl TokenStatus {
    /// Whether a person has to sign in now.
    #[must_use]
    pub fn sign_in_needed(&self, now: UnixSeconds) -> bool {
        !self.signed_in || self.sign_in_by.is_some_and(|by| by <= now)
    }

    /// Whether a person has to sign in within fourteen days.
    #[must_use]
    pub fn sign_in_due(&self, now: UnixSeconds) -> bool {
        self.sign_in_needed(now) || self.sign_in_by.is_some_and(|by| by.since(now) < WARN_S)
    }

    /// What to tell the operator of the named account, with the remedy; absent when all is well.
    #[must_use]
    pub fn complaint(&self, account: &str, now: UnixSeconds) -> Option<String> {
        if let Some(problem) = &self.problem {
            return Some(problem.clone());
        }
        if self.sign_in_needed(now) {
            return Some(format!("not signed in; {}", remedy(account)));
        }
        let by = self.sign_in_by.filter(|_| self.sign_in_due(now))?;
        let why = if self.renewable { "no renewal has succeeded" } else { "its token cannot be renewed" };
        let date = jiff::Timestamp::from_second(by.0).unwrap_or_default();
        let days = by.since(now) / DAY_S;
        Some(format!("the sign-in ends in {days} days, at {date}, since {why}; {}", remedy(account)))
    }
}

/// What a person does about a token that is no longer accepted.
pub(in crate::upstream) fn remedy(account: &str) -> String {
    format!(
        "run `alidav login --account {account}`, or put a new refresh_token for account {account:?} into the configuration and restart"
    )
}

/// When the refresh token ends: by its own word, else by its time of issue.
pub(in crate::upstream) fn refresh_end(tokens: &Tokens) -> UnixSeconds {
    jwt::claims(tokens.refresh_token.expose_secret()).exp.unwrap_or_else(|| tokens.issued_at.plus(REFRESH_LIFE_S))
}

/// Whether it is time for the renewal that keeps the sign-in alive although nobody uses the account.
pub(in crate::upstream) fn renewal_due(tokens: &Tokens, now: UnixSeconds) -> bool {
    if tokens.refresh_token.expose_secret().is_empty() {
        return false;
    }
    let end = refresh_end(tokens);
    let life = end.since(tokens.issued_at);
    end.since(now) < RENEW_EARLY_S.min(life / 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opaque(issued_at: i64) -> Tokens {
        Tokens {
            user_id: None,
            access_token: "a".into(),
            refresh_token: "r".into(),
            issued_at: UnixSeconds(issued_at),
            expires_at: UnixSeconds(issued_at + 7200),
            sent_to: None,
            source_digest: None,
            server: None,
        }
    }

    #[test]
    fn a_renewal_is_due_in_the_last_third_and_never_for_a_token_without_one() {
        let tokens = opaque(0);
        assert!(!renewal_due(&tokens, UnixSeconds(59 * DAY_S)));
        assert!(renewal_due(&tokens, UnixSeconds(61 * DAY_S)));
        assert!(!renewal_due(&Tokens { refresh_token: "".into(), ..tokens }, UnixSeconds(80 * DAY_S)));
    }

    #[test]
    fn people_are_warned_fourteen_days_before_and_told_what_to_do() {
        let status =
            TokenStatus { signed_in: true, sign_in_by: Some(UnixSeconds(20 * DAY_S)), ..TokenStatus::default() };
        assert_eq!(status.complaint("main", UnixSeconds(5 * DAY_S)), None);
        let words = status.complaint("main", UnixSeconds(7 * DAY_S)).unwrap();
        assert!(words.contains("in 13 days") && words.contains("alidav login --account main"), "{words}");
        assert!(status.sign_in_due(UnixSeconds(7 * DAY_S)) && !status.sign_in_needed(UnixSeconds(7 * DAY_S)));
        assert!(status.sign_in_needed(UnixSeconds(20 * DAY_S)));
        assert!(TokenStatus::default().complaint("main", UnixSeconds(0)).unwrap().contains("not signed in"));
    }
}
