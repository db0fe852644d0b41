//! What stands in the way of a film, in words, and what remains: the states that the drive can be in.

use alidav::sim::{Film, Preview, Rendition};

use crate::world::World;

const ORIGINAL: &str = "Play the original";

async fn with_film(film: Film) -> World {
    let world = World::open().await;
    world.site.sim.write_generated("/film.mkv", 4 << 30, 1);
    world.site.sim.film("/film.mkv", film);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_in_the_making_begins_by_itself_when_it_is_made() {
    for status in [202, 400] {
        let film = Film { preview: Preview::Waits { status, calls: 1 }, height: 360, width: 640, ..Film::default() };
        let world = with_film(film).await;
        world.visit_file("/film.mkv").await;
        world.sees("h2", "The drive is preparing this film").await;
        world.sees("button", ORIGINAL).await;
        world.plays().await;
        world.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_played_is_said_with_its_reason_and_the_original_offered() {
    let world = with_film(Film { preview: Preview::Impossible, ..Film::default() }).await;
    let none = async |words: &str| {
        world.visit_file("/film.mkv").await;
        world.sees("h2", "There is no stream of this film").await;
        world.reads(words).await;
        world.sees("button", ORIGINAL).await;
        world.sees("a", "Download").await;
    };
    none("The drive has not prepared it for the browser.").await;
    let members = ["LD", "SD", "HD", "FHD"].map(|id| (id.to_owned(), Rendition::MembersOnly)).into();
    world.site.sim.film("/film.mkv", Film { renditions: members, ..Film::default() });
    none("The drive has not prepared it for the browser.").await;
    // The drive's own words are there for who wants them.
    world.click("summary", "What the server says").await;
    world.reads("开通三方应用权益包").await;
    world.site.sim.rules(|rules| rules.over_capacity = true);
    none("The drive is full. Make room in it, then try again.").await;
    world.site.sim.rules(|rules| rules.over_capacity = false);
    world.site.sim.punish("/film.mkv", 2);
    assert_eq!(world.site.get("/api/list?path=/&refresh=1").await.status(), 200);
    none("The drive has locked this item.").await;
    world.provokes("404");
    world.visit_file("/missing.mkv").await;
    world.sees("h2", "This file could not be opened").await;
    world.reads("It is not there any more.").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quality_for_members_is_named_and_the_others_play() {
    let renditions = [("HD".to_owned(), Rendition::MembersOnly), ("SD".to_owned(), Rendition::Running)].into();
    let world = with_film(Film { renditions, width: 1280, height: 720, ..Film::default() }).await;
    world.play("/film.mkv").await;
    world.click("button", "Quality").await;
    world.sees("[role=menuitemradio][aria-disabled=true]", "720p").await;
    world.sees("[role=menuitemradio] .hint", "For members of the drive only").await;
    world.sees("[role=menuitemradio] .hint", "being prepared").await;
    world.click("[role=menuitemradio]", "360p").await;
    world.until("document.querySelector('video').videoHeight === 360").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_in_the_making_is_waited_for_with_a_word() {
    let world = with_film(Film { duration_s: 300.0, width: 640, height: 360, ..Film::default() }).await;
    world.play("/film.mkv").await;
    let mut gate = world.site.sim.gate("preview segment", &[alidav::sim::Moment::Start]);
    world.press(['8']).await;
    let part = gate.arrival().await;
    world.reads("The drive is preparing this part").await;
    world.sees("button", ORIGINAL).await;
    drop((part, gate));
    world.plays().await;
    world.until("document.querySelector('video').currentTime > 239").await;
    world.finish().await;
}
