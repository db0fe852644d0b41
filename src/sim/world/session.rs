//! Upload sessions: what has come of a file so far.

use std::collections::BTreeMap;

use bytes::Bytes;
use sha1::Sha1;

/// One session.
#[derive(Debug)]
pub(in crate::sim) struct Upload {
    pub(in crate::sim) user: usize,
    pub(in crate::sim) drive_id: String,
    pub(in crate::sim) file_id: String,
    pub(in crate::sim) parts: BTreeMap<u32, Part>,
    /// Of what came, where parts come in order.
    pub(in crate::sim) hasher: Sha1,
    /// Whether they must.
    pub(in crate::sim) sequential: bool,
    pub(in crate::sim) size: Option<u64>,
    pub(in crate::sim) content_hash: Option<String>,
    pub(in crate::sim) done: bool,
}

#[derive(Debug)]
pub(in crate::sim) struct Part {
    pub(in crate::sim) size: u64,
    pub(in crate::sim) etag: String,
    pub(in crate::sim) bytes: Bytes,
}

/// 32 upper-case hex characters (reference 0.3).
pub(in crate::sim) fn new_upload_id() -> String {
    crate::sim::world::content::hex(uuid::Uuid::new_v4().as_bytes())
}
