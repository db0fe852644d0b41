//! Properties that clients store, by file id.

use sqlx::Row as _;

use super::{Error, Store};

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
    /// All properties of all items.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn properties(&self) -> Result<Vec<PropertyRow>, Error> {
        let rows = sqlx::query("SELECT * FROM properties ORDER BY rowid").fetch_all(&self.pool).await?;
        let read = |row: sqlx::sqlite::SqliteRow| {
            Ok(PropertyRow {
                file_id: row.try_get("file_id")?,
                namespace: row.try_get("namespace")?,
                name: row.try_get("name")?,
                xml: row.try_get("xml")?,
            })
        };
        rows.into_iter().map(read).collect::<Result<_, sqlx::Error>>().map_err(Error::from)
    }

    /// Keeps exactly these properties of an item.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn save_properties(&self, file_id: &str, properties: &[PropertyRow]) -> Result<(), Error> {
        let mut change = self.pool.begin().await?;
        sqlx::query("DELETE FROM properties WHERE file_id = ?").bind(file_id).execute(&mut *change).await?;
        for property in properties {
            sqlx::query("INSERT INTO properties (file_id, namespace, name, xml) VALUES (?, ?, ?, ?)")
                .bind(file_id)
                .bind(&property.namespace)
                .bind(&property.name)
                .bind(&property.xml)
                .execute(&mut *change)
                .await?;
        }
        change.commit().await?;
        Ok(())
    }
}
