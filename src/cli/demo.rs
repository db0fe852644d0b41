//! `alidav demo` and `alidav simulate`: the simulated drive, with and without the server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use secrecy::SecretString;

use super::run::{announce, stop};
use super::signals::Signals;
use crate::config::{Account, Config, ListenAddr, LogFormat, LogTime, Mount, Permission, StateLocation, User};
use crate::server::{self, Server};
use crate::sim::{self, Simulator};

/// Name and, on loopback, password of the demo's user.
const USER: &str = "demo";

/// A film of the sample whose original plays anywhere: `/电影/Short film (1080p).mp4`.
const FILM: &str = "/dav/%E7%94%B5%E5%BD%B1/Short%20film%20%281080p%29.mp4";

pub(super) async fn demo(listen: SocketAddr, dir: Option<PathBuf>) -> ExitCode {
    super::log::start("info,sqlx=warn", LogFormat::Text, LogTime::Local, None);
    let mut ending = Signals::ending();
    // Nobody has a phone that knows the simulated drive: its QR codes are scanned and confirmed by themselves.
    let rules = sim::Rules { qr_auto_confirm: Some(3), ..sim::Rules::default() };
    let options =
        sim::Options { dir: dir.as_ref().map(|dir| dir.join("drive")), sample: true, rules, ..sim::Options::default() };
    let simulator = match Simulator::start(options).await {
        Ok(simulator) => simulator,
        Err(error) => {
            eprintln!("alidav: the simulated drive cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let password = if listen.ip().is_loopback() { USER.to_owned() } else { uuid::Uuid::new_v4().simple().to_string() };
    let config = match config(&simulator, listen, dir, &password) {
        Ok(config) => config,
        Err(problem) => {
            eprintln!("alidav: {problem}");
            return ExitCode::FAILURE;
        }
    };
    let server = match Server::start(&config).await {
        Ok(server) => server,
        Err(error) => {
            let remedy = match error {
                server::Error::Listen { .. } => "; choose another address with --listen",
                _ => "",
            };
            eprintln!("alidav: {error}{remedy}");
            return ExitCode::FAILURE;
        }
    };
    announce(&server);
    if let (Some(url), Some(addr)) = (server.urls().first(), server.addr()) {
        println!("pages    {url}/   user {USER}   password {password}");
        println!("WebDAV   {url}/dav/   user {USER}   password {password}");
        println!("         the simulated drive's own API is at {}", simulator.url());
        println!(
            "film     {}{FILM}   in VLC, mpv or a browser",
            url.replacen("://", &format!("://{USER}:{password}@"), 1)
        );
        println!("try      curl -u {USER}:{password} -X PROPFIND -H 'Depth: 1' {url}/dav/");
        println!(
            "         rclone lsf -R --webdav-url {url}/dav --webdav-user {USER} --webdav-pass \"$(rclone obscure {password})\" :webdav:"
        );
        println!("         Kodi, VLC, Infuse: WebDAV (HTTP), host {}, port {}, path dav", addr.ip(), addr.port());
        println!("stop     Ctrl-C");
    }
    ending.next().await;
    stop(server, &mut ending).await;
    simulator.stop().await;
    ExitCode::SUCCESS
}

fn config(simulator: &Simulator, listen: SocketAddr, dir: Option<PathBuf>, password: &str) -> Result<Config, String> {
    let url = simulator.url();
    let parse = |text: String| text.parse::<url::Url>().map_err(|error| format!("{text}: {error}"));
    let mut account = Account::named("demo");
    account.oauth_token_urls = vec![parse(format!("{url}/alicloud/renewapi"))?];
    account.refresh_token = Some(simulator.refresh_token().into());
    let mut config = Config::new(vec![account], vec![Mount::at("/", "demo")]);
    // The players of the pages fetch films and pictures from there.
    config.web.media_hosts = vec![url.to_owned()];
    config.upstream.api_url = parse(url)?;
    config.listen = vec![ListenAddr::Tcp(listen)];
    config.state = match dir {
        Some(dir) => {
            std::fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
            StateLocation::File(dir.join("alidav.db"))
        }
        None => StateLocation::Memory,
    };
    config.users = vec![User {
        name: USER.to_owned(),
        password: SecretString::from(password),
        base_path: "/".to_owned(),
        permission: Permission::Write,
    }];
    Ok(config)
}

pub(super) async fn simulate(listen: SocketAddr, dir: Option<PathBuf>, sample: bool) -> ExitCode {
    super::log::start("info", LogFormat::Text, LogTime::Local, None);
    let mut ending = Signals::ending();
    let options = sim::Options { listen, dir, sample, ..sim::Options::default() };
    let simulator = match Simulator::start(options).await {
        Ok(simulator) => simulator,
        Err(error) => {
            eprintln!("alidav: the simulated drive cannot listen on {listen}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (resource, backup) = simulator.drive_ids();
    println!("listening on {}", simulator.url());
    println!("refresh_token = \"{}\"   (OpenList's)", simulator.refresh_token());
    println!("client_id = \"{}\"  client_secret = \"{}\"", sim::CLIENT_ID, sim::CLIENT_SECRET);
    println!(
        "token servers: {0}/alicloud/renewapi  {0}/mainland/alicloud/renewapi  {0}/alist/ali_open/token  {0}/messense",
        simulator.url()
    );
    println!("drives: default and backup {backup}, resource {resource}; levers below {}/sim/", simulator.url());
    ending.next().await;
    simulator.stop().await;
    ExitCode::SUCCESS
}
