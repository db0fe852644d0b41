//! Folders, removal, copies, moves, locks and stored properties: what they cost and what they leave.

use alidav::sim::{Fault, FaultKind};

use crate::harness::{Fixture, eventually, header, until};

/// Signed in, the root listed, counters at zero.
async fn ready(paths: &[&str]) -> Fixture {
    let world = Fixture::start().await;
    for path in paths {
        match path.strip_suffix('/') {
            Some(folder) => {
                world.sim.mkdir(folder);
            }
            None => {
                world.sim.write(path, path.to_owned().to_owned());
            }
        }
    }
    let mut folders = vec!["/dav/".to_owned()];
    while let Some(folder) = folders.pop() {
        let found = world.hrefs(&folder).await;
        folders.extend(found.into_iter().skip(1).filter(|href| href.ends_with('/')));
    }
    world.sim.reset_calls();
    world
}

async fn act(world: &Fixture, method: &str, from: &str, to: &str) -> u16 {
    let request = world.request(method, from).header("destination", world.url(to));
    request.send().await.unwrap().status().as_u16()
}

fn calls(list: &[(&str, u64)]) -> Vec<(String, u64)> {
    list.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[tokio::test]
async fn a_folder_costs_one_call_and_is_there_at_once() {
    let world = ready(&[]).await;
    let made = world.request("MKCOL", "/dav/new").send().await.unwrap();
    assert_eq!((made.status().as_u16(), header(&made, "content-length")), (201, "0"));
    assert_eq!(world.calls(), calls(&[("openFile/create", 1)]));
    assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/new/"]);
    assert_eq!(world.calls(), calls(&[("openFile/create", 1)]));
    assert_eq!(world.request("MKCOL", "/dav/new").send().await.unwrap().status(), 405);
    assert_eq!(world.request("MKCOL", "/dav/none/deeper").send().await.unwrap().status(), 409);
    assert_eq!(world.request("MKCOL", "/dav/body").body("x").send().await.unwrap().status(), 415);
}

#[tokio::test]
async fn a_folder_just_made_is_known_to_be_empty() {
    let world = ready(&["/old"]).await;
    world.sim.rules(|rules| rules.task_polls = None);
    for folder in ["/dav/a", "/dav/a/b"] {
        assert_eq!(world.request("MKCOL", folder).send().await.unwrap().status(), 201);
    }
    assert_eq!(world.hrefs("/dav/a/b/").await, ["/dav/a/b/"]);
    assert_eq!(act(&world, "MOVE", "/dav/old", "/dav/a/b/old").await, 201);
    assert_eq!(world.calls(), calls(&[("openFile/create", 2), ("openFile/move", 1)]));
    assert_eq!(world.hrefs("/dav/a/b/").await, ["/dav/a/b/", "/dav/a/b/old"]);
}

#[tokio::test]
async fn a_folder_found_after_a_lost_answer_is_listed() {
    let world = ready(&[]).await;
    world.sim.write("/behind/our/back", "x");
    // The first answer would have said that the folder is there; the second says only that it is there now.
    world.sim.fault(Fault::once("openFile/create", FaultKind::CloseAfter));
    assert_eq!(world.request("MKCOL", "/dav/behind").send().await.unwrap().status(), 201);
    assert_eq!(world.hrefs("/dav/behind/").await, ["/dav/behind/", "/dav/behind/our/"]);
}

// Keeps 99.
#[tokio::test]
async fn removing_a_tree_costs_one_call() {
    let world = ready(&["/tree/a/b/file", "/tree/c", "/kept"]).await;
    world.sim.rules(|rules| rules.task_polls = None);
    assert_eq!(world.request("DELETE", "/dav/tree/").send().await.unwrap().status(), 204);
    assert_eq!(world.calls(), calls(&[("openFile/recyclebin/trash", 1)]));
    assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/kept"]);
    assert_eq!(world.request("DELETE", "/dav/tree/").send().await.unwrap().status(), 404);
    assert_eq!(world.request("DELETE", "/dav/").send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn moves_and_copies_cost_what_they_must_and_the_new_name_counts() {
    let world = ready(&["/a.txt", "/b.txt", "/dir/x", "/other/"]).await;
    world.sim.rules(|rules| rules.task_polls = None);
    for (method, from, to, expected) in [
        ("MOVE", "/dav/a.txt", "/dav/renamed.txt", calls(&[("openFile/update", 1)])),
        ("MOVE", "/dav/renamed.txt", "/dav/dir/renamed.txt", calls(&[("openFile/move", 1)])),
        (
            "MOVE",
            "/dav/dir/renamed.txt",
            "/dav/other/again.txt",
            calls(&[("openFile/move", 1), ("openFile/update", 1)]),
        ),
        ("COPY", "/dav/b.txt", "/dav/dir/b.txt", calls(&[("openFile/copy", 1)])),
        ("COPY", "/dav/b.txt", "/dav/other/copy.txt", calls(&[("openFile/copy", 1), ("openFile/update", 1)])),
        ("COPY", "/dav/b.txt", "/dav/beside.txt", calls(&[("openFile/copy", 1), ("openFile/update", 1)])),
        ("MOVE", "/dav/dir/", "/dav/other/dir/", calls(&[("openFile/move", 1)])),
        ("COPY", "/dav/other/", "/dav/whole/", calls(&[("openFile/copy", 1), ("openFile/update", 1)])),
    ] {
        world.sim.reset_calls();
        assert_eq!(act(&world, method, from, to).await, 201, "{method} {from} {to}");
        assert_eq!(world.calls(), expected, "{method} {from} {to}");
    }
    for (path, content) in [
        ("/other/again.txt", "/a.txt"),
        ("/other/dir/b.txt", "/b.txt"),
        ("/whole/dir/x", "/dir/x"),
        ("/beside.txt", "/b.txt"),
    ] {
        assert_eq!(world.sim.read(path).unwrap(), content.as_bytes(), "{path}");
        let path = format!("/dav{path}");
        assert_eq!(world.get(&path).await.text().await.unwrap(), content, "{path}");
    }
    assert_eq!(world.get("/dav/a.txt").await.status(), 404);
}

// Keeps 99.
#[tokio::test]
async fn overwriting_needs_leave_and_removes_the_old_last() {
    let world = ready(&["/a", "/b", "/dir/a"]).await;
    for method in ["COPY", "MOVE"] {
        let refused =
            world.request(method, "/dav/a").header("destination", world.url("/dav/b")).header("overwrite", "F");
        assert_eq!(refused.send().await.unwrap().status(), 412);
    }
    assert_eq!(act(&world, "COPY", "/dav/a", "/dav/b").await, 204);
    assert_eq!(world.sim.read("/b").unwrap(), b"/a");
    assert_eq!(act(&world, "MOVE", "/dav/dir/a", "/dav/b").await, 204);
    assert_eq!((world.sim.read("/b").unwrap(), world.sim.read("/dir/a")), (b"/dir/a".to_vec(), None));
    let mut found = world.hrefs("/dav/").await;
    found.sort_unstable();
    assert_eq!(found, ["/dav/", "/dav/a", "/dav/b", "/dav/dir/"]);
}

// Keeps 101.
#[tokio::test]
async fn impossible_moves_change_nothing() {
    let world = ready(&["/dir/sub/x", "/file"]).await;
    for (method, from, to, status) in [
        ("MOVE", "/dav/dir/", "/dav/dir/sub/dir/", 403),
        ("COPY", "/dav/dir/", "/dav/dir/inner/", 403),
        ("COPY", "/dav/dir/sub/", "/dav/dir/", 403),
        ("MOVE", "/dav/dir/sub/x", "/dav/dir/", 403),
        ("MOVE", "/dav/file", "/dav/none/file", 409),
        ("COPY", "/dav/none", "/dav/x", 404),
        ("MOVE", "/dav/file", "/dav/file", 403),
    ] {
        assert_eq!(act(&world, method, from, to).await, status, "{method} {from} {to}");
    }
    assert_eq!(world.request("MOVE", "/dav/file").send().await.unwrap().status(), 400);
    assert_eq!(world.calls(), []);
}

// Keeps 106.
#[tokio::test]
async fn a_change_of_case_or_unicode_form_is_a_rename() {
    let world = ready(&["/readme", "/caf\u{e9}"]).await;
    assert_eq!(act(&world, "MOVE", "/dav/readme", "/dav/README").await, 201);
    assert_eq!(act(&world, "MOVE", "/dav/caf%C3%A9", "/dav/cafe%CC%81").await, 201);
    assert_eq!(world.calls(), calls(&[("openFile/update", 2)]));
    assert!(world.sim.read("/README").is_some() && world.sim.read("/cafe\u{301}").is_some());
}

// Keeps 118.
#[tokio::test]
async fn a_read_only_mount_and_a_reader_change_nothing() {
    let world = Fixture::with(|config| config.mounts[0].read_only = true).await;
    world.sim.write("/a", "x");
    for method in ["PUT", "DELETE", "MKCOL"] {
        let path = if method == "MKCOL" { "/dav/new" } else { "/dav/a" };
        assert_eq!(world.request(method, path).send().await.unwrap().status(), 403, "{method}");
    }
    let world = Fixture::with(|config| config.anonymous = alidav::config::Permission::Read).await;
    world.sim.write("/a", "x");
    for method in ["PUT", "DELETE", "LOCK", "PROPPATCH"] {
        assert_eq!(world.request(method, "/dav/a").send().await.unwrap().status(), 403, "{method}");
    }
    assert_eq!(world.sim.read("/a").unwrap(), b"x");
}

const LOCK: &str = r#"<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype><owner>me</owner></lockinfo>"#;

// Keeps 107.
#[tokio::test]
async fn a_lock_holds_others_off_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let state = alidav::config::StateLocation::File(folder.path().join("state.db"));
    let world = Fixture::with(|config| config.state = state).await;
    world.sim.write("/a", "old");
    let locked = world.request("LOCK", "/dav/a").header("timeout", "Second-300").body(LOCK).send().await.unwrap();
    assert_eq!(locked.status(), 200);
    let token = header(&locked, "lock-token").to_owned();
    let world = world.restart().await;
    assert_eq!(world.request("PUT", "/dav/a").body("stranger").send().await.unwrap().status(), 423);
    assert_eq!(world.request("DELETE", "/dav/a").send().await.unwrap().status(), 423);
    let listed = world.propfind("/dav/a", "0").await.text().await.unwrap();
    assert!(listed.contains("<D:activelock>") && listed.contains(token.trim_matches(['<', '>'])), "{listed}");
    let put = world.request("PUT", "/dav/a").header("if", format!("({token})")).body("mine").send().await.unwrap();
    assert_eq!(put.status(), 204);
    assert_eq!(
        world.request("UNLOCK", "/dav/a").header("lock-token", "<urn:uuid:wrong>").send().await.unwrap().status(),
        409
    );
    assert_eq!(world.request("UNLOCK", "/dav/a").header("lock-token", token).send().await.unwrap().status(), 204);
    assert_eq!(world.request("PUT", "/dav/a").body("free").send().await.unwrap().status(), 204);
    assert_eq!(world.sim.read("/a").unwrap(), b"free");
}

// Keeps 107.
#[tokio::test]
async fn a_lock_holds_by_every_mount_of_its_folder() {
    let world = Fixture::with(|config| config.mounts.push(alidav::config::Mount::at("/two", "main"))).await;
    world.sim.write("/a", "old");
    let status = async |method: &str, field: &str, value: &str| {
        let request = world.request(method, "/dav/two/a").header(field, value).body("new");
        request.send().await.unwrap().status().as_u16()
    };
    let locked = world.request("LOCK", "/dav/a").body(LOCK).send().await.unwrap();
    assert_eq!(locked.status(), 200);
    let token = header(&locked, "lock-token");
    assert_eq!(status("PUT", "x-nothing", "").await, 423);
    assert_eq!(world.request("DELETE", "/dav/two/a").send().await.unwrap().status(), 423);
    assert_eq!(world.request("LOCK", "/dav/two/a").body(LOCK).send().await.unwrap().status(), 423);
    assert!(world.propfind("/dav/two/a", "0").await.text().await.unwrap().contains(token.trim_matches(['<', '>'])));
    assert_eq!(status("PUT", "if", &format!("({token})")).await, 204);
    let unlocked = world.request("UNLOCK", "/dav/two/a").header("lock-token", token).send().await.unwrap();
    assert_eq!(unlocked.status(), 204);
    assert_eq!(status("PUT", "x-nothing", "").await, 204);
}

// Keeps 109.
#[tokio::test]
async fn stored_properties_follow_a_move_and_an_overwrite() {
    let world = ready(&["/a"]).await;
    let set = r#"<propertyupdate xmlns="DAV:"><set><prop><n:colour xmlns:n="urn:n">red &amp; blue</n:colour></prop></set></propertyupdate>"#;
    let patched = world.request("PROPPATCH", "/dav/a").body(set).send().await.unwrap();
    assert_eq!(patched.status(), 207);
    assert!(patched.text().await.unwrap().contains("200 OK"));
    assert_eq!(act(&world, "MOVE", "/dav/a", "/dav/b").await, 201);
    assert_eq!(world.request("PUT", "/dav/b").body("new content").send().await.unwrap().status(), 204);
    let ask = r#"<propfind xmlns="DAV:"><prop><n:colour xmlns:n="urn:n"/><n:none xmlns:n="urn:n"/></prop></propfind>"#;
    let found =
        world.request("PROPFIND", "/dav/b").header("depth", "0").body(ask).send().await.unwrap().text().await.unwrap();
    assert!(found.contains("red &amp; blue") && found.contains("404 Not Found"), "{found}");
    let remove =
        r#"<propertyupdate xmlns="DAV:"><remove><prop><n:colour xmlns:n="urn:n"/></prop></remove></propertyupdate>"#;
    world.request("PROPPATCH", "/dav/b").body(remove).send().await.unwrap();
    assert!(!world.propfind("/dav/b", "0").await.text().await.unwrap().contains("colour"));
}

// Keeps 112.
#[tokio::test]
async fn times_that_clients_set_are_listed() {
    let world = ready(&[]).await;
    let put = world.request("PUT", "/dav/a").header("x-oc-mtime", "1500000000").body("x").send().await.unwrap();
    assert_eq!((put.status().as_u16(), header(&put, "x-oc-mtime")), (201, "accepted"));
    assert!(world.propfind("/dav/a", "0").await.text().await.unwrap().contains("Fri, 14 Jul 2017 02:40:00 GMT"));
    let set = r#"<propertyupdate xmlns="DAV:"><set><prop><lastmodified>1400000000</lastmodified></prop></set></propertyupdate>"#;
    assert_eq!(world.request("PROPPATCH", "/dav/a").body(set).send().await.unwrap().status(), 207);
    assert!(world.propfind("/dav/a", "0").await.text().await.unwrap().contains("Tue, 13 May 2014 16:53:20 GMT"));
    assert_eq!(header(&world.head("/dav/a").await, "last-modified"), "Tue, 13 May 2014 16:53:20 GMT");
}

#[tokio::test]
async fn a_folder_removed_behind_our_back_is_a_conflict() {
    let world = ready(&["/dir/x"]).await;
    world.sim.remove("/dir");
    assert_eq!(world.request("PUT", "/dav/dir/new").body("x").send().await.unwrap().status(), 409);
    assert_eq!(world.request("MKCOL", "/dav/dir/sub").send().await.unwrap().status(), 409);
}

#[tokio::test]
async fn a_source_removed_behind_our_back_is_missing() {
    for (path, method) in [("/dir/", "COPY"), ("/dir/", "MOVE"), ("/file", "COPY"), ("/file", "MOVE")] {
        let world = ready(&[path]).await;
        world.sim.remove(path.trim_end_matches('/'));
        assert_eq!(act(&world, method, &format!("/dav{path}"), "/dav/there").await, 404, "{method} {path}");
    }
}

#[tokio::test]
async fn hostile_bodies_are_refused() {
    let world = ready(&["/a"]).await;
    let laughs = r#"<!DOCTYPE a [<!ENTITY x "ha">]><propertyupdate xmlns="DAV:"><set><prop><a>&x;</a></prop></set></propertyupdate>"#;
    assert_eq!(world.request("PROPPATCH", "/dav/a").body(laughs).send().await.unwrap().status(), 400);
    assert_eq!(world.request("LOCK", "/dav/a").body(laughs).send().await.unwrap().status(), 400);
    assert_eq!(world.request("LOCK", "/dav/a").body("nonsense").send().await.unwrap().status(), 400);
    assert_eq!(world.request("PUT", "/dav/a").header("if", "((((").body("x").send().await.unwrap().status(), 400);
    assert_eq!(
        world.request("PUT", "/dav/a").header("content-range", "bytes 0-0/5").body("x").send().await.unwrap().status(),
        400
    );
    assert_eq!(world.sim.read("/a").unwrap(), b"/a");
}

const LOCK_FOLDER: &str = r#"<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>"#;

// Keeps 103.
#[tokio::test]
async fn a_lock_on_a_folder_alone_guards_which_names_it_holds() {
    let world = Fixture::start().await;
    world.request("MKCOL", "/dav/dir").send().await.unwrap();
    world.request("PUT", "/dav/dir/old").body("old").send().await.unwrap();
    let lock = world.request("LOCK", "/dav/dir").header("depth", "0").body(LOCK_FOLDER).send().await.unwrap();
    let token = format!("<{}/dav/dir> ({})", world.url(""), header(&lock, "lock-token"));
    for (method, path) in [("PUT", "/dav/dir/new"), ("MKCOL", "/dav/dir/new"), ("DELETE", "/dav/dir/old")] {
        assert_eq!(world.request(method, path).send().await.unwrap().status(), 423, "{method}");
    }
    let away = world.request("MOVE", "/dav/dir/old").header("destination", world.url("/dav/away"));
    assert_eq!(away.send().await.unwrap().status(), 423);
    let inside = world.request("COPY", "/dav/dir/old").header("destination", world.url("/dav/dir/copy"));
    assert_eq!(inside.send().await.unwrap().status(), 423);
    // What its members hold is not locked, and the holder of the lock may do everything.
    assert_eq!(world.request("PUT", "/dav/dir/old").body("changed").send().await.unwrap().status(), 204);
    let put = world.request("PUT", "/dav/dir/new").header("if", token).body("new").send().await.unwrap();
    assert_eq!(put.status(), 201);
}

// Keeps 102.
#[tokio::test]
async fn a_destination_on_another_server_is_refused_and_a_public_name_is_known() {
    let world = Fixture::with(|config| {
        config.public_url = Some("https://Films.example:443/".parse().unwrap());
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    world.request("PUT", "/dav/a").body("a").send().await.unwrap();
    let copy = |to: &str| world.request("COPY", "/dav/a").header("destination", to).send();
    assert_eq!(copy("http://elsewhere.example/dav/b").await.unwrap().status(), 502);
    assert_eq!(copy(":::").await.unwrap().status(), 400);
    assert_eq!(copy("https://films.example/dav/b").await.unwrap().status(), 201);
    assert_eq!(copy("/dav/c").await.unwrap().status(), 201);
    assert_eq!(copy(&world.url("/dav/d")).await.unwrap().status(), 201);
    let forwarded = world.request("COPY", "/dav/a").header("x-forwarded-host", "other.example:8443");
    let forwarded = forwarded.header("destination", "https://other.example:8443/dav/e").send().await.unwrap();
    assert_eq!(forwarded.status(), 201);
}

#[tokio::test]
async fn what_is_stored_of_an_empty_file_stays_when_the_file_reaches_the_drive() {
    let world = Fixture::start().await;
    world.request("PUT", "/dav/empty").header("content-length", "0").send().await.unwrap();
    let note = r#"<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><n xmlns="urn:t">kept</n></D:prop></D:set></D:propertyupdate>"#;
    assert_eq!(world.request("PROPPATCH", "/dav/empty").body(note).send().await.unwrap().status(), 207);
    let moved = world.request("MOVE", "/dav/empty").header("destination", world.url("/dav/moved"));
    assert_eq!(moved.send().await.unwrap().status(), 201);
    assert_eq!(world.sim.read("/moved").unwrap(), b"");
    assert!(world.propfind("/dav/moved", "0").await.text().await.unwrap().contains("kept"));
}

#[tokio::test]
async fn a_folder_whose_making_was_answered_into_the_void_is_made_once() {
    for kind in [FaultKind::CloseAfter, FaultKind::CloseBefore, FaultKind::BrokenJson] {
        let world = ready(&[]).await;
        world.sim.fault(Fault::once("openFile/create", kind.clone()));
        assert_eq!(world.request("MKCOL", "/dav/new").send().await.unwrap().status(), 201, "{kind:?}");
        assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/new/"]);
        assert_eq!(world.request("MKCOL", "/dav/new").send().await.unwrap().status(), 405);
    }
}

// Keeps 95.
#[tokio::test]
async fn what_has_begun_ends_though_the_client_leaves() {
    let world = ready(&["/a", "/b", "/c", "/e", "/dir/x", "/gone/y"]).await;
    world.sim.rules(|rules| rules.latency_ms = 30);
    for (method, from, to, first) in [
        // In an order in which nobody's later calls are another's first.
        ("DELETE", "/dav/gone/", "/dav/none", "openFile/recyclebin/trash"),
        ("MOVE", "/dav/a", "/dav/dir/moved", "openFile/update"),
        ("MOVE", "/dav/b", "/dav/c", "openFile/update"),
        ("COPY", "/dav/dir/", "/dav/tree/", "openFile/copy"),
        ("COPY", "/dav/e", "/dav/copy", "openFile/copy"),
    ] {
        world.sim.reset_calls();
        let request = world.request(method, from).header("destination", world.url(to)).send();
        tokio::select! {
            answer = request => panic!("{method} {from}: {:?}", answer.map(|answer| answer.status())),
            () = until(|| world.sim.calls().contains_key(first)) => {}
        }
    }
    let names = ["/copy", "/dir/moved", "/c", "/tree/x"];
    let all = || names.iter().all(|name| world.sim.read(name).is_some());
    eventually(async || all() && world.hrefs("/dav/").await.len() == 6).await;
    assert_eq!(world.sim.read("/c").unwrap(), b"/b");
    let mut found = world.hrefs("/dav/").await;
    found.sort_unstable();
    assert_eq!(found, ["/dav/", "/dav/c", "/dav/copy", "/dav/dir/", "/dav/e", "/dav/tree/"]);
}

// Keeps 105.
#[tokio::test]
async fn after_a_conflict_a_folder_that_is_gone_can_be_made_again() {
    for call in ["PUT", "MKCOL", "MOVE", "COPY"] {
        let world = ready(&["/dir/x", "/file"]).await;
        world.sim.remove("/dir");
        let (path, body) = if call == "PUT" { ("/dav/dir/new", "x") } else { ("/dav/dir/new", "") };
        let status = match call {
            "MOVE" | "COPY" => act(&world, call, "/dav/file", path).await,
            _ if body.is_empty() => world.request(call, path).send().await.unwrap().status().as_u16(),
            _ => world.request(call, path).body(body).send().await.unwrap().status().as_u16(),
        };
        assert_eq!(status, 409, "{call}");
        assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/file"], "{call}");
        assert_eq!(world.request("MKCOL", "/dav/dir").send().await.unwrap().status(), 201, "{call}");
    }
}

// Keeps 105.
#[tokio::test]
async fn what_is_gone_behind_our_back_is_not_listed_once_that_is_known() {
    for method in ["MOVE", "COPY"] {
        let world = ready(&["/a"]).await;
        world.sim.remove("/a");
        assert_eq!(act(&world, method, "/dav/a", "/dav/b").await, 404, "{method}");
        assert_eq!(world.hrefs("/dav/").await, ["/dav/"], "{method}");
    }
    // Another program has put another file in its place: that one was not meant and stays.
    let world = ready(&["/a"]).await;
    world.sim.remove("/a");
    world.sim.write("/a", "theirs");
    world.request("DELETE", "/dav/a").send().await.unwrap();
    assert_eq!(world.sim.read("/a").unwrap(), b"theirs");
    assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/a"]);
}

#[tokio::test]
async fn a_move_whose_answer_was_lost_is_resolved() {
    for own_namesake in [false, true] {
        for kind in [FaultKind::CloseAfter, FaultKind::CloseBefore, FaultKind::BrokenJson] {
            let world = ready(&["/a", "/b", "/taken", "/dir/taken"]).await;
            world.sim.rules(|rules| rules.own_namesake = own_namesake);
            for (call, from, to) in [
                ("openFile/update", "/dav/a", "/dav/renamed"),
                ("openFile/move", "/dav/renamed", "/dav/dir/renamed"),
                ("openFile/update", "/dav/b", "/dav/dir/b2"),
                ("openFile/move", "/dav/dir/b2", "/dav/b3"),
            ] {
                world.sim.fault(Fault::once(call, kind.clone()));
                assert_eq!(act(&world, "MOVE", from, to).await, 201, "{own_namesake} {kind:?} {from} {to}");
            }
            assert_eq!(world.sim.read("/dir/renamed").unwrap(), b"/a");
            assert_eq!(world.sim.read("/b3").unwrap(), b"/b");
            assert_eq!(world.hrefs("/dav/").await.len(), 4);
        }
    }
}

#[tokio::test]
async fn a_move_replaces_what_appeared_behind_our_back_only_where_it_may() {
    for to in ["/b", "/dir/a", "/dir/d"] {
        for overwrite in [false, true] {
            let world = ready(&["/a", "/dir/", "/dir/c"]).await;
            world.sim.write(to, "behind");
            let target = world.url(&format!("/dav{to}"));
            let request = world.request("MOVE", "/dav/a").header("destination", target);
            let status = request.header("overwrite", if overwrite { "T" } else { "F" }).send().await.unwrap().status();
            let found = (world.sim.read("/a").is_some(), world.sim.read(to).unwrap());
            if overwrite {
                assert!(status.is_success(), "{to}: {status}");
                assert_eq!(found, (false, b"/a".to_vec()), "{to}");
                world.sim.remove(to);
                assert_eq!(world.sim.read(to), None, "{to}: what was replaced stayed beside it");
            } else {
                assert_eq!((status.as_u16(), found), (412, (true, b"behind".to_vec())), "{to}");
            }
        }
    }
}

// Keeps 99.
#[tokio::test]
async fn a_third_item_of_the_name_stays() {
    let world = Fixture::start().await;
    world.sim.write("/a", "one");
    world.sim.add_same_name("/a", "two");
    let served = world.get("/dav/a").await.text().await.unwrap();
    assert_eq!(world.request("PUT", "/dav/a").body("new").send().await.unwrap().status(), 204);
    let mut left = std::collections::BTreeSet::new();
    while let Some(content) = world.sim.read("/a") {
        left.insert(String::from_utf8(content).unwrap());
        world.sim.remove("/a");
    }
    let third = if served == "one" { "two" } else { "one" };
    assert_eq!(left, ["new".to_owned(), third.to_owned()].into());
}

// Keeps 3.
#[tokio::test]
async fn names_are_taken_up_to_the_drive_s_limits() {
    let world = ready(&[]).await;
    let longest = "n".repeat(1024);
    assert_eq!(world.request("PUT", &format!("/dav/{longest}")).body("x").send().await.unwrap().status(), 201);
    assert_eq!(act(&world, "MOVE", &format!("/dav/{longest}"), &format!("/dav/m{}", &longest[1..])).await, 201);
    assert_eq!(world.request("MKCOL", &format!("/dav/{longest}n")).send().await.unwrap().status(), 400);
    assert_eq!(act(&world, "COPY", &format!("/dav/m{}", &longest[1..]), &format!("/dav/{longest}n")).await, 400);
    // What the drive refuses beyond that is told as such.
    world.sim.rules(|rules| rules.strict_names = true);
    assert_eq!(world.request("PUT", "/dav/a:b").body("x").send().await.unwrap().status(), 400);
    assert_eq!(world.request("MKCOL", "/dav/a%3Fb").send().await.unwrap().status(), 400);
    assert_eq!(act(&world, "MOVE", &format!("/dav/m{}", &longest[1..]), "/dav/a%2Ab").await, 400);
}

#[tokio::test]
async fn a_copy_of_depth_zero_is_an_empty_folder() {
    let world = ready(&["/dir/x"]).await;
    let copy = world.request("COPY", "/dav/dir/").header("depth", "0").header("destination", world.url("/dav/empty/"));
    assert_eq!(copy.send().await.unwrap().status(), 201);
    assert_eq!(world.hrefs("/dav/empty/").await, ["/dav/empty/"]);
}
