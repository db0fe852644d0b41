//! Changes that other programs make on the drive show without anybody asking for a new listing.

use std::time::Duration;

use alidav::config::Config;
use alidav::sim::{Fault, FaultKind, SearchShape};

use crate::harness::{Fixture, eventually, until};

/// A server that looks around often, with a folder that somebody has opened, and a first search behind it.
async fn watching() -> Fixture {
    watching_with(|_| {}).await
}

async fn watching_with(change: impl FnOnce(&mut Config)) -> Fixture {
    let world = Fixture::with(|config| {
        config.cache.watch = Duration::from_millis(30);
        change(config);
    })
    .await;
    world.sim.write("/f/old", "old");
    world.sim.write("/g/first", "first");
    world.hrefs("/dav/f/").await;
    searched(&world).await;
    world
}

fn count(world: &Fixture, call: &str) -> u64 {
    world.sim.calls().get(call).copied().unwrap_or(0)
}

/// Returns when the drive has been searched, and what it told was taken in: the search after that has begun.
async fn searched(world: &Fixture) {
    world.sim.reset_calls();
    until(|| count(world, "openFile/search") >= 2).await;
}

/// Looks at a folder until it shows a name.
async fn until_shown(world: &Fixture, folder: &str, name: &str) {
    let shown = format!("{folder}{name}");
    eventually(async || world.hrefs(folder).await.contains(&shown)).await;
}

// Keeps 14.
#[tokio::test]
async fn a_file_that_another_program_adds_shows_for_one_listing() {
    let world = watching().await;
    world.sim.write("/f/new", "new");
    searched(&world).await;
    assert_eq!(world.hrefs("/dav/f/").await, ["/dav/f/", "/dav/f/new", "/dav/f/old"]);
    searched(&world).await;
    assert_eq!(world.hrefs("/dav/f/").await.len(), 3);
    assert_eq!(count(&world, "openFile/list"), 0, "the folder was listed once and is believed again");
}

#[tokio::test]
async fn a_name_looked_up_by_its_path_and_content_that_was_replaced_are_the_new_ones() {
    let world = watching().await;
    assert_eq!(world.head("/dav/f/new").await.status(), 404);
    world.sim.write("/f/new", "new");
    world.sim.overwrite("/f/old", "replaced");
    searched(&world).await;
    assert_eq!(world.get("/dav/f/new").await.text().await.unwrap(), "new");
    assert_eq!(world.get("/dav/f/old").await.text().await.unwrap(), "replaced");
    assert_eq!(count(&world, "openFile/list"), 1);
}

#[tokio::test]
async fn our_own_changes_have_no_folder_listed_again() {
    let world = watching().await;
    assert_eq!(world.request("PUT", "/dav/f/put").body("put").send().await.unwrap().status(), 201);
    assert_eq!(world.request("MKCOL", "/dav/f/made").send().await.unwrap().status(), 201);
    let renamed = world.request("MOVE", "/dav/f/old").header("destination", world.url("/dav/f/renamed"));
    assert_eq!(renamed.send().await.unwrap().status(), 201);
    searched(&world).await;
    assert_eq!(world.hrefs("/dav/f/").await.len(), 4);
    assert_eq!(count(&world, "openFile/list"), 0);
}

// Keeps 14.
#[tokio::test]
async fn what_a_search_lacks_is_not_taken_for_absent() {
    let world = watching().await;
    world.sim.write("/f/gone", "gone");
    searched(&world).await;
    world.hrefs("/dav/f/").await;
    world.sim.remove("/f/gone");
    searched(&world).await;
    assert!(world.hrefs("/dav/f/").await.contains(&"/dav/f/gone".to_owned()));
    assert_eq!(count(&world, "openFile/list"), 0);
}

#[tokio::test]
async fn a_search_that_lags_repeats_or_reorders_misses_nothing() {
    for (shape, lag) in [(SearchShape::Repeated, 0), (SearchShape::Reversed, 0), (SearchShape::Right, 300)] {
        let world = watching().await;
        world.sim.rules(|rules| (rules.search_shape, rules.search_lag_ms) = (shape, lag));
        for name in ["a", "b", "c"] {
            world.sim.write(&format!("/f/{name}"), "x");
            until_shown(&world, "/dav/f/", name).await;
        }
    }
}

#[tokio::test]
async fn a_later_page_that_fails_is_made_up_for() {
    let world = watching().await;
    world.hrefs("/dav/g/").await;
    searched(&world).await;
    let refused = FaultKind::Code { status: 400, code: "InvalidParameter.Marker".into(), retry_after_ms: None };
    // One search may be under way: its page and the first of the next one are let through.
    world.sim.fault(Fault { skip: 2, times: 3, ..Fault::once("openFile/search", refused) });
    world.sim.write("/g/early", "x");
    world.sim.fill("/f", 150);
    until_shown(&world, "/dav/g/", "early").await;
}

#[tokio::test]
async fn an_outdated_listing_is_served_while_the_drive_fails() {
    let world = watching_with(|config| config.upstream.max_wait = Duration::from_millis(500)).await;
    world.sim.write("/f/new", "new");
    let down = FaultKind::Code { status: 500, code: "InternalError".into(), retry_after_ms: None };
    world.sim.fault(Fault::always("openFile/list", down));
    searched(&world).await;
    assert_eq!(world.hrefs("/dav/f/").await, ["/dav/f/", "/dav/f/old"]);
    assert_eq!(world.get("/dav/f/old").await.text().await.unwrap(), "old");
    world.sim.clear_faults();
}
