//! One server over one simulated drive on one thread, whose every task and whose clock the test moves.
//!
//! Server and drive have a runtime each, so that the server can be killed: its runtime is dropped, with every task in
//! it. Nothing runs while the test thinks. The server's clock stands until [`Bench::pass`] moves it, so that a pause
//! of a minute costs nothing.

use std::cell::RefCell;
use std::fs::File;
use std::future::Future;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use alidav::config::{Account, Config, LinkPolicy, ListenAddr, Mount, Permission, StateLocation};
use alidav::server::Server;
use alidav::sim::{Options, Rules, Simulator};
use reqwest::{Client, RequestBuilder};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// Looks at the sockets after which whatever a step led to has happened: a request's way through client, server and
/// drive and back takes less than half of them.
const ROUNDS: u32 = 12;

/// Threads of the store are told apart by when they appear, so servers start one by one.
static STARTING: Mutex<()> = Mutex::new(());

/// A server with its drive.
pub(crate) struct Bench {
    drive: Runtime,
    server: Option<(Runtime, Server)>,
    pub(crate) sim: Simulator,
    /// The folder of the run at hand: each has one of its own.
    folder: String,
    runs: usize,
    http: Client,
    config: Config,
    store: Store,
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
        let drive = Builder::new_current_thread().enable_all().build().unwrap();
        // No token is renewed in a run, however much time passes for the server.
        let rules = Rules { rate_limits: false, access_token_s: 1_000_000_000, ..Rules::default() };
        let sim = drive.block_on(Simulator::start(Options { rules, ..Options::default() })).unwrap();
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let memory = std::path::Path::new("/dev/shm");
        let state = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let config = config(&sim, StateLocation::File(state.path().join("state.db")));
        let folder = String::new();
        let mut bench =
            Self { drive, server: None, sim, folder, runs: 0, http, config, store: Store::default(), _state: state };
        bench.revive();
        bench
    }

    /// Begins a run in a folder that neither server nor drive has seen; how many there were.
    pub(crate) fn next_folder(&mut self) -> usize {
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
            let entered = runtime.enter();
            drop(server);
            drop(entered);
            drop(runtime);
        }
        self.store = Store::default();
        self.quiet();
    }

    /// Starts a new process over the same state.
    pub(crate) fn revive(&mut self) {
        let starting = STARTING.lock().unwrap();
        let before = store_threads();
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let server = {
            let started = runtime.spawn({
                let config = self.config.clone();
                async move { Server::start(&config).await }
            });
            while !started.is_finished() {
                runtime.block_on(tokio::task::yield_now());
                self.drive.block_on(tokio::task::yield_now());
            }
            runtime.block_on(started).unwrap().unwrap()
        };
        self.store = Store::of(store_threads().into_iter().filter(|thread| !before.contains(thread)));
        drop(starting);
        self.server = Some((runtime, server));
        self.quiet();
    }

    /// Lets everything run until all wait: for a held call, or for time to pass.
    pub(crate) fn quiet(&self) {
        loop {
            (0..ROUNDS).for_each(|_| self.round());
            match self.store.look() {
                Mood::Idle => return,
                // What the store has answered goes on.
                Mood::Worked => {}
                Mood::Works => std::thread::yield_now(),
            }
        }
    }

    /// Looks at every socket once, and runs what that wakes.
    fn round(&self) {
        if let Some((runtime, _)) = &self.server {
            runtime.block_on(tokio::task::yield_now());
        }
        self.drive.block_on(tokio::task::yield_now());
    }

    /// Moves the server's clock, and lets run what that wakes.
    pub(crate) fn pass(&self, time: Duration) {
        if let Some((runtime, _)) = &self.server {
            runtime.block_on(tokio::time::advance(time));
        }
        self.quiet();
    }

    /// Lets all happen that goes on in the background: longer than anything there waits, and often enough for what
    /// is tried again.
    pub(crate) fn pass_a_while(&self) {
        for ms in [600, 1200, 3000, 6000, 20_000, 45_000] {
            self.pass(Duration::from_millis(ms));
        }
        // What the last of them has begun takes several looks of the store, and several calls.
        for _ in 0..6 {
            self.pass(Duration::from_millis(10));
        }
    }

    /// Sends a request to the server.
    pub(crate) fn ask(&self, method: &str, path: &str, with: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Asked {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = with(self.http.request(method, self.url(path)));
        self.drive.spawn(async move {
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
            for _ in 0..4 * ROUNDS {
                if asked.is_finished() {
                    return self.answer(asked);
                }
                self.round();
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

/// The threads of all stores of this process; none where the system does not tell.
fn store_threads() -> Vec<PathBuf> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let paths = threads.filter_map(|thread| Some(thread.ok()?.path()));
    let named = |path: &PathBuf| std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.starts_with("sqlx"));
    paths.filter(named).collect()
}

/// What a look at the store found.
enum Mood {
    /// It waits, and has since the last look.
    Idle,
    /// It waits, and has worked since the last look.
    Worked,
    Works,
}

/// The threads of a server's store, by what the system tells of each.
#[derive(Default)]
struct Store {
    threads: Vec<File>,
    /// How often each had waited at the last look.
    waits: RefCell<Vec<String>>,
}

impl Store {
    fn of(threads: impl Iterator<Item = PathBuf>) -> Self {
        let threads = threads.filter_map(|thread| File::open(thread.join("status")).ok()).collect();
        Self { threads, waits: RefCell::default() }
    }

    fn look(&self) -> Mood {
        let told: Vec<String> = self.threads.iter().map(told).collect();
        // One that is gone tells nothing.
        if told.iter().any(|told| field(told, "State").is_some_and(|state| !state.starts_with('S'))) {
            return Mood::Works;
        }
        let waits = told.iter().map(|told| field(told, "voluntary_ctxt_switches").unwrap_or_default().to_owned());
        let waits: Vec<String> = waits.collect();
        if self.waits.replace(waits.clone()) == waits { Mood::Idle } else { Mood::Worked }
    }
}

/// What a file of the system's says now.
fn told(file: &File) -> String {
    let mut text = vec![0; 4096];
    let length = file.read_at(&mut text, 0).unwrap_or(0);
    text.truncate(length);
    String::from_utf8(text).unwrap_or_default()
}

fn field<'a>(told: &'a str, name: &str) -> Option<&'a str> {
    told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
