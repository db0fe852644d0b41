//! WebDAV over the tree of drives (RFC 4918).
//!
//! Answers for methods, headers, properties, conditions and for the status of every failure. It has
//! no cache and no policy: what is there `drive` says, which way a download goes `link` says.

mod adapter;
mod asked;
mod changes;
mod conditions;
mod error;
mod get;
mod if_header;
mod incoming;
mod lockinfo;
mod locks;
mod multipart;
mod multistatus;
mod preconditions;
mod properties;
mod propfind;
pub mod propfind_request;
mod proppatch;
pub mod ranges;
mod request_xml;
mod stored;
mod values;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};

use error::Failure;
use get::Get;
use locks::Locks;
use propfind_request::Propfind;
use stored::Stored;

use crate::clock::UnixMillis;
use crate::config::{Config, LinkPolicy, Permission};
use crate::drive::{Path, Tree};
use crate::link;
use crate::protocol::{Body, RequestBody, body, href};
use crate::state::{self, Store};

/// Methods that are served.
const ALLOW: &str = "OPTIONS, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE, PROPFIND, PROPPATCH, LOCK, UNLOCK";

/// Compliance classes (RFC 4918, section 18); without class 2 Finder mounts read-only.
const CLASSES: &str = "1, 2, 3";

/// The WebDAV server; cheap to clone.
#[derive(Clone, Debug)]
pub struct Dav {
    tree: Tree,
    /// Encoded path under which the tree is served; empty for the root.
    prefix: Arc<str>,
    prefix_path: Path,
    rules: Arc<link::Rules>,
    locks: Arc<Locks>,
    stored: Arc<Stored>,
    infinity_max_entries: usize,
    started_ms: i64,
}

/// Who asks, as the server has made out.
#[derive(Debug, Clone)]
pub struct Context {
    /// Signed-in user; absent for anonymous requests.
    pub user: Option<Arc<str>>,
    /// The part of the tree that the user sees as its root.
    pub base_path: Path,
    /// What the user may do.
    pub permission: Permission,
    /// Address of the client.
    pub address: IpAddr,
    /// Names by which clients reach this server, as [`host_of`](crate::protocol::host::host_of) writes them; a `Destination` must bear one.
    pub hosts: Vec<String>,
    /// Equal for requests of one program of one user at one address.
    pub reader: u64,
}

/// Where a URL lies.
enum Place {
    /// In the served tree, below the user's base path.
    Inside(Path),
    /// A folder above the prefix.
    Above(Path),
}

impl Dav {
    /// Reads locks and stored properties; makes no call to the drive.
    ///
    /// # Errors
    /// The state store failed.
    pub async fn open(config: &Config, tree: Tree, store: &Store) -> Result<Self, state::Error> {
        let prefix_path = Path::parse(&config.dav_prefix).unwrap_or_else(|_| Path::root());
        let prefix = href::encode("", &prefix_path, false);
        let stored = Arc::new(Stored::load(store.clone()).await?);
        let following = stored.clone();
        tree.on_successor(move |old, new| {
            let stored = following.clone();
            Box::pin(async move {
                if let Err(error) = stored.follow(&old, &new, true).await {
                    tracing::error!(%error, "stored properties could not be kept");
                }
                stored.forget(&old).await.ok();
            })
        });
        Ok(Self {
            tree,
            locks: Arc::new(Locks::load(store.clone()).await?),
            stored,
            prefix: prefix.trim_end_matches('/').into(),
            prefix_path,
            rules: Arc::new(link::Rules::new(&config.clients)),
            infinity_max_entries: config.cache.infinity_max_entries,
            started_ms: UnixMillis::now().0,
        })
    }

    /// The same locks and stored properties over a tree by other settings.
    #[must_use]
    pub fn reconfigured(&self, config: &Config, tree: Tree) -> Self {
        Self {
            tree,
            rules: Arc::new(link::Rules::new(&config.clients)),
            infinity_max_entries: config.cache.infinity_max_entries,
            ..self.clone()
        }
    }

    /// Answers a request to a URL below the prefix, or above it.
    pub async fn handle<B: RequestBody>(&self, request: Request<B>, context: &Context) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let head = parts.method == Method::HEAD;
        match self.answer(&parts, body, context).await {
            Ok(response) => response,
            Err(failure) => refuse(&parts, failure, head),
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
        let get = Get { method: &parts.method, headers: &parts.headers, path, policy, context };
        match self.get(get).await {
            Ok(response) => response,
            Err(failure) => refuse(parts, failure, parts.method == Method::HEAD),
        }
    }

    async fn answer<B: RequestBody>(
        &self,
        parts: &http::request::Parts,
        body: B,
        context: &Context,
    ) -> Result<Response<Body>, Failure> {
        if parts.method == Method::OPTIONS {
            return Ok(options());
        }
        let place = self.place(parts.uri.path())?;
        match (parts.method.as_str(), place) {
            ("PROPFIND", place) => {
                let body = read_xml(body).await?;
                let request =
                    Propfind::parse(&body).map_err(|error| Failure::new(StatusCode::BAD_REQUEST, error.to_string()))?;
                match place {
                    Place::Inside(path) => self.propfind(&parts.headers, &request, &path, context).await,
                    Place::Above(path) => self.propfind_above(&parts.headers, &request, &path, context),
                }
            }
            ("GET" | "HEAD", Place::Inside(path)) => {
                let path = path.under(&context.base_path);
                let policy = named_policy(parts.uri.query())?;
                self.get(Get { method: &parts.method, headers: &parts.headers, path: &path, policy, context }).await
            }
            ("HEAD", Place::Above(_)) => Ok(Response::new(body::empty())),
            (method, Place::Inside(path)) if changes::WRITING.contains(&method) => {
                self.change(parts, body, &path, context).await
            }
            (method, _) => Err(not_allowed(method)),
        }
    }

    fn place(&self, url_path: &str) -> Result<Place, Failure> {
        let path = href::decode(url_path)?;
        match path.strip_base(&self.prefix_path) {
            Some(inside) => Ok(Place::Inside(inside)),
            None if self.prefix_path.strip_base(&path).is_some() => Ok(Place::Above(path)),
            None => Err(Failure::new(StatusCode::NOT_FOUND, format!("WebDAV is served below {}/", self.prefix))),
        }
    }
}

fn options() -> Response<Body> {
    let mut response = Response::new(body::empty());
    let headers = response.headers_mut();
    headers.insert("dav", HeaderValue::from_static(CLASSES));
    headers.insert(header::ALLOW, HeaderValue::from_static(ALLOW));
    headers.insert("ms-author-via", HeaderValue::from_static("DAV"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

fn not_allowed(method: &str) -> Failure {
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not served here"))
        .header(header::ALLOW, HeaderValue::from_static(ALLOW))
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

async fn read_xml<B: RequestBody>(body: B) -> Result<Bytes, Failure> {
    match Limited::new(body, propfind_request::MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "the request body is too large"))
        }
        Err(_) => Err(Failure::new(StatusCode::BAD_REQUEST, "the request body broke off")),
    }
}

fn refuse(parts: &http::request::Parts, failure: Failure, head: bool) -> Response<Body> {
    let (method, path) = (&parts.method, parts.uri.path());
    if failure.status.is_server_error() {
        let cause = failure.cause.as_deref().unwrap_or(&failure.text);
        tracing::warn!(%method, %path, status = failure.status.as_u16(), %cause, "request failed");
    } else {
        tracing::debug!(%method, %path, status = failure.status.as_u16(), text = %failure.text, "request refused");
    }
    failure.into_response(head)
}
