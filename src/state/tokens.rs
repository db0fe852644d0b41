//! Tokens and drive ids, one row per account.

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::Row as _;

use super::{Error, Store};

/// An account's tokens.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Whose they are, where the token says.
    pub user_id: Option<String>,
    /// Access token; empty before the first renewal.
    pub access_token: SecretString,
    /// Refresh token; empty with PKCE.
    pub refresh_token: SecretString,
    /// When the refresh token was issued, Unix seconds.
    pub issued_at: i64,
    /// When the access token expires, Unix seconds.
    pub expires_at: i64,
    /// A refresh was sent and its answer never came.
    pub uncertain: bool,
    /// SHA-256 (hex) of the configuration's refresh token this lineage began with.
    pub source_digest: Option<String>,
}

/// An account's drives, as `getDriveInfo` once told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriveIds {
    /// Account's id.
    pub user_id: String,
    /// Account's display name.
    pub name: String,
    /// The drive the service calls default.
    pub default_drive_id: String,
    /// Present only if granted.
    pub resource_drive_id: Option<String>,
    /// Present only if granted.
    pub backup_drive_id: Option<String>,
}

impl Store {
    /// The account's tokens, if it ever had any.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn tokens(&self, account: &str) -> Result<Option<Tokens>, Error> {
        let row =
            sqlx::query("SELECT * FROM tokens WHERE account = ?").bind(account).fetch_optional(&self.pool).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Tokens {
            user_id: row.try_get("user_id")?,
            access_token: SecretString::from(row.try_get::<String, _>("access_token")?),
            refresh_token: SecretString::from(row.try_get::<String, _>("refresh_token")?),
            issued_at: row.try_get("issued_at")?,
            expires_at: row.try_get("expires_at")?,
            uncertain: row.try_get("uncertain")?,
            source_digest: row.try_get("source_digest")?,
        }))
    }

    /// Keeps the account's tokens; they are on disk when this returns. Drive ids of another user are
    /// forgotten with the tokens they came by.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn save_tokens(&self, account: &str, tokens: &Tokens) -> Result<(), Error> {
        let mut change = self.pool.begin().await?;
        sqlx::query("INSERT OR REPLACE INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(account)
            .bind(&tokens.user_id)
            .bind(tokens.access_token.expose_secret())
            .bind(tokens.refresh_token.expose_secret())
            .bind(tokens.issued_at)
            .bind(tokens.expires_at)
            .bind(tokens.uncertain)
            .bind(&tokens.source_digest)
            .execute(&mut *change)
            .await?;
        sqlx::query("DELETE FROM drives WHERE account = ? AND user_id <> ?")
            .bind(account)
            .bind(&tokens.user_id)
            .execute(&mut *change)
            .await?;
        change.commit().await?;
        Ok(())
    }

    /// The account's drives, if they were ever asked for.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn drives(&self, account: &str) -> Result<Option<DriveIds>, Error> {
        let row =
            sqlx::query("SELECT * FROM drives WHERE account = ?").bind(account).fetch_optional(&self.pool).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(DriveIds {
            user_id: row.try_get("user_id")?,
            name: row.try_get("name")?,
            default_drive_id: row.try_get("default_drive_id")?,
            resource_drive_id: row.try_get("resource_drive_id")?,
            backup_drive_id: row.try_get("backup_drive_id")?,
        }))
    }

    /// Keeps the account's drives.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn save_drives(&self, account: &str, drives: &DriveIds) -> Result<(), Error> {
        sqlx::query("INSERT OR REPLACE INTO drives VALUES (?, ?, ?, ?, ?, ?)")
            .bind(account)
            .bind(&drives.user_id)
            .bind(&drives.name)
            .bind(&drives.default_drive_id)
            .bind(&drives.resource_drive_id)
            .bind(&drives.backup_drive_id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StateLocation;

    fn tokens(user: &str) -> Tokens {
        Tokens {
            user_id: Some(user.into()),
            access_token: "access".into(),
            refresh_token: "refresh".into(),
            issued_at: 5,
            expires_at: 6,
            uncertain: true,
            source_digest: None,
        }
    }

    fn drives(user: &str) -> DriveIds {
        DriveIds {
            user_id: user.into(),
            name: "n".into(),
            default_drive_id: "1".into(),
            resource_drive_id: Some("2".into()),
            backup_drive_id: None,
        }
    }

    #[tokio::test]
    async fn what_was_kept_is_there_after_a_restart_and_only_the_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let location = StateLocation::File(folder.path().join("state.db"));
        let store = Store::open(&location).await.unwrap();
        store.save_tokens("main", &tokens("u1")).await.unwrap();
        store.save_drives("main", &drives("u1")).await.unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let mode = std::os::unix::fs::PermissionsExt::mode(&file.unwrap().metadata().unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
        store.close().await;
        let store = Store::open(&location).await.unwrap();
        let found = store.tokens("main").await.unwrap().unwrap();
        assert_eq!(found.refresh_token.expose_secret(), "refresh");
        assert!(found.uncertain);
        assert_eq!(store.drives("main").await.unwrap(), Some(drives("u1")));
        assert!(store.tokens("other").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn drives_of_another_user_go_with_the_tokens_they_came_by() {
        let store = Store::open(&StateLocation::Memory).await.unwrap();
        store.save_drives("main", &drives("u1")).await.unwrap();
        store.save_tokens("main", &tokens("u1")).await.unwrap();
        assert!(store.drives("main").await.unwrap().is_some());
        store.save_tokens("main", &tokens("u2")).await.unwrap();
        assert!(store.drives("main").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_damaged_or_unreachable_file_is_named_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let damaged = folder.path().join("damaged.db");
        std::fs::write(&damaged, vec![b'x'; 5000]).unwrap();
        let error = Store::open(&StateLocation::File(damaged)).await.unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("damaged.db"));
        let error = Store::open(&StateLocation::File(folder.path().join("none/state.db"))).await.unwrap_err();
        assert!(matches!(error, Error::Open { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_store_of_a_newer_version_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let location = StateLocation::File(folder.path().join("state.db"));
        let store = Store::open(&location).await.unwrap();
        sqlx::query("INSERT INTO _sqlx_migrations VALUES (9999, 'later', '2030-01-01', TRUE, X'00', 1)")
            .execute(&store.pool)
            .await
            .unwrap();
        store.close().await;
        assert!(matches!(Store::open(&location).await.unwrap_err(), Error::Schema { .. }));
    }
}
