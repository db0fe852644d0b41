//! Who is told of what was copied and what went, by ids: what is kept beside the items follows them.

use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;

use crate::drive::entry::Entry;

/// Told the id of an item and that of its copy; without one, that the item is gone.
pub(in crate::drive) type Follower = Box<dyn Fn(String, Option<String>) -> BoxFuture<'static, ()> + Send + Sync>;

/// The one who is told, once he has come; cheap to clone.
#[derive(Clone, Default)]
pub(in crate::drive) struct Followers(Arc<OnceLock<Follower>>);

impl Followers {
    /// Only the first who asks is told.
    pub(in crate::drive) fn set(&self, follower: Follower) {
        self.0.set(follower).ok();
    }

    pub(super) async fn copied(&self, source: &Entry, copy: &Entry) {
        if let Some(tell) = self.0.get() {
            tell(source.file_id.to_string(), Some(copy.file_id.to_string())).await;
        }
    }

    pub(super) async fn gone(&self, entry: &Entry) {
        if let Some(tell) = self.0.get() {
            tell(entry.file_id.to_string(), None).await;
        }
    }
}
