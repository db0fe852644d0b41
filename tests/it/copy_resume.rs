//! `alidav copy` of large files: what the drive has of one that was cut is not sent again, and nothing wrong comes of it.

use std::fs;
use std::time::SystemTime;

use alidav::clock::UnixMillis;
use alidav::config::StateLocation;
use alidav::sim::{Fault, FaultKind, Moment};
use alidav::state::{Store, UploadRow};

use crate::copy::{Copy, said};
use crate::harness::{Fixture, noise, until};

const PART: usize = 200_000;
const PARTS: usize = 12;

/// A file of twelve parts, of which seven have come when the copy is killed.
async fn killed_in_the_eighth() -> (Copy, Vec<u8>) {
    let copy = Copy::start().await;
    let content = noise(PARTS * PART - 5);
    copy.write("film", &content);
    cut(&copy, &["local/film", "drive:/films"]).await;
    (copy, content)
}

async fn cut(copy: &Copy, words: &[&str]) {
    copy.sim.fault(Fault::always("data PUT", FaultKind::Hang).after(7));
    let mut child = copy.spawn(words);
    until(|| copy.calls("data PUT") == 8).await;
    child.kill().unwrap();
    child.wait().unwrap();
    copy.sim.clear_faults();
    assert!(copy.files().is_empty());
    assert_eq!(copy.sim.unfinished_uploads(), [7 * PART as u64]);
    copy.sim.reset_calls();
}

impl Copy {
    async fn store(&self) -> Store {
        Store::open(&StateLocation::File(self.folder.path().join("state.db.copy"))).await.unwrap()
    }
}

async fn remembered(store: &Store) -> Vec<UploadRow> {
    store.uploads_before(UnixMillis(i64::MAX)).await.unwrap()
}

// Keeps 152.
#[tokio::test(flavor = "multi_thread")]
async fn the_parts_that_the_drive_has_are_not_sent_again() {
    for (page, sizes) in [(1000, true), (2, true), (1000, false)] {
        let (copy, content) = killed_in_the_eighth().await;
        copy.sim.rules(|rules| (rules.part_page, rules.part_sizes) = (page, sizes));
        let told = copy.run(&["local/film", "drive:/films"], 0);
        assert!(told.contains("1 sent"), "{told}");
        assert_eq!((copy.calls("data PUT"), copy.calls("openFile/create")), (5, 0), "{:?}", copy.sim.calls());
        assert!(copy.sim.read("/films/film").unwrap() == content);
        assert!(copy.sim.unfinished_uploads().is_empty() && remembered(&copy.store().await).await.is_empty());
        // Links of parts were asked for anew, the parts listed once.
        assert_eq!(copy.calls("openFile/getUploadUrl"), 1);
        assert_eq!(copy.calls("openFile/listUploadedParts"), if page == 2 { 4 } else { 1 });
    }
}

// Keeps 152.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_server_goes_on_by_range() {
    let (from, copy) = (Fixture::start().await, Copy::start().await);
    let content = noise(PARTS * PART);
    from.sim.write("/films/film", content.clone());
    let url = from.url("/dav/films/film");
    cut(&copy, &[&url, "drive:/"]).await;
    from.sim.wait_open_downloads(0).await;
    let before = from.sim.downloaded();
    copy.run(&[&url, "drive:/"], 0);
    assert_eq!(copy.calls("data PUT"), 5);
    assert!(copy.sim.read("/film").unwrap() == content);
    assert!(from.sim.downloaded() - before < content.len() as u64 * 2 / 3);
}

// Keeps 152.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_drive_has_forgotten_begins_anew() {
    let (copy, content) = killed_in_the_eighth().await;
    copy.sim.expire_uploads();
    let told = copy.run(&["local/film", "drive:/films"], 0);
    assert!(told.contains("1 sent"), "{told}");
    assert_eq!((copy.calls("data PUT"), copy.calls("openFile/create")), (12, 1));
    assert!(copy.sim.read("/films/film").unwrap() == content);
    assert!(remembered(&copy.store().await).await.is_empty());
}

// Keeps 152.
#[tokio::test(flavor = "multi_thread")]
async fn another_content_or_time_begins_anew_and_what_was_sent_goes() {
    for same_content in [false, true] {
        let (copy, mut content) = killed_in_the_eighth().await;
        if !same_content {
            content[0] ^= 1;
        }
        let path = copy.write("film", &content);
        fs::File::options().append(true).open(&path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let told = copy.run(&["local/film", "drive:/films"], 0);
        assert!(told.contains("1 sent"), "{told}");
        assert_eq!(copy.calls("data PUT"), 12);
        assert!(copy.sim.read("/films/film").unwrap() == content);
        assert!(copy.sim.unfinished_uploads().is_empty());
    }
}

// Keeps 152.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_come_to_the_right_content_is_sent_anew() {
    let (copy, content) = killed_in_the_eighth().await;
    copy.sim.rules(|rules| rules.part_sizes = false);
    let store = copy.store().await;
    let mut row = remembered(&store).await.remove(0);
    store.delete_upload(&row.account, &row.upload_id).await.unwrap();
    row.part_size = PART as u64 / 2;
    store.add_upload(&row).await.unwrap();
    store.close().await;
    let told = copy.run(&["local/film", "drive:/films"], 0);
    assert!(told.contains("1 sent"), "{told}");
    assert!(copy.sim.read("/films/film").unwrap() == content);
    assert!(copy.sim.unfinished_uploads().is_empty());
    assert_eq!(copy.files(), ["/films/film"]);
}

// Keeps 152.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_to_the_name_meanwhile_is_replaced_as_by_any_upload() {
    let (copy, content) = killed_in_the_eighth().await;
    copy.sim.write("/films/film", "another program's");
    copy.run(&["local/film", "drive:/films"], 0);
    assert_eq!(copy.calls("data PUT"), 5);
    assert!(copy.sim.read("/films/film").unwrap() == content);
    assert_eq!(copy.files(), ["/films/film"]);
}

// Keeps 152.
#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_commit_the_file_is_there_once_and_stays() {
    for moment in [Moment::Start, Moment::End] {
        let copy = Copy::start().await;
        let content = noise(3 * PART);
        copy.write("film", &content);
        let mut gate = copy.sim.gate("openFile/complete", &[moment]);
        let mut child = copy.spawn(&["local/film", "drive:/"]);
        let held = gate.arrival().await;
        child.kill().unwrap();
        child.wait().unwrap();
        drop((gate, held));
        for _ in 0..2 {
            copy.run(&["local/film", "drive:/"], 0);
            assert_eq!(copy.files(), ["/film"]);
            assert!(copy.sim.read("/film").unwrap() == content);
        }
        assert!(copy.run(&["local/film", "drive:/"], 0).contains("1 present"));
    }
}

// Keeps 152.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_comes_back_for_in_a_week_goes_unless_it_was_committed() {
    let (copy, _) = killed_in_the_eighth().await;
    let other = copy.sim.write("/other", noise(3 * PART));
    let store = copy.store().await;
    let row = remembered(&store).await.remove(0);
    store.use_upload(&row.account, &row.upload_id, UnixMillis(0)).await.unwrap();
    // A process that was killed after its commit has left this one.
    let sha1 = alidav::digest::Sha1::of(&noise(3 * PART));
    let ended = UploadRow {
        upload_id: "ended".into(),
        file_id: other,
        size: 3 * PART as u64,
        sha1,
        used: UnixMillis(0),
        ..row
    };
    store.add_upload(&ended).await.unwrap();
    let binned = copy.sim.write("/binned", "binned");
    copy.sim.trash("/binned");
    store.add_upload(&UploadRow { upload_id: "binned".into(), file_id: binned, ..ended }).await.unwrap();
    store.close().await;
    copy.write("small", b"small");
    said(copy.spawn(&["local/small", "drive:/"]), 0);
    assert!(copy.sim.unfinished_uploads().is_empty());
    assert_eq!(copy.files(), ["/other", "/small"]);
    assert_eq!(copy.calls("openFile/delete"), 1);
    assert!(remembered(&copy.store().await).await.is_empty());
}
