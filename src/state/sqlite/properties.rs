//! Properties that clients store, by file id.

use futures_util::TryStreamExt as _;
use sqlx::Row as _;

use crate::state::error::Error;
use crate::state::store::Store;

/// Items that one statement asks about; SQLite takes 32,766 parameters.
const IDS_AT_ONCE: usize = 1000;

/// One stored property of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyRow {
    /// The drive's id of the item.
    pub file_id: String,
    /// XML namespace; empty for none.
    pub namespace: String,
    /// Local name.
    pub name: String,
    /// The whole element as XML, its namespaces bound within.
    pub xml: String,
}

impl Store {
    /// Gives the id of each item that has any to `each`.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn items_with_properties(&self, mut each: impl FnMut(&str)) -> Result<(), Error> {
        let act = async {
            let mut rows = sqlx::query("SELECT DISTINCT file_id FROM properties").fetch(&self.pool);
            while let Some(row) = rows.try_next().await? {
                each(row.try_get("file_id")?);
            }
            Ok(())
        };
        self.named(act.await)
    }

    /// All properties of some items, in the order in which they were stored.
    ///
    /// # Errors
    /// A statement failed.
    pub async fn properties_of(&self, file_ids: &[&str]) -> Result<Vec<PropertyRow>, Error> {
        let act = async {
            let mut found = Vec::new();
            for ids in file_ids.chunks(IDS_AT_ONCE) {
                let mut query = sqlx::QueryBuilder::new("SELECT * FROM properties WHERE file_id IN (");
                let mut list = query.separated(", ");
                for id in ids {
                    list.push_bind(*id);
                }
                query.push(") ORDER BY rowid");
                for row in query.build().fetch_all(&self.pool).await? {
                    found.push(PropertyRow {
                        file_id: row.try_get("file_id")?,
                        namespace: row.try_get("namespace")?,
                        name: row.try_get("name")?,
                        xml: row.try_get("xml")?,
                    });
                }
            }
            Ok(found)
        };
        self.named(act.await)
    }

    /// Keeps exactly these properties of an item.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn save_properties(&self, file_id: &str, properties: &[PropertyRow]) -> Result<(), Error> {
        let (store, file_id, properties) = (self.clone(), file_id.to_owned(), properties.to_vec());
        // In a task of its own: a caller that leaves must not leave the transaction open. Not sqlx's own transaction:
        // one that SQLite has rolled back by itself, on a full disk, would confuse all that follow.
        let task = tokio::spawn(async move {
            let mut connection = store.pool.acquire().await?;
            sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *connection).await?;
            let mut result = replace(&mut connection, &file_id, &properties).await;
            if result.is_ok() {
                result = sqlx::raw_sql("COMMIT").execute(&mut *connection).await.map(|_| ());
            }
            if result.is_err() {
                // Refused where SQLite has rolled back already.
                sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await.ok();
            }
            result
        });
        self.named(task.await.unwrap_or(Err(sqlx::Error::WorkerCrashed)))
    }
}

async fn replace(
    connection: &mut sqlx::SqliteConnection,
    file_id: &str,
    properties: &[PropertyRow],
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM properties WHERE file_id = ?").bind(file_id).execute(&mut *connection).await?;
    for property in properties {
        sqlx::query("INSERT INTO properties (file_id, namespace, name, xml) VALUES (?, ?, ?, ?)")
            .bind(file_id)
            .bind(&property.namespace)
            .bind(&property.name)
            .bind(&property.xml)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StateLocation;

    fn row(xml: &str) -> PropertyRow {
        PropertyRow { file_id: "f".into(), namespace: "n".into(), name: "p".into(), xml: xml.into() }
    }

    #[tokio::test]
    async fn after_a_full_disk_what_is_kept_is_on_the_disk_again() {
        let folder = tempfile::tempdir().unwrap();
        let location = StateLocation::File(folder.path().join("state.db"));
        let store = Store::open(&location).await.unwrap();
        store.save_properties("f", &[row("old")]).await.unwrap();
        sqlx::raw_sql("PRAGMA max_page_count = 1").execute(&store.pool).await.unwrap();
        for _ in 0..3 {
            let told = store.save_properties("f", &[row(&"x".repeat(100_000))]).await.unwrap_err().to_string();
            assert!(told.contains("state.db") && told.contains("disk is full"), "{told}");
            assert_eq!(store.properties_of(&["f"]).await.unwrap(), [row("old")]);
        }
        sqlx::raw_sql("PRAGMA max_page_count = 100000").execute(&store.pool).await.unwrap();
        store.save_properties("f", &[row("new")]).await.unwrap();
        // Another process sees it: no transaction is open.
        let other = Store::open(&location).await.unwrap();
        assert_eq!(other.properties_of(&["f"]).await.unwrap(), [row("new")]);
        other.save_properties("f", &[]).await.unwrap();
    }
}
