//! The save sequences of file managers, as the clients reference gives them.

use crate::harness::{Fixture, header, hrefs};

const LOCK: &str = r#"<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner><D:href>me</D:href></D:owner></D:lockinfo>"#;
const TIMES: &str = r#"<?xml version="1.0"?><D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop>
    <Z:Win32CreationTime>Tue, 14 Nov 2023 22:13:20 GMT</Z:Win32CreationTime>
    <Z:Win32LastModifiedTime>Tue, 14 Nov 2023 22:13:20 GMT</Z:Win32LastModifiedTime>
    <Z:Win32FileAttributes>00000020</Z:Win32FileAttributes></D:prop></D:set></D:propertyupdate>"#;

async fn ready() -> Fixture {
    let world = Fixture::start().await;
    world.hrefs("/dav/").await;
    world.sim.reset_calls();
    world
}

fn two_calls() -> Vec<(String, u64)> {
    vec![("openFile/complete".to_owned(), 1), ("openFile/create".to_owned(), 1)]
}

#[tokio::test]
async fn explorer_s_save_of_a_new_file_costs_one_upload() {
    let world = ready().await;
    assert_eq!(world.request("PUT", "/dav/new.txt").header("content-length", "0").send().await.unwrap().status(), 201);
    let lock = world.request("LOCK", "/dav/new.txt").header("timeout", "Second-3600").body(LOCK).send().await.unwrap();
    assert_eq!(lock.status(), 200);
    let token = format!("({})", header(&lock, "lock-token"));
    assert_eq!(world.head("/dav/new.txt").await.status(), 200);
    assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/new.txt"]);
    let times = world.request("PROPPATCH", "/dav/new.txt").header("if", &token).body(TIMES).send().await.unwrap();
    assert_eq!(times.status(), 207);
    assert!(!times.text().await.unwrap().contains("403"));
    let put = world.request("PUT", "/dav/new.txt").header("if", &token).body("the content").send().await.unwrap();
    assert_eq!(put.status(), 204);
    let unlock = world.request("UNLOCK", "/dav/new.txt").header("lock-token", header(&lock, "lock-token"));
    assert_eq!(unlock.send().await.unwrap().status(), 204);
    assert_eq!(world.calls(), two_calls());
    assert_eq!(world.sim.read("/new.txt").unwrap(), b"the content");
    assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/new.txt"]);
}

#[tokio::test]
async fn finder_s_save_of_a_new_file_costs_one_upload() {
    let world = ready().await;
    let lock = world.request("LOCK", "/dav/new.txt").header("timeout", "Second-600").body(LOCK).send().await.unwrap();
    assert_eq!(lock.status(), 201);
    let token = format!("({})", header(&lock, "lock-token"));
    let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>("the "), Ok("content")]);
    let put = world.request("PUT", "/dav/new.txt").header("if", &token).header("x-expected-entity-length", "11");
    let put = put.body(reqwest::Body::wrap_stream(chunks)).send().await.unwrap();
    assert!(put.status().is_success() && put.headers().contains_key("etag"));
    assert_eq!(world.calls(), two_calls());
    assert_eq!(world.sim.read("/new.txt").unwrap(), b"the content");
}

// Keeps 113.
#[tokio::test]
async fn an_empty_file_is_there_for_all_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let state = alidav::config::StateLocation::File(folder.path().join("state.db"));
    let world = Fixture::with(|config| config.state = state).await;
    world.request("MKCOL", "/dav/dir").send().await.unwrap();
    assert_eq!(
        world.request("PUT", "/dav/dir/empty").header("content-length", "0").send().await.unwrap().status(),
        201
    );
    let world = world.restart().await;
    assert_eq!(world.hrefs("/dav/dir/").await, ["/dav/dir/", "/dav/dir/empty"]);
    let got = world.get("/dav/dir/empty?link_policy=redirect").await;
    assert_eq!((got.status().as_u16(), header(&got, "content-length")), (200, "0"));
    // A move needs it on the drive.
    let moved =
        world.request("MOVE", "/dav/dir/empty").header("destination", world.url("/dav/moved")).send().await.unwrap();
    assert_eq!(moved.status(), 201);
    assert_eq!(world.sim.read("/moved").unwrap(), b"");
    assert_eq!(world.request("DELETE", "/dav/moved").send().await.unwrap().status(), 204);
    let listing = world.propfind("/dav/", "1").await.text().await.unwrap();
    assert_eq!(hrefs(&listing), ["/dav/", "/dav/dir/"]);
}

// Keeps 117.
#[tokio::test]
async fn file_managers_own_files_never_reach_the_drive_and_follow_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    let state = alidav::config::StateLocation::File(folder.path().join("state.db"));
    let world = Fixture::with(|config| config.state = state).await;
    world.request("MKCOL", "/dav/dir").send().await.unwrap();
    world.sim.reset_calls();
    for name in ["._photo.jpg", ".DS_Store", "Thumbs.db", "desktop.ini"] {
        let path = format!("/dav/dir/{name}");
        assert_eq!(world.request("PUT", &path).body(format!("own {name}")).send().await.unwrap().status(), 201);
        assert_eq!(world.get(&path).await.text().await.unwrap(), format!("own {name}"));
    }
    assert_eq!(world.request("PUT", "/dav/dir/.DS_Store").body("again").send().await.unwrap().status(), 204);
    assert_eq!(world.hrefs("/dav/dir/").await.len(), 5);
    let moved = world.request("MOVE", "/dav/dir/").header("destination", world.url("/dav/moved/"));
    assert_eq!(moved.send().await.unwrap().status(), 201);
    let world = world.restart().await;
    assert_eq!(world.range("/dav/moved/.DS_Store", "bytes=1-2").await.text().await.unwrap(), "ga");
    assert_eq!(world.hrefs("/dav/moved/").await.len(), 5);
    assert_eq!(world.request("DELETE", "/dav/moved/Thumbs.db").send().await.unwrap().status(), 204);
    assert_eq!(world.hrefs("/dav/moved/").await.len(), 4);
    let renamed =
        world.request("MOVE", "/dav/moved/desktop.ini").header("destination", world.url("/dav/moved/plain.txt"));
    assert_eq!(renamed.send().await.unwrap().status(), 201);
    assert_eq!(world.sim.read("/moved/plain.txt").unwrap(), b"own desktop.ini");
    assert_eq!(world.sim.read("/moved/.DS_Store"), None);
    assert_eq!(world.request("DELETE", "/dav/moved/").send().await.unwrap().status(), 204);
    assert_eq!(world.get("/dav/moved/.DS_Store").await.status(), 404);
}

#[tokio::test]
async fn a_companion_is_one_file_in_both_unicode_forms_and_may_hold_an_icon() {
    let folder = tempfile::tempdir().unwrap();
    let state = alidav::config::StateLocation::File(folder.path().join("state.db"));
    let world = Fixture::with(|config| config.state = state).await;
    let (composed, decomposed) = ("/dav/d/._caf\u{e9}", "/dav/d/._cafe\u{301}");
    for name in ["d", "d0"] {
        assert_eq!(world.request("MKCOL", &format!("/dav/{name}")).send().await.unwrap().status(), 201);
    }
    assert_eq!(world.request("PUT", "/dav/d0/._other").body("other").send().await.unwrap().status(), 201);
    let icon = vec![7; 3 << 20];
    assert_eq!(world.request("PUT", decomposed).body(icon.clone()).send().await.unwrap().status(), 201);
    assert!(world.get(composed).await.bytes().await.unwrap() == icon);
    assert_eq!(world.request("PUT", composed).body("again").send().await.unwrap().status(), 204);
    let world = world.restart().await;
    assert_eq!(world.get(decomposed).await.text().await.unwrap(), "again");
    assert_eq!(world.hrefs("/dav/d/").await.len(), 2);
    let moved = world.request("MOVE", "/dav/d/").header("destination", world.url("/dav/moved/"));
    assert_eq!(moved.send().await.unwrap().status(), 201);
    assert_eq!(world.get("/dav/moved/._caf\u{e9}").await.text().await.unwrap(), "again");
    assert_eq!(world.request("DELETE", "/dav/moved/._caf\u{e9}").send().await.unwrap().status(), 204);
    assert_eq!(world.hrefs("/dav/moved/").await.len(), 1);
    assert_eq!(world.hrefs("/dav/d0/").await.len(), 2);
}

// Keeps 117.
#[tokio::test]
async fn file_managers_own_files_can_be_refused_or_uploaded() {
    use alidav::config::MetadataFiles;
    let world = Fixture::with(|config| config.upload.metadata_files = MetadataFiles::Refuse).await;
    assert_eq!(world.request("PUT", "/dav/.DS_Store").body("x").send().await.unwrap().status(), 403);
    let world = Fixture::with(|config| config.upload.metadata_files = MetadataFiles::Upload).await;
    assert_eq!(world.request("PUT", "/dav/.DS_Store").body("x").send().await.unwrap().status(), 201);
    assert_eq!(world.sim.read("/.DS_Store").unwrap(), b"x");
}

#[tokio::test]
async fn an_empty_file_that_goes_again_never_reaches_the_drive() {
    let world = ready().await;
    assert_eq!(world.request("PUT", "/dav/brief").header("content-length", "0").send().await.unwrap().status(), 201);
    assert_eq!(world.request("DELETE", "/dav/brief").send().await.unwrap().status(), 204);
    assert_eq!(world.get("/dav/brief").await.status(), 404);
    assert_eq!(world.calls(), []);
}
