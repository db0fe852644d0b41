//! Why something could not be copied, and what that means for the rest.

use std::io;
use std::time::Duration;

use indicatif::BinaryBytes;

use crate::drive::{self, DriveTrouble, ErrorKind};

/// A failure of one file or folder.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The drive's, or of what is read for it.
    #[error("{0}")]
    Drive(#[from] drive::Error),
    /// The source cannot give it.
    #[error("{0}")]
    Source(String),
    /// Of the source, and may pass.
    #[error("{words}")]
    Passing { words: String, after: Option<Duration> },
    /// Nobody answers for the source; that may pass.
    #[error("{0}")]
    Away(String),
    /// A local file that is written to again and again.
    #[error("it changes while it is read")]
    Changing,
    /// The local folder cannot take it.
    #[error("{0}")]
    Local(String),
    /// More than fits, by what was asked before.
    #[error("it needs {}, and {place} has {} left", BinaryBytes(*.needs), BinaryBytes(*.has))]
    NoRoom { place: &'static str, needs: u64, has: u64 },
    /// The local disk has no room.
    #[error("the disk is full")]
    DiskFull,
    /// Ctrl-C.
    #[error("stopped")]
    Stopped,
}

/// What a failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// Another try may do, after this time where it is known.
    Again(Option<Duration>),
    /// As much, and every other file fares the same: it is waited for.
    Away(Option<Duration>),
    /// This file fails.
    File,
    /// No other file would fare better.
    Run,
}

impl Fault {
    /// Of a local file or folder that is written.
    pub(super) fn writing(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            io::ErrorKind::InvalidFilename => Self::Local("the file system here takes no such name".to_owned()),
            _ => Self::Local(error.to_string()),
        }
    }

    /// Of one that is read.
    pub(super) fn reading(error: &io::Error) -> Self {
        Self::Source(error.to_string())
    }

    /// Whether so much has room.
    ///
    /// # Errors
    /// It has not.
    pub(super) fn room(place: &'static str, needs: u64, has: u64) -> Result<(), Self> {
        if needs > has { Err(Self::NoRoom { place, needs, has }) } else { Ok(()) }
    }

    pub(super) fn weight(&self) -> Weight {
        match self {
            Self::Drive(drive::Error::Source { broken: true, .. } | drive::Error::Checksum) => Weight::Again(None),
            Self::Drive(error) => of_drive(error),
            Self::Source(_) | Self::Local(_) | Self::Changing | Self::NoRoom { .. } => Weight::File,
            Self::Passing { after, .. } => Weight::Again(*after),
            Self::Away(_) => Weight::Away(None),
            Self::DiskFull | Self::Stopped => Weight::Run,
        }
    }
}

fn of_drive(error: &drive::Error) -> Weight {
    use DriveTrouble as T;
    match error.kind() {
        ErrorKind::Changing | ErrorKind::NoFreeStream | ErrorKind::NoUploadMemory | ErrorKind::NotCarriedOut => {
            Weight::Again(error.retry_after())
        }
        ErrorKind::Stopping | ErrorKind::Store | ErrorKind::TooManyRemovals | ErrorKind::NotGranted => Weight::Run,
        ErrorKind::Drive(trouble) => match trouble {
            T::Full | T::SignInNeeded | T::ApplicationRefused | T::FilesRefused => Weight::Run,
            T::NameTaken | T::Forbidden | T::InvalidName | T::TooLarge | T::NoLink => Weight::File,
            T::SignInLate | T::Throttled | T::Timeout | T::Unreachable | T::Unavailable => {
                Weight::Away(error.retry_after())
            }
            T::Nonsense | T::TooManyStreams | T::Stalled | T::LinkRefused | T::TransferFailed => {
                Weight::Again(error.retry_after())
            }
        },
        _ => Weight::File,
    }
}
