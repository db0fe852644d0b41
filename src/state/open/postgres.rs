//! Opening a database on a PostgreSQL server: what the server must be, sessions that end by themselves, migrations.
//!
//! Programs of neighbouring versions work on one database while instances are replaced one by one. So a migration that
//! only adds leaves the older program able to go on, and the table `readable_by` tells which is the oldest schema whose
//! program may still use the database. A migration that takes something away raises it.

use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use crate::config::PostgresUrl;
use crate::state::error::Error;
use crate::state::error::Fault;
use crate::state::server::Server;

/// The oldest major version.
const OLDEST_SERVER: u32 = 15;

/// Longest wait for migrations, those of another instance that starts at the same time included.
const MIGRATION: Duration = Duration::from_secs(60);

/// How long the server keeps the session of a client that has vanished without a word, and with it its locks.
const VANISHED: Duration = Duration::from_secs(15);

/// Looks at the server, and brings the tables up to date.
pub(super) async fn open(url: &PostgresUrl, place: &str, busy: Duration) -> Result<Server, Error> {
    let options = options(url, place, busy)?;
    // Not by the pool, which tries again what is refused and tells only that the time was over.
    let first = bounded(busy, options.connect()).await;
    let mut first = first.map_err(|error| Error::refused(place, &error))?;
    look(&mut first, place, busy).await?;
    let migrated = tokio::time::timeout(MIGRATION, migrate(&mut first)).await;
    let migrated = migrated.unwrap_or_else(|_| Err(MigrateError::Execute(no_answer())));
    tokio::time::timeout(busy, first.close()).await.ok();
    match migrated {
        Ok(()) => Ok(Server::new(options, busy)),
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            Err(Error::refused(place, &error))
        }
        Err(error) => Err(Error::Schema { place: place.to_owned(), problem: error.to_string() }),
    }
}

/// Whether the database has tables of an alidav.
pub(super) async fn is_made(url: &PostgresUrl, place: &str, busy: Duration) -> Result<bool, Error> {
    let options = options(url, place, busy)?;
    let looked = async {
        let mut connection = options.connect().await?;
        let made = "SELECT to_regclass('tokens') IS NOT NULL AND to_regclass('readable_by') IS NOT NULL";
        let made = sqlx::query_scalar(made).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(made)
    };
    bounded(busy, looked).await.map_err(|error| Error::refused(place, &error))
}

/// How sessions are begun. What the URL leaves open comes from the variables that all clients of PostgreSQL know, such
/// as `PGPASSFILE` and `PGSSLMODE`.
fn options(url: &PostgresUrl, place: &str, busy: Duration) -> Result<PgConnectOptions, Error> {
    let mut options: PgConnectOptions = url.expose().parse().map_err(|error| Error::refused(place, &error))?;
    for (name, path) in url.files() {
        // The system's words do not say which.
        std::fs::File::open(&path).map_err(|error| Error::Open {
            place: place.to_owned(),
            problem: format!("{name} {}: {error}", path.display()),
            remedy: Fault::Encryption.remedy(),
        })?;
    }
    // An address as URLs have it is not one to sockets.
    if let Some(host) = options.get_host().strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let host = host.to_owned();
        options = options.host(&host);
    }
    let (busy, vanished) = (busy.as_millis(), VANISHED.as_millis());
    let own = [
        ("statement_timeout", busy.to_string()),
        ("idle_in_transaction_session_timeout", (2 * busy).to_string()),
        ("tcp_user_timeout", vanished.to_string()),
        ("tcp_keepalives_idle", "5".to_owned()),
        ("tcp_keepalives_interval", "5".to_owned()),
        ("tcp_keepalives_count", "2".to_owned()),
        // A refresh token that was spent and not kept is a lost login, whatever the server does by default.
        ("synchronous_commit", "on".to_owned()),
        // What the statements are written for.
        ("default_transaction_isolation", "read committed".to_owned()),
    ];
    Ok(options.application_name("alidav").options(own).disable_statement_logging())
}

/// Whether it is a server that can be worked with.
async fn look(first: &mut PgConnection, place: &str, busy: Duration) -> Result<(), Error> {
    let unfit = |problem: String, remedy| Err(Error::Open { place: place.to_owned(), problem, remedy });
    if let Some(version) = first.server_version_num().map(|version| version / 10_000).filter(|it| *it < OLDEST_SERVER) {
        return unfit(format!("the server is PostgreSQL {version}"), "PostgreSQL 15 or newer is needed");
    }
    let settings = "SELECT current_setting('transaction_read_only'), current_setting('server_encoding')";
    let settings = bounded(busy, sqlx::query_as(settings).fetch_one(first)).await;
    let (read_only, encoding): (String, String) = settings.map_err(|error| Error::refused(place, &error))?;
    if read_only == "on" {
        return unfit("the database can only be read".to_owned(), Fault::Replica.remedy());
    }
    if encoding != "UTF8" {
        return unfit(format!("the database's encoding is {encoding}"), Fault::NoDatabase.remedy());
    }
    Ok(())
}

/// Brings the tables up to date. Of several instances that start at once one does it, and the others wait and find it
/// done: the migrator holds a lock of the server.
async fn migrate(first: &mut PgConnection) -> Result<(), MigrateError> {
    let mut migrations = sqlx::migrate!("migrations/postgres");
    migrations.set_ignore_missing(true);
    if sqlx::query_scalar("SELECT to_regclass('readable_by') IS NOT NULL").fetch_one(&mut *first).await? {
        let oldest: i64 = sqlx::query_scalar("SELECT schema FROM readable_by").fetch_one(&mut *first).await?;
        let newest = migrations.iter().map(|migration| migration.version).max().unwrap_or_default();
        if newest < oldest {
            return Err(MigrateError::VersionTooOld(newest, oldest));
        }
        if is_up_to_date(first, &migrations).await? {
            return Ok(());
        }
    }
    let longer = format!("SET statement_timeout = {}", MIGRATION.as_millis());
    sqlx::raw_sql(sqlx::AssertSqlSafe(longer)).execute(&mut *first).await?;
    migrations.run_direct(None, first, false).await
}

/// Whether nothing is to be done, for which no right to make tables is needed and nobody is waited for.
async fn is_up_to_date(first: &mut PgConnection, migrations: &Migrator) -> Result<bool, sqlx::Error> {
    let done = "SELECT version, checksum FROM _sqlx_migrations WHERE success";
    let done: Vec<(i64, Vec<u8>)> = sqlx::query_as(done).fetch_all(first).await?;
    Ok(migrations.iter().all(|it| done.iter().any(|(version, sum)| *version == it.version && **sum == *it.checksum)))
}

async fn bounded<T>(busy: Duration, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    tokio::time::timeout(busy, work).await.unwrap_or_else(|_| Err(no_answer()))
}

fn no_answer() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "the server does not answer"))
}
