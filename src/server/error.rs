//! Every reason not to start.

use std::path::PathBuf;

/// Why the server did not start; each names the thing and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {error}; is another program using it?")]
    Listen {
        /// The address.
        address: String,
        /// The system's words.
        error: std::io::Error,
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
