//! What one change is about, handed through dav-server to the adapter, and what comes back the same way.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dav_server::fs::{DavMetaData, FsError, FsResult};
use parking_lot::Mutex;

use crate::dav::error::Failure;
use crate::drive::{self, Entry, Expected, Partly, Path, Placed, Terms, UploadOptions};

/// What one request is about.
#[derive(Clone)]
pub(super) struct Scope(pub(super) Arc<ScopeInner>);

pub(super) struct ScopeInner {
    pub(super) method: http::Method,
    /// The part of the tree that the user sees as root.
    pub(super) base: Path,
    /// Source of the request, in the whole tree.
    pub(super) source: Path,
    /// COPY of a folder without its members.
    pub(super) depth_zero: bool,
    /// What is at the destination may be replaced.
    pub(super) overwrite: bool,
    pub(super) upload: UploadOptions,
    /// What the source must still be.
    pub(super) expected: Expected,
    /// Whether something was made where nothing was, as it turned out; dav-server only knows what it saw before.
    pub(super) made: Mutex<Option<bool>>,
    /// What of a tree went wrong, where the rest went well.
    pub(super) partly: Mutex<Option<Arc<Partly>>>,
    /// What went wrong.
    pub(super) failure: Arc<Mutex<Option<Failure>>>,
}

impl Scope {
    /// Remembers the exact failure; dav-server gets a word for it.
    pub(super) fn fail(&self, error: drive::Error) -> FsError {
        let short = match error {
            drive::Error::NotFound => return FsError::NotFound,
            drive::Error::ParentMissing => FsError::NotFound,
            drive::Error::NameExists => FsError::Exists,
            _ => FsError::GeneralFailure,
        };
        self.refuse(Failure::from(error));
        short
    }

    /// Like [`Scope::fail`], for what is done in one call: dav-server would answer some of its failures by a
    /// multistatus, as if other parts had gone well.
    pub(super) fn fail_whole(&self, error: drive::Error) -> FsError {
        if let drive::Error::Partly(partly) = &error {
            *self.0.partly.lock() = Some(partly.clone());
        }
        self.refuse(Failure::from(error));
        FsError::GeneralFailure
    }

    /// Remembers what was done.
    pub(super) fn placed(&self, placed: &Placed) {
        *self.0.made.lock() = Some(placed.replaced.is_none());
    }

    /// What went wrong on the way to a COPY or MOVE stops it.
    pub(super) fn unharmed(&self) -> FsResult<()> {
        if self.0.failure.lock().is_some() { Err(FsError::GeneralFailure) } else { Ok(()) }
    }

    pub(super) fn terms(&self) -> Terms {
        Terms { overwrite: self.0.overwrite, expected: self.0.expected.clone() }
    }

    pub(super) fn refuse(&self, failure: Failure) {
        *self.0.failure.lock() = Some(failure);
    }
}

/// An entry as dav-server looks at it.
#[derive(Debug, Clone)]
pub(super) struct Meta(pub(super) Arc<Entry>);

impl DavMetaData for Meta {
    fn len(&self) -> u64 {
        self.0.size.unwrap_or(0)
    }

    fn modified(&self) -> FsResult<SystemTime> {
        Ok(UNIX_EPOCH + Duration::from_millis(u64::try_from(self.0.modified.0).unwrap_or(0)))
    }

    fn is_dir(&self) -> bool {
        self.0.is_folder()
    }

    fn etag(&self) -> Option<String> {
        // dav-server puts the quotes itself.
        self.0.etag().map(|tag| tag.trim_matches('"').to_owned())
    }
}
