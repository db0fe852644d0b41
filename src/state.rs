//! The store: what must survive a restart.
//!
//! By default one SQLite file in WAL mode, readable by its owner only, written with full synchronisation: a refresh
//! token that was spent and not kept is a lost login. Or a PostgreSQL database, which several instances share. One set
//! of operations with one text of SQL serves both. Answers for opening, migrating, waits that end, and clear errors that
//! name the place and the remedy; knows nothing of the drive's API.

mod alone;
mod drives;
mod error;
mod hashes;
mod held;
mod instances;
mod link_key;
mod locks;
mod open;
mod private;
mod properties;
mod removals;
mod server;
mod sessions;
mod shared;
mod store;
#[cfg(test)]
mod testing;
mod tokens;
mod transfer;
mod uploads;

pub use alone::{Alone, RenewalTurn};
pub use drives::{DriveIds, DriveKind};
pub use error::Error;
pub use hashes::HashRow;
pub use held::HeldRow;
pub use locks::LockRow;
pub use properties::PropertyRow;
pub use removals::RemovalRow;
pub use sessions::SessionRow;
pub use shared::changes::{Change, Changes, Heard};
pub use shared::leases::{Lease, LeaseKey, Leases};
pub use shared::pace::{Pace, Turn, Window};
pub use shared::presence::{Instance, Living};
pub use shared::reach::Reached;
pub use store::Store;
pub use tokens::Tokens;
pub use transfer::Copied;
pub use uploads::UploadRow;
