//! Other settings while the server runs: they take effect for what comes, and cut nothing that runs.

use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

use alidav::config::{Account, Mount, Permission, Tls, User};
use alidav::sim::{Options, Simulator};
use futures_util::StreamExt as _;

use crate::harness::{Fixture, client, eventually, noise, rules, sha1};
use crate::process::{Process, alidav};

fn user(name: &str) -> User {
    User { name: name.into(), password: "secret".into(), base_path: "/".into(), permission: Permission::Write }
}

// Keeps 82.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_film_goes_on_while_users_and_mounts_change() {
    let world = Fixture::with(|config| {
        config.anonymous = Permission::None;
        config.users = vec![user("old")];
    })
    .await;
    let film = noise(20_000_000);
    world.sim.write("/film", film.clone());
    let answer = world.request("GET", "/dav/film").basic_auth("old", Some("secret")).send().await.unwrap();
    let mut body = answer.bytes_stream();
    let mut received = body.next().await.unwrap().unwrap().to_vec();
    let mut config = world.config.clone();
    config.users = vec![user("new")];
    config.mounts[0].path = "/moved".into();
    assert_eq!(world.server.reload(&config).await.unwrap(), Vec::<String>::new());
    let status = |name: &'static str, path: &'static str| {
        let request = world.request("HEAD", path).basic_auth(name, Some("secret")).send();
        async { request.await.unwrap().status().as_u16() }
    };
    assert_eq!(status("old", "/dav/film").await, 401);
    assert_eq!(status("new", "/dav/film").await, 404);
    assert_eq!(status("new", "/dav/moved/film").await, 200);
    while let Some(piece) = body.next().await {
        received.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(sha1(&received), sha1(&film));
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_and_films_go_on_under_many_reloads() {
    let world = Fixture::with(|config| config.upload.part_size = 200_000).await;
    let content = noise(2_000_000);
    world.sim.write("/film", content.clone());
    let mut other = world.config.clone();
    other.users = vec![user("new")];
    let reloads = async {
        for _ in 0..50 {
            for config in [&other, &world.config] {
                world.server.reload(config).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    };
    let upload = async |n: usize| {
        let put = world.request("PUT", &format!("/dav/new {n}")).body(content.clone()).send().await.unwrap();
        assert_eq!(put.status(), 201);
        assert_eq!(sha1(&world.sim.read(&format!("/new {n}")).unwrap()), sha1(&content));
    };
    let film = async || assert_eq!(sha1(&world.get("/dav/film").await.bytes().await.unwrap()), sha1(&content));
    tokio::join!(reloads, upload(1), upload(2), upload(3), film(), film());
}

#[tokio::test]
async fn what_is_known_of_a_mount_that_stays_is_kept() {
    let world = Fixture::start().await;
    world.by_links_alone();
    world.sim.write("/dir/a", "a");
    world.hrefs("/dav/dir/").await;
    world.request("PUT", "/dav/dir/empty").header("content-length", "0").send().await.unwrap();
    world.sim.reset_calls();
    let mut config = world.config.clone();
    config.mounts[0].link_policy = alidav::config::LinkPolicy::Redirect;
    let mut bin = Mount::at("/second", "second");
    bin.root_folder_id = "root".into();
    config.mounts.push(bin);
    config.accounts.push(Account { name: "second".into(), ..config.accounts[0].clone() });
    world.server.reload(&config).await.unwrap();
    assert_eq!(world.hrefs("/dav/dir/").await, ["/dav/dir/", "/dav/dir/empty", "/dav/dir/a"].map(String::from));
    assert_eq!(world.calls(), []);
    assert_eq!(world.get_as("VLC/3.0.20 LibVLC/3.0.20", "/dav/dir/a").await.status(), 302);
    assert!(world.hrefs("/dav/").await.contains(&"/dav/second/".to_owned()));
    // Settings that were settled at the start are named, and stay as they were.
    config.upload.part_size = 1;
    config.dav_prefix = "/other".into();
    config.accounts[0].client_id = Some("another".into());
    let waiting = world.server.reload(&config).await.unwrap();
    assert_eq!(waiting, ["dav_prefix", "upload", "account \"main\""]);
    assert_eq!(world.get_as("VLC/3.0.20 LibVLC/3.0.20", "/dav/dir/a").await.status(), 302);
    config.mounts.pop();
    config.accounts.pop();
    world.server.reload(&config).await.unwrap();
    assert_eq!(world.get("/dav/second/dir/a").await.status(), 404);
}

fn certificate(folder: &std::path::Path) -> (Tls, reqwest::Certificate) {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = Tls { cert: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&tls.cert, pair.cert.pem()).unwrap();
    std::fs::write(&tls.key, pair.signing_key.serialize_pem()).unwrap();
    (tls, reqwest::Certificate::from_pem(pair.cert.pem().as_bytes()).unwrap())
}

// Keeps 82.
#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_a_broken_one_to_none() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, first) = certificate(folder.path());
    let world = Fixture::with(|config| config.tls = Some(tls)).await;
    let url = format!("https://localhost:{}/healthz", world.server.addr().unwrap().port());
    let trusting = |root: reqwest::Certificate| {
        let client = crate::harness::builder().tls_certs_only([root]).build().unwrap();
        let request = client.get(&url).send();
        async { request.await.is_ok() }
    };
    assert!(trusting(first.clone()).await);
    std::fs::write(folder.path().join("key.pem"), "broken").unwrap();
    let error = world.server.reload(&world.config).await.unwrap_err().to_string();
    assert!(error.contains("key.pem"), "{error}");
    assert!(trusting(first.clone()).await);
    let (_, second) = certificate(folder.path());
    world.server.reload(&world.config).await.unwrap();
    assert!(trusting(second).await);
    assert!(!trusting(first).await);
}

async fn opens(running: &Process, name: &str) -> bool {
    let request = client().head(format!("{}/dav/", running.url));
    request.basic_auth(name, Some("secret")).send().await.unwrap().status() == 200
}

/// Waits until a user is let in, which tells that settings were read.
async fn until_open(running: &Process, name: &str) {
    eventually(async || opens(running, name).await).await;
}

// Keeps 82.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_reads_its_file_again_when_told_and_when_it_changed() {
    let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alidav.toml");
    let write = |user: &str, rest: &str| {
        let text = format!(
            "listen = [\"127.0.0.1:0\"]\nstate = \"sqlite::memory:\"\n[upstream]\napi_url = \"{url}\"\n[[account]]\n\
             oauth_token_urls = [\"{url}/alicloud/renewapi\"]\nrefresh_token = \"{token}\"\n[[mount]]\n[[user]]\n\
             name = \"{user}\"\npassword = \"secret\"\n{rest}\n",
            url = sim.url(),
            token = sim.refresh_token(),
        );
        std::fs::write(&file, text).unwrap();
    };
    write("first", "");
    let notified = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    notified.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let running = Process::start(
        alidav()
            .env("NOTIFY_SOCKET", folder.path().join("notify"))
            .args(["serve", "--config", file.to_str().unwrap()])
            .stderr(Stdio::null()),
    );
    let told = || {
        let mut buffer = [0; 200];
        let length = notified.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    assert!(told().contains("READY=1"));
    assert!(opens(&running, "first").await);
    write("second", "");
    until_open(&running, "second").await;
    assert!(!opens(&running, "first").await);
    assert!(told().contains("RELOADING=1"));
    assert!(told().contains("READY=1"));
    // A file with faults changes nothing, and the next good one is taken.
    write("third", "[nonsense]\nkey = 1");
    running.signal("-HUP");
    write("fourth", "");
    running.signal("-HUP");
    until_open(&running, "fourth").await;
    assert!(!opens(&running, "third").await);
    running.signal("-TERM");
    while !told().contains("STOPPING=1") {}
}
