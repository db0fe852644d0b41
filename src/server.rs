//! Listeners, users, routing, limits and the access log around WebDAV.
//!
//! Answers for everything between a socket and `dav`: who may connect and how long, who asks, which
//! part answers, and how the server ends. It knows nothing of the drive's content.

mod accept;
mod access;
mod auth;
mod callers;
mod connections;
mod cors;
mod error;
mod health;
mod inbound;
mod listen;
mod metrics;
mod password;
mod peer;
mod reload;
mod reloadable;
mod route;
mod throttle;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use error::Error;

use crate::config::{Config, Tls};
use crate::drive::Tree;
use crate::state::{Alone, Store};
use crate::upstream::Client;
use accept::ConnectionServer;
use connections::Connections;
use listen::Listener;
use reloadable::Reloadable;
use route::App;

/// What broken uploads leave on the drive is removed within this time after the last request.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// A running server.
pub struct Server {
    urls: Vec<String>,
    addr: Option<SocketAddr>,
    reloadable: Arc<Reloadable>,
    /// The settings in force; held while they change.
    config: tokio::sync::Mutex<Config>,
    store: Store,
    /// Held until the store is closed.
    _alone: Alone,
    /// What ends the upkeep of each account.
    upkeep: parking_lot::Mutex<HashMap<String, CancellationToken>>,
    stop: CancellationToken,
    kill: CancellationToken,
    tracker: TaskTracker,
    grace: Duration,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Server").field(&self.urls).finish()
    }
}

impl Server {
    /// Opens the store, binds all addresses and serves until stopped. Makes no call to the drive.
    ///
    /// # Errors
    /// [`Error`] names what is in the way.
    pub async fn start(config: &Config) -> Result<Self, Error> {
        metrics::install();
        let acceptor = config.tls.as_ref().map(listen::acceptor).transpose()?;
        let mut store = Store::open_within(&config.state, config.timeouts.store_busy).await?;
        let alone = store.serve_alone()?;
        store.join(&config.instance, config.timeouts.instance_life).await?;
        let mut clients = HashMap::new();
        for account in &config.accounts {
            let client = Client::new(account, config, store.clone())?;
            clients.insert(account.name.clone(), client);
        }
        let tree = Tree::new(config, clients, &store);
        tree.restore_removals().await?;
        tree.restore_held().await?;
        tree.watch_drives();
        let app = App::open(config, tree, &store).await?;
        let mut listeners = Vec::new();
        for address in &config.listen {
            listeners.push(Listener::bind(address).await?);
        }
        let server = Self {
            urls: listeners.iter().map(|listener| listener.url(acceptor.is_some())).collect(),
            addr: listeners.iter().find_map(Listener::local),
            reloadable: Arc::new(Reloadable::new(app, acceptor)),
            config: tokio::sync::Mutex::new(config.clone()),
            store,
            _alone: alone,
            upkeep: parking_lot::Mutex::default(),
            stop: CancellationToken::new(),
            kill: CancellationToken::new(),
            tracker: TaskTracker::new(),
            grace: config.shutdown_grace,
        };
        for client in server.tree().accounts() {
            server.keep_signed_in(client.clone());
        }
        let connections = Connections::default();
        for listener in listeners {
            let accepting = ConnectionServer {
                reloadable: server.reloadable.clone(),
                connections: connections.clone(),
                stop: server.stop.clone(),
                kill: server.kill.clone(),
                tracker: server.tracker.clone(),
                timeouts: config.timeouts,
            };
            server.tracker.spawn(accepting.run(listener));
        }
        Ok(server)
    }

    fn keep_signed_in(&self, client: Client) {
        let stop = self.stop.child_token();
        self.upkeep.lock().insert(client.account().to_owned(), stop.clone());
        self.tracker.spawn(client.keep_signed_in(stop));
    }

    /// The tree that is served now.
    #[must_use]
    pub fn tree(&self) -> Tree {
        self.reloadable.app().tree.clone()
    }

    /// Whether nothing waits for the state store.
    #[must_use]
    pub fn has_stored_all(&self) -> bool {
        self.store.is_idle()
    }

    /// Each address as it is printed: `http://ADDR`, `https://ADDR` or `unix:PATH`.
    #[must_use]
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// The first TCP address.
    #[must_use]
    pub fn addr(&self) -> Option<SocketAddr> {
        self.addr
    }

    /// Accepts nothing new, lets running requests end within the configured grace, then cuts them.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tracker.close();
        if tokio::time::timeout(self.grace, self.tracker.wait()).await.is_err() {
            tracing::warn!("requests were still running at the end of the grace time and were cut");
            self.kill.cancel();
            self.tracker.wait().await;
        }
        let tree = self.tree();
        let last = async {
            tree.finish_tasks().await;
            tree.end_removals().await;
        };
        if tokio::time::timeout(LAST_CALLS, last).await.is_err() {
            tracing::warn!("the drive did not answer the last calls of broken uploads in time");
        }
        for client in self.tree().accounts() {
            tokio::select! {
                () = client.settled() => {}
                () = self.kill.cancelled() => {}
            }
        }
        self.store.close().await;
    }

    /// What ends a graceful stop at once.
    #[must_use]
    pub fn kill_switch(&self) -> CancellationToken {
        self.kill.clone()
    }
}

/// Whether certificate and key could be served; says what they are.
///
/// # Errors
/// [`Error::Tls`].
pub fn check_certificate(tls: &Tls) -> Result<String, Error> {
    listen::acceptor(tls).map(|_| format!("{} goes with {}", tls.cert.display(), tls.key.display()))
}
