//! Upload sessions of large files, which a later run goes on with.

use crate::clock::UnixMillis;
use crate::digest::Sha1;
use crate::state::error::Error;
use crate::state::store::{Store, statements};

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
        let statement = "SELECT account, upload_id, drive_id, folder_id, name, file_id, size, sha1, modified_ms, \
                         part_size, used_ms FROM uploads WHERE account = $1 AND drive_id = $2 AND folder_id = $3 \
                         AND name = $4 ORDER BY used_ms DESC";
        statements!(self, connection => {
            let found = sqlx::query_as(statement).bind(account).bind(drive_id).bind(folder_id).bind(name);
            found.fetch_all(&mut *connection).await?.into_iter().map(read).collect()
        })
    }

    /// The sessions that nobody has used since.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn uploads_before(&self, moment: UnixMillis) -> Result<Vec<UploadRow>, Error> {
        let statement = "SELECT account, upload_id, drive_id, folder_id, name, file_id, size, sha1, modified_ms, \
                         part_size, used_ms FROM uploads WHERE used_ms < $1";
        statements!(self, connection => {
            let found = sqlx::query_as(statement).bind(moment.0).fetch_all(&mut *connection).await?;
            found.into_iter().map(read).collect()
        })
    }

    /// Writes a session down; it is on disk when this returns.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn add_upload(&self, row: &UploadRow) -> Result<(), Error> {
        let statement = "INSERT INTO uploads (account, upload_id, drive_id, folder_id, name, file_id, size, sha1, \
                         modified_ms, part_size, used_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        statements!(self, connection => {
            sqlx::query(statement)
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
                .execute(&mut *connection)
                .await
                .map(drop)
        })
    }

    /// Notes that a session is used now.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn use_upload(&self, account: &str, upload_id: &str, now: UnixMillis) -> Result<(), Error> {
        let statement = "UPDATE uploads SET used_ms = $1 WHERE account = $2 AND upload_id = $3";
        statements!(self, connection => {
            let statement = sqlx::query(statement).bind(now.0).bind(account).bind(upload_id);
            statement.execute(&mut *connection).await.map(drop)
        })
    }

    /// Forgets a session.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn delete_upload(&self, account: &str, upload_id: &str) -> Result<(), Error> {
        let statement = "DELETE FROM uploads WHERE account = $1 AND upload_id = $2";
        statements!(self, connection => {
            sqlx::query(statement).bind(account).bind(upload_id).execute(&mut *connection).await.map(drop)
        })
    }
}

type Row = (String, String, String, String, String, String, i64, Vec<u8>, Option<i64>, i64, i64);

fn read(row: Row) -> Result<UploadRow, sqlx::Error> {
    let (account, upload_id, drive_id, folder_id, name, file_id, size, sha1, modified, part_size, used) = row;
    let sha1 = <[u8; 20]>::try_from(sha1).map_err(|_| sqlx::Error::Decode("sha1 has not 20 bytes".into()))?;
    Ok(UploadRow {
        account,
        upload_id,
        drive_id,
        folder_id,
        name,
        file_id,
        size: u64::try_from(size).unwrap_or(0),
        sha1: sha1.into(),
        modified: modified.map(UnixMillis),
        part_size: u64::try_from(part_size).unwrap_or(0),
        used: UnixMillis(used),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::testing::for_each_store;

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
        for_each_store(async |location| {
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
        })
        .await;
    }
}
