//! Users, routes, and the life of the server.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use alidav::config::{ListenAddr, Permission, Tls, User};
use futures_util::StreamExt as _;

use crate::harness::{Fixture, header, until};

fn user(name: &str, base_path: &str, permission: Permission) -> User {
    User { name: name.into(), password: "secret".into(), base_path: base_path.into(), permission }
}

async fn with_users() -> Fixture {
    let world = Fixture::with(|config| {
        config.anonymous = Permission::None;
        config.users = vec![
            user("me", "/", Permission::Write),
            user("kid", "/films", Permission::Read),
            user("out", "/", Permission::None),
        ];
    })
    .await;
    world.sim.write("/films/a", "film");
    world.sim.write("/private", "secret");
    world
}

// Keeps 73.
#[tokio::test]
async fn without_a_password_there_is_a_challenge_and_nothing_else() {
    let world = with_users().await;
    for method in ["GET", "PROPFIND", "OPTIONS", "HEAD"] {
        let answer = world.request(method, "/dav/films/a").send().await.unwrap();
        assert_eq!(answer.status(), 401, "{method}");
        assert!(header(&answer, "www-authenticate").starts_with("Basic realm=\"alidav\""));
    }
    let wrong = world.request("GET", "/dav/films/a").basic_auth("me", Some("guess")).send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    let nobody = world.request("GET", "/dav/films/a").basic_auth("out", Some("secret")).send().await.unwrap();
    assert_eq!(nobody.status(), 403);
    assert_eq!(world.sim.api_calls(), 0);
}

// Keeps 7.
#[tokio::test]
async fn a_user_sees_only_the_part_below_the_base_path() {
    let world = with_users().await;
    let kid = |method: &str, path: &str| {
        world.request(method, path).basic_auth("kid", Some("secret")).header("depth", "1").send()
    };
    let text = kid("PROPFIND", "/dav/").await.unwrap().text().await.unwrap();
    assert_eq!(crate::harness::hrefs(&text), ["/dav/", "/dav/a"]);
    assert_eq!(kid("GET", "/dav/a").await.unwrap().text().await.unwrap(), "film");
    for path in ["/dav/private", "/dav/films/a", "/dav/%2e%2e/private"] {
        assert!(kid("GET", path).await.unwrap().status().is_client_error(), "{path}");
    }
    let me = world.request("GET", "/dav/private").basic_auth("me", Some("secret")).send().await.unwrap();
    assert_eq!(me.text().await.unwrap(), "secret");
}

#[tokio::test]
async fn the_root_answers_explorer_s_first_questions() {
    let world = Fixture::start().await;
    let options = world.request("OPTIONS", "/").send().await.unwrap();
    assert_eq!(
        (options.status().as_u16(), header(&options, "dav"), header(&options, "ms-author-via")),
        (200, "1, 2, 3", "DAV")
    );
    assert_eq!(world.hrefs("/").await, ["/", "/dav/"]);
    assert_eq!(world.get("/elsewhere").await.status(), 404);
}

#[tokio::test]
async fn webdav_can_be_at_the_root() {
    let world = Fixture::with(|config| config.dav_prefix = String::new()).await;
    world.sim.write("/a", "x");
    assert_eq!(world.hrefs("/").await, ["/", "/a"]);
    assert_eq!(world.get("/healthz").await.status(), 200);
    for (method, from, to) in [("COPY", "/a", "/b"), ("MOVE", "/b", "/c"), ("MOVE", "/c", "/dir/c")] {
        world.request("MKCOL", "/dir").send().await.unwrap();
        let request = world.request(method, from).header("destination", world.url(to));
        assert_eq!(request.send().await.unwrap().status(), 201, "{method} {from} {to}");
    }
    assert_eq!(world.sim.read("/dir/c").unwrap(), b"x");
}

#[tokio::test]
async fn health_and_metrics_tell_of_the_drive() {
    let world = Fixture::start().await;
    world.hrefs("/dav/").await;
    assert_eq!(
        world.get("/healthz").await.text().await.unwrap(),
        r#"{"reasons":[],"removals_pending":0,"status":"ok"}"#
    );
    let metrics = world.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("alidav_upstream_calls_total{endpoint=\"openFile/list\",outcome=\"ok\"}"), "{metrics}");
    assert!(metrics.contains("alidav_requests_total"));
    let described = "# HELP alidav_requests_total Requests answered; methods that nobody knows count as other.\n\
                     # TYPE alidav_requests_total counter\n";
    assert!(metrics.contains(described), "{metrics}");
    let build = format!(
        "alidav_build_info{{version=\"{}\",commit=\"{}\"}} 1\n",
        alidav::version::NUMBER,
        alidav::version::COMMIT
    );
    assert!(metrics.contains(&build), "{metrics}");
    let process = ["cpu_seconds_total", "resident_memory_bytes", "open_fds", "max_fds", "start_time_seconds"];
    assert!(process.iter().all(|name| metrics.contains(&format!("\nprocess_{name} "))), "{metrics}");
    assert!(metrics.contains("\nalidav_store_failures_total "), "the first failure is a step from nought: {metrics}");
    let declared = |name: &str| alidav::meters::ALL.iter().any(|meter| meter.name == name);
    let told = |word: &str| -> Vec<String> {
        let lines = metrics.lines().filter_map(|line| line.strip_prefix(word));
        lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    let kinds = told("# TYPE ");
    assert!(kinds.iter().all(|name| declared(name)), "{kinds:?}");
    assert_eq!(told("# HELP "), kinds);
}

#[tokio::test]
async fn a_running_stream_ends_before_the_server_does() {
    let world = Fixture::start().await;
    world.sim.write_generated("/film", 40_000_000, 1);
    let mut stream = world.get("/dav/film").await.bytes_stream();
    let mut received = stream.next().await.unwrap().unwrap().len();
    let addr = world.server.addr().unwrap();
    let stopping = tokio::spawn(world.server.stop());
    while let Some(bytes) = stream.next().await {
        received += bytes.unwrap().len();
    }
    assert_eq!(received, 40_000_000);
    stopping.await.unwrap();
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}

// Keeps 83.
#[tokio::test]
async fn at_the_end_of_the_grace_time_streams_are_cut() {
    let world = Fixture::with(|config| config.shutdown_grace = Duration::from_millis(100)).await;
    world.sim.write_generated("/film", 60 << 30, 1);
    let mut stream = world.get("/dav/film").await.bytes_stream();
    stream.next().await.unwrap().unwrap();
    let stopped = tokio::time::timeout(Duration::from_secs(10), world.server.stop());
    assert!(stopped.await.is_ok());
}

// Keeps 83.
#[tokio::test]
async fn an_upload_that_runs_when_the_end_begins_is_finished_or_leaves_nothing() {
    for (grace, finished) in [(Duration::from_secs(30), true), (Duration::from_millis(200), false)] {
        let world = Fixture::with(|config| {
            config.shutdown_grace = grace;
            config.upload.part_size = 200_000;
        })
        .await;
        world.sim.write("/a", "old");
        world.hrefs("/dav/").await;
        let content = crate::harness::noise(500_000);
        let (pieces, body) = tokio::sync::mpsc::channel::<Result<bytes::Bytes, std::io::Error>>(4);
        let body =
            futures_util::stream::unfold(body, |mut body| async { body.recv().await.map(|piece| (piece, body)) });
        let put = world.request("PUT", "/dav/a").body(reqwest::Body::wrap_stream(body)).send();
        let put = tokio::spawn(put);
        pieces.send(Ok(content[..450_000].to_vec().into())).await.unwrap();
        until(|| world.sim.calls().get("data PUT").is_some_and(|count| *count >= 2)).await;
        let stopping = tokio::spawn(world.server.stop());
        if finished {
            pieces.send(Ok(content[450_000..].to_vec().into())).await.unwrap();
            drop(pieces);
            assert_eq!(put.await.unwrap().unwrap().status(), 204);
            assert_eq!(world.sim.read("/a").unwrap(), content);
        } else {
            assert!(put.await.unwrap().is_err());
            assert_eq!(world.sim.read("/a").unwrap(), b"old");
        }
        stopping.await.unwrap();
    }
}

#[tokio::test]
async fn a_unix_socket_serves_and_a_dead_one_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alidav.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let world = Fixture::with(|config| config.listen = vec![ListenAddr::Unix(path.clone())]).await;
    assert_eq!(world.server.urls(), [format!("unix:{}", path.display())]);
    assert!(path.metadata().unwrap().permissions().mode() != 0);
    let client = reqwest::Client::builder().unix_socket(path.clone()).build().unwrap();
    assert_eq!(client.get("http://localhost/healthz").send().await.unwrap().status(), 200);
    assert!(alidav::server::Server::start(&world.config).await.unwrap_err().to_string().contains("alidav.sock"));
    world.server.stop().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn what_is_no_dead_socket_is_never_removed_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious");
    std::fs::write(&path, "content").unwrap();
    let world = Fixture::start().await;
    let mut config = world.config.clone();
    config.listen = vec![ListenAddr::Unix(path.clone())];
    let error = alidav::server::Server::start(&config).await.unwrap_err().to_string();
    assert!(error.contains("precious"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"content");
}

// Keeps 77.
#[tokio::test]
async fn a_proxy_s_word_counts_whatever_the_client_put_before_it() {
    let world = Fixture::with(|config| config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()]).await;
    for (forwarded, status) in [("127.0.0.1", 200), ("127.0.0.1, 6.6.6.6", 401), ("\u{e9}, 6.6.6.6", 401)] {
        let answer = world.request("GET", "/metrics").header("x-forwarded-for", forwarded).send().await.unwrap();
        assert_eq!(answer.status(), status, "{forwarded}");
    }
}

// Keeps 76.
#[tokio::test]
async fn what_an_unknown_proxy_on_this_machine_passes_on_is_not_of_this_machine() {
    let world = with_users().await;
    assert_eq!(world.get("/metrics").await.status(), 200);
    for field in ["x-forwarded-for", "forwarded", "via", "x-real-ip"] {
        let passed_on = |value: &str| world.request("GET", "/metrics").header(field, value.to_owned());
        assert_eq!(passed_on("127.0.0.1").send().await.unwrap().status(), 401, "{field}");
        let user = passed_on("6.6.6.6").basic_auth("me", Some("secret")).send().await.unwrap();
        assert_eq!(user.status(), 200, "{field}");
    }
}

#[tokio::test]
async fn tls_serves_both_protocols_and_a_bad_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let world = Fixture::with(|config| config.tls = Some(Tls { cert: cert.clone(), key: key.clone() })).await;
    let root = reqwest::Certificate::from_pem(pair.cert.pem().as_bytes()).unwrap();
    let port = world.server.addr().unwrap().port();
    let both = [(true, reqwest::Version::HTTP_11), (false, reqwest::Version::HTTP_2)];
    for (http1_only, version) in both {
        let builder = reqwest::Client::builder().tls_certs_only([root.clone()]);
        let builder = if http1_only { builder.http1_only() } else { builder };
        let answer = builder.build().unwrap().get(format!("https://localhost:{port}/healthz")).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
    }
    std::fs::write(&key, "nonsense").unwrap();
    let error = alidav::server::Server::start(&world.config).await.unwrap_err();
    assert!(error.to_string().contains("key.pem"), "{error}");
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let world = Fixture::start().await;
    let mut config = world.config.clone();
    config.listen = vec![ListenAddr::Tcp(world.server.addr().unwrap())];
    let error = alidav::server::Server::start(&config).await.unwrap_err().to_string();
    assert!(error.contains("cannot listen on 127.0.0.1:"), "{error}");
}

// Keeps 50.
#[tokio::test]
async fn every_answer_bears_an_id_that_its_error_names_and_no_client_chooses() {
    let world = Fixture::with(|config| {
        config.mounts[0].down_proxy_token = Some("secret".into());
        config.mounts[0].down_proxy_sign = true;
    })
    .await;
    world.sim.write("/a", "x");
    let mut ids = std::collections::BTreeSet::new();
    let calls = [
        ("GET", "/dav/a", 200),
        ("PROPFIND", "/dav/", 207),
        ("OPTIONS", "/dav/", 200),
        ("GET", "/healthz", 200),
        ("GET", "/dav/none", 404),
        ("MKCOL", "/dav/none/x", 409),
        ("PROPFIND", "/dav/%ff", 400),
        ("GET", "/d/a?sign=wrong", 401),
        ("GET", "/api/none", 404),
        ("POST", "/api/signin/none", 404),
        ("POST", "/api/fs/link", 200),
    ];
    for (method, path, status) in calls {
        let request = world.request(method, path).header("depth", "1").header("x-request-id", "chosen");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{method} {path}");
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert!(id.len() == 8 && id.bytes().all(|sign| sign.is_ascii_alphanumeric()), "{id}");
        let failed = status >= 400 || path == "/api/fs/link";
        let body = answer.text().await.unwrap();
        assert_eq!(body.contains(&id), failed, "{method} {path}: {id} in {body}");
        ids.insert(id);
    }
    assert_eq!(ids.len(), calls.len());
}

// Keeps 50.
#[tokio::test]
async fn who_is_asked_for_a_password_is_told_the_id() {
    let world = Fixture::with(|config| config.anonymous = Permission::None).await;
    for path in ["/dav/", "/api/signin/start"] {
        let answer = world.get(path).await;
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(answer.status(), 401, "{path}");
        assert!(answer.text().await.unwrap().contains(&id), "{path}");
    }
}
