//! Opening a SQLite file: mode, journal, migrations. A file of a newer program is refused, whatever that added.

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqlitePool};

use crate::state::error::Error;
use crate::state::error::Fault;
use crate::state::private;

/// Opens the file, made private where it is new, or a database in memory.
pub(super) async fn open(file: Option<&Path>, busy: Duration) -> Result<SqlitePool, Error> {
    let place = file.map_or(":memory:".to_owned(), |file| file.display().to_string());
    let options = match file {
        None => SqliteConnectOptions::new().in_memory(true),
        Some(file) => {
            create_private(file)?;
            SqliteConnectOptions::new().filename(file).journal_mode(SqliteJournalMode::Wal)
        }
    };
    let options = options.synchronous(SqliteSynchronous::Full).busy_timeout(busy).foreign_keys(true);
    // One connection: a database in memory belongs to it, and a file has one writer anyway.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(busy * 2)
        .idle_timeout(None)
        .max_lifetime(None)
        // A test that its caller leaves, as with a client that hangs up, closes the connection, and with it a
        // database in memory. There is no other end that could have gone.
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(|error| Error::refused(&place, &error))?;
    match migrate(&pool).await {
        Ok(()) => Ok(pool),
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            Err(Error::refused(&place, &error))
        }
        Err(error) => Err(Error::Schema { place, problem: error.to_string() }),
    }
}

/// Whether the file is there and has tables of an alidav.
pub(super) async fn is_made(file: &Path, busy: Duration) -> Result<bool, Error> {
    if !file.exists() {
        return Ok(false);
    }
    let looked = async {
        let options = SqliteConnectOptions::new().filename(file).create_if_missing(false).busy_timeout(busy);
        let mut connection = options.connect().await?;
        let statement = "SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'tokens'";
        let made = sqlx::query_scalar(statement).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(made)
    };
    looked.await.map_err(|error| Error::refused(&file.display().to_string(), &error))
}

/// Brings the tables up to date, all or nothing. Of several processes that start at once one does it, and the
/// others find it done. Where nothing is to be done nobody is waited for.
async fn migrate(pool: &SqlitePool) -> Result<(), MigrateError> {
    let migrations = sqlx::migrate!("migrations/sqlite");
    let newest = migrations.iter().map(|migration| migration.version).max();
    let version = sqlx::query_scalar::<_, Option<i64>>("SELECT max(version) FROM _sqlx_migrations");
    // A new file has no such table.
    if version.fetch_one(pool).await.ok().flatten() >= newest {
        return migrations.run(pool).await;
    }
    let mut all = pool.begin_with("BEGIN IMMEDIATE").await?;
    // The usual `run` cannot be called with a connection in a future that is sent between threads.
    migrations.run_direct(None, &mut *all, false).await?;
    Ok(all.commit().await?)
}

/// Makes the file with mode 0600 before SQLite would make it with the umask's; its companions inherit it. A file
/// that others could read no longer can be, if it is ours.
fn create_private(file: &Path) -> Result<(), Error> {
    match private::open(file) {
        Ok(_) => {
            #[cfg(unix)]
            for companion in ["", "-wal", "-shm"] {
                let mut name = file.as_os_str().to_owned();
                name.push(companion);
                close_to_others(Path::new(&name));
            }
            Ok(())
        }
        Err(error) => Err(Error::Open {
            place: file.display().to_string(),
            problem: error.to_string(),
            remedy: Fault::Unopenable.remedy(),
        }),
    }
}

#[cfg(unix)]
fn close_to_others(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(metadata) = file.metadata() else { return };
    if metadata.permissions().mode() & 0o077 != 0 {
        // Another user's file stays as its owner has it.
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).ok();
    }
}
