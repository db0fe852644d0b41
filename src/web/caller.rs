//! Who calls the pages' API.

use std::net::IpAddr;
use std::sync::Arc;

use crate::config::Permission;
use crate::drive::Path;
use crate::protocol::RequestId;

/// By what a caller is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownBy {
    /// A session of the pages.
    Cookie,
    /// Name and password with the call.
    Basic,
    /// Nothing: strangers may call too.
    Nothing,
}

/// Who calls, as the server has made out.
#[derive(Debug, Clone)]
pub struct Caller {
    /// What the call is named in the log.
    pub request: RequestId,
    /// Absent for strangers.
    pub user: Option<Arc<str>>,
    /// The part of the tree that the caller sees as its root.
    pub base_path: Path,
    /// What the caller may do.
    pub permission: Permission,
    /// Address of the client.
    pub address: IpAddr,
    /// How the server is reached, for links: scheme and host, without a slash at the end.
    pub origin: String,
    /// By what the caller is known.
    pub by: KnownBy,
    /// Equal for calls of one program of one user at one address.
    pub reader: u64,
}

impl Caller {
    /// Whether what is everybody's is the caller's business: who may change all of the tree.
    #[must_use]
    pub fn runs_all(&self) -> bool {
        self.permission == Permission::Write && self.base_path.is_root()
    }
}
