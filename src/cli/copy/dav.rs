//! A WebDAV server to copy from: its requests, and what may go wrong with them.
//!
//! The password goes to the host that was named and to no other; once a redirect has led elsewhere it is sent no more.
//! Silences end, answers are bounded, and what a server says of its files is believed only as far as it is checked.

pub(super) mod content;
pub(super) mod listing;
pub(super) mod login;
pub(super) mod proxy;
pub(super) mod source;

use std::ops::Range;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::Response;
use secrecy::ExposeSecret as _;
use url::{Origin, Url};

use self::listing::Remote;
use self::login::Login;
use self::proxy::Proxy;
use super::fault::Fault;
use crate::backoff::Backoff;
use crate::upstream::client_tls;
use crate::waits::Waits;

/// Longest wait for the head of an answer: a server before a slow drive may have to ask it first.
const ANSWER: Duration = Duration::from_secs(60);

const MOST_REDIRECTS: u32 = 5;

/// Tries of a listing.
const TRIES: u32 = 4;

/// Largest listing of one folder: some hundred thousand members.
const MOST_LISTED: usize = 128 << 20;

const ASKED: &str = concat!(
    r#"<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:" xmlns:oc="http://owncloud.org/ns"><prop>"#,
    "<resourcetype/><getcontentlength/><getlastmodified/><getetag/><oc:checksums/></prop></propfind>"
);

/// How patient a server is met.
#[derive(Clone, Copy)]
pub(super) struct Times {
    /// First pause before a listing is asked for again.
    pub(super) pause: Duration,
    /// Longest silence of a body.
    pub(super) silence: Duration,
}

/// A server, as one user.
pub(super) struct Server {
    http: reqwest::Client,
    origin: Origin,
    login: Option<Login>,
    times: Times,
    waits: Waits,
}

impl Server {
    /// The one at an address.
    ///
    /// # Errors
    /// The certificates that a variable names cannot be read, or the proxy cannot be used.
    pub(super) fn new(
        url: &Url,
        login: Option<Login>,
        proxy: &Proxy,
        times: Times,
        waits: Waits,
    ) -> Result<Self, String> {
        let tls = client_tls().map_err(|error| error.to_string())?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("alidav/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .tcp_nodelay(true)
            .referer(false)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        let http = match proxy.to_reqwest() {
            Some(proxy) => http.proxy(proxy.map_err(|error| error.without_url().to_string())?),
            None => http,
        };
        let http = http.build().map_err(|error| error.without_url().to_string())?;
        Ok(Self { http, origin: url.origin(), login, times, waits })
    }

    /// What is at an address.
    ///
    /// # Errors
    /// It cannot be asked for.
    pub(super) async fn look(&self, url: &Url) -> Result<Remote, Fault> {
        let document = self.propfind(url, "0").await?;
        listing::itself(&document, url).map_err(Fault::Source)
    }

    /// The members of a folder, and what of its listing is none.
    ///
    /// # Errors
    /// It cannot be asked for, or is no listing.
    pub(super) async fn members(&self, url: &Url) -> Result<listing::Listed, Fault> {
        let document = self.propfind(url, "1").await?;
        listing::members(&document, url).map_err(Fault::Source)
    }

    async fn propfind(&self, url: &Url, depth: &'static str) -> Result<String, Fault> {
        let pauses = Backoff::new(self.times.pause, Duration::from_secs(20));
        let mut tries = 0;
        loop {
            let error = match self.propfind_once(url, depth).await {
                Ok(document) => return Ok(document),
                Err(Fault::Passing { words, after }) => Fault::Passing { words, after },
                Err(error) => return Err(error),
            };
            tries += 1;
            if tries >= TRIES {
                return Err(error);
            }
            let after = if let Fault::Passing { after, .. } = &error { *after } else { None };
            tokio::time::sleep(after.unwrap_or_else(|| pauses.after(tries)).min(Duration::from_secs(60))).await;
        }
    }

    async fn propfind_once(&self, url: &Url, depth: &'static str) -> Result<String, Fault> {
        let method = Method::from_bytes(b"PROPFIND").map_err(|_| Fault::Source("no request".to_owned()))?;
        let mut headers = HeaderMap::new();
        headers.insert("depth", HeaderValue::from_static(depth));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        let mut answer = self.send(&method, url, &headers, Some(ASKED)).await?;
        if answer.status() != StatusCode::MULTI_STATUS {
            return Err(Fault::Source(format!("the server answers {} to PROPFIND; is it WebDAV?", answer.status())));
        }
        let mut document = Vec::new();
        while let Some(bytes) = self.chunk(&mut answer).await? {
            document.extend_from_slice(&bytes);
            if document.len() > MOST_LISTED {
                return Err(Fault::Source("its listing does not end".to_owned()));
            }
        }
        String::from_utf8(document).map_err(|_| Fault::Source("its listing is no UTF-8".to_owned()))
    }

    /// Opens a file, or a range of it. The answer is 200, or 206 for a range.
    ///
    /// # Errors
    /// Another answer.
    async fn get(&self, url: &Url, range: Option<Range<u64>>) -> Result<Response, Fault> {
        let mut headers = HeaderMap::new();
        if let Some(range) = &range {
            let text = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
            headers.insert(header::RANGE, text.parse().map_err(|_| Fault::Source("no range".to_owned()))?);
        }
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let answer = self.send(&Method::GET, url, &headers, None).await?;
        match answer.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(answer),
            status => Err(Fault::Source(format!("the server answers {status}"))),
        }
    }

    /// The next bytes of a body.
    async fn chunk(&self, answer: &mut Response) -> Result<Option<bytes::Bytes>, Fault> {
        let _wait = self.waits.begin("the WebDAV server to send");
        match tokio::time::timeout(self.times.silence, answer.chunk()).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => Err(broken(&error)),
            Err(_) => Err(passing("the server has fallen silent")),
        }
    }

    /// Sends a request and follows redirects; a listing is asked of no other host.
    async fn send(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body: Option<&'static str>,
    ) -> Result<Response, Fault> {
        let (mut url, mut signs) = (url.clone(), true);
        let _wait = self.waits.begin("the WebDAV server to answer");
        for _ in 0..=MOST_REDIRECTS {
            signs &= url.origin() == self.origin;
            let mut request = self.http.request(method.clone(), plain(&url)).headers(headers.clone());
            if let Some(login) = self.login.as_ref().filter(|_| signs) {
                request = request.basic_auth(&login.user, Some(login.password.expose_secret()));
            }
            if let Some(body) = body {
                request = request.body(body);
            }
            let answer = tokio::time::timeout(ANSWER, request.send()).await;
            let answer = answer.map_err(|_| passing("the server does not answer"))?.map_err(|error| broken(&error))?;
            match judge(&answer)? {
                None => return Ok(answer),
                Some(location) => {
                    let next = url.join(&location).map_err(|_| Fault::Source("it redirects nowhere".to_owned()))?;
                    if !matches!(next.scheme(), "http" | "https") {
                        return Err(Fault::Source("it redirects to what is no HTTP".to_owned()));
                    }
                    if *method != Method::GET && next.origin() != self.origin {
                        let host = next.host_str().unwrap_or_default();
                        return Err(Fault::Source(format!("it redirects to another host; name {host} as the source")));
                    }
                    url = next;
                }
            }
        }
        Err(Fault::Source("it redirects without end".to_owned()))
    }
}

/// The address without its user, who is named by a header.
fn plain(url: &Url) -> Url {
    let mut plain = url.clone();
    // Neither can fail for http.
    plain.set_username("").ok();
    plain.set_password(None).ok();
    plain
}

/// Where an answer leads; absent where it is the last one.
fn judge(answer: &Response) -> Result<Option<String>, Fault> {
    let status = answer.status();
    match status.as_u16() {
        301 | 302 | 303 | 307 | 308 => {
            let location = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            location
                .map(|location| Some(location.to_owned()))
                .ok_or_else(|| Fault::Source(format!("the server answers {status} and does not say where to")))
        }
        401 => Err(Fault::Source("the server refuses the user or the password (401)".to_owned())),
        403 => Err(Fault::Source("the server forbids it (403)".to_owned())),
        404 | 410 => Err(Fault::Source("it is not there".to_owned())),
        429 | 500.. => {
            let after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
            let after = after.and_then(|text| text.parse().ok()).map(Duration::from_secs);
            Err(Fault::Passing { words: format!("the server answers {status}"), after })
        }
        _ => Ok(None),
    }
}

fn passing(words: &str) -> Fault {
    Fault::Passing { words: words.to_owned(), after: None }
}

/// Without the address, which may be a signed one.
fn broken(error: &reqwest::Error) -> Fault {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    if error.is_connect() {
        return Fault::Away(format!("the WebDAV server cannot be reached: {cause}"));
    }
    passing(&format!("the connection broke: {cause}"))
}
