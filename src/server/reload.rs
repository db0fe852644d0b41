//! Other settings while the server runs.
//!
//! Requests that run end by the settings they began with; every new one is answered by the new. What was
//! opened once at the start cannot change: addresses, the state store, limits. Either all of the new
//! settings take effect or, if something is wrong with them, none.

use std::collections::HashMap;

use crate::config::{Account, Config};
use crate::server::error::Error;
use crate::server::{Server, listen};
use crate::upstream::Client;

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
                let client = Client::new(account, &current, self.store.clone())?;
                clients.insert(account.name.clone(), client);
            }
        }
        let waiting = waiting(&current, config);
        let added: Vec<Client> = clients.values().cloned().collect();
        let app = self.reloadable.app();
        let tree = app.tree.reconfigured(config, clients, &self.store);
        tree.restore_removals().await?;
        app.tree.hand_over_removals(&tree);
        self.reloadable.put_app(app.reconfigured(config, tree));
        if current.tls.is_some() && acceptor.is_some() {
            self.reloadable.put_acceptor(acceptor);
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
}

/// Names of what differs and was settled at the start.
fn waiting(old: &Config, new: &Config) -> Vec<String> {
    let sections = [
        ("listen", old.listen != new.listen),
        ("public_url (its path)", old.base() != new.base()),
        ("dav_prefix", old.dav_prefix != new.dav_prefix),
        ("state", old.state != new.state),
        ("instance", old.instance != new.instance),
        ("log", old.log != new.log),
        ("log_format", old.log_format != new.log_format),
        ("log_time", old.log_time != new.log_time),
        ("shutdown_grace_s", old.shutdown_grace != new.shutdown_grace),
        ("tls (on or off)", old.tls.is_some() != new.tls.is_some()),
        ("upstream", old.upstream != new.upstream),
        ("cache", old.cache != new.cache),
        ("download", old.download != new.download),
        ("upload", old.upload != new.upload),
    ];
    let changed = sections.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned());
    let accounts = new
        .accounts
        .iter()
        .filter(|account| old.accounts.iter().any(|known| known.name == account.name && known != *account));
    changed.chain(accounts.map(|account| format!("account {:?}", account.name))).collect()
}

/// What is in force after a reload: the new settings, with what waits for a restart as it was.
fn running(old: &Config, new: &Config) -> Config {
    let keep = |account: &Account| old.accounts.iter().find(|known| known.name == account.name).cloned();
    Config {
        listen: old.listen.clone(),
        public_url: if old.base() == new.base() { new.public_url.clone() } else { old.public_url.clone() },
        dav_prefix: old.dav_prefix.clone(),
        state: old.state.clone(),
        instance: old.instance.clone(),
        log: old.log.clone(),
        log_format: old.log_format,
        log_time: old.log_time,
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
