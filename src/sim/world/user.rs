//! Users, and what is counted of each.

/// One account.
#[derive(Debug)]
pub(in crate::sim) struct User {
    pub(in crate::sim) id: String,
    pub(in crate::sim) name: String,
    pub(in crate::sim) resource_drive: String,
    pub(in crate::sim) backup_drive: String,
    pub(in crate::sim) open_downloads: usize,
    /// Bytes of all bodies that are over.
    pub(in crate::sim) downloaded: u64,
    pub(in crate::sim) peak_downloads: usize,
}
