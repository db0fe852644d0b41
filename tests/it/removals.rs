//! What a change replaces does not come back, though the drive refuses to remove it, the answer is lost, the process
//! ends, or somebody else is quicker.

use alidav::config::StateLocation;
use alidav::sim::{Fault, FaultKind, Moment, Simulator};
use serde_json::{Value, json};

use crate::harness::{Fixture, client, hrefs, noise, until};

fn refused(status: u16, code: &str) -> FaultKind {
    FaultKind::Code { status, code: code.to_owned(), retry_after_ms: None }
}

fn throttled() -> FaultKind {
    FaultKind::Code { status: 429, code: "TooManyRequests".to_owned(), retry_after_ms: Some(2500) }
}

const TRASH: &str = "openFile/recyclebin/trash";

/// Waits are short, and the store is a file, so that it outlives the server.
async fn world() -> (Fixture, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = StateLocation::File(folder.path().join("state.db"));
    let world = Fixture::with(|config| {
        config.upstream.max_wait = std::time::Duration::from_secs(2);
        config.timeouts.store_busy = std::time::Duration::from_secs(1);
        config.state = file;
    })
    .await;
    (world, folder)
}

/// What the drive itself has, with the ids.
async fn on_drive(sim: &Simulator) -> Vec<(String, String)> {
    let http = client();
    let tree: Value = http.get(format!("{}/sim/tree", sim.url())).send().await.unwrap().json().await.unwrap();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    tree.as_array().unwrap().iter().map(|row| (text(row, "path"), text(row, "file_id"))).collect()
}

async fn paths_on_drive(sim: &Simulator) -> Vec<String> {
    on_drive(sim).await.into_iter().map(|(path, _)| path).collect()
}

/// What another program of the user does.
async fn behind(sim: &Simulator, call: &str, mut body: Value) {
    body["drive_id"] = json!(sim.drive_ids().1);
    let http = crate::harness::builder().user_agent("test").build().unwrap();
    let call = http.post(format!("{}/adrive/v1.0/{call}", sim.url())).bearer_auth(sim.access_token()).json(&body);
    assert!(call.send().await.unwrap().status().is_success());
}

async fn anew(world: &Fixture, path: &str) -> Vec<String> {
    let request = world.request("PROPFIND", path).header("depth", "1").header("cache-control", "no-cache");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 207);
    hrefs(&answer.text().await.unwrap())
}

async fn pending(world: &Fixture) -> u64 {
    let health: Value = serde_json::from_str(&world.get("/healthz").await.text().await.unwrap()).unwrap();
    health["removals_pending"].as_u64().unwrap()
}

/// Waits until nothing is left to be removed.
async fn nothing_pending(world: &Fixture) {
    let empty = async { while pending(world).await > 0 {} };
    tokio::time::timeout(std::time::Duration::from_secs(60), empty).await.expect("it is never removed");
}

async fn put(world: &Fixture, path: &str, body: impl Into<reqwest::Body>) -> u16 {
    world.request("PUT", path).body(body).send().await.unwrap().status().as_u16()
}

async fn status(world: &Fixture, method: &str, path: &str) -> u16 {
    world.request(method, path).send().await.unwrap().status().as_u16()
}

/// Replaces `/dav/f/a` by what `method` puts there while the drive removes nothing.
async fn replace(world: &Fixture, method: &str, kind: FaultKind) {
    world.sim.write("/f/a", "old");
    world.sim.write("/f/b", "new");
    anew(world, "/dav/f/").await;
    world.sim.fault(Fault::always(TRASH, kind));
    let request = world.request(method, if method == "PUT" { "/dav/f/a" } else { "/dav/f/b" });
    let request = match method {
        "PUT" => request.body("new"),
        _ => request.header("destination", world.url("/dav/f/a")),
    };
    assert_eq!(request.send().await.unwrap().status(), 204, "{method}");
}

// Keeps 89.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_replaced_is_seen_no_more_though_the_drive_refuses_to_remove_it() {
    let kinds =
        [throttled(), refused(500, "InternalError"), refused(403, "ForbiddenNoPermission.File"), FaultKind::Hang];
    for (kind, method) in
        kinds.into_iter().flat_map(|kind| ["PUT", "MOVE", "COPY"].map(|method| (kind.clone(), method)))
    {
        let (world, _folder) = world().await;
        replace(&world, method, kind.clone()).await;
        let what = format!("{method} {kind:?}");
        let all = if method == "MOVE" { vec!["/dav/f/", "/dav/f/a"] } else { vec!["/dav/f/", "/dav/f/a", "/dav/f/b"] };
        let mut by_memory = world.hrefs("/dav/f/").await;
        by_memory.sort();
        assert_eq!(by_memory, all, "{what}");
        assert_eq!(anew(&world, "/dav/f/").await.len(), all.len(), "{what}");
        assert_eq!(world.get("/dav/f/a").await.text().await.unwrap(), "new", "{what}");
        assert_eq!(pending(&world).await, 1, "{what}");
        assert_eq!(paths_on_drive(&world.sim).await.iter().filter(|path| *path == "/f/a").count(), 2, "{what}");
        // A DELETE that the drive refuses is told, and what it was about stays.
        if !matches!(kind, FaultKind::Hang) {
            assert!(status(&world, "DELETE", "/dav/f/a").await >= 400, "{what}");
            assert_eq!(world.get("/dav/f/a").await.text().await.unwrap(), "new", "{what}");
        }
        world.sim.clear_faults();
        // While the drive throttles it takes nothing.
        while status(&world, "GET", "/dav/f/a").await != 404 {
            assert!([204, 503].contains(&status(&world, "DELETE", "/dav/f/a").await), "{what}");
        }
        assert_eq!(anew(&world, "/dav/f/").await.len(), all.len() - 1, "{what}");
        let world = world.restart().await;
        assert_eq!(status(&world, "GET", "/dav/f/a").await, 404, "{what}");
        nothing_pending(&world).await;
        assert!(!paths_on_drive(&world.sim).await.contains(&"/f/a".to_owned()), "{what}");
    }
}

// Keeps 89.
#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_removed_stays_hidden_over_a_restart_without_the_drive_and_goes_then() {
    let (world, _folder) = world().await;
    replace(&world, "PUT", refused(500, "InternalError")).await;
    world.sim.fault(Fault::always("*", FaultKind::CloseBefore));
    let world = world.restart().await;
    assert!(world.propfind("/dav/f/", "1").await.status().is_server_error());
    assert_eq!(pending(&world).await, 1);
    world.sim.clear_faults();
    world.sim.fault(Fault::always(TRASH, FaultKind::CloseBefore));
    assert_eq!(anew(&world, "/dav/f/").await, ["/dav/f/", "/dav/f/a", "/dav/f/b"]);
    assert_eq!(world.get("/dav/f/a").await.text().await.unwrap(), "new");
    world.sim.clear_faults();
    nothing_pending(&world).await;
    assert_eq!(paths_on_drive(&world.sim).await, ["/f", "/f/a", "/f/b"]);
}

// Keeps 89.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_has_removed_or_taken_elsewhere_is_left_alone() {
    for call in ["openFile/recyclebin/trash", "openFile/update"] {
        let (world, _folder) = world().await;
        world.sim.write("/f/a", "old");
        let old = on_drive(&world.sim).await.into_iter().find(|(path, _)| path == "/f/a").unwrap().1;
        anew(&world, "/dav/f/").await;
        world.sim.fault(Fault::once(TRASH, refused(403, "ForbiddenNoPermission.File")));
        // Its second try begins with a look at the item, which waits until the other program is done.
        let mut looks = world.sim.gate("openFile/get", &[Moment::Start]);
        assert_eq!(put(&world, "/dav/f/a", "new").await, 204);
        let look = looks.arrival().await;
        let body = match call {
            "openFile/update" => json!({ "file_id": old, "name": "kept", "check_name_mode": "ignore" }),
            _ => json!({ "file_id": old }),
        };
        behind(&world.sim, call, body).await;
        drop((looks, look));
        nothing_pending(&world).await;
        let kept = if call == "openFile/update" { vec!["/f", "/f/a", "/f/kept"] } else { vec!["/f", "/f/a"] };
        assert_eq!(paths_on_drive(&world.sim).await, kept);
        assert_eq!(anew(&world, "/dav/f/").await.len(), kept.len());
        assert_eq!(world.sim.read("/f/a").unwrap(), b"new");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_under_which_something_is_hidden_can_be_used_again() {
    for (method, made) in [("MKCOL", "/f/a/"), ("PUT", "/f/a"), ("MOVE", "/f/a")] {
        let (world, _folder) = world().await;
        replace(&world, "PUT", refused(500, "InternalError")).await;
        world.sim.clear_faults();
        assert_eq!(status(&world, "DELETE", "/dav/f/a").await, 204);
        let request = match method {
            "PUT" => world.request("PUT", "/dav/f/a").body("newest"),
            "MOVE" => world.request("MOVE", "/dav/f/b").header("destination", world.url("/dav/f/a")),
            method => world.request(method, "/dav/f/a"),
        };
        assert_eq!(request.send().await.unwrap().status(), 201, "{method}");
        assert!(anew(&world, "/dav/f/").await.contains(&format!("/dav{made}")), "{method}");
        nothing_pending(&world).await;
        assert_eq!(paths_on_drive(&world.sim).await.iter().filter(|path| *path == "/f/a").count(), 1, "{method}");
    }
}

// Keeps 94.
#[tokio::test(flavor = "multi_thread")]
async fn the_copy_of_a_folder_has_nothing_of_what_is_hidden_in_it() {
    let (world, _folder) = world().await;
    replace(&world, "PUT", refused(500, "InternalError")).await;
    let copy = || world.request("COPY", "/dav/f").header("destination", world.url("/dav/g")).send();
    assert!(copy().await.unwrap().status().is_server_error());
    assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/f/"]);
    world.sim.clear_faults();
    assert_eq!(copy().await.unwrap().status(), 201);
    assert_eq!(paths_on_drive(&world.sim).await, ["/f", "/f/a", "/f/b", "/g", "/g/a", "/g/b"]);
}

// Keeps 91.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_commit_never_was_keeps_the_old_file_and_is_looked_for() {
    let (world, _folder) = world().await;
    world.sim.write("/a", "old");
    anew(&world, "/dav/").await;
    world.sim.fault(Fault::always("openFile/complete", FaultKind::CloseBefore));
    assert!(put(&world, "/dav/a", noise(3000)).await >= 500);
    assert_eq!(world.get("/dav/a").await.text().await.unwrap(), "old");
    world.sim.clear_faults();
    let world = world.restart().await;
    assert_eq!(anew(&world, "/dav/").await, ["/dav/", "/dav/a"]);
    assert_eq!(world.get("/dav/a").await.text().await.unwrap(), "old");
    assert_eq!(put(&world, "/dav/a", noise(3000)).await, 204);
    assert_eq!(paths_on_drive(&world.sim).await, ["/a"]);
}

// Keeps 93.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_down_is_not_changed() {
    use sqlx::{ConnectOptions as _, Executor as _};
    let (world, folder) = world().await;
    world.sim.write("/a", "old");
    world.sim.write("/b", "other");
    anew(&world, "/dav/").await;
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("state.db"));
    let mut other = file.connect().await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    assert_eq!(put(&world, "/dav/a", noise(3000)).await, 503);
    for method in ["MOVE", "COPY"] {
        let request = world.request(method, "/dav/b").header("destination", world.url("/dav/a"));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 503, "{method}");
        assert!(answer.text().await.unwrap().contains("state store"), "{method}");
    }
    other.execute("ROLLBACK").await.unwrap();
    assert_eq!(anew(&world, "/dav/").await, ["/dav/", "/dav/a", "/dav/b"]);
    assert_eq!(world.get("/dav/a").await.text().await.unwrap(), "old");
    assert_eq!(paths_on_drive(&world.sim).await, ["/a", "/b"]);
    assert_eq!(put(&world, "/dav/a", noise(3000)).await, 204);
    until(|| world.sim.read("/a").is_some_and(|content| content.len() == 3000)).await;
}

/// A file to copy or move, and the folder it goes to, both listed.
async fn two_folders() -> (Fixture, tempfile::TempDir) {
    let (world, folder) = world().await;
    world.sim.write("/s/b", "new");
    world.sim.mkdir("/f");
    for path in ["/dav/s/", "/dav/f/"] {
        anew(&world, path).await;
    }
    (world, folder)
}

async fn relocate(world: &Fixture, method: &str, from: &str, to: &str) -> u16 {
    let request = world.request(method, from).header("destination", world.url(to));
    request.send().await.unwrap().status().as_u16()
}

/// Waits until the drive has these.
async fn drive_has(world: &Fixture, paths: &[&str]) {
    let there = async { while paths_on_drive(&world.sim).await != paths {} };
    let found = tokio::time::timeout(std::time::Duration::from_secs(60), there).await;
    assert!(found.is_ok(), "{:?} and not {paths:?}", paths_on_drive(&world.sim).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_whose_answer_is_lost_is_found_and_named() {
    for replaces in [false, true] {
        let (world, _folder) = two_folders().await;
        if replaces {
            world.sim.write("/f/a", "old");
            anew(&world, "/dav/f/").await;
        }
        world.sim.fault(Fault::once("openFile/copy", FaultKind::CloseAfter));
        let told = relocate(&world, "COPY", "/dav/s/b", "/dav/f/a").await;
        assert_eq!(told, if replaces { 204 } else { 201 });
        assert_eq!(world.get("/dav/f/a").await.text().await.unwrap(), "new");
        assert_eq!(paths_on_drive(&world.sim).await, ["/f", "/f/a", "/s", "/s/b"]);
        assert_eq!(pending(&world).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_never_was_leaves_what_looks_like_it() {
    let (world, _folder) = two_folders().await;
    world.sim.write("/f/b", "new");
    anew(&world, "/dav/f/").await;
    world.sim.fault(Fault::always("openFile/copy", FaultKind::CloseBefore));
    assert_eq!(relocate(&world, "COPY", "/dav/s/b", "/dav/f/a").await, 502);
    world.sim.clear_faults();
    // One of another name, and what a client puts there itself, are no copy of ours either.
    assert_eq!(put(&world, "/dav/f/b", "new").await, 204);
    assert_eq!(put(&world, "/dav/f/b(1)", "new").await, 201);
    let world = world.restart().await;
    assert_eq!(put(&world, "/dav/f/c", "else").await, 201);
    assert_eq!(paths_on_drive(&world.sim).await, ["/f", "/f/b", "/f/b(1)", "/f/c", "/s", "/s/b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_whose_copy_nobody_told_the_end_of_goes() {
    let (world, _folder) = two_folders().await;
    world.sim.fault(Fault::once("openFile/copy", FaultKind::CloseAfter));
    assert_eq!(relocate(&world, "COPY", "/dav/s", "/dav/f/n").await, 502);
    drive_has(&world, &["/f", "/s", "/s/b"]).await;
    assert_eq!(anew(&world, "/dav/f/").await, ["/dav/f/"]);
    // What has something else in it is another program's.
    world.sim.fault(Fault::once("openFile/copy", FaultKind::CloseBefore));
    world.sim.write("/f/s/mine", "kept");
    assert_eq!(relocate(&world, "COPY", "/dav/s", "/dav/f/n").await, 502);
    assert_eq!(put(&world, "/dav/f/c", "else").await, 201);
    assert!(paths_on_drive(&world.sim).await.contains(&"/f/s/mine".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_done_move_is_taken_back_when_the_drive_answers_again() {
    for taken in [false, true] {
        let (world, _folder) = two_folders().await;
        world.sim.fault(Fault::always("openFile/move", refused(500, "InternalError")));
        world.sim.fault(Fault::always("openFile/update", refused(500, "InternalError")).after(1));
        assert!(relocate(&world, "MOVE", "/dav/s/b", "/dav/f/a").await >= 500);
        assert_eq!(paths_on_drive(&world.sim).await, ["/f", "/s", "/s/a"]);
        if taken {
            world.sim.write("/s/b", "another program's");
        }
        world.sim.clear_faults();
        nothing_pending(&world).await;
        // Where its old name is another's by now, it is brought to its new place.
        let names = if taken { vec!["/f", "/f/a", "/s", "/s/b"] } else { vec!["/f", "/s", "/s/b"] };
        drive_has(&world, &names).await;
        assert_eq!(world.sim.read(if taken { "/f/a" } else { "/s/b" }).unwrap(), b"new");
        let by_memory = world.hrefs("/dav/s/").await;
        assert!(taken || by_memory == ["/dav/s/", "/dav/s/b"], "{by_memory:?}");
        assert_eq!(anew(&world, "/dav/s/").await, ["/dav/s/", "/dav/s/b"]);
        assert_eq!(world.hrefs("/dav/f/").await.len(), if taken { 2 } else { 1 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_replaced_shows_again_under_the_name_another_program_gave_it() {
    let (world, _folder) = world().await;
    world.sim.write("/f/a", "old");
    let old = on_drive(&world.sim).await.into_iter().find(|(path, _)| path == "/f/a").unwrap().1;
    anew(&world, "/dav/f/").await;
    world.sim.fault(Fault::always(TRASH, refused(403, "ForbiddenNoPermission.File")));
    world.sim.fault(Fault::always("openFile/get", refused(500, "InternalError")));
    assert_eq!(put(&world, "/dav/f/a", "new").await, 204);
    behind(&world.sim, "openFile/update", json!({ "file_id": old, "name": "kept", "check_name_mode": "ignore" })).await;
    assert_eq!(anew(&world, "/dav/f/").await, ["/dav/f/", "/dav/f/a", "/dav/f/kept"]);
    assert_eq!(pending(&world).await, 1);
    world.sim.clear_faults();
    nothing_pending(&world).await;
    assert_eq!(paths_on_drive(&world.sim).await, ["/f", "/f/a", "/f/kept"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_what_waits() {
    let (world, _folder) = world().await;
    replace(&world, "PUT", refused(403, "ForbiddenNoPermission.File")).await;
    let told = world.get("/metrics").await.text().await.unwrap();
    assert!(told.contains("alidav_removals_pending{account=\"main\"} 1"), "{told}");
    assert!(told.contains("alidav_removals_failed_total{reason=\"replaced\"}"), "{told}");
    world.sim.clear_faults();
    nothing_pending(&world).await;
    let told = world.get("/metrics").await.text().await.unwrap();
    assert!(told.contains("alidav_removals_pending{account=\"main\"} 0"), "{told}");
    assert!(told.contains("alidav_removals_total{reason=\"replaced\",outcome=\"done\"}"), "{told}");
}
