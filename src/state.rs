//! The embedded store: what must survive a restart.
//!
//! One SQLite file in WAL mode, readable by its owner only, written with full synchronisation: a
//! refresh token that was spent and not kept is a lost login. Answers for opening, migrating and
//! clear errors that name the file and the remedy; knows nothing of the drive's API.

mod error;
mod held;
mod locks;
mod open;
mod properties;
mod tokens;

use sqlx::SqlitePool;

pub use error::Error;
pub use held::HeldRow;
pub use locks::LockRow;
pub use properties::PropertyRow;
pub use tokens::{DriveIds, Tokens};

/// The store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Waits for running statements and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
