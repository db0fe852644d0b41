//! Bytes of files: over places, links, expired links and cuts, from one connection or several.

pub(super) mod addresses;
pub(super) mod edges;
pub(super) mod identity;
mod lanes;
pub(super) mod shared_reads;
pub(super) mod small;
pub(super) mod source;
pub(super) mod stream;
mod whole;
