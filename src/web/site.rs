//! What the routes beside WebDAV work on.

use std::sync::Arc;

use secrecy::SecretString;

use crate::config::Config;
use crate::drive::Tree;

/// Largest body of an API request.
pub(super) const MAX_BODY: usize = 64 << 10;

#[derive(Clone)]
pub(super) struct Site {
    pub(super) tree: Tree,
    /// Secrets of all mounts that have one.
    pub(super) tokens: Arc<[SecretString]>,
    pub(super) public_url: Option<url::Url>,
}

impl Site {
    pub(super) fn new(config: &Config, tree: Tree) -> Self {
        Self {
            tree,
            tokens: config.mounts.iter().filter_map(|mount| mount.down_proxy_token.clone()).collect(),
            public_url: config.public_url.clone(),
        }
    }
}
