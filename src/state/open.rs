//! Opening the store: mode, journal, migrations.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::error::Fault;
use super::{Error, Store};
use crate::config::StateLocation;

/// How long a statement waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl Store {
    /// Opens the store, makes it where it does not exist, and brings its tables up to date.
    ///
    /// # Errors
    /// Each names the file and the remedy.
    pub async fn open(location: &StateLocation) -> Result<Self, Error> {
        let (options, file) = match location {
            StateLocation::Memory => (SqliteConnectOptions::new().in_memory(true), PathBuf::from(":memory:")),
            StateLocation::File(file) => {
                create_private(file)?;
                let options = SqliteConnectOptions::new().filename(file).journal_mode(SqliteJournalMode::Wal);
                (options, file.clone())
            }
        };
        let options = options.synchronous(SqliteSynchronous::Full).busy_timeout(BUSY_TIMEOUT).foreign_keys(true);
        // One connection: a database in memory belongs to it, and a file has one writer anyway.
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(BUSY_TIMEOUT * 2)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options)
            .await
            .map_err(|error| refused(&file, &error))?;
        match sqlx::migrate!().run(&pool).await {
            Ok(()) => Ok(Self { pool, file: file.into() }),
            Err(
                sqlx::migrate::MigrateError::Execute(error) | sqlx::migrate::MigrateError::ExecuteMigration(error, _),
            ) => Err(refused(&file, &error)),
            Err(error) => Err(Error::Schema { file, problem: error.to_string() }),
        }
    }
}

/// Makes the file with mode 0600 before SQLite would make it with the umask's; its companions inherit it.
fn create_private(file: &Path) -> Result<(), Error> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).read(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(Error::Open { file: file.to_owned(), problem: error.to_string(), remedy: Fault::Unopenable.remedy() })
        }
    }
}

fn refused(file: &Path, error: &sqlx::Error) -> Error {
    let (file, problem) = (file.to_owned(), error.to_string());
    match Fault::of(error) {
        Fault::Damaged => Error::Damaged { file, problem },
        Fault::Busy => Error::Locked { file, problem },
        fault => Error::Open { file, problem, remedy: fault.remedy() },
    }
}
