//! The store itself: its connection, its file, and how a failed statement is told.

use sqlx::SqlitePool;

use crate::meters;
use crate::state::error::Error;

/// The store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) pool: SqlitePool,
    /// For messages.
    pub(super) file: std::sync::Arc<std::path::Path>,
}

impl Store {
    /// Waits for running statements and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Whether no statement runs or waits for its turn.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        u32::try_from(self.pool.num_idle()) == Ok(self.pool.size())
    }

    /// Another number whenever another process has written since.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn version(&self) -> Result<i64, Error> {
        self.named(sqlx::query_scalar("PRAGMA data_version").fetch_one(&self.pool).await)
    }

    /// Writes something of no meaning, through to the disk: whether it can is only known by doing it.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn try_write(&self) -> Result<(), Error> {
        let write = async {
            let count: i32 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&self.pool).await?;
            let next = count.wrapping_add(1) & 0xffff;
            // Pragmas take no parameters; this one is a number.
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!("PRAGMA user_version = {next}"))).execute(&self.pool).await?;
            Ok(())
        };
        self.named(write.await)
    }

    /// Puts the file's name and the remedy into a failure.
    pub(super) fn named<T>(&self, result: Result<T, sqlx::Error>) -> Result<T, Error> {
        result.map_err(|error| {
            metrics::counter!(meters::STORE_FAILURES).increment(1);
            Error::statement(&self.file, &error)
        })
    }
}
