//! What is served beside WebDAV: pages with their API, signed links, the call by which download proxies get theirs.
//!
//! Speaks AList's and OpenList's form where their published proxies expect it (reference, section 6).

mod api;
mod assets;
mod caller;
mod charset;
mod error;
mod films;
mod input;
mod kind;
mod link_key;
mod links;
mod markdown;
mod natural;
mod origin;
mod qr;
mod session;
mod shell;
mod signin;
mod site;
mod webdav;
mod zip;

use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use secrecy::SecretString;
use serde::Deserialize;

use crate::clock::UnixMillis;
use crate::config::Config;
use crate::drive::{Path, Tree};
use crate::protocol::{Body, RequestBody, RequestId, body, href};
use crate::state::Store;

pub use self::caller::{Caller, KnownBy};
pub use self::error::{Code, Refusal};
use self::films::Films;
use self::link_key::LinkKey;
use self::session::Sessions;
use self::shell::Shells;
use self::signin::Flows;
use self::site::Site;
pub use self::webdav::WebDav;

/// The routes beside WebDAV.
#[derive(Clone)]
pub struct Web {
    site: Site,
    flows: Arc<Flows>,
    films: Films,
    /// Absent where there are none.
    pages: Option<Pages>,
}

#[derive(Clone)]
struct Pages {
    shells: Shells,
    sessions: Sessions,
}

#[derive(Deserialize)]
struct Login {
    name: String,
    password: SecretString,
}

impl Web {
    /// Makes no call.
    #[must_use]
    pub fn new(config: &Config, tree: Tree, store: &Store) -> Self {
        let films = Films::new(config, tree.clone(), LinkKey(store.clone()));
        let pages = config.has_pages().then(|| Pages {
            shells: Shells::new(config, config.base()),
            sessions: Sessions::new(config, store.clone()),
        });
        let site = Site::new(config, tree, config.base(), store, UnixMillis::now());
        Self { site, flows: Arc::default(), films, pages }
    }

    /// By other settings; sign-ins that have begun go on.
    #[must_use]
    pub fn reconfigured(&self, config: &Config, tree: Tree) -> Self {
        let pages = self.pages.as_ref().map(|pages| Pages {
            shells: pages.shells.reconfigured(config),
            sessions: pages.sessions.reconfigured(config),
        });
        let films = self.films.reconfigured(config, tree.clone());
        let old = &self.site;
        let site = Site::new(config, tree, &old.base, &old.store, old.started);
        Self { site, flows: self.flows.clone(), films, pages }
    }

    /// The answer of a page or one of its files; absent where the URL, without the path that everything is served
    /// below, is none of theirs.
    #[must_use]
    pub fn page(&self, parts: &Parts) -> Option<Response<Body>> {
        self.pages.as_ref()?.shells.answer(parts)
    }

    /// `POST /api/fs/link`: a path to a link, for a proxy that knows the mount's secret (reference 6.3).
    pub async fn fs_link<B: RequestBody>(&self, parts: &Parts, body: B, request: RequestId) -> Response<Body> {
        links::fs_link(&self.site, parts, body, request).await
    }

    /// The file of a signed link `/d/{path}?sign=…`.
    ///
    /// # Errors
    /// The answer to give instead.
    pub async fn signed_path(&self, parts: &Parts, request: RequestId) -> Result<Path, Box<Response<Body>>> {
        links::signed_path(&self.site, parts, request).await
    }

    /// Whether a path is a film's, by a signed URL.
    #[must_use]
    pub fn is_film(&self, path: &str) -> bool {
        self.films.are_served() && path.starts_with(films::PREFIX)
    }

    /// The file or film of an address without a sign, where a view hands such out: it opens for whoever may read it.
    #[must_use]
    pub fn unsigned_path(&self, parts: &Parts) -> Option<Path> {
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        if !reads || input::query(parts, "sign").is_some_and(|sign| !sign.is_empty()) {
            return None;
        }
        let path = match parts.uri.path().strip_prefix("/d") {
            Some(below) => href::decode(below).ok()?,
            None => films::film_of(parts.uri.path())?,
        };
        self.site.unsigned.iter().any(|source| path.strip_base(source).is_some()).then_some(path)
    }

    /// `/v/…`, a film by a signed URL, or for somebody who is known to may read it, for a client at that address.
    pub async fn film(&self, parts: &Parts, address: IpAddr, request: RequestId, may_read: bool) -> Response<Body> {
        self.films.answer(parts, address, request, may_read).await
    }

    /// A call of the API by somebody who may at least read.
    pub async fn api<B: RequestBody, D: WebDav>(
        &self,
        parts: &Parts,
        body: B,
        caller: &Caller,
        dav: &D,
    ) -> Response<Body> {
        let place =
            api::Services { site: &self.site, flows: &self.flows, films: &self.films, has_pages: self.pages.is_some() };
        match api::answer(place, parts, body, caller, dav).await {
            Ok(response) => response,
            Err(refusal) => refusal.into_response(caller.request),
        }
    }

    /// Why a call of the API is not heard, where another site's page made it.
    #[must_use]
    pub fn foreign(&self, parts: &Parts) -> Option<Refusal> {
        let foreign = origin::is_foreign(parts, self.site.public_url.as_ref());
        foreign.then(|| Refusal::new(Code::Forbidden, "calls from other sites are refused"))
    }

    /// The user of the request's session, and the cookie to give out anew.
    ///
    /// # Errors
    /// The state store failed.
    pub async fn session(
        &self,
        headers: &HeaderMap,
        secure: bool,
    ) -> Result<Option<(String, Option<HeaderValue>)>, Refusal> {
        let Some(pages) = &self.pages else { return Ok(None) };
        let found = pages.sessions.find(headers, secure).await?;
        Ok(found.map(|found| (found.user, found.renewed)))
    }

    /// Name and password of a `POST session`.
    ///
    /// # Errors
    /// The body is none, or there are no pages.
    pub async fn login<B: RequestBody>(&self, parts: &Parts, body: B) -> Result<(String, SecretString), Refusal> {
        if self.pages.is_none() {
            return Err(Refusal::new(Code::NotFound, "there is no such call"));
        }
        let shape = "{\"name\": \"…\", \"password\": \"…\"}";
        let Login { name, password } = input::json(parts, body, shape).await?;
        Ok((name, password))
    }

    /// A new session for a caller who has shown the password.
    ///
    /// # Errors
    /// The state store failed.
    pub async fn begin_session(&self, caller: &Caller, secure: bool) -> Result<Response<Body>, Refusal> {
        let mut response = api::me(caller);
        if let (Some(pages), Some(user)) = (&self.pages, &caller.user)
            && let Some(cookie) = pages.sessions.begin(user, secure).await?
        {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }

    /// What a browser is told that asks who it is, where nobody is signed in; absent without pages.
    #[must_use]
    pub fn nobody(&self) -> Option<Response<Body>> {
        self.pages.as_ref().map(|_| api::nobody())
    }

    /// Whether a `DELETE session` is to end all sessions of the user.
    #[must_use]
    pub fn ends_all(&self, parts: &Parts) -> bool {
        input::flag(parts, "everywhere")
    }

    /// `DELETE session`.
    ///
    /// # Errors
    /// The state store failed, and the session may go on.
    pub async fn end_session(
        &self,
        parts: &Parts,
        secure: bool,
        user: Option<&str>,
    ) -> Result<Response<Body>, Refusal> {
        let mut response = Response::new(body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let all_of = user.filter(|_| self.ends_all(parts));
        if let Some(pages) = &self.pages
            && let Some(cookie) = pages.sessions.end(&parts.headers, secure, all_of).await?
        {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }
}
