//! Drives as one tree of paths: resolution, listings, links and streams over the drive's ids.
//!
//! A [`Tree`] joins the mounts. It resolves a [`Path`] to a [`Resource`] through cached listings,
//! gives a folder's [`Members`], a file's [`Link`] and its bytes as a [`ByteStream`]. It never sees
//! a header and never chooses a status.

mod account;
mod addresses;
mod cache;
mod change;
mod commit;
mod download_room;
mod entry;
mod error;
mod held;
mod lanes;
mod link;
mod listing;
mod livp;
mod members;
mod mount;
mod open;
mod part_buffer;
mod path;
mod prefetch;
mod rapid;
mod removals;
mod resolve;
mod slots;
mod small;
mod stream;
mod tasks;
mod tentative;
mod tree;
mod upload;
mod upload_limits;
mod upload_memory;
mod upload_parts;
mod watch;
mod whole;

pub use account::Quota;
pub use cache::Freshness;
pub use change::{Expected, Placed, Terms};
pub use entry::{Entry, Kind, Resource};
pub use error::{DriveTrouble, Error, ErrorKind};
pub use held::MAX_LOCAL;
pub use link::Link;
pub use members::Members;
pub use open::Identity;
pub use path::{MAX_NAME_BYTES, Path, PathError, one_form};
pub use removals::PendingRemovals;
pub use slots::Reader;
pub use stream::ByteStream;
pub use tree::Tree;
pub use upload::{Upload, UploadOptions};

/// Signing in is the account's own affair, not the tree's; whoever shows it to people finds it with the accounts.
pub use crate::upstream::{Progress, SignIn, SignInError, SignInErrorKind, SignedIn};
