//! A folder as one zip.

use std::io::{Cursor, Read as _};

use alidav::config::{LinkPolicy, Permission, User};
use zip::ZipArchive;

use crate::harness::{Fixture, header, noise};

/// What a zip has: paths, and bytes where it is a file.
fn unpacked(bytes: &[u8]) -> Vec<(String, Option<Vec<u8>>)> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        members.push((member.name().unwrap().into_owned(), (!member.is_dir()).then_some(bytes)));
    }
    members.sort();
    members
}

fn file(path: &str, bytes: impl Into<Vec<u8>>) -> (String, Option<Vec<u8>>) {
    (path.to_owned(), Some(bytes.into()))
}

fn folder(path: &str) -> (String, Option<Vec<u8>>) {
    (format!("{path}/"), None)
}

// Keeps 141.
#[tokio::test]
async fn a_folder_comes_as_one_zip_with_all_that_is_in_it() {
    // A redirect could not be put into a zip.
    let world = Fixture::with(|config| config.mounts[0].link_policy = LinkPolicy::Redirect).await;
    let large = noise(6_000_000);
    world.sim.write("/相册/a & b ' % # ?.txt", "one");
    world.sim.write("/相册/内/大.bin", large.clone());
    world.sim.write("/相册/内/empty", "");
    world.sim.mkdir("/相册/空");
    world.sim.write("/相册/a\\..\\b", "a folder on Windows");
    world.sim.write("/beside", "not asked for");
    let answer = world.get("/api/zip?path=/相册").await;
    assert_eq!((answer.status().as_u16(), header(&answer, "content-type")), (200, "application/zip"));
    assert_eq!(header(&answer, "content-disposition"), "attachment; filename*=UTF-8''%E7%9B%B8%E5%86%8C.zip");
    assert_eq!(header(&answer, "content-security-policy"), "sandbox; default-src 'none'");
    let zip = answer.bytes().await.unwrap();
    let mut expected = vec![
        file("a & b ' % # ?.txt", "one"),
        file("a＼..＼b", "a folder on Windows"),
        folder("内"),
        file("内/empty", ""),
        file("内/大.bin", large.clone()),
        folder("空"),
    ];
    expected.sort();
    assert_eq!(unpacked(&zip), expected);
    // Nothing is packed: the zip is as large as what is in it and some words.
    assert!(zip.len() < large.len() + 2_000, "{}", zip.len());
    let named = world.get("/api/zip?path=/相册&name=空&name=a %26 b ' %25 %23 ?.txt").await.bytes().await.unwrap();
    assert_eq!(unpacked(&named), [file("a & b ' % # ?.txt", "one"), folder("空")]);
    let head = world.head("/api/zip?path=/").await;
    assert_eq!(header(&head, "content-disposition"), "attachment; filename*=UTF-8''files.zip");
    for (call, status) in [
        ("path=/none", 404),
        ("path=/相册&name=none", 404),
        ("path=/相册&name=..", 404),
        ("path=/相册/../beside", 400),
        ("path=/beside", 400),
    ] {
        assert_eq!(world.get(&format!("/api/zip?{call}")).await.status().as_u16(), status, "{call}");
    }
}

// Keeps 141.
#[tokio::test]
async fn a_zip_that_cannot_be_finished_breaks_off() {
    let world = Fixture::start().await;
    world.sim.write("/dir/1.txt", "first");
    world.sim.write("/dir/2.txt", "second");
    world.sim.punish("/dir/2.txt", 2);
    let answer = world.get("/api/zip?path=/dir").await;
    assert_eq!((answer.status().as_u16(), answer.content_length()), (200, None));
    assert!(answer.bytes().await.is_err(), "a part is not to be taken for the whole");
    world.sim.remove("/dir/2.txt");
    world.get("/api/list?path=/dir&refresh=1").await;
    let zip = world.get("/api/zip?path=/dir").await.bytes().await.unwrap();
    assert_eq!(unpacked(&zip), [file("1.txt", "first")]);
}

// Keeps 128, 141.
#[tokio::test]
async fn a_zip_is_of_the_callers_part_of_the_tree_and_its_calls_are_counted() {
    let world = Fixture::with(|config| {
        config.anonymous = Permission::None;
        config.users = vec![User {
            name: "kid".into(),
            password: "secret".into(),
            base_path: "/films".into(),
            permission: Permission::Read,
        }];
    })
    .await;
    world.by_links_alone();
    world.sim.write("/films/a.mkv", "film");
    world.sim.write("/films/deep/b.mkv", "other");
    world.sim.write("/private", "secret");
    assert_eq!(world.get("/api/zip?path=/").await.status(), 401);
    let ask = async || {
        let asked = world.request("GET", "/api/zip?path=/").basic_auth("kid", Some("secret"));
        asked.send().await.unwrap().bytes().await.unwrap()
    };
    let zip = ask().await;
    assert_eq!(unpacked(&zip), [file("a.mkv", "film"), folder("deep"), file("deep/b.mkv", "other")]);
    // A link for each file, and nothing for what is known.
    world.sim.reset_calls();
    ask().await;
    assert!(!world.sim.calls().contains_key("openFile/list"));
    let mut archive = ZipArchive::new(Cursor::new(&zip[..])).unwrap();
    let member = archive.by_name("deep/b.mkv").unwrap();
    let modified = member.last_modified().unwrap();
    assert!((2024..2107).contains(&modified.year()), "{modified:?}");
}
