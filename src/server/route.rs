//! From a request to what answers it: WebDAV, the web's few routes, health and metrics.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::sync::{Arc, Once};
use std::time::Instant;

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::access::{self, Logged};
use super::auth::{Authenticator, Denied, Identity};
use super::connections::RequestGuard;
use super::cors::Cors;
use super::inbound::Inbound;
use super::{health, peer};
use crate::calls::CallCounter;
use crate::config::{Config, Permission};
use crate::dav::{self, Dav};
use crate::drive::Tree;
use crate::protocol::request_id::X_REQUEST_ID;
use crate::protocol::{Body, RequestId, gzip, reply};
use crate::state::Store;
use crate::web::Web;

/// Longest request target.
const MAX_URI: usize = 16 << 10;

/// What is known of a request before anybody looks at it.
#[derive(Clone, Copy)]
pub(super) struct RequestInfo {
    pub(super) id: RequestId,
    /// The client's, as far as the proxies are trusted.
    pub(super) address: IpAddr,
    /// The peer's; absent on a unix socket.
    pub(super) socket: Option<IpAddr>,
}

/// Whether a request changes nothing. Download proxies ask for links by POST.
fn reads_only(method: &Method, path: &str) -> bool {
    matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS" | "PROPFIND" | "REPORT")
        || *method == Method::POST && path.ends_with("/api/fs/link")
}

/// Everything a request may need; one for the whole server.
pub(super) struct App {
    pub(super) dav: Dav,
    pub(super) web: Web,
    pub(super) tree: Tree,
    store: Store,
    pub(super) authenticator: Authenticator,
    cors: Cors,
    pub(super) trusted_proxies: Vec<ipnet::IpNet>,
    pub(super) public_url: Option<url::Url>,
    /// Whether the listeners speak TLS.
    pub(super) tls: bool,
    /// Path below which everything is served; empty for the root.
    base: String,
    /// Path of WebDAV.
    pub(super) dav_path: String,
    /// Whether a proxy was seen that the settings do not know; told once.
    unknown_proxy: Once,
}

impl App {
    pub(super) async fn open(config: &Config, tree: Tree, store: &Store) -> Result<Self, crate::state::Error> {
        Ok(Self {
            dav: Dav::open(config, tree.clone(), store).await?,
            web: Web::new(config, tree.clone(), store),
            tree,
            store: store.clone(),
            authenticator: Authenticator::new(&config.users, config.anonymous),
            cors: Cors::new(&config.cors_origins),
            trusted_proxies: config.trusted_proxies.clone(),
            public_url: config.public_url.clone(),
            tls: config.tls.is_some(),
            base: config.base().to_owned(),
            dav_path: config.dav_path(),
            unknown_proxy: Once::new(),
        })
    }

    /// By other settings: users, mounts, policies, trusted proxies and the public address.
    pub(super) fn reconfigured(&self, config: &Config, tree: Tree) -> Self {
        Self {
            dav: self.dav.reconfigured(config, tree.clone()),
            web: self.web.reconfigured(config, tree.clone()),
            tree,
            store: self.store.clone(),
            authenticator: self.authenticator.reconfigured(&config.users, config.anonymous),
            cors: Cors::new(&config.cors_origins),
            trusted_proxies: config.trusted_proxies.clone(),
            public_url: config.public_url.clone(),
            tls: self.tls,
            base: self.base.clone(),
            dav_path: self.dav_path.clone(),
            unknown_proxy: Once::new(),
        }
    }

    /// Answers one request and logs it when its body has ended.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        socket: Option<IpAddr>,
        running: RequestGuard,
    ) -> Response<Logged> {
        if peer::is_unknown_proxy(socket, request.headers(), &self.trusted_proxies) {
            self.unknown_proxy.call_once(report_unknown_proxy);
        }
        let calls = CallCounter::default();
        let address = peer::address(socket, request.headers(), &self.trusted_proxies);
        let info = RequestInfo { id: RequestId::random(), address, socket };
        // Of the level of errors, so that it is there for them whatever `log` leaves out.
        let span = tracing::error_span!("request", id = %info.id, method = %request.method(), user = Empty);
        let entry = access::Entry {
            id: info.id,
            span: span.clone(),
            address,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            agent: request.headers().get(header::USER_AGENT).cloned(),
            started: Instant::now(),
            calls: calls.clone(),
            _running: running,
        };
        let takes_gzip = gzip::is_taken(request.headers());
        let changes = !reads_only(request.method(), request.uri().path());
        let has_body = !http_body::Body::is_end_stream(request.body()) && request.version() < http::Version::HTTP_2;
        let (mut response, user) = calls.scope(self.route(request, info)).instrument(span).await;
        if changes && response.status().is_success() {
            self.store.told().await;
        }
        if has_body && (response.status().is_client_error() || response.status().is_server_error()) {
            // The rest of the body is not read, so the connection ends; a client that is not told
            // would send its next request into it.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        // What is said of a name or by the drive is text as labelled, and no page that a browser makes out of it.
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response.headers_mut().insert(X_REQUEST_ID, info.id.into());
        entry.wrap(gzip::packed(response, takes_gzip), user)
    }

    async fn route(&self, request: Request<Incoming>, info: RequestInfo) -> (Response<Body>, Option<Arc<str>>) {
        if request.uri().path_and_query().is_some_and(|target| target.as_str().len() > MAX_URI) {
            return (info.line(StatusCode::URI_TOO_LONG, "the URL is too long"), None);
        }
        if request.version() == http::Version::HTTP_11 && !names_one_host(request.headers()) {
            return (info.line(StatusCode::BAD_REQUEST, "one Host is needed"), None);
        }
        let (mut parts, incoming) = request.into_parts();
        let incoming = Inbound::new(incoming, &parts);
        // Who watches the server does so past the proxy that passes a path of it on.
        match parts.uri.path() {
            "/healthz" => return (health::answer(&self.tree, &self.store, &parts.method).await, None),
            "/metrics" => return self.metrics(&parts, info).await,
            _ => {}
        }
        let Some(below) = below(&parts.uri, &self.base) else {
            return self.webdav(parts, incoming, info).await;
        };
        let whole = std::mem::replace(&mut parts.uri, below);
        match parts.uri.path() {
            "/healthz" => (health::answer(&self.tree, &self.store, &parts.method).await, None),
            "/metrics" => self.metrics(&parts, info).await,
            "/api/fs/link" => (self.web.fs_link(&parts, incoming, info.id).await, None),
            path if path.starts_with("/api/") => self.api(&parts, incoming, info).await,
            path if self.web.is_film(path) => self.film(&parts, info).await,
            path if path.starts_with("/d/") => self.cors.visit(&parts).answer(Box::pin(self.file(&parts, info))).await,
            _ => match self.web.page(&parts) {
                Some(page) => (page, None),
                None => {
                    parts.uri = whole;
                    self.webdav(parts, incoming, info).await
                }
            },
        }
    }

    async fn webdav(
        &self,
        parts: Parts,
        incoming: Inbound<Incoming>,
        info: RequestInfo,
    ) -> (Response<Body>, Option<Arc<str>>) {
        let visit = self.cors.visit(&parts);
        // On the heap: the states of all methods together are too much for a stack that nests them several times.
        visit.answer(Box::pin(self.webdav_of_user(parts, incoming, info))).await
    }

    async fn webdav_of_user(
        &self,
        parts: Parts,
        incoming: Inbound<Incoming>,
        info: RequestInfo,
    ) -> (Response<Body>, Option<Arc<str>>) {
        if parts.method == Method::GET && parts.uri.path() == "/" && !self.dav_path.is_empty() {
            return (self.welcome(), None);
        }
        let hosts = peer::hosts(&parts, info.socket, &self.trusted_proxies, self.public_url.as_ref());
        let request = Request::from_parts(parts, incoming);
        let identity = match self.identify(request.headers(), info).await {
            Ok(identity) => identity,
            Err(denied) => return (challenge(denied, |status, words| info.line(status, words)), None),
        };
        if identity.permission == Permission::None {
            return (info.line(StatusCode::FORBIDDEN, "this user may do nothing"), identity.user);
        }
        let context = dav::Context { hosts, ..context(&identity, info, request.headers()) };
        (self.dav.handle(request, &context).await, identity.user)
    }

    /// Who asks; the lines of the log tell it from here on.
    pub(super) async fn identify(&self, headers: &http::HeaderMap, info: RequestInfo) -> Result<Identity, Denied> {
        let identity = self.authenticator.check(headers.get(header::AUTHORIZATION), info.address).await?;
        if let Some(user) = &identity.user {
            Span::current().record("user", &**user);
        }
        Ok(identity)
    }

    /// A signed link needs no password: its sign is one, for one file.
    async fn file(&self, parts: &Parts, info: RequestInfo) -> (Response<Body>, Option<Arc<str>>) {
        let (path, user) = match self.reader_without_sign(parts, info).await {
            Ok(Some(known)) => known,
            Ok(None) => match self.web.signed_path(parts, info.id).await {
                Ok(path) => (path, None),
                Err(response) => return (*response, None),
            },
            Err(response) => return (*response, None),
        };
        let root = crate::drive::Path::root();
        let identity = Identity { user: user.clone(), base_path: root, permission: Permission::Read };
        (self.dav.serve_file(parts, &path, None, &context(&identity, info, &parts.headers)).await, user)
    }

    /// The same for a film's renditions.
    async fn film(&self, parts: &Parts, info: RequestInfo) -> (Response<Body>, Option<Arc<str>>) {
        match self.reader_without_sign(parts, info).await {
            Ok(known) => {
                let (may_read, user) = (known.is_some(), known.and_then(|(_, user)| user));
                (self.web.film(parts, info.address, info.id, may_read).await, user)
            }
            Err(response) => (*response, None),
        }
    }

    /// Who asks for what by an address without a sign; absent where no view hands such out.
    async fn reader_without_sign(
        &self,
        parts: &Parts,
        info: RequestInfo,
    ) -> Result<Option<(crate::drive::Path, Option<Arc<str>>)>, Box<Response<Body>>> {
        let line = |status: StatusCode, words: &str| info.line(status, words);
        let Some(path) = self.web.unsigned_path(parts) else { return Ok(None) };
        let found = self.identify(&parts.headers, info).await;
        let identity = found.map_err(|denied| Box::new(challenge(denied, line)))?;
        if identity.permission < Permission::Read || path.strip_base(&identity.base_path).is_none() {
            return Err(Box::new(line(StatusCode::FORBIDDEN, "this user may not read this")));
        }
        Ok(Some((path, identity.user)))
    }

    /// For everybody on this machine, and for users elsewhere.
    async fn metrics(&self, parts: &Parts, info: RequestInfo) -> (Response<Body>, Option<Arc<str>>) {
        if !peer::is_local(info.socket, &parts.headers, &self.trusted_proxies) {
            let line = |status: StatusCode, words: &str| info.line(status, words);
            match self.identify(&parts.headers, info).await {
                Ok(identity) if identity.user.is_some() => {}
                Ok(_) => return (challenge(Denied::Unauthenticated, line), None),
                Err(denied) => return (challenge(denied, line), None),
            }
        }
        health::set_gauges(&self.tree, &self.store).await;
        (reply::text(StatusCode::OK, super::metrics::render()), None)
    }

    fn welcome(&self) -> Response<Body> {
        reply::text(StatusCode::OK, format!("alidav: open {}/ with a WebDAV client\n", self.dav_path))
    }
}

/// A URL without the path that everything is served below; absent where it lies beside that.
fn below(uri: &Uri, base: &str) -> Option<Uri> {
    if base.is_empty() {
        return Some(uri.clone());
    }
    let rest = uri.path_and_query()?.as_str().strip_prefix(base)?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(match rest.chars().next() {
        Some('/') => rest.parse().ok()?,
        None | Some('?') => format!("/{rest}").parse().ok()?,
        Some(_) => return None,
    });
    Uri::from_parts(parts).ok()
}

/// RFC 9112, section 3.2: what names no host, several, or nonsense may be meant for another server.
fn names_one_host(headers: &http::HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter().map(HeaderValue::as_bytes);
    let one = hosts.next().is_some_and(|host| host.is_empty() || Authority::try_from(host).is_ok());
    one && hosts.next().is_none()
}

fn context(identity: &Identity, info: RequestInfo, headers: &http::HeaderMap) -> dav::Context {
    dav::Context {
        request: info.id,
        user: identity.user.clone(),
        base_path: identity.base_path.clone(),
        permission: identity.permission,
        address: info.address,
        hosts: Vec::new(),
        reader: reader(identity.user.as_deref(), info.address, headers),
    }
}

fn report_unknown_proxy() {
    tracing::warn!(
        "a proxy on this machine passes requests on, and all its clients count as one: name its address in \
         trusted_proxies, such as [\"127.0.0.1\", \"::1\"], and have it set X-Forwarded-For"
    );
}

/// Equal for requests of one program of one user at one address.
pub(super) fn reader(user: Option<&str>, address: IpAddr, headers: &http::HeaderMap) -> u64 {
    let mut hasher = DefaultHasher::new();
    (user, address, headers.get(header::USER_AGENT).map(HeaderValue::as_bytes)).hash(&mut hasher);
    hasher.finish()
}

impl RequestInfo {
    /// A failure in a line of text.
    fn line(self, status: StatusCode, words: &str) -> Response<Body> {
        reply::text_error(status, words, self.id)
    }
}

/// Asks for a password, or to wait; `say` makes the answer.
pub(super) fn challenge(denied: Denied, say: impl Fn(StatusCode, &str) -> Response<Body>) -> Response<Body> {
    match denied {
        Denied::Unauthenticated | Denied::Wrong => {
            let mut response = say(StatusCode::UNAUTHORIZED, denied.words());
            let basic = HeaderValue::from_static("Basic realm=\"alidav\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
            response
        }
        Denied::Locked { retry_after } => {
            let mut response = say(StatusCode::TOO_MANY_REQUESTS, denied.words());
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after.as_secs() + 1));
            response
        }
    }
}
