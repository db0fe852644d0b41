//! Folders: large ones, and finding something in them.

use alidav::sim::{Fault, FaultKind, Moment};

use crate::world::World;

const LAST: &str = "file number 010000.mkv";

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_entries_are_there_at_once_to_the_last_and_each_is_found() {
    let world = World::open().await;
    world.site.sim.fill("/many", 10_000);
    world.visit_file("/many/").await;
    world.sees("[data-name] a", "file number 000001.mkv").await;
    world.reads("10,000 items").await;
    assert_eq!(world.text("document.querySelector('[role=grid]').getAttribute('aria-rowcount')").await, "10001");
    let drawn = world.value("document.querySelectorAll('[data-name]').length").await.as_u64().unwrap();
    assert!((10..300).contains(&drawn), "{drawn} rows are in the page");
    world.run("scrollTo({ top: document.documentElement.scrollHeight })", Vec::new()).await;
    world
        .until(&format!(
            "document.querySelector('[data-name=\"{LAST}\"]').getBoundingClientRect().bottom <= innerHeight"
        ))
        .await;
    assert_eq!(world.text(&format!("document.querySelector('[data-name=\"{LAST}\"]').ariaRowIndex")).await, "10001");
    // Back to the top on the way through the middle.
    world.run("scrollTo({ top: document.documentElement.scrollHeight / 2 })", Vec::new()).await;
    world
        .until("[...document.querySelectorAll('[data-name]')].some((row) => /00(49|50)\\d\\d/.test(row.dataset.name))")
        .await;
    world.run("scrollTo({ top: 0 })", Vec::new()).await;
    world.fill("#filter", "9999").await;
    world.lists(&["file number 009999.mkv"]).await;
    world.fill("#filter", "no such name").await;
    world.click("button", "Show everything").await;
    world.reads("10,000 items").await;
    // The other way round, the last is the first.
    world.click("[role=columnheader] button", "Name").await;
    world.sees("[data-name] a", LAST).await;
    assert_eq!(world.text("document.querySelector('[data-name]').dataset.name").await, LAST);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn back_leads_to_where_one_was_in_a_folder() {
    let world = World::open().await;
    for number in 1..=400 {
        world.site.sim.write(&format!("/folder/{number}.txt"), format!("text {number}"));
    }
    world.visit_file("/folder/").await;
    // In natural order, whatever the drive's.
    world.sees("[data-name='2.txt'] + [data-name='3.txt']", "").await;
    world.click("[data-name='300.txt'] a", "").await;
    world.sees("pre", "text 300").await;
    world.back().await;
    world.until("document.activeElement.closest('[data-name]')?.dataset.name === '300.txt'").await;
    world.until("(({ top }) => top >= 0 && top < innerHeight)(document.querySelector('[data-name=\"300.txt\"]').getBoundingClientRect())").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_that_throttles_or_fails_is_told_with_the_remedy() {
    let world = World::open().await;
    world.site.sim.write("/a/b.txt", "text");
    world.visit_file("/").await;
    world.lists(&["a"]).await;
    let busy = FaultKind::Code { status: 429, code: "TooManyRequests".to_owned(), retry_after_ms: Some(600_000) };
    world.site.sim.fault(Fault::always("*", busy));
    world.provokes("503");
    // What is not known cannot be shown; what is known is, with its age.
    world.enter("a").await;
    world.reads("The drive asks us to slow down.").await;
    world.sees("main button", "Try again").await;
    world.back().await;
    world.lists(&["a"]).await;
    world.click("button", "Refresh").await;
    world.reads("The list is from ").await;
    world.lists(&["a"]).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_takes_long_says_why() {
    let world = World::open().await;
    world.site.sim.write("/slow/a.txt", "text");
    world.visit_file("/").await;
    world.lists(&["slow"]).await;
    let mut gate = world.site.sim.gate("openFile/list", &[Moment::Start]);
    world.enter("slow").await;
    let held = gate.arrival().await;
    world.reads("The drive is listing this folder.").await;
    drop((held, gate));
    world.lists(&["a.txt"]).await;
    world.finish().await;
}
