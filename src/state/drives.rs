//! The drives of an account, as the service told them last: which there are, and which the user granted.

use crate::state::error::Error;
use crate::state::store::{Store, statements};

/// One of the two drives that a user can grant (reference 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriveKind {
    /// 资源库.
    Resource,
    /// 备份盘.
    Backup,
}

impl DriveKind {
    /// Its name in the settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Backup => "backup",
        }
    }
}

/// An account's drives, as `getDriveInfo` once told (reference 2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriveIds {
    /// Account's id.
    pub user_id: String,
    /// Account's display name.
    pub name: String,
    /// The drive the service calls default, which the user may not have granted.
    pub default_drive_id: Option<String>,
    /// Present only if granted.
    pub resource_drive_id: Option<String>,
    /// Present only if granted.
    pub backup_drive_id: Option<String>,
}

impl DriveIds {
    /// The drives granted with their ids, resource before backup.
    pub fn granted(&self) -> impl Iterator<Item = (DriveKind, &str)> {
        let both = [(DriveKind::Resource, &self.resource_drive_id), (DriveKind::Backup, &self.backup_drive_id)];
        both.into_iter().filter_map(|(kind, id)| Some((kind, id.as_deref()?)))
    }

    /// The drive that is meant where none is named: the service's default if it was granted, since every call with
    /// one that was not is refused (reference 2.1), else the first that was. Absent when none was.
    #[must_use]
    pub fn default_drive(&self) -> Option<(DriveKind, &str)> {
        let own = self.default_drive_id.as_deref();
        self.granted().find(|(_, id)| own == Some(*id)).or_else(|| self.granted().next())
    }
}

impl Store {
    /// The account's drives, if they were ever asked for.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn drives(&self, account: &str) -> Result<Option<DriveIds>, Error> {
        type Row = (String, String, String, Option<String>, Option<String>);
        let statement = "SELECT user_id, name, default_drive_id, resource_drive_id, backup_drive_id FROM drives \
                         WHERE account = $1";
        let row: Option<Row> = statements!(self, connection => {
            sqlx::query_as(statement).bind(account).fetch_optional(&mut *connection).await
        })?;
        Ok(row.map(|(user_id, name, default, resource_drive_id, backup_drive_id)| DriveIds {
            user_id,
            name,
            // The column holds an empty text where the service named none.
            default_drive_id: Some(default).filter(|id| !id.is_empty()),
            resource_drive_id,
            backup_drive_id,
        }))
    }

    /// Keeps the account's drives.
    ///
    /// # Errors
    /// The statement failed and nothing has changed.
    pub async fn save_drives(&self, account: &str, drives: &DriveIds) -> Result<(), Error> {
        let statement = "INSERT INTO drives (account, user_id, name, default_drive_id, resource_drive_id, \
                         backup_drive_id) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account) DO UPDATE SET \
                         user_id = excluded.user_id, name = excluded.name, \
                         default_drive_id = excluded.default_drive_id, \
                         resource_drive_id = excluded.resource_drive_id, backup_drive_id = excluded.backup_drive_id";
        statements!(self, connection => {
            sqlx::query(statement)
                .bind(account)
                .bind(&drives.user_id)
                .bind(&drives.name)
                .bind(drives.default_drive_id.as_deref().unwrap_or_default())
                .bind(&drives.resource_drive_id)
                .bind(&drives.backup_drive_id)
                .execute(&mut *connection)
                .await
                .map(drop)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::testing::for_each_store;

    fn ids(default: Option<&str>, resource: Option<&str>, backup: Option<&str>) -> DriveIds {
        let id = |id: Option<&str>| id.map(str::to_owned);
        DriveIds {
            user_id: "u".to_owned(),
            name: "n".to_owned(),
            default_drive_id: id(default),
            resource_drive_id: id(resource),
            backup_drive_id: id(backup),
        }
    }

    #[test]
    fn the_default_is_a_drive_that_was_granted_resource_before_backup() {
        let default = |default, resource, backup| {
            ids(default, resource, backup).default_drive().map(|(kind, id)| format!("{} {id}", kind.name()))
        };
        assert_eq!(default(Some("b"), Some("r"), Some("b")).as_deref(), Some("backup b"));
        assert_eq!(default(Some("r"), Some("r"), Some("b")).as_deref(), Some("resource r"));
        assert_eq!(default(Some("b"), Some("r"), None).as_deref(), Some("resource r"));
        assert_eq!(default(Some("r"), None, Some("b")).as_deref(), Some("backup b"));
        assert_eq!(default(Some("x"), Some("r"), Some("b")).as_deref(), Some("resource r"));
        assert_eq!(default(None, None, Some("b")).as_deref(), Some("backup b"));
        assert_eq!(default(Some("b"), None, None), None);
    }

    #[tokio::test]
    async fn a_default_that_was_not_named_comes_back_so() {
        for_each_store(async |location| {
            let store = Store::open(&location).await.unwrap();
            for kept in [ids(None, Some("r"), None), ids(Some("b"), None, None)] {
                store.save_drives("main", &kept).await.unwrap();
                assert_eq!(store.drives("main").await.unwrap(), Some(kept));
            }
        })
        .await;
    }
}
