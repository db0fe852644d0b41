//! What the one task that loads or renews remembers from attempt to attempt: refusals, servers that rest, what a
//! configured token displaced. Nothing of it outlives the process.

use std::collections::HashMap;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use crate::state::Tokens;
use crate::upstream::auth::source::TokenSource;
use crate::upstream::error::{Error, ErrorKind};

/// How long a refused token is not tried again; a refusal is final, but a server may have been mistaken.
const REFUSAL_MEMORY: Duration = Duration::from_secs(600);

/// How long a server that did not act is tried after all others.
const SERVER_REST: Duration = Duration::from_secs(600);

/// How long a server that refused the rate is left alone if it names no time, and at most.
const THROTTLED_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(900);

/// What the renewing task knows.
#[derive(Default)]
pub(super) struct Flight {
    /// Granted, but not yet kept by the store.
    pub(super) unsaved: Option<Tokens>,
    /// When an attempt of unknown end was made.
    pub(super) unclear: Option<Instant>,
    /// A refresh token that was refused.
    pub(super) refused: Option<Refused>,
    /// What the store had before a configured token that is still being tried.
    pub(super) displaced: Option<Displaced>,
    /// Servers that did not act.
    pub(super) resting: HashMap<usize, Rest>,
}

pub(super) struct Displaced {
    pub(super) tokens: Tokens,
    pub(super) by: SecretString,
}

pub(super) struct Rest {
    pub(super) since: Instant,
    /// Not asked before.
    pub(super) until: Instant,
    pub(super) error: Error,
}

pub(super) struct Refused {
    pub(super) token: SecretString,
    pub(super) at: Instant,
    /// What was told then.
    pub(super) words: String,
}

impl Flight {
    /// What was told when this refresh token was refused, while that is remembered.
    pub(super) fn refusal(&self, tokens: &Tokens) -> Option<&str> {
        let refused = self.refused.as_ref().filter(|refused| refused.at.elapsed() < REFUSAL_MEMORY)?;
        self.has_refused(&tokens.refresh_token).then_some(refused.words.as_str())
    }

    pub(super) fn has_refused(&self, token: &SecretString) -> bool {
        self.refused.as_ref().is_some_and(|refused| refused.token.expose_secret() == token.expose_secret())
    }

    /// What the store is to have if these tokens come to nothing; `stored` is what it has.
    pub(super) fn before(&mut self, stored: Option<Tokens>, tokens: &Tokens) -> Option<Tokens> {
        let by = |displaced: &&Displaced| displaced.by.expose_secret() == tokens.refresh_token.expose_secret();
        match stored {
            Some(stored) if same_refresh(&stored, tokens) => {
                Some(self.displaced.as_ref().filter(by).map_or(stored, |displaced| displaced.tokens.clone()))
            }
            Some(stored) => {
                self.displaced = Some(Displaced { tokens: stored.clone(), by: tokens.refresh_token.clone() });
                Some(stored)
            }
            None => None,
        }
    }

    /// Notes that a server did not act, and when it may be asked again.
    pub(super) fn rest(&mut self, at: usize, error: &Error) {
        let since = Instant::now();
        let own = if error.kind == ErrorKind::Throttled { THROTTLED_PAUSE } else { Duration::ZERO };
        let until = since + error.retry_after.unwrap_or(own).min(LONGEST_PAUSE);
        self.resting.insert(at, Rest { since, until, error: error.clone() });
    }

    /// Why a server is not to be asked now, with the time to wait.
    pub(super) fn rests(&self, at: usize) -> Option<Error> {
        let rest = self.resting.get(&at)?;
        let wait = rest.until.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())?;
        Some(rest.error.clone().retry_after(wait))
    }

    /// In which order servers are asked: that of an attempt of unknown end first; those that lately did not act last, the
    /// one that granted the token before the others, these as configured.
    pub(super) fn order(&self, sources: &[TokenSource], tokens: &Tokens) -> Vec<usize> {
        let own = |at: &usize| tokens.server.as_ref() == Some(&sources[*at].key());
        let resting = |at: &usize| self.resting.get(at).map(|rest| rest.since).filter(|at| at.elapsed() < SERVER_REST);
        let mut order: Vec<usize> = (0..sources.len()).collect();
        order.sort_by_key(|at| (!was_sent_to(tokens, &sources[*at]), resting(at), !own(at)));
        order
    }
}

/// Whether the token was sent to this place and no answer has told what became of it.
pub(super) fn was_sent_to(tokens: &Tokens, source: &TokenSource) -> bool {
    tokens.sent_to.as_ref() == Some(&source.key())
}

pub(super) fn same_refresh(one: &Tokens, other: &Tokens) -> bool {
    one.refresh_token.expose_secret() == other.refresh_token.expose_secret()
}
