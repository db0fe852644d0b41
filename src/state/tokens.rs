//! Tokens and drive ids, one row per account.

use secrecy::{ExposeSecret as _, SecretString};

use crate::clock::UnixSeconds;
use crate::state::error::Error;
use crate::state::store::{Store, statements};

/// An account's tokens.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Whose they are, where the token says.
    pub user_id: Option<String>,
    /// Access token; empty before the first renewal.
    pub access_token: SecretString,
    /// Refresh token; empty with PKCE.
    pub refresh_token: SecretString,
    /// When the refresh token was issued.
    pub issued_at: UnixSeconds,
    /// When the access token expires.
    pub expires_at: UnixSeconds,
    /// Which server the refresh token was sent to, while it is not known what became of it.
    pub sent_to: Option<String>,
    /// SHA-256 (hex) of the configuration's refresh token this lineage began with.
    pub source_digest: Option<String>,
    /// Which server granted the refresh token, where that is known: only its application can renew it.
    pub server: Option<String>,
}

/// What refresh token the account must still have for others to take its place.
#[derive(Clone, Copy)]
enum Expected<'a> {
    Anything,
    Nothing,
    Token(&'a SecretString),
}

impl<'a> Expected<'a> {
    fn token(self) -> Option<&'a str> {
        match self {
            Self::Token(token) => Some(token.expose_secret()),
            Self::Anything | Self::Nothing => None,
        }
    }
}

impl Store {
    /// The account's tokens, if it ever had any.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn tokens(&self, account: &str) -> Result<Option<Tokens>, Error> {
        type Row = (Option<String>, String, String, i64, i64, Option<String>, Option<String>, Option<String>);
        let statement = "SELECT user_id, access_token, refresh_token, issued_at, expires_at, sent_to, source_digest, \
                         server FROM tokens WHERE account = $1";
        let row: Option<Row> = statements!(self, connection => {
            sqlx::query_as(statement).bind(account).fetch_optional(&mut *connection).await
        })?;
        let read = |(user_id, access, refresh, issued_at, expires_at, sent_to, source_digest, server): Row| Tokens {
            user_id,
            access_token: access.into(),
            refresh_token: refresh.into(),
            issued_at: UnixSeconds(issued_at),
            expires_at: UnixSeconds(expires_at),
            sent_to,
            source_digest,
            server,
        };
        Ok(row.map(read))
    }

    /// Keeps the account's tokens; they are on disk when this returns. Drive ids of another user are
    /// forgotten with the tokens they came by.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn save_tokens(&self, account: &str, tokens: &Tokens) -> Result<(), Error> {
        self.write_tokens(account, Expected::Anything, tokens).await.map(drop)
    }

    /// The same, only if the account's refresh token is still the `expected` one, or absent where that is: what
    /// another process stored since is not overwritten. Says whether they were kept.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn swap_tokens(
        &self,
        account: &str,
        expected: Option<&SecretString>,
        tokens: &Tokens,
    ) -> Result<bool, Error> {
        let expected = expected.map_or(Expected::Nothing, Expected::Token);
        self.write_tokens(account, expected, tokens).await
    }

    async fn write_tokens(&self, account: &str, expected: Expected<'_>, tokens: &Tokens) -> Result<bool, Error> {
        // Asked once for what is there, and once more of the row that another process may have written since, which
        // PostgreSQL locks first.
        let statement = "INSERT INTO tokens (account, user_id, access_token, refresh_token, issued_at, expires_at, \
                         uncertain, source_digest, server, sent_to) \
                         SELECT $1, $2, $3, $4, $5, $6, $10 IS NOT NULL, $7, $8, $10 \
                         WHERE $9 OR (SELECT refresh_token FROM tokens WHERE account = $1) IS NOT DISTINCT FROM $11 \
                         ON CONFLICT (account) DO UPDATE SET user_id = excluded.user_id, \
                         access_token = excluded.access_token, refresh_token = excluded.refresh_token, \
                         issued_at = excluded.issued_at, expires_at = excluded.expires_at, \
                         uncertain = excluded.uncertain, source_digest = excluded.source_digest, \
                         server = excluded.server, sent_to = excluded.sent_to \
                         WHERE $9 OR tokens.refresh_token IS NOT DISTINCT FROM $11";
        statements!(self, connection => {
            // Forgotten first: if the rest fails they are asked for again. No transaction holds the two together.
            let foreign = "DELETE FROM drives WHERE account = $1 AND user_id <> $2";
            sqlx::query(foreign).bind(account).bind(&tokens.user_id).execute(&mut *connection).await?;
            let done = sqlx::query(statement)
                .bind(account)
                .bind(&tokens.user_id)
                .bind(tokens.access_token.expose_secret())
                .bind(tokens.refresh_token.expose_secret())
                .bind(tokens.issued_at.0)
                .bind(tokens.expires_at.0)
                .bind(&tokens.source_digest)
                .bind(&tokens.server)
                .bind(matches!(expected, Expected::Anything))
                .bind(&tokens.sent_to)
                .bind(expected.token())
                .execute(&mut *connection)
                .await?;
            Ok(done.rows_affected() == 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::StateLocation;
    use crate::state::drives::DriveIds;
    use crate::state::testing::for_each_store;

    fn tokens(user: &str) -> Tokens {
        Tokens {
            user_id: Some(user.into()),
            access_token: "access".into(),
            refresh_token: "refresh".into(),
            issued_at: UnixSeconds(5),
            expires_at: UnixSeconds(6),
            sent_to: Some("https://other.example/token".into()),
            source_digest: None,
            server: Some("https://server.example/token".into()),
        }
    }

    fn drives(user: &str) -> DriveIds {
        DriveIds {
            user_id: user.into(),
            name: "n".into(),
            default_drive_id: Some("1".into()),
            resource_drive_id: Some("2".into()),
            backup_drive_id: None,
        }
    }

    #[tokio::test]
    async fn what_was_kept_is_there_after_a_restart() {
        for_each_store(async |location| {
            let store = Store::open(&location).await.unwrap();
            store.save_tokens("main", &tokens("u1")).await.unwrap();
            store.save_drives("main", &drives("u1")).await.unwrap();
            store.close().await;
            let store = Store::open(&location).await.unwrap();
            let found = store.tokens("main").await.unwrap().unwrap();
            assert_eq!(found.refresh_token.expose_secret(), "refresh");
            assert_eq!(found.sent_to, tokens("u1").sent_to);
            assert_eq!(found.server, tokens("u1").server);
            assert_eq!(store.drives("main").await.unwrap(), Some(drives("u1")));
            assert!(store.tokens("other").await.unwrap().is_none());
        })
        .await;
    }

    #[tokio::test]
    async fn only_the_owner_can_read_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let location = StateLocation::File(folder.path().join("state.db"));
        let store = Store::open(&location).await.unwrap();
        store.save_tokens("main", &tokens("u1")).await.unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let mode = std::os::unix::fs::PermissionsExt::mode(&file.unwrap().metadata().unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_several_who_replace_one_token_at_once_one_does() {
        for_each_store(async |location| {
            let stores = futures_util::future::join_all((0..4).map(|_| Store::open(&location)));
            let stores: Vec<Store> = stores.await.into_iter().map(Result::unwrap).collect();
            stores[0].save_tokens("main", &tokens("u1")).await.unwrap();
            let mut last = SecretString::from("refresh");
            for round in 0..10 {
                let swaps = stores.iter().enumerate().map(|(at, store)| {
                    let next = Tokens { refresh_token: format!("{round}-{at}").into(), ..tokens("u1") };
                    let (store, last) = (store.clone(), last.clone());
                    tokio::spawn(async move { store.swap_tokens("main", Some(&last), &next).await.unwrap() })
                });
                let done = futures_util::future::join_all(swaps).await;
                assert_eq!(done.iter().filter(|done| *done.as_ref().unwrap()).count(), 1);
                last = stores[0].tokens("main").await.unwrap().unwrap().refresh_token;
                assert!(last.expose_secret().starts_with(&format!("{round}-")));
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_file_that_others_could_read_is_closed_to_them() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.db");
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let store = Store::open(&StateLocation::File(file)).await.unwrap();
        store.save_tokens("main", &tokens("u1")).await.unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn several_who_open_a_new_store_at_once_all_get_it() {
        for_each_store(async |location| {
            let all = futures_util::future::join_all((0..6).map(|_| {
                let location = location.clone();
                tokio::spawn(async move { Store::open(&location).await })
            }));
            for store in all.await {
                store.unwrap().unwrap().tokens("main").await.unwrap();
            }
        })
        .await;
    }

    #[tokio::test]
    async fn drives_of_another_user_go_with_the_tokens_they_came_by() {
        for_each_store(async |location| {
            let store = Store::open(&location).await.unwrap();
            store.save_drives("main", &drives("u1")).await.unwrap();
            store.save_tokens("main", &tokens("u1")).await.unwrap();
            assert!(store.drives("main").await.unwrap().is_some());
            store.save_tokens("main", &tokens("u2")).await.unwrap();
            assert!(store.drives("main").await.unwrap().is_none());
        })
        .await;
    }

    #[tokio::test]
    async fn what_another_process_stored_is_not_overwritten() {
        for_each_store(async |location| {
            let store = Store::open(&location).await.unwrap();
            assert!(store.swap_tokens("main", None, &tokens("u1")).await.unwrap());
            assert!(!store.swap_tokens("main", None, &tokens("u1")).await.unwrap());
            let next = Tokens { refresh_token: "next".into(), ..tokens("u1") };
            assert!(store.swap_tokens("main", Some(&"refresh".into()), &next).await.unwrap());
            assert!(!store.swap_tokens("main", Some(&"refresh".into()), &tokens("u1")).await.unwrap());
            assert_eq!(store.tokens("main").await.unwrap().unwrap().refresh_token.expose_secret(), "next");
        })
        .await;
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
            .execute(store.sqlite())
            .await
            .unwrap();
        store.close().await;
        assert!(matches!(Store::open(&location).await.unwrap_err(), Error::Schema { .. }));
    }

    #[tokio::test]
    async fn a_full_disk_and_a_read_only_file_are_told_with_the_file_and_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let location = StateLocation::File(folder.path().join("state.db"));
        let store = Store::open(&location).await.unwrap();
        store.save_tokens("main", &tokens("u1")).await.unwrap();
        store.try_write().await.unwrap();
        let large = Tokens { refresh_token: "x".repeat(100_000).into(), ..tokens("u1") };
        for (pragma, words) in [("max_page_count = 1", "disk is full"), ("query_only = 1", "writable by this user")] {
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!("PRAGMA {pragma}"))).execute(store.sqlite()).await.unwrap();
            let told = store.save_tokens("main", &large).await.unwrap_err().to_string();
            assert!(told.contains(words) && told.contains("state.db"), "{told}");
            let kept = store.tokens("main").await.unwrap().unwrap();
            assert_eq!(kept.refresh_token.expose_secret(), "refresh");
        }
        assert!(store.try_write().await.is_err());
    }

    #[tokio::test]
    async fn a_file_that_another_program_holds_is_told_at_start_and_by_a_write() {
        use sqlx::Connection as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.db");
        let location = StateLocation::File(file.clone());
        let open = || Store::open_within(&location, Duration::from_millis(100));
        let store = open().await.unwrap();
        let mut other =
            sqlx::SqliteConnection::connect_with(&sqlx::sqlite::SqliteConnectOptions::new().filename(&file))
                .await
                .unwrap();
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        let told = store.save_tokens("main", &tokens("u1")).await.unwrap_err().to_string();
        assert!(told.contains("another program holds the file") && told.contains("state.db"), "{told}");
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        store.save_tokens("main", &tokens("u1")).await.unwrap();
        store.close().await;
        sqlx::raw_sql("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
        let error = open().await.unwrap_err();
        assert!(matches!(error, Error::Locked { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_told() {
        // Not writable even by root.
        let error = Store::open(&StateLocation::File("/proc/alidav-state.db".into())).await.unwrap_err();
        assert!(error.to_string().contains("alidav-state.db") && error.to_string().contains("writable"), "{error}");
    }
}
