//! The embedded store: what must survive a restart.
//!
//! One SQLite file in WAL mode, readable by its owner only, written with full synchronisation: a
//! refresh token that was spent and not kept is a lost login. Answers for opening, migrating and
//! clear errors that name the file and the remedy; knows nothing of the drive's API.

mod alone;
mod error;
mod private;
mod sqlite;
mod store;

pub use alone::{Alone, RenewalTurn};
pub use error::Error;
pub use sqlite::drives::{DriveIds, DriveKind};
pub use sqlite::hashes::HashRow;
pub use sqlite::held::HeldRow;
pub use sqlite::locks::LockRow;
pub use sqlite::properties::PropertyRow;
pub use sqlite::removals::RemovalRow;
pub use sqlite::sessions::SessionRow;
pub use sqlite::tokens::Tokens;
pub use sqlite::uploads::UploadRow;
pub use store::Store;
