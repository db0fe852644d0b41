//! Listings: complete, kept for a while, corrected by our own changes, and how a path is found through them.

pub(super) mod cache;
mod fetch;
pub(super) mod live_photo;
pub(super) mod members;
pub(super) mod prefetch;
pub(super) mod resolve;
mod watch;
pub(super) mod watched;
