//! What of the journal other instances that share the state store work on.
//!
//! Each entry is one instance's. What the others have is read when they tell of a change, which may be a moment late, and
//! by whoever has the turn at a name that another had before, which is never late. It hides what is due like this
//! instance's own. It is taken over when its owner lives no more, and when somebody has to act on it who knows that its
//! maker is not at it: two who remove one item do no harm, for all is done by id.

use std::collections::HashSet;

use crate::drive::change::turns::NameKey;
use crate::drive::removals::journal::{Journal, is_due_at};
use crate::drive::removals::record::{Removal, Stage};
use crate::state::{self, Change, Changes};

/// An item, by its folder's id and its own.
pub(in crate::drive::removals) type Member = (String, String);

impl Journal {
    /// Whether several instances share the store.
    pub(in crate::drive::removals) fn is_shared(&self) -> bool {
        self.store.leases().are_shared()
    }

    /// What instances tell each other.
    pub(in crate::drive::removals) fn changes(&self) -> Changes {
        self.store.changes()
    }

    /// Whether what another instance tells is about this account's entries.
    pub(in crate::drive::removals) fn is_meant(&self, change: &Change) -> bool {
        match change {
            Change::Row { table, key } => table == "removals" && (key.is_empty() || *key == self.account),
            Change::Unknown => true,
            _ => false,
        }
    }

    /// Reads what the others have; gives what is hidden since.
    ///
    /// # Errors
    /// The state store failed.
    pub(in crate::drive::removals) async fn reread(&self) -> Result<Vec<Member>, state::Error> {
        if !self.is_shared() {
            return Ok(Vec::new());
        }
        let _alone = self.reading.lock().await;
        let life = self.store.life().await?;
        let rows = self.store.removals(&self.account).await?;
        let (mut entries, mut others) = (self.entries.lock(), self.others.lock());
        let before: HashSet<i64> =
            others.values().filter(|removal| removal.is_due()).map(|removal| removal.id).collect();
        others.clear();
        let mut hidden = Vec::new();
        for row in rows {
            if let Some(kept) = entries.get(&row.id) {
                if kept.owner == row.owner {
                    continue;
                }
                entries.remove(&row.id);
            } else if row.owner == life {
                // Just written down, and not in memory yet.
                continue;
            }
            let Some(removal) = Removal::from_row(row) else { continue };
            if let Some(file_id) = removal.hidden().filter(|_| !before.contains(&removal.id)) {
                hidden.push((removal.facts.folder_id.clone(), file_id.to_owned()));
            }
            others.insert(removal.id, removal);
        }
        drop((entries, others));
        self.refresh();
        Ok(hidden)
    }

    /// Takes over these, and what is of instances that live no more.
    ///
    /// # Errors
    /// The state store failed.
    pub(in crate::drive::removals) async fn take_over(&self, ids: &[i64]) -> Result<(), state::Error> {
        let _alone = self.reading.lock().await;
        let rows = self.store.take_over_removals(&self.account, ids).await?;
        if !rows.is_empty() {
            self.have(rows);
            self.wake();
        }
        Ok(())
    }

    /// Makes sure that an entry is this instance's own still, and that the store knows it as it is here, before something
    /// is done about it: who was stopped or cut off for long may have lost it to another, who asks the drive anew.
    ///
    /// # Errors
    /// [`state::Error::Leased`] when it is another's; the state store failed.
    pub(in crate::drive::removals) async fn confirm(&self, id: i64) -> Result<(), state::Error> {
        if !self.is_shared() {
            return Ok(());
        }
        let life = self.store.life().await?;
        let is_own = |journal: &Self| {
            let entries = journal.entries.lock();
            entries.get(&id).filter(|kept| kept.owner == life).map(|kept| kept.written)
        };
        let mut own = is_own(self);
        if own.is_none() {
            // This instance has begun another life: what it had is its own again, unless another was faster.
            self.take_over(&[]).await?;
            own = is_own(self);
        }
        match own {
            Some(true) => Ok(()),
            Some(false) => self.write(id).await,
            None => self.is_lost(),
        }
    }

    /// There is no such entry.
    ///
    /// # Errors
    /// [`state::Error::Leased`] where another instance may have it.
    pub(in crate::drive::removals) fn is_lost(&self) -> Result<(), state::Error> {
        if self.is_shared() { Err(self.store.leased()) } else { Ok(()) }
    }

    /// What another instance has that is due: all, or under a name.
    pub(in crate::drive::removals) fn due_elsewhere(&self, at: Option<(&str, &str)>) -> Vec<i64> {
        self.elsewhere(|removal| match at {
            Some((folder_id, name)) => is_due_at(removal, folder_id, name),
            None => removal.is_due(),
        })
    }

    /// Changes of other instances at a name of which nobody tells whether they took effect. To be asked by whoever has
    /// the turn there: their makers have not.
    pub(in crate::drive::removals) fn undecided_elsewhere(&self, folder_id: &str, name: &str) -> Vec<i64> {
        self.elsewhere(|removal| {
            removal.facts.stage.as_ref().is_some_and(Stage::is_made_in_turn) && removal.is_at(folder_id, name)
        })
    }

    fn elsewhere(&self, wanted: impl Fn(&Removal) -> bool) -> Vec<i64> {
        self.others.lock().values().filter(|removal| wanted(removal)).map(|removal| removal.id).collect()
    }

    /// Whether an upload of another instance has attached the item and not decided yet.
    pub(in crate::drive::removals) fn is_undecided_elsewhere(&self, file_id: &str) -> bool {
        let is = |removal: &Removal| matches!(&removal.facts.stage, Some(Stage::Attached { file_id: made }) if made == file_id);
        self.others.lock().values().any(is)
    }

    /// Another instance has had its turn in a folder: what is found there for a change of which only the drive knows what
    /// it has made may be the other's.
    pub(in crate::drive::removals) fn is_crossed(&self, folder_id: &str) {
        for kept in self.entries.lock().values_mut() {
            let facts = &mut kept.removal.facts;
            facts.crossed |= facts.folder_id == folder_id && facts.stage.as_ref().is_some_and(Stage::is_sought);
        }
    }

    /// Whether an item of some name that was found for a change is surely no other instance's: nobody but the maker has
    /// had his turn at that name since, nor at the change's own.
    ///
    /// # Errors
    /// The state store failed.
    pub(in crate::drive::removals) async fn is_ours(
        &self,
        removal: &Removal,
        name: &str,
    ) -> Result<bool, state::Error> {
        let facts = &removal.facts;
        if facts.crossed {
            return Ok(false);
        }
        let key = |name: &str| NameKey::new(&removal.drive_id, &facts.folder_id, name).lease();
        self.store.leases().were_last_of(facts.maker, &key(&facts.name), &key(name)).await
    }
}
