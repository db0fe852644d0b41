//! Other settings while the server runs.
//!
//! Requests that run end by the settings they began with; every new one is answered by the new. What was
//! opened once at the start cannot change: addresses, the state store, limits. Either all of the new
//! settings take effect or, if something is wrong with them, none.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use secrecy::ExposeSecret as _;
use tokio_rustls::TlsAcceptor;

use super::route::App;
use super::{Error, Server, listen};
use crate::config::{Account, Config};
use crate::drive::Tree;
use crate::upstream::Client;

/// What new connections and requests are answered with.
pub(super) struct Live {
    app: RwLock<Arc<App>>,
    acceptor: RwLock<Option<TlsAcceptor>>,
}

impl Live {
    pub(super) fn new(app: App, acceptor: Option<TlsAcceptor>) -> Self {
        Self { app: RwLock::new(Arc::new(app)), acceptor: RwLock::new(acceptor) }
    }

    pub(super) fn app(&self) -> Arc<App> {
        self.app.read().clone()
    }

    pub(super) fn acceptor(&self) -> Option<TlsAcceptor> {
        self.acceptor.read().clone()
    }
}

impl Server {
    /// Takes other settings up without dropping a stream: users, mounts, link policies, trusted proxies, the
    /// public address, the certificate, accounts that are new or gone. Returns the names of changed settings
    /// that wait for a restart.
    ///
    /// # Errors
    /// The certificate is unusable, or a new account's client cannot be made; nothing has changed then.
    pub async fn reload(&self, config: &Config) -> Result<Vec<String>, Error> {
        let mut current = self.config.lock().await;
        let acceptor = config.tls.as_ref().map(listen::acceptor).transpose()?;
        let mut clients = HashMap::new();
        for account in &config.accounts {
            if !current.accounts.iter().any(|known| known.name == account.name) {
                let client = Client::new(account, &current.upstream, self.store.clone())?;
                clients.insert(account.name.clone(), client);
            }
        }
        let waiting = waiting(&current, config);
        let added: Vec<Client> = clients.values().cloned().collect();
        let app = self.live.app();
        let tree = app.tree.reconfigured(config, clients, &self.store);
        tree.restore_removals().await?;
        app.tree.hand_over_removals(&tree);
        *self.live.app.write() = Arc::new(app.reconfigured(config, tree));
        if current.tls.is_some() && acceptor.is_some() {
            *self.live.acceptor.write() = acceptor;
        }
        for client in added {
            self.keep_signed_in(client);
        }
        self.upkeep.lock().retain(|name, stop| {
            let stays = config.accounts.iter().any(|account| account.name == *name);
            if !stays {
                stop.cancel();
            }
            stays
        });
        *current = running(&current, config);
        Ok(waiting)
    }

    pub(super) fn keep_signed_in(&self, client: Client) {
        let stop = self.stop.child_token();
        self.upkeep.lock().insert(client.account().to_owned(), stop.clone());
        self.tracker.spawn(client.keep_signed_in(stop));
    }

    /// The tree that is served now.
    #[must_use]
    pub fn tree(&self) -> Tree {
        self.live.app().tree.clone()
    }
}

/// Names of what differs and was settled at the start.
fn waiting(old: &Config, new: &Config) -> Vec<String> {
    let debug = |a: &dyn std::fmt::Debug, b: &dyn std::fmt::Debug| format!("{a:?}") != format!("{b:?}");
    let sections = [
        ("listen", debug(&old.listen, &new.listen)),
        ("dav_prefix", old.dav_prefix != new.dav_prefix),
        ("state", old.state != new.state),
        ("log", old.log != new.log),
        ("shutdown_grace_s", old.shutdown_grace != new.shutdown_grace),
        ("tls (on or off)", old.tls.is_some() != new.tls.is_some()),
        ("upstream", debug(&old.upstream, &new.upstream)),
        ("cache", debug(&old.cache, &new.cache)),
        ("download", debug(&old.download, &new.download)),
        ("upload", debug(&old.upload, &new.upload)),
    ];
    let changed = sections.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned());
    let accounts = new
        .accounts
        .iter()
        .filter(|account| old.accounts.iter().any(|known| known.name == account.name && !same_account(known, account)));
    changed.chain(accounts.map(|account| format!("account {:?}", account.name))).collect()
}

fn same_account(a: &Account, b: &Account) -> bool {
    let secret = |secret: &Option<secrecy::SecretString>| secret.as_ref().map(|s| s.expose_secret().to_owned());
    format!("{a:?}") == format!("{b:?}")
        && secret(&a.client_secret) == secret(&b.client_secret)
        && secret(&a.refresh_token) == secret(&b.refresh_token)
}

/// What is in force after a reload: the new settings, with what waits for a restart as it was.
fn running(old: &Config, new: &Config) -> Config {
    let keep = |account: &Account| old.accounts.iter().find(|known| known.name == account.name).cloned();
    Config {
        listen: old.listen.clone(),
        dav_prefix: old.dav_prefix.clone(),
        state: old.state.clone(),
        log: old.log.clone(),
        shutdown_grace: old.shutdown_grace,
        tls: if old.tls.is_some() { new.tls.clone().or_else(|| old.tls.clone()) } else { None },
        upstream: old.upstream.clone(),
        cache: old.cache.clone(),
        download: old.download.clone(),
        upload: old.upload.clone(),
        accounts: new.accounts.iter().map(|account| keep(account).unwrap_or_else(|| account.clone())).collect(),
        ..new.clone()
    }
}
