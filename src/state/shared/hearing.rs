//! Whether the other instances have heard what was told: a client that a balancer sends to one server after the other is
//! to find there what it has just changed.
//!
//! Notifications come in the order in which they were told. So a question comes after all that was told before it; it is
//! answered when every listener of an instance has handled it, and then none shows what was there before. An instance that
//! died counts as living for some seconds: who has not answered once is not waited for until it does.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Longest wait for the others: they hear within this time or are not there.
const LONGEST: Duration = Duration::from_secs(1);

/// Our questions, and what is being told; cheap to clone.
#[derive(Debug, Default, Clone)]
pub(super) struct Hearing(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    known: Mutex<Known>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Known {
    /// The last number that was given to something told or asked.
    last: u64,
    /// What is being told and may not be with the database yet.
    telling: BTreeSet<u64>,
    /// How many have answered each question that is waited for.
    answers: HashMap<u64, usize>,
    /// How many did not answer when they were last waited for.
    silent: usize,
}

/// Something that is being told, until it is dropped.
pub(super) struct Telling {
    hearing: Hearing,
    number: u64,
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.hearing.0.known.lock().telling.remove(&self.number);
        self.hearing.0.changed.notify_waiters();
    }
}

/// A question that is waited for, until it is dropped.
struct Question<'a> {
    hearing: &'a Hearing,
    number: u64,
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.hearing.0.known.lock().answers.remove(&self.number);
    }
}

impl Known {
    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn answers(&self, number: u64) -> usize {
        self.answers.get(&number).copied().unwrap_or_default()
    }
}

impl Hearing {
    /// Notes that something is about to be told.
    pub(super) fn telling(&self) -> Telling {
        let known = &mut *self.0.known.lock();
        let number = known.number();
        known.telling.insert(number);
        Telling { hearing: self.clone(), number }
    }

    /// Takes up an answer. One that comes late is of an instance that is there again.
    pub(super) fn answered(&self, number: u64) {
        let known = &mut *self.0.known.lock();
        match known.answers.get_mut(&number) {
            Some(answers) => *answers += 1,
            None => known.silent = known.silent.saturating_sub(1),
        }
        self.0.changed.notify_waiters();
    }

    /// Has the question of a number asked, and waits until the `others`, so many instances, have answered it.
    pub(super) async fn ask(&self, others: usize, ask: impl AsyncFnOnce(u64)) {
        let (until, number) = (Instant::now() + LONGEST, self.0.known.lock().number());
        self.wait(until, |known| known.telling.first().is_none_or(|first| *first > number)).await;
        let wanted = {
            let known = &mut *self.0.known.lock();
            known.answers.insert(number, 0);
            others.saturating_sub(known.silent)
        };
        let _question = Question { hearing: self, number };
        let asked = tokio::time::timeout_at(until, ask(number)).await;
        if asked.is_err() || !self.wait(until, |known| known.answers(number) >= wanted).await {
            let known = &mut *self.0.known.lock();
            known.silent = others.saturating_sub(known.answers(number));
            tracing::debug!(others, silent = known.silent, "not all other instances have heard what was changed");
        }
    }

    /// Waits for something to become so; whether it did.
    async fn wait(&self, until: Instant, is_so: impl Fn(&Known) -> bool) -> bool {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if is_so(&self.0.known.lock()) {
                return true;
            }
            if tokio::time::timeout_at(until, changed).await.is_err() {
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::state::Change;
    use crate::state::testing::{joined, on_postgres};

    #[tokio::test]
    async fn what_was_told_has_been_handled_by_all_listeners_of_the_other() {
        on_postgres(async |database| {
            let stores = [joined(database).await, joined(database).await];
            let handled = Arc::new(AtomicUsize::new(0));
            for pause in [0, 100] {
                stores[1].changes().hand_to(&handled, move |handled, change| async move {
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    handled.fetch_add(usize::from(change == Change::Freed), Ordering::SeqCst);
                });
            }
            for round in 1..=3 {
                stores[0].changes().tell(Change::Freed);
                stores[0].told().await;
                assert_eq!(handled.load(Ordering::SeqCst), 2 * round);
            }
        })
        .await;
    }

    #[tokio::test]
    async fn one_that_does_not_answer_is_waited_for_once() {
        on_postgres(async |database| {
            let store = joined(database).await;
            let dead = "INSERT INTO instances (id, name, alive_until) \
                        VALUES (7, 'dead', clock_timestamp() + interval '1 hour')";
            database.run(dead).await;
            store.shared.as_ref().unwrap().look_around().await.unwrap();
            let mut waits = Vec::new();
            for _ in 0..2 {
                let begun = Instant::now();
                store.told().await;
                waits.push(begun.elapsed());
            }
            assert!(waits[0] >= LONGEST && waits[1] < LONGEST, "{waits:?}");
        })
        .await;
    }
}
