//! The HTTP clients: one for the API, one for the data host.
//!
//! They differ on purpose. The data host takes a signed URL and nothing else: a `Referer`, an
//! `Authorization` or a `Content-Type` makes it refuse (reference 3.9, 3.12), and a film is a
//! transfer without an end in sight, over HTTP/1.1 where an abandoned body is a closed connection.
//! Hundreds of films at once are hundreds of read buffers, whose size only the lower of the two
//! client libraries lets us choose.

use std::error::Error as StdError;
use std::time::Duration;

use http::{HeaderValue, Request, Response, Uri, header};
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::config;
use crate::upstream::error::Error;
use crate::upstream::http::chunks::Chunks;
use crate::upstream::http::outbound::{Outbound, outbound};
use crate::upstream::http::trust::client_tls;

/// Some services answer requests without one by an internal error (reference 0.2).
const USER_AGENT: &str = concat!("alidav/", env!("CARGO_PKG_VERSION"));

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Client for API and token servers.
pub(in crate::upstream) fn api_client(settings: &config::Upstream) -> Result<reqwest::Client, Error> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(client_tls()?)
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(Duration::from_secs(30))
        .pool_idle_timeout(Duration::from_secs(55))
        .tcp_nodelay(true)
        .referer(false)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    if let Some(url) = &settings.outbound_proxy {
        let proxy = reqwest::Proxy::all(url.clone()).map_err(|error| Error::setup(describe(error)))?;
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(|error| Error::setup(describe(error)))
}

/// Client for signed URLs.
#[derive(Clone, Debug)]
pub(in crate::upstream) struct DataClient {
    http: Client<Outbound, Chunks>,
    /// The credential of a proxy that forwards plain requests.
    proxy_credential: Option<HeaderValue>,
}

impl DataClient {
    /// Reads and writes up to `buffer` bytes at once.
    pub(in crate::upstream) fn new(settings: &config::Upstream, buffer: usize) -> Result<Self, Error> {
        let mut tls = client_tls()?;
        tls.alpn_protocols.clear();
        let (outbound, proxy_credential) = outbound(settings.outbound_proxy.as_ref(), tls.into(), CONNECT_TIMEOUT)
            .map_err(|error| Error::setup(error_chain(error.as_ref())))?;
        let http = Client::builder(TokioExecutor::new())
            // The host drops connections idle for 60 s (reference 3.9).
            .pool_idle_timeout(Duration::from_secs(50))
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(buffer)
            .build(outbound);
        Ok(Self { http, proxy_credential })
    }

    /// Sends a request; the address and its secret are in no error.
    pub(in crate::upstream) fn send(&self, mut request: Request<Chunks>) -> legacy::ResponseFuture {
        request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        if let Some(credential) = self.proxy_credential.as_ref().filter(|_| is_plain(request.uri())) {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, credential.clone());
        }
        self.http.request(request)
    }
}

/// Head and body of what the data host says.
pub(in crate::upstream) type DataAnswer = Response<Incoming>;

fn is_plain(uri: &Uri) -> bool {
    uri.scheme() == Some(&http::uri::Scheme::HTTP)
}

/// The transport's own words with their causes, without the URL, which may be a secret.
pub(in crate::upstream) fn describe(error: reqwest::Error) -> String {
    error_chain(&error.without_url())
}

/// An error with its causes.
pub(in crate::upstream) fn error_chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
