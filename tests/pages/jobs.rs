//! Copies from drive to drive: how far they are, their end, and one that is called off.

use alidav::sim::{Moment, Options, Simulator};

use crate::harness::{other_account, rules};
use crate::world::World;

/// One account's drive at `/`, another one's at `/other`.
async fn two_drives() -> World {
    let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
    let token = sim.refresh_token_of(1);
    World::over(sim, |config| other_account(config, &token)).await
}

impl World {
    /// Takes a line of an item's menu and chooses the other drive.
    async fn send(&self, name: &str, act: &str, here: &str) {
        self.act(name, act).await;
        self.click("dialog .picker button", "other").await;
        self.click("dialog button", here).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_to_another_drive_is_seen_to_its_end_and_ended_at_a_press() {
    let world = two_drives().await;
    for n in 0..6 {
        world.site.sim.write(&format!("/tree/{n}.txt"), format!("content {n}"));
    }
    world.site.sim.write("/film.mkv", "f");
    world.visit_file("/").await;
    world.lists(&["other", "tree", "film.mkv"]).await;
    let mut gate = world.site.sim.gate("openFile/create", &[Moment::Start]);
    world.send("tree", "Copy", "Copy here").await;
    let first = gate.arrival().await;
    world.sees(".jobs h2", "1 copy between drives is running").await;
    world.sees(".jobs .upload span", "tree to other").await;
    world.reads("0 of 6 files").await;
    // It is the server's: another page shows it too, and the same one when it comes back.
    world.refresh().await;
    world.reads("0 of 6 files").await;
    world.is_fit("jobs").await;
    world.look(1280, 800, false).await;
    drop((first, gate));
    world.sees(".jobs h2", "1 copy between drives has ended").await;
    world.reads("Copied to other: tree").await;
    world.reads("6 files · 54 B").await;
    world.is_fit("jobs-ended").await;
    world.look(1280, 800, false).await;
    // Nothing is asked for once nothing runs.
    world.until("localStorage['alidav.jobs'] === 'false'").await;
    world.click(".jobs a", "tree to other").await;
    world.lists(&["tree"]).await;
    world.click(".jobs button", "Close").await;
    world.until("document.querySelector('.jobs').hidden").await;
    // One that is ended keeps its source.
    world.visit_file("/").await;
    let mut gate = world.site.sim.gate("openFile/create", &[Moment::Start]);
    world.send("film.mkv", "Move", "Move here").await;
    let first = gate.arrival().await;
    world.click(".jobs button", "Cancel the copy of film.mkv").await;
    world.reads("Ending after the files that are on their way").await;
    drop((first, gate));
    world.sees(".jobs h2", "1 copy between drives has ended").await;
    // The one file may have come to its end first.
    world.until("/Cancelled|Moved to other/.test(document.body.innerText)").await;
    world.visit_file("/other/").await;
    world.sees("[data-name] a", "tree").await;
    world.finish().await;
}
