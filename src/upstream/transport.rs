//! The HTTP clients: one for the API, one for the data host.
//!
//! They differ on purpose. The data host takes a signed URL and nothing else: a `Referer`, an
//! `Authorization` or a `Content-Type` makes it refuse (reference 3.9, 3.12), and a film is a
//! transfer without an end in sight, over HTTP/1.1 where an abandoned body is a closed connection.

use std::time::Duration;

use super::{Error, ErrorKind};
use crate::config;

/// Some services answer requests without one by an internal error (reference 0.2).
const USER_AGENT: &str = concat!("alidav/", env!("CARGO_PKG_VERSION"));

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Client for API and token servers.
pub(super) fn api_client(settings: &config::Upstream) -> Result<reqwest::Client, Error> {
    build(settings, |builder| builder.timeout(Duration::from_secs(30)).pool_idle_timeout(Duration::from_secs(55)))
}

/// Client for signed URLs.
pub(super) fn data_client(settings: &config::Upstream) -> Result<reqwest::Client, Error> {
    // The host drops connections idle for 60 s (reference 3.9).
    build(settings, |builder| builder.http1_only().pool_idle_timeout(Duration::from_secs(50)))
}

fn build(
    settings: &config::Upstream,
    special: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> Result<reqwest::Client, Error> {
    // A second installation is refused and harmless: the first one serves.
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .referer(false)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    if let Some(url) = &settings.outbound_proxy {
        let proxy = reqwest::Proxy::all(url.clone()).map_err(setup_error)?;
        builder = builder.proxy(proxy);
    }
    special(builder).build().map_err(setup_error)
}

fn setup_error(error: reqwest::Error) -> Error {
    Error::new("setup", ErrorKind::InvalidRequest).message(describe(error))
}

/// The transport's own words with their causes, without the URL, which may be a secret.
pub(super) fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
