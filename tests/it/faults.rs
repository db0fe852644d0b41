//! What a client sees when the drive goes wrong: the truth, and never less than the truth.

use std::time::Duration;

use alidav::sim::{Fault, FaultKind, Moment, Options, RateShape, Rules, Simulator};
use futures_util::StreamExt as _;

use crate::harness::{Fixture, header, sha1};

fn code(status: u16, code: &str) -> FaultKind {
    FaultKind::Code { status, code: code.to_owned(), retry_after_ms: None }
}

fn throttled(ms: u64) -> FaultKind {
    FaultKind::Code { status: 429, code: "TooManyRequests".to_owned(), retry_after_ms: Some(ms) }
}

/// Waits are short, so that what is given up is given up soon.
async fn impatient() -> Fixture {
    Fixture::with(|config| config.upstream.max_wait = Duration::from_secs(2)).await
}

// Keeps 12.
#[tokio::test]
async fn a_throttled_listing_is_503_with_a_time_and_never_empty_or_missing() {
    let world = impatient().await;
    world.sim.write("/f/a", "x");
    world.hrefs("/dav/").await;
    world.sim.fault(Fault::always("openFile/list", throttled(3300)));
    let answer = world.propfind("/dav/f/", "1").await;
    assert_eq!((answer.status().as_u16(), header(&answer, "retry-after")), (503, "4"));
    assert!(answer.text().await.unwrap().contains("limiting the rate"));
    assert_eq!(world.get("/dav/f/a").await.status(), 503);
}

// Keeps 54.
#[tokio::test]
async fn a_short_throttle_is_waited_out() {
    let world = Fixture::start().await;
    world.sim.write("/f/a", "x");
    world.sim.fault(Fault::once("openFile/list", throttled(50)));
    assert_eq!(world.hrefs("/dav/f/").await.len(), 2);
}

// Keeps 13.
#[tokio::test]
async fn a_stale_listing_is_served_while_the_drive_throttles_or_is_down() {
    for kind in [throttled(60_000), code(500, "InternalError"), FaultKind::CloseBefore] {
        let world = Fixture::with(|config| {
            config.cache.list_ttl = Duration::ZERO;
            config.upstream.max_wait = Duration::from_secs(1);
        })
        .await;
        world.sim.write("/f/a", "x");
        assert_eq!(world.hrefs("/dav/f/").await.len(), 2);
        world.sim.fault(Fault::always("openFile/list", kind));
        for _ in 0..3 {
            assert_eq!(world.hrefs("/dav/f/").await.len(), 2);
        }
    }
}

#[tokio::test]
async fn a_folder_reached_by_its_whole_path_is_served_stale_too() {
    let world = Fixture::with(|config| {
        config.cache.list_ttl = Duration::ZERO;
        config.upstream.max_wait = Duration::from_secs(1);
    })
    .await;
    world.sim.write("/a/b/c/file", "x");
    assert_eq!(world.hrefs("/dav/a/b/c/").await.len(), 2);
    assert_eq!(world.sim.calls()["openFile/get_by_path"], 1);
    for kind in [throttled(50), code(500, "InternalError"), FaultKind::CloseBefore] {
        world.sim.fault(Fault::always("*", kind));
        assert_eq!(world.hrefs("/dav/a/b/c/").await.len(), 2);
        world.sim.clear_faults();
    }
    world.sim.remove("/a/b/c");
    let gone = async { while world.propfind("/dav/a/b/c/", "0").await.status() != 404 {} };
    tokio::time::timeout(Duration::from_secs(30), gone).await.unwrap();
}

// Keeps 11.
#[tokio::test]
async fn a_listing_that_fails_on_its_second_page_fails_as_a_whole() {
    for kind in
        [code(400, "InvalidParameter.Marker"), FaultKind::BrokenJson, FaultKind::AllNull, FaultKind::CloseBefore]
    {
        let world = impatient().await;
        for n in 0..250 {
            world.sim.write(&format!("/f/{n}"), "x");
        }
        world.hrefs("/dav/").await;
        world.sim.fault(Fault::always("openFile/list", kind.clone()).after(1));
        let answer = world.propfind("/dav/f/", "1").await;
        assert!(answer.status().is_server_error(), "{kind:?}: {}", answer.status());
        world.sim.clear_faults();
        assert_eq!(world.hrefs("/dav/f/").await.len(), 251, "{kind:?}");
    }
}

// Keeps 12.
#[tokio::test]
async fn a_web_page_instead_of_an_answer_is_502_and_not_a_missing_file() {
    let world = impatient().await;
    world.sim.write("/f/a", "x");
    world.hrefs("/dav/").await;
    for (status, body) in
        [(200, "<html>log in</html>"), (404, "<html>not found</html>"), (404, ""), (403, "<html>blocked</html>")]
    {
        world.sim.fault(Fault::always("*", FaultKind::Text { status, body: body.to_owned() }));
        for path in ["/dav/f/", "/dav/f/a"] {
            assert_eq!(world.propfind(path, "0").await.status() == 207, path == "/dav/f/", "{status}");
            assert_eq!(world.propfind("/dav/f/", "1").await.status(), 502, "{status} {body}");
        }
        world.sim.clear_faults();
    }
}

#[tokio::test]
async fn errors_in_the_long_form_and_of_other_statuses_are_understood() {
    let world = impatient().await;
    world.sim.write("/f/a", "x");
    world.hrefs("/dav/f/").await;
    world.sim.rules(|rules| (rules.long_errors, rules.not_found_status) = (true, 400));
    world.sim.remove("/f");
    let gone = world.request("PROPFIND", "/dav/f/").header("depth", "1").header("cache-control", "no-cache");
    assert_eq!(gone.send().await.unwrap().status(), 404);
}

// Keeps 50, 52.
#[tokio::test]
async fn each_refusal_of_the_drive_has_its_status_and_its_remedy() {
    let world = impatient().await;
    world.by_links_alone();
    for (kind, status, word) in [
        (code(403, "ExceedCapacityForbidden"), 507, "capacity"),
        (code(403, "UserNotAllowedAccessResource"), 403, "UserNotAllowedAccessResource"),
        (code(400, "ForbiddenNoPermission.File"), 403, "frozen"),
        (code(404, "NotFound.File"), 404, "nothing is here"),
        (code(403, "PermissionDenied"), 503, "alidav login"),
        (throttled(60_000), 503, "rate"),
    ] {
        world.sim.write("/a", "x");
        let fresh = world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache");
        fresh.send().await.unwrap();
        world.sim.fault(Fault::always("openFile/getDownloadUrl", kind.clone()));
        let answer = world.get("/dav/a").await;
        assert_eq!(answer.status(), status, "{kind:?}");
        let text = answer.text().await.unwrap();
        assert!(text.contains("D:error") && (status == 404 || text.contains(word)), "{kind:?}: {text}");
        world.sim.clear_faults();
    }
}

#[tokio::test]
async fn a_frozen_file_is_403_and_nobody_is_sent_to_the_notice_in_its_place() {
    let world = Fixture::start().await;
    world.by_links_alone();
    for flag in [2, 103] {
        world.sim.write("/a", "x");
        world.sim.punish("/a", flag);
        let listing = world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache");
        listing.send().await.unwrap();
        world.sim.reset_calls();
        assert_eq!(world.get("/dav/a").await.status(), 403, "{flag}");
        assert_eq!(world.get("/dav/a?link_policy=redirect").await.status(), 403, "{flag}");
        assert_eq!(world.sim.api_calls(), 0);
    }
    // Frozen since it was listed: the drive says so.
    world.sim.write("/b", "x");
    world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache").send().await.unwrap();
    world.sim.punish("/b", 2);
    assert_eq!(world.get("/dav/b").await.status(), 403);
}

#[tokio::test]
async fn an_answer_without_a_link_is_asked_for_again_and_then_503() {
    let world = Fixture::start().await;
    world.by_links_alone();
    world.sim.write("/a", "x");
    world.sim.fault(Fault::once("openFile/getDownloadUrl", FaultKind::AllNull));
    assert_eq!(world.get("/dav/a").await.text().await.unwrap(), "x");
    world.sim.write("/b", "x");
    world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache").send().await.unwrap();
    world.sim.fault(Fault::always("openFile/getDownloadUrl", FaultKind::AllNull));
    assert_eq!(world.get("/dav/b").await.status(), 503);
}

/// Fetches a film of 20 MB while the data host goes wrong, and compares what arrived.
async fn arrives_whole(kinds: &[FaultKind]) {
    let world = Fixture::start().await;
    world.sim.write_generated("/film", 20_000_000, 5);
    let expected = sha1(&world.sim.read("/film").unwrap());
    world.hrefs("/dav/").await;
    for kind in kinds {
        world.sim.fault(Fault::once("data GET", kind.clone()));
    }
    let answer = world.get("/dav/film").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(sha1(&answer.bytes().await.unwrap()), expected, "{kinds:?}");
    assert!(world.sim.calls()["data GET"] > 1);
}

// Keeps 26, 32.
#[tokio::test]
async fn a_film_arrives_whole_over_cuts_expired_links_and_errors() {
    let cut = |after| FaultKind::Cut { after };
    arrives_whole(&[cut(0)]).await;
    arrives_whole(&[cut(1), cut(999_999), cut(5_000_000)]).await;
    arrives_whole(&[FaultKind::ExpireLink]).await;
    arrives_whole(&[cut(7_000_000), FaultKind::ExpireLink, FaultKind::ExpireLink]).await;
    arrives_whole(&[cut(3_000_000), code(503, "ServiceUnavailable"), code(500, "InternalError")]).await;
    arrives_whole(&[cut(3_000_000), FaultKind::CloseBefore, FaultKind::Text { status: 502, body: "<html>".into() }])
        .await;
    arrives_whole(&[cut(3_000_000), code(403, "RequestDeniedByCallback")]).await;
    arrives_whole(&[cut(3_000_000), FaultKind::IgnoreRange]).await;
    arrives_whole(&[FaultKind::Redirect, cut(3_000_000), FaultKind::Redirect, FaultKind::Redirect]).await;
    arrives_whole(&[FaultKind::Encoded, cut(3_000_000), FaultKind::Encoded]).await;
}

#[tokio::test]
async fn a_film_whose_link_expires_in_the_middle_arrives_whole() {
    let world = Fixture::start().await;
    world.sim.write_generated("/film", 30_000_000, 6);
    let expected = sha1(&world.sim.read("/film").unwrap());
    world.sim.fault(Fault::once("data GET", FaultKind::Cut { after: 10_000_000 }));
    let mut answer = world.get("/dav/film").await.bytes_stream();
    let mut received = answer.next().await.unwrap().unwrap().to_vec();
    world.sim.expire_links();
    while let Some(bytes) = answer.next().await {
        received.extend_from_slice(&bytes.unwrap());
    }
    assert_eq!(sha1(&received), expected);
    assert_eq!(world.sim.calls()["openFile/getDownloadUrl"], 2);
}

// Keeps 32.
#[tokio::test]
async fn a_stalled_host_is_left_for_a_new_connection() {
    let world = Fixture::with(|config| config.timeouts.silent_body = Duration::from_secs(1)).await;
    world.sim.write_generated("/film", 2_000_000, 7);
    let expected = sha1(&world.sim.read("/film").unwrap());
    world.sim.fault(Fault::once("data GET", FaultKind::Stall { after: 700_000 }));
    let received = world.get("/dav/film").await.bytes().await.unwrap();
    assert_eq!(sha1(&received), expected);
}

// Keeps 26.
#[tokio::test]
async fn what_cannot_be_resumed_ends_short_and_is_never_padded() {
    let world = Fixture::start().await;
    world.sim.write_generated("/film", 20_000_000, 8);
    world.sim.fault(Fault::once("data GET", FaultKind::Cut { after: 5_000_000 }));
    world.sim.fault(Fault::always("data GET", FaultKind::DifferentEntity));
    let answer = world.get("/dav/film").await;
    assert_eq!(header(&answer, "content-length"), "20000000");
    let mut received = 0;
    let mut broken = false;
    let mut stream = answer.bytes_stream();
    while let Some(bytes) = stream.next().await {
        match bytes {
            Ok(bytes) => received += bytes.len(),
            Err(_) => broken = true,
        }
    }
    assert!(broken && received <= 5_000_000, "{received}");
}

// Keeps 49.
#[tokio::test]
async fn a_file_replaced_behind_our_back_is_served_as_it_is_now() {
    let world = Fixture::start().await;
    world.sim.write("/a", "the old content");
    world.hrefs("/dav/").await;
    world.sim.write("/a", "the new, longer content");
    let answer = world.get("/dav/a").await;
    assert_eq!(header(&answer, "content-length"), "23");
    assert_eq!(answer.text().await.unwrap(), "the new, longer content");
    world.sim.remove("/a");
    assert_eq!(world.request("GET", "/dav/a").send().await.unwrap().status(), 404);
}

// Keeps 49.
#[tokio::test]
async fn a_file_that_is_replaced_again_and_again_is_never_told_to_be_gone() {
    let world = Fixture::start().await;
    world.by_links_alone();
    for (replaced, status) in [(1, 200), (2, 200), (3, 503)] {
        world.sim.write("/a", "at first");
        world.request("PROPFIND", "/dav/").header("cache-control", "no-cache").send().await.unwrap();
        let mut gate = world.sim.gate("openFile/getDownloadUrl", &[Moment::Start]);
        let replace = async {
            for time in 1..=replaced {
                let held = gate.arrival().await;
                world.sim.remove("/a");
                world.sim.write("/a", format!("version {time}"));
                drop(held);
            }
            drop(gate);
        };
        let (answer, ()) = tokio::join!(world.get("/dav/a"), replace);
        assert_eq!(answer.status(), status, "replaced {replaced} times");
        if status == 200 {
            assert_eq!(answer.text().await.unwrap(), format!("version {replaced}"));
        } else {
            assert!(answer.headers().contains_key("retry-after"));
        }
    }
}

#[tokio::test]
async fn a_file_that_became_shorter_behind_our_back_is_served_as_it_is_now() {
    let world = Fixture::start().await;
    world.by_links_alone();
    world.sim.rules(|rules| rules.link_hashes = false);
    for (range, status, content) in [
        (None, 200, "short"),
        (Some("bytes=2-20"), 206, "ort"),
        (Some("bytes=9-"), 416, ""),
        (Some("bytes=-2"), 206, "rt"),
    ] {
        world.sim.write("/a", "the old, longer content");
        let listing = world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache");
        listing.send().await.unwrap();
        world.sim.overwrite("/a", "short");
        world.sim.reset_calls();
        let request = world.request("GET", "/dav/a");
        let request = if let Some(range) = range { request.header("range", range) } else { request };
        let answer = request.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (status, content), "{range:?}");
        assert!(world.sim.calls()["data GET"] <= 2, "{range:?}");
    }
}

#[tokio::test]
async fn a_host_that_knows_no_ranges_gives_beginnings() {
    let world = Fixture::start().await;
    world.by_links_alone();
    world.sim.write("/a", "content");
    world.sim.fault(Fault::always("data GET", FaultKind::IgnoreRange));
    assert_eq!(world.range("/dav/a", "bytes=2-").await.status(), 502);
    assert_eq!(world.range("/dav/a", "bytes=0-1").await.text().await.unwrap(), "co");
    // Not by range: what the range above left behind is not to help.
    assert_eq!(world.get("/dav/a").await.text().await.unwrap(), "content");
}

#[tokio::test]
async fn a_throttling_data_host_is_503_with_a_time() {
    let world = Fixture::start().await;
    world.sim.write("/a", "x");
    world.sim.fault(Fault::always("data GET", code(429, "TooManyRequests")));
    let answer = world.get("/dav/a").await;
    assert_eq!((answer.status().as_u16(), header(&answer, "retry-after")), (503, "5"));
}

// Keeps 32.
#[tokio::test]
async fn a_film_that_plays_outlives_a_longer_outage_of_the_data_host() {
    let world = Fixture::with(|config| config.timeouts.first_reopening = Duration::from_millis(5)).await;
    world.by_links_alone();
    world.sim.write_generated("/film", 2_000_000, 7);
    world.sim.write("/a", "x");
    let expected = sha1(&world.sim.read("/film").unwrap());
    world.sim.fault(Fault::once("data GET", FaultKind::Cut { after: 700_000 }));
    // More tries than an answer that has not begun is worth.
    world.sim.fault(Fault { times: 9, ..Fault::once("data GET", code(503, "ServiceUnavailable")).after(1) });
    let received = world.get("/dav/film").await.bytes().await.unwrap();
    assert_eq!(sha1(&received), expected);
    // Who has got nothing yet is told sooner.
    world.sim.reset_calls();
    world.sim.fault(Fault::always("data GET", code(503, "ServiceUnavailable")));
    assert_eq!(world.get("/dav/a").await.status(), 502);
    assert_eq!(world.sim.calls()["data GET"], 6);
}

// Keeps 56.
#[tokio::test]
async fn with_no_network_the_server_starts_answers_503_and_says_why() {
    let world = Fixture::with(|config| {
        config.upstream.api_url = "http://127.0.0.1:9".parse().unwrap();
        config.accounts[0].oauth_token_urls = vec!["http://127.0.0.1:9/alicloud/renewapi".parse().unwrap()];
        config.upstream.max_wait = Duration::from_secs(1);
    })
    .await;
    let answer = world.propfind("/dav/", "1").await;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let health: serde_json::Value = serde_json::from_str(&world.get("/healthz").await.text().await.unwrap()).unwrap();
    assert_eq!(health["status"], "degraded");
    assert!(health["reasons"][0].as_str().unwrap().contains("127.0.0.1"), "{health}");
}

// Keeps 55.
#[tokio::test]
async fn call_rates_of_the_service_are_never_exceeded() {
    let sim = alidav::sim::Simulator::start(alidav::sim::Options::default()).await.unwrap();
    for n in 0..12 {
        sim.write(&format!("/{n}/file"), "x");
    }
    let world = Fixture::over(sim, |config| {
        config.upstream =
            alidav::config::Upstream { api_url: config.upstream.api_url.clone(), ..alidav::config::Upstream::default() }
    })
    .await;
    for href in &world.hrefs("/dav/").await[1..] {
        assert_eq!(world.hrefs(href).await.len(), 2);
    }
    // A refused call would have been made again and counted.
    assert_eq!(world.sim.calls()["openFile/list"], 13);
}

#[tokio::test]
async fn a_service_that_counts_its_rate_otherwise_is_met_without_a_failure() {
    for (shape, rate) in [(RateShape::Exact, 4.0), (RateShape::Exact, 3.9), (RateShape::Spaced, 4.0)] {
        let rules = Rules { rate_shape: shape, ..Rules::default() };
        let sim = Simulator::start(Options { rules, ..Options::default() }).await.unwrap();
        for n in 0..16 {
            sim.write(&format!("/{n}/file"), "x");
        }
        let world = Fixture::over(sim, |config| config.upstream.list_per_s = rate).await;
        let folders = world.hrefs("/dav/").await;
        let answers = folders[1..].iter().map(|href| world.propfind(href, "1"));
        for answer in futures_util::future::join_all(answers).await {
            assert_eq!(answer.status(), 207, "{shape:?}");
        }
        // Against the one that takes calls one by one, the first who go together are refused, but no more.
        let lists = world.sim.calls()["openFile/list"];
        assert!(lists <= if shape == RateShape::Spaced { 17 + 6 } else { 17 + 1 }, "{lists} at {shape:?}, {rate}");
    }
}
