//! Listeners, users, routing, limits and the access log around WebDAV.
//!
//! Answers for everything between a socket and `dav`: who may connect and how long, who asks, which
//! part answers, and how the server ends. It knows nothing of the drive's content.

mod access;
mod auth;
mod error;
mod health;
mod inbound;
mod listen;
mod metrics;
mod password;
mod peer;
mod reload;
mod route;
mod throttle;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use error::Error;

use crate::config::{Config, Tls};
use crate::drive::Tree;
use crate::state::Store;
use crate::upstream::Client;
use listen::{Listener, Raw};
use reload::Live;
use route::App;

/// Connections at a time; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 1024;

/// A connection on which no request is complete and none runs is closed after this time.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// What broken uploads leave on the drive is removed within this time after the last request.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// Most fields in a request's head.
const MAX_HEADERS: usize = 128;

/// Largest request head.
const MAX_HEAD: usize = 64 << 10;

/// A running server.
pub struct Server {
    urls: Vec<String>,
    addr: Option<SocketAddr>,
    live: Arc<Live>,
    /// The settings in force; held while they change.
    config: tokio::sync::Mutex<Config>,
    store: Store,
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
        let store = Store::open(&config.state).await?;
        let mut clients = HashMap::new();
        for account in &config.accounts {
            let client = Client::new(account, &config.upstream, store.clone())?;
            clients.insert(account.name.clone(), client);
        }
        let tree = Tree::new(config, clients, &store);
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
            live: Arc::new(Live::new(app, acceptor)),
            config: tokio::sync::Mutex::new(config.clone()),
            store,
            upkeep: parking_lot::Mutex::default(),
            stop: CancellationToken::new(),
            kill: CancellationToken::new(),
            tracker: TaskTracker::new(),
            grace: config.shutdown_grace,
        };
        for client in server.tree().accounts() {
            server.keep_signed_in(client.clone());
        }
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        for listener in listeners {
            let door = Door {
                live: server.live.clone(),
                places: places.clone(),
                stop: server.stop.clone(),
                kill: server.kill.clone(),
                tracker: server.tracker.clone(),
            };
            server.tracker.spawn(door.run(listener));
        }
        Ok(server)
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
        if tokio::time::timeout(LAST_CALLS, self.tree().finish_tasks()).await.is_err() {
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

/// What one listener needs for its connections.
#[derive(Clone)]
struct Door {
    live: Arc<Live>,
    places: Arc<Semaphore>,
    stop: CancellationToken,
    kill: CancellationToken,
    tracker: TaskTracker,
}

impl Door {
    async fn run(self, listener: Listener) {
        loop {
            // The semaphore is never closed.
            let Ok(place) = self.places.clone().acquire_owned().await else { return };
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok(raw) => {
                    let door = self.clone();
                    self.tracker.spawn(async move {
                        door.serve(raw).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, most likely; trying again at once would only burn a core.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn serve(self, raw: Raw) {
        let peer = raw.peer();
        let acceptor = self.live.acceptor();
        let stream = tokio::select! {
            () = self.stop.cancelled() => return,
            stream = raw.handshake(acceptor.as_ref()) => match stream {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::debug!(?peer, %error, "TLS handshake failed");
                    return;
                }
            },
        };
        ::metrics::gauge!("alidav_connections").increment(1.0);
        let live = self.live.clone();
        let running = watch::Sender::new(0);
        let mut count = running.subscribe();
        let service = hyper::service::service_fn(move |request| {
            let app = live.app();
            let running = Running::new(&running);
            async move { Ok::<_, std::convert::Infallible>(app.answer(request, peer, running).await) }
        });
        let builder = builder();
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let mut closing = false;
        loop {
            tokio::select! {
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(?peer, error, "connection ended");
                    }
                    break;
                }
                () = self.stop.cancelled(), if !closing => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                }
                // HTTP/1 has a clock of its own, but neither the wait for the first byte nor HTTP/2 has one.
                () = quiet(&mut count) => {
                    if closing {
                        break;
                    }
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = self.kill.cancelled() => break,
            }
        }
        ::metrics::gauge!("alidav_connections").decrement(1.0);
    }
}

/// Ends when no request has run or begun for [`HEAD_TIMEOUT`].
async fn quiet(running: &mut watch::Receiver<usize>) {
    loop {
        let idle = *running.borrow_and_update() == 0;
        let limit = if idle { HEAD_TIMEOUT } else { Duration::MAX };
        match tokio::time::timeout(limit, running.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => std::future::pending().await,
            Err(_) => return,
        }
    }
}

/// A request that runs, until its answer's body has ended.
struct Running(watch::Sender<usize>);

impl Running {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|running| *running += 1);
        Self(count.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

/// HTTP/1.1 and HTTP/2 with their limits.
fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .max_concurrent_streams(128)
        .keep_alive_interval(Some(Duration::from_secs(60)))
        // A film over HTTP/2 would be paced by the default window of 64 KiB.
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(8 << 20)
        .max_send_buf_size(1 << 20);
    builder
}
