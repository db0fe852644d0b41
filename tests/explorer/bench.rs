//! One server over one simulated drive on one thread, whose every task and whose clock the test moves.
//!
//! Server and drive have a runtime each, so that the server can be killed: its runtime is dropped, with every task in
//! it. Nothing runs while the test thinks, and the test knows that all is quiet by counting: no request is between
//! client and server, no call between server and drive, and nothing waits for the store. The server's clock stands
//! until [`Bench::pass`] moves it, so that a pause of a minute costs nothing, and its dice fall the same in each run.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use alidav::config::{Account, Config, LinkPolicy, ListenAddr, Mount, Permission, StateLocation};
use alidav::server::Server;
use alidav::sim::{Options, Rules, Simulator};
use reqwest::{Client, RequestBuilder};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::counts::Counts;

/// Looks at all sockets after which whatever can go on by itself has: what one look has woken runs in the next.
const SETTLED: u32 = 3;

/// How long anything may be on its way before the test takes it for stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server with its drive.
pub(crate) struct Bench {
    drive: Runtime,
    server: Option<(Runtime, Server)>,
    pub(crate) sim: Simulator,
    /// The folder of the run at hand: each has one of its own.
    folder: String,
    runs: usize,
    http: Client,
    /// Requests that have no answer yet.
    asked: Arc<AtomicUsize>,
    /// What the server counts.
    counts: Counts,
    config: Config,
    _state: tempfile::TempDir,
}

/// What a client got.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) lock_token: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// A request on its way; nothing where the connection broke.
pub(crate) type Asked = JoinHandle<Option<Answer>>;

impl Bench {
    pub(crate) fn start() -> Self {
        let drive = runtime().build().unwrap();
        // No token is renewed in a run, however much time passes for the server.
        let rules = Rules { rate_limits: false, access_token_s: 1_000_000_000, ..Rules::default() };
        let sim = drive.block_on(Simulator::start(Options { rules, ..Options::default() })).unwrap();
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let memory = std::path::Path::new("/dev/shm");
        let state = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let config = config(&sim, StateLocation::File(state.path().join("state.db")));
        let (folder, asked, counts) = (String::new(), Arc::default(), Counts::default());
        let mut bench = Self { drive, server: None, sim, folder, runs: 0, http, asked, counts, config, _state: state };
        bench.revive();
        bench
    }

    /// Begins a run in a folder that neither server nor drive has seen; how many there were.
    pub(crate) fn next_folder(&mut self) -> usize {
        fastrand::seed(1);
        self.sim.remove(&self.folder);
        self.runs += 1;
        self.folder.clear();
        let folder = format!("/r{}", self.runs);
        self.sim.mkdir(&folder);
        let anew = |request: RequestBuilder| request.header("depth", "1").header("cache-control", "no-cache");
        let listed = self.ask_and_wait("PROPFIND", "/", anew);
        assert_eq!(listed.map(|answer| answer.status), Some(207));
        self.folder = folder;
        self.runs
    }

    /// A path of the run as the drive has it.
    pub(crate) fn on_drive(&self, path: &str) -> String {
        format!("{}{path}", self.folder)
    }

    /// What lives on the drive in the run's folder.
    pub(crate) fn tree(&self) -> Vec<(String, Option<Vec<u8>>)> {
        let inside = |(path, content): (String, _)| Some((path.strip_prefix(&self.folder)?.to_owned(), content));
        self.sim.tree().into_iter().filter_map(inside).filter(|(path, _)| path.starts_with('/')).collect()
    }

    /// Ends the process, as the system does it: nothing is finished.
    pub(crate) fn kill(&mut self) {
        if let Some((runtime, server)) = self.server.take() {
            self.counts.of(|| {
                let entered = runtime.enter();
                drop(server);
                drop(entered);
                drop(runtime);
            });
        }
        self.counts = Counts::default();
        self.quiet();
    }

    /// Starts a new process over the same state.
    pub(crate) fn revive(&mut self) {
        let runtime = runtime().start_paused(true).build().unwrap();
        let config = self.config.clone();
        let server = self.counts.of(|| {
            let started = runtime.spawn(async move { Server::start(&config).await });
            while !started.is_finished() {
                runtime.block_on(tokio::task::yield_now());
                std::thread::yield_now();
            }
            runtime.block_on(started).unwrap().unwrap()
        });
        self.server = Some((runtime, server));
        self.quiet();
    }

    /// Lets everything run until all wait: for a held call, or for time to pass.
    pub(crate) fn quiet(&self) {
        let mut settled = 0;
        let begun = Instant::now();
        while settled < SETTLED {
            self.round();
            if self.is_still() {
                settled += 1;
                continue;
            }
            settled = 0;
            // Another thread works for the store.
            std::thread::yield_now();
            assert!(begun.elapsed() < PATIENCE, "it never came to rest: {}", self.whereabouts());
        }
    }

    /// Whether nothing is on its way.
    fn is_still(&self) -> bool {
        let (requests, calls) = self.counts.running();
        requests == self.asked.load(Ordering::Relaxed)
            && calls == self.sim.held()
            && self.server.as_ref().is_none_or(|(_, server)| server.has_stored_all())
    }

    fn whereabouts(&self) -> String {
        let (requests, calls) = self.counts.running();
        let (asked, held) = (self.asked.load(Ordering::Relaxed), self.sim.held());
        format!("{asked} requests of clients, {requests} of them with the server, {calls} calls, {held} of them held")
    }

    /// Looks at every socket once, and runs what that wakes.
    fn round(&self) {
        if let Some((runtime, _)) = &self.server {
            self.counts.of(|| runtime.block_on(tokio::task::yield_now()));
        }
        self.drive.block_on(tokio::task::yield_now());
    }

    /// Moves the server's clock, and lets run what that wakes.
    pub(crate) fn pass(&self, time: Duration) {
        if let Some((runtime, _)) = &self.server {
            self.counts.of(|| runtime.block_on(tokio::time::advance(time)));
        }
        self.quiet();
    }

    /// Lets all happen that goes on in the background: longer than anything there waits, and often enough for what
    /// is tried again.
    pub(crate) fn pass_a_while(&self) {
        for ms in [600, 1200, 3000, 6000, 20_000, 45_000, 3000] {
            self.pass(Duration::from_millis(ms));
            self.pass_until_no_call_comes();
        }
    }

    /// What a pause has begun may be several calls, which go one by one for ten minutes after a 429, of an earlier run
    /// of this server too.
    fn pass_until_no_call_comes(&self) {
        for _ in 0..100 {
            let before = self.sim.api_calls();
            self.pass(Duration::from_millis(10));
            if self.sim.api_calls() == before {
                return;
            }
        }
        panic!("the server calls the drive without end");
    }

    /// Sends a request to the server.
    pub(crate) fn ask(&self, method: &str, path: &str, with: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Asked {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = with(self.http.request(method, self.url(path)));
        let unanswered = Unanswered::one(&self.asked);
        self.drive.spawn(async move {
            let _unanswered = unanswered;
            let answer = request.send().await.ok()?;
            let lock_token = answer.headers().get("lock-token").and_then(|v| v.to_str().ok()).map(str::to_owned);
            let status = answer.status().as_u16();
            Some(Answer { status, lock_token, body: answer.bytes().await.ok()?.to_vec() })
        })
    }

    /// What came of a request that is over.
    pub(crate) fn answer(&self, asked: Asked) -> Option<Answer> {
        self.finish(asked).ok().flatten()
    }

    /// Sends a request and lets time pass until it is answered.
    pub(crate) fn ask_and_wait(
        &self,
        method: &str,
        path: &str,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Option<Answer> {
        let asked = self.ask(method, path, with);
        for _ in 0..200 {
            self.quiet();
            if asked.is_finished() {
                return self.answer(asked);
            }
            self.pass(Duration::from_millis(200));
        }
        asked.abort();
        None
    }

    pub(crate) fn url(&self, path: &str) -> String {
        let address = self.server.as_ref().and_then(|(_, server)| server.addr()).unwrap();
        format!("http://{address}{}", self.href(path))
    }

    /// A path of the run as the server shows it.
    pub(crate) fn href(&self, path: &str) -> String {
        format!("/dav{}{path}", self.folder)
    }

    fn finish<T>(&self, future: impl Future<Output = T>) -> T {
        self.drive.block_on(future)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.kill();
    }
}

fn config(sim: &Simulator, state: StateLocation) -> Config {
    let mut account = Account::named("main");
    account.oauth_token_urls = vec![format!("{}/alicloud/renewapi", sim.url()).parse().unwrap()];
    account.refresh_token = Some(sim.refresh_token().into());
    let mut mount = Mount::at("/", "main");
    mount.link_policy = LinkPolicy::Proxy;
    let mut config = Config::new(vec![account], vec![mount]);
    config.listen = vec![ListenAddr::Tcp("127.0.0.1:0".parse().unwrap())];
    config.state = state;
    config.anonymous = Permission::Write;
    config.cache.watch = Duration::ZERO;
    config.upstream.api_url = sim.url().parse().unwrap();
    config.upstream.list_per_s = 100_000.0;
    config.upstream.link_per_s = 100_000.0;
    config.upstream.other_per_s = 100_000.0;
    config
}

/// A runtime of this thread that runs all that is ready at each look at its sockets.
fn runtime() -> Builder {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().event_interval(100_000);
    builder
}

/// A request without an answer; it has one, or never gets one, when this is dropped.
struct Unanswered(Arc<AtomicUsize>);

impl Unanswered {
    fn one(asked: &Arc<AtomicUsize>) -> Self {
        asked.fetch_add(1, Ordering::Relaxed);
        Self(asked.clone())
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
