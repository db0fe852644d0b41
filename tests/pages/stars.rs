//! Stars: given and taken away in a folder, on a file's page and where all of them are.

use crate::keys::DOWN;
use crate::world::World;

const ENTER: char = '\u{e007}';

impl World {
    /// Waits until the drive has these starred, and no other.
    async fn has_starred(&self, names: &[&str]) {
        crate::harness::eventually(async || {
            let told = self.site.get("/api/starred").await.text().await.unwrap();
            let told: serde_json::Value = serde_json::from_str(&told).unwrap();
            let mut found: Vec<_> =
                told["entries"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
            found.sort_unstable();
            found == names
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_star_is_given_and_taken_away_with_the_mouse() {
    let world = World::open().await;
    for name in ["a.txt", "b.txt", "dir/c.txt"] {
        world.site.sim.write(&format!("/{name}"), "text");
    }
    world.visit_file("/").await;
    world.lists(&["dir", "a.txt", "b.txt"]).await;
    world.act("a.txt", "Star").await;
    world.sees("[data-name='a.txt'] .star", "Starred").await;
    world.act("dir", "Star").await;
    world.sees("[data-name=dir] .star", "").await;
    world.has_starred(&["a.txt", "dir"]).await;
    world.click("nav a", "Starred").await;
    world.sees("h1", "Starred").await;
    world.sees(".hits a", "dir").await;
    // A press too much is mended by another.
    for (pressed, starred) in [("false", ["dir"].as_slice()), ("true", &["a.txt", "dir"]), ("false", &["dir"])] {
        world.click(".hits button", "Star of a.txt").await;
        world
            .until(&format!("document.querySelector('[aria-label=\"Star of a.txt\"]').ariaPressed === '{pressed}'"))
            .await;
        world.has_starred(starred).await;
    }
    world.click(".hits a", "dir").await;
    world.lists(&["c.txt"]).await;
    world.enter("c.txt").await;
    world.sees("pre.text", "text").await;
    world.choose("Actions", "Star").await;
    world.sees(".viewer-head .star", "Starred").await;
    world.has_starred(&["c.txt", "dir"]).await;
    world.choose("Actions", "Take the star away").await;
    world.has_starred(&["dir"]).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_star_is_given_and_taken_away_by_a_key() {
    let world = World::open().await;
    for name in ["a.txt", "b.txt"] {
        world.site.sim.write(&format!("/{name}"), "text");
    }
    world.visit_file("/").await;
    world.lists(&["a.txt", "b.txt"]).await;
    world.press([DOWN, '*']).await;
    world.sees("[data-name='a.txt'] .star", "").await;
    world.has_starred(&["a.txt"]).await;
    // Of several those that have none get one; where all have one all lose it.
    world.press([' ', DOWN, ' ', '*']).await;
    world.sees("[data-name='b.txt'] .star", "").await;
    world.has_starred(&["a.txt", "b.txt"]).await;
    world.press(['*']).await;
    world.has_starred(&[]).await;
    world.until("!document.querySelector('[data-name] .star')").await;
    world.press([ENTER]).await;
    world.sees("pre.text", "text").await;
    world.press(['*']).await;
    world.sees(".viewer-head .star", "").await;
    world.has_starred(&["b.txt"]).await;
    world.finish().await;
}
