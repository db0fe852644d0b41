//! What is served beside WebDAV: signed links, the call by which download proxies get theirs, and signing in.
//!
//! Speaks AList's and OpenList's form where their published proxies expect it (reference, section 6).

mod links;
mod origin;
mod signin;
mod site;

use std::sync::Arc;

use http::Response;
use http::request::Parts;

use crate::config::Config;
use crate::drive::{Path, Tree};
use crate::protocol::{Body, RequestBody, RequestId};

use self::signin::Flows;
use self::site::Site;

/// The routes beside WebDAV.
#[derive(Clone)]
pub struct Web(Site, Arc<Flows>);

impl Web {
    /// Makes no call.
    #[must_use]
    pub fn new(config: &Config, tree: Tree) -> Self {
        Self(Site::new(config, tree), Arc::default())
    }

    /// By other settings; sign-ins that have begun go on.
    #[must_use]
    pub fn reconfigured(&self, config: &Config, tree: Tree) -> Self {
        Self(Site::new(config, tree), self.1.clone())
    }

    /// `POST /api/fs/link`: a path to a link, for a proxy that knows the mount's secret (reference 6.3).
    pub async fn fs_link<B: RequestBody>(&self, parts: &Parts, body: B, request: RequestId) -> Response<Body> {
        links::fs_link(&self.0, parts, body, request).await
    }

    /// The file of a signed link `/d/{path}?sign=…`.
    ///
    /// # Errors
    /// The answer to give instead.
    pub fn signed_path(&self, parts: &Parts, request: RequestId) -> Result<Path, Box<Response<Body>>> {
        links::signed_path(&self.0, parts, request)
    }

    /// `/api/signin/…` of a user who may write.
    pub async fn signin<B: RequestBody>(&self, parts: &Parts, body: B, request: RequestId) -> Response<Body> {
        signin::signin(&self.0, &self.1, parts, body, request).await
    }
}
