//! The service's calls but those of sign-in, each as the reference tells it.

pub(super) mod items;
pub(super) mod params;
mod query;
pub(super) mod read;
pub(super) mod tree;
pub(super) mod upload;
pub(super) mod video;
