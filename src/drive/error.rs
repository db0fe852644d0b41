//! Every way the tree can fail a caller.

use std::sync::Arc;
use std::time::Duration;

use crate::upstream;

/// A failed operation on the tree. Cheap to clone, since callers that share a fetch share its failure.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Nothing at the path.
    #[error("not found")]
    NotFound,
    /// A folder was needed and the path is a file.
    #[error("not a folder")]
    NotAFolder,
    /// A file was needed and the path is a folder.
    #[error("is a folder")]
    IsAFolder,
    /// The user granted no drive at all.
    #[error("the account has granted no drive; {}", upstream::GRANT_DRIVE)]
    NoDriveGranted,
    /// The drive the mount names was not granted by the user.
    #[error("the account has not granted its {drive} drive; {}", upstream::GRANT_DRIVE)]
    DriveNotGranted {
        /// `resource` or `backup`.
        drive: &'static str,
    },
    /// The content is no longer what was listed; a fresh listing was asked for, try again.
    #[error("content changed")]
    Changed {
        /// The drive has no such item any more.
        gone: bool,
    },
    /// The drive has frozen the file's content.
    #[error("the drive has frozen this file")]
    Frozen,
    /// All download places of the account stay taken.
    #[error("no free download place")]
    NoFreeStream {
        /// When to try again.
        retry_after: Duration,
    },
    /// A listing contradicts itself: an endless or repeated page marker.
    #[error("the drive's listing does not end")]
    EndlessListing,
    /// The mount takes no changes.
    #[error("the mount is read-only")]
    ReadOnly,
    /// A mount point, or a folder above one, cannot be changed.
    #[error("a mount point cannot be changed")]
    Protected,
    /// The folder that should hold the new item does not exist.
    #[error("the folder above does not exist")]
    ParentMissing,
    /// The name is taken by something that must not be replaced.
    #[error("the name is taken")]
    NameExists,
    /// A folder cannot be put into itself, nor an item in place of a folder that holds it.
    #[error("an item cannot be put into itself or in place of a folder that holds it")]
    IntoItself,
    /// The name no longer holds what a condition of the request is about.
    #[error("a condition no longer holds")]
    ConditionFailed,
    /// The two places are on different drives.
    #[error("the two places are on different drives")]
    CrossDrive,
    /// The body had another length than promised.
    #[error("{received} bytes came where {expected} were promised")]
    Length {
        /// Promised.
        expected: u64,
        /// Arrived, or more.
        received: u64,
    },
    /// The body is not what its announced checksum says.
    #[error("the content does not match the announced checksum")]
    Checksum,
    /// What the drive stored is not what was sent; it was removed again.
    #[error("the drive stored other content than was sent")]
    Corrupt,
    /// The upload session was lost or its parts cannot be stored.
    #[error("upload: {0}")]
    Upload(String),
    /// A background task of the drive failed or does not end.
    #[error("the drive's background task {0}")]
    Task(&'static str),
    /// No memory for the body came free within the longest wait.
    #[error("other uploads hold all of upload.memory")]
    NoUploadMemory {
        /// When to try again.
        retry_after: Duration,
    },
    /// A file of this size needs larger parts than the uploads' memory holds.
    #[error("a file of this size needs larger parts than upload.memory can hold")]
    PartsTooLarge,
    /// The folder for rapid-upload candidates cannot be used.
    #[error("spool: {0}")]
    Spool(String),
    /// Too many older versions could not be removed yet.
    #[error("too many replaced items wait to be removed")]
    TooManyRemovals,
    /// The program is stopping and gave the work up.
    #[error("stopping")]
    Stopping,
    /// A call failed.
    #[error(transparent)]
    Upstream(#[from] Arc<upstream::Error>),
    /// A transfer failed and could not be resumed.
    #[error(transparent)]
    Data(#[from] upstream::DataError),
    /// The state store failed.
    #[error("state store: {0}")]
    State(Arc<crate::state::Error>),
}

impl From<upstream::Error> for Error {
    fn from(error: upstream::Error) -> Self {
        match error.kind {
            upstream::ErrorKind::NotFound => Self::NotFound,
            _ => Self::Upstream(Arc::new(error)),
        }
    }
}
