//! What `dav`, `web` and `server` share of HTTP: bodies, plain answers, hrefs, hosts, a request's id.
//!
//! It knows paths and failures of the tree, but no method, no property and no route.

pub mod body;
pub mod failure;
pub mod gzip;
pub mod host;
pub mod href;
pub mod reply;
pub mod request_id;

pub use body::{Body, BodyError, RequestBody};
pub use request_id::RequestId;
