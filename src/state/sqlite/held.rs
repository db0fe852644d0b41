//! Files that the drive does not have: empty ones that wait for their content, and file managers' own.

use futures_util::TryStreamExt as _;
use sqlx::Row as _;

use crate::clock::UnixMillis;
use crate::state::error::Error;
use crate::state::store::Store;

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
    /// Gives all held files to `each`, one after another: their contents need not fit into memory together.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn held_files(&self, mut each: impl FnMut(HeldRow)) -> Result<(), Error> {
        let act = async {
            let mut rows = sqlx::query("SELECT * FROM held_files").fetch(&self.pool);
            while let Some(row) = rows.try_next().await? {
                each(HeldRow {
                    drive_id: row.try_get("drive_id")?,
                    folder_id: row.try_get("folder_id")?,
                    name: row.try_get("name")?,
                    path: row.try_get("path")?,
                    file_id: row.try_get("file_id")?,
                    created: UnixMillis(row.try_get("created_ms")?),
                    content: row.try_get("content")?,
                });
            }
            Ok(())
        };
        self.named(act.await)
    }

    /// Keeps a held file, in place of one of its key.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn save_held_file(&self, row: &HeldRow) -> Result<(), Error> {
        let act = async {
            sqlx::query("INSERT OR REPLACE INTO held_files VALUES (?, ?, ?, ?, ?, ?, ?)")
                .bind(&row.drive_id)
                .bind(&row.folder_id)
                .bind(&row.name)
                .bind(&row.path)
                .bind(&row.file_id)
                .bind(row.created.0)
                .bind(&row.content)
                .execute(&self.pool)
                .await?;
            Ok(())
        };
        self.named(act.await)
    }

    /// The folder of a held file, or one above it, is at another path now.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn set_held_path(&self, drive_id: &str, folder_id: &str, name: &str, path: &str) -> Result<(), Error> {
        let act = async {
            sqlx::query("UPDATE held_files SET path = ? WHERE drive_id = ? AND folder_id = ? AND name = ?")
                .bind(path)
                .bind(drive_id)
                .bind(folder_id)
                .bind(name)
                .execute(&self.pool)
                .await?;
            Ok(())
        };
        self.named(act.await)
    }

    /// A held file without ids gets them, unless there is one of that key.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn place_held_file(&self, row: &HeldRow) -> Result<(), Error> {
        let act = async {
            sqlx::query(
                "UPDATE OR REPLACE held_files SET drive_id = ?, folder_id = ?, name = ? WHERE drive_id = '' AND path = ?",
            )
            .bind(&row.drive_id)
            .bind(&row.folder_id)
            .bind(&row.name)
            .bind(&row.path)
            .execute(&self.pool)
            .await?;
            Ok(())
        };
        self.named(act.await)
    }

    /// The content of one file that stays here.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn local_content(&self, drive_id: &str, folder_id: &str, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let act = async {
            let row = sqlx::query("SELECT content FROM held_files WHERE drive_id = ? AND folder_id = ? AND name = ?")
                .bind(drive_id)
                .bind(folder_id)
                .bind(name)
                .fetch_optional(&self.pool)
                .await?;
            Ok(row.map(|row| row.try_get("content")).transpose()?.flatten())
        };
        self.named(act.await)
    }

    /// Forgets a held file.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn delete_held_file(&self, drive_id: &str, folder_id: &str, name: &str) -> Result<(), Error> {
        let act = async {
            sqlx::query("DELETE FROM held_files WHERE drive_id = ? AND folder_id = ? AND name = ?")
                .bind(drive_id)
                .bind(folder_id)
                .bind(name)
                .execute(&self.pool)
                .await?;
            Ok(())
        };
        self.named(act.await)
    }
}
