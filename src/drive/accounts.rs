//! The accounts behind the mounts, by name.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Config;
use crate::drive::account::Account;
use crate::drive::removals::PendingRemovals;
use crate::drive::removals::overview::Overview;
use crate::state::Store;
use crate::upstream::Client;

/// All accounts that have a client.
pub(super) struct Accounts(HashMap<String, Arc<Account>>);

impl Accounts {
    /// `overview` is told what becomes of their items apart from any request.
    pub(super) fn new(
        config: &Config,
        clients: HashMap<String, Client>,
        store: &Store,
        overview: &Arc<dyn Overview>,
    ) -> Self {
        Self(HashMap::new()).reconfigured(config, clients, store, overview)
    }

    /// Those that the settings still have, and those of the new clients.
    pub(super) fn reconfigured(
        &self,
        config: &Config,
        clients: HashMap<String, Client>,
        store: &Store,
        overview: &Arc<dyn Overview>,
    ) -> Self {
        let mut accounts = self.0.clone();
        accounts.retain(|name, _| config.accounts.iter().any(|account| account.name == *name));
        let account = |client| Arc::new(Account::new(client, store, config, overview.clone()));
        accounts.extend(clients.into_iter().map(|(name, client)| (name, account(client))));
        Self(accounts)
    }

    pub(super) fn by_name(&self) -> &HashMap<String, Arc<Account>> {
        &self.0
    }

    pub(super) fn clients(&self) -> impl Iterator<Item = &Client> {
        self.0.values().map(|account| &account.client)
    }

    /// Takes up what the last run has left to be removed from the drives.
    pub(super) async fn restore_removals(&self) -> Result<(), crate::state::Error> {
        for account in self.0.values() {
            account.removals.restore().await?;
        }
        Ok(())
    }

    /// Ends the work on the removals of accounts that the next ones lack.
    pub(super) fn hand_over_removals(&self, next: &Self) {
        let gone = self.0.iter().filter(|(name, _)| !next.0.contains_key(*name));
        gone.for_each(|(_, account)| account.removals.stop());
    }

    /// Ends the work on removals.
    pub(super) async fn end_removals(&self) {
        for account in self.0.values() {
            account.removals.end().await;
        }
    }

    /// What waits to be removed from each account's drives.
    pub(super) fn pending_removals(&self) -> Vec<PendingRemovals> {
        self.0.values().map(|account| account.removals.pending()).collect()
    }
}
