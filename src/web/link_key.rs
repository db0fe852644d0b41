//! The key of signed links, which the state store keeps.
//!
//! It is read anew each time: whoever renews it, in whatever process, ends all links at once.

use crate::state::{self, Store};

/// What links are signed with.
#[derive(Clone)]
pub(super) struct LinkKey(pub(super) Store);

impl LinkKey {
    /// The key as a text.
    ///
    /// # Errors
    /// The state store failed.
    pub(super) async fn key(&self) -> Result<String, state::Error> {
        self.0.link_key().await
    }

    /// Another key in its place: what was signed with it opens nothing any more.
    ///
    /// # Errors
    /// The state store failed.
    pub(super) async fn renew(&self) -> Result<(), state::Error> {
        self.0.renew_link_key().await
    }
}
