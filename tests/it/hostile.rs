//! Requests that no honest client sends.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::Fixture;

/// Sends bytes as they are and gives the first line of the answer; empty if the connection was closed.
async fn raw(world: &Fixture, request: &[u8]) -> String {
    let mut stream = tokio::net::TcpStream::connect(world.server.addr().unwrap()).await.unwrap();
    stream.write_all(request).await.ok();
    let mut answer = vec![0; 4096];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await.unwrap();
    answer.truncate(read.unwrap_or(0));
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

/// Sends bytes as they are and gives all that comes until the server closes the connection.
async fn whole(world: &Fixture, request: &[u8]) -> String {
    let mut stream = tokio::net::TcpStream::connect(world.server.addr().unwrap()).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let limit = Duration::from_secs(90);
    tokio::time::timeout(limit, stream.read_to_end(&mut answer)).await.unwrap().ok();
    String::from_utf8_lossy(&answer).into_owned()
}

// Keeps 2.
#[tokio::test]
async fn paths_that_would_leave_the_tree_or_are_no_paths_are_400() {
    let world = Fixture::start().await;
    for path in [
        "/dav/../x",
        "/dav/%2e%2e/x",
        "/dav/a/%2E%2E",
        "/dav/%00",
        "/dav/%ff",
        "/dav/%zz",
        "/dav/%",
        "/dav/./x",
        "/dav/..",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(raw(&world, request.as_bytes()).await.contains(" 400 "), "{path}");
    }
    let long = format!("GET /dav/{} HTTP/1.1\r\nHost: x\r\n\r\n", "n".repeat(1025));
    assert!(raw(&world, long.as_bytes()).await.contains(" 400 "));
    let deep = format!("GET /dav{} HTTP/1.1\r\nHost: x\r\n\r\n", "/a".repeat(300));
    assert!(raw(&world, deep.as_bytes()).await.contains(" 400 "));
    assert_eq!(world.sim.api_calls(), 0);
}

#[tokio::test]
async fn absurd_requests_are_refused_and_the_server_lives_on() {
    let world = Fixture::start().await;
    let get = |headers: &str| format!("GET /dav/ HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    let many: String = (0..500).map(|n| format!("X-{n}: y\r\n")).collect();
    assert!(raw(&world, get(&many).as_bytes()).await.contains(" 431 "));
    let huge = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(20_000));
    assert!(raw(&world, huge.as_bytes()).await.contains(" 414 "));
    let endless = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(2 << 20));
    let answer = raw(&world, endless.as_bytes()).await;
    assert!(answer.is_empty() || answer.contains(" 431 "), "{answer}");
    for nonsense in [&b"\0\0\0\0\r\n\r\n"[..], b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"] {
        let answer = raw(&world, nonsense).await;
        assert!(answer.is_empty() || answer.contains(" 400 "), "{answer}");
    }
    assert_eq!(world.propfind("/dav/", "0").await.status(), 207);
}

// Keeps 81.
#[tokio::test]
async fn a_request_names_one_host() {
    let world = Fixture::start().await;
    for (fields, status) in [
        ("Host: a", " 200 "),
        ("Host: [::1]:8080", " 200 "),
        ("Host:", " 200 "),
        ("X: y", " 400 "),
        ("Host: a\r\nHost: b", " 400 "),
        ("Host: a b", " 400 "),
        ("Host: \u{e9}", " 400 "),
    ] {
        let answer = raw(&world, format!("GET /healthz HTTP/1.1\r\n{fields}\r\n\r\n").as_bytes()).await;
        assert!(answer.contains(status), "{fields}: {answer}");
    }
    assert!(raw(&world, b"GET /healthz HTTP/1.0\r\n\r\n").await.contains(" 200 "));
}

#[tokio::test]
async fn a_body_cannot_hide_a_second_request() {
    let world = Fixture::start().await;
    let hidden = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    for fields in [
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: 3, 3",
        "Content-Length: +3",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Content-Length : 3",
        "X: y\r\n folded",
    ] {
        let request = format!("PUT /dav/a HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\nabc{hidden}");
        let answer = raw(&world, request.as_bytes()).await;
        assert!(answer.contains(" 400 "), "{fields}: {answer}");
    }
    // RFC 9112, section 6.1: of both the chunks count, and the connection ends.
    let both = format!(
        "PUT /dav/a HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n{hidden}"
    );
    let answer = whole(&world, both.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert_eq!(world.sim.read("/a").unwrap(), b"abc");
}

#[tokio::test]
async fn a_malformed_or_broken_body_is_400_and_changes_nothing() {
    let world = Fixture::start().await;
    world.sim.write("/a", "old");
    for body in
        ["zz\r\nabc\r\n0\r\n\r\n", "0x3\r\nabc\r\n0\r\n\r\n", "fffffffffffffffff\r\nabc", "3\r\nabcd\r\n0\r\n\r\n"]
    {
        let request = format!("PUT /dav/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        let answer = raw(&world, request.as_bytes()).await;
        assert!(answer.contains(" 400 "), "{body:?}: {answer}");
        assert_eq!(world.sim.read("/a").unwrap(), b"old");
    }
    assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/a"]);
}

// Keeps 79.
#[tokio::test]
async fn a_connection_without_a_request_is_given_up() {
    let world = Fixture::with(|config| config.timeouts.request_head = Duration::from_secs(1)).await;
    let silent = [&b""[..], b"PRI * HT", b"GET / HTTP/1.1\r\n"].map(|beginning| whole(&world, beginning));
    let (ended, told) = tokio::join!(futures_util::future::join_all(silent), until_goaway(&world));
    assert_eq!(ended, ["", "", ""]);
    assert!(told);
}

// Keeps 80.
#[tokio::test]
async fn a_thousand_silent_connections_shut_nobody_out() {
    let world = Fixture::start().await;
    world.sim.write("/a", "content");
    let beginnings = [&b""[..], b"GET /dav/a HTTP/1.1\r\nHost: x\r\n", b"PRI * HTTP/2.0\r\n"];
    let mut silent = Vec::new();
    for n in 0..1_500 {
        let mut stream = tokio::net::TcpStream::connect(world.server.addr().unwrap()).await.unwrap();
        stream.write_all(beginnings[n % 3]).await.unwrap();
        silent.push(stream);
    }
    for _ in 0..5 {
        let fresh = crate::harness::builder().timeout(Duration::from_secs(5)).build().unwrap();
        assert_eq!(fresh.get(world.url("/dav/a")).send().await.unwrap().text().await.unwrap(), "content");
    }
}

// Keeps 80.
#[tokio::test]
async fn a_stream_under_way_never_gives_way_to_the_silent() {
    let world = Fixture::start().await;
    world.sim.write_generated("/film", 30_000_000, 1);
    let mut film = world.get("/dav/film").await;
    let mut received = film.chunk().await.unwrap().unwrap().len();
    let mut silent = Vec::new();
    for _ in 0..1_500 {
        silent.push(tokio::net::TcpStream::connect(world.server.addr().unwrap()).await.unwrap());
    }
    while let Some(bytes) = film.chunk().await.unwrap() {
        received += bytes.len();
    }
    assert_eq!(received, 30_000_000);
}

/// Whether an HTTP/2 connection without a request is told to end (GOAWAY, RFC 9113, section 6.8).
async fn until_goaway(world: &Fixture) -> bool {
    let mut stream = tokio::net::TcpStream::connect(world.server.addr().unwrap()).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut head = [0; 9];
    while stream.read_exact(&mut head).await.is_ok() {
        if head[3] == 7 {
            return true;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        stream.read_exact(&mut vec![0; length as usize]).await.unwrap();
    }
    false
}

#[tokio::test]
async fn a_body_in_a_transfer_coding_that_is_not_undone_is_not_stored() {
    let world = Fixture::start().await;
    let request = "PUT /dav/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert!(raw(&world, request.as_bytes()).await.contains(" 501 "));
    assert_eq!(world.hrefs("/dav/").await, ["/dav/"]);
}

// Keeps 29.
#[tokio::test]
async fn ten_thousand_ranges_are_416() {
    let world = Fixture::start().await;
    world.sim.write("/a", vec![1; 100_000]);
    let ranges: Vec<String> = (0..10_000).map(|n| format!("{}-{}", n * 3, n * 3)).collect();
    let answer = world.range("/dav/a", &format!("bytes={}", ranges.join(","))).await;
    assert!(matches!(answer.status().as_u16(), 416 | 431), "{}", answer.status());
    let ranges: Vec<String> = (0..1000).map(|n| format!("{}-{}", n * 3, n * 3)).collect();
    assert_eq!(world.range("/dav/a", &format!("bytes={}", ranges.join(","))).await.status(), 416);
    assert!(!world.sim.calls().contains_key("data GET"));
}

// Keeps 25.
#[tokio::test]
async fn wrong_propfind_bodies_are_400_and_cost_nothing() {
    let world = Fixture::start().await;
    let laughs = r#"<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><propfind xmlns="DAV:"><prop><a>&y;</a></prop></propfind>"#;
    for body in ["<propfind", "<x/>", "{}", laughs, "<propfind xmlns='DAV:'><prop/><allprop/></propfind>"] {
        let answer = world.request("PROPFIND", "/dav/").header("depth", "1").body(body).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{body}");
    }
    let large = vec![b' '; 100_000];
    let answer = world.request("PROPFIND", "/dav/").header("depth", "1").body(large).send().await.unwrap();
    assert_eq!(answer.status(), 413);
    assert_eq!(world.propfind("/dav/", "2").await.status(), 400);
    assert_eq!(world.sim.api_calls(), 0);
}

#[tokio::test]
async fn methods_that_are_not_served_say_which_are() {
    let world = Fixture::start().await;
    world.sim.write("/a", "x");
    for method in ["POST", "PATCH", "REPORT", "BREW"] {
        let answer = world.request(method, "/dav/a").send().await.unwrap();
        assert_eq!(answer.status(), 405, "{method}");
        assert_eq!(
            crate::harness::header(&answer, "allow"),
            "OPTIONS, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE, PROPFIND, PROPPATCH, LOCK, UNLOCK"
        );
    }
    assert_eq!(world.sim.read("/a").unwrap(), b"x");
}
