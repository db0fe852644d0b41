//! Several who change one name, and what appears, fails or is late meanwhile: of two writers one version stays, an
//! empty file covers nothing, and what is gone does not come back.

use std::time::Duration;

use alidav::config::{Config, Mount};
use alidav::sim::{Fault, FaultKind};

use crate::harness::{Fixture, header, until};

const LOCK: &str = r#"<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>"#;

/// An empty file waits this long for its content here.
const WAIT: Duration = Duration::from_millis(300);

fn impatient(config: &mut Config) {
    config.upload.empty_file_wait = WAIT;
}

fn code(status: u16, code: &str) -> FaultKind {
    FaultKind::Code { status, code: code.to_owned(), retry_after_ms: None }
}

/// A call fails for good: longer than it is tried again.
fn always(call: &str, kind: FaultKind) -> Fault {
    Fault::always(call, kind)
}

async fn put(world: &Fixture, path: &str, body: &str) -> u16 {
    let request = world.request("PUT", path).header("content-length", body.len().to_string());
    request.body(body.to_owned()).send().await.unwrap().status().as_u16()
}

async fn act(world: &Fixture, method: &str, from: &str, to: &str) -> u16 {
    let request = world.request(method, from).header("destination", world.url(to));
    request.send().await.unwrap().status().as_u16()
}

async fn delete(world: &Fixture, path: &str) -> u16 {
    world.request("DELETE", path).send().await.unwrap().status().as_u16()
}

async fn text(world: &Fixture, path: &str) -> String {
    let answer = world.get(path).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.unwrap()
}

/// Members by a listing asked of the drive now.
async fn anew(world: &Fixture, path: &str) -> Vec<String> {
    let answer = world.request("PROPFIND", path).header("depth", "1").header("cache-control", "no-cache");
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 207);
    crate::harness::hrefs(&answer.text().await.unwrap())
}

/// What is under a name on the drive, newest first, by removing one after the other.
fn all_named(world: &Fixture, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    while let Some(content) = world.sim.read(path) {
        found.push(String::from_utf8(content).unwrap());
        world.sim.remove(path);
    }
    found
}

/// Waits until an empty file would have been sent: nothing tells that something will not happen.
async fn nothing_more() {
    tokio::time::sleep(WAIT * 3).await;
}

fn called(world: &Fixture, call: &str, times: u64) -> bool {
    world.sim.calls().get(call).copied().unwrap_or_default() >= times
}

#[tokio::test]
async fn an_empty_file_on_its_way_to_the_drive_does_not_replace_what_is_put_meanwhile() {
    for slow in ["openFile/create", "openFile/complete"] {
        let world = Fixture::with(impatient).await;
        world.hrefs("/dav/").await;
        assert_eq!(put(&world, "/dav/f", "").await, 201);
        world.sim.fault(Fault::once(slow, FaultKind::Slow { ms: 600 }));
        until(|| called(&world, slow, 1)).await;
        assert_eq!(put(&world, "/dav/f", "content").await, 204, "{slow}");
        nothing_more().await;
        assert_eq!(text(&world, "/dav/f").await, "content", "{slow}");
        assert_eq!(anew(&world, "/dav/").await, ["/dav/", "/dav/f"], "{slow}");
        assert_eq!(all_named(&world, "/f"), ["content"], "{slow}");
    }
}

// Keeps 92.
#[tokio::test]
async fn an_empty_file_on_its_way_to_the_drive_does_not_come_back_after_its_removal() {
    for slow in ["openFile/create", "openFile/complete"] {
        let world = Fixture::with(impatient).await;
        world.hrefs("/dav/").await;
        assert_eq!(put(&world, "/dav/f", "").await, 201);
        world.sim.fault(Fault::once(slow, FaultKind::Slow { ms: 600 }));
        until(|| called(&world, slow, 1)).await;
        assert_eq!(delete(&world, "/dav/f").await, 204, "{slow}");
        nothing_more().await;
        assert_eq!(anew(&world, "/dav/").await, ["/dav/"], "{slow}");
        assert_eq!(all_named(&world, "/f"), [""; 0], "{slow}");
    }
}

// Keeps 113.
#[tokio::test]
async fn an_empty_file_that_stays_empty_reaches_the_drive_once() {
    let world = Fixture::with(impatient).await;
    world.hrefs("/dav/").await;
    world.sim.reset_calls();
    assert_eq!(put(&world, "/dav/f", "").await, 201);
    until(|| world.sim.read("/f").is_some()).await;
    assert_eq!(text(&world, "/dav/f").await, "");
    assert_eq!(world.sim.api_calls(), 2);
    assert_eq!(delete(&world, "/dav/f").await, 204);
    assert_eq!(anew(&world, "/dav/").await, ["/dav/"]);
}

// Keeps 115.
#[tokio::test]
async fn a_lock_makes_nothing_where_the_drive_does_not_say_that_nothing_is_there() {
    let world = Fixture::with(impatient).await;
    world.sim.write("/dir/file", "precious");
    for times in [1, 2, 4] {
        for call in ["openFile/get_by_path", "openFile/list"] {
            world.sim.fault(Fault { times: 4 * times, ..always(call, code(500, "InternalError")) });
        }
        let lock = world.request("LOCK", "/dav/dir/file").body(LOCK).send().await.unwrap();
        world.sim.clear_faults();
        assert_ne!(lock.status(), 201);
        assert_eq!(text(&world, "/dav/dir/file").await, "precious");
        if lock.status() == 200 {
            let unlock = world.request("UNLOCK", "/dav/dir/file").header("lock-token", header(&lock, "lock-token"));
            assert_eq!(unlock.send().await.unwrap().status(), 204);
        }
    }
    nothing_more().await;
    assert_eq!(all_named(&world, "/dir/file"), ["precious"]);
}

// Keeps 114.
#[tokio::test]
async fn a_lock_covers_nothing_that_another_program_has_put_there() {
    let world = Fixture::with(impatient).await;
    world.hrefs("/dav/").await;
    world.sim.write("/x.doc", "from the phone");
    let lock = world.request("LOCK", "/dav/x.doc").body(LOCK).send().await.unwrap();
    assert!(lock.status().is_success());
    assert_eq!(text(&world, "/dav/x.doc").await, "from the phone");
    let unlock = world.request("UNLOCK", "/dav/x.doc").header("lock-token", header(&lock, "lock-token"));
    assert_eq!(unlock.send().await.unwrap().status(), 204);
    nothing_more().await;
    assert_eq!(anew(&world, "/dav/").await, ["/dav/", "/dav/x.doc"]);
    assert_eq!(text(&world, "/dav/x.doc").await, "from the phone");
    assert_eq!(all_named(&world, "/x.doc"), ["from the phone"]);
}

// Keeps 114.
#[tokio::test]
async fn an_empty_file_gives_way_to_what_a_listing_shows_and_is_refused_by_what_none_shows() {
    for looks in [true, false] {
        let world = Fixture::with(impatient).await;
        world.hrefs("/dav/").await;
        assert_eq!(put(&world, "/dav/f", "").await, 201);
        world.sim.write("/f", "theirs");
        if looks {
            assert!(anew(&world, "/dav/").await.len() == 2);
            assert_eq!(header(&world.head("/dav/f").await, "content-length"), "6");
        }
        nothing_more().await;
        assert_eq!(text(&world, "/dav/f").await, "theirs");
        assert_eq!(all_named(&world, "/f"), ["theirs"]);
    }
}

// Keeps 88.
#[tokio::test]
async fn what_the_drive_has_and_no_listing_shows_is_replaced_or_refused_as_the_client_says() {
    let world = Fixture::start().await;
    world.hrefs("/dav/").await;
    for form in [true, false] {
        world.sim.rules(|rules| rules.refusal_is_success = form);
        world.sim.write("/f", "theirs");
        world.sim.mkdir("/d");
        let only_new = |path: &str| world.request("PUT", path).header("if-none-match", "*").body("mine").send();
        assert_eq!(only_new("/dav/f").await.unwrap().status(), 412);
        assert_eq!(put(&world, "/dav/d", "mine").await, 405);
        world.sim.remove("/f");
        assert_eq!(put(&world, "/dav/f", "mine").await, 204);
        world.sim.remove("/f");
        world.sim.write("/g", "theirs");
        assert_eq!(put(&world, "/dav/g", "mine").await, 204);
        assert_eq!(all_named(&world, "/g"), ["mine"]);
        world.sim.remove("/d");
        anew(&world, "/dav/").await;
    }
}

/// All at once, many times: what each was told and what is there then must fit together.
async fn at_once(config: impl Fn(&mut Config), paths: [&str; 2], on_drive: &[&str]) {
    let world = Fixture::with(|settings| {
        settings.cache.list_ttl = Duration::ZERO;
        config(settings);
    })
    .await;
    world.sim.rules(|rules| rules.latency_ms = 5);
    for round in 0..10 {
        let (one, other) = (format!("one {round}"), format!("other {round}"));
        let told = tokio::join!(put(&world, paths[0], &one), put(&world, paths[1], &other));
        assert!([told.0, told.1].iter().all(|status| [201, 204].contains(status)), "{told:?}");
        let left: Vec<String> = on_drive.iter().flat_map(|path| all_named(&world, path)).collect();
        assert_eq!(left.len(), 1, "round {round}: {left:?}");
        anew(&world, "/dav/").await;
    }
}

// Keeps 87.
#[tokio::test]
async fn of_two_writers_through_two_mounts_of_one_folder_one_stays() {
    let two = |config: &mut Config| config.mounts.push(Mount { ..Mount::at("/two", "main") });
    at_once(two, ["/dav/f", "/dav/two/f"], &["/f"]).await;
}

// Keeps 87.
#[tokio::test]
async fn of_two_writers_by_two_unicode_forms_of_a_name_one_stays() {
    at_once(|_| {}, ["/dav/caf%C3%A9", "/dav/cafe%CC%81"], &["/caf\u{e9}", "/cafe\u{301}"]).await;
}

// Keeps 87, 92.
#[tokio::test]
async fn of_many_who_put_copy_and_move_onto_one_name_one_stays_and_its_removal_frees_it() {
    let world = Fixture::start().await;
    world.sim.rules(|rules| rules.latency_ms = 3);
    for round in 0..8 {
        for name in ["c", "m", "dir/f"] {
            world.sim.write(&format!("/{name}"), format!("{name} {round}"));
        }
        anew(&world, "/dav/").await;
        anew(&world, "/dav/dir/").await;
        let (a, b, c, d) = tokio::join!(
            put(&world, "/dav/f", "put"),
            act(&world, "COPY", "/dav/c", "/dav/f"),
            act(&world, "MOVE", "/dav/m", "/dav/f"),
            act(&world, "MOVE", "/dav/dir/f", "/dav/f"),
        );
        let told = [a, b, c, d];
        assert_eq!(told.iter().filter(|status| **status == 201).count(), 1, "{told:?}");
        assert_eq!(told.iter().filter(|status| **status == 204).count(), 3, "{told:?}");
        assert_eq!(anew(&world, "/dav/").await, ["/dav/", "/dav/c", "/dav/dir/", "/dav/f"]);
        assert_eq!(delete(&world, "/dav/f").await, 204);
        assert_eq!(all_named(&world, "/f"), [""; 0]);
        assert_eq!(anew(&world, "/dav/").await, ["/dav/", "/dav/c", "/dav/dir/"]);
    }
}

// Keeps 100.
#[tokio::test]
async fn a_move_whose_answers_are_all_lost_stands_where_the_item_is() {
    let world = Fixture::start().await;
    for (path, content) in [("/a", "a"), ("/dir/a", "third"), ("/dir/b", "replaced")] {
        world.sim.write(path, content);
    }
    world.hrefs("/dav/").await;
    world.hrefs("/dav/dir/").await;
    world.sim.fault(Fault { times: 4, ..always("openFile/move", FaultKind::CloseAfter) });
    assert_eq!(act(&world, "MOVE", "/dav/a", "/dav/dir/b").await, 204);
    assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/dir/"]);
    assert_eq!(world.hrefs("/dav/dir/").await, ["/dav/dir/", "/dav/dir/a", "/dav/dir/b"]);
    assert_eq!(text(&world, "/dav/dir/a").await, "third");
    assert_eq!(text(&world, "/dav/dir/b").await, "a");
    assert_eq!(all_named(&world, "/dir/b"), ["a"]);
}

// Keeps 100.
#[tokio::test]
async fn after_a_move_that_the_drive_refused_the_source_is_there_at_once() {
    for (call, kind) in [
        ("openFile/move", code(403, "ForbiddenNoPermission.File")),
        ("openFile/move", code(500, "InternalError")),
        ("openFile/move", FaultKind::CloseBefore),
        ("openFile/update", code(500, "InternalError")),
    ] {
        let world = Fixture::start().await;
        world.sim.write("/a", "a");
        world.sim.mkdir("/dir");
        world.hrefs("/dav/").await;
        world.hrefs("/dav/dir/").await;
        world.sim.fault(Fault { times: 4, ..always(call, kind.clone()) });
        let told = act(&world, "MOVE", "/dav/a", "/dav/dir/b").await;
        world.sim.clear_faults();
        assert!([403, 502, 503].contains(&told), "{call} {kind:?}: {told}");
        assert_eq!(text(&world, "/dav/a").await, "a", "{call} {kind:?}");
        for _ in 0..3 {
            assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/a", "/dav/dir/"], "{call} {kind:?}");
            assert_eq!(world.hrefs("/dav/dir/").await, ["/dav/dir/"], "{call} {kind:?}");
            // Over some time, so that what comes late is seen, too.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(world.sim.read("/a").unwrap(), b"a");
    }
}

// Keeps 100.
#[tokio::test]
async fn a_copy_whose_task_is_not_told_about_is_finished_or_leaves_nothing() {
    let world = Fixture::start().await;
    world.sim.write("/dir/x", "x");
    world.hrefs("/dav/").await;
    world.sim.fault(Fault { times: 5, ..always("openFile/async_task/get", code(500, "InternalError")) });
    assert_eq!(act(&world, "COPY", "/dav/dir/", "/dav/copy/").await, 201);
    assert_eq!(anew(&world, "/dav/").await, ["/dav/", "/dav/copy/", "/dav/dir/"]);
    world.sim.fault(always("openFile/async_task/get", code(403, "ForbiddenNoPermission.File")));
    let told = act(&world, "COPY", "/dav/dir/", "/dav/again/").await;
    world.sim.clear_faults();
    assert_eq!(told, 403);
    assert_eq!(anew(&world, "/dav/").await, ["/dav/", "/dav/copy/", "/dav/dir/"]);
}

#[tokio::test]
async fn a_move_that_fails_leaves_the_empty_file_at_its_destination() {
    for (from, call) in [("/dav/a", "openFile/update"), ("/dav/dir/h", "openFile/move")] {
        let world = Fixture::start().await;
        world.sim.write("/a", "a");
        world.sim.write("/dir/h", "h");
        world.hrefs("/dav/").await;
        world.hrefs("/dav/dir/").await;
        assert_eq!(put(&world, "/dav/h", "").await, 201);
        world.sim.fault(Fault::once(call, code(403, "ForbiddenNoPermission.File")));
        assert_eq!(act(&world, "MOVE", from, "/dav/h").await, 403, "{call}");
        assert_eq!(text(&world, "/dav/h").await, "");
        assert_eq!(act(&world, "MOVE", from, "/dav/h").await, 204);
        assert_eq!(text(&world, "/dav/h").await, &from[from.len() - 1..]);
    }
}

// Keeps 116.
#[tokio::test]
async fn a_folder_in_the_place_of_another_has_none_of_its_held_files() {
    let world = Fixture::with(impatient).await;
    world.sim.mkdir("/old/sub");
    world.sim.write("/new/x", "x");
    for folder in ["/dav/", "/dav/old/", "/dav/old/sub/", "/dav/new/"] {
        world.hrefs(folder).await;
    }
    for path in ["/dav/old/.DS_Store", "/dav/old/sub/.DS_Store", "/dav/old/empty", "/dav/old/sub/empty"] {
        let body = if path.ends_with("empty") { "" } else { "own" };
        assert_eq!(put(&world, path, body).await, 201);
    }
    assert_eq!(act(&world, "MOVE", "/dav/new/", "/dav/old/").await, 204);
    assert_eq!(world.hrefs("/dav/old/").await, ["/dav/old/", "/dav/old/x"]);
    assert_eq!(world.get("/dav/old/.DS_Store").await.status(), 404);
    // Another program replaces a folder.
    assert_eq!(put(&world, "/dav/old/.DS_Store", "own").await, 201);
    assert_eq!(put(&world, "/dav/old/empty", "").await, 201);
    world.sim.remove("/old");
    world.sim.mkdir("/old");
    anew(&world, "/dav/").await;
    nothing_more().await;
    assert_eq!(anew(&world, "/dav/old/").await, ["/dav/old/"]);
    assert_eq!(world.get("/dav/old/.DS_Store").await.status(), 404);
    assert_eq!(world.sim.read("/old/empty"), None);
}

// Keeps 116.
#[tokio::test]
async fn held_files_are_one_in_all_mounts_of_a_folder_and_follow_it() {
    let world = Fixture::with(|config| {
        impatient(config);
        config.mounts.push(Mount::at("/two", "main"));
    })
    .await;
    world.sim.mkdir("/d");
    world.hrefs("/dav/").await;
    assert_eq!(put(&world, "/dav/d/.DS_Store", "own").await, 201);
    assert_eq!(put(&world, "/dav/d/empty", "").await, 201);
    assert_eq!(text(&world, "/dav/two/d/.DS_Store").await, "own");
    assert_eq!(act(&world, "MOVE", "/dav/d/", "/dav/e/").await, 201);
    assert_eq!(text(&world, "/dav/two/e/.DS_Store").await, "own");
    assert_eq!(world.hrefs("/dav/e/").await.len(), 3);
    until(|| world.sim.read("/e/empty").is_some()).await;
    assert_eq!(delete(&world, "/dav/two/e/").await, 204);
    assert_eq!(world.get("/dav/e/.DS_Store").await.status(), 404);
}

// Keeps 117.
#[tokio::test]
async fn a_drive_s_own_companion_is_covered_and_does_not_come_back() {
    let world = Fixture::start().await;
    world.sim.write("/.DS_Store", "the drive's");
    world.hrefs("/dav/").await;
    assert_eq!(text(&world, "/dav/.DS_Store").await, "the drive's");
    assert_eq!(put(&world, "/dav/.DS_Store", "kept here").await, 204);
    assert_eq!(text(&world, "/dav/.DS_Store").await, "kept here");
    assert_eq!(delete(&world, "/dav/.DS_Store").await, 204);
    assert_eq!(world.get("/dav/.DS_Store").await.status(), 404);
    assert_eq!(anew(&world, "/dav/").await, ["/dav/"]);
    // The same for a move away.
    world.sim.write("/.DS_Store", "the drive's");
    anew(&world, "/dav/").await;
    assert_eq!(put(&world, "/dav/.DS_Store", "kept here").await, 204);
    assert_eq!(act(&world, "MOVE", "/dav/.DS_Store", "/dav/plain").await, 201);
    assert_eq!(anew(&world, "/dav/").await, ["/dav/", "/dav/plain"]);
    assert_eq!(text(&world, "/dav/plain").await, "kept here");
}

// Keeps 111.
#[tokio::test]
async fn what_is_stored_of_what_is_removed_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let state = alidav::config::StateLocation::File(folder.path().join("state.db"));
    let world = Fixture::with(|config| config.state = state.clone()).await;
    world.sim.write("/dir/sub/x", "x");
    world.sim.write("/a", "a");
    world.sim.write("/b", "b");
    for path in ["/dav/", "/dav/dir/", "/dav/dir/sub/"] {
        world.hrefs(path).await;
    }
    let note = r#"<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><n xmlns="urn:t">kept</n></D:prop></D:set></D:propertyupdate>"#;
    for path in ["/dav/dir/", "/dav/dir/sub/x", "/dav/a", "/dav/b"] {
        assert_eq!(world.request("PROPPATCH", path).body(note).send().await.unwrap().status(), 207);
        assert!(world.propfind(path, "0").await.text().await.unwrap().contains("kept"), "{path}");
    }
    let world = world.restart().await;
    for path in ["/dav/", "/dav/dir/", "/dav/dir/sub/"] {
        assert!(world.propfind(path, "1").await.text().await.unwrap().contains("kept"), "{path}");
    }
    assert_eq!(delete(&world, "/dav/dir/").await, 204);
    assert_eq!(act(&world, "MOVE", "/dav/a", "/dav/b").await, 204);
    let store = alidav::state::Store::open(&state).await.unwrap();
    let mut left = 0;
    store.items_with_properties(|_| left += 1).await.unwrap();
    assert_eq!(left, 1);
    assert!(world.propfind("/dav/b", "0").await.text().await.unwrap().contains("kept"));
}

#[tokio::test]
async fn a_file_that_is_kept_here_is_compared_and_keeps_what_is_stored_of_it() {
    let world = Fixture::start().await;
    let sum = |text: &str| format!("SHA1:{}", crate::harness::sha1(text.as_bytes()));
    let announced = |body: &'static str, of: &str| {
        world.request("PUT", "/dav/._a").header("oc-checksum", sum(of)).body(body).send()
    };
    assert_eq!(announced("right", "right").await.unwrap().status(), 201);
    let note = r#"<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><n xmlns="urn:t">kept</n></D:prop></D:set></D:propertyupdate>"#;
    assert_eq!(world.request("PROPPATCH", "/dav/._a").body(note).send().await.unwrap().status(), 207);
    assert_eq!(announced("wrong", "right").await.unwrap().status(), 400);
    assert_eq!(text(&world, "/dav/._a").await, "right");
    assert_eq!(announced("again", "again").await.unwrap().status(), 204);
    assert_eq!(text(&world, "/dav/._a").await, "again");
    assert!(world.propfind("/dav/._a", "0").await.text().await.unwrap().contains("kept"));
    assert_eq!(act(&world, "MOVE", "/dav/._a", "/dav/._b").await, 201);
    assert!(world.propfind("/dav/._b", "0").await.text().await.unwrap().contains("kept"));
}

#[tokio::test]
async fn the_other_unicode_form_of_a_name_is_another_item_and_stays_when_one_is_deleted() {
    let world = Fixture::start().await;
    world.sim.write("/caf\u{e9}", "composed");
    world.sim.write("/cafe\u{301}", "decomposed");
    assert_eq!(world.hrefs("/dav/").await.len(), 3);
    assert_eq!(world.request("DELETE", "/dav/caf%C3%A9").send().await.unwrap().status(), 204);
    assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/cafe%CC%81"]);
    assert_eq!(world.sim.read("/caf\u{e9}"), None);
    assert_eq!(world.sim.read("/cafe\u{301}").unwrap(), b"decomposed");
}
