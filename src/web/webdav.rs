//! WebDAV as the pages' API uses it: files are read and changed by it alone, so that conditions, locks, turns and the
//! link policy are the same for both.

use std::future::Future;

use http::Response;
use http::request::Parts;

use crate::config::LinkPolicy;
use crate::drive::Path;
use crate::protocol::{Body, RequestBody};

/// WebDAV for one caller, of which a job keeps its own. Its failures bear [`FailureDetail`](crate::protocol::failure::FailureDetail).
pub trait WebDav: Clone + Send + Sync + 'static {
    /// GET or HEAD of the file at a path of the whole tree.
    fn file(
        &self,
        parts: &Parts,
        path: &Path,
        policy: Option<LinkPolicy>,
    ) -> impl Future<Output = Response<Body>> + Send;

    /// A method at a path below the caller's base path, with that of its destination.
    fn change<B: RequestBody>(
        &self,
        parts: Parts,
        path: &Path,
        destination: Option<&Path>,
        body: B,
    ) -> impl Future<Output = Response<Body>> + Send;
}
