//! Films through the proxy: right to the last byte over one or several connections, within the drive's
//! slots and alidav's memory, and nothing fetched for clients that left.

use std::time::Duration;

use alidav::drive::{ByteStream, Freshness, Path, Reader};
use alidav::sim::{Fault, FaultKind, Options, Rules, Simulator};
use futures_util::StreamExt as _;

use crate::harness::{Fixture, header, noise, rules, sha1, until};

const SIZE: usize = 9_000_000;

/// A film behind connections of 2 MB/s each, or of any speed.
async fn world(connections: usize, bytes_per_s: Option<u64>) -> (Fixture, Vec<u8>) {
    let rules = Rules { download_bytes_per_s: bytes_per_s, ..rules() };
    let sim = Simulator::start(Options { rules, ..Options::default() }).await.unwrap();
    let world = Fixture::over(sim, |config| {
        config.download.connections = connections;
        config.timeouts.silent_body = Duration::from_secs(2);
    })
    .await;
    let film = noise(SIZE);
    world.sim.write("/film.mkv", film.clone());
    world.hrefs("/dav/").await;
    (world, film)
}

async fn whole(world: &Fixture) -> Vec<u8> {
    let answer = world.range("/dav/film.mkv", "bytes=0-").await;
    assert_eq!(answer.status(), 206);
    answer.bytes().await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_arrives_whole_whatever_breaks_over_one_to_three_connections() {
    let code = |status: u16, code: &str| FaultKind::Code { status, code: code.into(), retry_after_ms: None };
    let films = (1..=3).map(|connections| async move {
        for kind in [
            FaultKind::ExpireLink,
            code(503, "ServiceUnavailable"),
            FaultKind::CloseBefore,
            FaultKind::Cut { after: 123_457 },
            FaultKind::Cut { after: 1_000_003 },
        ] {
            let (world, film) = world(connections, Some(6_000_000)).await;
            // Each of the first bodies goes wrong at another moment.
            for skip in [0, 1, 2] {
                world.sim.fault(Fault::once("data GET", kind.clone()).after(skip));
            }
            assert_eq!(sha1(&whole(&world).await), sha1(&film), "{connections} connections, {kind:?}");
        }
    });
    futures_util::future::join_all(films).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_arrives_whole_over_faults_at_random_bytes() {
    let films = (1..=3).map(|connections| async move {
        let (world, film) = world(connections, Some(6_000_000)).await;
        let mut state = connections as u64;
        let mut random = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for round in 0..4 {
            let mut plan = Vec::new();
            for skip in 0..4 {
                let kind = match random(8) {
                    0 => FaultKind::ExpireLink,
                    1 => FaultKind::Code { status: 503, code: "ServiceUnavailable".into(), retry_after_ms: None },
                    2 => FaultKind::CloseBefore,
                    3 => FaultKind::IgnoreRange,
                    4 if round == 0 => FaultKind::Stall { after: random(3_000_000) },
                    _ => FaultKind::Cut { after: random(3_000_000) },
                };
                plan.push(kind.clone());
                world.sim.fault(Fault::once("data GET", kind).after(skip + random(2)));
            }
            assert_eq!(sha1(&whole(&world).await), sha1(&film), "{connections} connections, round {round}: {plan:?}");
            world.sim.clear_faults();
        }
        world.sim.fault(Fault::once("data GET", FaultKind::Stall { after: 300_000 + random(3_000_000) }));
        assert_eq!(sha1(&whole(&world).await), sha1(&film), "{connections} connections, a stall");
        assert!(world.sim.peak_downloads() <= 3);
        world.sim.wait_open_downloads(0).await;
        assert_eq!(world.server.tree().download_memory(), 0);
    });
    futures_util::future::join_all(films).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_the_drive_goes_on_refusing_is_not_asked_for_again() {
    let rules = Rules { max_downloads: 2, download_bytes_per_s: Some(100_000), ..rules() };
    let sim = Simulator::start(Options { rules, ..Options::default() }).await.unwrap();
    let world = Fixture::over(sim, |config| config.upstream.max_wait = Duration::from_secs(5)).await;
    for name in ["/a.bin", "/b.bin", "/c.bin"] {
        world.sim.write(name, noise(2_000_000));
    }
    world.hrefs("/dav/").await;
    let _playing = [world.get("/dav/a.bin").await, world.get("/dav/b.bin").await];
    let refused = world.get("/dav/c.bin").await;
    assert_eq!((refused.status().as_u16(), refused.headers().contains_key("retry-after")), (503, true));
    let asked = world.sim.calls()["data GET"];
    assert!(asked > 5, "{asked}");
    assert_eq!(world.get("/dav/c.bin").await.status(), 503);
    assert_eq!(world.sim.calls()["data GET"], asked);
}

// Keeps 34.
#[tokio::test(flavor = "multi_thread")]
async fn a_film_does_without_further_connections_where_the_drive_refuses_them() {
    let (world, film) = world(3, Some(1_500_000)).await;
    // Other programs read by the same account.
    world.sim.rules(|rules| rules.max_downloads = 1);
    assert_eq!(sha1(&whole(&world).await), sha1(&film));
    // Five refusals of each that was to help it, of which three may be at it before the first gives up; its own bodies,
    // and where the drive has not seen the last one close yet a few refusals of the next: not as many as its length
    // allows.
    let asked = world.sim.calls()["data GET"];
    assert!(asked <= 24, "{asked} bodies were asked for");
}

// Keeps 34.
#[tokio::test(flavor = "multi_thread")]
async fn several_connections_are_opened_only_when_one_does_not_do_and_only_as_allowed() {
    // One after another: beside others the drive may still count a body that has been closed.
    for (connections, expected) in [(1, 1), (2, 2), (3, 3), (8, 3)] {
        let (world, film) = world(connections, Some(1_500_000)).await;
        assert_eq!(sha1(&whole(&world).await), sha1(&film));
        assert_eq!(world.sim.peak_downloads(), expected, "connections = {connections}");
        world.sim.wait_open_downloads(0).await;
        // What the first connection was about to send when the others took over is lost, and no more.
        let (sent, most) = (world.sim.downloaded(), SIZE as u64 + 300_000);
        assert!(sent <= most, "{sent} bytes for a film of {SIZE} over {connections} connections");
    }
    let (world, film) = world(3, None).await;
    assert_eq!(sha1(&whole(&world).await), sha1(&film));
    assert_eq!(world.sim.peak_downloads(), 1);
}

// Keeps 35.
#[tokio::test(flavor = "multi_thread")]
async fn three_connections_stay_three_and_within_what_may_be_ahead() {
    let rules = Rules { download_bytes_per_s: Some(5_000_000), ..rules() };
    let sim = Simulator::start(Options { rules, ..Options::default() }).await.unwrap();
    let world = Fixture::over(sim, |config| config.download.connections = 3).await;
    world.sim.write_generated("/film.mkv", 80_000_000, 1);
    world.hrefs("/dav/").await;
    let mut body = world.range("/dav/film.mkv", "bytes=0-").await.bytes_stream();
    let mut got = 0;
    let mut read = async |enough: usize| {
        while got < enough {
            got += body.next().await.unwrap().unwrap().len();
            // And both edges, which are recorded as they pass.
            assert!(world.server.tree().download_memory() <= (8 << 20) + (512 << 10));
        }
        got
    };
    // Each time long after the first ranges, which have room enough.
    for enough in [30_000_000, 40_000_000, 50_000_000] {
        read(enough).await;
        tokio::select! {
            biased;
            () = world.sim.wait_open_downloads(3) => {}
            got = read(enough + 9_000_000) => panic!("fewer than three bodies were open up to {got}"),
        }
    }
}

/// A film behind connections of 6 MB/s each, read as a player does, three at once, over so much memory.
async fn film_over_three(max_streams: usize, read_ahead: u64, memory: u64) -> (Fixture, Vec<u8>) {
    let rules = Rules { download_bytes_per_s: Some(6_000_000), max_downloads: max_streams, ..rules() };
    let sim = Simulator::start(Options { rules, ..Options::default() }).await.unwrap();
    let world = Fixture::over(sim, |config| {
        config.upstream.max_streams = max_streams;
        (config.download.connections, config.download.read_ahead) = (3, read_ahead);
        config.download.memory = memory;
    })
    .await;
    let film = noise(4 * SIZE);
    world.sim.write("/film.mkv", film.clone());
    world.sim.write("/other.mkv", noise(4 * SIZE));
    world.hrefs("/dav/").await;
    (world, film)
}

async fn stream(world: &Fixture, path: &str, id: u64) -> ByteStream {
    let file = world.server.tree().stat(&Path::parse(path).unwrap(), Freshness::Cached).await.unwrap();
    let reader = Reader { id, open_ended: true, urgent: true, by_range: false };
    world.server.tree().read(&file, 0..4 * SIZE as u64, reader).await.unwrap()
}

// Keeps 34.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_film_gives_the_slots_of_its_further_connections_at_once() {
    let (world, film) = film_over_three(3, 4 << 20, 256 << 20).await;
    let mut stream = stream(&world, "/film.mkv", 1).await;
    let mut got = Vec::new();
    while world.sim.peak_downloads() < 3 {
        got.extend_from_slice(&stream.next().await.unwrap().unwrap());
    }
    // A paused film's own slot is taken after ten seconds only; with two of three given back, both readers are served.
    let read = |range: &'static str| world.range("/dav/other.mkv", range);
    let both = async { tokio::join!(read("bytes=1000000-1000009"), read("bytes=2000000-2000009")) };
    let (one, two) = tokio::time::timeout(Duration::from_secs(9), both).await.expect("the slots were kept");
    assert_eq!((one.status().as_u16(), two.status().as_u16()), (206, 206));
    drop((one, two));
    let ready = world.server.tree().download_memory();
    assert!((1..=4 << 20).contains(&ready), "{ready} bytes lie ready for the paused film");
    while let Some(frame) = stream.next().await {
        got.extend_from_slice(&frame.unwrap());
    }
    assert!(got == film);
    assert!(world.sim.peak_downloads() <= 3);
}

// Keeps 35.
#[tokio::test(flavor = "multi_thread")]
async fn a_film_over_three_connections_is_whole_and_within_its_bound_at_any_pace_over_cuts() {
    let (world, film) = film_over_three(3, 4 << 20, 256 << 20).await;
    // Bodies that end in the middle of a range, at its beginning, and one whose link expires.
    for (skip, after) in [(1, 1_500_000), (2, 700_000), (4, 1), (6, 2_000_001)] {
        world.sim.fault(Fault::once("data GET", FaultKind::Cut { after }).after(skip));
    }
    world.sim.fault(Fault::once("data GET", FaultKind::ExpireLink).after(5));
    let mut stream = stream(&world, "/film.mkv", 1).await;
    let mut got = Vec::new();
    let mut stop = 8_000_000;
    while let Some(frame) = stream.next().await {
        got.extend_from_slice(&frame.unwrap());
        // And a frame of the first body, which was being read ahead of its client.
        assert!(world.server.tree().download_memory() <= (4 << 20) + (1 << 20));
        match got.len() {
            // A player that has buffered enough pauses, longer than any range waits, ...
            length if length >= stop && stop <= 24_000_000 => {
                tokio::time::sleep(Duration::from_millis(1500)).await;
                stop += 8_000_000;
            }
            // ... plays on, ...
            length if length / 1_000_000 % 8 == 1 => tokio::time::sleep(Duration::from_millis(5)).await,
            // ... and buffers again.
            _ => {}
        }
    }
    assert!(got == film);
    drop(stream);
    assert_eq!(world.server.tree().download_memory(), 0);
}

// Keeps 35.
#[tokio::test(flavor = "multi_thread")]
async fn a_film_goes_on_when_another_that_has_paused_holds_all_memory() {
    let (world, _) = film_over_three(6, 8 << 20, 2 << 20).await;
    let mut paused = stream(&world, "/film.mkv", 1).await;
    while world.sim.peak_downloads() < 3 {
        paused.next().await.unwrap().unwrap();
    }
    let most = (2 << 20) - (256 << 10);
    until(|| world.server.tree().download_memory() >= most - (1 << 20)).await;
    let mut other = stream(&world, "/other.mkv", 2).await;
    let mut got = Vec::new();
    while let Some(frame) = other.next().await {
        got.extend_from_slice(&frame.unwrap());
        assert!(world.server.tree().download_memory() <= most);
    }
    assert_eq!(sha1(&got), sha1(&noise(4 * SIZE)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_somebody_waits_for_is_not_kept_for_a_faster_film() {
    let (world, film) = world(3, Some(1_500_000)).await;
    world.request("COPY", "/dav/film.mkv").header("destination", world.url("/dav/other.mkv")).send().await.unwrap();
    let (one, two) = tokio::join!(whole(&world), async {
        until(|| world.sim.peak_downloads() >= 3).await;
        let answer = world.range("/dav/other.mkv", "bytes=100-199").await;
        answer.bytes().await.unwrap()
    });
    assert_eq!(sha1(&one), sha1(&film));
    assert_eq!(two, film[100..200]);
    assert!(world.sim.peak_downloads() <= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_seeks_give_what_the_file_has() {
    let (world, film) = world(2, None).await;
    let mut state = 7u64;
    for seek in 0..1000u64 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(state >> 33).unwrap() % SIZE;
        let length = usize::try_from(state >> 20 & 0x3ffff).unwrap().clamp(1, SIZE - at);
        let range = if seek % 3 == 0 { format!("bytes={at}-") } else { format!("bytes={at}-{}", at + length - 1) };
        let answer = world.range("/dav/film.mkv", &range).await;
        assert_eq!(answer.status(), 206, "{range}");
        let mut body = answer.bytes_stream();
        let mut got = Vec::new();
        while got.len() < length {
            got.extend_from_slice(&body.next().await.unwrap().unwrap());
        }
        // Open-ended reads are left in the middle, as players leave them.
        assert!(got[..length] == film[at..at + length], "seek {seek}: {range}");
    }
    assert!(world.sim.peak_downloads() <= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_left_frees_every_slot_and_fetches_nothing_more() {
    let (world, _) = world(3, Some(1_000_000)).await;
    let mut body = world.range("/dav/film.mkv", "bytes=0-").await.bytes_stream();
    while world.sim.peak_downloads() < 3 {
        body.next().await.unwrap().unwrap();
    }
    drop(body);
    tokio::time::timeout(Duration::from_secs(10), world.sim.wait_open_downloads(0)).await.unwrap();
    let asked = world.sim.calls()["data GET"];
    // The next film's first answer comes after whatever the old one might still have asked for.
    world.range("/dav/film.mkv", "bytes=4000000-4000009").await.bytes().await.unwrap();
    assert_eq!(world.sim.calls()["data GET"], asked + 1);
    assert_eq!(world.server.tree().download_memory(), 0);
}

// Keeps 35.
#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_readers_stays_within_the_memory() {
    let rules = Rules { max_downloads: 100, ..rules() };
    let sim = Simulator::start(Options { rules, ..Options::default() }).await.unwrap();
    let world = Fixture::over(sim, |config| {
        config.upstream.max_streams = 100;
        config.download.memory = 4 << 20;
        config.download.connections = 3;
    })
    .await;
    let film = noise(SIZE);
    world.sim.write("/film.mkv", film.clone());
    world.hrefs("/dav/").await;
    let readers = (0..40).map(|number| {
        let (world, film) = (&world, &film);
        async move {
            let at = number * 200_000;
            let answer = world.range("/dav/film.mkv", &format!("bytes={at}-{}", at + 999_999)).await;
            let mut body = answer.bytes_stream();
            let mut got = Vec::new();
            while let Some(piece) = body.next().await {
                got.extend_from_slice(&piece.unwrap());
                assert!(world.server.tree().download_memory() <= 4 << 20);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert!(got == film[at..at + 1_000_000]);
        }
    });
    futures_util::future::join_all(readers).await;
    assert_eq!(world.server.tree().download_memory(), 0);
}

// Keeps 36.
#[tokio::test(flavor = "multi_thread")]
async fn the_edges_of_a_film_are_fetched_once_and_never_of_an_older_one() {
    let (world, film) = world(1, None).await;
    world.range("/dav/film.mkv", "bytes=0-999999").await.bytes().await.unwrap();
    world.range("/dav/film.mkv", &format!("bytes={}-", SIZE - 300_000)).await.bytes().await.unwrap();
    let asked = world.sim.calls()["data GET"];
    assert_eq!(world.range("/dav/film.mkv", "bytes=0-1").await.bytes().await.unwrap(), film[..2]);
    assert_eq!(world.range("/dav/film.mkv", "bytes=1000-9999").await.bytes().await.unwrap(), film[1000..10_000]);
    assert_eq!(world.range("/dav/film.mkv", "bytes=-1000").await.bytes().await.unwrap(), film[SIZE - 1000..]);
    assert_eq!(world.sim.calls()["data GET"], asked);
    // What goes beyond the edge begins with it and goes on from the drive.
    assert_eq!(sha1(&whole(&world).await), sha1(&film));
    assert_eq!(world.sim.calls()["data GET"], asked + 1);
    let other: Vec<u8> = film.iter().map(|byte| byte ^ 0xff).collect();
    assert_eq!(world.request("PUT", "/dav/film.mkv").body(other.clone()).send().await.unwrap().status(), 204);
    let answer = world.range("/dav/film.mkv", "bytes=0-99").await;
    assert_eq!(header(&answer, "content-range"), format!("bytes 0-99/{SIZE}"));
    assert_eq!(answer.bytes().await.unwrap(), other[..100]);
}

// Keeps 36.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_of_a_film_is_not_joined_to_other_content() {
    let (world, film) = world(1, None).await;
    world.sim.rules(|rules| rules.link_hashes = false);
    world.range("/dav/film.mkv", "bytes=0-999999").await.bytes().await.unwrap();
    let other: Vec<u8> = film.iter().map(|byte| byte ^ 0xff).collect();
    // Of the same length, behind the same id: only the data host's own word tells them apart.
    world.sim.overwrite("/film.mkv", other.clone());
    let answer = world.range("/dav/film.mkv", "bytes=0-").await;
    assert!(answer.bytes().await.is_err(), "the beginning of the old film went on with the new one");
    assert_eq!(sha1(&whole(&world).await), sha1(&other));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_ranges_of_one_answer_are_of_one_version() {
    let (world, film) = world(1, Some(3_000_000)).await;
    world.sim.rules(|rules| rules.link_hashes = false);
    let mut body = world.range("/dav/film.mkv", "bytes=1000000-4999999,6000000-7999999").await.bytes_stream();
    body.next().await.unwrap().unwrap();
    world.sim.overwrite("/film.mkv", film.iter().map(|byte| byte ^ 0xff).collect::<Vec<u8>>());
    let mut broken = false;
    while let Some(piece) = body.next().await {
        broken |= piece.is_err();
    }
    assert!(broken, "the second range was of another version");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_ready_for_a_leisurely_client_grows_with_what_it_took() {
    let (world, film) = world(1, None).await;
    let tree = world.server.tree();
    let file = tree.stat(&Path::parse("/film.mkv").unwrap(), Freshness::Cached).await.unwrap();
    let reader = Reader { id: 1, open_ended: true, urgent: true, by_range: false };
    let mut stream = tree.read(&file, 0..SIZE as u64, reader).await.unwrap();
    let mut got = Vec::new();
    while got.len() < 6_000_000 {
        got.extend_from_slice(&stream.next().await.unwrap().unwrap());
        // The pace of a leisurely client is what this is about.
        tokio::time::sleep(Duration::from_millis(110)).await;
        // Half of what was taken, the frame that goes beyond, and the room for the next.
        assert!(tree.download_memory() <= got.len() as u64 / 2 + (256 << 10) + (2 << 20));
    }
    // The last frame may have been so large that less of the film is left: then that is all ready.
    let left = (SIZE - got.len()) as u64;
    until(|| tree.download_memory() >= left.min(2_500_000)).await;
    // The film goes on as a whole, also for a client that hurries then.
    while let Some(frame) = stream.next().await {
        got.extend_from_slice(&frame.unwrap());
    }
    assert!(got == film);
    until(|| tree.download_memory() == 0).await;
    assert_eq!(world.sim.calls()["data GET"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leisurely_film_is_whole_over_a_cut_and_nothing_is_kept_of_one_that_was_left() {
    let (world, film) = world(1, None).await;
    world.sim.fault(Fault::once("data GET", FaultKind::Cut { after: 3_000_000 }));
    let tree = world.server.tree();
    let file = tree.stat(&Path::parse("/film.mkv").unwrap(), Freshness::Cached).await.unwrap();
    let reader = Reader { id: 1, open_ended: true, urgent: true, by_range: false };
    let mut stream = tree.read(&file, 0..SIZE as u64, reader).await.unwrap();
    let mut got = Vec::new();
    while world.sim.calls()["data GET"] == 1 || got.len() < 6_000_000 {
        got.extend_from_slice(&stream.next().await.unwrap().unwrap());
        // The pace of a leisurely client is what this is about.
        tokio::time::sleep(Duration::from_millis(110)).await;
    }
    assert!(got[..] == film[..got.len()]);
    drop(stream);
    until(|| tree.download_memory() == 0).await;
    world.sim.wait_open_downloads(0).await;
}

/// A client of a film that reads more than `enough` bytes, then nothing more, has lost its slot to one that waits.
async fn a_pause_frees_the_slot(rate: Option<u64>, fault: Option<FaultKind>, enough: usize) {
    let rules = Rules { download_bytes_per_s: rate, max_downloads: 1, ..rules() };
    let sim = Simulator::start(Options { rules, ..Options::default() }).await.unwrap();
    let world = Fixture::over(sim, |config| {
        config.upstream.max_streams = 1;
        config.timeouts.paused_client = Duration::from_secs(2);
    })
    .await;
    world.sim.write("/film.mkv", noise(SIZE));
    world.sim.write("/other.mkv", noise(1000));
    world.hrefs("/dav/").await;
    if let Some(fault) = fault {
        world.sim.fault(Fault::once("data GET", fault));
    }
    let tree = world.server.tree();
    let film = tree.stat(&Path::parse("/film.mkv").unwrap(), Freshness::Cached).await.unwrap();
    let reader = Reader { id: 1, open_ended: true, urgent: true, by_range: false };
    let mut stream = tree.read(&film, 0..SIZE as u64, reader).await.unwrap();
    let mut got = 0;
    while got <= enough {
        got += stream.next().await.unwrap().unwrap().len();
        // The pace of a leisurely client is what this is about: more is fetched for it by then.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let answer = world.range("/dav/other.mkv", "bytes=0-9").await;
    assert_eq!(answer.status(), 206, "the slot of a paused film was not given to one who waits");
    drop(answer);
    // And the film goes on when its client does.
    while got < SIZE {
        got += stream.next().await.unwrap().unwrap().len();
    }
    assert_eq!(got, SIZE);
}

// Keeps 41.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_film_gives_its_slot_up_whatever_was_being_fetched_for_it() {
    // A drive that gives all at once, one that gives less than the client takes, and one that breaks meanwhile.
    tokio::join!(
        a_pause_frees_the_slot(None, None, 1_000_000),
        a_pause_frees_the_slot(Some(2_000_000), None, 300_000),
        a_pause_frees_the_slot(None, Some(FaultKind::Cut { after: 4_000_000 }), 1_000_000),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_file_read_in_pieces_is_fetched_once() {
    let (world, _) = world(1, None).await;
    let archive = noise(3_000_000);
    world.sim.write("/photos.zip", archive.clone());
    world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache").send().await.unwrap();
    let asked = world.sim.calls().get("data GET").copied().unwrap_or(0);
    for range in ["bytes=0-", "bytes=2900000-", "bytes=1000000-1999999", "bytes=-22"] {
        let answer = world.range("/dav/photos.zip", range).await;
        assert_eq!(answer.status(), 206);
        let from: usize = header(&answer, "content-range")[6..].split('-').next().unwrap().parse().unwrap();
        let got = answer.bytes().await.unwrap();
        assert!(got == archive[from..from + got.len()], "{range}");
    }
    assert_eq!(world.sim.calls()["data GET"], asked + 1);
    let answer = world.request("GET", "/dav/photos.zip").send().await.unwrap();
    assert_eq!(sha1(&answer.bytes().await.unwrap()), sha1(&archive));
    assert_eq!(world.sim.calls()["data GET"], asked + 2, "a copy is of what the drive has now");
}

// Keeps 33.
#[tokio::test(flavor = "multi_thread")]
async fn a_player_goes_before_copies_that_wait() {
    let rules = Rules { max_downloads: 1, download_bytes_per_s: Some(3_000_000), ..rules() };
    let sim = Simulator::start(Options { rules, ..Options::default() }).await.unwrap();
    let world = Fixture::over(sim, |config| config.upstream.max_streams = 1).await;
    for name in ["/a.bin", "/b.bin", "/c.mkv"] {
        world.sim.write(name, noise(3_000_000));
    }
    world.hrefs("/dav/").await;
    let order = std::sync::Mutex::new(Vec::new());
    let read = |path: &'static str, range: Option<&'static str>, waiting_before: usize| {
        let (world, order) = (&world, &order);
        async move {
            until(|| order.lock().unwrap().len() >= waiting_before).await;
            order.lock().unwrap().push(format!("asked {path}"));
            let request = world.request("GET", path);
            let request = if let Some(range) = range { request.header("range", range) } else { request };
            let answer = request.send().await.unwrap();
            order.lock().unwrap().push(format!("began {path}"));
            answer.bytes().await.unwrap();
        }
    };
    tokio::join!(read("/dav/a.bin", None, 0), read("/dav/b.bin", None, 2), async {
        // Asks when the first is being served and the second waits.
        until(|| order.lock().unwrap().len() >= 3).await;
        // Longer than it takes to get in line.
        tokio::time::sleep(Duration::from_millis(100)).await;
        read("/dav/c.mkv", Some("bytes=0-"), 0).await;
    });
    let order: Vec<String> = order.into_inner().unwrap().into_iter().filter(|step| step.starts_with("began")).collect();
    assert_eq!(order, ["began /dav/a.bin", "began /dav/c.mkv", "began /dav/b.bin"]);
}
