//! `alidav check`: the first thing to run when something is wrong.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::granted;
use super::run::load;
use super::words::Language;
use crate::clock::UnixSeconds;
use crate::config::{Config, ListenAddr, ProcessEnvironment, StateLocation};
use crate::drive::{self, Tree};
use crate::server;
use crate::state::{self, Store};
use crate::upstream::{Client, SpaceInfo};

mod addresses;
mod reads;
mod report;

use self::report::Report;

/// Prints a line for each step; ends with 1 if any failed, with 2 if the settings are wrong.
pub(super) async fn check(path: Option<&Path>, live: bool) -> ExitCode {
    let started = Instant::now();
    let loaded = match load(path) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    if live {
        return alive(&loaded.config).await;
    }
    let tell = Language::of(&ProcessEnvironment);
    let mut report = Report { failed: false, tell };
    let file = loaded.path.map_or_else(|| tell.environment_only(), |path| path.display().to_string());
    report.line(&tell.settings(), started, Ok::<_, String>(file));
    for warning in loaded.warnings {
        say!("     {}", tell.note(&warning));
    }
    if loaded.config.admits_nobody() {
        report.line(&tell.users(), started, Err::<String, _>(tell.nobody()));
    }
    if let Some(tls) = &loaded.config.tls {
        report.line(&tell.certificate(), Instant::now(), server::check_certificate(tls));
    }
    if let Err(error) = accounts(&loaded.config, &mut report).await {
        report.line(&tell.start(), started, Err::<String, _>(error));
    }
    if report.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

async fn accounts(config: &Config, report: &mut Report) -> Result<(), String> {
    let (started, tell) = (Instant::now(), report.tell);
    let store = Store::open(&config.state).await.map_err(|error| error.to_string())?;
    report.line(&tell.store(), started, tried(&store, config, tell).await);
    if let StateLocation::Postgres(_) = &config.state
        && let Ok(instances) = store.instances().await
    {
        let names: Vec<_> = instances.iter().map(|it| format!("{} ({} min)", it.name, it.age.as_secs() / 60)).collect();
        say!("     {}", if names.is_empty() { tell.no_instance() } else { tell.instances(&names.join(", ")) });
    }
    let mut clients = HashMap::new();
    let mut unusable = HashSet::new();
    for settings in &config.accounts {
        let client = Client::new(settings, config, store.clone()).map_err(|error| error.to_string())?;
        if !account(&client, report).await {
            unusable.insert(settings.name.as_str());
        }
        clients.insert(settings.name.clone(), client);
    }
    let tree = Tree::new(config, clients, &store);
    for mount in &config.mounts {
        if unusable.contains(mount.account.as_str()) {
            report.not_tried(&tell.a_mount(&mount.path), &tell.account_does_not_work(&mount.account));
        } else if let Ok(path) = drive::Path::parse(&mount.path) {
            reads::mount(&tree, &path, report).await;
        }
    }
    addresses::views(config, &store, report).await;
    for client in tree.accounts() {
        client.settled().await;
    }
    store.close().await;
    Ok(())
}

/// What the store is, where it can be written.
async fn tried(store: &Store, config: &Config, tell: Language) -> Result<String, state::Error> {
    store.try_write().await?;
    Ok(tell.store_works(&store.engine().await?, &config.state))
}

/// Gives whether the drive answers for the account; nothing else can be said of it before.
async fn account(client: &Client, report: &mut Report) -> bool {
    let (name, tell) = (client.account(), report.tell);
    let started = Instant::now();
    let drives = match client.drive_info().await {
        Ok(drives) => granted::words(&drives, tell).map(|words| tell.works_as(&drives.name, &words)),
        Err(error) => Err(error.to_string()),
    };
    let works = drives.is_ok();
    report.line(&tell.token_and_drives(name), started, drives);
    if !works {
        report.not_tried(&tell.space(name), &tell.the_account_does_not_work());
        return false;
    }
    let status = client.token_status().await;
    if let Some(at) = status.sign_in_by.filter(|_| status.signed_in) {
        let at = jiff::Timestamp::from_second(at.0).unwrap_or_default();
        say!("     {}", if status.renewable { tell.lasts_and_renews(&at) } else { tell.lasts(&at) });
    }
    let now = UnixSeconds::now();
    if let Some(complaint) = status.complaint(name, now) {
        say!("     {}", tell.note(&complaint));
    }
    let started = Instant::now();
    let space = client.space_info().await.map(|SpaceInfo { used, total }| tell.space_used(gib(used), gib(total)));
    report.line(&tell.space(name), started, space);
    true
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1u32 << 30)
}

/// Asks the running server, at the first address of the settings.
async fn alive(config: &Config) -> ExitCode {
    let Some(address) = config.listen.first() else { return ExitCode::FAILURE };
    let asked = tokio::time::timeout(Duration::from_secs(5), async {
        match address {
            #[cfg(unix)]
            ListenAddr::Unix(path) => ask_health(tokio::net::UnixStream::connect(path).await?).await,
            #[cfg(not(unix))]
            ListenAddr::Unix(_) => Err(std::io::ErrorKind::Unsupported.into()),
            ListenAddr::Tcp(addr) => {
                let stream = TcpStream::connect(reachable(*addr)).await?;
                // TLS is not spoken here; an open port is all that can be told then.
                if config.tls.is_some() { Ok(HEALTHY.to_owned()) } else { ask_health(stream).await }
            }
        }
    });
    let problem = match asked.await {
        Ok(Ok(answer)) if answer.starts_with(HEALTHY) => return ExitCode::SUCCESS,
        Ok(Ok(answer)) => answer.lines().next().unwrap_or("an empty answer").to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    eprintln!("alidav: {address}: {problem}");
    ExitCode::FAILURE
}

const HEALTHY: &str = "HTTP/1.1 200";

/// Where what listens on all addresses is reached from the same machine.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

async fn ask_health(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<String> {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.take(64 << 10).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
