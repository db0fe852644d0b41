//! What the routes beside WebDAV work on.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::clock::UnixMillis;
use crate::config::{self, Config, ViewLinks};
use crate::drive::{Path, Tree};
use crate::state::Store;
use crate::web::link_key::LinkKey;

/// Largest body of an API request.
pub(super) const MAX_BODY: usize = 64 << 10;

#[derive(Clone)]
pub(super) struct Site {
    pub(super) tree: Tree,
    /// Secrets of all mounts that have one.
    pub(super) tokens: Arc<[SecretString]>,
    pub(super) public_url: Option<url::Url>,
    /// Path below which everything is served, without a slash at the end.
    pub(super) base: Arc<str>,
    /// Age up to which a listing is believed.
    pub(super) list_ttl: Duration,
    /// What links are signed with.
    pub(super) links: LinkKey,
    /// Who else serves from the same one.
    pub(super) store: Store,
    /// When the server began.
    pub(super) started: UnixMillis,
    pub(super) mounts: Arc<[config::Mount]>,
    /// Open download bodies of an account.
    pub(super) max_streams: usize,
    /// How long a link lasts where its maker does not say.
    pub(super) link_life: Duration,
    /// Folders to whose files views hand out addresses without a sign.
    pub(super) unsigned: Arc<[Path]>,
    /// The service is asked at most this often how one sign-in stands.
    pub(super) sign_in_poll: Duration,
}

impl Site {
    /// `base` is where everything is served, `started` since when.
    pub(super) fn new(config: &Config, tree: Tree, base: &str, store: &Store, started: UnixMillis) -> Self {
        Self {
            tree,
            links: LinkKey(store.clone()),
            store: store.clone(),
            started,
            mounts: config.mounts.clone().into(),
            max_streams: config.upstream.max_streams,
            tokens: config.mounts.iter().filter_map(|mount| mount.down_proxy_token.clone()).collect(),
            public_url: config.public_url.clone(),
            base: base.into(),
            list_ttl: config.cache.list_ttl,
            link_life: config.web.link,
            unsigned: unsigned(config),
            sign_in_poll: config.timeouts.sign_in_poll,
        }
    }
}

fn unsigned(config: &Config) -> Arc<[Path]> {
    let views = config.views.iter().filter(|view| view.links != ViewLinks::Signed);
    views.filter_map(|view| Path::parse(&view.source).ok()).collect()
}
