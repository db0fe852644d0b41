//! What went wrong, as WebDAV tells it; the status of a failure of the tree is `protocol::failure`'s.
//!
//! The client gets a short `DAV:error` saying what to do and what the request is called; the log gets the drive's code
//! and its id of the call. Neither ever holds a link or a token.

use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header};

use crate::drive::{self, DriveTrouble, ErrorKind};
use crate::protocol::failure::{DEFAULT_RETRY, FailureDetail, Verdict, verdict};
use crate::protocol::href::HrefError;
use crate::protocol::{Body, RequestId, reply};

/// A request that fails: what the client is told and what the log is told.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    /// For the client: what is wrong and what to do.
    pub(super) text: String,
    /// Name of the violated precondition in the `DAV:` namespace (RFC 4918, section 16).
    pub(super) condition: Option<&'static str>,
    /// URL of the resource that the condition is about, encoded.
    pub(super) about: Option<Box<str>>,
    pub(super) retry_after: Option<Duration>,
    /// What the tree said, where it was the tree.
    pub(super) kind: Option<ErrorKind>,
    /// For the log.
    pub(super) cause: Option<Box<str>>,
    pub(super) headers: Vec<(header::HeaderName, HeaderValue)>,
}

/// Methods that are served.
pub const METHODS: &str = "OPTIONS, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE, PROPFIND, PROPPATCH, LOCK, UNLOCK";

impl Failure {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            condition: None,
            about: None,
            retry_after: None,
            kind: None,
            cause: None,
            headers: Vec::new(),
        }
    }

    pub(super) fn condition(mut self, name: &'static str) -> Self {
        self.condition = Some(name);
        self
    }

    pub(super) fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Somebody else's lock, by the URL where it sits, is in the way. A lock cannot be had beside it; any other method
    /// lacks its token.
    pub(super) fn locked(lock_root: String, wants_lock: bool) -> Self {
        let condition = if wants_lock { "no-conflicting-lock" } else { "lock-token-submitted" };
        let failure = Self::new(StatusCode::LOCKED, "somebody holds a lock on this").condition(condition);
        Self { about: Some(lock_root.into()), ..failure }
    }

    pub(super) fn busy(text: &str, wait: Option<Duration>) -> Self {
        Self { retry_after: Some(wait.unwrap_or(DEFAULT_RETRY)), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, text) }
    }

    /// The answer; a body only where the method allows one.
    pub(super) fn into_response(self, head: bool, request: RequestId) -> Response<Body> {
        let document = document(self.condition, self.about.as_deref(), &self.text, request);
        let mut response = reply::xml(self.status, if head { String::new() } else { document });
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        headers.extend(self.headers);
        response.extensions_mut().insert(FailureDetail { words: self.text, kind: self.kind });
        response
    }
}

fn document(condition: Option<&str>, about: Option<&str>, text: &str, request: RequestId) -> String {
    let condition = condition.map(|name| match about {
        Some(href) => format!("<D:{name}><D:href>{href}</D:href></D:{name}>"),
        None => format!("<D:{name}/>"),
    });
    let condition = condition.unwrap_or_default();
    let text = quick_xml::escape::partial_escape(text);
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:error xmlns:D=\"DAV:\">{condition}\
         <message xmlns=\"urn:alidav\">{text}</message><request xmlns=\"urn:alidav\">{request}</request></D:error>\n"
    )
}

impl From<HrefError> for Failure {
    fn from(error: HrefError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl From<drive::Error> for Failure {
    fn from(error: drive::Error) -> Self {
        let Verdict { status, text, retry_after } = verdict(&error);
        // RFC 4331, section 6.
        let full = error.kind() == ErrorKind::Drive(DriveTrouble::Full);
        Self {
            condition: full.then_some("quota-not-exceeded"),
            retry_after,
            kind: Some(error.kind()),
            cause: Some(error.to_string().into()),
            ..Self::new(status, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_whole_seconds_and_at_least_one() {
        let wait = |ms| {
            let response = Failure::busy("", Some(Duration::from_millis(ms))).into_response(false, RequestId::random());
            response.headers()[header::RETRY_AFTER].clone()
        };
        assert_eq!(wait(0), "1");
        assert_eq!(wait(3300), "4");
        assert_eq!(wait(2000), "2");
    }

    #[test]
    fn the_text_is_escaped() {
        let id = RequestId::random();
        assert!(document(None, None, "a<b&c", id).contains("a&lt;b&amp;c"));
        assert!(document(Some("propfind-finite-depth"), None, "", id).contains("<D:propfind-finite-depth/>"));
    }
}
