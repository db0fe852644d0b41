//! Drives as one tree of paths: resolution, listings, links and streams over the drive's ids.
//!
//! A [`Tree`] joins the mounts. It resolves a [`Path`] to a [`Resource`] through cached listings,
//! gives a folder's [`Members`], a file's [`Link`] and its bytes as a [`ByteStream`]. It never sees
//! a header and never chooses a status.

mod account;
mod accounts;
mod change;
mod download;
mod entry;
mod error;
mod films;
mod held;
mod listing;
mod mount;
mod mounts;
mod path;
mod removals;
mod slots;
mod sounds;
mod tasks;
mod transfers;
mod tree;
mod upload;
mod views;

pub use account::Quota;
pub use account::links::Link;
pub use change::terms::{Expected, Placed, Terms};
pub use download::identity::ContentId;
pub use download::stream::ByteStream;
pub use entry::{Entry, Kind, Origin, Resource};
pub use error::{DriveTrouble, Error, ErrorKind, Partly};
pub use films::kept::Films;
pub use films::{Find, Found, Marker, Rendition, Segment};
pub use held::MAX_LOCAL;
pub use listing::cache::Freshness;
pub use listing::members::Members;
pub use path::{MAX_NAME_BYTES, Path, PathError, nfc_key};
pub use removals::PendingRemovals;
pub use slots::permit::Reader;
pub use sounds::Sounds;
pub use transfers::jobs::{JobFailure, JobItems, JobState, JobStatus, NewJob};
pub use tree::Tree;
pub use upload::Upload;
pub use upload::carry::OnSent;
pub use upload::chunks::{ChunkName, Chunks, Gap, Place, WholeBody, Written};
pub use upload::known::{Delivered, Means};
pub use upload::options::UploadOptions;
pub use upload::source::{ByteSource, ContentSource};

/// What the drive tells of a film is told as it is.
pub use crate::upstream::{
    Address, Client, Life, Media, Membership, Picture, PlayInfo, Playlist, RenditionState, SignedUrl,
};

/// Signing in is the account's own affair, not the tree's; whoever shows it to people finds it with the accounts.
pub use crate::upstream::{Progress, SignIn, SignInError, SignInErrorKind, SignedIn};
