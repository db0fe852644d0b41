//! Programs within a browser that come from another origin: note editors, players (`cors_origins`).
//!
//! For WebDAV and signed links alone. The pages' API is for the pages: whoever could read it from elsewhere could act
//! with the cookie of the one who looks. The question that a browser asks beforehand bears no password, so it is
//! answered before one is asked for (Fetch standard, section 3.3).

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use crate::dav;
use crate::protocol::{Body, body};

/// Headers of answers that a program may read beside the few that are always open.
const EXPOSED: &str = "Accept-Ranges, Allow, Content-Length, Content-Range, DAV, ETag, Last-Modified, Location, \
                       Lock-Token, MS-Author-Via, OC-Checksum, Retry-After, WWW-Authenticate, X-OC-MTime, X-Request-Id";

/// Seconds that a browser remembers the answer; none keeps it longer than two hours.
const REMEMBERED: &str = "7200";

/// Who may come, by the settings.
pub(super) struct Cors {
    origins: Vec<String>,
}

/// A request as far as its origin goes.
pub(super) struct Visit {
    /// Answers depend on the origin.
    varies: bool,
    /// Who is let in: the origin, or `*`.
    open_to: Option<HeaderValue>,
    /// The answer to a browser that asks what it may send.
    preflight: Option<Response<Body>>,
}

impl Cors {
    pub(super) fn new(origins: &[String]) -> Self {
        Self { origins: origins.to_vec() }
    }

    pub(super) fn visit(&self, parts: &Parts) -> Visit {
        let open_to = self.origin(&parts.headers);
        let asks = parts.method == Method::OPTIONS && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let preflight = (asks && open_to.is_some()).then(|| preflight(&parts.headers));
        Visit { varies: !self.origins.is_empty(), open_to, preflight }
    }

    fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        if self.origins.iter().any(|own| own.as_bytes().eq_ignore_ascii_case(origin.as_bytes())) {
            return Some(origin.clone());
        }
        self.origins.iter().any(|own| own == "*").then(|| HeaderValue::from_static("*"))
    }
}

impl Visit {
    /// The answer, opened to the program; what answers otherwise need not run for a browser that only asks.
    pub(super) async fn answer<U>(
        self,
        answer: impl Future<Output = (Response<Body>, Option<U>)>,
    ) -> (Response<Body>, Option<U>) {
        let (mut response, user) = match self.preflight {
            Some(response) => (response, None),
            None => answer.await,
        };
        let headers = response.headers_mut();
        if self.varies {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(origin) = self.open_to {
            // Whoever is not named may send a password of his own, but not the one that the browser remembers.
            if origin != "*" {
                headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
        (response, user)
    }
}

fn preflight(asked: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(dav::METHODS));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(REMEMBERED));
    // A header that WebDAV does not know changes nothing, so those asked for are those allowed.
    if let Some(names) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    // A server in a network at home, asked from a page of the internet (Private Network Access).
    if asked.contains_key("access-control-request-private-network") {
        headers.insert("access-control-allow-private-network", HeaderValue::from_static("true"));
    }
    response
}
