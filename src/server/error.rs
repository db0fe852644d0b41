//! Every reason not to start.

use std::io;
use std::path::PathBuf;

/// Why the server did not start; each names the thing and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, or not to be had.
    #[error("cannot listen on {address}: {error}{}", remedy(.error))]
    Listen {
        /// The address.
        address: String,
        /// The system's words.
        error: io::Error,
    },
    /// A certificate or key file is unusable.
    #[error("{}: {problem}", .file.display())]
    Tls {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The state store.
    #[error(transparent)]
    State(#[from] crate::state::Error),
    /// The HTTP client for the drive could not be made.
    #[error("the connection to the drive cannot be set up: {0}")]
    Upstream(#[from] crate::upstream::Error),
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; end what uses it, or choose another in listen",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have that address, choose another in listen",
        io::ErrorKind::PermissionDenied => "; ports below 1024 and other users' folders need a permission",
        io::ErrorKind::NotFound => "; make the folder first",
        _ => "",
    }
}
