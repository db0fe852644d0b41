//! Who calls the pages' API: by a session of the pages, by name and password, or as a stranger.
//!
//! A browser is never asked for a password by a challenge: its own box would open over the page, and what is typed
//! into that can never be signed out.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use tracing::Span;

use super::auth::{Denied, Identity};
use super::inbound::Inbound;
use super::peer;
use super::route::{App, RequestInfo, challenge, reader};
use crate::config::{LinkPolicy, Permission};
use crate::dav::{self, Dav};
use crate::drive::Path;
use crate::protocol::{Body, RequestBody, href};
use crate::web::{Caller, Code, KnownBy, Refusal, WebDav};

/// A caller, and the cookie to give out anew.
type Known = (Caller, Option<HeaderValue>);

impl App {
    /// Answers `/api/…`; the URL is without the path that everything is served below.
    pub(super) async fn api(
        &self,
        parts: &Parts,
        incoming: Inbound<Incoming>,
        info: RequestInfo,
    ) -> (Response<Body>, Option<Arc<str>>) {
        let secure = peer::is_secure(parts, info.socket, &self.trusted_proxies, self.public_url.as_ref(), self.tls);
        if let Some(refusal) = self.web.foreign(parts) {
            return (refusal.into_response(info.id), None);
        }
        let known = match (&parts.method, parts.uri.path()) {
            (&Method::POST, "/api/session") => return self.sign_in(parts, incoming, info, secure).await,
            (&Method::DELETE, "/api/session") => return self.sign_out(parts, info, secure).await,
            _ => self.caller(parts, info, secure).await,
        };
        let (caller, cookie) = match known {
            Ok(known) => known,
            Err(response) => {
                let nobody =
                    self.web.nobody().filter(|_| response.status() == StatusCode::UNAUTHORIZED && asks_who(parts));
                return (nobody.unwrap_or(*response), None);
            }
        };
        if caller.permission == Permission::None {
            let refusal = Refusal::new(Code::Forbidden, "this user may do nothing");
            return (refusal.into_response(info.id), caller.user);
        }
        let dav = ForPages { dav: self.dav.clone(), prefix: self.dav_path.clone(), context: context(&caller) };
        let mut response = self.web.api(parts, incoming, &caller, &dav).await;
        if let Some(cookie) = cookie {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        (response, caller.user)
    }

    /// The session comes first: a browser may send a password along that it was once asked for elsewhere.
    async fn caller(&self, parts: &Parts, info: RequestInfo, secure: bool) -> Result<Known, Box<Response<Body>>> {
        let refuse = |refusal: Refusal| Box::new(refusal.into_response(info.id));
        if let Some((user, cookie)) = self.web.session(&parts.headers, secure).await.map_err(refuse)?
            && let Some(identity) = self.authenticator.known(&user)
        {
            return Ok((self.seen(identity, KnownBy::Cookie, parts, info, secure), cookie));
        }
        match self.identify(&parts.headers, info).await {
            Ok(identity) => {
                let by = if identity.user.is_some() { KnownBy::Basic } else { KnownBy::Nothing };
                Ok((self.seen(identity, by, parts, info, secure), None))
            }
            Err(denied) => Err(Box::new(denied_to(parts, denied, info))),
        }
    }

    fn seen(&self, identity: Identity, by: KnownBy, parts: &Parts, info: RequestInfo, secure: bool) -> Caller {
        if let Some(user) = &identity.user {
            Span::current().record("user", &**user);
        }
        let host = parts.uri.authority().map(http::uri::Authority::as_str);
        let host = host.or_else(|| parts.headers.get(header::HOST).and_then(|value| value.to_str().ok()));
        let scheme = if secure { "https" } else { "http" };
        let origin = match &self.public_url {
            Some(url) => url.origin().ascii_serialization(),
            None => format!("{scheme}://{}", host.unwrap_or("localhost")),
        };
        Caller {
            request: info.id,
            reader: reader(identity.user.as_deref(), info.address, &parts.headers),
            user: identity.user,
            base_path: identity.base_path,
            permission: identity.permission,
            address: info.address,
            origin,
            by,
        }
    }

    async fn sign_in(
        &self,
        parts: &Parts,
        incoming: Inbound<Incoming>,
        info: RequestInfo,
        secure: bool,
    ) -> (Response<Body>, Option<Arc<str>>) {
        let (name, password) = match self.web.login(parts, incoming).await {
            Ok(login) => login,
            Err(refusal) => return (refusal.into_response(info.id), None),
        };
        let identity = match self.authenticator.verify(name, password, info.address).await {
            Ok(identity) => identity,
            Err(denied) => return (refusal(denied).into_response(info.id), None),
        };
        let caller = self.seen(identity, KnownBy::Cookie, parts, info, secure);
        if caller.permission == Permission::None {
            let refusal = Refusal::new(Code::Forbidden, "this user may do nothing");
            return (refusal.into_response(info.id), caller.user);
        }
        let response = self.web.begin_session(&caller, secure).await;
        (response.unwrap_or_else(|refusal| refusal.into_response(info.id)), caller.user)
    }

    /// Takes the cookie away even where it opens nothing any more.
    async fn sign_out(&self, parts: &Parts, info: RequestInfo, secure: bool) -> (Response<Body>, Option<Arc<str>>) {
        let caller = match self.caller(parts, info, secure).await {
            Ok((caller, _)) => Some(caller),
            Err(response) if self.web.ends_all(parts) => return (*response, None),
            Err(_) => None,
        };
        let user = caller.and_then(|caller| caller.user);
        let response = self.web.end_session(parts, secure, user.as_deref()).await;
        (response.unwrap_or_else(|refusal| refusal.into_response(info.id)), user)
    }
}

/// WebDAV as the pages use it.
#[derive(Clone)]
struct ForPages {
    dav: Dav,
    /// Path of WebDAV, as the settings have it.
    prefix: String,
    context: dav::Context,
}

impl WebDav for ForPages {
    async fn file(&self, parts: &Parts, path: &Path, policy: Option<LinkPolicy>) -> Response<Body> {
        self.dav.serve_file(parts, path, policy, &self.context).await
    }

    async fn change<B: RequestBody>(
        &self,
        mut parts: Parts,
        path: &Path,
        destination: Option<&Path>,
        body: B,
    ) -> Response<Body> {
        let url = |path: &Path| Path::parse(&self.prefix).map(|prefix| href::encode("", &path.under(&prefix), false));
        // The prefix is a path, and an encoded one is a URL.
        if let Ok(uri) = url(path).unwrap_or_default().parse() {
            parts.uri = uri;
        }
        if let Some(Ok(value)) = destination.map(|path| HeaderValue::from_str(&url(path).unwrap_or_default())) {
            parts.headers.insert("destination", value);
        }
        self.dav.handle(Request::from_parts(parts, body), &self.context).await
    }
}

fn context(caller: &Caller) -> dav::Context {
    dav::Context {
        request: caller.request,
        user: caller.user.clone(),
        base_path: caller.base_path.clone(),
        permission: caller.permission,
        address: caller.address,
        hosts: Vec::new(),
        reader: caller.reader,
    }
}

fn refusal(denied: Denied) -> Refusal {
    match denied {
        Denied::Unauthenticated | Denied::Wrong => Refusal::new(Code::Unauthenticated, denied.words()),
        Denied::Locked { retry_after } => Refusal::locked(retry_after),
    }
}

fn denied_to(parts: &Parts, denied: Denied, info: RequestInfo) -> Response<Body> {
    let answer = |denied| refusal(denied).into_response(info.id);
    if is_browser(&parts.headers) {
        return answer(denied);
    }
    challenge(denied, |_, _| answer(denied))
}

/// Whether a page asks whom it is for.
fn asks_who(parts: &Parts) -> bool {
    parts.method == Method::GET && parts.uri.path() == "/api/session" && is_browser(&parts.headers)
}

/// Over plain http browsers tell no mode, but they all begin their name alike.
fn is_browser(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    headers.contains_key("sec-fetch-mode") || agent.starts_with(b"Mozilla/")
}
