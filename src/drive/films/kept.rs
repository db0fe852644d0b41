//! Films and pictures of the mounts, with all that is remembered of them, of all accounts.

use std::sync::Arc;

use crate::drive::films::folders::Folders;
use crate::drive::films::renditions::Renditions;
use crate::drive::films::thumbnails::Thumbnails;
use crate::drive::mounts::Mounts;

/// The films and pictures of a tree.
pub struct Films {
    pub(super) mounts: Arc<Mounts>,
    pub(super) renditions: Arc<Renditions>,
    pub(super) thumbnails: Arc<Thumbnails>,
    pub(super) folders: Arc<Folders>,
}

impl Films {
    pub(in crate::drive) fn new(mounts: Arc<Mounts>) -> Self {
        let (renditions, thumbnails) = (Arc::new(Renditions::new()), Arc::new(Thumbnails::new()));
        Self { mounts, renditions, thumbnails, folders: Arc::new(Folders::new()) }
    }

    /// Of other mounts, with the same memory.
    pub(in crate::drive) fn over(&self, mounts: Arc<Mounts>) -> Self {
        let (renditions, thumbnails) = (self.renditions.clone(), self.thumbnails.clone());
        Self { mounts, renditions, thumbnails, folders: self.folders.clone() }
    }
}
