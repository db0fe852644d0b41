//! Files that the drive does not have: empty ones that wait for their content, and file managers' own.

use futures_util::TryStreamExt as _;

use crate::clock::UnixMillis;
use crate::state::error::Error;
use crate::state::store::{Store, statements, together};

/// One file that the drive does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRow {
    /// The drive of its folder; empty where it was kept before ids were, and is known by its path alone.
    pub drive_id: String,
    /// Its folder.
    pub folder_id: String,
    /// Its name in one Unicode form; with drive and folder the row's key.
    pub name: String,
    /// Path in the whole tree, as its maker spelt it.
    pub path: String,
    /// Stands for the drive's id until there is one.
    pub file_id: String,
    /// When it was made.
    pub created: UnixMillis,
    /// The whole content of a file that stays here; absent for one that waits for its content.
    pub content: Option<Vec<u8>>,
}

impl Store {
    /// Gives all held files, or those of a folder, to `each`, one after another: their contents need not fit into memory
    /// together.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn held_files(&self, folder_id: Option<&str>, mut each: impl FnMut(HeldRow)) -> Result<(), Error> {
        type Row = (String, String, String, String, String, i64, Option<Vec<u8>>);
        statements!(self, connection => {
            let statement = "SELECT drive_id, folder_id, name, path, file_id, created_ms, content FROM held_files \
                             WHERE $1 IS NULL OR folder_id = $1";
            let mut rows = sqlx::query_as(statement).bind(folder_id).fetch(&mut *connection);
            while let Some(row) = rows.try_next().await? {
                let (drive_id, folder_id, name, path, file_id, created, content): Row = row;
                each(HeldRow { drive_id, folder_id, name, path, file_id, created: UnixMillis(created), content });
            }
            Ok(())
        })
    }

    /// Keeps a held file, in place of one of its key.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn save_held_file(&self, row: &HeldRow) -> Result<(), Error> {
        let statement = "INSERT INTO held_files (drive_id, folder_id, name, path, file_id, created_ms, content) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (drive_id, folder_id, name) DO UPDATE SET \
                         path = excluded.path, file_id = excluded.file_id, created_ms = excluded.created_ms, \
                         content = excluded.content";
        statements!(self, connection => {
            sqlx::query(statement)
                .bind(&row.drive_id)
                .bind(&row.folder_id)
                .bind(&row.name)
                .bind(&row.path)
                .bind(&row.file_id)
                .bind(row.created.0)
                .bind(&row.content)
                .execute(&mut *connection)
                .await
                .map(drop)
        })
    }

    /// The folder of a held file, or one above it, is at another path now.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn set_held_path(&self, drive_id: &str, folder_id: &str, name: &str, path: &str) -> Result<(), Error> {
        let statement = "UPDATE held_files SET path = $1 WHERE drive_id = $2 AND folder_id = $3 AND name = $4";
        statements!(self, connection => {
            let statement = sqlx::query(statement).bind(path).bind(drive_id).bind(folder_id).bind(name);
            statement.execute(&mut *connection).await.map(drop)
        })
    }

    /// A held file without ids gets them, in place of one of that key.
    ///
    /// # Errors
    /// A statement failed and nothing has changed.
    pub async fn place_held_file(&self, row: &HeldRow) -> Result<(), Error> {
        let HeldRow { drive_id, folder_id, name, path, .. } = row.clone();
        let former = "DELETE FROM held_files WHERE drive_id = $1 AND folder_id = $2 AND name = $3 \
                      AND EXISTS (SELECT 1 FROM held_files WHERE drive_id = '' AND path = $4)";
        let placed = "UPDATE held_files SET drive_id = $1, folder_id = $2, name = $3 WHERE drive_id = '' AND path = $4";
        together!(self, connection => {
            for statement in [former, placed] {
                sqlx::query(statement)
                    .bind(&drive_id)
                    .bind(&folder_id)
                    .bind(&name)
                    .bind(&path)
                    .execute(&mut *connection)
                    .await?;
            }
            Ok(())
        })
    }

    /// The content of one file that stays here.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn local_content(&self, drive_id: &str, folder_id: &str, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let statement = "SELECT content FROM held_files WHERE drive_id = $1 AND folder_id = $2 AND name = $3";
        let content: Option<Option<Vec<u8>>> = statements!(self, connection => {
            let statement = sqlx::query_scalar(statement).bind(drive_id).bind(folder_id).bind(name);
            statement.fetch_optional(&mut *connection).await
        })?;
        Ok(content.flatten())
    }

    /// Forgets a held file.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn delete_held_file(&self, drive_id: &str, folder_id: &str, name: &str) -> Result<(), Error> {
        let statement = "DELETE FROM held_files WHERE drive_id = $1 AND folder_id = $2 AND name = $3";
        statements!(self, connection => {
            let statement = sqlx::query(statement).bind(drive_id).bind(folder_id).bind(name);
            statement.execute(&mut *connection).await.map(drop)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::testing::for_each_store;

    fn row(drive_id: &str, name: &str, content: Option<&[u8]>) -> HeldRow {
        HeldRow {
            drive_id: drive_id.into(),
            folder_id: if drive_id.is_empty() { String::new() } else { "folder".into() },
            name: name.into(),
            path: format!("/a/{name}"),
            file_id: "held-1".into(),
            created: UnixMillis(7),
            content: content.map(<[u8]>::to_vec),
        }
    }

    async fn all(store: &Store) -> Vec<HeldRow> {
        let mut rows = Vec::new();
        store.held_files(None, |row| rows.push(row)).await.unwrap();
        rows
    }

    #[tokio::test]
    async fn a_held_file_is_kept_by_its_folder_and_name() {
        for_each_store(async |location| {
            let store = Store::open(&location).await.unwrap();
            store.save_held_file(&row("1", "x", Some(b"\0\xff"))).await.unwrap();
            assert_eq!(store.local_content("1", "folder", "x").await.unwrap(), Some(b"\0\xff".to_vec()));
            store.save_held_file(&row("1", "x", None)).await.unwrap();
            assert_eq!(store.local_content("1", "folder", "x").await.unwrap(), None);
            store.set_held_path("1", "folder", "x", "/b/x").await.unwrap();
            assert_eq!(all(&store).await, [HeldRow { path: "/b/x".into(), ..row("1", "x", None) }]);
            store.delete_held_file("1", "folder", "x").await.unwrap();
            assert!(all(&store).await.is_empty());
        })
        .await;
    }

    #[tokio::test]
    async fn a_held_file_from_before_gets_its_ids_in_place_of_another() {
        for_each_store(async |location| {
            let store = Store::open(&location).await.unwrap();
            store.save_held_file(&row("1", "x", Some(b"other"))).await.unwrap();
            store.place_held_file(&row("1", "x", None)).await.unwrap();
            assert_eq!(all(&store).await, [row("1", "x", Some(b"other"))]);
            store
                .save_held_file(&HeldRow { name: "/a/x".into(), path: "/a/x".into(), ..row("", "x", None) })
                .await
                .unwrap();
            store.place_held_file(&row("1", "x", None)).await.unwrap();
            assert_eq!(all(&store).await, [row("1", "x", None)]);
        })
        .await;
    }
}
