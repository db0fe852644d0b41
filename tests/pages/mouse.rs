//! Everything without a keyboard.

use alidav::sim::{Options, Simulator};
use serde_json::json;

use crate::harness::rules;
use crate::world::World;

async fn demo() -> World {
    let options = Options { rules: rules(), sample: true, ..Options::default() };
    World::over(Simulator::start(options).await.unwrap(), |_| {}).await
}

impl World {
    /// The middle of an element.
    async fn middle(&self, css: &str) -> (f64, f64) {
        self.sees(css, "").await;
        let script = "const box = document.querySelector(arguments[0]).getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];";
        let told = self.run(script, vec![json!(css)]).await;
        (told[0].as_f64().unwrap(), told[1].as_f64().unwrap())
    }

    async fn pointer(&self, kind: &str, (x, y): (f64, f64), more: serde_json::Value) {
        let mut params = json!({ "type": kind, "x": x, "y": y });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.dev_tools("Input.dispatchMouseEvent", params).await;
    }

    /// Takes one thing and lets it go on another.
    async fn drag(&self, from: &str, to: &str) {
        let (from, to) = (self.middle(from).await, self.middle(to).await);
        self.drag_by_pointer(from, to).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_sorted_selected_and_changed() {
    let world = World::open().await;
    for (name, size) in [("a 2.txt", 3), ("a 10.txt", 1), ("to/b.txt", 1)] {
        world.site.sim.write(&format!("/dir/{name}"), "x".repeat(size));
    }
    world.visit_file("/").await;
    world.enter("dir").await;
    // Folders first, numbers as numbers.
    world.lists(&["to", "a 2.txt", "a 10.txt"]).await;
    // The largest first, and the other way round.
    world.click(".sort", "Size").await;
    world.sees("[aria-sort=descending] button", "Size").await;
    world.click(".sort", "Size").await;
    world.lists(&["to", "a 10.txt", "a 2.txt"]).await;
    world.click("button", "As a grid").await;
    world.sees(".tile", "").await;
    // It is remembered, here and below.
    world.refresh().await;
    world.sees(".tile", "").await;
    world.enter("to").await;
    world.sees(".tile", "").await;
    world.click(".crumbs a", "dir").await;
    world.click("button", "As a list").await;
    world.lists(&["to", "a 10.txt", "a 2.txt"]).await;
    // The other button of the mouse opens the menu too.
    let row = world.middle("[data-name='a 2.txt'] .c-size").await;
    for kind in ["mousePressed", "mouseReleased"] {
        world.pointer(kind, row, json!({ "button": "right", "clickCount": 1 })).await;
    }
    world.click("[role=menuitem]", "Details").await;
    world.sees("dialog dd", "a 2.txt").await;
    world.click("dialog button", "Close").await;
    world.drag("[data-name='a 2.txt'] .c-size", "[data-name=to] .c-name").await;
    world.lists(&["to", "a 10.txt"]).await;
    world.click("button", "Undo").await;
    world.lists(&["to", "a 10.txt", "a 2.txt"]).await;
    // Several at once, to another folder by the chooser.
    for name in ["a 10.txt", "a 2.txt"] {
        world.click(&format!("[data-name='{name}'] .pick"), "").await;
    }
    world.reads("2 selected").await;
    world.click(".chosen button", "Copy").await;
    world.click("dialog .picker button", "to").await;
    world.click("dialog button", "Copy here").await;
    world.reads("Copied 2 items to to").await;
    assert!(world.site.sim.read("/dir/to/a 10.txt").is_some() && world.site.sim.read("/dir/a 10.txt").is_some());
    world.click("[data-name='a 10.txt'] .pick", "").await;
    world.click(".chosen button", "Delete").await;
    world.reads("It can be restored in the drive's own app.").await;
    world.click("dialog button", "Move to the bin").await;
    world.lists(&["to", "a 2.txt"]).await;
    // Another program's file is there with the next look.
    world.site.sim.write("/dir/other.txt", "x");
    world.click("button", "Refresh").await;
    world.lists(&["to", "other.txt", "a 2.txt"]).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_is_played_and_its_choices_are_kept() {
    let world = demo().await;
    world.visit_file("/剧集/第一季/").await;
    world.enter("E01.mp4").await;
    world.plays().await;
    for (button, item) in [("Speed", "1.25×"), ("Quality", "360p"), ("Subtitles", "中文")] {
        world.click("button", button).await;
        world.click("[role=menuitemradio]", item).await;
    }
    world.until("document.querySelector('video').videoHeight === 360").await;
    world.click("button", "Mute").await;
    // On its line a picture of the place that the pointer rests on, whole at the line's ends too.
    let (x, y) = world.middle(".seek").await;
    let width = world.value("document.querySelector('.seek').offsetWidth").await.as_f64().unwrap();
    for (place, time) in [(x - width / 2.0 + 1.0, "0:0"), (x + width / 2.0 - 2.0, "23:5"), (x, "11:5")] {
        world.pointer("mouseMoved", (place, y), json!({})).await;
        let at = format!("document.querySelector('.bubble span').textContent.startsWith('{time}')");
        world.until(&format!("{at} && document.querySelector('.bubble img').naturalWidth > 0")).await;
        let shape = "(({ left, right, width, height }) => left >= 0 && right <= innerWidth && Math.round(width / height * 9) === 16)";
        world.until(&format!("{shape}(document.querySelector('.bubble img').getBoundingClientRect())")).await;
    }
    // A pointer that is none has left at once.
    world.run("document.querySelector('.seek').classList.add('peeked')", Vec::new()).await;
    world.picture("film-peek").await;
    for kind in ["mousePressed", "mouseReleased"] {
        world.pointer(kind, (x, y), json!({ "button": "left", "clickCount": 1 })).await;
    }
    world.until("Math.abs(document.querySelector('video').currentTime - 720) < 20").await;
    // The next one has the same speed, sound, quality and subtitles.
    world.click("button", "Next").await;
    world.sees("h1", "E02.mp4").await;
    world.plays().await;
    world
        .until("((film) => film.playbackRate === 1.25 && film.muted && film.videoHeight === 360 && [...film.textTracks].some(({ mode }) => mode === 'showing'))(document.querySelector('video'))")
        .await;
    world.click("button", "Full screen").await;
    world.until("document.fullscreenElement").await;
    world.click("button", "Leave full screen").await;
    world.click("button", "Quality").await;
    world.click("[role=menuitemradio]", "Original").await;
    world.plays().await;
    world.sees(".badge", "Original").await;
    world.click("button", "Other players").await;
    world.sees("[role=menuitem]", "VLC").await;
    world.click("button", "Other players").await;
    world.click("button", "Back to the folder").await;
    world.sees("[data-name] a", "E01.mp4").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_and_songs_follow_each_other() {
    let world = demo().await;
    world.visit_file("/照片/2025/").await;
    world.enter("日落.jpg").await;
    world.sees("img.shown", "").await;
    let shown = "document.querySelector('.picture-stage img')";
    for (button, condition) in [("Zoom in", "!== 'none'"), ("Zoom out", "=== 'none'"), ("Rotate", "!== 'none'")] {
        world.click("button", button).await;
        let moved = format!("getComputedStyle({shown}).transform.replace('matrix(1, 0, 0, 1, 0, 0)', 'none')");
        world.until(&format!("{moved} {condition}")).await;
    }
    world.choose("Actions", "Show the original").await;
    world.until(&format!("{shown}.currentSrc.includes('/api/raw') && {shown}.className === 'shown'")).await;
    world.click("button", "Next").await;
    world.until("!document.querySelector('h1').textContent.includes('日落')").await;
    world.click("button", "Back to the folder").await;
    world.visit_file("/音乐/").await;
    world.enter("Evening Bells.mp3").await;
    world.click("button", "Order: In order").await;
    world.sees("button", "Order: Repeat all").await;
    world.click(".songs button", "晨光").await;
    world.sees("h1", "晨光.mp3").await;
    world.sees(".lyrics p", "").await;
    world.until("document.querySelector('.cover img').naturalWidth > 0").await;
    world.finish().await;
}
