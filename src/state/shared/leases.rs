//! Leases: what only one of several instances may have or do at a time, by a row of the store.
//!
//! 1. Who has a lease is an instance, and has it for as long as the store counts that one among the living
//!    (`presence`): one that dies gives all of them back. One that was stopped and goes on again must look
//!    ([`Lease::check`]) before it acts on a lease, for another may have it by now.
//! 2. A lease is taken in one statement, and given back by a task of the store, many in one; what could not be given
//!    back is tried again. Whose it was before is told: what is remembered of the thing may be old then.
//! 3. Where one alone serves from the store there is nobody to agree with, and leases cost nothing.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sha2::Digest as _;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::state::error::Error;
use crate::state::shared::changes::{Change, Changes};
use crate::state::shared::database::Database;
use crate::state::shared::presence::Presence;

/// How often a lease that another instance has is tried again though nothing was heard of its end.
const LOOK: Duration = Duration::from_millis(500);

/// How soon a lease that could not be given back is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// By what a lease is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseKey([u8; 32]);

impl LeaseKey {
    /// Of a kind of things, and the names that tell one from the others.
    #[must_use]
    pub fn new(kind: &str, names: &[&str]) -> Self {
        let mut hash = sha2::Sha256::new();
        for part in std::iter::once(&kind).chain(names) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// The leases of one store; cheap to clone.
#[derive(Clone)]
pub struct Leases(pub(in crate::state) Option<Arc<Inner>>);

pub(in crate::state) struct Inner {
    database: Database,
    presence: Arc<Presence>,
    changes: Changes,
    /// What is to be given back.
    ended: Mutex<Vec<(LeaseKey, i64)>>,
    has_ended: Arc<Notify>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.has_ended.notify_one();
    }
}

/// A lease of some keys; given back when it is dropped.
#[must_use = "a lease that is dropped at once is given back"]
pub struct Lease(Option<Held>);

struct Held {
    leases: Arc<Inner>,
    keys: Vec<LeaseKey>,
    /// Tells this taking of the keys from any other.
    ticket: i64,
    /// The life of the instance that took them.
    life: i64,
    foreign: bool,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lease").field(&self.is_sure()).finish()
    }
}

impl std::fmt::Debug for Leases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Leases").field(&self.are_shared()).finish()
    }
}

impl Leases {
    pub(in crate::state) fn new(database: Database, presence: Arc<Presence>, changes: Changes) -> Self {
        let (ended, has_ended) = (Mutex::default(), Arc::new(Notify::new()));
        let inner = Arc::new(Inner { database, presence, changes, ended, has_ended });
        let (giving, has_ended) = (Arc::downgrade(&inner), inner.has_ended.clone());
        tokio::spawn(async move {
            loop {
                has_ended.notified().await;
                match giving.upgrade() {
                    Some(leases) => leases.give_back().await,
                    None => return,
                }
            }
        });
        Self(Some(inner))
    }

    /// Of a store that nobody shares: whatever is wanted is had.
    #[must_use]
    pub fn alone() -> Self {
        Self(None)
    }

    /// Whether several instances agree by them.
    #[must_use]
    pub fn are_shared(&self) -> bool {
        self.0.is_some()
    }

    /// How many instances agree by them, by what was last known.
    #[must_use]
    pub fn sharers(&self) -> usize {
        self.0.as_ref().map_or(1, |inner| inner.presence.count())
    }

    /// Waits until this instance has all of the keys. Within the instance the caller sees to it that nobody else has.
    ///
    /// # Errors
    /// [`Error::Leased`] when another has one for longer than `longest`; the statement failed.
    pub async fn all(&self, keys: &[LeaseKey], longest: Duration) -> Result<Lease, Error> {
        match self.0.as_ref().filter(|_| !keys.is_empty()) {
            // Boxed: the wait would stand in every future above.
            Some(inner) => Box::pin(inner.all(keys, longest)).await,
            None => Ok(Lease(None)),
        }
    }

    /// Whether an instance, by its life, is known to have had the first key last, and nobody else the second. Leases of
    /// more than an hour ago are not known.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn were_last_of(&self, life: i64, known: &LeaseKey, other: &LeaseKey) -> Result<bool, Error> {
        let Some(inner) = &self.0 else { return Ok(true) };
        let statement = "SELECT EXISTS (SELECT FROM leases WHERE key = $2 AND holder = $1) \
                         AND NOT EXISTS (SELECT FROM leases WHERE key = $3 AND holder <> $1)";
        let theirs = sqlx::query_as::<_, (bool,)>(statement).bind(life).bind(&known.0[..]).bind(&other.0[..]);
        Ok(inner.database.row(theirs).await?.is_some_and(|(theirs,)| theirs))
    }

    /// One of the keys, if one is free. The caller names none that he has already.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn any(&self, keys: &[LeaseKey]) -> Result<Option<Lease>, Error> {
        match &self.0 {
            Some(inner) => Box::pin(inner.any(keys)).await,
            None => Ok(Some(Lease(None))),
        }
    }
}

/// Whether a lease `l` is another living instance's; `$2` is the own life.
macro_rules! is_elsewhere {
    () => {
        "l.held AND l.holder <> $2 AND \
         EXISTS (SELECT FROM instances i WHERE i.id = l.holder AND i.alive_until > clock_timestamp())"
    };
}

impl Inner {
    /// See [`Leases::all`].
    async fn all(self: &Arc<Self>, keys: &[LeaseKey], longest: Duration) -> Result<Lease, Error> {
        let (deadline, mut heard) = (Instant::now() + longest, self.changes.subscribe());
        loop {
            let held = self.take(keys, keys.len()).await?;
            if held.keys.len() == keys.len() {
                return Ok(Lease(Some(held)));
            }
            drop(Lease(Some(held)));
            if Instant::now() >= deadline {
                return Err(self.database.leased());
            }
            let until = deadline.min(Instant::now() + LOOK);
            match &mut heard {
                Some(heard) => heard.until_freed(until).await,
                None => tokio::time::sleep_until(until).await,
            }
        }
    }

    /// See [`Leases::any`].
    async fn any(self: &Arc<Self>, keys: &[LeaseKey]) -> Result<Option<Lease>, Error> {
        // Of several who look at once one has the key, and the others see another one free when they look again.
        for _ in keys {
            let held = self.take(keys, 1).await?;
            if !held.keys.is_empty() {
                return Ok(Some(Lease(Some(held))));
            }
            if !self.has_free(keys).await? {
                break;
            }
        }
        Ok(None)
    }

    /// Takes as many of the keys as are free, up to `most`.
    async fn take(self: &Arc<Self>, keys: &[LeaseKey], most: usize) -> Result<Held, Error> {
        let (life, ticket) = (self.presence.sure().await?, rand::random());
        let keys: Vec<&[u8]> = keys.iter().map(|key| &key.0[..]).collect();
        // In the order of the keys, so that two that take the same ones do not wait for each other.
        let statement = concat!(
            "INSERT INTO leases AS l (key, holder, previous, ticket, held) ",
            "SELECT key, $2, $2, $3, true FROM unnest($1) AS wanted (key) ",
            // One whose life has passed, though it does not know yet, takes what others would not see it have.
            "WHERE EXISTS (SELECT FROM instances i WHERE i.id = $2 AND i.alive_until > clock_timestamp()) AND ",
            "NOT EXISTS (SELECT FROM leases l WHERE l.key = wanted.key AND ",
            is_elsewhere!(),
            ") ",
            "ORDER BY key LIMIT $4 ",
            "ON CONFLICT (key) DO UPDATE SET previous = l.holder, holder = $2, ticket = $3, held = true, ",
            "since = clock_timestamp() WHERE NOT (",
            is_elsewhere!(),
            ") ",
            "RETURNING key, previous <> $2 AS foreign",
        );
        let rows = sqlx::query_as::<_, (Vec<u8>, bool)>(statement)
            .bind(keys)
            .bind(life)
            .bind(ticket)
            .bind(i64::try_from(most).unwrap_or(i64::MAX));
        let rows = self.database.rows(rows).await?;
        let foreign = rows.iter().any(|(_, foreign)| *foreign);
        let taken = rows.into_iter().filter_map(|(key, _)| key.try_into().ok().map(LeaseKey)).collect();
        Ok(Held { leases: self.clone(), keys: taken, ticket, life, foreign })
    }

    /// Whether one of the keys is nobody else's.
    async fn has_free(&self, keys: &[LeaseKey]) -> Result<bool, Error> {
        let keys: Vec<&[u8]> = keys.iter().map(|key| &key.0[..]).collect();
        let statement = concat!(
            "SELECT EXISTS (SELECT FROM unnest($1) AS wanted (key) ",
            "WHERE NOT EXISTS (SELECT FROM leases l WHERE l.key = wanted.key AND ",
            is_elsewhere!(),
            "))",
        );
        let free = sqlx::query_as::<_, (bool,)>(statement).bind(keys).bind(self.presence.sure().await?);
        Ok(self.database.row(free).await?.is_some_and(|(free,)| free))
    }

    /// Gives back what has ended, when something has.
    async fn give_back(&self) {
        let ended = std::mem::take(&mut *self.ended.lock());
        let (keys, tickets): (Vec<&[u8]>, Vec<i64>) = ended.iter().map(|(key, ticket)| (&key.0[..], *ticket)).unzip();
        let statement = "UPDATE leases l SET held = false FROM unnest($1, $2) AS ended (key, ticket) \
                         WHERE l.key = ended.key AND l.ticket = ended.ticket AND l.held";
        match self.database.run(sqlx::query(statement).bind(keys).bind(tickets)).await {
            Ok(()) => self.changes.tell(Change::Freed),
            Err(error) => {
                tracing::warn!(%error, "what this instance has done with could not be given back yet");
                self.ended.lock().extend(ended);
                tokio::time::sleep(RETRY).await;
                self.has_ended.notify_one();
            }
        }
    }
}

impl Lease {
    /// Whether another instance had a key last: what is remembered of the thing here may be old.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.0.as_ref().is_some_and(|held| held.foreign)
    }

    /// Whether this instance surely still has it; asks nobody.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        self.0.as_ref().is_none_or(|held| held.leases.presence.current() == Some(held.life))
    }

    /// Makes sure that this instance still has it, before something is done that others must not do at the same time.
    ///
    /// # Errors
    /// [`Error::Leased`] when it has not: this process was stopped, or cut off from the store, for too long.
    pub async fn check(&self) -> Result<(), Error> {
        match &self.0 {
            Some(held) if held.leases.presence.sure().await? != held.life => Err(held.leases.database.leased()),
            _ => Ok(()),
        }
    }

    /// The keys that were taken.
    pub(crate) fn keys(&self) -> &[LeaseKey] {
        self.0.as_ref().map_or(&[], |held| &held.keys)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(Held { leases, keys, ticket, .. }) = self.0.take().filter(|held| !held.keys.is_empty()) {
            leases.ended.lock().extend(keys.into_iter().map(|key| (key, ticket)));
            leases.has_ended.notify_one();
        }
    }
}
