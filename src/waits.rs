//! What work waits for, noted where it waits and told by whoever watches it.
//!
//! Decides nothing: how long is too long is the watcher's.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

/// What is waited for at present; clones note in one place.
#[derive(Debug, Clone, Default)]
pub struct Waits(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    next: u64,
    waits: BTreeMap<u64, (Instant, Cow<'static, str>)>,
}

/// One wait, until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Wait {
    waits: Waits,
    id: u64,
}

impl Waits {
    /// Something is waited for from now on, in words that may be shown to anybody.
    pub fn begin(&self, what: impl Into<Cow<'static, str>>) -> Wait {
        let mut noted = self.0.lock();
        let id = noted.next;
        noted.next += 1;
        noted.waits.insert(id, (Instant::now(), what.into()));
        Wait { waits: self.clone(), id }
    }

    /// What is waited for longest, and since when.
    #[must_use]
    pub fn longest(&self) -> Option<(Instant, Cow<'static, str>)> {
        self.0.lock().waits.values().min_by_key(|(since, _)| *since).cloned()
    }
}

impl Wait {
    /// It is known better what for.
    pub fn is_for(&self, what: impl Into<Cow<'static, str>>) {
        if let Some((_, noted)) = self.waits.0.lock().waits.get_mut(&self.id) {
            *noted = what.into();
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.waits.0.lock().waits.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_wait_is_told_until_it_ends() {
        let waits = Waits::default();
        let first = waits.begin("first");
        tokio::time::advance(Duration::from_secs(1)).await;
        let second = waits.begin("second");
        first.is_for("first, refused");
        assert_eq!(waits.longest().unwrap().1, "first, refused");
        drop(first);
        let (since, what) = waits.longest().unwrap();
        assert_eq!((since.elapsed(), &*what), (Duration::ZERO, "second"));
        drop(second);
        assert!(waits.longest().is_none());
    }
}
