//! What PROPFIND shows, whatever the drive's answers look like.

use alidav::config::{Account, DriveType, Mount, OrderBy, OrderDirection};
use alidav::sim::{Fault, FaultKind, LastMarker, OddItems, PageShape, SizeForm};

use crate::harness::{Fixture, a_later_moment, header, hrefs, until};

// Keeps 11.
#[tokio::test]
async fn a_listing_is_complete_whatever_the_pages_look_like() {
    for shape in [PageShape::Full, PageShape::Short, PageShape::SomeEmpty] {
        for last in [LastMarker::Empty, LastMarker::Null, LastMarker::Absent] {
            for omit in [true, false] {
                let world = Fixture::start().await;
                world.sim.rules(|rules| {
                    (rules.page_shape, rules.last_marker, rules.omit_nulls) = (shape, last, omit);
                    rules.max_list_limit = 100;
                    rules.lower_case_hashes = omit;
                });
                for n in 0..250 {
                    world.sim.write(&format!("/f/{n:03}"), "x");
                }
                let found = world.hrefs("/dav/f/").await;
                let expected: Vec<_> =
                    ["/dav/f/".to_owned()].into_iter().chain((0..250).map(|n| format!("/dav/f/{n:03}"))).collect();
                assert_eq!(found, expected, "{shape:?} {last:?} {omit}");
            }
        }
    }
}

// Keeps 10.
#[tokio::test]
async fn odd_entries_of_a_page_do_not_close_a_folder() {
    let world = Fixture::start().await;
    for n in 0..250 {
        world.sim.write(&format!("/f/{n:03}"), "x");
    }
    world.sim.mkdir("/empty");
    world.sim.rules(|rules| rules.odd_items = OddItems::Some);
    let expected: Vec<_> =
        ["/dav/f/".to_owned()].into_iter().chain((0..250).map(|n| format!("/dav/f/{n:03}"))).collect();
    assert_eq!(world.hrefs("/dav/f/").await, expected);
    assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/empty/", "/dav/f/"]);
    assert_eq!(world.hrefs("/dav/empty/").await, ["/dav/empty/"]);
    assert_eq!(world.get("/dav/f/007").await.text().await.unwrap(), "x");
}

#[tokio::test]
async fn a_page_of_nothing_but_odd_entries_is_an_error_and_no_empty_folder() {
    let world = Fixture::start().await;
    world.sim.write("/f/a", "x");
    world.hrefs("/dav/").await;
    world.sim.rules(|rules| rules.odd_items = OddItems::All);
    assert_eq!(world.propfind("/dav/f/", "1").await.status(), 502);
    world.sim.rules(|rules| rules.odd_items = OddItems::None);
    assert_eq!(world.hrefs("/dav/f/").await, ["/dav/f/", "/dav/f/a"]);
}

// Keeps 18.
#[tokio::test]
async fn names_come_back_as_they_are_under_one_encoding() {
    let world = Fixture::start().await;
    let names = [
        "a b",
        "100% & <more>",
        "#1?",
        "电影 (1080p) [x]",
        "é",
        "e\u{301}x",
        "🎬",
        "quote\"'",
        "plus+",
        "~-_.",
        ".hidden",
        "a;b=c,d",
    ];
    for name in names {
        world.sim.write(&format!("/n/{name}"), name.to_owned());
    }
    for (href, name) in world.hrefs("/dav/n/").await.iter().skip(1).zip({
        let mut sorted = names.to_vec();
        sorted.sort_unstable();
        sorted
    }) {
        assert!(href.bytes().all(|b| b.is_ascii_alphanumeric() || b"/%-._~".contains(&b)), "{href}");
        assert!(!href.contains("%2f") && *href == href.replace("%e", "%E"));
        let answer = world.get(href).await;
        assert_eq!(answer.text().await.unwrap(), name, "{href}");
    }
}

// Keeps 4.
#[tokio::test]
async fn a_name_is_found_in_its_other_unicode_form() {
    let world = Fixture::start().await;
    world.sim.write("/f/caf\u{e9}", "nfc");
    assert_eq!(world.get("/dav/f/cafe%CC%81").await.text().await.unwrap(), "nfc");
}

// Keeps 6.
#[tokio::test]
async fn of_two_items_with_one_name_the_newest_is_served() {
    let world = Fixture::start().await;
    world.sim.write("/f/x", "old");
    a_later_moment().await;
    world.sim.add_same_name("/f/x", "newer");
    assert_eq!(world.hrefs("/dav/f/").await, ["/dav/f/", "/dav/f/x"]);
    assert_eq!(world.get("/dav/f/x").await.text().await.unwrap(), "newer");
}

// Keeps 19, 22.
#[tokio::test]
async fn properties_have_the_values_that_clients_need() {
    let world = Fixture::start().await;
    world.sim.write("/f/clip.mp4", "hello");
    let body = r#"<D:propfind xmlns:D="DAV:" xmlns:o="http://owncloud.org/ns" xmlns:a="http://apache.org/dav/props/"><D:prop>
        <D:displayname/><D:getcontentlength/><D:resourcetype/><D:getetag/><D:getcontenttype/><o:checksums/><a:executable/>
        <D:quota-used-bytes/></D:prop></D:propfind>"#;
    let answer = world.request("PROPFIND", "/dav/f/clip.mp4").header("depth", "0").body(body).send().await.unwrap();
    assert_eq!(header(&answer, "content-type"), "application/xml; charset=utf-8");
    let text = answer.text().await.unwrap();
    for part in [
        "<D:href>/dav/f/clip.mp4</D:href>",
        "<D:displayname>clip.mp4</D:displayname>",
        "<D:getcontentlength>5</D:getcontentlength>",
        "<D:resourcetype/>",
        "<D:getetag>\"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d\"</D:getetag>",
        "<D:getcontenttype>video/mp4</D:getcontenttype>",
        "<oc:checksum>SHA1:AAF4C61DDCC5E8A2DABEDE0F3B482CD9AEA9434D</oc:checksum>",
        "<D:status>HTTP/1.1 200 OK</D:status>",
        "<x:executable xmlns:x=\"http://apache.org/dav/props/\"/>",
        "<D:status>HTTP/1.1 404 Not Found</D:status>",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let all = world.propfind("/dav/f/clip.mp4", "0").await.text().await.unwrap();
    assert!(
        all.contains("creationdate") && all.contains("supportedlock") && !all.contains("quota") && !all.contains("404")
    );
    let names = r#"<propfind xmlns="DAV:"><propname/></propfind>"#;
    let names = world.request("PROPFIND", "/dav/f/").header("depth", "0").body(names).send().await.unwrap();
    let names = names.text().await.unwrap();
    assert!(names.contains("<D:displayname/>") && !names.contains("getcontentlength"), "{names}");
}

// Keeps 23.
#[tokio::test]
async fn the_account_s_space_is_told_when_asked_for_by_name() {
    let world = Fixture::start().await;
    world.sim.write("/f", vec![0; 1000]);
    let body = r#"<propfind xmlns="DAV:"><prop><quota-available-bytes/><quota-used-bytes/></prop></propfind>"#;
    for _ in 0..2 {
        let answer = world.request("PROPFIND", "/dav/").header("depth", "0").body(body).send().await.unwrap();
        assert!(answer.text().await.unwrap().contains("<D:quota-used-bytes>1000</D:quota-used-bytes>"));
    }
    assert_eq!(world.sim.calls()["user/getSpaceInfo"], 1);
}

// Keeps 17.
#[tokio::test]
async fn depth_infinity_is_answered_for_small_trees_only() {
    let world = Fixture::with(|config| config.cache.infinity_max_entries = 10).await;
    for n in 0..3 {
        world.sim.write(&format!("/small/{n}/file"), "x");
    }
    for n in 0..20 {
        world.sim.write(&format!("/large/{n}"), "x");
    }
    let small = world.propfind("/dav/small/", "infinity").await;
    assert_eq!(small.status(), 207);
    assert_eq!(hrefs(&small.text().await.unwrap()).len(), 7);
    let large = world.request("PROPFIND", "/dav/large/").send().await.unwrap();
    assert_eq!(large.status(), 403);
    assert!(large.text().await.unwrap().contains("<D:propfind-finite-depth/>"));
}

#[tokio::test]
async fn sub_folders_are_listed_in_advance_where_the_settings_say_so() {
    let world = Fixture::with(|config| config.cache.prefetch_folders = 2).await;
    for name in ["a", "b", "c"] {
        world.sim.write(&format!("/{name}/deeper/file"), "x");
    }
    assert_eq!(world.hrefs("/dav/").await.len(), 4);
    until(|| world.sim.calls()["openFile/list"] >= 3).await;
    let stat = async |path: &str| {
        world.sim.reset_calls();
        assert_eq!(world.propfind(path, "0").await.status(), 207);
        world.sim.calls().get("openFile/list").copied().unwrap_or(0)
    };
    let (a, b, c) = (stat("/dav/a/deeper").await, stat("/dav/b/deeper").await, stat("/dav/c/deeper").await);
    assert_eq!((a, b, c), (0, 0, 1), "the first two are known, and nothing below them was listed");
}

// Keeps 8.
#[tokio::test]
async fn several_drives_of_several_accounts_make_one_tree() {
    let world = Fixture::with(|config| {
        let mut second = Account::named("second");
        second.oauth_token_urls.clone_from(&config.accounts[0].oauth_token_urls);
        config.accounts.push(second);
        let mut films = Mount::at("/films/a", "main");
        (films.drive_type, films.order_by, films.order_direction) =
            (DriveType::Resource, OrderBy::NameEnhanced, OrderDirection::Desc);
        config.mounts.push(films);
        config.mounts.push(Mount::at("/films/b", "second"));
    })
    .await;
    world.sim.write("/films/covered.txt", "on the default drive");
    world.sim.write("/top.txt", "x");
    let put = |path: &str| world.http.put(format!("{}/sim/files/resource/{path}", world.sim.url())).body("r").send();
    put("x10").await.unwrap();
    put("x9").await.unwrap();
    assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/films/", "/dav/top.txt"]);
    assert_eq!(
        world.hrefs("/dav/films/").await,
        ["/dav/films/", "/dav/films/a/", "/dav/films/b/", "/dav/films/covered.txt"]
    );
    assert_eq!(world.hrefs("/dav/films/a/").await, ["/dav/films/a/", "/dav/films/a/x10", "/dav/films/a/x9"]);
    // The second account is not signed in: its mount says so, the others work.
    let second = world.propfind("/dav/films/b/", "1").await;
    assert_eq!(second.status(), 503);
    assert!(second.text().await.unwrap().contains("sign-in"));
}

#[tokio::test]
async fn a_drive_that_was_not_granted_is_403_and_says_so() {
    let world = Fixture::with(|config| config.mounts[0].drive_type = DriveType::Resource).await;
    world.sim.rules(|rules| rules.grant_resource = false);
    let answer = world.propfind("/dav/", "1").await;
    assert_eq!(answer.status(), 403);
    assert!(answer.text().await.unwrap().contains("resource drive"));
}

// Keeps 7.
#[tokio::test]
async fn a_mount_shows_only_its_root_folder() {
    let sim =
        alidav::sim::Simulator::start(alidav::sim::Options { rules: crate::harness::rules(), ..Default::default() })
            .await
            .unwrap();
    sim.write("/private", "x");
    sim.write("/shared/deep/er/file", "y");
    let folder = sim.mkdir("/shared");
    let world = Fixture::over(sim, |config| config.mounts[0].root_folder_id = folder).await;
    assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/deep/"]);
    assert_eq!(world.get("/dav/deep/er/file").await.text().await.unwrap(), "y");
    assert_eq!(world.get("/dav/private").await.status(), 404);
}

// Keeps 9.
#[tokio::test]
async fn a_folder_is_answered_with_and_without_its_trailing_slash() {
    let world = Fixture::start().await;
    world.sim.write("/f/a", "x");
    let (with, without) = (world.hrefs("/dav/f/").await, world.hrefs("/dav/f").await);
    assert_eq!(with, ["/dav/f/", "/dav/f/a"]);
    assert_eq!(with, without);
    for path in ["/dav/f", "/dav/f/"] {
        assert_eq!(world.head(path).await.status(), 200, "{path}");
        assert_eq!(world.request("OPTIONS", path).send().await.unwrap().status(), 200, "{path}");
    }
    assert_eq!(world.request("MKCOL", "/dav/g").send().await.unwrap().status(), 201);
    assert_eq!(world.request("DELETE", "/dav/g").send().await.unwrap().status(), 204);
    assert_eq!(world.request("MKCOL", "/dav/g/").send().await.unwrap().status(), 201);
}

// Keeps 15.
#[tokio::test]
async fn changes_behind_our_back_show_when_a_client_asks_for_them() {
    let world = Fixture::start().await;
    world.sim.write("/f/old", "x");
    world.hrefs("/dav/f/").await;
    world.sim.write("/f/new", "y");
    assert_eq!(world.hrefs("/dav/f/").await.len(), 2);
    let fresh = world.request("PROPFIND", "/dav/f/").header("depth", "1").header("cache-control", "no-cache");
    assert_eq!(hrefs(&fresh.send().await.unwrap().text().await.unwrap()).len(), 3);
    assert_eq!(world.hrefs("/dav/f/").await.len(), 3);
}

#[tokio::test]
async fn a_folder_replaced_behind_our_back_is_listed_as_it_is_now() {
    let world = Fixture::start().await;
    world.sim.write("/a/f/old", "x");
    world.hrefs("/dav/a/").await;
    world.hrefs("/dav/a/f/").await;
    world.sim.remove("/a/f");
    world.sim.write("/a/f/new", "y");
    let fresh = world.request("PROPFIND", "/dav/a/f/").header("depth", "1").header("cache-control", "no-cache");
    let fresh = fresh.send().await.unwrap();
    assert_eq!(hrefs(&fresh.text().await.unwrap()), ["/dav/a/f/", "/dav/a/f/new"]);
}

// Keeps 24.
#[tokio::test]
async fn a_live_photo_is_listed_as_the_stream_that_a_download_gives() {
    for (format, name, content) in [
        (alidav::config::LivpFormat::Jpeg, "IMG_1.jpeg", "picture"),
        (alidav::config::LivpFormat::Mov, "IMG_1.mov", "moving picture"),
    ] {
        for in_list in [false, true] {
            let world = Fixture::with(|config| config.mounts[0].livp_download_format = format).await;
            world.sim.rules(|rules| rules.list_streams = in_list);
            world.sim.write_livp("/f/IMG_1.livp", "picture", "moving picture");
            assert_eq!(world.hrefs("/dav/f/").await, ["/dav/f/".to_owned(), format!("/dav/f/{name}")]);
            let head = world.head(&format!("/dav/f/{name}")).await;
            assert_eq!(header(&head, "content-length"), content.len().to_string());
            assert_eq!(world.get(&format!("/dav/f/{name}")).await.text().await.unwrap(), content);
            assert_eq!(world.get("/dav/f/IMG_1.livp").await.text().await.unwrap(), content);
        }
    }
}

#[tokio::test]
async fn a_listing_under_way_does_not_hide_what_was_changed_meanwhile() {
    let world = Fixture::start().await;
    world.sim.fill("/folder", 201);
    assert_eq!(world.hrefs("/dav/folder/").await.len(), 202);
    world.sim.reset_calls();
    world.sim.rules(|rules| rules.latency_ms = 300);
    let refresh = world.request("PROPFIND", "/dav/folder/").header("depth", "1").header("cache-control", "no-cache");
    let refresh = tokio::spawn(refresh.send());
    // The folder above and the first page are read, the second page is on its way.
    while world.sim.calls().get("openFile/list") != Some(&3) {
        tokio::task::yield_now().await;
    }
    world.sim.rules(|rules| rules.latency_ms = 0);
    let written = world.request("PUT", "/dav/folder/a new file").body("x").send().await.unwrap();
    assert_eq!(written.status(), 201);
    let removed = world.request("DELETE", "/dav/folder/file%20number%20000001.mkv").send().await.unwrap();
    assert_eq!(removed.status(), 204);
    assert_eq!(refresh.await.unwrap().unwrap().status(), 207);
    let names = world.hrefs("/dav/folder/").await;
    assert_eq!(names.len(), 202);
    assert!(names.contains(&"/dav/folder/a%20new%20file".to_owned()));
    assert!(!names.contains(&"/dav/folder/file%20number%20000001.mkv".to_owned()));
    assert_eq!(world.sim.calls()["openFile/list"], 3);
}

// Keeps 20.
#[tokio::test]
async fn a_file_whose_length_the_drive_does_not_tell_is_never_taken_for_empty() {
    let world = Fixture::start().await;
    world.sim.rules(|rules| rules.sizes = SizeForm::Untold);
    world.sim.write("/f/full", "content");
    world.sim.write("/f/empty", "");
    let document = world.propfind("/dav/f/", "1").await.text().await.unwrap();
    assert_eq!(document.matches("<D:getcontentlength>").count(), 1, "{document}");
    assert_eq!(world.get("/dav/f/full").await.text().await.unwrap(), "content");
    assert_eq!(world.range("/dav/f/full", "bytes=3-").await.text().await.unwrap(), "tent");
    assert_eq!(world.get("/dav/f/empty").await.text().await.unwrap(), "");
    world.sim.rules(|rules| rules.sizes = SizeForm::Text);
    let told = world.request("PROPFIND", "/dav/f/").header("depth", "1").header("cache-control", "no-cache");
    assert_eq!(told.send().await.unwrap().text().await.unwrap().matches("<D:getcontentlength>").count(), 2);
}

#[tokio::test]
async fn pages_are_as_large_as_the_service_allows_however_it_says_so() {
    for (clamp, code) in [
        (true, ""),
        (false, "InvalidParameter.Limit"),
        (false, "InvalidParameterOutOfRange"),
        (false, "InvalidParameter.OutOfRange.Limit"),
    ] {
        let world = Fixture::start().await;
        world.sim.rules(|rules| {
            (rules.max_list_limit, rules.clamp_list_limit) = (100, clamp);
            code.clone_into(&mut rules.list_limit_code);
        });
        world.sim.fill("/f", 250);
        assert_eq!(world.hrefs("/dav/f/").await.len(), 251, "{code}");
    }
}

#[tokio::test]
async fn what_is_trashed_or_not_yet_complete_is_not_shown() {
    let world = Fixture::start().await;
    world.sim.rules(|rules| rules.list_unavailable = true);
    for name in ["/f/a", "/f/b"] {
        world.sim.write(name, "x");
    }
    let removed = world.request("DELETE", "/dav/f/a").send().await.unwrap();
    assert_eq!(removed.status(), 204);
    let fresh = world.request("PROPFIND", "/dav/f/").header("depth", "1").header("cache-control", "no-cache");
    assert_eq!(hrefs(&fresh.send().await.unwrap().text().await.unwrap()), ["/dav/f/", "/dav/f/b"]);
}

// Keeps 1.
#[tokio::test]
async fn a_deep_path_is_walked_where_the_service_does_not_take_it_as_a_whole() {
    let code = |status, code: &str| FaultKind::Code { status, code: code.to_owned(), retry_after_ms: None };
    for kind in [
        code(400, "InvalidParameter.FilePath"),
        code(404, "NotFound.ParentFileId"),
        FaultKind::Text { status: 404, body: "Not Found".to_owned() },
    ] {
        let world = Fixture::start().await;
        world.sim.write("/a/b/c/file", "x");
        world.sim.fault(Fault::always("openFile/get_by_path", kind.clone()));
        assert_eq!(world.get("/dav/a/b/c/file").await.text().await.unwrap(), "x", "{kind:?}");
        assert_eq!(world.get("/dav/a/b/none/file").await.status(), 404, "{kind:?}");
    }
}

#[tokio::test]
async fn what_lies_in_a_folder_that_was_replaced_behind_our_back_is_found() {
    for fresh in [false, true] {
        let world = Fixture::start().await;
        world.sim.write("/a/f/old", "x");
        world.hrefs("/dav/a/").await;
        world.sim.remove("/a");
        world.sim.write("/a/f/new", "y");
        let stat = world.request("PROPFIND", "/dav/a/f/new").header("depth", "0");
        let stat = if fresh { stat.header("cache-control", "no-cache") } else { stat };
        assert_eq!(stat.send().await.unwrap().status(), 207, "asked anew: {fresh}");
        assert_eq!(world.get("/dav/a/f/new").await.text().await.unwrap(), "y");
        assert_eq!(world.get("/dav/a/f/old").await.status(), 404);
    }
}

#[tokio::test]
async fn a_tree_is_shown_although_a_folder_in_it_went_away_behind_our_back() {
    let world = Fixture::start().await;
    world.sim.write("/top/goes/file", "x");
    world.sim.write("/top/stays/file", "x");
    world.hrefs("/dav/top/").await;
    world.sim.remove("/top/goes");
    let tree = world.propfind("/dav/top/", "infinity").await;
    assert_eq!(tree.status(), 207);
    assert_eq!(hrefs(&tree.text().await.unwrap()), ["/dav/top/", "/dav/top/stays/", "/dav/top/stays/file"]);
}

// Keeps 8.
#[tokio::test]
async fn mounts_that_show_the_same_folder_show_each_other_s_changes_at_once() {
    let sim =
        alidav::sim::Simulator::start(alidav::sim::Options { rules: crate::harness::rules(), ..Default::default() })
            .await
            .unwrap();
    let folder = sim.mkdir("/shared");
    let world = Fixture::over(sim, |config| {
        let mut view = Mount::at("/view", "main");
        (view.read_only, view.order_direction) = (true, OrderDirection::Desc);
        let mut part = Mount::at("/part", "main");
        (part.root_folder_id, part.link_policy) = (folder, alidav::config::LinkPolicy::Proxy);
        config.mounts.extend([view, part]);
    })
    .await;
    assert_eq!(world.hrefs("/dav/view/shared/").await.len(), 1);
    assert_eq!(world.hrefs("/dav/part/").await.len(), 1);
    assert_eq!(world.request("PUT", "/dav/shared/a").body("x").send().await.unwrap().status(), 201);
    assert_eq!(world.hrefs("/dav/view/shared/").await, ["/dav/view/shared/", "/dav/view/shared/a"]);
    assert_eq!(world.get("/dav/part/a").await.text().await.unwrap(), "x");
    let moved = world.request("MOVE", "/dav/part/a").header("destination", "/dav/shared/b").send().await.unwrap();
    assert_eq!(moved.status(), 201);
    assert_eq!(world.hrefs("/dav/view/shared/").await, ["/dav/view/shared/", "/dav/view/shared/b"]);
    assert_eq!(world.request("DELETE", "/dav/shared/b").send().await.unwrap().status(), 204);
    assert_eq!(world.hrefs("/dav/part/").await, ["/dav/part/"]);
}

#[tokio::test]
async fn a_drive_that_the_user_granted_later_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let state = alidav::config::StateLocation::File(folder.path().join("state.db"));
    let world = Fixture::with(|config| {
        config.mounts[0].drive_type = DriveType::Resource;
        config.state = state;
    })
    .await;
    world.sim.rules(|rules| rules.grant_resource = false);
    for _ in 0..3 {
        assert_eq!(world.propfind("/dav/", "1").await.status(), 403);
    }
    assert_eq!(world.sim.calls()["user/getDriveInfo"], 1, "asked once, not at each request");
    world.sim.rules(|rules| rules.grant_resource = true);
    assert_eq!(world.restart().await.propfind("/dav/", "1").await.status(), 207);
}

#[tokio::test]
async fn a_live_photo_that_goes_away_or_is_frozen_does_not_take_its_folder_along() {
    for (status, code) in [(404, "NotFound.FileId"), (403, "ForbiddenNoPermission.File")] {
        let world = Fixture::start().await;
        world.sim.write_livp("/f/IMG_1.livp", "picture", "moving picture");
        world.sim.write("/f/other", "x");
        world.sim.fault(Fault::once("openFile/batch/get", FaultKind::AllNull));
        let gone = FaultKind::Code { status, code: code.to_owned(), retry_after_ms: None };
        world.sim.fault(Fault::once("openFile/get", gone));
        assert_eq!(world.hrefs("/dav/f/").await.len(), 3, "{code}");
    }
}

#[tokio::test]
async fn the_folder_looked_at_last_is_remembered_in_a_full_cache() {
    let world = Fixture::with(|config| config.cache.max_entries = 300).await;
    for name in ["often", "seldom"] {
        world.sim.fill(&format!("/{name}"), 200);
    }
    for _ in 0..50 {
        world.hrefs("/dav/often/").await;
    }
    world.hrefs("/dav/seldom/").await;
    world.sim.reset_calls();
    world.hrefs("/dav/seldom/").await;
    assert_eq!(world.sim.api_calls(), 0);
}

#[tokio::test]
async fn a_folder_larger_than_the_whole_cache_is_not_listed_at_each_look() {
    let world = Fixture::with(|config| config.cache.max_entries = 100).await;
    world.sim.fill("/large", 300);
    world.hrefs("/dav/large/").await;
    world.sim.reset_calls();
    assert_eq!(world.hrefs("/dav/large/").await.len(), 301);
    assert_eq!(world.head("/dav/large/file%20number%20000300.mkv").await.status(), 200);
    assert_eq!(world.sim.api_calls(), 0);
}
