//! What instances tell each other of: each change of what others may remember, and who wants what they have.
//!
//! Rows tell of themselves: a trigger of each table that others mirror says which of them has changed, in the
//! transaction that changes it (`migrations/postgres`), and `application_name` says whose transaction it was, so that
//! nobody hears of his own. What is told while nobody listens is lost: after a lost connection [`Change::Unknown`] says
//! that anything may have changed. Who has told of something can ask whether it was heard ([`Changes::heard`]).

use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::postgres::PgListener;
use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::state::error::Error;
use crate::state::shared::database::Database;
use crate::state::shared::hearing::Hearing;

/// The channel of NOTIFY.
const CHANNEL: &str = "alidav";

/// How soon a database that is away is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Changes that a slow listener may be behind; one that is further takes it as [`Change::Unknown`].
const BEHIND: usize = 1024;

/// What another instance has told, or what became of this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A table's rows, of this key where the table has one that matters.
    Row {
        /// The table.
        table: String,
        /// `properties`: the file id; `removals` and `tokens`: the account; `held_files`: the folder id; else empty.
        key: String,
    },
    /// What a folder of a drive holds.
    Folder {
        /// Its id.
        folder_id: String,
        /// The item that has come, gone or changed.
        file_id: String,
        /// It is not where it was; what is below it, if it is a folder, is not either.
        gone: bool,
    },
    /// Leases were given back.
    Freed,
    /// Somebody waits for a download slot of the account.
    Wanted {
        /// The account.
        account: String,
        /// A film, before copies.
        urgent: bool,
    },
    /// A reader reads a file on from elsewhere: its older body makes room.
    Sought {
        /// The account.
        account: String,
        /// The reader.
        reader: u64,
        /// The file.
        file_id: String,
    },
    /// An instance has come or gone.
    Membership,
    /// An instance wants to know when all that was told before this was heard (`hearing`).
    Asked {
        /// What its sessions are called.
        by: String,
        /// Which of its questions.
        number: u64,
    },
    /// The answer.
    Answered {
        /// Whose question it was.
        to: String,
        /// Which.
        number: u64,
    },
    /// Anything may have changed: what was told meanwhile is lost.
    Unknown,
    /// The others took this instance for dead: it has no leases any more.
    Lapsed,
}

/// Both ends of what instances tell each other; cheap to clone.
#[derive(Clone, Debug)]
pub struct Changes(Option<Arc<Ends>>);

#[derive(Debug)]
struct Ends {
    database: Database,
    here: broadcast::Sender<Told>,
    hearing: Hearing,
}

/// What was told, and who is to be answered once all have heard it.
#[derive(Debug, Clone)]
struct Told {
    change: Change,
    _answer: Option<Arc<Answer>>,
}

/// The answer to a question, told when the last listener that has it is done.
#[derive(Debug)]
struct Answer {
    ends: Weak<Ends>,
    to: String,
    number: u64,
}

impl Drop for Answer {
    fn drop(&mut self) {
        let (Some(ends), Ok(runtime)) = (self.ends.upgrade(), tokio::runtime::Handle::try_current()) else { return };
        let answer = Change::Answered { to: std::mem::take(&mut self.to), number: self.number };
        runtime.spawn(async move { ends.tell(&answer).await });
    }
}

impl From<Change> for Told {
    fn from(change: Change) -> Self {
        Self { change, _answer: None }
    }
}

impl Changes {
    /// Of a store that nobody shares: nothing is ever told.
    pub(in crate::state) fn none() -> Self {
        Self(None)
    }

    /// Begins to listen; ends with the pool.
    ///
    /// # Errors
    /// The database cannot be listened to.
    pub(in crate::state) async fn listen(database: Database) -> Result<Self, Error> {
        let mut listener = database.listen(CHANNEL).await?;
        let (here, _) = broadcast::channel(BEHIND);
        let ends = Arc::new(Ends { database, here, hearing: Hearing::default() });
        let (this, process) = (ends.clone(), ends.database.process().to_owned());
        tokio::spawn(async move {
            loop {
                let change = match listener.try_recv().await {
                    Ok(Some(told)) => read(told.payload(), &process),
                    // It connects again by itself, but hears nothing ever after where that fails: it has lost what it
                    // reads notifications into (sqlx 0.9).
                    lost => {
                        if let Err(error) = lost {
                            tracing::warn!(%error, "the other instances cannot be heard");
                        }
                        let Some(again) = listen_again(&this.database).await else { return };
                        listener = again;
                        Some(Change::Unknown)
                    }
                };
                if let Some(change) = change {
                    this.pass_on(change, &process);
                }
            }
        });
        Ok(Self(Some(ends)))
    }

    /// What is told from now on; absent where nobody shares the store.
    #[must_use]
    pub fn subscribe(&self) -> Option<Heard> {
        Some(Heard(self.0.as_ref()?.here.subscribe()))
    }

    /// Hands all that is told to `hear`, one after another, for as long as the listener is there.
    pub fn hand_to<T, F>(&self, listener: &Arc<T>, hear: impl Fn(Arc<T>, Change) -> F + Send + 'static)
    where
        T: Send + Sync + 'static,
        F: Future<Output = ()> + Send,
    {
        let Some(mut heard) = self.subscribe() else { return };
        let listener = Arc::downgrade(listener);
        tokio::spawn(async move {
            loop {
                let told = heard.told().await;
                match listener.upgrade() {
                    Some(listener) => hear(listener, told.change.clone()).await,
                    None => return,
                }
            }
        });
    }

    /// Tells the other instances, soon and once; who does not hear it finds out otherwise.
    pub fn tell(&self, change: Change) {
        let Some(ends) = self.0.clone() else { return };
        let telling = ends.hearing.telling();
        tokio::spawn(async move {
            ends.tell(&change).await;
            drop(telling);
        });
    }

    /// Ends when the `others`, so many instances, have heard of all that was told before, or after a second: a client may
    /// ask one of them next. Who did not answer last time is not waited for.
    pub(super) async fn heard(&self, others: usize) {
        if let Some(ends) = self.0.as_ref().filter(|_| others > 0) {
            let ask = async |number| ends.tell(&Change::Asked { by: ends.database.process().to_owned(), number }).await;
            // Boxed: it would stand in every future above.
            Box::pin(ends.hearing.ask(others, ask)).await;
        }
    }

    /// Tells those who listen in this process.
    pub(in crate::state) fn tell_here(&self, change: Change) {
        if let Some(ends) = &self.0 {
            ends.here.send(change.into()).ok();
        }
    }
}

impl Ends {
    async fn tell(&self, change: &Change) {
        // What is told is of no use after a crash: nobody waits for a disk.
        let statement = "SELECT set_config('synchronous_commit', 'off', true), \
                         pg_notify($1, json_build_array(current_setting('application_name'), $2::json)::text)";
        let Ok(text) = serde_json::to_string(change) else { return };
        if let Err(error) = self.database.run(sqlx::query(statement).bind(CHANNEL).bind(text)).await {
            tracing::debug!(%error, "the other instances could not be told");
        }
    }

    /// Hands on what another has told.
    fn pass_on(self: &Arc<Self>, change: Change, process: &str) {
        let answer = match &change {
            Change::Answered { to, number } if to == process => return self.hearing.answered(*number),
            Change::Answered { .. } => return,
            Change::Asked { by, number } => {
                Some(Arc::new(Answer { ends: Arc::downgrade(self), to: by.clone(), number: *number }))
            }
            _ => None,
        };
        // Nobody may be listening yet.
        self.here.send(Told { change, _answer: answer }).ok();
    }
}

/// What is told, in order.
#[derive(Debug)]
pub struct Heard(broadcast::Receiver<Told>);

impl Heard {
    /// The next that is told.
    pub async fn next(&mut self) -> Change {
        self.told().await.change
    }

    async fn told(&mut self) -> Told {
        match self.0.recv().await {
            Ok(told) => told,
            Err(broadcast::error::RecvError::Lagged(_)) => Change::Unknown.into(),
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }

    /// Ends when some lease was given back, at `until` at the latest.
    pub async fn until_freed(&mut self, until: Instant) {
        let freed = async { while !matches!(self.next().await, Change::Freed | Change::Unknown) {} };
        tokio::time::timeout_at(until, freed).await.ok();
    }
}

/// Listens by another connection, once the database is there again; none when nobody wants to hear any more.
async fn listen_again(database: &Database) -> Option<PgListener> {
    while !database.is_closed() {
        match database.listen(CHANNEL).await {
            Ok(listener) => return Some(listener),
            Err(error) => tracing::debug!(%error, "the other instances cannot be heard yet"),
        }
        tokio::time::sleep(AGAIN).await;
    }
    None
}

/// What another process has told; none where it was this one, or a version that tells of things not known here.
fn read(payload: &str, process: &str) -> Option<Change> {
    let (from, change): (String, Change) = serde_json::from_str(payload).ok()?;
    (from != process).then_some(change)
}
