//! How long links and part addresses are used: by the service's word in whatever form it comes, and not beyond.

use std::time::Duration;

use alidav::drive::{Freshness, Path};
use alidav::sim::{Expiration, Fault, FaultKind, Options, Rules, SignatureVersion, Simulator};
use bytes::Bytes;

use crate::harness::{Fixture, header, noise, rules, sha1, until};

const VERSIONS: [SignatureVersion; 2] = [SignatureVersion::V4, SignatureVersion::V2];

/// A world by other rules, with a long film that has been listed.
async fn world(change: impl FnOnce(&mut Rules)) -> Fixture {
    let mut rules = rules();
    change(&mut rules);
    let sim = Simulator::start(Options { rules, ..Options::default() }).await.unwrap();
    sim.write_generated("/film.mkv", 3 << 30, 1);
    let world = Fixture::over(sim, |config| config.upload.part_size = 200_000).await;
    world.hrefs("/dav/").await;
    world.sim.reset_calls();
    world
}

fn link_calls(world: &Fixture) -> u64 {
    world.sim.calls().get("openFile/getDownloadUrl").copied().unwrap_or(0)
}

async fn seeks(world: &Fixture, count: u64) {
    for seek in 0..count {
        let start = (1 << 20) + seek * 15_000_000;
        let answer = world.range("/dav/film.mkv", &format!("bytes={start}-{}", start + 999)).await;
        assert_eq!((answer.status().as_u16(), answer.bytes().await.unwrap().len()), (206, 1000));
    }
}

async fn redirect(world: &Fixture) -> String {
    let answer = world.get("/dav/film.mkv?link_policy=redirect").await;
    assert_eq!(answer.status(), 302);
    header(&answer, "location").to_owned()
}

// Keeps 44.
#[tokio::test]
async fn two_hundred_seeks_and_two_redirects_cost_one_call_a_link_s_life() {
    for version in VERSIONS {
        let world = world(|rules| rules.signature = version).await;
        seeks(&world, 200).await;
        assert_eq!(redirect(&world).await, redirect(&world).await);
        assert_eq!(world.calls(), [("openFile/getDownloadUrl".to_owned(), 1)], "{version:?}");
        world.sim.expire_links();
        seeks(&world, 200).await;
        redirect(&world).await;
        assert_eq!(world.calls(), [("openFile/getDownloadUrl".to_owned(), 2)], "{version:?}");
    }
}

/// Seconds that a link of such a service lives; three reads and a redirect have cost one call.
async fn life(case: &str, change: impl FnOnce(&mut Rules)) -> i64 {
    let world = world(change).await;
    seeks(&world, 3).await;
    redirect(&world).await;
    assert_eq!(link_calls(&world), 1, "{case}");
    let tree = world.server.tree();
    let film = tree.stat(&Path::parse("/film.mkv").unwrap(), Freshness::Cached).await.unwrap();
    i64::try_from(tree.link(&film, Duration::ZERO).await.unwrap().life.whole().as_secs()).unwrap()
}

// Keeps 45.
#[tokio::test]
async fn a_link_lives_as_long_as_the_service_means_whatever_form_that_has() {
    for version in VERSIONS {
        for expiration in [Expiration::Right, Expiration::Null, Expiration::Past, Expiration::Number] {
            let case = format!("{version:?}, {expiration:?}");
            let life = life(&case, |rules| (rules.signature, rules.link_expiration) = (version, expiration)).await;
            assert!((897..=900).contains(&life), "{case}: {life} s");
        }
    }
}

// Keeps 45.
#[tokio::test]
async fn a_clock_that_is_ten_minutes_off_does_not_matter() {
    for version in VERSIONS {
        for (offset, dated) in [(-600, true), (600, true), (-600, false), (600, false)] {
            let case = format!("{version:?}, {offset} s, dated: {dated}");
            let life = life(&case, |rules| {
                (rules.signature, rules.clock_offset_s, rules.dated) = (version, offset, dated);
            })
            .await;
            // An answer without a date leaves version 2 to our own clock.
            let ours = if dated || version == SignatureVersion::V4 { 0 } else { offset };
            assert!((897..=900).contains(&(life - ours)), "{case}: {life} s");
        }
    }
}

#[tokio::test]
async fn a_film_whose_link_expires_twice_on_the_way_arrives_whole() {
    for version in VERSIONS {
        let world = world(|rules| rules.signature = version).await;
        world.sim.write_generated("/short.mkv", 30_000_000, 6);
        let expected = sha1(&world.sim.read("/short.mkv").unwrap());
        let fresh = world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache");
        fresh.send().await.unwrap();
        let cut = FaultKind::Cut { after: 8_000_000 };
        for (skip, kind) in [cut.clone(), FaultKind::ExpireLink, cut, FaultKind::ExpireLink].into_iter().enumerate() {
            world.sim.fault(Fault::once("data GET", kind).after(skip as u64));
        }
        let received = world.get("/dav/short.mkv").await.bytes().await.unwrap();
        assert_eq!(sha1(&received), expected, "{version:?}");
        assert_eq!((link_calls(&world), world.sim.calls()["data GET"]), (3, 5), "{version:?}");
    }
}

#[tokio::test]
async fn a_part_whose_address_dies_after_the_one_before_is_sent_to_a_new_one() {
    for version in VERSIONS {
        let world = world(|rules| (rules.signature, rules.part_url_s) = (version, 900)).await;
        let content = noise(900_000);
        let (pieces, body) = tokio::sync::mpsc::channel::<Bytes>(1);
        let body = futures_util::stream::unfold(body, |mut body| async {
            Some((Ok::<_, std::io::Error>(body.recv().await?), body))
        });
        let put = world.request("PUT", "/dav/a.bin").header("x-expected-entity-length", "900000");
        let put = tokio::spawn(put.body(reqwest::Body::wrap_stream(body)).send());
        pieces.send(Bytes::copy_from_slice(&content[..450_000])).await.unwrap();
        until(|| world.sim.calls().get("data PUT").is_some_and(|parts| *parts == 2)).await;
        world.sim.expire_links();
        pieces.send(Bytes::copy_from_slice(&content[450_000..])).await.unwrap();
        drop(pieces);
        assert_eq!(put.await.unwrap().unwrap().status(), 201, "{version:?}");
        assert_eq!(sha1(&world.sim.read("/a.bin").unwrap()), sha1(&content), "{version:?}");
        let calls = world.sim.calls();
        // Five parts, of which one was sent twice.
        assert_eq!((calls["data PUT"], calls["openFile/getUploadUrl"]), (6, 1), "{version:?}");
    }
}

#[tokio::test]
async fn a_service_that_refuses_a_get_without_a_range_refuses_nothing_of_ours() {
    let world = world(|rules| rules.bare_get = false).await;
    world.sim.write("/a.bin", "content");
    world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache").send().await.unwrap();
    assert_eq!(world.get("/dav/a.bin").await.text().await.unwrap(), "content");
}
