//! Bytes of files: over places, links, expired links and cuts, from one connection or several.

mod addresses;
pub(super) mod edges;
mod lanes;
pub(super) mod small;
pub(super) mod source;
pub(super) mod stream;
mod whole;
