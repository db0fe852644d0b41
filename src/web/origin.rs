//! Whether a call of the JSON API comes from a page of this server.
//!
//! Browsers send the user's password along with whatever another site makes them send. They also say where it
//! comes from, in `Sec-Fetch-Site`, or in `Origin` where they are older; programs that are no browsers say neither.

use http::Method;
use http::header::{COOKIE, HOST, ORIGIN};
use http::request::Parts;
use url::Url;

/// Whether the request was made by another site's page.
pub(super) fn is_foreign(parts: &Parts, public_url: Option<&Url>) -> bool {
    let text = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(ORIGIN.as_str()) else {
        // A browser tells the origin of whatever may change something; a session is a browser's alone.
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        return !reads && parts.headers.contains_key(COOKIE);
    };
    let Ok(url) = origin.parse::<Url>() else { return true };
    if public_url.is_some_and(|public| public.origin() == url.origin()) {
        return false;
    }
    let authority = origin.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
    let host = parts.uri.authority().map(|a| a.as_str()).or_else(|| text(HOST.as_str()));
    !host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(headers: &[(&str, &str)]) -> bool {
        let mut request = http::Request::get("/api/signin/poll");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let public = "https://dav.example/".parse().ok();
        is_foreign(&request.body(()).unwrap().into_parts().0, public.as_ref())
    }

    #[test]
    fn only_pages_of_this_server_and_programs_are_heard() {
        assert!(!foreign(&[("host", "h:1")]));
        assert!(!foreign(&[("host", "h:1"), ("origin", "http://H:1")]));
        assert!(!foreign(&[("host", "h:1"), ("cookie", "alidav=x")]));
        assert!(!foreign(&[("host", "inner"), ("origin", "https://dav.example")]));
        assert!(!foreign(&[("host", "h"), ("sec-fetch-site", "same-origin"), ("origin", "https://h")]));
        for other in ["http://evil.example", "null", "http://h:2", "h:1", "http://h:1.evil.example"] {
            assert!(foreign(&[("host", "h:1"), ("origin", other)]), "{other}");
        }
        for site in ["cross-site", "same-site"] {
            assert!(foreign(&[("host", "h:1"), ("origin", "http://h:1"), ("sec-fetch-site", site)]));
        }
    }
}
