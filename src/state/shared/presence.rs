//! This instance among those that share a PostgreSQL: that it lives, who else does, and whether it still counts.
//!
//! A row of `instances` says until when an instance lives, by the database's clock, and is put forward again
//! and again. What an instance has (`leases`) is its own for as long as its row lives; the others may take it then. So an
//! instance that was stopped for a while, or was cut off, counts as none ([`Presence::current`]) until the database has
//! said that its row still lives; else it begins a new life, in which it has nothing ([`Change::Lapsed`]).
//!
//! A sign of life also looks at the database's clock.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::clock::UnixMillis;
use crate::state::error::Error;
use crate::state::shared::changes::{Change, Changes};
use crate::state::shared::clock::SharedClock;
use crate::state::shared::database::Database;
use crate::state::shared::moments::Share;

/// Signs of life within the time after which an instance counts as dead: some may be late.
const BEATS: u32 = 4;

/// Rows of the dead are kept for so long.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// One of the instances that share the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// As its settings name it, else its host's name.
    pub name: String,
    /// Whether it is this one.
    pub own: bool,
    /// For how long it has been running.
    pub age: Duration,
}

/// Those that lived when an instance last gave a sign of life.
#[derive(Debug, Clone)]
pub struct Living {
    /// All of them, the oldest first, this one among them; as old as they are now if they still live.
    pub instances: Vec<Instance>,
    /// How long ago that was.
    pub ago: Duration,
    /// Whether that is so long ago that the others take this one for dead.
    pub is_outdated: bool,
}

impl Living {
    /// What this one is called.
    #[must_use]
    pub fn own_name(&self) -> &str {
        self.instances.iter().find(|instance| instance.own).map_or("", |instance| &instance.name)
    }

    /// What is wrong where it is outdated, for people.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        self.is_outdated.then(|| {
            let ago = self.ago.as_secs();
            format!("instance {} last reached the database {ago} s ago: others take it for dead", self.own_name())
        })
    }
}

impl std::fmt::Debug for Presence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Presence").field(&self.name).finish()
    }
}

/// This instance's life.
pub(in crate::state) struct Presence {
    database: Database,
    name: String,
    /// How long it counts as living after a sign of life.
    lasts: Duration,
    life: Mutex<Life>,
    /// One sign of life at a time.
    beating: tokio::sync::Mutex<()>,
    seen: Mutex<Seen>,
    clock: SharedClock,
    changes: Changes,
}

/// Who lived at the last sign of life.
struct Seen {
    instances: Vec<Instance>,
    at: Instant,
}

#[derive(Clone, Copy)]
struct Life {
    id: i64,
    /// When its last sign of life was begun, by both of our clocks: one that was stopped shows by either.
    seen: Instant,
    seen_at: UnixMillis,
}

impl Life {
    fn is_sure(&self, life: Duration) -> bool {
        self.seen.elapsed() < life && UnixMillis::now().since(self.seen_at) < life
    }
}

/// The beat of an instance; ends with it.
#[derive(Debug)]
pub(in crate::state) struct Beat {
    _end: DropGuard,
}

impl Presence {
    /// Begins a life.
    ///
    /// # Errors
    /// The statement failed.
    pub(in crate::state) async fn begin(
        database: Database,
        name: String,
        lasts: Duration,
        changes: Changes,
    ) -> Result<Arc<Self>, Error> {
        let life = Mutex::new(born(&database, &name, lasts).await?);
        let seen = Mutex::new(Seen { instances: Vec::new(), at: Instant::now() });
        let (beating, clock) = (tokio::sync::Mutex::default(), SharedClock::default());
        let presence = Arc::new(Self { database, name, lasts, life, beating, seen, clock, changes });
        presence.beat().await?;
        // A server that has crashed has forgotten who lives, and what each had; who comes or goes is to be known at once.
        presence.changes.hand_to(&presence, |presence, change| async move {
            if matches!(change, Change::Unknown | Change::Membership) {
                presence.beat_or_warn().await;
            }
        });
        Ok(presence)
    }

    /// Gives signs of life until the result is dropped.
    pub(in crate::state) fn keep_beating(self: &Arc<Self>) -> Beat {
        let (this, end) = (self.clone(), CancellationToken::new());
        let ended = end.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(this.lasts / BEATS) => {}
                    () = ended.cancelled() => return,
                }
                this.beat_or_warn().await;
            }
        });
        Beat { _end: end.drop_guard() }
    }

    async fn beat_or_warn(&self) {
        if let Err(error) = self.beat().await {
            tracing::warn!(%error, "no sign of life could be given to the other instances");
        }
    }

    /// The id of this life, where it surely counts as living.
    pub(in crate::state) fn current(&self) -> Option<i64> {
        let life = *self.life.lock();
        life.is_sure(self.lasts).then_some(life.id)
    }

    /// The same, asked of the database where it is not sure.
    ///
    /// # Errors
    /// The statement failed.
    pub(in crate::state) async fn sure(&self) -> Result<i64, Error> {
        if let Some(id) = self.current() {
            return Ok(id);
        }
        self.beat().await?;
        Ok(self.life.lock().id)
    }

    /// Instances that lived at the last sign of life, this one among them.
    pub(in crate::state) fn count(&self) -> usize {
        self.seen.lock().instances.len().max(1)
    }

    /// This one's share of what they divide. By name, for a life may have begun anew since another last looked.
    pub(in crate::state) fn share(&self) -> Share {
        let seen = self.seen.lock();
        let mut by_name: Vec<_> = seen.instances.iter().collect();
        by_name.sort_by(|one, other| one.name.cmp(&other.name));
        let rank = by_name.iter().position(|instance| instance.own).unwrap_or(0);
        Share { rank, of: by_name.len().max(1) }
    }

    /// Instances that lived at the last sign of life, by name; asks nobody.
    pub(in crate::state) fn living(&self) -> Living {
        let seen = self.seen.lock();
        let ago = seen.at.elapsed();
        let older = |instance: &Instance| Instance { age: instance.age + ago, ..instance.clone() };
        Living { instances: seen.instances.iter().map(older).collect(), ago, is_outdated: ago >= self.lasts }
    }

    /// Gives a sign of life; begins a new life where the last one has passed.
    pub(super) async fn beat(&self) -> Result<(), Error> {
        let _one = self.beating.lock().await;
        let (id, seen, seen_at) = (self.life.lock().id, Instant::now(), UnixMillis::now());
        let statement = "UPDATE instances SET alive_until = clock_timestamp() + make_interval(secs => $2) \
                         WHERE id = $1 AND alive_until > clock_timestamp() RETURNING id";
        let put_off = sqlx::query_as::<_, (i64,)>(statement).bind(id).bind(self.lasts.as_secs_f64());
        let lives = self.database.row(put_off).await?.is_some();
        let life =
            if lives { Life { id, seen, seen_at } } else { born(&self.database, &self.name, self.lasts).await? };
        *self.life.lock() = life;
        if !lives {
            tracing::warn!("this instance was taken for dead by the others; what it had is theirs");
            self.changes.tell_here(Change::Lapsed);
        }
        let instances = instances(&self.database, Some(life.id)).await?;
        self.see(Seen { instances, at: seen });
        self.clock.look(&self.database).await?;
        self.forget_the_dead().await
    }

    /// Remembers who lives, and logs who has come or gone.
    fn see(&self, now: Seen) {
        let names = |seen: &Seen| {
            let mut names: Vec<_> = seen.instances.iter().map(|instance| instance.name.clone()).collect();
            names.sort_unstable();
            names
        };
        let living = names(&now);
        let before = std::mem::replace(&mut *self.seen.lock(), now);
        if names(&before) != living {
            tracing::info!(?living, "the instances that live are others than before");
        }
    }

    /// The clock by which all agree.
    pub(in crate::state) fn clock(&self) -> &SharedClock {
        &self.clock
    }

    async fn forget_the_dead(&self) -> Result<(), Error> {
        let statement = "WITH gone AS (DELETE FROM instances WHERE alive_until < clock_timestamp() - make_interval(secs => $1)) \
                         DELETE FROM leases l WHERE since < clock_timestamp() - make_interval(secs => $1) \
                         AND NOT (held AND EXISTS (SELECT FROM instances i WHERE i.id = l.holder))";
        self.database.run(sqlx::query(statement).bind(REMEMBERED.as_secs_f64())).await
    }

    /// All that live, the oldest first.
    ///
    /// # Errors
    /// The statement failed.
    pub(in crate::state) async fn instances(&self) -> Result<Vec<Instance>, Error> {
        let own = self.life.lock().id;
        instances(&self.database, Some(own)).await
    }

    /// Ends the life: what it had is free at once.
    ///
    /// # Errors
    /// The statement failed; the life ends by itself then.
    pub(in crate::state) async fn end(&self) -> Result<(), Error> {
        let id = self.life.lock().id;
        let statement = "WITH ended AS (DELETE FROM instances WHERE id = $1) \
                         UPDATE leases SET held = false WHERE holder = $1 AND held";
        self.database.run(sqlx::query(statement).bind(id)).await
    }
}

/// All instances that live, the oldest first; `own` is the id of this one, if it is one.
///
/// # Errors
/// The statement failed.
pub(in crate::state) async fn instances(database: &Database, own: Option<i64>) -> Result<Vec<Instance>, Error> {
    let statement = "SELECT id, name, extract(epoch FROM clock_timestamp() - started)::float8 FROM instances \
                     WHERE alive_until > clock_timestamp() ORDER BY started, id";
    let rows: Vec<(i64, String, f64)> = database.rows(sqlx::query_as(statement)).await?;
    let read = |(id, name, age): (i64, String, f64)| Instance {
        name,
        own: Some(id) == own,
        age: Duration::try_from_secs_f64(age).unwrap_or_default(),
    };
    Ok(rows.into_iter().map(read).collect())
}

async fn born(database: &Database, name: &str, lasts: Duration) -> Result<Life, Error> {
    let (seen, seen_at) = (Instant::now(), UnixMillis::now());
    let id = rand::random();
    let statement = "INSERT INTO instances (id, name, alive_until) \
                     VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))";
    database.run(sqlx::query(statement).bind::<i64>(id).bind(name).bind(lasts.as_secs_f64())).await?;
    Ok(Life { id, seen, seen_at })
}

#[cfg(test)]
mod tests {
    use crate::state::testing::{joined, on_postgres};

    #[tokio::test]
    async fn who_has_gone_is_known_at_once_and_waited_for_by_nobody() {
        on_postgres(async |database| {
            let (stays, goes) = (joined(database).await, joined(database).await);
            assert_eq!(stays.living().unwrap().instances.len(), 2);
            goes.close().await;
            assert_eq!(stays.living().unwrap().instances.len(), 1);
        })
        .await;
    }
}
