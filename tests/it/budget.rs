//! What each operation costs in calls to the drive, exactly.

use alidav::config::StateLocation;

use crate::harness::Fixture;

/// Signed in, drive ids known, counters at zero.
async fn ready() -> Fixture {
    let world = Fixture::start().await;
    world.sim.mkdir("/warm");
    world.hrefs("/dav/warm/").await;
    world.sim.reset_calls();
    world
}

fn one(name: &str, count: u64) -> Vec<(String, u64)> {
    vec![(name.to_owned(), count)]
}

#[tokio::test]
async fn a_listing_of_n_entries_costs_a_call_for_each_200_and_then_none() {
    let world = ready().await;
    for count in [0usize, 1, 200, 201, 450] {
        let folder = format!("/folder {count}");
        world.sim.mkdir(&folder);
        for n in 0..count {
            world.sim.write(&format!("{folder}/{n}"), "x");
        }
    }
    world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache").send().await.unwrap();
    for (count, calls) in [(0usize, 1), (1, 1), (200, 1), (201, 2), (450, 3)] {
        let path = format!("/dav/folder%20{count}/");
        world.sim.reset_calls();
        assert_eq!(world.hrefs(&path).await.len(), count + 1);
        assert_eq!(world.calls(), one("openFile/list", calls), "{count} entries, cold");
        world.sim.reset_calls();
        assert_eq!(world.hrefs(&path).await.len(), count + 1);
        assert_eq!(world.calls(), [], "{count} entries, warm");
    }
}

#[tokio::test]
async fn five_levels_down_with_nothing_cached_costs_two() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateLocation::File(folder.path().join("state.db"));
    let world = Fixture::with(|config| config.state = state).await;
    world.sim.write("/a/b/c/d/e/file", "x");
    world.hrefs("/dav/").await;
    let world = world.restart().await;
    world.sim.reset_calls();
    assert_eq!(world.hrefs("/dav/a/b/c/d/e/").await.len(), 2);
    assert_eq!(world.calls(), [("openFile/get_by_path".to_owned(), 1), ("openFile/list".to_owned(), 1)]);
}

// Keeps 27.
#[tokio::test]
async fn a_missing_name_and_a_head_cost_nothing() {
    let world = ready().await;
    world.sim.write("/warm/film.mkv", "film");
    world
        .request("PROPFIND", "/dav/warm/")
        .header("depth", "1")
        .header("cache-control", "no-cache")
        .send()
        .await
        .unwrap();
    world.sim.reset_calls();
    for path in ["/dav/warm/._film.mkv", "/dav/warm/.DS_Store", "/dav/warm/none/deeper"] {
        assert_eq!(world.get(path).await.status(), 404, "{path}");
        assert_eq!(world.propfind(path, "0").await.status(), 404, "{path}");
    }
    assert_eq!(world.head("/dav/warm/film.mkv").await.status(), 200);
    assert_eq!(world.head("/dav/warm/").await.status(), 200);
    assert_eq!(world.sim.calls().len(), 0, "{:?}", world.sim.calls());
}

#[tokio::test]
async fn a_small_file_costs_nothing_and_an_image_a_link() {
    let world = ready().await;
    world.sim.write("/warm/film.nfo", "words");
    world.sim.write("/warm/film.jpg", "poster");
    let listing = world.request("PROPFIND", "/dav/warm/").header("depth", "1").header("cache-control", "no-cache");
    listing.send().await.unwrap();
    world.sim.reset_calls();
    for _ in 0..2 {
        assert_eq!(world.get("/dav/warm/film.nfo").await.text().await.unwrap(), "words");
        assert_eq!(world.range("/dav/warm/film.nfo", "bytes=1-2").await.text().await.unwrap(), "or");
    }
    assert_eq!(world.calls(), []);
    for _ in 0..2 {
        assert_eq!(world.get("/dav/warm/film.jpg").await.text().await.unwrap(), "poster");
    }
    assert_eq!(world.calls(), one("openFile/getDownloadUrl", 1));
}

#[tokio::test]
async fn a_film_with_200_seeks_costs_one_link() {
    let world = ready().await;
    world.sim.write_generated("/warm/film.mkv", 3 << 30, 1);
    world
        .request("PROPFIND", "/dav/warm/")
        .header("depth", "1")
        .header("cache-control", "no-cache")
        .send()
        .await
        .unwrap();
    world.sim.reset_calls();
    assert_eq!(world.range("/dav/warm/film.mkv", "bytes=0-99").await.bytes().await.unwrap().len(), 100);
    assert_eq!(world.calls(), one("openFile/getDownloadUrl", 1));
    for seek in 0..200u64 {
        let start = seek * 15_000_000;
        let answer = world.range("/dav/warm/film.mkv", &format!("bytes={start}-{}", start + 999)).await;
        assert_eq!(answer.status(), 206);
        assert_eq!(answer.bytes().await.unwrap().len(), 1000);
    }
    assert_eq!(world.calls(), one("openFile/getDownloadUrl", 1));
    assert_eq!(world.sim.calls()["data GET"], 201);
}

#[tokio::test]
async fn a_redirect_costs_one_link_and_again_none() {
    let world = ready().await;
    world.sim.write("/warm/film.mkv", "film");
    world
        .request("PROPFIND", "/dav/warm/")
        .header("depth", "1")
        .header("cache-control", "no-cache")
        .send()
        .await
        .unwrap();
    world.sim.reset_calls();
    for _ in 0..3 {
        assert_eq!(world.get("/dav/warm/film.mkv?link_policy=redirect").await.status(), 302);
    }
    assert_eq!(world.calls(), one("openFile/getDownloadUrl", 1));
}

#[tokio::test]
async fn a_walk_over_100_folders_costs_101_and_then_none() {
    let world = ready().await;
    world.sim.remove("/warm");
    for n in 0..100 {
        world.sim.write(&format!("/folder{n:03}/file"), "x");
    }
    for expected in [101, 0] {
        world.sim.reset_calls();
        let top = world.request("PROPFIND", "/dav/").header("depth", "1");
        // The first walk begins with what is new.
        let top = if expected > 0 { top.header("cache-control", "no-cache") } else { top };
        let folders = crate::harness::hrefs(&top.send().await.unwrap().text().await.unwrap());
        for folder in &folders[1..] {
            assert_eq!(world.hrefs(folder).await.len(), 2);
        }
        assert_eq!(world.sim.api_calls(), expected);
    }
}

// Keeps 62.
#[tokio::test]
async fn a_restart_with_a_live_token_costs_one_listing_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateLocation::File(folder.path().join("state.db"));
    let world = Fixture::with(|config| config.state = state).await;
    world.hrefs("/dav/").await;
    assert_eq!(
        world.calls(),
        [("openFile/list".to_owned(), 1), ("openlist/renewapi".to_owned(), 1), ("user/getDriveInfo".to_owned(), 1)]
    );
    let world = world.restart().await;
    world.sim.reset_calls();
    world.hrefs("/dav/").await;
    assert_eq!(world.calls(), one("openFile/list", 1));
}

// Keeps 16.
#[tokio::test]
async fn requests_for_one_folder_share_one_fetch() {
    let world = ready().await;
    world.sim.rules(|rules| rules.latency_ms = 50);
    world.sim.mkdir("/shared");
    world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache").send().await.unwrap();
    world.sim.reset_calls();
    let (a, b, c) = tokio::join!(world.hrefs("/dav/shared/"), world.hrefs("/dav/shared/"), world.hrefs("/dav/shared/"));
    assert_eq!((a.len(), b.len(), c.len()), (1, 1, 1));
    assert_eq!(world.calls(), one("openFile/list", 1));
}
