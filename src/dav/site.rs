//! What is served: the tree below its prefix, with the locks and properties that clients keep on it.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::clock::UnixMillis;
use crate::config::Config;
use crate::dav::error::Failure;
use crate::dav::store::dead_properties::{DeadProperties, log_failure};
use crate::dav::store::locks::Locks;
use crate::dav::store::unfinished::Unfinished;
use crate::drive::{Error, Freshness, Path, Resource, Tree};
use crate::link;
use crate::protocol::href::{self, HrefError};
use crate::state::{self, Store};

/// What every method works on; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) tree: Tree,
    /// Encoded path under which the tree is served; empty for the root.
    pub(super) prefix: Arc<str>,
    pub(super) prefix_path: Path,
    /// Path below which everything is served; empty for the root.
    pub(super) base: Arc<str>,
    pub(super) rules: Arc<link::Rules>,
    pub(super) locks: Arc<Locks>,
    pub(super) stored: Arc<DeadProperties>,
    /// Uploads that come in chunks.
    pub(super) unfinished: Arc<Unfinished>,
    /// Longest that a client waits for an upload to be put together before it is asked to come again.
    pub(super) assembly_answer: Duration,
    pub(super) infinity_max_entries: usize,
    pub(super) started: UnixMillis,
}

/// Where a URL lies.
pub(super) enum UrlPath {
    /// In the served tree, below the user's base path.
    Inside(Path),
    /// A folder above the prefix.
    Above(Path),
}

impl Site {
    /// Reads locks and stored properties; makes no call to the drive.
    ///
    /// # Errors
    /// The state store failed.
    pub(super) async fn open(config: &Config, tree: Tree, store: &Store) -> Result<Self, state::Error> {
        let prefix_path = Path::parse(&config.dav_path()).unwrap_or_else(|_| Path::root());
        let stored = DeadProperties::load(store.clone()).await?;
        let following = stored.clone();
        tree.on_successor(move |old, new| {
            let stored = following.clone();
            Box::pin(async move {
                log_failure(stored.follow(&old, &new, true).await);
                stored.forget(&old).await.ok();
            })
        });
        let copying = stored.clone();
        tree.on_copied(move |source, copy| {
            let stored = copying.clone();
            Box::pin(async move {
                log_failure(match copy {
                    Some(copy) => stored.follow(&source, &copy, true).await,
                    None => stored.forget(&source).await,
                });
            })
        });
        Ok(Self {
            tree,
            locks: Arc::new(Locks::load(store.clone()).await?),
            stored,
            prefix: encoded(&prefix_path),
            prefix_path,
            base: config.base().into(),
            unfinished: Unfinished::new(config.timeouts.unfinished_upload),
            assembly_answer: config.timeouts.assembly_answer,
            rules: Arc::new(link::Rules::new(&config.clients)),
            infinity_max_entries: config.cache.infinity_max_entries,
            started: UnixMillis::now(),
        })
    }

    /// The same locks and stored properties over a tree by other settings.
    pub(super) fn reconfigured(&self, config: &Config, tree: Tree) -> Self {
        Self {
            tree,
            rules: Arc::new(link::Rules::new(&config.clients)),
            infinity_max_entries: config.cache.infinity_max_entries,
            ..self.clone()
        }
    }

    /// The same tree below another path of URLs.
    pub(super) fn below(&self, path: &str) -> Result<Self, Failure> {
        let prefix_path = Path::parse(path).map_err(HrefError::Path)?;
        let prefix = encoded(&prefix_path);
        Ok(Self { prefix, prefix_path, ..self.clone() })
    }

    /// # Errors
    /// The URL is malformed, or lies beside the prefix.
    pub(super) fn url_path(&self, url_path: &str) -> Result<UrlPath, Failure> {
        let path = href::decode(url_path)?;
        match path.strip_base(&self.prefix_path) {
            Some(inside) => Ok(UrlPath::Inside(inside)),
            None if self.prefix_path.strip_base(&path).is_some() => Ok(UrlPath::Above(path)),
            None => Err(Failure::new(StatusCode::NOT_FOUND, format!("WebDAV is served below {}/", self.prefix))),
        }
    }

    /// What is at a path; only the drive's word makes it nothing.
    pub(super) async fn at(&self, path: &Path) -> Result<Option<Resource>, Failure> {
        match self.tree.stat(path, Freshness::Cached).await {
            Ok(resource) => Ok(Some(resource)),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// A prefix as hrefs begin with it.
fn encoded(prefix: &Path) -> Arc<str> {
    href::encode("", prefix, false).trim_end_matches('/').into()
}
