//! Uploads in chunks that are under way, in memory: a restart ends them, and their clients begin anew.
//!
//! Knows who has which, how far each is, and when nobody will go on with it. The bytes are `drive`'s.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::dav::error::Failure;
use crate::drive::{ChunkName, Chunks, Gap, Path, WholeBody, Written};

/// Most uploads of a user; a client sends a few files at a time.
const MAX_OF_USER: usize = 100;

/// After so long without a request an upload gives way where the spool is full.
const IDLE: Duration = Duration::from_secs(3600);

/// All of them.
#[derive(Debug)]
pub(in crate::dav) struct Unfinished {
    table: Mutex<Table>,
    /// How long an upload is kept after its last request.
    life: Duration,
    own: Weak<Self>,
}

#[derive(Debug, Default)]
struct Table {
    collections: HashMap<Key, Arc<Collection>>,
    /// Whether a task looks for what has ended.
    swept: bool,
}

/// Whose upload, and what its client calls it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::dav) struct Key {
    pub(in crate::dav) user: Option<Arc<str>>,
    pub(in crate::dav) id: String,
}

/// One upload.
#[derive(Debug)]
pub(in crate::dav) struct Collection {
    used: Mutex<Instant>,
    /// How long the whole is to be, as the client said last.
    total: Mutex<Option<u64>>,
    stage: Mutex<Stage>,
}

#[derive(Debug)]
enum Stage {
    /// Chunks come.
    Open(Chunks),
    /// They are being put together at a path; dropped, that ends.
    Assembling { chunks: Chunks, to: Path, outcome: watch::Receiver<Option<Outcome>>, _task: AbortOnDropHandle<()> },
    /// That has failed, and nobody was told yet.
    Failed(Chunks, Failure),
    /// The file is there. Who missed the answer may ask again.
    Done { to: Path, answer: Answer },
    /// Nobody wants it any more.
    Ended,
}

/// What putting an upload together came to.
pub(in crate::dav) type Outcome = Result<Answer, Failure>;

/// The answer to the PUT of the whole.
#[derive(Debug, Clone)]
pub(in crate::dav) struct Answer {
    pub(in crate::dav) status: StatusCode,
    pub(in crate::dav) headers: HeaderMap,
}

/// How a MOVE finds its upload.
pub(in crate::dav) enum Start {
    /// It was put together before, or could not be.
    Known(Outcome),
    /// It is being put together.
    Running(watch::Receiver<Option<Outcome>>),
}

/// Where the outcome is told.
pub(in crate::dav) struct Teller {
    collection: Weak<Collection>,
    waiting: watch::Sender<Option<Outcome>>,
}

impl Unfinished {
    pub(in crate::dav) fn new(life: Duration) -> Arc<Self> {
        Arc::new_cyclic(|own| Self { table: Mutex::default(), life, own: own.clone() })
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// There is one of this name that has not come to its end, or too many.
    pub(in crate::dav) fn begin(&self, key: Key, chunks: Chunks) -> Result<Arc<Collection>, Failure> {
        let mut table = self.table.lock();
        if table.collections.get(&key).is_some_and(|there| !there.is_done()) {
            return Err(Failure::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "there is an upload of this name; DELETE it first",
            ));
        }
        let of_user = table.collections.iter().filter(|(other, _)| other.user == key.user);
        if of_user.clone().count() >= MAX_OF_USER {
            let oldest = of_user.filter(|(_, there)| there.is_done()).min_by_key(|(_, there)| *there.used.lock());
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                return Err(Failure::busy(
                    "too many uploads have been begun and not finished; finish or DELETE some",
                    None,
                ));
            };
            table.collections.remove(&oldest);
        }
        let collection = Arc::new(Collection {
            used: Mutex::new(Instant::now()),
            total: Mutex::default(),
            stage: Mutex::new(Stage::Open(chunks)),
        });
        table.collections.insert(key, collection.clone());
        if !std::mem::replace(&mut table.swept, true) {
            tokio::spawn(sweep(self.own.clone(), self.life));
        }
        Ok(collection)
    }

    /// An upload that a client goes on with.
    pub(in crate::dav) fn get(&self, key: &Key) -> Option<Arc<Collection>> {
        let collection = self.table.lock().collections.get(key).cloned()?;
        collection.touch();
        Some(collection)
    }

    /// Ends an upload; whether it was there.
    pub(in crate::dav) fn end(&self, key: &Key) -> bool {
        let collection = self.table.lock().collections.remove(key);
        collection.map(|collection| collection.end()).is_some()
    }

    /// Ends the upload that has waited for its client the longest, if that is long; whether there was one.
    pub(in crate::dav) fn end_idlest(&self) -> bool {
        let idle = |there: &Collection| there.waits() && there.used.lock().elapsed() >= IDLE;
        let table = self.table.lock();
        let idle = table.collections.iter().filter(|(_, there)| idle(there));
        let Some(key) = idle.min_by_key(|(_, there)| *there.used.lock()).map(|(key, _)| key.clone()) else {
            return false;
        };
        drop(table);
        tracing::info!(upload = key.id, "an unfinished upload gives way to another");
        self.end(&key)
    }

    /// Ends what nobody has gone on with; gives when to look again, if there is anything left.
    fn end_expired(&self) -> Option<Instant> {
        let mut table = self.table.lock();
        let now = Instant::now();
        table.collections.retain(|_, there| {
            if there.is_assembling() {
                *there.used.lock() = now;
            }
            let lives = *there.used.lock() + self.life > now;
            if !lives {
                there.end();
            }
            lives
        });
        let next = table.collections.values().map(|there| *there.used.lock() + self.life).min();
        table.swept = next.is_some();
        next
    }
}

/// Ends what has expired, for as long as there is anything.
async fn sweep(unfinished: Weak<Unfinished>, life: Duration) {
    let mut next = Instant::now() + life;
    loop {
        tokio::time::sleep_until(next).await;
        let Some(at) = unfinished.upgrade().and_then(|unfinished| unfinished.end_expired()) else { return };
        next = at;
    }
}

impl Collection {
    /// A client goes on with it.
    pub(in crate::dav) fn touch(&self) {
        *self.used.lock() = Instant::now();
    }

    /// The client has said how long the whole is to be.
    pub(in crate::dav) fn promise(&self, total: Option<u64>) {
        if total.is_some() {
            *self.total.lock() = total;
        }
    }

    /// # Errors
    /// No chunks are taken any more.
    pub(in crate::dav) fn chunks(&self) -> Result<Chunks, Failure> {
        self.stage.lock().open().cloned()
    }

    /// A chunk has come; whether it is the first of its name.
    ///
    /// # Errors
    /// No chunks are taken any more, or not this one.
    pub(in crate::dav) fn keep(&self, name: ChunkName, chunk: &Written) -> Result<bool, Failure> {
        self.stage.lock().open()?.keep(name, chunk).map_err(does_not_join)
    }

    /// Has the chunks put together by `carry_out`, unless that is known or under way.
    ///
    /// # Errors
    /// They make no whole, or another `Destination` was named before.
    pub(in crate::dav) fn assemble(
        self: &Arc<Self>,
        to: &Path,
        carry_out: impl FnOnce(Chunks, WholeBody, Teller) -> JoinHandle<()>,
    ) -> Result<Start, Failure> {
        let mut stage = self.stage.lock();
        let chunks = match &*stage {
            Stage::Done { to: there, answer } if there == to => return Ok(Start::Known(Ok(answer.clone()))),
            Stage::Assembling { to: there, outcome, .. } if there == to => return Ok(Start::Running(outcome.clone())),
            Stage::Failed(chunks, failure) => {
                let (chunks, failure) = (chunks.clone(), failure.clone());
                *stage = Stage::Open(chunks);
                return Ok(Start::Known(Err(failure)));
            }
            other => other.open()?.clone(),
        };
        let whole = chunks.whole().map_err(does_not_join)?;
        if let Some(total) = self.total.lock().filter(|total| *total != whole.size()) {
            let text = format!("the chunks have {} bytes together, and OC-Total-Length says {total}", whole.size());
            return Err(Failure::new(StatusCode::BAD_REQUEST, text));
        }
        let (waiting, outcome) = watch::channel(None);
        let teller = Teller { collection: Arc::downgrade(self), waiting };
        // It cannot tell its outcome before the stage is let go of.
        let task = AbortOnDropHandle::new(carry_out(chunks.clone(), whole, teller));
        *stage = Stage::Assembling { chunks, to: to.clone(), outcome: outcome.clone(), _task: task };
        Ok(Start::Running(outcome))
    }

    /// Somebody was told what it came to: after a failure the next MOVE tries again.
    pub(in crate::dav) fn is_told(&self) {
        let mut stage = self.stage.lock();
        if let Stage::Failed(chunks, _) = &*stage {
            *stage = Stage::Open(chunks.clone());
        }
    }

    fn ended(&self, outcome: &Outcome) {
        self.touch();
        let mut stage = self.stage.lock();
        if let Stage::Assembling { chunks, to, .. } = &*stage {
            *stage = match outcome {
                Ok(answer) => Stage::Done { to: to.clone(), answer: answer.clone() },
                Err(failure) => Stage::Failed(chunks.clone(), failure.clone()),
            };
        }
    }

    fn end(&self) {
        *self.stage.lock() = Stage::Ended;
    }

    fn is_done(&self) -> bool {
        matches!(*self.stage.lock(), Stage::Done { .. })
    }

    fn is_assembling(&self) -> bool {
        matches!(*self.stage.lock(), Stage::Assembling { .. })
    }

    fn waits(&self) -> bool {
        matches!(*self.stage.lock(), Stage::Open(_) | Stage::Failed(..))
    }
}

impl Stage {
    fn open(&self) -> Result<&Chunks, Failure> {
        match self {
            Self::Open(chunks) | Self::Failed(chunks, _) => Ok(chunks),
            Self::Assembling { .. } => {
                Err(Failure::new(StatusCode::CONFLICT, "the chunks are being put together already"))
            }
            Self::Done { .. } => Err(Failure::new(StatusCode::NOT_FOUND, "this upload is finished; begin a new one")),
            Self::Ended => Err(Failure::new(StatusCode::NOT_FOUND, "this upload was ended; begin it anew by MKCOL")),
        }
    }
}

impl Teller {
    pub(in crate::dav) fn tell(self, outcome: Outcome) {
        if let Some(collection) = self.collection.upgrade() {
            collection.ended(&outcome);
        }
        self.waiting.send(Some(outcome)).ok();
    }
}

fn does_not_join(gap: Gap) -> Failure {
    Failure::new(StatusCode::CONFLICT, format!("{gap}; nothing was changed"))
}
