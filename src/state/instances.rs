//! An instance among those that serve from one store.
//!
//! One that is to serve joins the others ([`Store::join`]); commands that look at the store do not. Until it has, and
//! always where the store is a file, it is alone: leases are had, nothing is told, and there is no common pace.

use std::sync::Arc;
use std::time::Duration;

use crate::state::error::Error;
use crate::state::shared::Shared;
use crate::state::shared::changes::Changes;
use crate::state::shared::database::Database;
use crate::state::shared::leases::Leases;
use crate::state::shared::pace::Pace;
use crate::state::shared::presence::{self, Instance, Living};
use crate::state::store::{Pool, Store};

impl Store {
    /// Joins the instances that serve from the database, by a name for people; nothing where the store is a file.
    /// `life` is how long an instance counts as living after its last sign of life.
    ///
    /// # Errors
    /// The database cannot be listened to or written.
    pub async fn join(&mut self, name: &str, life: Duration) -> Result<(), Error> {
        if let Some(database) = self.database() {
            self.shared = Some(Arc::new(Shared::join(database, name, life).await?));
        }
        Ok(())
    }

    pub(in crate::state) fn database(&self) -> Option<Database> {
        match &self.pool {
            Pool::Postgres(server) => Some(Database::new(server.clone(), self.place.clone())),
            Pool::Sqlite(_) => None,
        }
    }

    /// The life of this instance among those that share the store, by which what it has written down is known; 0 where
    /// nobody shares it.
    ///
    /// # Errors
    /// Whether the last life has passed must be asked of the database, and cannot be.
    pub async fn life(&self) -> Result<i64, Error> {
        match &self.shared {
            Some(shared) => shared.life().await,
            None => Ok(0),
        }
    }

    /// That another instance is at what is wanted.
    #[must_use]
    pub fn leased(&self) -> Error {
        Error::Leased { place: self.place.to_string() }
    }

    /// What only one instance may have or do at a time.
    #[must_use]
    pub fn leases(&self) -> Leases {
        self.shared.as_ref().map_or_else(Leases::alone, |shared| shared.leases.clone())
    }

    /// What instances tell each other.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.shared.as_ref().map_or_else(Changes::none, |shared| shared.changes.clone())
    }

    /// The common pace of an account's class of calls; absent where it is shared with nobody.
    #[must_use]
    pub fn pace(&self, account: &str, class: &'static str) -> Option<Pace> {
        Some(self.shared.as_ref()?.pace(account, class))
    }

    /// Who lived when this instance last gave a sign of life, without a call to the database; absent where it has joined
    /// nobody.
    #[must_use]
    pub fn living(&self) -> Option<Living> {
        Some(self.shared.as_ref()?.living())
    }

    /// The instances that serve from the database, the oldest first; none where the store is a file.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn instances(&self) -> Result<Vec<Instance>, Error> {
        match (&self.shared, self.database()) {
            (Some(shared), _) => shared.instances().await,
            (None, Some(database)) => presence::instances(&database, None).await,
            (None, None) => Ok(Vec::new()),
        }
    }

    /// Whether a server serves from the store.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn is_served(&self) -> Result<bool, Error> {
        Ok(matches!(self.serve_alone(), Err(Error::Served { .. })) || !self.instances().await?.is_empty())
    }
}
