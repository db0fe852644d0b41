//! Upload sessions of large files, which a later run goes on with.

use sqlx::Row as _;

use crate::clock::UnixMillis;
use crate::digest::Sha1;
use crate::state::error::Error;
use crate::state::store::Store;

/// One upload session that the drive has opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRow {
    /// The account's name in the settings; with `upload_id` the row's key.
    pub account: String,
    /// The drive's id of the session.
    pub upload_id: String,
    /// The drive that the file goes to.
    pub drive_id: String,
    /// Its folder.
    pub folder_id: String,
    /// Its name, as the drive was told it.
    pub name: String,
    /// The drive's id of the file, which shows nowhere before the commit.
    pub file_id: String,
    /// Bytes of the whole content.
    pub size: u64,
    /// Of the whole content.
    pub sha1: Sha1,
    /// Time of modification that the session was opened with.
    pub modified: Option<UnixMillis>,
    /// Bytes of a part.
    pub part_size: u64,
    /// When it was opened or gone on with.
    pub used: UnixMillis,
}

impl Store {
    /// The sessions for a name in a folder.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn uploads_at(
        &self,
        account: &str,
        drive_id: &str,
        folder_id: &str,
        name: &str,
    ) -> Result<Vec<UploadRow>, Error> {
        let act = async {
            let statement = "SELECT * FROM uploads WHERE account = ? AND drive_id = ? AND folder_id = ? AND name = ? \
                             ORDER BY used_ms DESC";
            let found = sqlx::query(statement).bind(account).bind(drive_id).bind(folder_id).bind(name);
            found.fetch_all(&self.pool).await?.iter().map(read).collect()
        };
        self.named(act.await)
    }

    /// The sessions that nobody has used since.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn uploads_before(&self, moment: UnixMillis) -> Result<Vec<UploadRow>, Error> {
        let act = async {
            let found = sqlx::query("SELECT * FROM uploads WHERE used_ms < ?").bind(moment.0);
            found.fetch_all(&self.pool).await?.iter().map(read).collect()
        };
        self.named(act.await)
    }

    /// Writes a session down; it is on disk when this returns.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn add_upload(&self, row: &UploadRow) -> Result<(), Error> {
        let statement = "INSERT INTO uploads (account, upload_id, drive_id, folder_id, name, file_id, size, sha1, \
                         modified_ms, part_size, used_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let act = sqlx::query(statement)
            .bind(&row.account)
            .bind(&row.upload_id)
            .bind(&row.drive_id)
            .bind(&row.folder_id)
            .bind(&row.name)
            .bind(&row.file_id)
            .bind(i64::try_from(row.size).unwrap_or(i64::MAX))
            .bind(row.sha1.bytes().to_vec())
            .bind(row.modified.map(|modified| modified.0))
            .bind(i64::try_from(row.part_size).unwrap_or(i64::MAX))
            .bind(row.used.0)
            .execute(&self.pool);
        self.named(act.await.map(drop))
    }

    /// Notes that a session is used now.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn use_upload(&self, account: &str, upload_id: &str, now: UnixMillis) -> Result<(), Error> {
        let statement = "UPDATE uploads SET used_ms = ? WHERE account = ? AND upload_id = ?";
        let act = sqlx::query(statement).bind(now.0).bind(account).bind(upload_id).execute(&self.pool);
        self.named(act.await.map(drop))
    }

    /// Forgets a session.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn delete_upload(&self, account: &str, upload_id: &str) -> Result<(), Error> {
        let statement = "DELETE FROM uploads WHERE account = ? AND upload_id = ?";
        let act = sqlx::query(statement).bind(account).bind(upload_id).execute(&self.pool);
        self.named(act.await.map(drop))
    }
}

fn read(row: &sqlx::sqlite::SqliteRow) -> Result<UploadRow, sqlx::Error> {
    let number = |column: &str| Ok::<u64, sqlx::Error>(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or(0));
    let sha1: Vec<u8> = row.try_get("sha1")?;
    let sha1 = <[u8; 20]>::try_from(sha1).map_err(|_| sqlx::Error::Decode("sha1 has not 20 bytes".into()))?;
    Ok(UploadRow {
        account: row.try_get("account")?,
        upload_id: row.try_get("upload_id")?,
        drive_id: row.try_get("drive_id")?,
        folder_id: row.try_get("folder_id")?,
        name: row.try_get("name")?,
        file_id: row.try_get("file_id")?,
        size: number("size")?,
        sha1: sha1.into(),
        modified: row.try_get::<Option<i64>, _>("modified_ms")?.map(UnixMillis),
        part_size: number("part_size")?,
        used: UnixMillis(row.try_get("used_ms")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StateLocation;

    fn row(upload_id: &str, name: &str) -> UploadRow {
        UploadRow {
            account: "main".into(),
            upload_id: upload_id.into(),
            drive_id: "1".into(),
            folder_id: "f".into(),
            name: name.into(),
            file_id: format!("file of {upload_id}"),
            size: 5_000_000_000_000,
            sha1: Sha1::of(name.as_bytes()),
            modified: None,
            part_size: 20 << 20,
            used: UnixMillis(7),
        }
    }

    #[tokio::test]
    async fn sessions_are_known_by_their_place_until_they_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let location = StateLocation::File(folder.path().join("state.db"));
        let store = Store::open(&location).await.unwrap();
        let timed = UploadRow { modified: Some(UnixMillis(-1)), used: UnixMillis(9), ..row("b", "film") };
        for row in [&row("a", "film"), &timed, &row("c", "other")] {
            store.add_upload(row).await.unwrap();
        }
        store.close().await;
        let store = Store::open(&location).await.unwrap();
        let at = |name: &'static str| store.uploads_at("main", "1", "f", name);
        assert_eq!(at("film").await.unwrap(), [timed.clone(), row("a", "film")]);
        assert!(store.uploads_at("main", "2", "f", "film").await.unwrap().is_empty());
        store.use_upload("main", "a", UnixMillis(11)).await.unwrap();
        assert_eq!(store.uploads_before(UnixMillis(9)).await.unwrap(), [row("c", "other")]);
        store.delete_upload("main", "b").await.unwrap();
        store.delete_upload("other", "c").await.unwrap();
        assert_eq!(at("film").await.unwrap(), [UploadRow { used: UnixMillis(11), ..row("a", "film") }]);
        assert_eq!(at("other").await.unwrap().len(), 1);
    }
}
