//! How the pages look and whom they keep out: pictures of each at three widths in both looks, none of them wider than
//! its window, and axe-core's findings, of which there are none.
//!
//! The pictures are for people; they are in `target/pages-shots`.

use std::path::Path;

use alidav::sim::{Fault, FaultKind, Film, Options, Preview, Simulator};
use serde_json::json;

use crate::harness::rules;
use crate::world::World;

const SIZES: [(u32, u32); 3] = [(390, 844), (768, 1024), (1280, 800)];

/// Rules of WCAG 2.2, levels A and AA, as axe-core calls them.
const RULES: [&str; 4] = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"];

const FINDINGS: &str = "
    const rules = arguments[0];
    return axe.run(document, { runOnly: rules }).then(({ violations }) => violations.flatMap(({ id, nodes }) =>
        nodes.map(({ target, any, all, none }) => `${id}: ${target.join(' ')}: ${[...any, ...all, ...none].map(({ message }) => message).join('; ')}`)));";

/// Nothing moves or fades any more, and every picture in sight is there.
const STILL: &str = "document.getAnimations().every((animation) => animation.playState !== 'running' || animation.effect.getTiming().iterations === Infinity)
    && [...document.images].every((image) => image.complete || image.loading === 'lazy')";

/// The world of the demo.
async fn demo() -> World {
    let options = Options { rules: rules(), sample: true, ..Options::default() };
    World::over(Simulator::start(options).await.unwrap(), |_| {}).await
}

fn axe() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/node/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}: run tests/tools.sh", file.display()))
}

impl World {
    /// Looks at what is shown now, in all sizes and looks.
    pub(crate) async fn is_fit(&self, name: &str) {
        self.is_fit_with(name, "").await;
    }

    /// The same with the menu of a button open: another size of the window closes it.
    async fn is_fit_with(&self, name: &str, menu: &str) {
        if self.value("typeof axe").await == "undefined" {
            self.run(&axe(), Vec::new()).await;
        }
        for (width, height) in SIZES {
            for dark in [false, true] {
                self.look(width, height, dark).await;
                if !menu.is_empty() && self.value("!document.querySelector('[role=menu]')").await == true {
                    self.click("button[aria-haspopup=menu]", menu).await;
                }
                if !menu.is_empty() {
                    self.sees("[role=menu] [role^=menuitem]", "").await;
                }
                self.until(STILL).await;
                let look = if dark { "dark" } else { "light" };
                self.picture(&format!("{name}-{width}-{look}")).await;
                let findings = self.run(FINDINGS, vec![json!(RULES)]).await;
                assert_eq!(findings, json!([]), "{name}, {width} px, {look}");
                let wide = self.value("document.scrollingElement.scrollWidth - innerWidth").await;
                assert!(wide.as_i64() <= Some(0), "{name} is {wide} px wider than its window of {width}");
            }
        }
    }

    async fn close(&self) {
        self.press(['\u{e00c}']).await;
        self.until("!document.querySelector('dialog, [role=menu]')").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folders() {
    let world = demo().await;
    world.visit_file("/").await;
    world.sees("[data-name] a", "电影").await;
    world.is_fit("root").await;
    world.visit_file("/照片/2025/").await;
    world.click("button", "As a grid").await;
    world.sees(".tile", "").await;
    world.is_fit("grid").await;
    world.click("button", "As a list").await;
    world.visit_file("/文档/空文件夹/").await;
    world.reads("Nothing here yet").await;
    world.is_fit("empty").await;
    world.visit_file("/一万个文件/").await;
    world.sees("[data-name] a", "文件 1 file.bin").await;
    world.is_fit("many").await;
    world.visit_file("/文档/").await;
    world.sees("[data-name] a", "Read me.md").await;
    world.click("[data-name] .pick", "").await;
    world.reads("1 selected").await;
    world.is_fit("selection").await;
    let busy = FaultKind::Code { status: 429, code: "TooManyRequests".to_owned(), retry_after_ms: Some(600_000) };
    world.site.sim.fault(Fault::always("*", busy));
    world.provokes("503");
    world.visit_file("/音乐/").await;
    world.sees("h2", "This folder could not be listed").await;
    world.is_fit("throttled").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files() {
    let world = demo().await;
    // Neither transcoded nor such as a browser plays by itself.
    world.site.sim.write_generated("/电影/none.avi", 1 << 30, 1);
    world.site.sim.film("/电影/none.avi", Film { preview: Preview::Impossible, ..Film::default() });
    for (name, path, ready) in [
        ("text", "/文档/names & signs +%#.txt", "pre.text"),
        ("encoding", "/文档/旧编码 GB18030.txt", "pre.text"),
        ("markdown", "/文档/读我.md", "article"),
        ("other", "/一万个文件/文件 2 file.bin", ".blank h2"),
        ("picture", "/照片/2025/日落.jpg", "img.shown"),
        ("sound", "/音乐/晨光.mp3", ".lyrics p"),
        ("film-none", "/电影/none.avi", ".problem-over h2"),
    ] {
        world.visit_file(path).await;
        world.sees(ready, "").await;
        world.is_fit(name).await;
    }
    world.provokes("404");
    world.visit_file("/missing.txt").await;
    world.sees(".blank h2", "").await;
    world.is_fit("missing").await;
    world.play("/剧集/第一季/E01.mp4").await;
    world.press([' ']).await;
    world.until("document.querySelector('video').paused").await;
    world.is_fit("film").await;
    world.click("button", "Quality").await;
    world.sees("[role=menu]", "").await;
    world.is_fit_with("film-quality", "Quality").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dialogs() {
    let world = demo().await;
    world.visit_file("/文档/").await;
    let name = "Read me.md";
    world.sees("[data-name] a", name).await;
    world.click("[data-name] button", &format!("Actions for {name}")).await;
    world.is_fit_with("menu", &format!("Actions for {name}")).await;
    world.close().await;
    for (act, shown) in [
        ("Rename", "dialog input"),
        ("Details", "dialog dd"),
        ("Copy link", "dialog #link"),
        ("Move", "dialog .picker button"),
        ("Delete", "dialog .danger"),
    ] {
        world.act(name, act).await;
        world.sees(shown, "").await;
        world.is_fit(&format!("dialog-{}", act.to_lowercase().replace(' ', "-"))).await;
        world.close().await;
    }
    world.click("button", "You and settings").await;
    world.is_fit_with("menu-user", "You and settings").await;
    world.close().await;
    world.press(['?']).await;
    world.sees("dialog h2", "Keyboard").await;
    world.is_fit("dialog-keys").await;
    world.close().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, "text").unwrap();
    world.give_files("Upload", "Files…", &[&file]).await;
    world.sees("dialog h2", "This name is taken").await;
    world.is_fit("dialog-conflict").await;
    world.click("dialog label", "Keep both, the new one under another name").await;
    world.click("dialog button", "Continue").await;
    world.reads("1 file uploaded").await;
    world.is_fit("uploads").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn finds() {
    let world = demo().await;
    world.visit("/files/?starred").await;
    world.sees(".hits a", "读我.md").await;
    world.is_fit("starred").await;
    world.visit("/files/?search=E0").await;
    world.sees(".hits a", "E01.mp4").await;
    world.is_fit("search").await;
    world.visit("/files/?search=nothing+of+this+name").await;
    world.sees(".blank h2", "Nothing of that name").await;
    world.is_fit("search-none").await;
    world.visit_file("/").await;
    world.sees("[data-name] a", "照片").await;
    world.click("[data-name] button", "Actions for 照片").await;
    world.sees("[role=menu] a", "Download as a zip").await;
    world.is_fit_with("menu-folder", "Actions for 照片").await;
    world.close().await;
    world.visit_file("/文档/").await;
    world.sees("[data-name] a", "Read me.md").await;
    world.run("window.zip = import(document.querySelector('script[type=module]').src.replace('main.js', 'folder/actions.js'))
        .then(({ downloadAll }) => downloadAll({ path: '/', listing: { entries: Array(999) } }, Array.from({ length: 900 }, (_, n) => ({ name: `some name ${n}`, kind: 'folder' }))))", Vec::new()).await;
    world.sees(".notice p", "Too many items for one zip. Select fewer, or download the folder that they are in.").await;
    world.is_fit("zip-many").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_pages() {
    let world = demo().await;
    for page in ["accounts", "status"] {
        world.visit(&format!("/{page}")).await;
        world.sees(".card", "").await;
        world.is_fit(page).await;
    }
    // What was wrong is told, and what is.
    let full = FaultKind::Code { status: 403, code: "QuotaExhausted.Drive".to_owned(), retry_after_ms: None };
    world.site.sim.fault(Fault::once("openFile/create", full));
    assert_eq!(world.site.request("PUT", "/api/file?path=/a.txt").body("x").send().await.unwrap().status(), 507);
    world.site.sim.fault(Fault::always("openFile/list", FaultKind::Text { status: 502, body: String::new() }));
    assert_ne!(world.site.get("/api/list?path=/&refresh=1").await.status(), 200);
    world.visit("/status").await;
    world.sees("td .pill", "now").await;
    world.reads("quota exhausted").await;
    world.sees("dt", "Running uploads").await;
    world.is_fit("status-troubles").await;
    world.site.sim.clear_faults();
    world.visit("/accounts").await;
    world.click("main button", "Sign in again").await;
    world.sees("dialog img", "").await;
    world.is_fit("dialog-sign-in").await;
    world.visit("/login").await;
    world.sees("button", "Sign in").await;
    world.is_fit("login").await;
    // The other language, by its own choice.
    world.click("button", "简体中文").await;
    world.sees("button", "登录").await;
    world.is_fit("login-zh").await;
    world.visit_file("/").await;
    world.sees("[data-name] a", "电影").await;
    world.is_fit("root-zh").await;
    world.finish().await;
}
