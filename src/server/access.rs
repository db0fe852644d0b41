//! The access log: one line a request when its body has ended, with the calls to the drive it cost.

use std::borrow::Cow;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderValue, Response};
use http_body::{Frame, SizeHint};
use tracing::Span;

use super::connections::RequestGuard;
use crate::calls::CallCounter;
use crate::config::LinkPolicy;
use crate::meters;
use crate::protocol::{Body, BodyError, RequestId};

/// Characters of a `User-Agent` that a line shows: browsers' have some 150, and it can be as long as all headers.
const MAX_AGENT: usize = 200;

/// What is known of a request before it is answered.
pub(super) struct Entry {
    pub(super) id: RequestId,
    /// What happens while the body is sent is the request's too.
    pub(super) span: Span,
    pub(super) address: IpAddr,
    pub(super) method: http::Method,
    /// Without the query, which may hold a sign.
    pub(super) path: String,
    pub(super) agent: Option<HeaderValue>,
    pub(super) started: Instant,
    pub(super) calls: CallCounter,
    /// Keeps the connection from being taken for idle.
    pub(super) _running: RequestGuard,
}

/// A body that logs its request when it ends or is given up.
pub(super) struct Logged {
    body: Body,
    entry: Entry,
    user: Option<Arc<str>>,
    /// The way that a file's bytes went.
    policy: Option<LinkPolicy>,
    status: u16,
    bytes: u64,
    /// As announced; the connection does not ask for more once it has been sent.
    length: Option<u64>,
    complete: bool,
}

impl Entry {
    pub(super) fn wrap(self, response: Response<Body>, user: Option<Arc<str>>) -> Response<Logged> {
        let status = response.status().as_u16();
        let policy = response.extensions().get().copied();
        let length = response.headers().get(http::header::CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
        response.map(|body| {
            let complete = http_body::Body::is_end_stream(&body);
            Logged { body, entry: self, user, policy, status, bytes: 0, length, complete }
        })
    }
}

impl http_body::Body for Logged {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let polled = this.entry.span.in_scope(|| Pin::new(&mut this.body).poll_frame(cx));
        let frame = std::task::ready!(polled);
        match &frame {
            Some(Ok(frame)) => this.bytes += frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) => {}
            None => this.complete = true,
        }
        if this.body.is_end_stream() {
            this.complete = true;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        let Entry { id, address, method, path, agent, started, calls, .. } = &self.entry;
        let elapsed = started.elapsed();
        let user = self.user.as_deref().unwrap_or("-");
        // HEAD and 304 have no body to be read to its end.
        let cut = !self.complete && self.bytes > 0 && self.length.is_none_or(|length| self.bytes < length);
        tracing::info!(
            target: "access",
            // It has the span's fields itself, and is to look the same whether or not spans are logged.
            parent: None,
            %id, %address, user, agent = agent.as_ref().map(shown).as_deref(), %method, path = &*readable(path),
            policy = self.policy.map(LinkPolicy::as_str), status = self.status, bytes = self.bytes, cut,
            ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX), calls = calls.count(),
        );
        let labels = [("method", known_method(method)), ("status", self.status.to_string())];
        metrics::counter!(meters::REQUESTS, &labels).increment(1);
        metrics::counter!(meters::SENT_BYTES).increment(self.bytes);
        metrics::histogram!(meters::REQUEST_SECONDS).record(elapsed);
    }
}

/// An agent as a line can bear it, whatever the client put there.
fn shown(agent: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(agent.as_bytes());
    let mut shown: String = text.chars().take(MAX_AGENT).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(MAX_AGENT).is_some() {
        shown.push('…');
    }
    shown
}

/// A path as people write it; the log escapes what could feign a line of its own.
fn readable(path: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(path).decode_utf8_lossy()
}

/// Clients may invent methods without end; labels may not.
fn known_method(method: &http::Method) -> String {
    const KNOWN: [&str; 14] = [
        "GET",
        "HEAD",
        "OPTIONS",
        "PROPFIND",
        "PUT",
        "DELETE",
        "MKCOL",
        "COPY",
        "MOVE",
        "LOCK",
        "UNLOCK",
        "PROPPATCH",
        "POST",
        "PATCH",
    ];
    if KNOWN.contains(&method.as_str()) { method.to_string() } else { "other".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_as_it_is_named() {
        assert_eq!(readable("/dav/%E7%94%B5%E5%BD%B1/a%20b.mkv"), "/dav/电影/a b.mkv");
        assert_eq!(readable("/dav/100%25%ff%0A"), "/dav/100%\u{fffd}\n");
    }

    #[test]
    fn an_agent_is_shown_within_bounds_and_harmlessly() {
        let shown = |bytes: &[u8]| shown(&HeaderValue::from_bytes(bytes).unwrap());
        assert_eq!(shown(b"Kodi/20.1 (X11; Linux)"), "Kodi/20.1 (X11; Linux)");
        assert_eq!(shown("我的播放器/1\t\u{85}".as_bytes()), "我的播放器/1\u{fffd}\u{fffd}");
        assert_eq!(shown(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(shown(&[b'x'; 5000]), format!("{}…", "x".repeat(200)));
        assert_eq!(shown("阿".repeat(200).as_bytes()), "阿".repeat(200));
    }
}
