//! Small files by the addresses that their listing gives: no link is asked for, and what comes is proved.

use alidav::config::{ClientRule, LinkPolicy};
use alidav::sim::{Fault, FaultKind, ListedUrl, Options, Rules, Simulator};
use futures_util::StreamExt as _;

use crate::harness::{Fixture, header, noise, rules, sha1, until};

/// Over a drive with files, which are listed; counters at zero.
async fn world(files: &[(&str, usize)]) -> Fixture {
    over(rules(), files, |_| {}).await
}

async fn over(rules: Rules, files: &[(&str, usize)], change: impl FnOnce(&mut alidav::config::Config)) -> Fixture {
    let sim = Simulator::start(Options { rules, ..Options::default() }).await.unwrap();
    let world = Fixture::over(sim, change).await;
    world.sim.mkdir("/f");
    for (name, size) in files {
        world.sim.write(&format!("/f/{name}"), content(name, *size));
    }
    list(&world).await;
    world
}

async fn list(world: &Fixture) {
    for folder in ["/dav/", "/dav/f/"] {
        let request = world.request("PROPFIND", folder).header("depth", "1").header("cache-control", "no-cache");
        assert_eq!(request.send().await.unwrap().status(), 207);
    }
    world.sim.reset_calls();
}

/// Bytes that no other file has.
fn content(name: &str, size: usize) -> Vec<u8> {
    let salt = name.bytes().fold(7u8, |salt, byte| salt.wrapping_mul(31).wrapping_add(byte));
    noise(size).into_iter().map(|byte| byte ^ salt).collect()
}

/// Reads the file and compares.
async fn read(world: &Fixture, name: &str, size: usize) {
    let answer = world.get(&format!("/dav/f/{name}")).await;
    assert_eq!(answer.status(), 200, "{name}");
    assert_eq!(header(&answer, "content-length"), size.to_string());
    assert_eq!(sha1(&answer.bytes().await.unwrap()), sha1(&content(name, size)), "{name}");
}

fn links(world: &Fixture) -> u64 {
    world.sim.calls().get("openFile/getDownloadUrl").copied().unwrap_or(0)
}

fn transfers(world: &Fixture) -> u64 {
    world.sim.calls().get("data GET").copied().unwrap_or(0)
}

// Keeps 37.
#[tokio::test]
async fn small_files_cost_no_call_and_images_and_larger_files_a_link_each() {
    let small = [
        ("a.nfo", 1),
        ("b.srt", 40_000),
        ("c.zip", 1 << 20),
        ("d.mp3", (1 << 20) + 1),
        ("e.mkv", 3_000_000),
        ("f", 4_999_999),
    ];
    let others = [("g.jpg", 40_000), ("h.PNG", 3_000_000), ("i.mkv", 5_000_000)];
    let world = world(&[&small[..], &others[..]].concat()).await;
    for (name, size) in small {
        read(&world, name, size).await;
    }
    assert_eq!(world.calls(), []);
    assert_eq!(transfers(&world), 6);
    for (name, size) in others {
        read(&world, name, size).await;
    }
    assert_eq!(world.calls(), [("openFile/getDownloadUrl".to_owned(), 3)]);
    assert!(world.get("/metrics").await.text().await.unwrap().contains("alidav_links_spared_total"));
}

// Keeps 37.
#[tokio::test]
async fn an_address_that_gives_something_else_leads_to_a_link_in_the_same_request() {
    for lie in [
        ListedUrl::OtherBytes,
        ListedUrl::FewerBytes,
        ListedUrl::Refused,
        ListedUrl::Redirected,
        ListedUrl::WebPage,
        ListedUrl::Expired,
    ] {
        // Of the larger ones only what shows in the head of the answer can be mended in the same request.
        let large = if lie == ListedUrl::OtherBytes { 1 << 20 } else { 3_000_000 };
        let world = world(&[("a.nfo", 1), ("b.srt", 100_000), ("c.zip", large)]).await;
        world.sim.rules(|rules| rules.listed_url = lie);
        for (name, size) in [("a.nfo", 1), ("b.srt", 100_000), ("c.zip", large)] {
            read(&world, name, size).await;
            read(&world, name, size).await;
        }
        assert_eq!(links(&world), 3, "{lie:?}");
        assert!(world.get("/metrics").await.text().await.unwrap().contains("alidav_address_failures_total"));
    }
}

// Keeps 38.
#[tokio::test]
async fn a_kind_of_file_whose_address_lied_is_not_read_so_again() {
    for lie in [ListedUrl::OtherBytes, ListedUrl::FewerBytes] {
        let files = [("a.srt", 1000), ("b.srt", 1000), ("c.zip", 1000)];
        let world = world(&files).await;
        world.sim.rules(|rules| rules.listed_url = lie);
        read(&world, "a.srt", 1000).await;
        assert_eq!((links(&world), transfers(&world)), (1, 2), "{lie:?}");
        // Not even by a new listing's address.
        world.sim.rules(|rules| rules.listed_url = ListedUrl::Content);
        list(&world).await;
        read(&world, "b.srt", 1000).await;
        assert_eq!((links(&world), transfers(&world)), (1, 1), "{lie:?}");
        read(&world, "c.zip", 1000).await;
        assert_eq!((links(&world), transfers(&world)), (1, 2), "{lie:?}");
    }
}

// Keeps 37.
#[tokio::test]
async fn a_larger_lie_ends_short_and_the_next_read_is_right() {
    let world = world(&[("song.mp3", 3_000_000)]).await;
    world.sim.rules(|rules| rules.listed_url = ListedUrl::OtherBytes);
    let answer = world.get("/dav/f/song.mp3").await;
    assert_eq!((answer.status().as_u16(), header(&answer, "content-length")), (200, "3000000"));
    let mut body = answer.bytes_stream();
    let (mut received, mut broken) = (0, false);
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) => received += piece.len(),
            Err(_) => broken = true,
        }
    }
    assert!(broken && received < 3_000_000, "{received}");
    read(&world, "song.mp3", 3_000_000).await;
    assert_eq!(links(&world), 1);
}

#[tokio::test]
async fn a_small_file_replaced_since_it_was_listed_is_served_as_it_is_now_and_no_address_is_blamed() {
    for (size, now) in [(1000, 1000), (1000, 2000), (2000, 1000), (3_000_000, 2_500_000)] {
        let world = world(&[("a.zip", size), ("b.zip", 10)]).await;
        // The same item with other content, then another item in its place.
        for behind_the_same_id in [true, false] {
            let name = if behind_the_same_id { "one" } else { "two" };
            if behind_the_same_id {
                world.sim.overwrite("/f/a.zip", content(name, now));
            } else {
                list(&world).await;
                world.sim.write("/f/a.zip", content(name, now));
            }
            let answer = world.get("/dav/f/a.zip").await;
            assert_eq!(sha1(&answer.bytes().await.unwrap()), sha1(&content(name, now)), "{size} {now} {name}");
        }
        world.sim.reset_calls();
        read(&world, "b.zip", 10).await;
        assert_eq!(links(&world), 0, "{size} {now}");
    }
}

#[tokio::test]
async fn a_larger_file_of_the_same_length_replaced_since_it_was_listed_is_never_mixed() {
    let world = world(&[("a.zip", 3_000_000)]).await;
    world.sim.overwrite("/f/a.zip", content("other", 3_000_000));
    let answer = world.get("/dav/f/a.zip").await;
    assert!(answer.bytes().await.is_err(), "the new content went out under the old one's name");
    let answer = world.get("/dav/f/a.zip").await;
    assert_eq!(header(&answer, "etag"), format!("\"{}\"", sha1(&content("other", 3_000_000))));
    assert_eq!(sha1(&answer.bytes().await.unwrap()), sha1(&content("other", 3_000_000)));
}

// Keeps 39.
#[tokio::test(flavor = "multi_thread")]
async fn eight_readers_of_a_folder_whose_addresses_have_expired_cost_one_listing() {
    let names: Vec<String> = (0..8).map(|number| format!("{number}.srt")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), 50_000)).collect();
    let world = world(&files).await;
    world.sim.expire_links();
    world.sim.rules(|rules| rules.latency_ms = 20);
    futures_util::future::join_all(names.iter().map(|name| read(&world, name, 50_000))).await;
    assert_eq!(world.calls(), [("openFile/list".to_owned(), 1)]);
    // What a new listing did not mend is not mended by another.
    world.sim.rules(|rules| rules.listed_url = ListedUrl::Expired);
    read(&world, "0.srt", 50_000).await;
    assert_eq!((world.sim.calls()["openFile/list"], links(&world)), (1, 1));
}

// Keeps 39.
#[tokio::test]
async fn a_large_folder_is_listed_again_only_for_many_of_its_files() {
    let names: Vec<String> = (0..250).map(|number| format!("{number}.srt")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), 10)).collect();
    let world = world(&files).await;
    world.sim.expire_links();
    for name in &names[..2] {
        read(&world, name, 10).await;
    }
    assert_eq!(world.calls(), [("openFile/getDownloadUrl".to_owned(), 2)]);
    for name in &names[2..50] {
        read(&world, name, 10).await;
    }
    assert_eq!(world.calls(), [("openFile/getDownloadUrl".to_owned(), 2), ("openFile/list".to_owned(), 2)]);
}

#[tokio::test]
async fn a_folder_that_is_gone_when_its_addresses_are_renewed_is_missing() {
    let world = world(&[("a.srt", 10), ("b.srt", 10)]).await;
    world.sim.expire_links();
    world.sim.remove("/f");
    assert_eq!(world.get("/dav/f/a.srt").await.status(), 404);
    world.sim.write("/f/b.srt", content("b.srt", 10));
    list(&world).await;
    read(&world, "b.srt", 10).await;
}

#[tokio::test]
async fn a_listing_that_fails_when_addresses_are_renewed_leaves_the_link() {
    let world = world(&[("a.srt", 10)]).await;
    world.sim.expire_links();
    world.sim.fault(Fault::always(
        "openFile/list",
        FaultKind::Code { status: 403, code: "ForbiddenNoPermission.File".into(), retry_after_ms: None },
    ));
    read(&world, "a.srt", 10).await;
    assert_eq!(links(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_of_a_small_file_come_from_one_read() {
    for size in [900_000, 4_000_000] {
        let world = world(&[("a.zip", size)]).await;
        let whole = content("a.zip", size);
        let range = |from: usize, to: usize| {
            let (world, whole) = (&world, &whole);
            async move {
                let answer = world.range("/dav/f/a.zip", &format!("bytes={from}-{}", to - 1)).await;
                assert_eq!(answer.status(), 206);
                assert_eq!(header(&answer, "content-range"), format!("bytes {from}-{}/{size}", to - 1));
                assert!(answer.bytes().await.unwrap() == whole[from..to], "{from}-{to} of {size}");
            }
        };
        world.sim.rules(|rules| rules.download_bytes_per_s = Some(20_000_000));
        tokio::join!(range(0, 2), range(size - 22, size), range(100_000, 700_000), range(0, size));
        range(300_000, 300_001).await;
        let several = world.range("/dav/f/a.zip", "bytes=0-9,800000-899999").await;
        assert!(several.bytes().await.unwrap().windows(10).any(|window| window == &whole[899_990..900_000]));
        assert_eq!((world.calls(), transfers(&world)), (vec![], 1));
    }
}

#[tokio::test]
async fn what_breaks_on_the_way_is_mended() {
    let world = world(&[("a.zip", 900_000), ("b.zip", 3_000_000), ("c.zip", 3_000_000)]).await;
    world.sim.fault(Fault::once("data GET", FaultKind::Cut { after: 500_000 }));
    read(&world, "a.zip", 900_000).await;
    world.sim.fault(Fault::once("data GET", FaultKind::Cut { after: 1_500_000 }));
    world.sim.fault(Fault::once("data GET", FaultKind::Cut { after: 400_000 }).after(1));
    read(&world, "b.zip", 3_000_000).await;
    assert_eq!(links(&world), 2);
    // Too many bodies by the service's count: it has not seen an older one close yet.
    let message = "<Error><Code>RequestDeniedByCallback</Code><Message>ExceedMaxConcurrency</Message></Error>";
    world.sim.fault(Fault::once("data GET", FaultKind::Text { status: 403, body: message.into() }));
    read(&world, "c.zip", 3_000_000).await;
    assert_eq!(links(&world), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_readers_at_once_stay_within_the_memory_and_the_slots() {
    let names: Vec<String> = (0..30).map(|number| format!("{number}.zip")).collect();
    let size = |number: usize| 200_000 + number * 100_000;
    let files: Vec<_> = names.iter().enumerate().map(|(number, name)| (name.as_str(), size(number))).collect();
    let world = over(rules(), &files, |config| config.download.memory = 4 << 20).await;
    let most = std::sync::atomic::AtomicU64::new(0);
    let readers = names.iter().enumerate().map(|(number, name)| {
        let (world, most) = (&world, &most);
        async move {
            let mut body = world.get(&format!("/dav/f/{name}")).await.bytes_stream();
            let mut got = Vec::new();
            while let Some(piece) = body.next().await {
                got.extend_from_slice(&piece.unwrap());
                most.fetch_max(world.server.tree().download_memory(), std::sync::atomic::Ordering::Relaxed);
            }
            assert_eq!(sha1(&got), sha1(&content(name, size(number))), "{name}");
        }
    });
    futures_util::future::join_all(readers).await;
    let most = most.into_inner();
    assert!(most > 0 && most <= 4 << 20, "{most}");
    assert!(world.sim.peak_downloads() <= 3);
    until(|| world.server.tree().download_memory() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_a_small_file_frees_its_slot() {
    let rules = Rules { download_bytes_per_s: Some(200_000), ..rules() };
    let world = over(rules, &[("a.mkv", 4_000_000)], |_| {}).await;
    let mut body = world.get("/dav/f/a.mkv").await.bytes_stream();
    body.next().await.unwrap().unwrap();
    world.sim.wait_open_downloads(1).await;
    drop(body);
    tokio::time::timeout(std::time::Duration::from_secs(5), world.sim.wait_open_downloads(0)).await.unwrap();
    until(|| world.server.tree().download_memory() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_wait_for_links_leave_the_slots_to_those_that_do_not() {
    let names: Vec<String> = (0..4).map(|number| format!("{number}.jpg")).collect();
    let mut files: Vec<_> = names.iter().map(|name| (name.as_str(), 1000)).collect();
    files.push(("a.srt", 1000));
    let world = over(rules(), &files, |config| config.upstream.link_per_s = 0.5).await;
    let images = futures_util::future::join_all(names.iter().map(|name| read(&world, name, 1000)));
    let text = async {
        until(|| links(&world) > 0).await;
        read(&world, "a.srt", 1000).await;
        links(&world)
    };
    let (_, links_before) = tokio::join!(images, text);
    assert!(links_before < 3, "a file by its address waited for {links_before} links of others");
}

#[tokio::test]
async fn small_files_are_not_redirected_unless_that_is_asked_for() {
    let world = over(rules(), &[("a.srt", 1000), ("b.jpg", 1000)], |config| {
        config.mounts[0].link_policy = LinkPolicy::Redirect;
    })
    .await;
    let ask = |path: &'static str| world.request("GET", path).header("user-agent", "Kodi/20.1").send();
    assert_eq!(ask("/dav/f/a.srt").await.unwrap().status(), 200);
    assert_eq!(world.calls(), []);
    assert_eq!(ask("/dav/f/a.srt?link_policy=redirect").await.unwrap().status(), 302);
    assert_eq!(ask("/dav/f/b.jpg").await.unwrap().status(), 302);
    let forced = over(rules(), &[("a.srt", 1000)], |config| {
        let user_agent = Some(regex::Regex::new("^Kodi/").unwrap());
        let link_policy = LinkPolicy::Redirect;
        config.clients = vec![ClientRule { user_agent, network: None, user: None, link_policy }];
    })
    .await;
    let answer = forced.request("GET", "/dav/f/a.srt").header("user-agent", "Kodi/20.1").send().await.unwrap();
    assert_eq!(answer.status(), 302);
}
