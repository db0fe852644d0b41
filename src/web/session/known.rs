//! Sessions that were found in the state store, so that a call need not ask it again.
//!
//! The store has a single connection. Calls that must wait for it wait for one another, each for a turn of a machine
//! that may be busy with long listings; a page makes dozens of calls. Answers for never telling of a session that the
//! store has no longer: every change of the store's sessions goes through [`Known::changing`], and what another instance
//! changes is told by it ([`Known::hear`]).

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::state::{Change, SessionRow};

/// Sessions kept, of some 200 bytes each; when there are more all are forgotten, and found again.
const MOST: usize = 4096;

#[derive(Default)]
pub(super) struct Known(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    sessions: HashMap<[u8; 32], SessionRow>,
    changes: u64,
}

/// A change of the store that is under way.
pub(super) struct Changing<'a>(&'a Known);

impl Known {
    pub(super) fn get(&self, digest: &[u8; 32]) -> Option<SessionRow> {
        self.0.lock().sessions.get(digest).cloned()
    }

    /// How often something has changed; to be noted before the store is read.
    pub(super) fn changes(&self) -> u64 {
        self.0.lock().changes
    }

    /// Keeps what the store had, unless something has changed since then.
    pub(super) fn keep(&self, session: SessionRow, since: u64) {
        let mut kept = self.0.lock();
        if kept.changes == since {
            if kept.sessions.len() >= MOST {
                kept.sessions.clear();
            }
            kept.sessions.insert(session.digest, session);
        }
    }

    /// Forgets all where another instance may have changed a session.
    pub(super) async fn hear(self: Arc<Self>, change: Change) {
        match change {
            Change::Row { table, .. } if table == "sessions" => drop(self.changing()),
            Change::Unknown => drop(self.changing()),
            _ => {}
        }
    }

    /// To be held while sessions in the store end or are noted as used. Its end forgets all, also if the caller leaves:
    /// the statement may have been sent, and what is read after it comes after it.
    pub(super) fn changing(&self) -> Changing<'_> {
        Changing(self)
    }
}

impl Changing<'_> {
    /// What was known still holds.
    pub(super) fn changed_nothing(self) {
        std::mem::forget(self);
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        let mut kept = self.0.0.lock();
        kept.sessions.clear();
        kept.changes += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMillis;

    fn session(n: u8) -> SessionRow {
        SessionRow { digest: [n; 32], user: "me".to_owned(), entry: [9; 32], used: UnixMillis(1) }
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let known = Known::default();
        let since = known.changes();
        known.keep(session(1), since);
        assert_eq!(known.get(&[1; 32]), Some(session(1)));
        known.changing().changed_nothing();
        assert!(known.get(&[1; 32]).is_some());
        drop(known.changing());
        known.keep(session(1), since);
        assert_eq!(known.get(&[1; 32]), None);
    }

    #[test]
    fn they_are_bounded() {
        let known = Known::default();
        for n in 0..=MOST {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&n.to_le_bytes());
            known.keep(SessionRow { digest, ..session(0) }, 0);
        }
        assert!(known.0.lock().sessions.len() <= MOST);
    }
}
