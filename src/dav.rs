//! WebDAV over the tree of drives (RFC 4918).
//!
//! Answers for methods, headers, properties, conditions and for the status of every failure. It has
//! no cache and no policy: what is there `drive` says, which way a download goes `link` says.
//!
//! Each method is a function of the `Site`, who asks ([`Context`]) and the request, in the file of its name:
//! `propfind`, `get` (with HEAD), `checksum`, and `change` with `put`, `proppatch`, `lock` and the rest. What several of them read
//! from a request lies in `request`, what they keep in `store`.

mod change;
mod checksum;
mod context;
mod error;
mod get;
mod nextcloud;
mod prop_name;
pub mod propfind;
mod request;
mod site;
mod store;
mod values;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use crate::config::{Config, LinkPolicy};
use crate::drive::{Path, Tree};
use crate::protocol::{Body, RequestBody, body};
use crate::state::{self, Store};

use self::change::{WRITING, change};
use self::checksum::{RECALCULATE, checksum};
pub use self::context::Context;
use self::error::Failure;
pub use self::error::METHODS;
pub use self::get::ranges;
use self::get::{Get, get};
use self::nextcloud::Address;
use self::propfind::{propfind, propfind_above};
use self::site::{Site, UrlPath};

/// Compliance classes (RFC 4918, section 18); without class 2 Finder mounts read-only.
const CLASSES: &str = "1, 2, 3";

/// The WebDAV server; cheap to clone.
#[derive(Clone, Debug)]
pub struct Dav(Site);

impl Dav {
    /// Reads locks and stored properties; makes no call to the drive.
    ///
    /// # Errors
    /// The state store failed.
    pub async fn open(config: &Config, tree: Tree, store: &Store) -> Result<Self, state::Error> {
        Site::open(config, tree, store).await.map(Self)
    }

    /// The same locks and stored properties over a tree by other settings.
    #[must_use]
    pub fn reconfigured(&self, config: &Config, tree: Tree) -> Self {
        Self(self.0.reconfigured(config, tree))
    }

    /// Answers a request to a URL below the prefix, or above it.
    pub async fn handle<B: RequestBody>(&self, request: Request<B>, context: &Context) -> Response<Body> {
        let (parts, body) = request.into_parts();
        match answer(&self.0, context, &parts, body).await {
            Ok(response) => response,
            Err(failure) => refuse(&parts, failure, context),
        }
    }

    /// GET or HEAD of one file by its path in the whole tree, for signed links.
    pub async fn serve_file(
        &self,
        parts: &http::request::Parts,
        path: &Path,
        policy: Option<LinkPolicy>,
        context: &Context,
    ) -> Response<Body> {
        let request = Get { method: &parts.method, headers: &parts.headers, path, policy, context };
        match get(&self.0, request).await {
            Ok(response) => response,
            Err(failure) => refuse(parts, failure, context),
        }
    }
}

async fn answer<B: RequestBody>(
    site: &Site,
    context: &Context,
    parts: &http::request::Parts,
    body: B,
) -> Result<Response<Body>, Failure> {
    if parts.method == Method::OPTIONS {
        return Ok(options());
    }
    let address = nextcloud::address(site, context, parts.uri.path())?;
    let site = match &address {
        Some(Address::Uploads(uploads)) => return nextcloud::uploads::answer(uploads, context, parts, body).await,
        Some(Address::Files(files)) => files,
        None => site,
    };
    match (parts.method.as_str(), site.url_path(parts.uri.path())?) {
        ("PROPFIND", UrlPath::Inside(path)) => propfind(site, context, &parts.headers, body, &path).await,
        ("PROPFIND", UrlPath::Above(path)) => propfind_above(site, context, &parts.headers, body, &path).await,
        ("GET" | "HEAD", UrlPath::Inside(path)) => {
            let path = path.under(&context.base_path);
            let policy = named_policy(parts.uri.query())?;
            get(site, Get { method: &parts.method, headers: &parts.headers, path: &path, policy, context }).await
        }
        ("PATCH", UrlPath::Inside(path)) if parts.headers.contains_key(RECALCULATE) => {
            checksum(site, context, &parts.headers, &path).await
        }
        ("HEAD", UrlPath::Above(_)) => Ok(Response::new(body::empty())),
        (method, UrlPath::Inside(path)) if WRITING.contains(&method) => change(site, context, parts, body, &path).await,
        (method, _) => Err(not_allowed(method)),
    }
}

fn options() -> Response<Body> {
    let mut response = Response::new(body::empty());
    let headers = response.headers_mut();
    headers.insert("dav", HeaderValue::from_static(CLASSES));
    headers.insert(header::ALLOW, HeaderValue::from_static(METHODS));
    headers.insert("ms-author-via", HeaderValue::from_static("DAV"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

fn not_allowed(method: &str) -> Failure {
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not served here"))
        .header(header::ALLOW, HeaderValue::from_static(METHODS))
}

/// `?link_policy=` of a request, for tests.
fn named_policy(query: Option<&str>) -> Result<Option<LinkPolicy>, Failure> {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let Some((_, value)) = { pairs }.find(|(name, _)| name == "link_policy") else { return Ok(None) };
    match LinkPolicy::parse(&value) {
        Some(policy) => Ok(Some(policy)),
        None => Err(Failure::new(StatusCode::BAD_REQUEST, "link_policy must be redirect, proxy or proxy_url")),
    }
}

fn refuse(parts: &http::request::Parts, failure: Failure, context: &Context) -> Response<Body> {
    let path = parts.uri.path();
    if failure.status.is_server_error() {
        let cause = failure.cause.as_deref().unwrap_or(&failure.text);
        tracing::warn!(%path, status = failure.status.as_u16(), %cause, "request failed");
    } else {
        tracing::debug!(%path, status = failure.status.as_u16(), text = %failure.text, "request refused");
    }
    failure.into_response(parts.method == Method::HEAD, context.request)
}
