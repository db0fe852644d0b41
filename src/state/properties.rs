//! Properties that clients store, by file id.

use futures_util::TryStreamExt as _;

use crate::state::error::Error;
use crate::state::store::{Store, statements, together};

/// Items that one statement asks about; SQLite takes 32,766 parameters, PostgreSQL twice as many.
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
        statements!(self, connection => {
            let mut rows = sqlx::query_scalar("SELECT DISTINCT file_id FROM properties").fetch(&mut *connection);
            while let Some(file_id) = rows.try_next().await? {
                let file_id: String = file_id;
                each(&file_id);
            }
            Ok(())
        })
    }

    /// All properties of some items, in the order in which they were stored.
    ///
    /// # Errors
    /// A statement failed.
    pub async fn properties_of(&self, file_ids: &[&str]) -> Result<Vec<PropertyRow>, Error> {
        let rows: Vec<(String, String, String, String)> = statements!(self, connection => {
            let mut found = Vec::new();
            for ids in file_ids.chunks(IDS_AT_ONCE) {
                let mut query =
                    sqlx::QueryBuilder::new("SELECT file_id, namespace, name, xml FROM properties WHERE file_id IN (");
                let mut list = query.separated(", ");
                for id in ids {
                    list.push_bind(*id);
                }
                query.push(") ORDER BY rowid");
                found.extend(query.build_query_as().fetch_all(&mut *connection).await?);
            }
            Ok(found)
        })?;
        let read = |(file_id, namespace, name, xml)| PropertyRow { file_id, namespace, name, xml };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Keeps exactly these properties of an item.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn save_properties(&self, file_id: &str, properties: &[PropertyRow]) -> Result<(), Error> {
        let (file_id, properties) = (file_id.to_owned(), properties.to_vec());
        together!(self, connection => {
            let statement = "DELETE FROM properties WHERE file_id = $1";
            sqlx::query(statement).bind(&file_id).execute(&mut *connection).await?;
            for property in &properties {
                sqlx::query("INSERT INTO properties (file_id, namespace, name, xml) VALUES ($1, $2, $3, $4)")
                    .bind(&file_id)
                    .bind(&property.namespace)
                    .bind(&property.name)
                    .bind(&property.xml)
                    .execute(&mut *connection)
                    .await?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StateLocation;
    use crate::state::testing::for_each_store;

    fn row(xml: &str) -> PropertyRow {
        PropertyRow { file_id: "f".into(), namespace: "n".into(), name: "p".into(), xml: xml.into() }
    }

    #[tokio::test]
    async fn properties_come_back_in_the_order_of_writing_and_only_those() {
        for_each_store(async |location| {
            let store = Store::open(&location).await.unwrap();
            let named = |file: &str, name: &str| PropertyRow { file_id: file.into(), name: name.into(), ..row("<x/>") };
            store.save_properties("f", &[named("f", "z"), named("f", "a"), named("f", "q")]).await.unwrap();
            store.save_properties("g", &[named("g", "g")]).await.unwrap();
            let kept = store.properties_of(&["f", "none", "g"]).await.unwrap();
            assert_eq!(kept, [named("f", "z"), named("f", "a"), named("f", "q"), named("g", "g")]);
            store.save_properties("f", &[named("f", "q")]).await.unwrap();
            assert_eq!(store.properties_of(&["f"]).await.unwrap(), [named("f", "q")]);
            store.save_properties("g", &[]).await.unwrap();
            let mut items = Vec::new();
            store.items_with_properties(|item| items.push(item.to_owned())).await.unwrap();
            assert_eq!(items, ["f"]);
            // The second of one name makes none of them change.
            store.save_properties("f", &[named("f", "b"), named("f", "b")]).await.unwrap_err();
            assert_eq!(store.properties_of(&["f"]).await.unwrap(), [named("f", "q")]);
        })
        .await;
    }

    #[tokio::test]
    async fn after_a_full_disk_what_is_kept_is_on_the_disk_again() {
        let folder = tempfile::tempdir().unwrap();
        let location = StateLocation::File(folder.path().join("state.db"));
        let store = Store::open(&location).await.unwrap();
        store.save_properties("f", &[row("old")]).await.unwrap();
        sqlx::raw_sql("PRAGMA max_page_count = 1").execute(store.sqlite()).await.unwrap();
        for _ in 0..3 {
            let told = store.save_properties("f", &[row(&"x".repeat(100_000))]).await.unwrap_err().to_string();
            assert!(told.contains("state.db") && told.contains("disk is full"), "{told}");
            assert_eq!(store.properties_of(&["f"]).await.unwrap(), [row("old")]);
        }
        sqlx::raw_sql("PRAGMA max_page_count = 100000").execute(store.sqlite()).await.unwrap();
        store.save_properties("f", &[row("new")]).await.unwrap();
        // Another process sees it: no transaction is open.
        let other = Store::open(&location).await.unwrap();
        assert_eq!(other.properties_of(&["f"]).await.unwrap(), [row("new")]);
        other.save_properties("f", &[]).await.unwrap();
    }
}
