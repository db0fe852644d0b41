//! Everything without a mouse.

use alidav::sim::{Options, Simulator};
use fantoccini::key::Key;

use crate::harness::rules;
use crate::world::{World, one_user};

const ENTER: char = '\u{e007}';
const TAB: char = '\u{e004}';
const ESCAPE: char = '\u{e00c}';
const UP: char = '\u{e013}';
pub(crate) const DOWN: char = '\u{e015}';
const RIGHT: char = '\u{e014}';
const LEFT: char = '\u{e012}';
const BACKSPACE: char = '\u{e003}';
const DELETE: char = '\u{e017}';
const END: char = '\u{e010}';
const F2: char = '\u{e032}';
const F10: char = '\u{e03a}';

impl World {
    /// Presses Tab until what has the focus bears these words.
    async fn tab_to(&self, words: &str) {
        for _ in 0..40 {
            self.press([TAB]).await;
            let focused = "(({ ariaLabel, textContent }) => [ariaLabel, textContent.trim(), ...[...document.activeElement.querySelectorAll('.name')].map((name) => name.textContent)])(document.activeElement)";
            if self.value(focused).await.as_array().unwrap().iter().any(|text| text == words) {
                return;
            }
        }
        self.until(&format!("false /* Tab comes to {words} */")).await;
    }

    /// Waits until the focus is on an item of the folder.
    async fn is_on(&self, name: &str) {
        self.until(&format!("document.activeElement.closest('[data-name]')?.dataset.name === '{name}'")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_login_to_a_changed_folder_without_a_mouse() {
    let world = World::with(one_user).await;
    for name in ["a.txt", "b.txt", "c.txt", "folder/d.txt"] {
        world.site.sim.write(&format!("/{name}"), format!("the text of {name}"));
    }
    world.visit_file("/").await;
    world.until("document.activeElement.name === 'username'").await;
    world.press("me".chars()).await;
    world.press([TAB]).await;
    world.press("secret".chars()).await;
    world.press([ENTER]).await;
    world.lists(&["folder", "a.txt", "b.txt", "c.txt"]).await;
    // Into a folder, a file, and back to where one was.
    world.press([DOWN]).await;
    world.is_on("folder").await;
    world.press([ENTER]).await;
    world.lists(&["d.txt"]).await;
    world.press([DOWN]).await;
    world.is_on("d.txt").await;
    world.press([ENTER]).await;
    world.sees("pre.text", "the text of folder/d.txt").await;
    world.press([ESCAPE]).await;
    world.is_on("d.txt").await;
    world.press([BACKSPACE]).await;
    world.is_on("folder").await;
    // Another name, by its own key and by the menu.
    world.press([DOWN]).await;
    world.is_on("a.txt").await;
    world.press([F2]).await;
    world.until("document.activeElement.name === 'value'").await;
    world.press("new".chars()).await;
    world.press([ENTER]).await;
    world.lists(&["folder", "b.txt", "c.txt", "new.txt"]).await;
    world.is_on("new.txt").await;
    world.press_with(Key::Shift, F10).await;
    world.until("document.activeElement.getAttribute('role') === 'menuitem'").await;
    world.press("ddd".chars()).await;
    world.press([ENTER]).await;
    world.until("document.activeElement.closest('dialog')").await;
    world.press([ESCAPE]).await;
    world.is_on("new.txt").await;
    // Some are selected and deleted.
    world.press([UP, ' ', DOWN, ' ']).await;
    world.reads("2 selected").await;
    world.press([DELETE]).await;
    world.until("document.activeElement.closest('dialog')").await;
    world.press([TAB, ENTER]).await;
    world.lists(&["folder", "b.txt"]).await;
    // A letter begins a filter, Escape ends it.
    world.press(['b']).await;
    world.lists(&["b.txt"]).await;
    world.press([ESCAPE]).await;
    world.lists(&["folder", "b.txt"]).await;
    // A new folder, by the toolbar.
    world.press_with(Key::Shift, TAB).await;
    world.until("document.activeElement.textContent.trim() === 'New folder'").await;
    world.press([ENTER]).await;
    world.until("document.activeElement.name === 'value'").await;
    world.press("made".chars()).await;
    world.press([ENTER]).await;
    world.lists(&["folder", "made", "b.txt"]).await;
    world.is_on("made").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_and_the_places_of_the_bar_without_a_mouse() {
    let world = World::open().await;
    for name in ["a.txt", "to/b.txt"] {
        world.site.sim.write(&format!("/{name}"), "text");
    }
    world.visit_file("/").await;
    world.lists(&["to", "a.txt"]).await;
    world.press([DOWN, END]).await;
    world.is_on("a.txt").await;
    world.press_with(Key::Shift, F10).await;
    world.until("document.activeElement.getAttribute('role') === 'menuitem'").await;
    world.press(['m', ENTER]).await;
    world.until("document.activeElement.matches('dialog .picker')").await;
    world.tab_to("to").await;
    world.press([ENTER]).await;
    world.sees("dialog .crumb", "to").await;
    world.tab_to("Move here").await;
    world.press([ENTER]).await;
    world.lists(&["to"]).await;
    assert!(world.site.sim.read("/to/a.txt").is_some());
    world.tab_to("Undo").await;
    world.press([ENTER]).await;
    world.lists(&["to", "a.txt"]).await;
    for (place, heading) in [("Status", "Status"), ("Accounts", "Accounts")] {
        world.run("document.activeElement.blur()", Vec::new()).await;
        world.tab_to(place).await;
        world.press([ENTER]).await;
        world.sees("h1", heading).await;
    }
    world.press(['?']).await;
    world.sees("dialog h2", "Keyboard").await;
    world.press([ESCAPE]).await;
    world.until("!document.querySelector('dialog')").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_without_a_mouse() {
    let world = World::open().await;
    for name in ["E1.mkv", "E2.mkv"] {
        world.site.sim.write_generated(&format!("/{name}"), 4 << 30, 1);
        let film = alidav::sim::Film { duration_s: 200.0, width: 1280, height: 720, ..Default::default() };
        world.site.sim.film(&format!("/{name}"), film);
    }
    world.visit_file("/").await;
    world.lists(&["E1.mkv", "E2.mkv"]).await;
    world.press([DOWN, ENTER]).await;
    world.plays().await;
    let video = "document.querySelector('video')";
    world.press([' ']).await;
    world.until(&format!("{video}.paused")).await;
    for (key, condition) in [
        (RIGHT, "film.currentTime >= 5"),
        ('l', "film.currentTime >= 15"),
        ('j', "film.currentTime < 14"),
        ('m', "film.muted"),
        ('m', "!film.muted"),
        (DOWN, "film.volume < 1"),
        ('>', "film.playbackRate === 1.25"),
        ('<', "film.playbackRate === 1"),
        ('c', "film.textTracks.length"),
        ('5', "Math.abs(film.currentTime - 100) < 1"),
        ('0', "film.currentTime < 1"),
        ('k', "!film.paused"),
    ] {
        world.press([key]).await;
        world.until(&format!("((film) => {condition})({video})")).await;
    }
    // The menu of qualities, from the controls.
    world.tab_to("Quality").await;
    world.press([ENTER]).await;
    world.until("document.activeElement.getAttribute('role') === 'menuitemradio'").await;
    world.press(['3', ENTER]).await;
    world.until(&format!("{video}.videoHeight === 360")).await;
    world.press(['n']).await;
    world.sees("h1", "E2.mkv").await;
    world.plays().await;
    world.press([ESCAPE]).await;
    world.is_on("E1.mkv").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_songs_and_texts_without_a_mouse() {
    let options = Options { rules: rules(), sample: true, ..Options::default() };
    let world = World::over(Simulator::start(options).await.unwrap(), |_| {}).await;
    world.visit_file("/照片/2025/").await;
    world.sees("[data-name] a", "Blue hour.jpg").await;
    world.press([DOWN, ENTER]).await;
    world.sees("img.shown", "").await;
    let first = world.text("document.querySelector('h1').textContent").await;
    world.press([RIGHT]).await;
    world
        .until(&format!(
            "document.querySelector('h1').textContent !== '{first}' && document.querySelector('img.shown')"
        ))
        .await;
    world.press([LEFT]).await;
    world.sees("h1", &first).await;
    let turned = "getComputedStyle(document.querySelector('.picture-stage img')).transform";
    for (key, condition) in [('+', "!== 'none'"), ('0', "=== 'none'"), ('r', "!== 'none'")] {
        world.press([key]).await;
        world.until(&format!("{turned}.replace('matrix(1, 0, 0, 1, 0, 0)', 'none') {condition}")).await;
    }
    world.press(['i']).await;
    world.sees("dialog dd", &first).await;
    world.press([ESCAPE]).await;
    world.until("!document.querySelector('dialog')").await;
    for pressed in ["true", "false"] {
        world.press([' ']).await;
        world
            .until(&format!("document.querySelector('[aria-label=\"Slide show\"]').ariaPressed === '{pressed}'"))
            .await;
    }
    world.press([ESCAPE]).await;
    world.is_on(&first).await;
    // Songs of a folder.
    world.visit_file("/音乐/").await;
    world.sees("[data-name] a", "晨光.mp3").await;
    world.press([DOWN]).await;
    world.press([END]).await;
    world.press([ENTER]).await;
    world.sees("h1", "晨光.mp3").await;
    world.tab_to("Next").await;
    world.press(['p']).await;
    world.until("document.querySelector('h1').textContent !== '晨光.mp3'").await;
    world.press(['n']).await;
    world.sees("h1", "晨光.mp3").await;
    world.tab_to("Mute").await;
    world.press([ENTER]).await;
    world.sees("button", "Sound on").await;
    // A text is changed and kept.
    world.visit_file("/文档/names & signs +%#.txt").await;
    world.sees("pre.text", "").await;
    world.tab_to("Edit").await;
    world.press([ENTER]).await;
    world.until("document.activeElement.matches('textarea')").await;
    world.write("written by keys. ").await;
    world.press_with(Key::Control, 's').await;
    world.reads("Saved").await;
    world.until("document.querySelector('pre.text').textContent.includes('written by keys')").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_searches_uploads_and_the_drive_s_sign_in_without_a_mouse() {
    let world = World::open().await;
    for name in ["a.txt", "deep/needle.txt"] {
        world.site.sim.write(&format!("/{name}"), "text");
    }
    world.visit_file("/").await;
    world.lists(&["deep", "a.txt"]).await;
    // A link with its code.
    world.press([DOWN, DOWN]).await;
    world.is_on("a.txt").await;
    world.press_with(Key::Shift, F10).await;
    world.until("document.activeElement.getAttribute('role') === 'menuitem'").await;
    world.press(['c', ENTER]).await;
    world.sees("dialog img", "QR code of the link").await;
    world.until("document.querySelector('#link').value.includes('sign=')").await;
    world.press([ESCAPE]).await;
    world.is_on("a.txt").await;
    // What the filter does not find here is searched for below.
    world.press(['/']).await;
    world.press("needle".chars()).await;
    world.tab_to("Search for “needle” in everything below").await;
    world.press([ENTER]).await;
    world.sees(".hits a", "needle.txt").await;
    world.tab_to("needle.txt").await;
    world.press([ENTER]).await;
    world.sees("pre.text", "text").await;
    world.visit_file("/").await;
    world.lists(&["deep", "a.txt"]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new.txt");
    std::fs::write(&file, "new").unwrap();
    world.await_files().await;
    world.tab_to("Upload").await;
    world.press([ENTER]).await;
    world.until("document.activeElement.getAttribute('role') === 'menuitem'").await;
    world.press([ENTER]).await;
    world.choose_files(&[&file]).await;
    world.lists(&["deep", "a.txt", "new.txt"]).await;
    // The drive's code is shown, and put away.
    world.visit("/accounts").await;
    world.sees("main button", "Sign in again").await;
    world.tab_to("Sign in again").await;
    world.press([ENTER]).await;
    world.sees("dialog img", "QR code to sign the drive in").await;
    world.press([ESCAPE]).await;
    world
        .until("!document.querySelector('dialog') && document.activeElement.textContent.trim() === 'Sign in again'")
        .await;
    world.finish().await;
}
