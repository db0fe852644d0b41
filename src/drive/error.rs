//! Every way the tree can fail a caller.

use std::sync::Arc;
use std::time::Duration;

use crate::drive::path::Path;
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
    /// The drive is still transcoding the film.
    #[error("the film is being transcoded")]
    Transcoding,
    /// The drive makes no preview of the file.
    #[error("the drive makes no preview of this file")]
    NoPreview,
    /// No rendition of the film can be played; in the drive's words, if it has any.
    #[error("no rendition can be played{}", .0.as_deref().map(|words| format!(": {words}")).unwrap_or_default())]
    NoRendition(Option<Arc<str>>),
    /// It is not the film, or not in the pieces, that a player was given.
    #[error("another film, or the same in other pieces")]
    OtherFilm,
    /// All download slots of the account stay taken.
    #[error("no free download slot")]
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
    /// A view shows what its source has and takes no changes.
    #[error("a view takes no changes")]
    InView,
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
    /// The service copies nothing between the two drives.
    #[error("the two places are on different drives")]
    CrossDrive,
    /// Some of a tree could not be copied; the rest has arrived, and a source that was to go is there still.
    #[error("{0}")]
    Partly(Arc<Partly>),
    /// Somebody has cancelled the copy.
    #[error("cancelled")]
    Cancelled,
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
    /// What is to be put on the drive cannot be read where it is.
    #[error("the source cannot be read: {text}")]
    Source {
        /// Why.
        text: Arc<str>,
        /// It broke off: another try may go on from there.
        broken: bool,
    },
    /// The folder for rapid-upload candidates cannot be used.
    #[error("spool: {0}")]
    Spool(String),
    /// The spool has no room for a chunk of an upload.
    #[error("upload.spool_limit leaves no room for this")]
    SpoolFull {
        /// Nor would it if nothing else were there.
        for_good: bool,
    },
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

impl From<crate::state::Error> for Error {
    fn from(error: crate::state::Error) -> Self {
        Self::State(Arc::new(error))
    }
}

/// What of a tree could not be copied, and why.
#[derive(Debug, Clone, Default)]
pub struct Partly {
    /// By the path of the source, or of what was to go at the destination.
    pub failures: Vec<(Path, Error)>,
    /// Failures beyond those.
    pub more: u64,
}

impl std::fmt::Display for Partly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.failures.len() as u64 + self.more;
        match self.failures.first() {
            // No path: who reads this may see a part of the tree only.
            Some((_, error)) => write!(f, "{count} could not be copied, the first because: {error}"),
            None => write!(f, "{count} could not be copied"),
        }
    }
}

/// What a failure says, in the tree's words: the list by which everybody above answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "as the errors of the same names")]
pub enum ErrorKind {
    NotFound,
    NotAFolder,
    IsAFolder,
    /// The user granted no drive, or not this one.
    NotGranted,
    Frozen,
    /// The content is no longer what was listed.
    Changing,
    /// The drive is still transcoding.
    Transcoding,
    /// The drive has nothing to play of this file.
    NoPreview,
    /// A player goes on with what is another film by now.
    OtherFilm,
    NoFreeStream,
    EndlessListing,
    ReadOnly,
    /// A view takes no changes.
    InView,
    Protected,
    ParentMissing,
    NameExists,
    ConditionFailed,
    IntoItself,
    CrossDrive,
    /// Some of a tree could not be copied.
    Partly,
    /// Somebody has cancelled it.
    Cancelled,
    /// The body is not what was promised, by length or checksum.
    OtherContent,
    Corrupt,
    NoUploadMemory,
    PartsTooLarge,
    /// An upload session or a background task of the drive failed.
    NotCarriedOut,
    Source,
    Spool,
    SpoolFull,
    TooManyRemovals,
    Stopping,
    /// The state store failed.
    Store,
    /// The drive, or the way to it.
    Drive(DriveTrouble),
}

/// What the drive itself refuses or fails in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriveTrouble {
    /// The name is taken.
    NameTaken,
    /// No space is left.
    Full,
    /// Refused by a code of its own; see [`Error::code`] and [`Error::remedy`].
    Forbidden,
    /// The files of the account are refused although it is known.
    FilesRefused,
    /// The access token is not renewed yet.
    SignInLate,
    /// Too many calls.
    Throttled,
    /// Somebody has to sign in.
    SignInNeeded,
    /// The application's id or secret is refused.
    ApplicationRefused,
    /// It takes no such name.
    InvalidName,
    /// It takes no file of this size.
    TooLarge,
    /// It gives no link to the content now.
    NoLink,
    /// No answer in time.
    Timeout,
    /// No connection.
    Unreachable,
    /// Trouble of its own.
    Unavailable,
    /// An answer, or a refusal, that makes no sense.
    Nonsense,
    /// No further download is allowed.
    TooManyStreams,
    /// A transfer stands still.
    Stalled,
    /// Its own link is refused.
    LinkRefused,
    /// A transfer broke.
    TransferFailed,
}

impl Error {
    /// Whether a call failed so.
    pub(super) fn has_kind(&self, kind: upstream::ErrorKind) -> bool {
        matches!(self, Self::Upstream(error) if error.kind == kind)
    }

    /// What it says.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound | Self::Changed { gone: true } => ErrorKind::NotFound,
            Self::NotAFolder => ErrorKind::NotAFolder,
            Self::IsAFolder => ErrorKind::IsAFolder,
            Self::NoDriveGranted | Self::DriveNotGranted { .. } => ErrorKind::NotGranted,
            Self::Changed { gone: false } => ErrorKind::Changing,
            Self::Frozen => ErrorKind::Frozen,
            Self::Transcoding => ErrorKind::Transcoding,
            Self::NoPreview | Self::NoRendition(_) => ErrorKind::NoPreview,
            Self::OtherFilm => ErrorKind::OtherFilm,
            Self::NoFreeStream { .. } => ErrorKind::NoFreeStream,
            Self::EndlessListing => ErrorKind::EndlessListing,
            Self::ReadOnly => ErrorKind::ReadOnly,
            Self::InView => ErrorKind::InView,
            Self::Protected => ErrorKind::Protected,
            Self::ParentMissing => ErrorKind::ParentMissing,
            Self::NameExists => ErrorKind::NameExists,
            Self::IntoItself => ErrorKind::IntoItself,
            Self::ConditionFailed => ErrorKind::ConditionFailed,
            Self::CrossDrive => ErrorKind::CrossDrive,
            Self::Partly(_) => ErrorKind::Partly,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::Length { .. } | Self::Checksum => ErrorKind::OtherContent,
            Self::Corrupt => ErrorKind::Corrupt,
            Self::Upload(_) | Self::Task(_) => ErrorKind::NotCarriedOut,
            Self::NoUploadMemory { .. } => ErrorKind::NoUploadMemory,
            Self::PartsTooLarge => ErrorKind::PartsTooLarge,
            Self::Source { .. } => ErrorKind::Source,
            Self::Spool(_) => ErrorKind::Spool,
            Self::SpoolFull { .. } => ErrorKind::SpoolFull,
            Self::TooManyRemovals => ErrorKind::TooManyRemovals,
            Self::Stopping => ErrorKind::Stopping,
            Self::Upstream(error) => of_call(error),
            Self::Data(error) => ErrorKind::Drive(of_transfer(error.kind)),
            Self::State(_) => ErrorKind::Store,
        }
    }

    /// When to try again, where that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NoFreeStream { retry_after } | Self::NoUploadMemory { retry_after } => Some(*retry_after),
            Self::Changed { .. } => Some(Duration::from_secs(1)),
            // Other uploads end in a while.
            Self::SpoolFull { for_good: false } => Some(Duration::from_secs(30)),
            Self::Upstream(error) => error.retry_after,
            _ => None,
        }
    }

    /// The drive's own code for a refusal.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        if let Self::Upstream(error) = self { error.code.as_deref() } else { None }
    }

    /// What a person can do about a refusal, where it says.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        if let Self::Upstream(error) = self { error.remedy() } else { None }
    }
}

fn of_call(error: &upstream::Error) -> ErrorKind {
    use DriveTrouble as T;
    use upstream::ErrorKind as K;
    ErrorKind::Drive(match error.kind {
        K::NotFound => return ErrorKind::NotFound,
        K::ParentNotFound => return ErrorKind::ParentMissing,
        K::Store => return ErrorKind::Store,
        K::NameExists => T::NameTaken,
        K::QuotaExhausted => T::Full,
        K::Forbidden => T::Forbidden,
        K::FilesRefused => T::FilesRefused,
        K::Throttled | K::Unavailable if error.call == upstream::RENEWAL => T::SignInLate,
        K::Throttled => T::Throttled,
        K::SignInNeeded => T::SignInNeeded,
        K::ApplicationRefused => T::ApplicationRefused,
        K::InvalidName => T::InvalidName,
        K::TooLarge => T::TooLarge,
        K::Transcoding => return ErrorKind::Transcoding,
        K::NoPreview => return ErrorKind::NoPreview,
        K::NoLink => T::NoLink,
        K::Timeout => T::Timeout,
        K::Unreachable | K::Setup => T::Unreachable,
        K::Unavailable => T::Unavailable,
        K::PreHashMatched
        | K::ProofRefused
        | K::ContentHashMismatch
        | K::UploadGone
        | K::InvalidRequest
        | K::Malformed => T::Nonsense,
    })
}

fn of_transfer(kind: upstream::DataErrorKind) -> DriveTrouble {
    use upstream::DataErrorKind as K;
    match kind {
        K::TooManyStreams => DriveTrouble::TooManyStreams,
        K::Throttled => DriveTrouble::Throttled,
        K::NoSpace => DriveTrouble::Full,
        K::Stalled => DriveTrouble::Stalled,
        K::Refused | K::Redirected | K::Gone => DriveTrouble::LinkRefused,
        K::Expired
        | K::WrongRange
        | K::Shorter
        | K::Unavailable
        | K::Broken
        | K::PartAlreadyExists
        | K::PartNotSequential
        | K::UploadGone => DriveTrouble::TransferFailed,
    }
}

impl From<upstream::Error> for Error {
    fn from(error: upstream::Error) -> Self {
        match error.kind {
            upstream::ErrorKind::NotFound => Self::NotFound,
            upstream::ErrorKind::Transcoding => Self::Transcoding,
            upstream::ErrorKind::NoPreview => Self::NoPreview,
            _ => Self::Upstream(Arc::new(error)),
        }
    }
}
