//! A strict stand-in for the service on a real socket, for the demo and for tests.
//!
//! It answers as the reference says the service does, refuses what it says the service refuses, counts
//! calls and goes wrong on request. It shares no code with the rest of the program, so that a
//! misspelt field cannot hide on both sides. API, data host and token servers are all at one address;
//! `/sim/…` are the levers that tests pull.

mod answer;
mod api;
mod clock;
mod data;
mod handle;
mod levers;
mod media;
mod oauth;
mod preview;
mod route;
mod shared;
mod world;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub use levers::fault::{Fault, FaultKind, Refused};
pub use levers::gate::{Gate, HeldCall, Moment};
pub use levers::rules::{
    BotCheck, Expiration, HostMood, LastMarker, ListedUrl, OddItems, PageShape, RateShape, Rules, SearchShape,
    SignatureVersion, SizeForm,
};
pub use world::application::{Application, CLIENT_ID, CLIENT_SECRET};
pub use world::film::{Film, Preview, Rendition, Track};

use crate::sim::shared::Shared;
use crate::sim::world::{World, persist, sample};

/// How a simulator starts.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address to listen on; port 0 for any.
    pub listen: SocketAddr,
    /// Keeps the drive in this folder; in memory without one.
    pub dir: Option<PathBuf>,
    /// Fills an empty drive with the demo's content.
    pub sample: bool,
    /// The service's rules.
    pub rules: Rules,
}

impl Default for Options {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), dir: None, sample: false, rules: Rules::default() }
    }
}

/// A running simulator; cheap to clone, stops when the last clone is dropped.
#[derive(Clone)]
pub struct Simulator {
    shared: Arc<Shared>,
    addr: SocketAddr,
    tracker: TaskTracker,
    stop: CancellationToken,
    _guard: Arc<DropGuard>,
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Simulator").field(&self.addr).finish()
    }
}

impl Simulator {
    /// Binds and serves until stopped.
    ///
    /// # Errors
    /// The address is taken, or the folder cannot be used.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let addr = listener.local_addr()?;
        let mut world = World::new(options.rules, format!("http://{addr}"), options.dir);
        let restored = persist::load(&mut world)?;
        if options.sample && !restored {
            let id = world.users[0].backup_drive.clone();
            if let Some(drive) = world.drives.get_mut(&id) {
                sample::fill(drive);
            }
            persist::save(&world);
        }
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            gates: Mutex::default(),
            held: AtomicUsize::new(0),
            downloads: watch::Sender::new(0),
        });
        let stop = CancellationToken::new();
        let tracker = TaskTracker::new();
        tracker.spawn(accept(listener, shared.clone(), tracker.clone(), stop.clone()));
        let guard = Arc::new(stop.clone().drop_guard());
        Ok(Self { shared, addr, tracker, stop, _guard: guard })
    }

    /// Base URL of the API, the data host and (below their paths) the token servers.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Stops and waits until all connections are gone.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, tracker: TaskTracker, stop: CancellationToken) {
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Out of file descriptors, most likely: the next may work again.
                Err(error) => {
                    tracing::warn!(%error, "the simulator could not accept a connection");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        stream.set_nodelay(true).ok();
        let (shared, stop) = (shared.clone(), stop.clone());
        tracker.spawn(async move {
            let service = hyper::service::service_fn(move |request| route::handle(shared.clone(), request));
            let mut builder = auto::Builder::new(TokioExecutor::new());
            // Answers tell the service's time, not this machine's.
            builder.http1().auto_date_header(false);
            builder.http2().auto_date_header(false);
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                () = stop.cancelled() => {}
                // A client that leaves or a planned cut; neither is ours to report.
                _ = connection => {}
            }
        });
    }
}
