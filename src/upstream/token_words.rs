//! What a token server's error says in words, where it has no code of the service's (reference 1.8).
//!
//! OpenList's server hands on the service's words alone, others put them beside a number or under `error`. A word
//! that only looks like a reason must not decide: whether the refresh token was spent hangs on it.

use http::StatusCode;
use serde_json::{Map, Value};

use super::{ErrorKind, classify};

/// What an error body told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// What it says of the kind of failure; absent where the service's code or the status has to do.
    pub(super) kind: Option<ErrorKind>,
    /// Its words, where the usual fields have none.
    pub(super) words: Option<String>,
}

/// Reads an error body in the forms of the token servers.
pub(super) fn read(body: &[u8]) -> Told {
    let Ok(object) = serde_json::from_slice::<Map<String, Value>>(body) else { return Told::default() };
    let field = |name: &str| object.get(name).and_then(classify::text).filter(|text| !text.is_empty());
    let code = field("code");
    let number = code.as_ref().and_then(|code| code.parse::<u16>().ok());
    if code.is_some() && number.is_none() {
        // Only the token's own application accepts it; the status differs.
        let foreign = code.is_some_and(|code| code.starts_with("AccessDenied"));
        return Told { kind: foreign.then_some(ErrorKind::SignInNeeded), words: None };
    }
    let openlist = object.contains_key("text");
    let words = ["text", "error", "message"].into_iter().find_map(field).map(classify::shorten);
    let kind = words.as_deref().and_then(known).or(if openlist {
        // Its status is 500 for everything.
        Some(ErrorKind::Unavailable)
    } else {
        number
            .and_then(|number| StatusCode::from_u16(number).ok())
            .filter(|s| !s.is_success())
            .map(classify::kind_of_status)
    });
    let none = || openlist.then(|| "no reason given".to_owned());
    Told { kind, words: words.or_else(none) }
}

/// The service's own words and codes.
fn known(words: &str) -> Option<ErrorKind> {
    let words: String = words.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    let dead = ["expired", "invalid", "incorrect", "malformed", "wasused", "alreadyused", "revoked"];
    if says(&["toomanyrequests"]) {
        Some(ErrorKind::Throttled)
    } else if says(&["invalidclient", "appnotexist"]) {
        Some(ErrorKind::ApplicationRefused)
    } else if says(&["invalidtoken", "accessdenied", "invalidcode", "qrcodeexpired"])
        || says(&["refreshtoken"]) && says(&dead)
    {
        Some(ErrorKind::SignInNeeded)
    } else {
        None
    }
}
