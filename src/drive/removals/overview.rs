//! What the journal tells those who show an account's items: it knows nothing else of them.

use futures_util::future::BoxFuture;

use crate::drive::entry::Entry;

/// Who shows the account's items, and is told what becomes of them apart from any request.
pub(in crate::drive) trait Overview: Send + Sync {
    /// An item has gone from its folder.
    fn item_gone<'a>(&'a self, folder_id: &'a str, file_id: &'a str) -> BoxFuture<'a, ()>;

    /// Another instance hides an item.
    fn item_hidden<'a>(&'a self, folder_id: &'a str, file_id: &'a str) -> BoxFuture<'a, ()>;

    /// An item of a folder has another name than it may be known by.
    fn item_named<'a>(&'a self, folder_id: &'a str, entry: Entry) -> BoxFuture<'a, ()>;
}
