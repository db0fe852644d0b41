//! What several instances on one database share besides its rows: who they are, what they tell each other, what only one
//! of them may have, and the pace of their calls.

pub(super) mod changes;
mod clock;
pub(super) mod database;
mod hearing;
pub(super) mod leases;
mod moments;
pub(super) mod pace;
pub(super) mod presence;
pub(super) mod reach;

use std::sync::Arc;
use std::time::Duration;

use self::changes::{Change, Changes};
use self::database::Database;
use self::leases::Leases;
use self::pace::Pace;
use self::presence::{Beat, Instance, Living, Presence};
use self::reach::Reach;
use crate::clock::UnixMillis;
use crate::state::error::Error;

/// What an instance that serves has of the others.
#[derive(Debug)]
pub(super) struct Shared {
    database: Database,
    presence: Arc<Presence>,
    reach: Reach,
    pub(super) changes: Changes,
    pub(super) leases: Leases,
    _beat: Beat,
}

impl Shared {
    /// Joins the instances that serve from a database, by a name for people. `life` is how long an instance counts as
    /// living after its last sign of life.
    ///
    /// # Errors
    /// The database cannot be listened to or written.
    pub(super) async fn join(database: Database, name: &str, life: Duration) -> Result<Self, Error> {
        let changes = Changes::listen(database.clone()).await?;
        let presence = Presence::begin(database.clone(), name.to_owned(), life, changes.clone()).await?;
        let leases = Leases::new(database.clone(), presence.clone(), changes.clone());
        let beat = presence.keep_beating();
        let reach = Reach::watch(database.clone(), presence.clone());
        let shared = Self { database, presence, reach, changes, leases, _beat: beat };
        // From now on the others wait for this one to hear, too.
        shared.changes.tell(Change::Membership);
        shared.told().await;
        Ok(shared)
    }

    /// Leaves them: what this instance had is the others' at once.
    pub(super) async fn leave(&self) {
        if let Err(error) = self.presence.end().await {
            tracing::warn!(%error, "the other instances take this one for living for some seconds more");
        }
        // Else they would wait for it to hear of what they change.
        self.changes.tell(Change::Membership);
        self.told().await;
    }

    /// Learns now how many others there are.
    #[cfg(test)]
    async fn look_around(&self) -> Result<(), Error> {
        self.presence.beat().await
    }

    /// See [`Store::told`](crate::state::Store::told).
    pub(super) async fn told(&self) {
        self.changes.heard(self.presence.count() - 1).await;
    }

    /// This moment by the database's clock.
    pub(super) fn now(&self) -> UnixMillis {
        self.presence.clock().now()
    }

    /// The common pace of an account's class of calls.
    pub(super) fn pace(&self, account: &str, class: &'static str) -> Pace {
        Pace::new(self.database.clone(), self.reach.clone(), account.to_owned(), class)
    }

    /// Who lived when this one last gave a sign of life.
    pub(super) fn living(&self) -> Living {
        self.presence.living()
    }

    /// The life of this instance.
    ///
    /// # Errors
    /// As [`Presence::sure`].
    pub(super) async fn life(&self) -> Result<i64, Error> {
        self.presence.sure().await
    }

    /// All that live, the oldest first.
    ///
    /// # Errors
    /// The statement failed.
    pub(super) async fn instances(&self) -> Result<Vec<Instance>, Error> {
        self.presence.instances().await
    }
}
