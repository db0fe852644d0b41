//! How long a removal that fails waits for its next try, and what people are told of it.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::clock::UnixMillis;
use crate::drive::error::Error;
use crate::drive::removals::record::Removal;
use crate::upstream::{self, ErrorKind};

/// The pause after a failure doubles up to this one.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// After this time of failing the log and health say so.
const PATIENCE: Duration = Duration::from_secs(600);

/// The pause after so many tries, by the first one.
pub(super) fn pause(first: Duration, tries: u32) -> Duration {
    Backoff::new(first, LONGEST_PAUSE).spread(tries)
}

/// What failed, and what to do.
pub(super) fn with_remedy(error: &Error) -> String {
    let remedy = match error {
        Error::Upstream(upstream) => passing(upstream).unwrap_or(
            "grant the drive at sign-in, or remove the older item of that name in the drive's own application",
        ),
        _ => "it is tried again",
    };
    format!("{error}; {remedy}")
}

/// What health and log say of a removal that fails for long.
pub(super) fn complaint(removal: &Removal, now: UnixMillis) -> Option<String> {
    let error = removal.last_error.as_ref().filter(|_| removal.is_due())?;
    let long = now > removal.since.plus(PATIENCE);
    long.then(|| format!("an older version of {:?} is hidden but cannot be removed: {error}", removal.facts.name))
}

/// For a failure that is none of the item's but of the service, the network or the account: what to do.
pub(super) fn passing(error: &upstream::Error) -> Option<&'static str> {
    match error.kind {
        ErrorKind::Throttled => Some("nothing is to be done but to wait"),
        ErrorKind::SignInNeeded => Some("run `alidav login`"),
        ErrorKind::ApplicationRefused => Some("check client_id, client_secret and oauth_token_urls of the account"),
        ErrorKind::Store => Some("make the state store writable"),
        kind if kind.leaves_doubt() => Some("check the network"),
        _ => None,
    }
}
