//! From an open port to requests: accepts, does the handshake, speaks HTTP, and ends what is silent or in the way.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connections::{Activity, Connection, Connections};
use super::listen::{Listener, Raw, Stream};
use super::peer;
use crate::config::Timeouts;
use crate::server::reloadable::Reloadable;

/// Most fields in a request's head.
const MAX_HEADERS: usize = 128;

/// Largest request head.
const MAX_HEAD: usize = 64 << 10;

/// What one listener needs for its connections.
#[derive(Clone)]
pub(super) struct ConnectionServer {
    pub(super) reloadable: Arc<Reloadable>,
    pub(super) connections: Connections,
    pub(super) stop: CancellationToken,
    pub(super) kill: CancellationToken,
    pub(super) tracker: TaskTracker,
    pub(super) timeouts: Timeouts,
}

impl ConnectionServer {
    pub(super) async fn run(self, listener: Listener) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok(raw) => {
                    let admitted = tokio::select! {
                        () = self.stop.cancelled() => return,
                        admitted = self.connections.admit(self.counted(&raw)) => admitted,
                    };
                    match admitted {
                        Some(connection) => self.tracker.spawn(self.clone().serve(raw, connection)),
                        None => {
                            tracing::debug!(peer = ?raw.peer(), "too many requests at a time from one address");
                            continue;
                        }
                    };
                }
                Err(error) => {
                    // Out of file descriptors, most likely; trying again at once would only burn a core.
                    let made = self.connections.make_place();
                    tracing::warn!(%error, made_place = made, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// The address whose share a connection counts to. This machine's own and those of trusted proxies stand for many
    /// clients, whose number the proxy bounds.
    fn counted(&self, raw: &Raw) -> Option<std::net::IpAddr> {
        let address = raw.peer()?.to_canonical();
        let shared = address.is_loopback() || peer::is_trusted(address, &self.reloadable.app().trusted_proxies);
        (!shared).then(|| peer::subscriber(address))
    }

    async fn serve(self, raw: Raw, connection: Connection) {
        let peer = raw.peer();
        tokio::select! {
            // Without a request under way nothing is lost.
            biased;
            () = connection.gives_way() => tracing::debug!(?peer, "a silent connection gave way"),
            () = self.requests(raw, &connection) => {}
        }
    }

    /// The connection after its handshake, unless that fails or the server stops.
    async fn handshake(&self, raw: Raw) -> Option<Stream> {
        let peer = raw.peer();
        let acceptor = self.reloadable.acceptor();
        let handshake = raw.handshake(acceptor.as_ref(), self.timeouts.handshake);
        let result = self.stop.run_until_cancelled(handshake).await?;
        result.inspect_err(|error| tracing::debug!(?peer, %error, "TLS handshake failed")).ok()
    }

    /// Answers what comes until the connection ends.
    async fn requests(&self, raw: Raw, connection: &Connection) {
        let peer = raw.peer();
        let Some(stream) = self.handshake(raw).await else { return };
        let mut activity = connection.activity();
        let service = hyper::service::service_fn(|request| {
            let app = self.reloadable.app();
            let running = connection.request();
            async move { Ok::<_, std::convert::Infallible>(app.answer(request, peer, running).await) }
        });
        let head = self.timeouts.request_head;
        let builder = builder(head);
        let http = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(http);
        let mut closing = false;
        loop {
            tokio::select! {
                result = http.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(?peer, error, "connection ended");
                    }
                    break;
                }
                () = self.stop.cancelled(), if !closing => {
                    closing = true;
                    http.as_mut().graceful_shutdown();
                }
                // HTTP/1 has a clock of its own, but neither the wait for the first byte nor HTTP/2 has one.
                () = quiet(&mut activity, head) => {
                    if closing {
                        break;
                    }
                    closing = true;
                    http.as_mut().graceful_shutdown();
                }
                () = self.kill.cancelled() => break,
            }
        }
    }
}

/// Ends when no request has run or begun for so long.
async fn quiet(activity: &mut watch::Receiver<Activity>, longest: Duration) {
    loop {
        let idle = activity.borrow_and_update().running == 0;
        let limit = if idle { longest } else { Duration::MAX };
        match tokio::time::timeout(limit, activity.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => std::future::pending().await,
            Err(_) => return,
        }
    }
}

/// HTTP/1.1 and HTTP/2 with their limits, of which one is how long a head may take.
fn builder(head: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(head).max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD);
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
