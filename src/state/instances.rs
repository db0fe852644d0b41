//! An instance among those that serve from one store.
//!
//! One that is to serve joins the others ([`Store::join`]); commands that look at the store do not. Until it has, and
//! always where the store is a file, it is alone: leases are had, nothing is told, and there is no common pace.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::state::error::Error;
use crate::state::shared::Shared;
use crate::state::shared::changes::{Change, Changes};
use crate::state::shared::database::Database;
use crate::state::shared::leases::{Lease, LeaseKey, Leases};
use crate::state::shared::pace::Pace;
use crate::state::shared::presence::{self, Instance, Living};
use crate::state::store::{Pool, Store};

/// How soon the right to serve is asked for again while the database is away.
const AGAIN: Duration = Duration::from_secs(1);

/// The right to serve from a store; given back when it is dropped.
#[derive(Debug)]
pub struct Serving {
    lease: Mutex<Lease>,
    lost: CancellationToken,
}

impl Serving {
    /// Cancelled when another has the right since this one was stopped or cut off from the database: it must not go on.
    #[must_use]
    pub fn lost(&self) -> CancellationToken {
        self.lost.clone()
    }

    /// The others took this one for dead: it has the right again, unless one of them does.
    async fn take_again(&self, store: &Store) {
        loop {
            match store.lease_to_serve(Duration::ZERO).await {
                Ok(lease) => {
                    *self.lease.lock() = lease;
                    return;
                }
                Err(Error::Served { .. }) => return self.lost.cancel(),
                Err(error) => tracing::warn!(%error, "whether another alidav serves meanwhile cannot be asked"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

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

    /// Waits for the right to serve from the database, and has it until it is dropped: what is under way at one server,
    /// such as a version that is about to go, is not told to others yet. A file is locked by [`Store::serve_alone`].
    ///
    /// # Errors
    /// [`Error::Served`] when another has it for longer than `longest`; the statement failed.
    pub async fn serve(&self, longest: Duration) -> Result<Arc<Serving>, Error> {
        let lease = self.lease_to_serve(longest).await?;
        let serving = Serving { lease: Mutex::new(lease), lost: CancellationToken::new() };
        let (serving, store) = (Arc::new(serving), self.clone());
        self.changes().hand_to(&serving, move |serving, change| {
            let store = store.clone();
            async move {
                if change == Change::Lapsed {
                    serving.take_again(&store).await;
                }
            }
        });
        Ok(serving)
    }

    async fn lease_to_serve(&self, longest: Duration) -> Result<Lease, Error> {
        match self.leases().all(&[LeaseKey::new("serve", &[])], longest).await {
            Err(Error::Leased { place }) => Err(Error::Served { place }),
            lease => lease,
        }
    }

    fn database(&self) -> Option<Database> {
        match &self.pool {
            Pool::Postgres(server) => Some(Database::new(server.clone(), self.place.clone())),
            Pool::Sqlite(_) => None,
        }
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
