//! PUT: the new content whole under its name, or the old content untouched.

use std::time::Duration;

use alidav::sim::{Fault, FaultKind};
use bytes::Bytes;
use futures_util::StreamExt as _;

use crate::harness::{Fixture, noise, sha1, until};

/// Parts of 200 kB, so that small bodies have several.
async fn world() -> Fixture {
    let world = Fixture::with(|config| config.upload.part_size = 200_000).await;
    world.hrefs("/dav/").await;
    world.sim.reset_calls();
    world
}

fn cost(list: &[(&str, u64)]) -> Vec<(String, u64)> {
    list.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

async fn put(world: &Fixture, path: &str, body: impl Into<reqwest::Body>) -> u16 {
    world.request("PUT", path).body(body).send().await.unwrap().status().as_u16()
}

fn code(status: u16, code: &str) -> FaultKind {
    FaultKind::Code { status, code: code.to_owned(), retry_after_ms: None }
}

#[tokio::test]
async fn a_new_file_costs_two_calls_an_overwrite_three() {
    let world = world().await;
    assert_eq!(put(&world, "/dav/a", "one").await, 201);
    assert_eq!(world.calls(), cost(&[("openFile/complete", 1), ("openFile/create", 1)]));
    world.sim.reset_calls();
    assert_eq!(put(&world, "/dav/a", "another").await, 204);
    let expected = cost(&[("openFile/complete", 1), ("openFile/create", 1), ("openFile/recyclebin/trash", 1)]);
    assert_eq!(world.calls(), expected);
    assert_eq!(world.sim.read("/a").unwrap(), b"another");
    assert_eq!(world.get("/dav/a").await.text().await.unwrap(), "another");
    assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/a"]);
}

#[tokio::test]
async fn a_file_of_many_parts_costs_two_calls_and_its_parts() {
    let world = world().await;
    let content = noise(1_900_001);
    assert_eq!(put(&world, "/dav/large", content.clone()).await, 201);
    assert_eq!(world.calls(), cost(&[("openFile/complete", 1), ("openFile/create", 1)]));
    assert_eq!(world.sim.calls()["data PUT"], 10);
    assert_eq!(sha1(&world.sim.read("/large").unwrap()), sha1(&content));
}

#[tokio::test]
async fn a_body_of_unknown_length_arrives_whole() {
    let world = world().await;
    for length in [0usize, 1, 200_000, 200_001, 1_000_000] {
        let content = noise(length);
        let chunks: Vec<Result<Bytes, std::io::Error>> =
            content.chunks(33_333).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
        assert_eq!(put(&world, &format!("/dav/{length}"), body).await, 201);
        assert_eq!(world.get(&format!("/dav/{length}")).await.bytes().await.unwrap(), content);
    }
}

// Keeps 96.
#[tokio::test]
async fn content_that_the_drive_has_is_not_sent() {
    let world = world().await;
    let (small, large) = (noise(5000), noise(1_500_000));
    world.sim.write("/known small", small.clone());
    world.sim.write("/known large", large.clone());
    for (name, content) in [("small", small), ("large", large)] {
        world.sim.reset_calls();
        assert_eq!(put(&world, &format!("/dav/{name}"), content.clone()).await, 201);
        assert!(!world.sim.calls().contains_key("data PUT"), "{name}");
        assert_eq!(world.sim.read(&format!("/{name}")).unwrap(), content);
    }
}

#[tokio::test]
async fn the_same_beginning_is_not_the_same_content() {
    let world = world().await;
    let mut content = noise(1_500_000);
    world.sim.write("/other", content.clone());
    *content.last_mut().unwrap() ^= 1;
    assert_eq!(put(&world, "/dav/mine", content.clone()).await, 201);
    assert_eq!(world.sim.read("/mine").unwrap(), content);
}

#[tokio::test]
async fn rapid_upload_can_be_switched_off() {
    let world = Fixture::with(|config| config.mounts[0].rapid_upload = false).await;
    world.sim.write("/known", "content");
    assert_eq!(put(&world, "/dav/mine", "content").await, 201);
    assert_eq!(world.sim.calls()["data PUT"], 1);
}

#[tokio::test]
async fn a_token_that_expires_between_parts_does_not_matter() {
    let world = world().await;
    world.sim.fault(Fault::once("openFile/complete", code(401, "AccessTokenExpired")));
    world.sim.fault(Fault::once("openFile/create", code(401, "AccessTokenInvalid")));
    let content = noise(900_000);
    assert_eq!(put(&world, "/dav/a", content.clone()).await, 201);
    assert_eq!(world.sim.read("/a").unwrap(), content);
}

#[tokio::test]
async fn parts_are_sent_again_over_errors_and_expired_addresses() {
    for kind in [
        code(503, "ServiceUnavailable"),
        code(500, "InternalError"),
        code(403, "SecurityTokenExpired"),
        FaultKind::CloseBefore,
        FaultKind::CloseAfter,
        FaultKind::Text { status: 502, body: "<html>bad gateway</html>".to_owned() },
    ] {
        let world = world().await;
        let content = noise(900_000);
        for skip in [0, 2, 2] {
            world.sim.fault(Fault::once("data PUT", kind.clone()).after(skip));
        }
        assert_eq!(put(&world, "/dav/a", content.clone()).await, 201, "{kind:?}");
        assert_eq!(sha1(&world.sim.read("/a").unwrap()), sha1(&content), "{kind:?}");
    }
}

// Keeps 95.
#[tokio::test]
async fn a_lost_answer_to_the_commit_is_resolved() {
    // A session that is said to be gone while the file is still uploading may be in the middle of its commit.
    let gone = code(400, "NotFound.UploadId");
    for kind in [FaultKind::CloseAfter, FaultKind::CloseBefore, FaultKind::BrokenJson, code(500, "InternalError"), gone]
    {
        let world = world().await;
        world.sim.write("/a", "old");
        world.hrefs("/dav/").await;
        world.sim.fault(Fault::once("openFile/complete", kind.clone()));
        assert_eq!(put(&world, "/dav/a", "new content").await, 204, "{kind:?}");
        assert_eq!(world.sim.read("/a").unwrap(), b"new content");
    }
}

/// The old content stays under its name, the client is told, and nothing new is in the tree.
async fn keeps_the_old(
    world: &Fixture,
    expected: &[u16],
    attempt: impl Future<Output = reqwest::Result<reqwest::Response>>,
) {
    if let Ok(answer) = attempt.await {
        assert!(expected.contains(&answer.status().as_u16()), "{}", answer.status());
    }
    assert_eq!(world.sim.read("/a").unwrap(), b"old");
    world.sim.clear_faults();
    let fresh = world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache");
    let listing = fresh.send().await.unwrap().text().await.unwrap();
    assert_eq!(crate::harness::hrefs(&listing), ["/dav/", "/dav/a"]);
    assert_eq!(world.get("/dav/a").await.text().await.unwrap(), "old");
}

async fn with_old() -> Fixture {
    let world = Fixture::with(|config| {
        config.upload.part_size = 200_000;
        config.upstream.max_wait = Duration::from_secs(2);
    })
    .await;
    world.sim.write("/a", "old");
    world.hrefs("/dav/").await;
    world
}

// Keeps 84.
#[tokio::test]
async fn keeps_the_old_file_when_the_drive_refuses() {
    for (call, kind, skip, status) in [
        ("openFile/create", code(403, "QuotaExhausted.Drive"), 0, 507),
        ("openFile/create", FaultKind::Text { status: 413, body: "Payload Too Large".into() }, 0, 413),
        ("openFile/create", code(429, "TooManyRequests"), 0, 503),
        ("openFile/create", FaultKind::CloseAfter, 0, 502),
        ("data PUT", code(403, "AccessDenied"), 0, 502),
        ("data PUT", code(404, "NoSuchUpload"), 2, 502),
        ("data PUT", code(403, "QuotaExhausted.Drive"), 2, 507),
        ("data PUT", code(500, "InternalError"), 3, 502),
        ("openFile/complete", code(403, "QuotaExhausted.Drive"), 0, 507),
        ("openFile/complete", code(400, "InvalidParameter.ContentHash"), 0, 502),
        ("openFile/complete", code(429, "TooManyRequests"), 0, 503),
    ] {
        let world = with_old().await;
        world.sim.fault(Fault::always(call, kind.clone()).after(skip));
        let request = world.request("PUT", "/dav/a").body(noise(900_000)).send();
        println!("{call} {kind:?}");
        keeps_the_old(&world, &[status], request).await;
    }
}

// Keeps 84.
#[tokio::test]
async fn keeps_the_old_file_when_the_announced_checksum_is_wrong() {
    let world = with_old().await;
    for length in [10, 900_000] {
        let checksum = format!("SHA1:{}", sha1(b"something else"));
        let request = world.request("PUT", "/dav/a").header("oc-checksum", checksum).body(noise(length)).send();
        keeps_the_old(&world, &[400], request).await;
    }
    let right = format!("SHA1:{}", sha1(b"new"));
    assert_eq!(
        world.request("PUT", "/dav/a").header("oc-checksum", right).body("new").send().await.unwrap().status(),
        204
    );
}

#[tokio::test]
async fn of_several_checksums_the_one_that_the_drive_has_counts() {
    let world = with_old().await;
    let right = sha1(b"new");
    let put = |checksum: String| world.request("PUT", "/dav/a").header("oc-checksum", checksum).body("new").send();
    for kinds in [format!("MD5:x sha1:{}", sha1(b"other")), "SHA1:short".to_owned()] {
        keeps_the_old(&world, &[400], put(kinds)).await;
    }
    for kinds in
        [format!("SHA1:{right} MD5:0123"), format!("ADLER32:1 SHA1:{right}"), "MD5:0123".to_owned(), "?".to_owned()]
    {
        assert_eq!(put(kinds.clone()).await.unwrap().status(), 204, "{kinds}");
    }
}

// Keeps 118.
#[tokio::test]
async fn a_body_in_a_content_coding_is_refused() {
    let world = with_old().await;
    let put = |coding: &str| world.request("PUT", "/dav/a").header("content-encoding", coding).body("new").send();
    keeps_the_old(&world, &[415], put("gzip")).await;
    assert_eq!(put("identity").await.unwrap().status(), 204);
}

// Keeps 85.
#[tokio::test]
async fn keeps_the_old_file_when_the_body_breaks_off() {
    for after in [0usize, 1000, 199_999, 200_001, 700_000] {
        let world = with_old().await;
        let pieces: Vec<Result<Bytes, std::io::Error>> =
            vec![Ok(noise(after).into()), Err(std::io::Error::other("the client left"))];
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
        let request = world.request("PUT", "/dav/a").body(body).send();
        keeps_the_old(&world, &[400, 500, 502], request).await;
    }
}

// Keeps 85.
#[tokio::test]
async fn keeps_the_old_file_when_finder_s_promise_is_not_kept() {
    let world = with_old().await;
    let pieces: [(&[usize], &str); 4] =
        [(&[100], "200"), (&[300_000], "500000"), (&[500], "200"), (&[200, 300], "200")];
    for (pieces, promised) in pieces {
        // One after another, so that each is seen on its own.
        let pieces = futures_util::stream::iter(pieces.to_vec()).then(async |length| {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok::<_, std::io::Error>(Bytes::from(noise(length)))
        });
        let body = reqwest::Body::wrap_stream(pieces);
        let request = world.request("PUT", "/dav/a").header("x-expected-entity-length", promised).body(body).send();
        keeps_the_old(&world, &[400], request).await;
    }
}

#[tokio::test]
async fn a_folder_is_not_replaced_by_a_file_and_a_file_holds_no_files() {
    let world = with_old().await;
    world.request("MKCOL", "/dav/dir").send().await.unwrap();
    assert_eq!(put(&world, "/dav/dir", "x").await, 405);
    assert_eq!(put(&world, "/dav/a/below", "x").await, 409);
    assert_eq!(put(&world, "/dav/none/below", "x").await, 409);
    assert_eq!(world.sim.read("/a").unwrap(), b"old");
}

// Keeps 86.
#[tokio::test]
async fn conditions_guard_an_overwrite() {
    let world = with_old().await;
    let only_new = world.request("PUT", "/dav/a").header("if-none-match", "*").body("x").send().await.unwrap();
    assert_eq!(only_new.status(), 412);
    let other = world.request("PUT", "/dav/a").header("if-match", "\"other\"").body("x").send().await.unwrap();
    assert_eq!(other.status(), 412);
    assert_eq!(world.sim.read("/a").unwrap(), b"old");
}

#[tokio::test]
async fn of_two_writers_of_one_name_one_wins_and_nothing_is_left_over() {
    let world = with_old().await;
    let (one, two) = (vec![b'1'; 500_000], vec![b'2'; 500_000]);
    let (a, b) = tokio::join!(put(&world, "/dav/a", one.clone()), put(&world, "/dav/a", two.clone()));
    assert!(a < 300 && b < 300, "{a} {b}");
    let content = world.sim.read("/a").unwrap();
    assert!(content == one || content == two);
    assert_eq!(world.get("/dav/a").await.bytes().await.unwrap(), content);
    let fresh = world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache");
    assert_eq!(crate::harness::hrefs(&fresh.send().await.unwrap().text().await.unwrap()), ["/dav/", "/dav/a"]);
}

/// PUT of `/dav/a` with the announced SHA-1 of `known`.
fn announced(world: &Fixture, known: &[u8], body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
    let checksum = format!("SHA1:{}", sha1(known));
    let length = known.len().to_string();
    world
        .request("PUT", "/dav/a")
        .header("oc-checksum", checksum)
        .header("x-expected-entity-length", length)
        .body(body.into())
}

// Keeps 96.
#[tokio::test]
async fn announced_content_that_the_drive_has_needs_neither_data_nor_a_spool() {
    // The proof's place depends on the size: in the first part, or behind it.
    let world = Fixture::with(|config| config.upload.part_size = 200_000).await;
    world.hrefs("/dav/").await;
    let mut creates = std::collections::BTreeSet::new();
    for size in 400_001..400_021 {
        let content = noise(size);
        world.sim.write("/known", content.clone());
        world.sim.reset_calls();
        assert!(announced(&world, &content, content.clone()).send().await.unwrap().status().is_success());
        assert!(!world.sim.calls().contains_key("data PUT"));
        assert_eq!(sha1(&world.sim.read("/a").unwrap()), sha1(&content));
        creates.insert(world.sim.calls()["openFile/create"]);
    }
    assert_eq!(creates, [1, 2].into());
    // What the drive does not have is sent, though it begins like something that it has.
    let mut other = noise(1_000_000);
    world.sim.write("/known", other.clone());
    *other.last_mut().unwrap() ^= 1;
    for _ in 0..4 {
        assert_eq!(announced(&world, &other, other.clone()).send().await.unwrap().status(), 204);
        assert_eq!(sha1(&world.sim.read("/a").unwrap()), sha1(&other));
        *other.last_mut().unwrap() ^= 2;
        other.push(7);
    }
}

// Keeps 96.
#[tokio::test]
async fn keeps_the_old_file_when_announced_content_does_not_come() {
    for size in 400_001..400_011 {
        let world = with_old().await;
        let content = noise(size);
        let folder = world.request("MKCOL", "/dav/known").send().await.unwrap();
        assert_eq!(folder.status(), 201);
        world.sim.write("/known/file", content.clone());
        let mut wrong = content.clone();
        *wrong.last_mut().unwrap() ^= 1;
        let answer = announced(&world, &content, wrong).send().await.unwrap();
        assert_eq!(answer.status(), 400);
        let pieces = [Ok(Bytes::from(content[..399_000].to_vec())), Err(std::io::Error::other("the client left"))];
        let broken = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
        assert!(announced(&world, &content, broken).send().await.is_err_and(|e| e.is_request() || e.is_body()));
        // The removal goes on after the request has ended.
        until(|| world.sim.read("/a").is_some_and(|now| now == b"old")).await;
        let fresh = world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache");
        assert_eq!(fresh.send().await.unwrap().text().await.unwrap().matches("<D:href>/dav/a</D:href>").count(), 1);
        assert_eq!(world.get("/dav/a").await.text().await.unwrap(), "old");
    }
}

/// What is under a name on the drive, newest first, by removing one after the other.
async fn all_named(world: &Fixture, path: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some(content) = world.sim.read(path) {
        found.push(content);
        world.sim.remove(path);
    }
    found
}

#[tokio::test]
async fn an_overwrite_that_outlasts_its_listing_leaves_one_file() {
    let world = Fixture::with(|config| config.cache.list_ttl = Duration::ZERO).await;
    world.sim.write("/a", "old");
    assert_eq!(put(&world, "/dav/a", "new").await, 204);
    assert_eq!(all_named(&world, "/a").await, [b"new"]);
    // Content that the drive has shows beside the old before it is committed.
    world.sim.write("/known", "known");
    world.sim.write("/a", "old");
    assert_eq!(put(&world, "/dav/a", "known").await, 204);
    assert_eq!(all_named(&world, "/a").await, [b"known"]);
}

// Keeps 97.
#[tokio::test]
async fn a_part_s_address_is_renewed_before_it_expires() {
    let world = world().await;
    world.sim.rules(|rules| rules.part_url_s = 900);
    let content = noise(900_000);
    assert_eq!(put(&world, "/dav/a", content.clone()).await, 201);
    assert!(!world.sim.calls().contains_key("openFile/getUploadUrl"));
    world.sim.rules(|rules| rules.part_url_s = 2);
    // The drive must not have it already.
    let content: Vec<u8> = content.iter().map(|byte| !byte).collect();
    let pieces = futures_util::stream::unfold(content, |mut left| async move {
        let rest = left.split_off(left.len().min(300_000));
        let piece = (!left.is_empty()).then_some((Ok::<_, std::io::Error>(Bytes::from(left)), rest));
        // Longer than an address of the drive is good for in all.
        tokio::time::sleep(Duration::from_millis(1200)).await;
        piece
    });
    world.sim.reset_calls();
    let request = world.request("PUT", "/dav/slow").header("x-expected-entity-length", "900000");
    let put = request.body(reqwest::Body::wrap_stream(pieces)).send().await.unwrap();
    assert_eq!(put.status(), 201);
    let calls = world.sim.calls();
    assert!(calls["data PUT"] == 5 && calls["openFile/getUploadUrl"] >= 1, "{calls:?}");
}

#[tokio::test]
async fn an_address_that_expires_in_the_middle_of_trouble_is_renewed() {
    let world = world().await;
    for kind in [code(503, "ServiceUnavailable"), code(500, "InternalError"), code(403, "SecurityTokenExpired")] {
        world.sim.fault(Fault::once("data PUT", kind));
    }
    let content = noise(900_000);
    assert_eq!(put(&world, "/dav/a", content.clone()).await, 201);
    assert_eq!(sha1(&world.sim.read("/a").unwrap()), sha1(&content));
}

#[tokio::test]
async fn a_part_refused_as_out_of_order_is_sent_where_the_drive_s_own_list_ends() {
    let world = world().await;
    let content = noise(900_000);
    world.sim.fault(Fault::once("data PUT", code(409, "PartNotSequential")).after(2));
    assert_eq!(put(&world, "/dav/a", content.clone()).await, 201);
    assert_eq!(sha1(&world.sim.read("/a").unwrap()), sha1(&content));
}

#[tokio::test]
async fn an_upload_arrives_whole_whether_or_not_the_drive_takes_parts_in_order_only() {
    for sequential in [true, false] {
        let world = world().await;
        world.sim.rules(|rules| rules.sequential_parts = sequential);
        // An answer that is lost after the part was stored, a part that never came, an address that is refused.
        for (skip, kind) in [(0, FaultKind::CloseAfter), (2, FaultKind::CloseBefore), (4, code(403, "AccessDenied"))] {
            world.sim.fault(Fault::once("data PUT", kind).after(skip));
        }
        let content = noise(1_100_001);
        assert_eq!(put(&world, "/dav/known", content.clone()).await, 201, "sequential: {sequential}");
        assert_eq!(sha1(&world.sim.read("/known").unwrap()), sha1(&content));
        world.sim.fault(Fault::once("data PUT", FaultKind::CloseAfter).after(1));
        let other: Vec<u8> = content.iter().map(|byte| byte ^ 0x55).collect();
        let chunks = other.chunks(33_333).map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk)));
        let chunks: Vec<_> = chunks.collect();
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
        assert_eq!(put(&world, "/dav/unknown", body).await, 201, "sequential: {sequential}");
        assert_eq!(sha1(&world.sim.read("/unknown").unwrap()), sha1(&other));
    }
}

// Keeps 95.
#[tokio::test]
async fn a_lost_answer_to_the_first_call_is_resolved() {
    for known in [false, true] {
        for kind in [FaultKind::CloseAfter, FaultKind::CloseBefore, FaultKind::BrokenJson, code(500, "InternalError")] {
            let world = with_old().await;
            if known {
                world.sim.write("/known", "new content");
            }
            world.sim.fault(Fault::once("openFile/create", kind.clone()));
            assert_eq!(put(&world, "/dav/a", "new content").await, 204, "{known} {kind:?}");
            assert_eq!(all_named(&world, "/a").await, [b"new content"], "{known} {kind:?}");
        }
    }
}

#[tokio::test]
async fn a_commit_s_answer_need_not_tell_all() {
    for fields in [&["size"][..], &["content_hash"], &["size", "content_hash", "name", "type", "updated_at"]] {
        let world = world().await;
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        world.sim.fault(Fault::once("openFile/complete", FaultKind::Null { fields }));
        assert_eq!(put(&world, "/dav/a", "content").await, 201);
        let checksum = sha1(b"content").to_uppercase();
        let ask = r#"<propfind xmlns="DAV:"><prop><checksums xmlns="http://owncloud.org/ns"/></prop></propfind>"#;
        let listed = world.request("PROPFIND", "/dav/a").header("depth", "0").body(ask).send().await.unwrap();
        let listed = listed.text().await.unwrap();
        assert!(listed.to_uppercase().contains(&checksum), "{listed}");
    }
}

// Keeps 79.
#[tokio::test]
async fn a_client_that_sends_all_before_it_listens_learns_why_it_was_refused() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let world = with_old().await;
    world.sim.rules(|rules| rules.quota = 1000);
    let length = 40_000_000;
    let mut stream = tokio::net::TcpStream::connect(world.server.addr().unwrap()).await.unwrap();
    let head = format!("PUT /dav/a HTTP/1.1\r\nHost: alidav\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&noise(length)).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 507");
    assert_eq!(world.sim.read("/a").unwrap(), b"old");
}

// Keeps 98.
#[tokio::test]
async fn a_full_drive_is_told_after_the_first_kilobytes() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    for rapid in [true, false] {
        let world = Fixture::with(|config| {
            config.upload.part_size = 200_000;
            config.mounts[0].rapid_upload = rapid;
        })
        .await;
        world.sim.rules(|rules| rules.quota = 1000);
        let mut stream = tokio::net::TcpStream::connect(world.server.addr().unwrap()).await.unwrap();
        let head = "PUT /dav/a HTTP/1.1\r\nHost: alidav\r\nContent-Length: 40000000\r\n\r\n";
        stream.write_all(&[head.as_bytes(), &noise(2000)].concat()).await.unwrap();
        let mut answer = [0; 12];
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut answer)).await;
        assert_eq!((read.unwrap().unwrap(), &answer[..]), (12, &b"HTTP/1.1 507"[..]));
    }
}

#[tokio::test]
async fn content_is_sent_where_the_drive_refuses_the_proof_or_the_spool_has_no_room() {
    let (small, large) = (noise(5000), noise(1_500_000));
    let refused = || code(400, "InvalidRapidProof");
    for (content, limit, skip, announce) in [
        (&small, u64::MAX, 0, false),
        (&small, u64::MAX, 0, true),
        (&large, u64::MAX, 1, false),
        (&large, 1_000_000, 9, false),
    ] {
        let world = Fixture::with(|config| {
            config.upload.part_size = 200_000;
            config.upload.spool_limit = limit;
        })
        .await;
        world.sim.write("/known", content.clone());
        world.sim.fault(Fault::once("openFile/create", refused()).after(skip));
        let request = world.request("PUT", "/dav/a").body(content.clone());
        let request = if announce { request.header("oc-checksum", format!("SHA1:{}", sha1(content))) } else { request };
        assert_eq!(request.send().await.unwrap().status(), 201);
        assert!(world.sim.calls()["data PUT"] >= 1);
        assert_eq!(all_named(&world, "/a").await, std::slice::from_ref(content));
    }
}

#[tokio::test]
async fn a_rate_that_is_refused_once_at_each_call_does_not_matter() {
    let busy = || FaultKind::Code { status: 429, code: "TooManyRequests".to_owned(), retry_after_ms: Some(20) };
    let world = with_old().await;
    let content = noise(900_000);
    for call in ["create", "getUploadUrl", "complete", "recyclebin/trash"] {
        world.sim.fault(Fault::once(&format!("openFile/{call}"), busy()));
    }
    world.sim.fault(Fault::once("data PUT", busy()).after(2));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter([Ok::<_, std::io::Error>(content.clone())]));
    assert_eq!(put(&world, "/dav/a", body).await, 204);
    assert_eq!(all_named(&world, "/a").await, [content]);
    assert!(world.sim.calls()["openFile/getUploadUrl"] >= 2);
}

#[tokio::test]
async fn a_token_that_expires_between_parts_of_unknown_number_does_not_matter() {
    let world = with_old().await;
    world.sim.fault(Fault::once("openFile/getUploadUrl", code(401, "AccessTokenExpired")));
    let content = noise(900_000);
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter([Ok::<_, std::io::Error>(content.clone())]));
    assert_eq!(put(&world, "/dav/a", body).await, 204);
    assert_eq!(all_named(&world, "/a").await, [content]);
}

// Keeps 95.
#[tokio::test]
async fn a_commit_runs_to_its_end_though_the_client_leaves() {
    let world = with_old().await;
    world.sim.rules(|rules| rules.latency_ms = 50);
    let request = world.request("PUT", "/dav/a").body("new content").send();
    tokio::select! {
        answer = request => panic!("{:?}", answer.map(|answer| answer.status())),
        () = until(|| world.sim.calls().contains_key("openFile/complete")) => {}
    }
    until(|| world.sim.calls().contains_key("openFile/recyclebin/trash")).await;
    assert_eq!(world.get("/dav/a").await.text().await.unwrap(), "new content");
}
