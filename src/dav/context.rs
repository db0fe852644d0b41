//! Who asks, in which request.

use std::net::IpAddr;
use std::sync::Arc;

use crate::config::Permission;
use crate::drive::Path;
use crate::protocol::RequestId;

/// Who asks, as the server has made out.
#[derive(Debug, Clone)]
pub struct Context {
    /// What the request is called; an error tells it.
    pub request: RequestId,
    /// Signed-in user; absent for anonymous requests.
    pub user: Option<Arc<str>>,
    /// The part of the tree that the user sees as its root.
    pub base_path: Path,
    /// What the user may do.
    pub permission: Permission,
    /// Address of the client.
    pub address: IpAddr,
    /// Names by which clients reach this server, as [`host_of`](crate::protocol::host::host_of) writes them; a
    /// `Destination` must bear one.
    pub hosts: Vec<String>,
    /// Equal for requests of one program of one user at one address.
    pub reader: u64,
}
