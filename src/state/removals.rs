//! What is to be removed from the drive, kept until it is gone.
//!
//! Where several instances share the store each row has an owner, the life of the one that works on it, and nobody else
//! changes it. It is taken over from who lives no more ([`Store::take_over_removals`]), and from who lives by whoever
//! knows that he is not at it.

use crate::clock::UnixMillis;
use crate::state::error::Error;
use crate::state::store::{Store, statements};

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
    /// The life of the instance that works on it ([`Store::life`]).
    pub owner: i64,
}

type Row = (i64, String, String, Option<String>, String, String, bool, i64, i64, Option<String>, String, i64);

macro_rules! columns {
    () => {
        "id, account, drive_id, file_id, way, reason, due, since_ms, tries, last_error, facts, owner"
    };
}

impl From<Row> for RemovalRow {
    fn from(row: Row) -> Self {
        let (id, account, drive_id, file_id, way, reason, due, since, tries, last_error, facts, owner) = row;
        let since = UnixMillis(since);
        Self { id, account, drive_id, file_id, way, reason, due, since, tries, last_error, facts, owner }
    }
}

impl Store {
    /// An account's removals in order of writing.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn removals(&self, account: &str) -> Result<Vec<RemovalRow>, Error> {
        let statement = concat!("SELECT ", columns!(), " FROM removals WHERE account = $1 ORDER BY id");
        let rows: Vec<Row> = statements!(self, connection => {
            sqlx::query_as(statement).bind(account).fetch_all(&mut *connection).await
        })?;
        Ok(rows.into_iter().map(RemovalRow::from).collect())
    }

    /// Takes over an account's removals from other instances: these, and those whose owner lives no more. Gives them in
    /// order of writing; none where nobody shares the store.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn take_over_removals(&self, account: &str, ids: &[i64]) -> Result<Vec<RemovalRow>, Error> {
        let Some(database) = self.database().filter(|_| self.shared.is_some()) else { return Ok(Vec::new()) };
        let statement = concat!(
            "UPDATE removals SET owner = $2 WHERE account = $1 AND owner <> $2 AND (id = ANY($3) OR NOT EXISTS ",
            "(SELECT FROM instances i WHERE i.id = removals.owner AND i.alive_until > clock_timestamp())) RETURNING ",
            columns!(),
        );
        let taken = sqlx::query_as::<_, Row>(statement).bind(account).bind(self.life().await?).bind(ids);
        let mut taken: Vec<_> = database.rows(taken).await?.into_iter().map(RemovalRow::from).collect();
        taken.sort_by_key(|row| row.id);
        Ok(taken)
    }

    /// Writes a new removal down, whatever its `id` says; it is on disk when this returns. Gives its id.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn add_removal(&self, row: &RemovalRow) -> Result<i64, Error> {
        let statement = "INSERT INTO removals (account, drive_id, file_id, way, reason, due, since_ms, tries, \
                         last_error, facts, owner) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id";
        statements!(self, connection => {
            let done = sqlx::query_scalar(statement)
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
                .bind(row.owner)
                // To the end of the statement, which is when SQLite has written it and tells whether it could.
                .fetch_all(&mut *connection)
                .await?;
            done.into_iter().next().ok_or(sqlx::Error::RowNotFound)
        })
    }

    /// Writes down what a removal has become, in one step.
    ///
    /// # Errors
    /// [`Error::Leased`] when it has another owner by now, or was forgotten by another; the statement failed. Nothing
    /// has changed then.
    pub async fn update_removal(&self, row: &RemovalRow) -> Result<(), Error> {
        let statement = "UPDATE removals SET file_id = $1, way = $2, reason = $3, due = $4, tries = $5, \
                         last_error = $6, facts = $7 WHERE id = $8 AND owner = $9";
        let written = statements!(self, connection => {
            let done = sqlx::query(statement)
                .bind(&row.file_id)
                .bind(&row.way)
                .bind(&row.reason)
                .bind(row.due)
                .bind(row.tries)
                .bind(&row.last_error)
                .bind(&row.facts)
                .bind(row.id)
                .bind(row.owner)
                .execute(&mut *connection)
                .await?;
            Ok(done.rows_affected())
        })?;
        if written == 0 { Err(self.leased()) } else { Ok(()) }
    }

    /// Forgets a removal, unless it has another owner by now.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn delete_removal(&self, id: i64, owner: i64) -> Result<(), Error> {
        let statement = "DELETE FROM removals WHERE id = $1 AND owner = $2";
        statements!(self, connection => {
            sqlx::query(statement).bind(id).bind(owner).execute(&mut *connection).await.map(drop)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::testing::for_each_store;

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
            owner: 0,
        }
    }

    #[tokio::test]
    async fn removals_come_back_in_order_as_they_were_last_written() {
        for_each_store(async |location| {
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
            let of_another = store.update_removal(&RemovalRow { owner: 7, tries: 9, ..failed.clone() }).await;
            assert!(matches!(of_another, Err(Error::Leased { .. })));
            store.close().await;
            let store = Store::open(&location).await.unwrap();
            assert_eq!(
                store.removals("main").await.unwrap(),
                [RemovalRow { id: first, ..row("main", Some("a")) }, failed]
            );
            store.delete_removal(first, 0).await.unwrap();
            store.delete_removal(second, 7).await.unwrap();
            assert_eq!(store.removals("main").await.unwrap().len(), 1, "another's was forgotten");
            store.delete_removal(second, 0).await.unwrap();
            assert!(store.removals("main").await.unwrap().is_empty());
            assert_eq!(store.removals("other").await.unwrap().len(), 1);
            // An id that was given away once stands for nothing else.
            assert!(store.add_removal(&row("main", None)).await.unwrap() > second);
        })
        .await;
    }
}
