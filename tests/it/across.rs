//! COPY and MOVE between the mounts of different drives and accounts.

use std::collections::BTreeMap;

use alidav::config::{Account, Config, DriveType, LinkPolicy, Mount};
use alidav::drive::{ErrorKind, JobState, Path, Terms, Tree};
use alidav::sim::{Fault, FaultKind, Moment, Options, Simulator};
use alidav::state::Store;
use alidav::upstream::Client;
use reqwest::Response;

use crate::harness::{Fixture, client, eventually, noise, other_account, rules};
use crate::process::Process;

/// Three mounts: `/` is a drive of the first user, `/second` his other one, `/other` another user's.
pub(crate) async fn world() -> Fixture {
    with(|_| {}).await
}

async fn with(change: impl FnOnce(&mut Config)) -> Fixture {
    let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
    let token = sim.refresh_token_of(1);
    let world = Fixture::over(sim, |config| {
        let mut mount = Mount::at("/second", "main");
        (mount.drive_type, mount.link_policy) = (DriveType::Resource, LinkPolicy::Proxy);
        config.mounts.push(mount);
        other_account(config, &token);
        change(config);
    })
    .await;
    for root in ["/dav/", "/dav/second/", "/dav/other/"] {
        world.hrefs(root).await;
    }
    world
}

pub(crate) async fn act(world: &Fixture, method: &str, from: &str, to: &str) -> Response {
    world.request(method, from).header("destination", world.url(to)).send().await.unwrap()
}

/// All below a folder as it is served now: path below it, content of files.
pub(crate) async fn tree(world: &Fixture, folder: &str) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        let listing = world.request("PROPFIND", &at).header("depth", "1").header("cache-control", "no-cache");
        let listing = listing.send().await.unwrap();
        if listing.status() == 404 {
            continue;
        }
        for href in crate::harness::hrefs(&listing.text().await.unwrap()).into_iter().skip(1) {
            let content = if href.ends_with('/') {
                open.push(href.clone());
                None
            } else {
                Some(world.get(&href).await.bytes().await.unwrap().to_vec())
            };
            found.insert(href.strip_prefix(folder).unwrap().to_owned(), content);
        }
    }
    found
}

fn count(world: &Fixture, call: &str) -> u64 {
    world.sim.calls().get(call).copied().unwrap_or(0)
}

/// The root as the drive has it by now, for what was put there behind alidav's back.
async fn look(world: &Fixture) {
    let anew = world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache");
    assert_eq!(anew.send().await.unwrap().status(), 207);
}

/// A small tree at `/tree`, and what is to be seen of it.
pub(crate) async fn plant(world: &Fixture) -> BTreeMap<String, Option<Vec<u8>>> {
    let sim = &world.sim;
    sim.mkdir("/tree/empty");
    let mut all = BTreeMap::from([("empty/".to_owned(), None), ("sub/".to_owned(), None)]);
    for (name, size) in [("a.txt", 3000), ("sub/b.bin", 400_000), ("sub/c.txt", 0)] {
        let content = noise(size);
        sim.write(&format!("/tree/{name}"), content.clone());
        all.insert(name.to_owned(), Some(content));
    }
    look(world).await;
    all
}

// Keeps 159.
#[tokio::test]
async fn a_tree_between_two_drives_of_one_user_is_one_call() {
    let world = world().await;
    for n in 0..1000 {
        world.sim.write(&format!("/tree/{n}.txt"), format!("content {n}"));
    }
    look(&world).await;
    world.hrefs("/dav/tree/").await;
    world.sim.reset_calls();
    assert_eq!(act(&world, "COPY", "/dav/tree/", "/dav/second/tree").await.status(), 201);
    let calls = world.calls();
    let asked_for = calls.iter().filter(|(name, _)| !name.ends_with("async_task/get")).cloned().collect::<Vec<_>>();
    assert_eq!(asked_for, [("openFile/copy".to_owned(), 1)]);
    assert_eq!(world.hrefs("/dav/second/tree").await.len(), 1001);
    assert_eq!(act(&world, "COPY", "/dav/tree/1.txt", "/dav/second/one").await.status(), 201);
    assert_eq!(world.get("/dav/second/one").await.text().await.unwrap(), "content 1");
    // A MOVE as well; the source goes once both were compared.
    assert_eq!(act(&world, "MOVE", "/dav/tree/", "/dav/second/moved").await.status(), 201);
    assert_eq!(world.hrefs("/dav/second/moved").await.len(), 1001);
    assert_eq!(world.propfind("/dav/tree/", "0").await.status(), 404);
}

// Keeps 159, 160.
#[tokio::test]
async fn where_the_drive_refuses_and_between_users_a_file_costs_two_calls_and_no_content() {
    for to in ["/dav/second/tree", "/dav/other/tree"] {
        let world = world().await;
        world.sim.rules(|rules| rules.copy_to_other_drive = false);
        for n in 0..1000 {
            world.sim.write(&format!("/tree/{n}.txt"), format!("content {n}, of which a few bytes are read"));
        }
        look(&world).await;
        let before = world.sim.downloaded();
        world.sim.reset_calls();
        assert_eq!(act(&world, "COPY", "/dav/tree/", to).await.status(), 201);
        assert!(world.sim.api_calls() <= 2000, "{:?}", world.calls());
        assert_eq!((count(&world, "openFile/create"), count(&world, "openFile/getDownloadUrl")), (1001, 0));
        assert_eq!(count(&world, "data PUT"), 0);
        assert!(world.sim.downloaded() - before <= 8000, "{}", world.sim.downloaded() - before);
        assert_eq!(world.hrefs(to).await.len(), 1001);
        // Once more: what is there is known by its hash, and the drive is not asked again whether it copies.
        world.sim.reset_calls();
        assert_eq!(act(&world, "COPY", "/dav/tree/", to).await.status(), 204);
        let calls = world.calls();
        assert!(calls.iter().all(|(name, _)| name == "openFile/list"), "{calls:?}");
    }
}

// Keeps 161.
#[tokio::test]
async fn times_stored_properties_and_empty_folders_go_along() {
    let world = world().await;
    let all = plant(&world).await;
    let set = "<D:propertyupdate xmlns:D=\"DAV:\"><D:set><D:prop><x xmlns=\"urn:a\">kept</x></D:prop></D:set></D:propertyupdate>";
    for path in ["/dav/tree/", "/dav/tree/sub/", "/dav/tree/sub/b.bin"] {
        assert_eq!(world.request("PROPPATCH", path).body(set).send().await.unwrap().status(), 207);
    }
    let put = world.request("PUT", "/dav/tree/dated").header("x-oc-mtime", "1600000000").body("x");
    assert_eq!(put.send().await.unwrap().status(), 201);
    let moved = act(&world, "MOVE", "/dav/tree/", "/dav/other/new%20name").await;
    assert_eq!(moved.status(), 201);
    let mut there = tree(&world, "/dav/other/new%20name/").await;
    assert_eq!(there.remove("dated"), Some(Some(b"x".to_vec())));
    assert_eq!(there, all);
    assert!(tree(&world, "/dav/tree/").await.is_empty());
    for path in ["/dav/other/new%20name/", "/dav/other/new%20name/sub/", "/dav/other/new%20name/sub/b.bin"] {
        let all = "<D:propfind xmlns:D=\"DAV:\"><D:prop><x xmlns=\"urn:a\"/></D:prop></D:propfind>";
        let told = world.request("PROPFIND", path).header("depth", "0").body(all).send().await.unwrap();
        assert!(told.text().await.unwrap().contains("kept"), "{path}");
    }
    let dated = world.head("/dav/other/new%20name/dated").await;
    assert_eq!(crate::harness::header(&dated, "last-modified"), "Sun, 13 Sep 2020 12:26:40 GMT");
}

#[tokio::test]
async fn what_the_drive_does_not_have_is_carried_and_compared() {
    let world = with(|config| config.upload.part_size = 200_000).await;
    world.sim.rules(|rules| rules.rapid_upload = false);
    let all = plant(&world).await;
    let copied = act(&world, "COPY", "/dav/tree/", "/dav/other/tree").await;
    assert_eq!(copied.status(), 201);
    assert_eq!(tree(&world, "/dav/other/tree/").await, all);
    assert_eq!(act(&world, "MOVE", "/dav/tree/a.txt", "/dav/other/alone").await.status(), 201);
    assert_eq!(world.get("/dav/other/alone").await.bytes().await.unwrap(), noise(3000));
    assert_eq!(world.get("/dav/tree/a.txt").await.status(), 404);
}

// Keeps 161.
#[tokio::test]
async fn what_is_in_the_place_becomes_the_source_or_stays_as_the_client_says() {
    let world = world().await;
    let all = plant(&world).await;
    for (path, body) in [("a.txt", "older"), ("gone.txt", "surplus")] {
        world.request("MKCOL", "/dav/other/tree").send().await.unwrap();
        let put = world.request("PUT", &format!("/dav/other/tree/{path}")).body(body).send().await.unwrap();
        assert_eq!(put.status(), 201);
    }
    let before = tree(&world, "/dav/other/tree/").await;
    let only_new = world.request("COPY", "/dav/tree/").header("overwrite", "F");
    let only_new = only_new.header("destination", world.url("/dav/other/tree")).send().await.unwrap();
    assert_eq!((only_new.status().as_u16(), tree(&world, "/dav/other/tree/").await), (412, before));
    assert_eq!(act(&world, "COPY", "/dav/tree/", "/dav/other/tree").await.status(), 204);
    assert_eq!(tree(&world, "/dav/other/tree/").await, all);
}

// Keeps 160.
#[tokio::test]
async fn a_full_drive_is_told_before_anything_is_begun() {
    let world = world().await;
    plant(&world).await;
    world.sim.rules(|rules| rules.quota = 300_000);
    for method in ["COPY", "MOVE"] {
        world.sim.reset_calls();
        assert_eq!(act(&world, method, "/dav/tree/", "/dav/other/tree").await.status(), 507);
        assert_eq!(count(&world, "openFile/create"), 0);
    }
    assert_eq!(tree(&world, "/dav/tree/").await.len(), 5);
}

// Keeps 160.
#[tokio::test]
async fn what_cannot_be_copied_is_told_one_by_one_and_a_move_keeps_its_source() {
    let world = world().await;
    let mut all = plant(&world).await;
    world.sim.write("/tree/sub/what?.txt", "x");
    world.sim.rules(|rules| rules.strict_names = true);
    let told = act(&world, "MOVE", "/dav/tree/", "/dav/other/tree").await;
    assert_eq!(told.status(), 207);
    let text = told.text().await.unwrap();
    assert!(text.contains("<D:href>/dav/tree/sub/what%3F.txt</D:href><D:status>HTTP/1.1 400 Bad Request"), "{text}");
    assert_eq!(text.matches("<D:response>").count(), 1, "{text}");
    assert_eq!(tree(&world, "/dav/other/tree/").await, all);
    world.sim.rules(|rules| rules.strict_names = false);
    all.insert("sub/what%3F.txt".to_owned(), Some(b"x".to_vec()));
    assert_eq!(tree(&world, "/dav/tree/").await, all);
    assert_eq!(act(&world, "MOVE", "/dav/tree/", "/dav/other/tree").await.status(), 204);
    assert_eq!(tree(&world, "/dav/other/tree/").await, all);
    assert!(tree(&world, "/dav/tree/").await.is_empty());
}

// Keeps 162.
#[tokio::test]
async fn a_source_that_changes_meanwhile_is_not_removed() {
    for vanishes in [false, true] {
        let world = world().await;
        plant(&world).await;
        let mut gate = world.sim.gate("openFile/create", &[Moment::End]);
        let url = world.url("/dav/tree/");
        let request = world.http.request("MOVE".parse().unwrap(), url);
        let moving = tokio::spawn(request.header("destination", world.url("/dav/other/tree")).send());
        drop(gate.arrival().await);
        if vanishes {
            world.sim.remove("/tree/sub/b.bin");
        } else {
            world.sim.overwrite("/tree/sub/b.bin", noise(500));
        }
        drop(gate);
        let told = moving.await.unwrap().unwrap();
        let left = tree(&world, "/dav/tree/").await;
        if vanishes && told.status() == 201 {
            // It had arrived before it went.
            assert!(left.is_empty() && tree(&world, "/dav/other/tree/").await.contains_key("sub/b.bin"));
        } else {
            assert_eq!(told.status(), 207, "{}", told.text().await.unwrap());
            assert_eq!(left.get("sub/b.bin"), Some(&Some(noise(500))).filter(|_| !vanishes));
            assert_eq!(left.get("a.txt"), Some(&Some(noise(3000))));
        }
    }
}

/// Every call of a MOVE goes wrong once in every way: nothing is lost, and a second one ends it.
// Keeps 162.
#[tokio::test]
async fn a_move_loses_nothing_whatever_goes_wrong() {
    let code = |status, code: &str| FaultKind::Code { status, code: code.to_owned(), retry_after_ms: Some(10) };
    let kinds = [
        FaultKind::CloseBefore,
        FaultKind::CloseAfter,
        code(429, "TooManyRequests"),
        code(401, "AccessTokenExpired"),
        code(403, "ForbiddenFileInTheRecycleBin"),
        code(500, "InternalError"),
    ];
    for rapid in [true, false] {
        for (number, kind) in kinds.iter().enumerate() {
            // Among them they go through all calls.
            for at in (u64::try_from(number % 2).unwrap()..20).step_by(if rapid { 2 } else { 5 }) {
                let world = world().await;
                world.sim.rules(|rules| rules.rapid_upload = rapid);
                let all = plant(&world).await;
                world.sim.fault(Fault::once("*", kind.clone()).after(at));
                let told = act(&world, "MOVE", "/dav/tree/", "/dav/other/tree").await.status();
                world.sim.clear_faults();
                let (left, there) = (tree(&world, "/dav/tree/").await, tree(&world, "/dav/other/tree/").await);
                let what = format!("{kind:?} at {at}, rapid {rapid}: {told}");
                assert!(left == all || (left.is_empty() && there == all), "{what}: {left:?} {there:?}");
                assert!(there.iter().all(|(path, content)| all.get(path) == Some(content)), "{what}");
                if !left.is_empty() {
                    assert!(![201, 204].contains(&told.as_u16()), "{what}");
                    let again = act(&world, "MOVE", "/dav/tree/", "/dav/other/tree").await;
                    assert!([201, 204].contains(&again.status().as_u16()), "{what}: {}", again.text().await.unwrap());
                }
                assert!(tree(&world, "/dav/tree/").await.is_empty(), "{what}");
                assert_eq!(tree(&world, "/dav/other/tree/").await, all, "{what}");
            }
        }
    }
}

// Keeps 163.
#[tokio::test]
async fn a_client_that_leaves_does_not_stop_it() {
    let world = world().await;
    let all = plant(&world).await;
    let mut gate = world.sim.gate("openFile/create", &[Moment::Start]);
    let request = world.http.request("COPY".parse().unwrap(), world.url("/dav/tree/"));
    let copying = tokio::spawn(request.header("destination", world.url("/dav/other/tree")).send());
    let first = gate.arrival().await;
    copying.abort();
    drop(first);
    drop(gate);
    eventually(async || tree(&world, "/dav/other/tree/").await == all).await;
}

#[tokio::test]
async fn two_copies_of_the_same_at_once_make_one() {
    let world = world().await;
    world.sim.rules(|rules| rules.copy_to_other_drive = false);
    let all = plant(&world).await;
    let copy = || act(&world, "COPY", "/dav/tree/", "/dav/second/tree");
    let (one, other) = tokio::join!(copy(), copy());
    assert!(one.status().is_success() && other.status().is_success());
    assert_eq!(tree(&world, "/dav/second/tree/").await, all);
    let on_drive = world.http.get(format!("{}/sim/tree/resource", world.sim.url())).send().await.unwrap();
    let on_drive: serde_json::Value = on_drive.json().await.unwrap();
    // With the folder itself, each once.
    assert_eq!(on_drive.as_array().unwrap().len(), all.len() + 1, "{on_drive}");
}

// Keeps 101.
#[tokio::test]
async fn a_folder_goes_into_itself_by_no_mount() {
    let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
    let inner = sim.mkdir("/a/x/inner");
    sim.write("/a/x/inner/file", "content");
    sim.write("/b/y", "other");
    let world = Fixture::over(sim, |config| {
        let mut mount = Mount::at("/inner", "main");
        (mount.root_folder_id, mount.link_policy) = (inner, LinkPolicy::Proxy);
        config.mounts.push(mount);
    })
    .await;
    for method in ["COPY", "MOVE"] {
        for (from, to) in [("/dav/a/", "/dav/inner/a"), ("/dav/a/x/", "/dav/inner/x"), ("/dav/inner/file", "/dav/a/x")]
        {
            assert_eq!(act(&world, method, from, to).await.status(), 403, "{method} {from} {to}");
        }
    }
    world.sim.reset_calls();
    assert_eq!(act(&world, "MOVE", "/dav/b/", "/dav/inner/b").await.status(), 201);
    assert_eq!(count(&world, "openFile/move"), 1);
    assert_eq!(world.sim.read("/a/x/inner/b/y").unwrap(), b"other");
    assert_eq!(world.sim.read("/a/x/inner/file").unwrap(), b"content");
}

fn start(sim: &Simulator, folder: &std::path::Path) -> Process {
    let file = folder.join("alidav.toml");
    let account = |name: &str, user| {
        format!(
            "[[account]]\nname = \"{name}\"\noauth_token_urls = [\"{}/alicloud/renewapi\"]\nrefresh_token = \"{}\"\n",
            sim.url(),
            sim.refresh_token_of(user)
        )
    };
    let text = format!(
        "listen = [\"127.0.0.1:0\"]\nstate = \"sqlite:{}\"\n[upstream]\napi_url = \"{}\"\nlist_per_s = 10000\n\
         other_per_s = 10000\nlink_per_s = 10000\n{}{}[[mount]]\naccount = \"main\"\nlink_policy = \"proxy\"\n\
         [[mount]]\npath = \"/other\"\naccount = \"other\"\nlink_policy = \"proxy\"\n[anonymous]\npermission = \"write\"\n",
        folder.join("state.db").display(),
        sim.url(),
        account("main", 0),
        account("other", 1),
    );
    std::fs::write(&file, text).unwrap();
    Process::serve(&file)
}

// Keeps 160.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_move_goes_on_where_it_was_and_sends_nothing_twice() {
    for at in [2u64, 5, 9, 13, 17, 21] {
        let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
        sim.rules(|rules| rules.rapid_upload = false);
        for n in 0..6 {
            sim.write(&format!("/tree/{n}.txt"), format!("content {n}"));
        }
        let folder = tempfile::tempdir().unwrap();
        let process = start(&sim, folder.path());
        let http = client();
        let go = |url: String| {
            let request = http.request("MOVE".parse().unwrap(), format!("{url}/dav/tree/"));
            request.header("destination", format!("{url}/dav/other/tree")).send()
        };
        sim.reset_calls();
        sim.fault(Fault::always("*", FaultKind::Hang).after(at));
        let moving = tokio::spawn(go(process.url.clone()));
        crate::harness::until(|| sim.calls().values().sum::<u64>() > at).await;
        drop(process);
        assert!(moving.await.unwrap().is_err());
        sim.clear_faults();
        let committed = sim.calls().get("openFile/complete").copied().unwrap_or(0).saturating_sub(4);
        sim.reset_calls();
        let process = start(&sim, folder.path());
        let again = go(process.url.clone()).await.unwrap();
        assert!(again.status().is_success(), "killed at {at}: {}", again.text().await.unwrap());
        let sent = sim.calls().get("data PUT").copied().unwrap_or(0);
        assert!(sent <= 6 - committed, "killed at {at}: {sent} sent of which {committed} were there");
        for n in 0..6 {
            let got = http.get(format!("{}/dav/other/tree/{n}.txt", process.url)).send().await.unwrap();
            assert_eq!(got.text().await.unwrap(), format!("content {n}"));
        }
        assert_eq!(http.get(format!("{}/dav/tree/1.txt", process.url)).send().await.unwrap().status(), 404);
    }
}

// Keeps 162.
#[tokio::test]
async fn what_a_newer_namesake_hides_keeps_the_source_of_a_move() {
    let world = world().await;
    let all = plant(&world).await;
    world.sim.add_same_name("/tree/a.txt", "a second one of the name");
    assert_eq!(act(&world, "MOVE", "/dav/tree/", "/dav/other/tree").await.status(), 207);
    assert_eq!(tree(&world, "/dav/tree/").await.len(), all.len());
    assert_eq!(world.sim.tree().iter().filter(|(path, _)| path == "/tree/a.txt").count(), 2);
}

#[tokio::test]
async fn a_file_managers_own_file_that_stays_here_moves_along() {
    let world = world().await;
    let all = plant(&world).await;
    assert_eq!(world.request("PUT", "/dav/tree/sub/.DS_Store").body("store").send().await.unwrap().status(), 201);
    assert_eq!(act(&world, "MOVE", "/dav/tree/", "/dav/other/tree").await.status(), 201);
    assert_eq!(world.get("/dav/other/tree/sub/.DS_Store").await.text().await.unwrap(), "store");
    assert_eq!(tree(&world, "/dav/other/tree/").await.len(), all.len() + 1);
    assert!(tree(&world, "/dav/tree/").await.is_empty());
}

#[tokio::test]
async fn a_job_tells_how_far_it_is_and_ends_when_it_is_cancelled() {
    let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
    for n in 0..20 {
        sim.write(&format!("/tree/{n}.txt"), format!("content {n}"));
    }
    let mut config = crate::harness::config(&sim);
    let mut other = Account::named("other");
    other.oauth_token_urls = config.accounts[0].oauth_token_urls.clone();
    other.refresh_token = Some(sim.refresh_token_of(1).into());
    config.accounts.push(other);
    config.mounts.push(Mount::at("/other", "other"));
    let store = Store::open(&config.state).await.unwrap();
    let client = |account: &Account| (account.name.clone(), Client::new(account, &config, store.clone()).unwrap());
    let tree = Tree::new(&config, config.accounts.iter().map(client).collect(), &store);
    let path = |text| Path::parse(text).unwrap();
    let copy = || async { tree.copy(&path("/tree"), &path("/other/tree"), &Terms::default()).await };
    assert!(tree.jobs().is_empty());

    let mut gate = sim.gate("openFile/create", &[Moment::Start]);
    let running = tokio::spawn({
        let (tree, from, to) = (tree.clone(), path("/tree"), path("/other/tree"));
        async move { tree.copy(&from, &to, &Terms::default()).await }
    });
    let folder = gate.arrival().await;
    let job = tree.jobs().remove(0);
    assert_eq!((job.state, job.files, job.files_done, job.moves), (JobState::Running, 20, 0, false));
    drop(folder);
    let first = gate.arrival().await;
    assert!(tree.cancel_job(job.id) && !tree.cancel_job(job.id + 1));
    drop(first);
    drop(gate);
    assert_eq!(running.await.unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    let job = tree.jobs().remove(0);
    assert!(job.state == JobState::Cancelled && job.files_done < 20, "{job:?}");
    assert!(!tree.cancel_job(job.id));

    assert_eq!(copy().await.unwrap_err().kind(), ErrorKind::NameExists);
    let again = Terms { overwrite: true, ..Terms::default() };
    tree.copy(&path("/tree"), &path("/other/tree"), &again).await.unwrap();
    let job = tree.jobs().pop().unwrap();
    assert_eq!((job.state, job.files_done, job.bytes_sent, job.failed), (JobState::Done, 20, 0, 0));
    assert!(job.files_rapid > 0 && job.bytes_done == job.bytes);
}
