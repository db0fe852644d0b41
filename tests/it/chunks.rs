//! Uploads in chunks, as Nextcloud's clients make them: nothing shows before the MOVE, and then the whole.

use std::time::Duration;

use alidav::config::{Permission, User};
use alidav::sim::{Fault, FaultKind, Moment};
use reqwest::{RequestBuilder, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Fixture, eventually, header, hrefs, noise, sha1};

const FILES: &str = "/remote.php/dav/files/anonymous";
const UPLOAD: &str = "/remote.php/dav/uploads/anonymous/one";

/// Parts of 200 kB.
async fn world() -> Fixture {
    let world = Fixture::with(|config| config.upload.part_size = 200_000).await;
    world.hrefs("/dav/").await;
    world.sim.reset_calls();
    world
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

async fn begin(world: &Fixture) {
    assert_eq!(status(world.request("MKCOL", UPLOAD)).await, 201);
}

async fn chunk(world: &Fixture, name: &str, bytes: &[u8]) -> u16 {
    status(world.request("PUT", &format!("{UPLOAD}/{name}")).body(bytes.to_vec())).await
}

/// MOVE of the whole to a name.
fn whole(world: &Fixture, to: &str) -> RequestBuilder {
    let destination = world.url(&format!("{FILES}/{to}"));
    world.request("MOVE", &format!("{UPLOAD}/.file")).header("destination", destination)
}

async fn upload(world: &Fixture, content: &[u8], to: &str) -> Response {
    begin(world).await;
    for (at, piece) in content.chunks(300_000).enumerate() {
        assert_eq!(chunk(world, &format!("{:05}", at + 1), piece).await, 201);
    }
    whole(world, to).send().await.unwrap()
}

// Keeps 148.
#[tokio::test]
async fn nothing_shows_before_the_move_and_then_the_whole() {
    let world = world().await;
    let content = noise(1_000_001);
    begin(&world).await;
    for (at, piece) in content.chunks(300_000).enumerate() {
        let name = format!("{:015}-{:015}", at * 300_000, at * 300_000 + piece.len() - 1);
        assert_eq!(chunk(&world, &name, piece).await, 201);
    }
    assert_eq!(world.hrefs("/dav/").await, ["/dav/"]);
    assert!(world.sim.calls().is_empty(), "{:?}", world.sim.calls());
    let moved = whole(&world, "a%20b")
        .header("x-oc-mtime", "1600000000")
        .header("oc-checksum", format!("SHA1:{}", sha1(&content)))
        .header("oc-total-length", "1000001");
    let moved = moved.send().await.unwrap();
    assert_eq!((moved.status().as_u16(), header(&moved, "x-oc-mtime")), (201, "accepted"));
    assert_eq!(world.sim.read("/a b").unwrap(), content);
    let calls = world.calls().into_iter().map(|(_, count)| count).sum::<u64>();
    assert_eq!(calls, 2, "{:?}", world.calls());
    let listed = world.propfind("/dav/a%20b", "0").await.text().await.unwrap();
    assert!(listed.contains("Sun, 13 Sep 2020 12:26:40 GMT"), "{listed}");
    assert_eq!(upload(&world, b"new", "a%20b").await.status(), 204);
    assert_eq!(world.sim.read("/a b").unwrap(), b"new");
}

// Keeps 147.
#[tokio::test]
async fn chunks_come_in_any_order_side_by_side_and_again() {
    let world = world().await;
    let content = noise(900_000);
    let pieces: Vec<&[u8]> = content.chunks(100_000).collect();
    begin(&world).await;
    assert_eq!(chunk(&world, "5", b"a first try").await, 201);
    let all = (0..pieces.len()).rev().map(|at| chunk(&world, (at + 1).to_string().leak(), pieces[at]));
    let told = futures_util::future::join_all(all).await;
    assert_eq!(told, [201, 201, 201, 201, 204, 201, 201, 201, 201]);
    assert_eq!(whole(&world, "a").send().await.unwrap().status(), 201);
    assert_eq!(world.sim.read("/a").unwrap(), content);
}

// Keeps 147, 148.
#[tokio::test]
async fn what_is_missing_or_not_as_announced_changes_nothing() {
    let world = world().await;
    world.sim.write("/a", "old");
    begin(&world).await;
    assert_eq!(whole(&world, "a").send().await.unwrap().status(), 409);
    assert_eq!(chunk(&world, "1", b"one").await, 201);
    assert_eq!(chunk(&world, "3", b"three").await, 201);
    let missing = whole(&world, "a").send().await.unwrap();
    assert_eq!(missing.status(), 409);
    assert!(missing.text().await.unwrap().contains("the chunks do not join"));
    for wrong in [".hidden", "x", "4-2"] {
        assert_eq!(chunk(&world, wrong, b"?").await, 400, "{wrong}");
    }
    assert_eq!(chunk(&world, "2", b"two").await, 201);
    assert_eq!(status(whole(&world, "a").header("oc-total-length", "12")).await, 400);
    assert_eq!(status(whole(&world, "a").header("oc-total-length", "x")).await, 400);
    let other = whole(&world, "a").header("oc-checksum", format!("SHA1:{}", sha1(b"other")));
    assert_eq!(status(other.header("oc-total-length", "11")).await, 400);
    let spoilt = world.request("PUT", &format!("{UPLOAD}/2")).header("oc-checksum", format!("SHA1:{}", sha1(b"x")));
    assert_eq!(status(spoilt.body("TWO")).await, 400);
    assert_eq!(world.sim.read("/a").unwrap(), b"old");
    assert_eq!(status(whole(&world, "a")).await, 204);
    assert_eq!(world.sim.read("/a").unwrap(), b"onetwothree");
}

// Keeps 147.
#[tokio::test]
async fn a_chunk_that_breaks_off_leaves_nothing() {
    let world = world().await;
    begin(&world).await;
    let mut stream = tokio::net::TcpStream::connect(world.server.addr().unwrap()).await.unwrap();
    let head = format!("PUT {UPLOAD}/1 HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&noise(600_000)).await.unwrap();
    drop(stream);
    assert_eq!(status(whole(&world, "a")).await, 409);
    let mut stream = tokio::net::TcpStream::connect(world.server.addr().unwrap()).await.unwrap();
    let head = format!("PUT {UPLOAD}/1 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 411");
    assert_eq!(chunk(&world, "1", b"whole").await, 201);
    assert_eq!(status(whole(&world, "a")).await, 201);
}

// Keeps 148.
#[tokio::test]
async fn conditions_and_locks_of_the_destination_hold() {
    let world = world().await;
    world.sim.write("/a", "old");
    begin(&world).await;
    assert_eq!(chunk(&world, "1", b"new").await, 201);
    assert_eq!(status(whole(&world, "a").header("overwrite", "F")).await, 412);
    assert_eq!(status(whole(&world, "a").header("if-none-match", "*")).await, 412);
    assert_eq!(status(whole(&world, "a").header("if-match", "\"other\"")).await, 412);
    assert_eq!(status(whole(&world, "missing/a")).await, 409);
    assert_eq!(status(whole(&world, "").header("x", "")).await, 403);
    let elsewhere = world.request("MOVE", &format!("{UPLOAD}/.file")).header("destination", "http://elsewhere/dav/a");
    assert_eq!(status(elsewhere).await, 502);
    let lock = "<lockinfo xmlns='DAV:'><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>";
    let locked = world.request("LOCK", "/dav/a").body(lock).send().await.unwrap();
    let token = header(&locked, "lock-token").to_owned();
    assert_eq!(status(whole(&world, "a")).await, 423);
    assert_eq!(world.sim.read("/a").unwrap(), b"old");
    let tagged = format!("<{}> ({token})", world.url(&format!("{FILES}/a")));
    assert_eq!(status(whole(&world, "a").header("if", tagged)).await, 204);
    assert_eq!(world.sim.read("/a").unwrap(), b"new");
}

// Keeps 148.
#[tokio::test]
async fn content_that_the_drive_has_is_not_sent() {
    let world = world().await;
    let content = noise(1_000_000);
    world.sim.write("/known", content.clone());
    assert_eq!(upload(&world, &content, "a").await.status(), 201);
    assert!(!world.sim.calls().contains_key("data PUT"));
    assert_eq!(world.sim.read("/a").unwrap(), content);
}

fn user(name: &str, base_path: &str, permission: Permission) -> User {
    User { name: name.into(), password: "secret".into(), base_path: base_path.into(), permission }
}

// Keeps 146.
#[tokio::test]
async fn the_address_is_the_users_own_tree_beside_the_prefix() {
    let world = Fixture::with(|config| {
        config.anonymous = Permission::None;
        let writer = |name, base| user(name, base, Permission::Write);
        config.users = vec![writer("me", "/"), writer("我 b", "/films"), user("kid", "/", Permission::Read)];
    })
    .await;
    world.sim.write("/films/a", "film");
    world.sim.write("/files/me/real", "a real folder");
    world.sim.write("/remote.php/dav/files/me/odd", "another");
    let ask = async |name: &str, method: &str, path: &str| {
        let request = world.request(method, path).basic_auth(name, Some("secret")).header("depth", "1");
        request.send().await.unwrap()
    };
    let list = async |name: &str, path: &str| hrefs(&ask(name, "PROPFIND", path).await.text().await.unwrap());
    let root = "/remote.php/dav/files/me";
    assert_eq!(
        list("me", &format!("{root}/")).await,
        ["/", "/files/", "/films/", "/remote.php/"].map(|path| format!("{root}{path}"))
    );
    let encoded = "/remote.php/dav/files/%E6%88%91%20b/";
    assert_eq!(list("我 b", encoded).await, [encoded.to_owned(), format!("{encoded}a")]);
    assert_eq!(list("me", "/dav/files/me/").await, ["/dav/files/me/", "/dav/files/me/real"]);
    assert_eq!(ask("me", "GET", &format!("{root}/files/me/real")).await.text().await.unwrap(), "a real folder");
    assert_eq!(ask("me", "GET", "/dav/remote.php/dav/files/me/odd").await.text().await.unwrap(), "another");
    for foreign in ["/remote.php/dav/files/kid/", "/remote.php/dav/uploads/kid/x", "/remote.php/dav/files/ME/"] {
        assert_eq!(ask("me", "PROPFIND", foreign).await.status(), 404, "{foreign}");
    }
    for other in ["/remote.php/dav/", "/remote.php/webdav/", "/remote.php/dav/calendars/me/", "/ocs/v2.php/cloud/user"]
    {
        assert_eq!(ask("me", "PROPFIND", other).await.status(), 404, "{other}");
    }
    assert_eq!(ask("kid", "MKCOL", "/remote.php/dav/uploads/kid/x").await.status(), 403);
    assert_eq!(ask("me", "GET", "/remote.php/dav/uploads/me/x").await.status(), 405);
    // An upload lands below the user's base path.
    let upload = "/remote.php/dav/uploads/%E6%88%91%20b/x";
    assert_eq!(ask("我 b", "MKCOL", upload).await.status(), 201);
    let request = |method: &str, path: String| world.request(method, &path).basic_auth("我 b", Some("secret"));
    assert_eq!(status(request("PUT", format!("{upload}/1")).body("new")).await, 201);
    let moved = request("MOVE", format!("{upload}/.file")).header("destination", format!("{encoded}new"));
    assert_eq!(status(moved).await, 201);
    assert_eq!(world.sim.read("/films/new").unwrap(), b"new");
}

// Keeps 146.
#[tokio::test]
async fn where_webdav_has_the_root_a_real_folder_stays_what_it_is() {
    let world = Fixture::with(|config| config.dav_prefix = String::new()).await;
    world.sim.write("/remote.php/dav/files/anonymous/a", "mine");
    assert_eq!(world.get(&format!("{FILES}/a")).await.text().await.unwrap(), "mine");
    assert_eq!(status(world.request("MKCOL", UPLOAD)).await, 409);
}

// Keeps 149.
#[tokio::test]
async fn a_client_is_asked_to_come_again_and_then_told() {
    let world = Fixture::with(|config| {
        config.upload.part_size = 200_000;
        config.timeouts.assembly_answer = Duration::from_millis(50);
    })
    .await;
    world.hrefs("/dav/").await;
    let content = noise(900_000);
    let mut gate = world.sim.gate("openFile/complete", &[Moment::Start]);
    let first = upload(&world, &content, "a").await;
    assert_eq!((first.status().as_u16(), header(&first, "retry-after")), (423, "5"));
    let held = gate.arrival().await;
    assert_eq!(status(whole(&world, "a")).await, 423);
    assert_eq!(status(whole(&world, "b")).await, 409);
    assert_eq!(chunk(&world, "9", b"late").await, 409);
    assert_eq!(status(world.request("MKCOL", UPLOAD)).await, 405);
    held.go_on();
    drop(gate);
    let mut told = 423;
    eventually(async || {
        told = status(whole(&world, "a")).await;
        told != 423
    })
    .await;
    assert_eq!(told, 201);
    assert_eq!(world.sim.read("/a").unwrap(), content);
    // Who missed the answer is told again, for no call; the name is free for the next upload.
    world.sim.reset_calls();
    assert_eq!(status(whole(&world, "a")).await, 201);
    assert_eq!(chunk(&world, "1", b"late").await, 404);
    assert!(world.calls().is_empty());
    assert_eq!(status(world.request("MKCOL", UPLOAD)).await, 201);
}

// Keeps 149.
#[tokio::test]
async fn a_failure_is_told_once_and_the_next_move_tries_again() {
    let world = Fixture::with(|config| {
        config.upload.part_size = 200_000;
        config.timeouts.assembly_answer = Duration::from_millis(50);
    })
    .await;
    world.sim.write("/a", "old");
    world.hrefs("/dav/").await;
    let content = noise(900_000);
    let full = FaultKind::Code { status: 400, code: "QuotaExhausted.Drive".to_owned(), retry_after_ms: None };
    world.sim.fault(Fault::once("openFile/create", full.clone()));
    let mut gate = world.sim.gate("openFile/create", &[Moment::Start]);
    let first = upload(&world, &content, "a").await;
    assert_eq!(first.status(), 423);
    gate.arrival().await.go_on();
    drop(gate);
    let come = async |expected: u16| {
        eventually(async || {
            let told = status(whole(&world, "a")).await;
            assert!(told == 423 || told == expected, "{told}");
            told == expected
        })
        .await;
    };
    come(507).await;
    assert_eq!(world.sim.read("/a").unwrap(), b"old");
    come(204).await;
    assert_eq!(world.sim.read("/a").unwrap(), content);
}

// Keeps 150.
#[tokio::test]
async fn an_upload_ends_by_delete_by_time_and_by_a_restart() {
    let world = Fixture::with(|config| config.timeouts.unfinished_upload = Duration::from_secs(2)).await;
    assert_eq!(status(world.request("DELETE", UPLOAD)).await, 404);
    begin(&world).await;
    assert_eq!(chunk(&world, "1", b"one").await, 201);
    assert_eq!(status(world.request("DELETE", &format!("{UPLOAD}/1"))).await, 204);
    assert_eq!(status(world.request("DELETE", &format!("{UPLOAD}/"))).await, 204);
    assert_eq!(chunk(&world, "1", b"one").await, 404);
    begin(&world).await;
    // Each look would be a sign of life. A loaded machine may take long between the steps above.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(chunk(&world, "1", b"one").await, 404);
    let mut world = world;
    world.config.timeouts.unfinished_upload = Duration::from_secs(60);
    let world = world.restart().await;
    begin(&world).await;
    let world = world.restart().await;
    assert_eq!(chunk(&world, "1", b"one").await, 404);
    assert!(world.sim.tree().is_empty());
}

// Keeps 150.
#[tokio::test]
async fn an_upload_that_is_ended_while_it_is_put_together_leaves_the_old() {
    let world = world().await;
    world.sim.write("/a", "old");
    let mut gate = world.sim.gate("data PUT", &[Moment::Start]);
    begin(&world).await;
    assert_eq!(chunk(&world, "1", &noise(900_000)).await, 201);
    let moving = tokio::spawn(whole(&world, "a").send());
    let held = gate.arrival().await;
    assert_eq!(status(world.request("DELETE", UPLOAD)).await, 204);
    assert_eq!(moving.await.unwrap().unwrap().status(), 404);
    held.go_on();
    drop(gate);
    assert_eq!(world.sim.read("/a").unwrap(), b"old");
    assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/a"]);
}

// Keeps 147, 150.
#[tokio::test]
async fn uploads_and_the_disk_they_take_are_bounded() {
    let world = Fixture::with(|config| config.upload.spool_limit = 1000).await;
    begin(&world).await;
    assert_eq!(chunk(&world, "1", &[1; 600]).await, 201);
    assert_eq!(chunk(&world, "2", &[1; 600]).await, 507);
    for number in 1..100 {
        let made = status(world.request("MKCOL", &format!("/remote.php/dav/uploads/anonymous/n{number}"))).await;
        assert_eq!(made, 201, "{number}");
    }
    let more = world.request("MKCOL", "/remote.php/dav/uploads/anonymous/more");
    assert_eq!(status(more).await, 503);
    let other = world.request("PUT", "/remote.php/dav/uploads/anonymous/n1/1").body(vec![1; 600]).send().await.unwrap();
    assert_eq!((other.status().as_u16(), header(&other, "retry-after")), (507, "30"));
    assert_eq!(status(world.request("DELETE", UPLOAD)).await, 204);
    let other = world.request("PUT", "/remote.php/dav/uploads/anonymous/n1/1").body(vec![1; 600]);
    assert_eq!(status(other).await, 201);
}
