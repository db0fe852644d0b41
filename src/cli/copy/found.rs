//! What sources hold, in words that all of them share.

use std::path::PathBuf;

use url::Url;

use super::dav::listing::Remote;
use crate::clock::UnixMillis;
use crate::drive::Resource;

/// A member of a folder.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Folder(Folder),
    File(File),
    /// Nothing that is copied, and why.
    LeftOut(String),
    /// Something that should be copied and cannot be.
    Broken(String),
}

/// A folder that can be looked into.
#[derive(Debug, Clone)]
pub(super) enum Folder {
    Local(LocalFolder),
    Dav(Url),
    Drive(Resource),
}

/// A local folder, with those that were gone through on the way to it.
#[derive(Debug, Clone)]
pub(super) struct LocalFolder {
    pub(super) path: PathBuf,
    /// Device and inode of it and of all above it up to the source.
    pub(super) chain: Vec<(u64, u64)>,
}

/// A file with what is known of it without reading it.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) size: Option<u64>,
    pub(super) modified: Option<UnixMillis>,
    pub(super) content: Content,
}

/// Where a file's bytes are.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Local(PathBuf),
    Dav(Box<Remote>),
    Drive(Resource),
}
