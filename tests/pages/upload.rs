//! Uploads: folders, one that is called off, names that are taken, a drive that is full.

use std::path::Path;

use alidav::sim::Moment;

use crate::world::World;

/// A folder on this computer with these files, each with its own path as its text.
fn folder(at: &Path, files: &[&str]) {
    for file in files {
        let path = at.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file).unwrap();
    }
}

fn tree(world: &World) -> Vec<(String, Option<String>)> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    world.site.sim.tree().into_iter().map(|(path, bytes)| (path, bytes.map(text))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_uploaded_with_all_below_it_chosen_or_dropped() {
    let world = World::open().await;
    let local = tempfile::tempdir().unwrap();
    let files = ["照片 & co/1.jpg", "照片 & co/below/2.txt", "照片 & co/below/deep #1/3.txt"];
    folder(local.path(), &files);
    let chosen = local.path().join("照片 & co");
    world.visit_file("/").await;
    world.reads("Nothing here yet").await;
    world.give_files("Upload", "Folder…", &[&chosen]).await;
    world.reads("3 files uploaded").await;
    world.lists(&["照片 & co"]).await;
    for file in files {
        assert_eq!(world.site.sim.read(&format!("/{file}")).unwrap(), file.as_bytes());
    }
    // What is dropped may hold empty folders, and more than the browser tells at a time.
    let many: Vec<String> = (0..120).map(|number| format!("dropped/{number}.txt")).collect();
    folder(local.path(), &many.iter().map(String::as_str).collect::<Vec<_>>());
    std::fs::create_dir(local.path().join("dropped/empty")).unwrap();
    world.click(".uploads button", "Close").await;
    world.drop_files(&[&local.path().join("dropped")]).await;
    world.reads("120 files uploaded").await;
    world.lists(&["dropped", "照片 & co"]).await;
    let there = tree(&world);
    assert_eq!(there.iter().filter(|(path, text)| path.starts_with("/dropped/") && text.is_some()).count(), 120);
    assert!(there.contains(&("/dropped/empty".to_owned(), None)));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_called_off_leaves_nothing_and_can_be_tried_again() {
    // The server takes no more than it can send on, so that the browser waits in the middle.
    let world = World::with(|config| config.upload.memory = 8 << 20).await;
    let local = tempfile::tempdir().unwrap();
    let file = local.path().join("large.bin");
    std::fs::write(&file, vec![b'x'; 64 << 20]).unwrap();
    world.visit_file("/").await;
    world.reads("Nothing here yet").await;
    let mut gate = world.site.sim.gate("data PUT", &[Moment::Start]);
    world.give_files("Upload", "Files…", &[&file]).await;
    let part = gate.arrival().await;
    world.click(".uploads button", "Cancel large.bin").await;
    world.sees(".upload span", "Cancelled").await;
    drop((part, gate));
    crate::harness::until(|| tree(&world).is_empty()).await;
    world.click(".uploads button", "Try large.bin again").await;
    world.reads("1 file uploaded").await;
    world.lists(&["large.bin"]).await;
    assert_eq!(world.site.sim.read("/large.bin").unwrap().len(), 64 << 20);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_drive_has_whole_is_not_called_off() {
    let world = World::open().await;
    let local = tempfile::tempdir().unwrap();
    folder(local.path(), &["a.txt"]);
    world.visit_file("/").await;
    world.reads("Nothing here yet").await;
    let mut gate = world.site.sim.gate("openFile/complete", &[Moment::Start]);
    world.give_files("Upload", "Files…", &[&local.path().join("a.txt")]).await;
    let commit = gate.arrival().await;
    world.sees(".upload span", "Finishing…").await;
    // One that goes on whatever is pressed has nothing to press, alone or with all others.
    assert_eq!(world.value("document.querySelectorAll('.upload button').length").await, 0);
    world.click(".uploads button", "Cancel all").await;
    drop((commit, gate));
    world.reads("1 file uploaded").await;
    world.lists(&["a.txt"]).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_happen_with_a_taken_name_is_asked_once() {
    let world = World::open().await;
    let local = tempfile::tempdir().unwrap();
    folder(local.path(), &["a.txt", "b.txt"]);
    let files = [local.path().join("a.txt"), local.path().join("b.txt")];
    let files = [files[0].as_path(), files[1].as_path()];
    world.site.sim.write("/a.txt", "old");
    world.site.sim.write("/b.txt", "old");
    world.visit_file("/").await;
    world.lists(&["a.txt", "b.txt"]).await;
    let upload = async |answer: &str| {
        world.give_files("Upload", "Files…", &files).await;
        world.sees("dialog h2", "Some names are taken").await;
        world.click("dialog label", answer).await;
        world.click("dialog button", "Continue").await;
    };
    upload("Skip: leave what is there").await;
    world.sees(".upload span", "Skipped: the name is taken").await;
    world.until("document.querySelectorAll('.upload').length === 2 && !document.querySelector('dialog')").await;
    let old = |path: &str| (path.to_owned(), Some("old".to_owned()));
    assert_eq!(tree(&world), [old("/a.txt"), old("/b.txt")]);
    world.click(".uploads button", "Close").await;
    upload("Keep both, the new one under another name").await;
    world.reads("2 files uploaded").await;
    assert_eq!(tree(&world).len(), 4);
    assert_eq!(world.site.sim.read("/a.txt").unwrap(), b"old");
    world.until("document.querySelectorAll('[data-name]').length === 4").await;
    world.click(".uploads button", "Close").await;
    upload("Replace what is there").await;
    world.reads("2 files uploaded").await;
    // What was replaced goes a little later, and is read in the place of the new until then.
    let new = || world.site.sim.read("/a.txt").as_deref() == Some(b"a.txt");
    crate::harness::until(|| new() && tree(&world).len() == 4).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_drive_is_told_in_words_and_goes_on_once_there_is_room() {
    let world = World::open().await;
    let local = tempfile::tempdir().unwrap();
    folder(local.path(), &["a.txt"]);
    world.site.sim.rules(|rules| rules.quota = 3);
    world.visit_file("/").await;
    world.provokes("507");
    world.give_files("Upload", "Files…", &[&local.path().join("a.txt")]).await;
    world.sees(".upload .problem", "The drive is full. Make room in it, then try again.").await;
    world.site.sim.rules(|rules| rules.quota = 1 << 40);
    world.click(".uploads button", "Try a.txt again").await;
    world.reads("1 file uploaded").await;
    world.lists(&["a.txt"]).await;
    world.finish().await;
}
