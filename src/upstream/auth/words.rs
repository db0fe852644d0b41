//! What a token server's error says in words, where it has no code of the service's (reference 1.8).
//!
//! OpenList's server hands on the service's words alone, others put them beside a number or under `error`. A word
//! that only looks like a reason must not decide: whether the refresh token was spent hangs on it.

use http::StatusCode;
use serde_json::{Map, Value};

use crate::upstream::error::ErrorKind;
use crate::upstream::http::classify::{self, Answer};

/// What an error body told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::upstream) struct TokenServerError {
    /// What it says of the kind of failure; absent where the service's code or the status has to do.
    pub(in crate::upstream) kind: Option<ErrorKind>,
    /// Its words, where the usual fields have none.
    pub(in crate::upstream) words: Option<String>,
}

/// What to do about the check that stands before a token server and lets neither this program nor, often, this address
/// through (reference 1.8.2); absent for any other answer.
pub(in crate::upstream) fn bot_check(answer: &Answer) -> Option<&'static str> {
    let body = answer.body.trim_ascii();
    let page = body.first() == Some(&b'<');
    let turned_away = match answer.status {
        StatusCode::FORBIDDEN => page || body.starts_with(b"error code: "),
        StatusCode::SERVICE_UNAVAILABLE => page,
        _ => false,
    };
    turned_away.then_some(
        "the bot check before this server turned the request away: wait, name another server in oauth_token_urls, or go by \
         another address (upstream.outbound_proxy)",
    )
}

/// Reads an error body in the forms of the token servers.
pub(in crate::upstream) fn read(body: &[u8]) -> TokenServerError {
    let Ok(object) = serde_json::from_slice::<Map<String, Value>>(body) else { return TokenServerError::default() };
    let field = |name: &str| object.get(name).and_then(classify::text).filter(|text| !text.is_empty());
    let code = field("code");
    let number = code.as_ref().and_then(|code| code.parse::<u16>().ok());
    if code.is_some() && number.is_none() {
        // Only the token's own application accepts it; the status differs.
        let foreign = code.is_some_and(|code| code.starts_with("AccessDenied"));
        return TokenServerError { kind: foreign.then_some(ErrorKind::SignInNeeded), words: None };
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
    TokenServerError { kind, words: words.or_else(none) }
}

/// What the service's own words and codes say, of which not all are published.
fn known(words: &str) -> Option<ErrorKind> {
    let words = words.to_ascii_lowercase();
    let letters: String = words.chars().filter(char::is_ascii_alphanumeric).collect();
    let says = |parts: &[&str]| parts.iter().any(|part| letters.contains(part));
    let dead = ["expired", "invalid", "incorrect", "malformed", "illegal", "revoked", "missed", "notfound", "notexist"];
    let used = || words.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "used");
    if says(&["toomanyrequests"]) {
        Some(ErrorKind::Throttled)
    } else if says(&["invalidclient", "appnotexist"]) {
        Some(ErrorKind::ApplicationRefused)
    } else if says(&["invalidtoken", "accessdenied", "invalidcode", "qrcodeexpired"])
        || says(&["refreshtoken"]) && (says(&dead) || used())
    {
        Some(ErrorKind::SignInNeeded)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_refresh_token_is_recognised_and_trouble_on_the_way_is_not() {
        for words in
            ["expired refresh_token", "RefreshTokenInvalid", "refresh token was used", "refresh_token not exist"]
        {
            assert_eq!(known(words), Some(ErrorKind::SignInNeeded), "{words}");
        }
        for words in ["refresh_token: connection refused", "refresh token: timed out", "Unexpected token <", "", "错误"]
        {
            assert_eq!(known(words), None, "{words}");
        }
    }
}
