//! GET and HEAD: bytes, ranges, conditions, slots.

use futures_util::StreamExt as _;

use crate::harness::{Fixture, header, noise, sha1};

// Keeps 27.
#[tokio::test]
async fn a_file_arrives_whole_with_its_headers() {
    let world = Fixture::start().await;
    let content = noise(3_000_000);
    world.sim.write("/f/a.bin", content.clone());
    let answer = world.get("/dav/f/a.bin").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "content-length"), "3000000");
    assert_eq!(header(&answer, "accept-ranges"), "bytes");
    assert_eq!(header(&answer, "etag"), format!("\"{}\"", sha1(&content)));
    assert!(answer.headers().contains_key("last-modified"));
    assert_eq!(answer.bytes().await.unwrap(), content);
    let head = world.head("/dav/f/a.bin").await;
    assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, "3000000"));
}

// Keeps 28.
#[tokio::test]
async fn ranges_are_exact() {
    let world = Fixture::start().await;
    let content = noise(10_000);
    world.sim.write("/a", content.clone());
    for (range, expected, told) in [
        ("bytes=0-1", 0..2, "bytes 0-1/10000"),
        ("bytes=9999-", 9999..10_000, "bytes 9999-9999/10000"),
        ("bytes=-500", 9500..10_000, "bytes 9500-9999/10000"),
        ("bytes=5000-20000", 5000..10_000, "bytes 5000-9999/10000"),
        ("bytes=0-", 0..10_000, "bytes 0-9999/10000"),
    ] {
        let answer = world.range("/dav/a", range).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "content-range")), (206, told), "{range}");
        assert_eq!(header(&answer, "content-length"), expected.len().to_string());
        assert_eq!(answer.bytes().await.unwrap(), content[expected], "{range}");
    }
    for range in ["bytes=10000-", "bytes=-0"] {
        let answer = world.range("/dav/a", range).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "content-range")), (416, "bytes */10000"));
    }
    for range in ["bytes=5-2", "lines=1-2", "bytes=x"] {
        assert_eq!(world.range("/dav/a", range).await.status(), 200, "{range}");
    }
}

// Keeps 28.
#[tokio::test]
async fn several_ranges_come_as_parts_of_the_announced_length() {
    let world = Fixture::start().await;
    let content = noise(10_000);
    world.sim.write("/a", content.clone());
    let answer = world.range("/dav/a", "bytes=0-9,5000-5009,-10").await;
    assert_eq!(answer.status(), 206);
    let boundary = header(&answer, "content-type").split("boundary=").nth(1).unwrap().to_owned();
    let length: usize = header(&answer, "content-length").parse().unwrap();
    let body = answer.bytes().await.unwrap();
    assert_eq!(body.len(), length);
    for (range, start) in [("bytes 0-9/10000", 0), ("bytes 5000-5009/10000", 5000), ("bytes 9990-9999/10000", 9990)] {
        let head = format!("--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: {range}\r\n\r\n");
        let at = body.windows(head.len()).position(|window| window == head.as_bytes()).unwrap() + head.len();
        assert_eq!(body[at..at + 10], content[start..start + 10]);
    }
}

// Keeps 42.
#[tokio::test]
async fn an_empty_file_costs_no_transfer() {
    let world = Fixture::start().await;
    world.sim.write("/empty", "");
    let answer = world.get("/dav/empty").await;
    assert_eq!((answer.status().as_u16(), header(&answer, "content-length")), (200, "0"));
    assert_eq!(world.range("/dav/empty", "bytes=0-").await.status(), 416);
    assert!(!world.sim.calls().contains_key("data GET"));
}

#[tokio::test]
async fn a_file_whose_size_the_listing_does_not_tell_is_never_taken_for_an_empty_one() {
    let world = Fixture::start().await;
    world.sim.rules(|rules| rules.sizes = alidav::sim::SizeForm::Untold);
    world.sim.write("/a", "content");
    world.sim.write("/empty", "");
    let listing = world.propfind("/dav/a", "0").await.text().await.unwrap();
    assert!(!listing.contains("<D:getcontentlength>"), "{listing}");
    let head = world.head("/dav/a").await;
    assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, ""));
    let answer = world.get("/dav/a").await;
    assert_eq!((answer.status().as_u16(), header(&answer, "content-length")), (200, "7"));
    assert_eq!(answer.text().await.unwrap(), "content");
    assert_eq!(header(&world.range("/dav/a", "bytes=-2").await, "content-range"), "bytes 5-6/7");
    let empty = world.get("/dav/empty").await;
    assert_eq!((empty.status().as_u16(), header(&empty, "content-length")), (200, "0"));
    // And what we write is not taken for something else because the drive does not repeat its length.
    assert_eq!(world.request("PUT", "/dav/b").body("written").send().await.unwrap().status(), 201);
    assert_eq!(header(&world.head("/dav/b").await, "content-length"), "7");
}

// Keeps 30.
#[tokio::test]
async fn conditions_are_honoured() {
    let world = Fixture::start().await;
    world.sim.write("/a", "hello");
    let head = world.head("/dav/a").await;
    let (etag, modified) = (header(&head, "etag").to_owned(), header(&head, "last-modified").to_owned());
    let with = |name: &'static str, value: String| world.request("GET", "/dav/a").header(name, value).send();
    assert_eq!(with("if-none-match", etag.clone()).await.unwrap().status(), 304);
    assert_eq!(with("if-modified-since", modified.clone()).await.unwrap().status(), 304);
    assert_eq!(with("if-none-match", "\"x\"".into()).await.unwrap().status(), 200);
    assert_eq!(with("if-match", "\"x\"".into()).await.unwrap().status(), 412);
    for (validator, status) in [(etag, 206), (modified, 206), ("\"x\"".to_owned(), 200)] {
        let resumed = world.request("GET", "/dav/a").header("range", "bytes=2-").header("if-range", validator);
        assert_eq!(resumed.send().await.unwrap().status(), status);
    }
}

// Keeps 40.
#[tokio::test]
async fn a_seek_takes_over_the_slot_of_the_same_client_on_that_film() {
    let world = Fixture::with(|config| config.upstream.max_streams = 1).await;
    world.sim.write_generated("/film.mkv", 8 << 30, 1);
    let mut older = world.range("/dav/film.mkv", "bytes=0-").await.bytes_stream();
    older.next().await.unwrap().unwrap();
    let seek = world.range("/dav/film.mkv", "bytes=4000000000-").await;
    assert_eq!(seek.status(), 206);
    assert!(seek.bytes_stream().next().await.unwrap().is_ok());
    assert_eq!(world.sim.peak_downloads(), 1);
}

// Keeps 33.
#[tokio::test]
async fn the_fourth_stream_waits_for_a_slot_and_gets_it_when_a_client_leaves() {
    let world = Fixture::start().await;
    let mut open = Vec::new();
    for n in 0..4 {
        world.sim.write_generated(&format!("/film{n}"), 8 << 30, n);
    }
    for n in 0..3 {
        let mut stream = world.get(&format!("/dav/film{n}")).await.bytes_stream();
        stream.next().await.unwrap().unwrap();
        open.push(stream);
    }
    world.sim.wait_open_downloads(3).await;
    let waiting = tokio::spawn(world.request("GET", "/dav/film3").send());
    tokio::task::yield_now().await;
    drop(open.pop());
    let answer = waiting.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes_stream().next().await.unwrap().is_ok());
    assert_eq!(world.sim.peak_downloads(), 3);
}

// Keeps 33.
#[tokio::test]
async fn no_free_slot_is_503_with_a_time_to_come_back() {
    let world = Fixture::with(|config| {
        config.upstream.max_streams = 1;
        config.upstream.max_wait = std::time::Duration::from_secs(1);
    })
    .await;
    world.sim.write_generated("/one", 8 << 30, 1);
    world.sim.write_generated("/two", 8 << 30, 2);
    let mut playing = world.get("/dav/one").await.bytes_stream();
    playing.next().await.unwrap().unwrap();
    let refused = world.get("/dav/two").await;
    assert_eq!(refused.status(), 503);
    assert!(header(&refused, "retry-after").parse::<u64>().unwrap() >= 1);
    assert!(refused.text().await.unwrap().contains("download connections"));
}

// Keeps 41.
#[tokio::test]
async fn a_client_that_leaves_frees_its_slot_at_once() {
    let world = Fixture::start().await;
    world.sim.write_generated("/film", 8 << 30, 1);
    let mut stream = world.get("/dav/film").await.bytes_stream();
    stream.next().await.unwrap().unwrap();
    world.sim.wait_open_downloads(1).await;
    drop(stream);
    let freed = tokio::time::timeout(std::time::Duration::from_secs(5), world.sim.wait_open_downloads(0));
    assert!(freed.await.is_ok());
}

#[tokio::test]
async fn a_folder_has_a_head_and_no_body() {
    let world = Fixture::start().await;
    world.sim.mkdir("/folder");
    for path in ["/dav/folder", "/dav/folder/", "/dav", "/dav/"] {
        assert_eq!(world.head(path).await.status(), 200, "{path}");
    }
    let get = world.get("/dav/folder").await;
    assert_eq!((get.status().as_u16(), header(&get, "allow").contains("PROPFIND")), (405, true));
}

/// A file of the drive is no part of the pages: it must not run as one, for the browser holds the password.
// Keeps 48.
#[tokio::test]
async fn a_file_s_bytes_are_never_active_content() {
    let world = Fixture::with(|config| config.mounts[0].down_proxy_token = Some("secret".into())).await;
    let page = "<script>alert(1)</script>";
    let sandbox = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";
    let pdf = "default-src 'none'; frame-ancestors 'self'";
    let files = [("a.html", sandbox), ("a.svg", sandbox), ("a.xhtml", sandbox), ("a", sandbox), ("a.pdf", pdf)];
    for (name, _) in files {
        world.sim.write(&format!("/{name}"), page);
    }
    for (name, policy) in files {
        let sign = alidav::link::sign::sign("secret", &format!("/{name}"), alidav::clock::UnixSeconds(0));
        let answers = [
            world.get(&format!("/dav/{name}")).await,
            world.head(&format!("/dav/{name}")).await,
            world.range(&format!("/dav/{name}"), "bytes=0-3").await,
            world.range(&format!("/dav/{name}"), "bytes=0-1,4-5").await,
            world.get(&format!("/d/{name}?sign={sign}")).await,
        ];
        for answer in answers {
            assert!(answer.status().is_success(), "{name}: {}", answer.status());
            assert_eq!(header(&answer, "content-security-policy"), policy, "{name}");
            assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{name}");
        }
    }
    for answer in [world.get("/dav/absent").await, world.get("/d/a?sign=x").await, world.get("/api/x").await] {
        assert!(answer.status().is_client_error());
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    }
}
