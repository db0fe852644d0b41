//! A server that can be killed over a drive that stays, and a client that looks at it by both mounts.

use std::collections::HashMap;
use std::time::Duration;

use alidav::config::{Config, Mount, StateLocation};
use alidav::server::Server;
use alidav::sim::{Options, Simulator};
use reqwest::{Method, Response};
use tokio::runtime::{Builder, Runtime};
use unicode_normalization::UnicodeNormalization as _;

use super::oracle::{Node, Tree, content};
use super::steps::{Act, Place, Request};
use crate::harness::{config, header, hrefs, rules, until};

const LOCK: &str = r#"<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>"#;
const NOTHING: &str = r#"<D:propertyupdate xmlns:D="DAV:"/>"#;

/// A process that can be killed, over a drive that stays.
pub(super) struct Bench {
    pub(super) sim: Simulator,
    config: Config,
    http: reqwest::Client,
    process: Option<(Runtime, Server)>,
    /// What was read, by path and entity tag.
    read: HashMap<(String, String), Vec<u8>>,
    _state: tempfile::TempDir,
}

impl Bench {
    pub(super) async fn start() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
        let state = tempfile::tempdir().unwrap();
        let mut config = config(&sim);
        config.state = StateLocation::File(state.path().join("state.db"));
        config.upload.part_size = 150_000;
        config.mounts = ["/m1", "/m2"].map(|path| Mount { path: path.to_owned(), ..config.mounts[0].clone() }).into();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut bench = Self { sim, config, http, process: None, read: HashMap::new(), _state: state };
        bench.revive().await;
        // Who dies while the token is renewed waits before it tries again, which is none of this test's.
        bench.seen("m1", true).await.unwrap();
        bench
    }

    pub(super) async fn revive(&mut self) {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let config = self.config.clone();
        let server = runtime.spawn(async move { Server::start(&config).await }).await.unwrap().unwrap();
        self.process = Some((runtime, server));
    }

    /// Nothing is finished.
    pub(super) async fn kill(&mut self) {
        let Some((runtime, server)) = self.process.take() else { return };
        let end = move || {
            let entered = runtime.enter();
            drop(server);
            drop(entered);
            runtime.shutdown_timeout(Duration::from_secs(5));
        };
        tokio::task::spawn_blocking(end).await.unwrap();
    }

    pub(super) fn ask(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let address = self.process.as_ref().and_then(|(_, server)| server.addr()).unwrap();
        self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), format!("http://{address}{path}"))
    }

    pub(super) fn request(&self, request: &Request, mark: &str) -> reqwest::RequestBuilder {
        let path = request.at.url();
        let to = |method, to: &Place| {
            let url = self.ask(method, &to.url()).build().unwrap().url().to_string();
            self.ask(method, &path).header("destination", url)
        };
        match &request.act {
            Act::Put(size) => self.ask("PUT", &path).body(content(*size, mark)),
            Act::Mkcol => self.ask("MKCOL", &path),
            Act::Delete => self.ask("DELETE", &path),
            Act::Copy(place) => to("COPY", place),
            Act::Move(place) => to("MOVE", place),
            Act::Lock => self.ask("LOCK", &path).header("timeout", "Second-60").body(LOCK),
            Act::Note => self.ask("PROPPATCH", &path).body(format!(
                r#"<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><n xmlns="urn:t">note-{mark}</n></D:prop></D:set></D:propertyupdate>"#
            )),
        }
    }

    /// The tree as a client sees it by a mount, by new listings or by memory.
    pub(super) async fn seen(&mut self, mount: &str, anew: bool) -> Result<Tree, String> {
        let mut tree = Tree::new();
        let top = format!("/dav/{mount}");
        let mut folders = vec![format!("{top}/")];
        while let Some(folder) = folders.pop() {
            let request = self.ask("PROPFIND", &folder).header("depth", "1");
            let request = if anew { request.header("cache-control", "no-cache") } else { request };
            let answer = request.send().await.unwrap();
            if answer.status() != 207 {
                return Err(format!("PROPFIND of {folder} gave {}", answer.status()));
            }
            let listing = answer.text().await.unwrap();
            let responses = listing.split("<D:response>").skip(1).map(str::to_owned);
            for (href, response) in hrefs(&listing).into_iter().zip(responses).skip(1) {
                let decoded = percent_encoding::percent_decode_str(&href).decode_utf8().unwrap();
                let path: String = decoded.strip_prefix(&top).unwrap_or(&decoded).nfc().collect();
                let content = if href.ends_with('/') {
                    folders.push(href);
                    None
                } else {
                    Some(self.content(&href, &response).await?)
                };
                if tree.insert(path.clone(), Node { content, note: note(&response) }).is_some() {
                    return Err(format!("{path} is listed twice"));
                }
            }
        }
        Ok(tree)
    }

    pub(super) async fn content(&mut self, href: &str, response: &str) -> Result<Vec<u8>, String> {
        let tag = response.split("<D:getetag>").nth(1).and_then(|rest| rest.split("</D:getetag>").next());
        let key = (href.to_owned(), tag.unwrap_or_default().to_owned());
        if let Some(known) = self.read.get(&key).filter(|_| tag.is_some()) {
            return Ok(known.clone());
        }
        let answer = self.ask("GET", href).send().await.unwrap();
        if answer.status() != 200 {
            return Err(format!("GET of {href} gave {}", answer.status()));
        }
        let content = answer.bytes().await.unwrap().to_vec();
        self.read.insert(key, content.clone());
        Ok(content)
    }

    /// Sends a request and tells its status; a lock is tried, where nobody else is at work, and given back.
    pub(super) async fn carry_out(&self, request: &Request, mark: &str, alone: bool) -> Result<Option<u16>, String> {
        let Ok(answer) = self.request(request, mark).send().await else { return Ok(None) };
        let status = answer.status();
        if request.act == Act::Lock && status.is_success() {
            if alone {
                self.try_the_lock(&request.at).await?;
            }
            self.unlock(&request.at, &answer).await?;
        }
        Ok(Some(status.as_u16()))
    }

    /// Nobody else changes what is locked, in whatever Unicode form and by whatever mount.
    pub(super) async fn try_the_lock(&self, at: &Place) -> Result<(), String> {
        let stolen = self.ask("GET", "/dav/m1/stolen").build().unwrap().url().to_string();
        for url in [at.url(), at.otherwise().url(), at.by_the_other_mount().url()] {
            for (method, body) in [("PUT", "intruder"), ("DELETE", ""), ("PROPPATCH", NOTHING), ("MOVE", "")] {
                let request = self.ask(method, &url).header("destination", &stolen);
                let request = if body.is_empty() { request } else { request.body(body) };
                let status = request.send().await.unwrap().status();
                if !status.is_client_error() {
                    return Err(format!("{method} of locked {url} gave {status}"));
                }
            }
        }
        Ok(())
    }

    pub(super) async fn unlock(&self, at: &Place, locked: &Response) -> Result<(), String> {
        let unlock = self.ask("UNLOCK", &at.url()).header("lock-token", header(locked, "lock-token"));
        let status = unlock.send().await.unwrap().status();
        // Who takes part may have moved or removed what is locked.
        if [204, 404, 409].contains(&status.as_u16()) { Ok(()) } else { Err(format!("UNLOCK gave {status}")) }
    }

    /// Carries out a request and kills the process when so many calls of it have arrived.
    pub(super) async fn cut_off(&mut self, request: &Request, mark: &str, calls: u64) -> Option<u16> {
        self.sim.reset_calls();
        let mut asked = tokio::spawn(self.request(request, mark).send());
        let sim = self.sim.clone();
        let arrived = until(|| sim.calls().values().sum::<u64>() >= calls.max(1));
        let answer = tokio::select! {
            answer = &mut asked => answer.unwrap().ok(),
            () = arrived => None,
        };
        self.kill().await;
        self.revive().await;
        answer.map(|answer| answer.status().as_u16())
    }
}

pub(super) fn note(response: &str) -> Option<String> {
    let (_, rest) = response.split_once("note-")?;
    Some(format!("note-{}", rest.split('<').next()?))
}
