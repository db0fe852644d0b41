//! Files that the drive does not have: empty ones that wait for their content, and file managers' own.

use futures_util::TryStreamExt as _;
use sqlx::Row as _;

use super::{Error, Store};

/// One file that the drive does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRow {
    /// Path in the whole tree.
    pub path: String,
    /// Stands for the drive's id until there is one.
    pub file_id: String,
    /// When it was made, Unix milliseconds.
    pub created_ms: i64,
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
                    path: row.try_get("path")?,
                    file_id: row.try_get("file_id")?,
                    created_ms: row.try_get("created_ms")?,
                    content: row.try_get("content")?,
                });
            }
            Ok(())
        };
        self.named(act.await)
    }

    /// Keeps a held file.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn save_held_file(&self, row: &HeldRow) -> Result<(), Error> {
        let act = async {
            sqlx::query("INSERT OR REPLACE INTO held_files VALUES (?, ?, ?, ?)")
                .bind(&row.path)
                .bind(&row.file_id)
                .bind(row.created_ms)
                .bind(&row.content)
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
    pub async fn local_content(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let act = async {
            let row = sqlx::query("SELECT content FROM held_files WHERE path = ?")
                .bind(path)
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
    pub async fn delete_held_file(&self, path: &str) -> Result<(), Error> {
        let act = async {
            sqlx::query("DELETE FROM held_files WHERE path = ?").bind(path).execute(&self.pool).await?;
            Ok(())
        };
        self.named(act.await)
    }
}
