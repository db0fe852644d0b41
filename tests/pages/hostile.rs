//! What a stranger may have put on the drive: no script of it runs, wherever it is shown or opened.

use alidav::sim::{Film, Track};
use serde_json::json;

use crate::world::World;

/// Makes a folder on the drive where it runs; nothing else tells so surely that it has not.
const SCRIPT: &str = "fetch('/api/mkdir',{method:'POST',headers:{'Content-Type':'application/json'},body:JSON.stringify({path:'/hacked'})});document.title='hacked'";

impl World {
    /// No script of a stranger has run.
    async fn is_unharmed(&self) {
        assert_ne!(self.text("document.title").await, "hacked");
        assert!(!self.site.sim.tree().iter().any(|(path, _)| path == "/hacked"), "a script of the drive has run");
    }
}

fn in_html() -> String {
    format!(
        "<img src=x onerror=\"{SCRIPT}\"><svg onload=\"{SCRIPT}\"></svg><script>{SCRIPT}</script><iframe srcdoc=\"<script>parent.{SCRIPT}</script>\"></iframe>"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_with_scripts_run_none() {
    let world = World::open().await;
    let html = format!("<!doctype html><title>harmless</title><body>{}<p>the page</p>", in_html());
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"{SCRIPT}\"><script>{SCRIPT}</script><text>the picture</text></svg>"
    );
    world.site.sim.write("/page.html", html.clone());
    world
        .site
        .sim
        .write("/page.xhtml", format!("<html xmlns=\"http://www.w3.org/1999/xhtml\"><script>{SCRIPT}</script></html>"));
    world.site.sim.write("/picture.svg", svg);
    world.site.sim.write("/page.txt", html);
    world.visit_file("/").await;
    world.lists(&["page.html", "page.txt", "page.xhtml", "picture.svg"]).await;
    for name in ["page.html", "page.txt"] {
        world.enter(name).await;
        world.sees("h1", name).await;
        world.reads("mkdir").await;
        world.is_unharmed().await;
        world.back().await;
    }
    world.enter("picture.svg").await;
    world.until("document.querySelector('img.shown') || document.querySelector('.blank h2')").await;
    world.is_unharmed().await;
    // By their own addresses, as a link from elsewhere leads there.
    let link = world.site.request("POST", "/api/link").json(&json!({ "path": "/page.html" })).send().await.unwrap();
    let link: serde_json::Value = serde_json::from_str(&link.text().await.unwrap()).unwrap();
    world.provokes("sandboxed");
    world.provokes("violates the following Content Security Policy directive: \"img-src data:\"");
    for url in
        [world.site.url("/dav/page.html"), world.site.url("/dav/picture.svg"), link["url"].as_str().unwrap().to_owned()]
    {
        world.goto(&url).await;
        world.until("document.readyState === 'complete'").await;
        assert!(world.text("document.documentElement.textContent").await.contains("the p"), "{url}");
        world.is_unharmed().await;
    }
    // Those that the pages give out are saved, not opened.
    for name in ["page.html", "picture.svg", "page.xhtml"] {
        world.visit_file(&format!("/{name}")).await;
        world.sees("h1", name).await;
        let address = world.site.url(&format!("/api/raw?path=/{name}"));
        let script = "const link = document.createElement('a'); link.href = arguments[0]; document.body.append(link); link.click()";
        world.run(script, vec![json!(address)]).await;
        crate::harness::until(|| world.downloads.join(name).exists()).await;
        world.is_unharmed().await;
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn markdown_with_scripts_runs_none() {
    let world = World::open().await;
    let text = format!(
        "# The text\n\n{}\n\n[one](javascript:{SCRIPT}) [two](data:text/html,<script>{SCRIPT}</script>) \
         [three](JaVaScRiPt:alert(1)) ![four](javascript:alert(1)) <a href=\"javascript:{SCRIPT}\">five</a>\n\n[six](vbscript:x)\n",
        in_html()
    );
    world.site.sim.write("/text.md", text);
    world.visit_file("/text.md").await;
    world.sees("article h1", "The text").await;
    let links = world
        .value("[...document.querySelectorAll('article [href], article [src]')].map((e) => e.href ?? e.src)")
        .await;
    for link in links.as_array().unwrap() {
        assert!(link.as_str().unwrap().starts_with("http://127.0.0.1"), "{links}");
    }
    assert_eq!(
        world.value("document.querySelectorAll('article :is(script, iframe, svg, [onload], [onerror])').length").await,
        0
    );
    world.is_unharmed().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subtitles_with_scripts_run_none() {
    let world = World::open().await;
    let cue = format!(
        "WEBVTT\n\nSTYLE\n::cue {{ background: url(http://elsewhere.example/x) }}\n\n00:00.000 --> 01:00.000\n<b>Hello</b> {}\n",
        in_html().replace('\n', " ")
    );
    let ass = format!(
        "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\nStyle: Default,sans-serif,40\n\n[Events]\nFormat: Layer, Start, End, Style, Text\nDialogue: 0,0:00:00.00,0:01:00.00,Default,Hello ass {}\n",
        in_html().replace(',', " ")
    );
    world.site.sim.write_generated("/film.mkv", 4 << 30, 1);
    let subtitles = vec![Track { language: "eng".to_owned(), text: cue.clone() }];
    world.site.sim.film("/film.mkv", Film { subtitles, width: 640, height: 360, ..Film::default() });
    world.site.sim.write("/film.de.vtt", cue);
    world.site.sim.write("/film.fr.ass", ass);
    world.play("/film.mkv").await;
    for subtitle in ["English", "Deutsch"] {
        world.choose("Subtitles", subtitle).await;
        world.until("[...document.querySelector('video').textTracks].find((track) => track.mode === 'showing')?.activeCues?.length").await;
        world.is_unharmed().await;
    }
    world.choose("Subtitles", "Français").await;
    world.until("document.querySelector('.screen').textContent.includes('Hello ass')").await;
    assert_eq!(world.value("document.querySelectorAll('.screen :is(script, iframe, img)').length").await, 0);
    world.is_unharmed().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_scripts_are_names() {
    let world = World::open().await;
    let script = "document.title=`hacked`";
    let name = format!("<img src=x onerror={script}>'\"{{{{title}}}}${{1}}.txt");
    world.site.sim.write(&format!("/{name}"), "the text");
    world.visit_file("/").await;
    world.sees("[data-name] a", &name).await;
    world.act(&name, "Details").await;
    world.sees("dialog dd", &name).await;
    world.click("dialog button", "Close").await;
    world.act(&name, "Copy link").await;
    world.until("document.querySelector('#link').value.startsWith('http')").await;
    world.click("dialog button", "Close").await;
    world.act(&name, "Delete").await;
    world.sees("dialog h2", &format!("Delete “{name}”?")).await;
    world.click("dialog button", "Cancel").await;
    world.act(&name, "Rename").await;
    let other = format!("{name}2");
    world.fill("dialog [name=value]", &other).await;
    world.click("dialog button", "Rename").await;
    world.enter(&other).await;
    world.sees("h1", &other).await;
    world.is_unharmed().await;
    world.visit("/files/%3Cscript%3Edocument.title=%22hacked%22%3C%2Fscript%3E/").await;
    world.provokes("404");
    world.reads("This folder could not be listed").await;
    world.is_unharmed().await;
    world.finish().await;
}
