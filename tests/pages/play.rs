//! Films that play: on and on while the drive's addresses end, at a position that is kept, by another way where the
//! drive's host cannot be read, and with another film in their place.

use std::time::Duration;

use alidav::sim::{Film, Options, Simulator, Track};

use crate::harness::rules;
use crate::world::World;

const VIDEO: &str = "document.querySelector('video')";

/// Bytes of a film whose original is too much to begin with.
const LARGE: u64 = 4 << 30;

fn film(duration_s: f64, height: u32) -> Film {
    let track = |language: &str, words: &str| {
        let cues = (0..30).map(|at| {
            format!("\n{:02}:{:02}.000 --> {:02}:{:02}.900\n{words}\n", at / 6, at % 6 * 10, at / 6, at % 6 * 10 + 9)
        });
        Track { language: language.to_owned(), text: format!("WEBVTT\n{}", cues.collect::<String>()) }
    };
    let subtitles = vec![track("chi", "你好"), track("chi", "另一个"), track("eng", "Hello")];
    Film { duration_s, width: height * 16 / 9, height, subtitles, ..Film::default() }
}

impl World {
    /// Opens the page of a film, and waits until it plays.
    pub(crate) async fn play(&self, path: &str) {
        self.visit_file(path).await;
        self.plays().await;
    }

    pub(crate) async fn plays(&self) {
        self.until(&format!(
            "!{VIDEO}.paused && !{VIDEO}.seeking && {VIDEO}.readyState > 2 && {VIDEO}.currentTime > 0"
        ))
        .await;
    }

    async fn put_film(&self, path: &str, film: Film) {
        self.site.sim.write_generated(path, LARGE, 1);
        self.site.sim.film(path, film);
    }

    async fn position(&self) -> f64 {
        self.value(&format!("{VIDEO}.currentTime")).await.as_f64().unwrap()
    }

    /// Does something to a playing film; the position is the same afterwards, within a second and the time that passed.
    async fn keeps_position(&self, what: &str, act: impl AsyncFnOnce()) {
        let (before, begun) = (self.position().await, std::time::Instant::now());
        act().await;
        let (after, passed) = (self.position().await, begun.elapsed().as_secs_f64());
        assert!(
            (before - 1.0..=before + passed + 1.0).contains(&after),
            "{what}: from {before} to {after} in {passed} s"
        );
        self.plays().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_plays_to_its_end_over_three_lives_of_its_addresses() {
    let world = World::open().await;
    // Each segment takes a time to make, or the browser would have all of them within one life.
    world.site.sim.rules(|rules| (rules.preview_url_s, rules.segment_making_ms) = (3, 800));
    world.put_film("/film.mkv", film(185.5, 360)).await;
    world.play("/film.mkv").await;
    let watch =
        "const video = document.querySelector('video'); let last = 0; window.leaps = []; video.playbackRate = 8;
        video.addEventListener('timeupdate', () => {
            if (video.currentTime < last) leaps.push([last, video.currentTime]);
            last = video.currentTime;
        });";
    world.run(watch, Vec::new()).await;
    world.until_within(Duration::from_secs(90), &format!("{VIDEO}.ended")).await;
    let length = world.position().await;
    assert!((184.5..186.5).contains(&length), "{length}");
    let played =
        world.value(&format!("[leaps.length, {VIDEO}.played.length, Math.round({VIDEO}.played.start(0))]")).await;
    assert_eq!(played, serde_json::json!([0, 1, 0]), "it goes from its beginning to its end without a leap");
    let calls = world.site.sim.calls();
    let lives = calls["openFile/getVideoPreviewPlayInfo"].min(calls["preview playlist"]);
    assert!(lives >= 3, "{lives} lives of the addresses: {calls:?}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seeking_and_another_quality_and_subtitles_keep_the_position() {
    let world = World::open().await;
    world.put_film("/film.mkv", film(300.0, 720)).await;
    world.play("/film.mkv").await;
    world.press(['5']).await;
    world.until(&format!("{VIDEO}.currentTime >= 150 && {VIDEO}.currentTime < 151 + 10 && !{VIDEO}.seeking")).await;
    world.plays().await;
    let before = world.position().await;
    world.press(['l']).await;
    world.until(&format!("{VIDEO}.currentTime >= {before} + 9")).await;
    world.plays().await;
    for (quality, height) in [("360p", 360), ("720p", 720), ("Automatic", 0)] {
        world
            .keeps_position(quality, async || {
                world.choose("Quality", quality).await;
                world.until(&format!("{height} === 0 || {VIDEO}.videoHeight === {height}")).await;
            })
            .await;
    }
    for (subtitle, line) in [("English", "Hello"), ("中文 2", "另一个"), ("中文", "你好")] {
        world
            .keeps_position(subtitle, async || {
                world.choose("Subtitles", subtitle).await;
                let cue = format!("[...{VIDEO}.textTracks].find((track) => track.mode === 'showing')?.activeCues?.[0]?.text === '{line}'");
                world.until(&cue).await;
            })
            .await;
    }
    world
        .keeps_position("off", async || {
            world.choose("Subtitles", "Off").await;
            world.until(&format!("[...{VIDEO}.textTracks].every((track) => track.mode !== 'showing')")).await;
        })
        .await;
    // Who has chosen with the mouse has Space for the film, not for the menu again.
    world.press([' ']).await;
    world.until(&format!("{VIDEO}.paused && !document.querySelector('[role=menu]')")).await;
    // Where it was left it goes on, in another browser too.
    let left = world.position().await;
    crate::harness::until(|| {
        let kept = world.site.sim.play_cursor("/film.mkv").and_then(|kept| kept.parse::<f64>().ok());
        kept.is_some_and(|kept| (left - 2.0..=left).contains(&kept))
    })
    .await;
    world.run("localStorage.clear()", Vec::new()).await;
    world.play("/film.mkv").await;
    world.reads("Goes on at ").await;
    let again = world.position().await;
    assert!((left - 2.0..left + 30.0).contains(&again), "left at {left}, goes on at {again}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_original_and_a_rendition_take_turns_at_the_same_position() {
    let options = Options { rules: rules(), sample: true, ..Options::default() };
    let world = World::over(Simulator::start(options).await.unwrap(), |_| {}).await;
    world.play("/电影/短片/原片 clip (360p).mp4").await;
    world.sees(".badge", "Original").await;
    world.until(&format!("{VIDEO}.currentTime > 2")).await;
    world
        .keeps_position("360p", async || {
            world.choose("Quality", "360p").await;
            world.sees(".badge", "360p").await;
            world.until(&format!("{VIDEO}.currentTime > 2")).await;
        })
        .await;
    world
        .keeps_position("original", async || {
            world.choose("Quality", "Original").await;
            world.sees(".badge", "Original").await;
            world.until(&format!("{VIDEO}.currentTime > 2")).await;
        })
        .await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_pages_may_not_read_is_gone_around() {
    let world = World::open().await;
    world.put_film("/film.mkv", film(60.5, 360)).await;
    world.site.sim.rules(|rules| rules.preview_cors = false);
    world.provokes("has been blocked by CORS policy");
    world.provokes("net::ERR_FAILED");
    world.play("/film.mkv").await;
    let asked = async || {
        let requests = world.requests().await;
        requests.into_iter().filter(|url| url.contains("/v/") || url.contains("/lt/")).collect::<Vec<_>>()
    };
    let requests = asked().await;
    assert!(requests.iter().any(|url| url.contains(".ts?") && url.contains("via=proxy")), "{requests:?}");
    // It is found out once.
    world.visit_file("/").await;
    world.lists(&["film.mkv"]).await;
    world.enter("film.mkv").await;
    world.plays().await;
    let direct: Vec<_> = asked().await.into_iter().skip(requests.len()).filter(|url| url.contains("/lt/")).collect();
    assert!(direct.is_empty(), "{direct:?}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_that_is_replaced_while_it_plays_begins_anew_and_says_so() {
    let world = World::open().await;
    world.put_film("/film.mkv", film(600.0, 360)).await;
    world.play("/film.mkv").await;
    let other = world.site.request("PUT", "/dav/film.mkv").body("another film");
    assert!(other.send().await.unwrap().status().is_success());
    world.provokes("410");
    world.press(['9']).await;
    world.reads("The film was replaced by another version and begins anew").await;
    world.until(&format!("{VIDEO}.duration < 100")).await;
    world.plays().await;
    world.finish().await;
}
