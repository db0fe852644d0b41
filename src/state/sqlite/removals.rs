//! What is to be removed from the drive, kept until it is gone.

use sqlx::Row as _;

use crate::clock::UnixMillis;
use crate::state::error::Error;
use crate::state::store::Store;

/// One item that is to go, or that may have to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovalRow {
    /// Given by the store, in order of writing.
    pub id: i64,
    /// The account by its name in the configuration.
    pub account: String,
    /// The drive.
    pub drive_id: String,
    /// What goes; absent where a change replaces nothing.
    pub file_id: Option<String>,
    /// `trash` or `delete`.
    pub way: String,
    /// Why, in one word.
    pub reason: String,
    /// Whether it surely is to go.
    pub due: bool,
    /// When it was written down.
    pub since: UnixMillis,
    /// Failed tries.
    pub tries: i64,
    /// Why the last one failed.
    pub last_error: Option<String>,
    /// What the drive layer knows of it, in its own words.
    pub facts: String,
}

impl Store {
    /// An account's removals in order of writing.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn removals(&self, account: &str) -> Result<Vec<RemovalRow>, Error> {
        let act = async {
            let statement = "SELECT * FROM removals WHERE account = ? ORDER BY id";
            let rows = sqlx::query(statement).bind(account).fetch_all(&self.pool).await?;
            let read = |row: sqlx::sqlite::SqliteRow| {
                Ok(RemovalRow {
                    id: row.try_get("id")?,
                    account: row.try_get("account")?,
                    drive_id: row.try_get("drive_id")?,
                    file_id: row.try_get("file_id")?,
                    way: row.try_get("way")?,
                    reason: row.try_get("reason")?,
                    due: row.try_get("due")?,
                    since: UnixMillis(row.try_get("since_ms")?),
                    tries: row.try_get("tries")?,
                    last_error: row.try_get("last_error")?,
                    facts: row.try_get("facts")?,
                })
            };
            rows.into_iter().map(read).collect()
        };
        self.named(act.await)
    }

    /// Writes a new removal down, whatever its `id` says; it is on disk when this returns. Gives its id.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn add_removal(&self, row: &RemovalRow) -> Result<i64, Error> {
        let act = async {
            let statement = "INSERT INTO removals (account, drive_id, file_id, way, reason, due, since_ms, tries, \
                             last_error, facts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
            let done = sqlx::query(statement)
                .bind(&row.account)
                .bind(&row.drive_id)
                .bind(&row.file_id)
                .bind(&row.way)
                .bind(&row.reason)
                .bind(row.due)
                .bind(row.since.0)
                .bind(row.tries)
                .bind(&row.last_error)
                .bind(&row.facts)
                .execute(&self.pool)
                .await?;
            Ok(done.last_insert_rowid())
        };
        self.named(act.await)
    }

    /// Writes down what a removal has become, in one step.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn update_removal(&self, row: &RemovalRow) -> Result<(), Error> {
        let act = async {
            let statement = "UPDATE removals SET file_id = ?, way = ?, reason = ?, due = ?, tries = ?, \
                             last_error = ?, facts = ? WHERE id = ?";
            sqlx::query(statement)
                .bind(&row.file_id)
                .bind(&row.way)
                .bind(&row.reason)
                .bind(row.due)
                .bind(row.tries)
                .bind(&row.last_error)
                .bind(&row.facts)
                .bind(row.id)
                .execute(&self.pool)
                .await?;
            Ok(())
        };
        self.named(act.await)
    }

    /// Forgets a removal.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn delete_removal(&self, id: i64) -> Result<(), Error> {
        let act = async {
            sqlx::query("DELETE FROM removals WHERE id = ?").bind(id).execute(&self.pool).await?;
            Ok(())
        };
        self.named(act.await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StateLocation;

    fn row(account: &str, file_id: Option<&str>) -> RemovalRow {
        RemovalRow {
            id: 0,
            account: account.into(),
            drive_id: "1".into(),
            file_id: file_id.map(Into::into),
            way: "trash".into(),
            reason: "replaced".into(),
            due: false,
            since: UnixMillis(7),
            tries: 0,
            last_error: None,
            facts: "{}".into(),
        }
    }

    #[tokio::test]
    async fn removals_come_back_in_order_as_they_were_last_written() {
        let folder = tempfile::tempdir().unwrap();
        let location = StateLocation::File(folder.path().join("state.db"));
        let store = Store::open(&location).await.unwrap();
        let first = store.add_removal(&row("main", Some("a"))).await.unwrap();
        let second = store.add_removal(&row("main", None)).await.unwrap();
        store.add_removal(&row("other", Some("b"))).await.unwrap();
        let failed = RemovalRow {
            id: second,
            file_id: Some("c".into()),
            due: true,
            tries: 2,
            last_error: Some("throttled".into()),
            ..row("main", None)
        };
        store.update_removal(&failed).await.unwrap();
        store.close().await;
        let store = Store::open(&location).await.unwrap();
        assert_eq!(store.removals("main").await.unwrap(), [RemovalRow { id: first, ..row("main", Some("a")) }, failed]);
        store.delete_removal(first).await.unwrap();
        store.delete_removal(second).await.unwrap();
        assert!(store.removals("main").await.unwrap().is_empty());
        assert_eq!(store.removals("other").await.unwrap().len(), 1);
        // An id that was given away once stands for nothing else.
        assert!(store.add_removal(&row("main", None)).await.unwrap() > second);
    }
}
