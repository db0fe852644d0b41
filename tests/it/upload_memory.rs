//! Many uploads at once, slow ones, and those whose client is gone.

use std::time::Duration;

use alidav::sim::Moment;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::harness::{Fixture, eventually, noise, sha1, until};

/// A body that is sent as the test says.
fn by_hand() -> (mpsc::Sender<Result<Bytes, std::io::Error>>, reqwest::Body) {
    let (pieces, body) = mpsc::channel(1);
    let body = futures_util::stream::unfold(body, |mut body| async { body.recv().await.map(|piece| (piece, body)) });
    (pieces, reqwest::Body::wrap_stream(body))
}

/// What `/metrics` says that uploads hold.
async fn held(world: &Fixture) -> u64 {
    let metrics = world.get("/metrics").await.text().await.unwrap();
    let line = metrics.lines().find(|line| line.starts_with("alidav_upload_memory_bytes"));
    line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
}

async fn until_nothing_is_held(world: &Fixture) {
    eventually(async || held(world).await == 0).await;
}

/// Room for four parts beside the reserve for small files.
async fn narrow(max_wait: Duration) -> Fixture {
    Fixture::with(|config| {
        config.upload.part_size = 750 << 10;
        config.upload.memory = 4 << 20;
        config.upstream.max_wait = max_wait;
        config.mounts[0].rapid_upload = false;
    })
    .await
}

// Keeps 97.
#[tokio::test]
async fn seven_uploads_that_trickle_hold_nobody_up() {
    let world = narrow(Duration::from_secs(4)).await;
    world.hrefs("/dav/").await;
    let mut slow = Vec::new();
    for n in 0..7 {
        let (pieces, body) = by_hand();
        let size = 2_000_000;
        let put = world.request("PUT", &format!("/dav/slow{n}")).header("x-expected-entity-length", size).body(body);
        let put = tokio::spawn(put.send());
        let trickle = tokio::spawn(async move {
            let content = noise(size);
            pieces.send(Ok(content[..700_000].to_vec().into())).await.unwrap();
            for piece in content[700_000..].chunks(50_000) {
                // The pace of a slow client is what this is about.
                tokio::time::sleep(Duration::from_millis(300)).await;
                pieces.send(Ok(piece.to_vec().into())).await.unwrap();
            }
        });
        slow.push((put, trickle));
    }
    // As many as fit have begun; the others wait.
    eventually(async || held(&world).await >= 4 * 700_000).await;
    let started = std::time::Instant::now();
    let small = world.request("PUT", "/dav/small").body("x").send();
    assert_eq!(tokio::time::timeout(Duration::from_secs(2), small).await.unwrap().unwrap().status(), 201);
    // A large one as well gets its turn, because those that are slow send what they have.
    let large = world.request("PUT", "/dav/large").body(noise(3_000_000)).send().await.unwrap();
    assert_eq!(large.status(), 201);
    assert!(started.elapsed() < Duration::from_secs(9), "{:?}", started.elapsed());
    for (n, (put, trickle)) in slow.into_iter().enumerate() {
        assert_eq!(put.await.unwrap().unwrap().status(), 201);
        trickle.await.unwrap();
        assert_eq!(sha1(&world.sim.read(&format!("/slow{n}")).unwrap()), sha1(&noise(2_000_000)));
    }
    until_nothing_is_held(&world).await;
}

// Keeps 97.
#[tokio::test]
async fn who_waits_in_vain_for_memory_is_told_to_come_back() {
    let world = narrow(Duration::from_millis(400)).await;
    world.hrefs("/dav/").await;
    // Their clients say nothing more, so nothing of theirs can be sent.
    let mut silent = Vec::new();
    for n in 1..=4 {
        let (pieces, body) = by_hand();
        let put = world.request("PUT", &format!("/dav/silent{n}")).header("content-length", 700_000).body(body);
        let put = tokio::spawn(put.send());
        pieces.send(Ok(noise(690_000).into())).await.unwrap();
        eventually(async || held(&world).await >= n * 690_000).await;
        silent.push((pieces, put));
    }
    let answer = world.request("PUT", "/dav/large").body(noise(3_000_000)).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(world.request("PUT", "/dav/small").body("x").send().await.unwrap().status(), 201);
    drop(silent);
    until_nothing_is_held(&world).await;
    assert_eq!(world.request("PUT", "/dav/large").body(noise(3_000_000)).send().await.unwrap().status(), 201);
}

// Keeps 97.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_uploads_stay_within_the_bound_and_give_all_of_it_back() {
    let world = narrow(Duration::from_secs(60)).await;
    world.hrefs("/dav/").await;
    let content = noise(820_000);
    let all = (0..100).map(|n| {
        let put = world.request("PUT", &format!("/dav/{n}")).body(content.clone()).send();
        tokio::spawn(put)
    });
    let all: Vec<_> = all.collect();
    let mut most = 0;
    while !all.iter().all(tokio::task::JoinHandle::is_finished) {
        most = most.max(held(&world).await);
    }
    assert!(most > 1 << 20 && most <= 4 << 20, "{most}");
    for (n, put) in all.into_iter().enumerate() {
        assert_eq!(put.await.unwrap().unwrap().status(), 201);
        assert_eq!(sha1(&world.sim.read(&format!("/{n}")).unwrap()), sha1(&content));
    }
    until_nothing_is_held(&world).await;
}

// Keeps 97.
#[tokio::test]
async fn a_file_whose_parts_find_no_room_is_refused_with_the_remedy() {
    let world = narrow(Duration::from_secs(1)).await;
    let (_pieces, body) = by_hand();
    let put = world.request("PUT", "/dav/a").header("x-expected-entity-length", 1u64 << 40).body(body);
    let answer = put.send().await.unwrap();
    assert_eq!(answer.status(), 413);
    assert!(answer.text().await.unwrap().contains("upload.memory"));
}

/// A client that resets its stream over HTTP/2 leaves the connection open, and the server no other sign.
// Keeps 85.
#[tokio::test]
async fn an_upload_reset_at_any_point_leaves_nothing() {
    let world = Fixture::with(|config| config.upload.part_size = 200_000).await;
    world.hrefs("/dav/").await;
    let http2 = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    // The place of the proof depends on the size: in the first part, or behind it, where the body waits on disk.
    for size in 400_001..400_009 {
        let content = noise(size);
        world.sim.write("/known", content.clone());
        for moment in [Moment::Start, Moment::End] {
            for call in 0..2 {
                let mut gate = world.sim.gate("openFile/create", &[moment]);
                let (pieces, body) = by_hand();
                let put = http2
                    .put(world.url("/dav/a"))
                    .header("oc-checksum", format!("SHA1:{}", sha1(&content)))
                    .header("content-length", size)
                    .body(body);
                let put = tokio::spawn(put.send());
                pieces.send(Ok(content[..size - 1].to_vec().into())).await.unwrap();
                let mut held = gate.arrival().await;
                if call == 1 {
                    held.go_on();
                    match tokio::time::timeout(Duration::from_millis(300), gate.arrival()).await {
                        Ok(second) => held = second,
                        // The first call was the offer itself.
                        Err(_) => continue,
                    }
                }
                put.abort();
                put.await.unwrap_err();
                drop(pieces);
                // Over a connection that serves others meanwhile.
                assert_eq!(http2.get(world.url("/healthz")).send().await.unwrap().status(), 200);
                held.go_on();
                drop(gate);
                until_removed(&world).await;
            }
        }
    }
}

/// Waits for what may still be under way, and sees that nothing is there.
async fn until_removed(world: &Fixture) {
    // Nothing tells that something will not happen any more.
    tokio::time::sleep(Duration::from_millis(100)).await;
    until(|| world.sim.read("/a").is_none()).await;
}
