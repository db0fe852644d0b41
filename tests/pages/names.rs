//! Names that mean something in URLs, in HTML or to Unicode, in everything that a folder's page can do.

use std::collections::BTreeSet;

use crate::world::World;

const NAMES: [&str; 12] = [
    "a & b &amp; c",
    "a < b > c",
    "it's \"quoted\"",
    "100%",
    "a%20b %2F",
    "#1 #2",
    "what?x=1",
    "1 + 1",
    "空格 与 中文",
    "🎬 👩‍👩‍👧",
    "cafe\u{301} u\u{308}",
    "a=b;c,d:e|f*g~",
];

/// What lies below a folder of the drive, files alone, in the composed form.
fn files(world: &World, folder: &str) -> BTreeSet<(String, Vec<u8>)> {
    use unicode_normalization::UnicodeNormalization as _;
    let inside = |(path, bytes): (String, Option<Vec<u8>>)| {
        Some((path.strip_prefix(folder)?.strip_prefix('/')?.nfc().collect(), bytes?))
    };
    world.site.sim.tree().into_iter().filter_map(inside).collect()
}

/// The names with their contents, as they are expected in a folder.
fn all(prefix: &str) -> BTreeSet<(String, Vec<u8>)> {
    use unicode_normalization::UnicodeNormalization as _;
    NAMES.iter().map(|name| (format!("{prefix}{name}.txt").nfc().collect(), content(name))).collect()
}

fn content(name: &str) -> Vec<u8> {
    format!("the text of {name}").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_opened_and_led_back_from() {
    let world = World::open().await;
    for name in NAMES {
        world.site.sim.write(&format!("/{name}/{name}.txt"), content(name));
    }
    world.visit_file("/").await;
    for name in NAMES {
        world.enter(name).await;
        world.sees("h1", name).await;
        world.enter(&format!("{name}.txt")).await;
        world.sees("pre.text", &format!("the text of {name}")).await;
        world.refresh().await;
        world.sees("pre.text", &format!("the text of {name}")).await;
        world.sees("h1", &format!("{name}.txt")).await;
        world.click("button", "Back to the folder").await;
        world.sees("h1", name).await;
        world.click("[aria-label='All files']", "").await;
        world.sees("h1", "Files").await;
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_renamed_copied_moved_and_deleted() {
    let world = World::open().await;
    for (number, name) in NAMES.iter().enumerate() {
        world.site.sim.write(&format!("/in/{number}.txt"), content(name));
    }
    world.site.sim.mkdir("/to & <copy>");
    world.site.sim.mkdir("/to #move?");
    world.visit_file("/in/").await;
    for (number, name) in NAMES.iter().enumerate() {
        world.act(&format!("{number}.txt"), "Rename").await;
        world.fill("dialog [name=value]", &format!("{name}.txt")).await;
        world.click("dialog button", "Rename").await;
        world.sees("[data-name] a", &format!("{name}.txt")).await;
    }
    assert_eq!(files(&world, "/in"), all(""));
    let everything = async |act: &str| {
        world.until("document.querySelector('[data-name] a') && !document.querySelector('dialog')").await;
        world.click("[data-name] .pick", "").await;
        world.click("button", "Select all").await;
        world.click(".chosen button", act).await;
    };
    everything("Copy").await;
    world.click("dialog button", "All files").await;
    world.click("dialog button", "to & <copy>").await;
    world.click("dialog button", "Copy here").await;
    world.reads("Copied 12 items to to & <copy>").await;
    assert_eq!(files(&world, "/to & <copy>"), all(""));
    everything("Move").await;
    world.click("dialog button", "All files").await;
    world.click("dialog button", "to #move?").await;
    world.click("dialog button", "Move here").await;
    world.reads("Moved 12 items to to #move?").await;
    world.lists(&[]).await;
    assert_eq!((files(&world, "/in"), files(&world, "/to #move?")), (BTreeSet::new(), all("")));
    world.visit_file("/to #move?/").await;
    everything("Delete").await;
    world.click("dialog .dialog-foot button.danger", "").await;
    world.reads("Nothing here yet").await;
    assert_eq!(files(&world, "/to #move?"), BTreeSet::new());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_uploaded_and_downloaded() {
    let world = World::open().await;
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = NAMES.iter().map(|name| folder.path().join(format!("{name}.txt"))).collect();
    for (name, path) in NAMES.iter().zip(&paths) {
        std::fs::write(path, content(name)).unwrap();
    }
    world.site.sim.mkdir("/to #1 & more");
    world.visit_file("/to #1 & more/").await;
    world.reads("Nothing here yet").await;
    let paths: Vec<_> = paths.iter().map(std::path::PathBuf::as_path).collect();
    world.give_files("Upload", "Files…", &paths).await;
    world.reads("12 files uploaded").await;
    assert_eq!(files(&world, "/to #1 & more"), all(""));
    world.until("document.querySelectorAll('[data-name]').length === 12").await;
    world.click(".uploads button", "Close").await;
    for name in NAMES {
        world.act(&format!("{name}.txt"), "Download").await;
    }
    // The browser has rules of its own for names on this computer; the texts tell that each has come.
    let wanted: BTreeSet<Vec<u8>> = NAMES.iter().map(|name| content(name)).collect();
    crate::harness::eventually(async || {
        let come = std::fs::read_dir(&world.downloads).unwrap().map(|file| std::fs::read(file.unwrap().path()));
        come.filter_map(Result::ok).collect::<BTreeSet<_>>() == wanted
    })
    .await;
    world.finish().await;
}
