//! What is served beside WebDAV: pages with their API, signed links, the call by which download proxies get theirs.
//!
//! Speaks AList's and OpenList's form where their published proxies expect it (reference, section 6).

mod assets;
mod links;
mod origin;
mod shell;
mod signin;
mod site;

use std::sync::Arc;

use http::Response;
use http::request::Parts;

use crate::config::Config;
use crate::drive::{Path, Tree};
use crate::protocol::{Body, RequestBody, RequestId};

use self::shell::Shells;
use self::signin::Flows;
use self::site::Site;

/// The routes beside WebDAV.
#[derive(Clone)]
pub struct Web {
    site: Site,
    flows: Arc<Flows>,
    /// Absent where there are no pages.
    shells: Option<Shells>,
}

impl Web {
    /// Makes no call.
    #[must_use]
    pub fn new(config: &Config, tree: Tree) -> Self {
        let shells = config.has_pages().then(|| Shells::new(config, config.base()));
        Self { site: Site::new(config, tree), flows: Arc::default(), shells }
    }

    /// By other settings; sign-ins that have begun go on.
    #[must_use]
    pub fn reconfigured(&self, config: &Config, tree: Tree) -> Self {
        let shells = self.shells.as_ref().map(|shells| shells.reconfigured(config));
        Self { site: Site::new(config, tree), flows: self.flows.clone(), shells }
    }

    /// The answer of a page or one of its files; absent where the URL, without the path that everything is served
    /// below, is none of theirs.
    #[must_use]
    pub fn page(&self, parts: &Parts) -> Option<Response<Body>> {
        self.shells.as_ref()?.answer(parts)
    }

    /// `POST /api/fs/link`: a path to a link, for a proxy that knows the mount's secret (reference 6.3).
    pub async fn fs_link<B: RequestBody>(&self, parts: &Parts, body: B, request: RequestId) -> Response<Body> {
        links::fs_link(&self.site, parts, body, request).await
    }

    /// The file of a signed link `/d/{path}?sign=…`.
    ///
    /// # Errors
    /// The answer to give instead.
    pub fn signed_path(&self, parts: &Parts, request: RequestId) -> Result<Path, Box<Response<Body>>> {
        links::signed_path(&self.site, parts, request)
    }

    /// `/api/signin/…` of a user who may write.
    pub async fn signin<B: RequestBody>(&self, parts: &Parts, body: B, request: RequestId) -> Response<Body> {
        signin::signin(&self.site, &self.flows, parts, body, request).await
    }
}
