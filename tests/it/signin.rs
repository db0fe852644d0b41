//! Signing in by QR code: the page's calls in every form of server, and `alidav login` as a person runs it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::time::Duration;

use alidav::config::{Config, Permission, StateLocation, User};
use alidav::sim::{Application, CLIENT_ID, CLIENT_SECRET, Fault, FaultKind, Options, Simulator};
use alidav::state::Store;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::harness::{Fixture, eventually, rules};
use crate::process::{Process, alidav};

/// The ways to sign in.
const WAYS: [&str; 5] = ["own", "pkce", "/alicloud/renewapi", "/alist/ali_open/token", "/messense"];

/// Settings of an account that has never signed in, for one way.
fn way(config: &mut Config, way: &str) {
    let base = config.upstream.api_url.as_str().trim_end_matches('/').to_owned();
    let account = &mut config.accounts[0];
    account.refresh_token = None;
    match way {
        "own" => {
            account.client_id = Some(CLIENT_ID.to_owned());
            account.client_secret = Some(CLIENT_SECRET.into());
        }
        "pkce" => account.client_id = Some(CLIENT_ID.to_owned()),
        path => account.oauth_token_urls = vec![format!("{base}{path}").parse().unwrap()],
    }
}

async fn post(world: &Fixture, path: &str, body: Value) -> (u16, Value) {
    let answer = world.request("POST", path).json(&body).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

async fn start(world: &Fixture) -> (String, String) {
    let (status, code) = post(world, "/api/signin/start", json!({ "account": "main" })).await;
    assert_eq!(status, 200, "{code}");
    let sid = code["qr_text"].as_str().unwrap().rsplit('=').next().unwrap().to_owned();
    (code["id"].as_str().unwrap().to_owned(), sid)
}

/// Asks until the sign-in has come to the state.
async fn until(world: &Fixture, id: &str, state: &str) -> Value {
    let reached = async {
        loop {
            let answer = world.get(&format!("/api/signin/poll?id={id}")).await;
            let status = answer.status();
            let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            assert_eq!(status, 200, "{answer}");
            if answer["status"] == state {
                return answer;
            }
            // As a page asks, and no faster.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reached).await.unwrap_or_else(|_| panic!("never {state}"))
}

async fn lists(world: &Fixture) -> bool {
    let fresh = world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache");
    fresh.send().await.unwrap().status() == 207
}

#[tokio::test]
async fn every_way_goes_from_waiting_over_scanned_to_signed_in() {
    for name in WAYS {
        let world = Fixture::with(|config| way(config, name)).await;
        assert_eq!(world.propfind("/dav/", "1").await.status(), 503, "{name}");
        let (status, code) = post(&world, "/api/signin/start", json!({})).await;
        assert_eq!((status, code["account"].as_str()), (200, Some("main")), "{code}");
        assert!(code["qr_svg"].as_str().unwrap().contains("<svg"), "{code}");
        assert!(code["image_url"].as_str().unwrap().contains("/oauth/qrcode/"), "{code}");
        assert!(code["expires_at"].as_i64().unwrap() > alidav::clock::UnixSeconds::now().0 + 170);
        let (id, text) = (code["id"].as_str().unwrap(), code["qr_text"].as_str().unwrap());
        let sid = text.strip_prefix("https://www.aliyundrive.com/o/oauth/authorize?sid=").unwrap();
        until(&world, id, "waiting").await;
        assert!(world.sim.qr(sid, "scan"));
        until(&world, id, "scanned").await;
        assert!(world.sim.qr(sid, "confirm"));
        let done = until(&world, id, "done").await;
        assert_eq!(done["account"], "main");
        assert_eq!(done["name"], "demo");
        assert_eq!(done["drives"], json!(["resource", "backup"]));
        assert_eq!(done["default_drive"], "backup");
        assert_eq!(done["renewable"], name != "pkce");
        let days = |field: &str| (done[field].as_i64().unwrap() - alidav::clock::UnixSeconds::now().0 + 60) / 86_400;
        assert_eq!(days("sign_in_by"), if name == "pkce" { 30 } else { 90 }, "{name}");
        for secret in world.sim.secrets() {
            assert!(!done.to_string().contains(&secret));
        }
        // The server uses the tokens at once; asking again gives the same.
        assert!(lists(&world).await, "{name}");
        assert_eq!(until(&world, id, "done").await["status"], "done");
        let health = world.get("/healthz").await.text().await.unwrap();
        assert!(health.contains(r#""status":"ok""#), "{health}");
        world.sim.expire_access_tokens();
        assert_eq!(lists(&world).await, name != "pkce", "{name}: renewed");
    }
}

#[tokio::test]
async fn an_expired_and_a_refused_code_end_and_another_can_be_had() {
    let world = Fixture::with(|config| way(config, "own")).await;
    let (id, sid) = start(&world).await;
    world.sim.qr(&sid, "expire");
    until(&world, &id, "expired").await;
    let (id, sid) = start(&world).await;
    world.sim.qr(&sid, "refuse");
    let refused = until(&world, &id, "refused").await;
    assert!(refused["error"].as_str().unwrap().contains("start again"), "{refused}");
    let (id, sid) = start(&world).await;
    // Told as an error code by some.
    let expired = FaultKind::Code { status: 400, code: "QRCodeExpired".to_owned(), retry_after_ms: None };
    world.sim.fault(Fault::once("oauth/qrcode/status", expired));
    until(&world, &id, "expired").await;
    assert!(world.sim.qr(&sid, "expire"));
}

#[tokio::test]
async fn trouble_while_waiting_is_told_and_does_not_end_the_sign_in() {
    let world = Fixture::with(|config| way(config, "own")).await;
    let (id, sid) = start(&world).await;
    world.sim.fault(Fault::once("oauth/qrcode/status", FaultKind::Text { status: 502, body: "Bad Gateway".into() }));
    let waiting = until(&world, &id, "waiting").await;
    assert!(waiting["trouble"].as_str().unwrap().contains("502"), "{waiting}");
    world.sim.qr(&sid, "confirm");
    until(&world, &id, "done").await;
}

#[tokio::test]
async fn a_lost_answer_to_the_exchange_is_asked_for_again_and_then_told() {
    let world = Fixture::with(|config| way(config, "own")).await;
    let (id, sid) = start(&world).await;
    world.sim.fault(Fault::once("oauth/access_token", FaultKind::CloseBefore));
    world.sim.qr(&sid, "confirm");
    until(&world, &id, "done").await;
    let (id, sid) = start(&world).await;
    world.sim.fault(Fault::once("oauth/access_token", FaultKind::CloseAfter));
    world.sim.qr(&sid, "confirm");
    let answer = world.get(&format!("/api/signin/poll?id={id}")).await;
    assert_eq!(answer.status(), 502);
    let told = answer.text().await.unwrap();
    assert!(told.contains("no tokens came") && told.contains("new code"), "{told}");
    // The sign-in before still holds.
    assert!(lists(&world).await);
}

#[tokio::test]
async fn an_exchange_waits_as_long_as_the_server_asks() {
    let world = Fixture::with(|config| way(config, "/alist/ali_open/token")).await;
    let busy = FaultKind::Code { status: 429, code: "TooManyRequests".to_owned(), retry_after_ms: Some(2500) };
    world.sim.fault(Fault::once("alist/code", busy));
    let (id, sid) = start(&world).await;
    world.sim.qr(&sid, "confirm");
    let asked = std::time::Instant::now();
    until(&world, &id, "done").await;
    assert!(asked.elapsed() >= Duration::from_millis(2500));
    assert_eq!(world.sim.calls()["alist/code"], 2);
}

#[tokio::test]
async fn a_code_that_the_service_no_longer_knows_has_expired_however_it_says_so() {
    let world = Fixture::with(|config| way(config, "own")).await;
    for (status, body) in [
        (400, r#"{"code":"QRCodeExpired","message":null}"#),
        (404, ""),
        (401, "{}"),
        (403, r#"{"code":"ForbiddenSid"}"#),
        (200, r#"{"status":"QRCodeExpired","authCode":null}"#),
    ] {
        let (id, _) = start(&world).await;
        world.sim.fault(Fault::once("oauth/qrcode/status", FaultKind::Text { status, body: body.to_owned() }));
        until(&world, &id, "expired").await;
    }
}

#[tokio::test]
async fn a_sign_in_whose_tokens_could_not_be_kept_is_not_begun() {
    use sqlx::Connection as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.db");
    let state = StateLocation::File(file.clone());
    let world = Fixture::with(|config| {
        way(config, "own");
        config.state = state;
        config.timeouts.store_busy = Duration::from_secs(1);
    })
    .await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
    let mut other = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let (status, answer) = post(&world, "/api/signin/start", json!({})).await;
    assert_eq!(status, 503, "{answer}");
    assert!(answer["error"].as_str().unwrap().contains("another program holds the file"), "{answer}");
    assert_eq!(world.sim.calls().get("oauth/authorize/qrcode"), None);
}

#[tokio::test]
async fn the_next_server_gives_the_code_when_the_first_is_down_or_shows_a_challenge() {
    let challenge = FaultKind::Text { status: 403, body: "<html>checking your browser</html>".into() };
    for fault in [Some(challenge), Some(FaultKind::CloseBefore), None] {
        let world = Fixture::with(|config| {
            way(config, "/messense");
            let base = config.upstream.api_url.as_str().trim_end_matches('/').to_owned();
            // Nobody listens on the discard port.
            let first = if fault.is_some() {
                format!("{base}/alicloud/renewapi")
            } else {
                "http://127.0.0.1:9/alicloud/renewapi".into()
            };
            config.accounts[0].oauth_token_urls.insert(0, first.parse().unwrap());
        })
        .await;
        if let Some(fault) = fault {
            world.sim.fault(Fault::always("openlist/requests", fault));
        }
        let (id, sid) = start(&world).await;
        world.sim.qr(&sid, "confirm");
        until(&world, &id, "done").await;
        assert!(world.sim.calls().contains_key("messense/access_token"));
    }
}

#[tokio::test]
async fn failures_are_json_with_the_remedy() {
    let world = Fixture::with(|config| {
        way(config, "own");
        config.accounts[0].client_secret = Some("wrong".into());
    })
    .await;
    let (status, answer) = post(&world, "/api/signin/start", json!({ "account": "main" })).await;
    assert_eq!(status, 502);
    assert!(answer["error"].as_str().unwrap().contains("check client_id and client_secret"), "{answer}");
    assert!(!answer.to_string().contains("\"wrong\""));
    assert_eq!(post(&world, "/api/signin/start", json!({ "account": "none" })).await.0, 404);
    assert_eq!(post(&world, "/api/signin/poll", json!({ "id": "none" })).await.0, 404);
    assert_eq!(post(&world, "/api/signin/other", json!({})).await.0, 404);
    assert_eq!(post(&world, "/api/signin/start", json!([1])).await.0, 400);
    assert_eq!(world.get("/api/signin/start").await.status(), 405);
    let world = Fixture::with(|config| {
        way(config, "own");
        config.upstream.api_url = "http://127.0.0.1:9".parse().unwrap();
    })
    .await;
    let (status, answer) = post(&world, "/api/signin/start", json!({})).await;
    assert_eq!(status, 502);
    assert!(answer["error"].as_str().unwrap().contains("check the network"), "{answer}");
}

// Keeps 70.
#[tokio::test]
async fn only_users_who_may_write_and_only_this_server_s_pages_are_heard() {
    let user = |name: &str, permission| User {
        name: name.to_owned(),
        password: "pw".into(),
        base_path: "/".to_owned(),
        permission,
    };
    let world = Fixture::with(|config| {
        way(config, "own");
        config.anonymous = Permission::None;
        config.users = vec![user("writer", Permission::Write), user("reader", Permission::Read)];
    })
    .await;
    let call = |name: &'static str| {
        let request = world.request("POST", "/api/signin/start").json(&json!({}));
        if name.is_empty() { request } else { request.basic_auth(name, Some("pw")) }
    };
    let status = |request: reqwest::RequestBuilder| async {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(body["error"].is_string(), status != 200, "{body}");
        status
    };
    assert_eq!(status(call("")).await, 401);
    assert_eq!(status(call("reader")).await, 403);
    assert_eq!(status(call("writer").header("origin", "http://evil.example")).await, 403);
    assert_eq!(status(call("writer").header("sec-fetch-site", "cross-site")).await, 403);
    let plain = world.request("POST", "/api/signin/start").basic_auth("writer", Some("pw")).body("{}");
    assert_eq!(status(plain.header("content-type", "text/plain")).await, 415);
    let own = world.url("");
    assert_eq!(status(call("writer").header("origin", own)).await, 200);
    for _ in 0..7 {
        assert_eq!(status(call("writer")).await, 200);
    }
    assert_eq!(status(call("writer")).await, 429);
}

// Keeps 66.
#[tokio::test]
async fn another_user_s_sign_in_is_refused_and_the_first_one_s_stays() {
    let world = Fixture::with(|config| way(config, "own")).await;
    let (id, sid) = start(&world).await;
    world.sim.qr(&sid, "confirm");
    until(&world, &id, "done").await;
    world.sim.rules(|rules| rules.qr_user = 1);
    let (id, sid) = start(&world).await;
    world.sim.qr(&sid, "confirm");
    let answer = world.get(&format!("/api/signin/poll?id={id}")).await;
    assert_eq!(answer.status(), 409);
    assert!(answer.text().await.unwrap().contains("--replace"));
    world.sim.write("/first", "x");
    assert!(lists(&world).await);
    assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/first"]);
}

#[tokio::test]
async fn a_sign_in_by_nobody_knows_whom_does_not_take_over_an_account() {
    let world = Fixture::with(|config| way(config, "/alist/ali_open/token")).await;
    let (id, sid) = start(&world).await;
    world.sim.qr(&sid, "confirm");
    until(&world, &id, "done").await;
    assert!(lists(&world).await);
    let (id, sid) = start(&world).await;
    let opaque = r#"{"access_token":"opaque","refresh_token":"opaque too","expires_in":7200}"#.to_owned();
    world.sim.fault(Fault::once("alist/code", FaultKind::Text { status: 200, body: opaque }));
    let down = FaultKind::Text { status: 500, body: String::new() };
    world.sim.fault(Fault::always("user/getDriveInfo", down));
    world.sim.qr(&sid, "confirm");
    let ended = async {
        loop {
            let answer = world.get(&format!("/api/signin/poll?id={id}")).await;
            if answer.status() != 200 {
                return (answer.status().as_u16(), answer.text().await.unwrap());
            }
            // As a page asks, and no faster.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (status, told) = tokio::time::timeout(Duration::from_secs(20), ended).await.unwrap();
    assert!(status == 502 && told.contains("who has signed in"), "{status} {told}");
    assert!(lists(&world).await);
}

#[tokio::test]
async fn sign_ins_that_are_over_take_no_place() {
    let world = Fixture::with(|config| way(config, "own")).await;
    for _ in 0..8 {
        let (id, sid) = start(&world).await;
        world.sim.qr(&sid, "expire");
        until(&world, &id, "expired").await;
    }
    start(&world).await;
    for _ in 0..7 {
        start(&world).await;
    }
    let (status, answer) = post(&world, "/api/signin/start", json!({})).await;
    assert_eq!(status, 429, "{answer}");
}

#[tokio::test]
async fn a_drive_that_a_new_sign_in_grants_is_served_at_once() {
    let world = Fixture::with(|config| {
        way(config, "own");
        config.mounts[0].drive_type = alidav::config::DriveType::Resource;
    })
    .await;
    world.sim.rules(|rules| rules.grant_resource = false);
    let (id, sid) = start(&world).await;
    world.sim.qr(&sid, "confirm");
    assert_eq!(until(&world, &id, "done").await["drives"], json!(["backup"]));
    assert_eq!(world.propfind("/dav/", "1").await.status(), 403);
    world.sim.rules(|rules| rules.grant_resource = true);
    let (id, sid) = start(&world).await;
    world.sim.qr(&sid, "confirm");
    until(&world, &id, "done").await;
    assert!(lists(&world).await);
}

/// `alidav login` under way.
struct Login {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
    told: String,
}

impl Login {
    fn run(config: &std::path::Path, more: &[&str]) -> Self {
        Self::start(&mut alidav(), config, more)
    }

    fn start(command: &mut std::process::Command, config: &std::path::Path, more: &[&str]) -> Self {
        let mut child = command
            .args(["login", "--poll-ms", "20", "--config", config.to_str().unwrap()])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { child, lines, told: String::new() }
    }

    /// Reads up to a line that holds the words.
    fn until(&mut self, words: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(20));
            let line = line.unwrap_or_else(|_| panic!("no {words:?} after:\n{}", self.told));
            self.told.push_str(&line);
            self.told.push('\n');
            if line.contains(words) {
                return line;
            }
        }
    }

    fn sid(&mut self) -> String {
        self.until("open  ").rsplit('=').next().unwrap().to_owned()
    }

    /// Exit code, and all that was printed.
    fn end(mut self) -> (i32, String) {
        let code = self.child.wait().unwrap().code().unwrap();
        self.told.extend(self.lines.iter().map(|line| line + "\n"));
        self.child.stderr.take().unwrap().read_to_string(&mut self.told).unwrap();
        (code, self.told)
    }
}

/// A folder with settings of one way, as text.
fn settings(sim: &Simulator, folder: &std::path::Path, way: &str, log: &str) -> std::path::PathBuf {
    let url = sim.url();
    let account = match way {
        "own" => format!("client_id = \"{CLIENT_ID}\"\nclient_secret = \"{CLIENT_SECRET}\"\n"),
        "pkce" => format!("client_id = \"{CLIENT_ID}\"\n"),
        path => format!("oauth_token_urls = [\"{url}{path}\"]\n"),
    };
    let file = folder.join("alidav.toml");
    let text = format!(
        "listen = [\"127.0.0.1:0\"]\nlog = \"{log}\"\nstate = \"sqlite:{}\"\n[upstream]\napi_url = \"{url}\"\n[[account]]\n{account}\
         [[mount]]\n[[user]]\nname = \"me\"\npassword = \"geheim-4711\"\n",
        folder.join("state.db").display(),
    );
    std::fs::write(&file, text).unwrap();
    file
}

async fn simulator() -> Simulator {
    Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn login_shows_the_code_tells_each_step_and_offers_a_new_code() {
    let sim = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let mut login = Login::run(&settings(&sim, folder.path(), "/alist/ali_open/token", "info"), &[]);
    let first = login.sid();
    login.until("as an image");
    login.until("and confirm:");
    let above = login.told.lines().count();
    login.until("waiting for the code");
    // But for a margin, code and state are seen together on a terminal of 24 lines.
    let shown: Vec<&str> = login.told.lines().skip(above).collect();
    assert!(shown.iter().filter(|line| line.contains('█')).count() > 15 && shown.len() <= 24, "{}", login.told);
    sim.qr(&first, "expire");
    login.until("new one (2 of 5)");
    let sid = login.sid();
    assert_ne!(sid, first);
    login.until("waiting for the code");
    sim.qr(&sid, "scan");
    login.until("confirm on the phone");
    sim.qr(&sid, "confirm");
    let (code, told) = login.end();
    assert_eq!(code, 0, "{told}");
    for words in [
        "signed in as \"demo\"",
        "drives granted: resource, backup; drive_type \"default\" is the backup drive",
        "access token until",
        "refresh token until",
    ] {
        assert!(told.contains(words), "{words} is not in\n{told}");
    }
    let store = Store::open(&StateLocation::File(folder.path().join("state.db"))).await.unwrap();
    let tokens = store.tokens("main").await.unwrap().unwrap();
    assert!(sim.secrets().contains(&tokens.refresh_token.expose_secret().to_owned()));
    assert_eq!(store.drives("main").await.unwrap().unwrap().name, "demo");
}

#[tokio::test(flavor = "multi_thread")]
async fn login_ends_with_1_and_the_remedy_whatever_is_wrong() {
    let sim = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let file = settings(&sim, folder.path(), "own", "info");
    // The person refuses.
    let mut login = Login::run(&file, &[]);
    let sid = login.sid();
    sim.qr(&sid, "refuse");
    let (code, told) = login.end();
    assert!(code == 1 && told.contains("refused on the phone"), "{told}");
    // Five codes and nobody scans.
    let mut login = Login::run(&file, &[]);
    for _ in 0..5 {
        let sid = login.sid();
        sim.qr(&sid, "expire");
    }
    let (code, told) = login.end();
    assert!(code == 1 && told.contains("5 codes have expired"), "{told}");
    // Another user than before.
    sim.rules(|rules| rules.qr_auto_confirm = Some(1));
    assert_eq!(Login::run(&file, &[]).end().0, 0);
    sim.rules(|rules| rules.qr_user = 1);
    let (code, told) = Login::run(&file, &[]).end();
    assert!(code == 1 && told.contains("belongs to another user") && told.contains("--replace"), "{told}");
    let (code, told) = Login::run(&file, &["--replace"]).end();
    assert!(code == 0 && told.contains("signed in as \"second\""), "{told}");
    let (code, told) = Login::run(&file, &["--account", "none"]).end();
    assert!(code == 1 && told.contains("there is main"), "{told}");
    // Settings: a wrong secret, no network, a store that would forget or cannot be read.
    let text = std::fs::read_to_string(&file).unwrap();
    let damaged = folder.path().join("damaged.db");
    std::fs::write(&damaged, [b'x'; 5000]).unwrap();
    let state = format!("sqlite:{}", folder.path().join("state.db").display());
    for (from, to, words) in [
        (CLIENT_SECRET, "wrong", "check client_id and client_secret"),
        (sim.url().as_str(), "http://127.0.0.1:9", "check the network"),
        (state.as_str(), "sqlite::memory:", "would be lost"),
        (state.as_str(), &format!("sqlite:{}", damaged.display()), "damaged.db"),
    ] {
        std::fs::write(&file, text.replace(from, to)).unwrap();
        let (code, told) = Login::run(&file, &[]).end();
        assert!(code == 1 && told.contains(words), "{words} is not in\n{told}");
    }
}

// Keeps 72.
#[tokio::test(flavor = "multi_thread")]
async fn login_and_check_say_which_drive_is_served_and_how_to_grant_one() {
    let sim = simulator().await;
    sim.rules(|rules| (rules.qr_auto_confirm, rules.grant_backup) = (Some(0), false));
    let folder = tempfile::tempdir().unwrap();
    let file = settings(&sim, folder.path(), "own", "info");
    let check = || {
        let output = alidav().args(["check", "--config", file.to_str().unwrap()]).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    for (code, told) in [Login::run(&file, &[]).end(), check()] {
        let words =
            "drives granted: resource; drive_type \"default\" is the resource drive: the one the drive calls so was";
        assert!(code == 0 && told.contains(words), "{told}");
    }
    sim.rules(|rules| rules.grant_resource = false);
    for (code, told) in [Login::run(&file, &[]).end(), check()] {
        assert!(code == 1 && told.contains("no drive was granted") && told.contains("withdraw alidav"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn login_without_a_secret_says_how_long_it_lasts() {
    let sim = simulator().await;
    sim.rules(|rules| rules.qr_auto_confirm = Some(0));
    let folder = tempfile::tempdir().unwrap();
    let (code, told) = Login::run(&settings(&sim, folder.path(), "pkce", "info"), &[]).end();
    assert!(code == 0 && told.contains("cannot be renewed"), "{told}");
}

// Keeps 65.
#[tokio::test(flavor = "multi_thread")]
async fn login_heals_a_server_that_answers_503_without_a_restart() {
    let sim = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let file = settings(&sim, folder.path(), "own", "info");
    let sim_too = sim.clone();
    let state = StateLocation::File(folder.path().join("state.db"));
    let world = Fixture::over(sim_too, |config| {
        way(config, "own");
        config.accounts[0].refresh_token = Some("an.old.token".into());
        config.state = state;
    })
    .await;
    let answer = world.propfind("/dav/", "1").await;
    assert_eq!(answer.status(), 503);
    assert!(answer.text().await.unwrap().contains("alidav login"));
    sim.rules(|rules| rules.qr_auto_confirm = Some(0));
    let login = tokio::task::spawn_blocking(move || Login::run(&file, &[]).end()).await.unwrap();
    assert_eq!(login.0, 0, "{}", login.1);
    // At the next request, and in health without any.
    assert!(lists(&world).await);
    eventually(async || world.get("/healthz").await.text().await.unwrap().contains(r#""status":"ok""#)).await;
}

// Keeps 66.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_does_not_mix_the_drives_of_two_users() {
    let sim = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let file = settings(&sim, folder.path(), "own", "info");
    let state = StateLocation::File(folder.path().join("state.db"));
    let world = Fixture::over(sim.clone(), |config| {
        way(config, "own");
        config.accounts[0].refresh_token = Some(sim.refresh_token_for(Application::Own).into());
        config.state = state;
    })
    .await;
    sim.write("/first", "x");
    assert!(lists(&world).await);
    sim.rules(|rules| (rules.qr_auto_confirm, rules.qr_user) = (Some(0), 1));
    let login = tokio::task::spawn_blocking(move || Login::run(&file, &["--replace"]).end()).await.unwrap();
    assert_eq!(login.0, 0, "{}", login.1);
    sim.expire_access_tokens();
    assert!(!lists(&world).await);
    let health = world.get("/healthz").await.text().await.unwrap();
    assert!(health.contains("restart alidav"), "{health}");
    let world = world.restart().await;
    assert_eq!(world.hrefs("/dav/").await, ["/dav/"]);
}

// Keeps 51, 70.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_log_of_a_sign_in_and_a_renewal() {
    for way in WAYS {
        let sim = simulator().await;
        sim.rules(|rules| rules.qr_auto_confirm = Some(1));
        let folder = tempfile::tempdir().unwrap();
        let file = settings(&sim, folder.path(), way, "trace");
        let login = Login::run(&file, &[]);
        let (code, mut log) = tokio::task::spawn_blocking(move || login.end()).await.unwrap();
        assert_eq!(code, 0, "{log}");
        sim.expire_access_tokens();
        let mut process =
            Process::start(alidav().args(["serve", "--config", file.to_str().unwrap()]).stderr(Stdio::piped()));
        let mut errors = process.child.stderr.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).unwrap();
            text
        });
        let url = format!("{}/dav/", process.url);
        let http = crate::harness::builder().build().unwrap();
        let method = reqwest::Method::from_bytes(b"PROPFIND").unwrap();
        let answer =
            http.request(method, url).basic_auth("me", Some("geheim-4711")).header("depth", "1").send().await.unwrap();
        assert_eq!(answer.status(), if way == "pkce" { 503 } else { 207 }, "{way}");
        drop(process);
        log.push_str(&reader.join().unwrap());
        assert!(log.contains("TRACE") && log.len() > 10_000, "{way}: no log");
        for secret in sim.secrets().into_iter().chain(["geheim-4711".to_owned()]) {
            if let Some(at) = log.find(&secret) {
                let line = log[..at].rsplit('\n').next().unwrap_or_default();
                panic!("{way}: a secret of {} characters is in the log after: {line}", secret.len());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn login_and_check_speak_chinese_where_the_environment_does() {
    let sim = simulator().await;
    sim.write("/film", vec![1; 5000]);
    let folder = tempfile::tempdir().unwrap();
    let file = settings(&sim, folder.path(), "/alist/ali_open/token", "info");
    let mut login = Login::start(alidav().env("LANG", "zh_CN.UTF-8"), &file, &[]);
    let sid = login.until("打开链接").rsplit('=').next().unwrap().to_owned();
    login.until("勾选要使用的网盘并确认：");
    login.until("等待扫描二维码");
    sim.qr(&sid, "scan");
    login.until("请在手机上确认");
    sim.qr(&sid, "confirm");
    let (code, told) = login.end();
    assert_eq!(code, 0, "{told}");
    for words in ["账号 \"main\" 已登录，用户名 \"demo\"", "已授权的网盘：resource, backup", "刷新令牌有效至"]
    {
        assert!(told.contains(words), "{words} is not in\n{told}");
    }
    let check = |variables: &[(&str, &str)]| {
        let mut command = alidav();
        command.envs(variables.iter().copied()).args(["check", "--config", file.to_str().unwrap()]);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let chinese = check(&[("LANG", "en_US.UTF-8"), ("LC_ALL", "zh_CN.UTF-8")]);
    for words in
        ["ok   配置: ", "ok   状态库: SQLite 3", "ok   账号 main，令牌和网盘: 已登录", "ok   挂载 /，列目录: 1 项"]
    {
        assert!(chinese.contains(words), "{words} is not in\n{chinese}");
    }
    let english = check(&[("LANG", "zh_CN.UTF-8"), ("LC_MESSAGES", "C")]);
    assert!(english.contains("ok   mount /, listing: 1 entries"), "{english}");
}
