//! `alidav copy`: files and folders to the drive, from it, or from another WebDAV server to it.
//!
//! A process of its own with a tree of its own over the settings. It shares the tokens of the state store with a server
//! that may run meanwhile, one renewing after the other; what else a tree keeps (its removals, hashes of local files) is
//! in a store beside, `….copy`, so that neither takes the other's unfinished work for left over. While a server runs from
//! the state store, it has half of the calls and of the downloads.
//!
//! Deletes nothing. What is at the destination with the same content is passed over, so that the same command goes on
//! where it was cut.

mod carry;
mod choose;
mod counts;
mod dav;
mod drive_source;
mod fault;
mod fetch;
mod found;
mod local;
mod place;
mod rate;
mod run;
mod show;
mod tally;
mod target;
mod twins;
mod vigil;
mod walk;
mod work;

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use url::Url;

use self::choose::Choice;
use self::dav::Server;
use self::local::hashes::Hashes;
use self::place::{Place, Source};
use self::rate::Rate;
use self::run::Run;
use self::show::View;
use self::tally::Tally;
use super::arguments::CopyArguments;
use super::run::load;
use super::signals::Signals;
use crate::config::{Config, Environment as _, ProcessEnvironment, StateLocation, parse_bytes};
use crate::drive::Tree;
use crate::state::{self, Alone, Store};
use crate::upstream::Client;
use crate::waits::Waits;

/// Arguments that make no sense, as clap's own; settings that are wrong.
const WRONG: u8 = 2;
/// A part has failed.
const PARTIAL: u8 = 3;
/// Stopped by Ctrl-C, as shells tell it.
const INTERRUPTED: u8 = 130;

/// Longest wait, at the end, for what must not be left half done.
const LAST_CALLS: Duration = Duration::from_secs(10);

/// What the arguments ask for.
struct Order {
    sources: Vec<Source>,
    destination: Place,
    choice: Choice,
    per_s: Option<u64>,
}

impl Order {
    fn new(arguments: &CopyArguments) -> Result<Self, String> {
        let sources: Result<Vec<Source>, String> = arguments.sources.iter().map(|text| Source::parse(text)).collect();
        let (sources, destination) = (sources?, Place::parse(&arguments.destination)?);
        place::check(&sources, &destination)?;
        let choice = Choice::new(&arguments.exclude, arguments.newer_than.as_deref())?;
        let rate = |text: &str| {
            parse_bytes(text).filter(|rate| *rate > 0).ok_or(format!("--bwlimit {text}: must be a size such as 4MiB"))
        };
        let per_s = arguments.bwlimit.as_deref().map(rate).transpose()?;
        Ok(Self { sources, destination, choice, per_s })
    }

    /// The server that sources are at.
    fn server(
        &self,
        arguments: &CopyArguments,
        proxy: Option<&Url>,
        waits: Waits,
    ) -> Result<Option<Arc<Server>>, String> {
        let url =
            self.sources.iter().find_map(|source| if let Place::Dav(url) = &source.place { Some(url) } else { None });
        let Some(url) = url else { return Ok(None) };
        let login = dav::login::login(url, arguments.user.as_deref(), &ProcessEnvironment)?;
        let times = dav::Times {
            pause: Duration::from_millis(arguments.pause_ms),
            silence: Duration::from_secs(arguments.silence_s),
        };
        let proxy = dav::proxy::Proxy::new(proxy.cloned(), &ProcessEnvironment);
        Ok(Some(Arc::new(Server::new(url, login, &proxy, times, waits)?)))
    }
}

/// What sources are sought at, and what that waits for.
struct Sought {
    server: Option<Arc<Server>>,
    waits: Waits,
}

/// The stores of a run.
struct Stores {
    /// The server's, of which only the tokens are used.
    shared: Store,
    own: Store,
    _alone: Alone,
    /// A server runs from the shared one.
    served: bool,
}

impl Stores {
    async fn open(config: &Config) -> Result<Self, String> {
        let beside = beside(&config.state)?;
        let shared = Store::open(&config.state).await.map_err(|error| error.to_string())?;
        let own = Store::open(&StateLocation::File(beside)).await.map_err(|error| error.to_string())?;
        let alone = own.serve_alone().map_err(|error| match error {
            state::Error::Served { .. } => "another copy runs by these settings; wait for its end".to_owned(),
            error => error.to_string(),
        })?;
        let served = shared.is_served().await.map_err(|error| error.to_string())?;
        Ok(Self { shared, own, _alone: alone, served })
    }
}

/// The file of what a copy keeps for itself: of this machine's files, and of one run at a time. Beside the state store,
/// or with what other programs keep of the user where that is a database.
fn beside(state: &StateLocation) -> Result<PathBuf, String> {
    match state {
        StateLocation::File(file) => {
            let mut beside = file.as_os_str().to_owned();
            beside.push(".copy");
            Ok(beside.into())
        }
        StateLocation::Memory => {
            Err("the state store is in memory, so the tokens would be lost; set state = \"sqlite:alidav.db\""
                .to_owned())
        }
        StateLocation::Postgres(url) => {
            let variables = ProcessEnvironment.variables();
            let set = |name: &str| {
                let found = variables.iter().find(|(known, value)| known == name && !value.is_empty())?;
                Some(PathBuf::from(&found.1))
            };
            let folder = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
            let folder = folder.ok_or("HOME is not set; set XDG_STATE_HOME to a folder for the hashes of files")?;
            let folder = folder.join("alidav");
            std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
            let plain = |sign: char| if sign.is_ascii_alphanumeric() { sign } else { '_' };
            let name: String = url.to_string().chars().map(plain).collect();
            Ok(folder.join(format!("{name}.copy")))
        }
    }
}

/// Ends with 0 if everything is at the destination, 1 if nothing could be done, 2 if arguments or settings are wrong, 3 if
/// a part failed, 130 if it was stopped.
pub(super) async fn copy(path: Option<&Path>, arguments: &CopyArguments) -> ExitCode {
    let order = match Order::new(arguments) {
        Ok(order) => order,
        Err(problem) => return refuse(WRONG, &problem),
    };
    let loaded = match load(path) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    // The usual lines would tear a bar apart.
    let filter = if loaded.config.log == "info" { "error" } else { &loaded.config.log };
    super::log::start(filter, loaded.config.log_format, loaded.config.log_time, None);
    let waits = Waits::default();
    let server = match order.server(arguments, loaded.config.upstream.outbound_proxy.as_ref(), waits.clone()) {
        Ok(server) => server,
        Err(problem) => return refuse(1, &problem),
    };
    let stores = match Stores::open(&loaded.config).await {
        Ok(stores) => stores,
        Err(problem) => return refuse(1, &problem),
    };
    let done = carry_out(&loaded.config, arguments, order, Sought { server, waits }, &stores).await;
    stores.own.close().await;
    stores.shared.close().await;
    match done {
        Ok(code) => ExitCode::from(code),
        Err(problem) => refuse(1, &problem),
    }
}

fn refuse(code: u8, problem: &str) -> ExitCode {
    eprintln!("alidav: {problem}");
    ExitCode::from(code)
}

async fn carry_out(
    config: &Config,
    arguments: &CopyArguments,
    order: Order,
    sought: Sought,
    stores: &Stores,
) -> Result<u8, String> {
    let config = shared_out(config, stores.served);
    let tree = tree(&config, stores)?;
    tree.restore_removals().await.map_err(|error| error.to_string())?;
    if !arguments.dry_run {
        tree.leave_old_uploads().await.map_err(|error| error.to_string())?;
    }
    let stop = CancellationToken::new();
    let run = Arc::new(Run {
        tree: tree.clone(),
        server: sought.server,
        waits: sought.waits,
        away: Duration::from_secs(arguments.away_s),
        begun: AtomicBool::new(false),
        destination: order.destination,
        hashes: Hashes::new(stores.own.clone(), stop.clone()),
        choice: order.choice,
        tally: Tally::new(view(arguments)),
        rate: Arc::new(Rate::new(order.per_s)),
        dry_run: arguments.dry_run,
        follow_links: arguments.follow_links,
        pause: Duration::from_millis(arguments.pause_ms),
        stop,
        fatal: Mutex::default(),
    });
    walk::check(&run)?;
    let mut ending = Signals::ending();
    let interrupted = tokio::select! {
        () = work::all(&run, order.sources, arguments.transfers.into()) => false,
        () = vigil::watch(&run, Duration::from_secs(arguments.begin_s)) => false,
        () = ending.next() => true,
    };
    run.stop.cancel();
    run.hashes.close().await;
    settle(&tree, &mut ending).await;
    let fatal = run.fatal.lock().clone();
    if let Some(problem) = fatal {
        eprintln!("alidav: stopped: {problem}");
    }
    let code = code(&run, interrupted);
    run.tally.close(code);
    Ok(code)
}

/// Lets what must not be half done end; a second signal does not wait.
async fn settle(tree: &Tree, ending: &mut Signals) {
    let last = async {
        tokio::time::timeout(LAST_CALLS, tree.finish_tasks()).await.ok();
        tokio::time::timeout(LAST_CALLS, tree.end_removals()).await.ok();
        for client in tree.accounts() {
            client.settled().await;
        }
    };
    tokio::select! {
        () = last => {}
        () = ending.next() => {}
    }
}

fn code(run: &Run, interrupted: bool) -> u8 {
    let counts = run.tally.counts();
    let stopped = run.fatal.lock().is_some();
    if interrupted {
        INTERRUPTED
    } else if counts.failed == 0 && !stopped {
        0
    } else if counts.there().files > 0 {
        PARTIAL
    } else {
        1
    }
}

/// The settings of a run: a server beside it keeps half of what the service grants an account.
fn shared_out(config: &Config, served: bool) -> Config {
    let mut config = config.clone();
    if served {
        let upstream = &mut config.upstream;
        upstream.list_per_s /= 2.0;
        upstream.link_per_s /= 2.0;
        upstream.other_per_s /= 2.0;
        upstream.max_streams = (upstream.max_streams / 2).max(1);
    }
    config
}

fn tree(config: &Config, stores: &Stores) -> Result<Tree, String> {
    let mut clients = HashMap::new();
    for account in &config.accounts {
        let client = Client::new(account, config, stores.shared.clone()).map_err(|error| error.to_string())?;
        clients.insert(account.name.clone(), client);
    }
    Ok(Tree::new(config, clients, &stores.own))
}

fn view(arguments: &CopyArguments) -> View {
    if arguments.json {
        View::Json
    } else if std::io::stderr().is_terminal() && !arguments.dry_run {
        View::Bars
    } else {
        View::Lines
    }
}
