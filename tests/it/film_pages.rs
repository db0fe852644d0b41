//! Films and pictures as pages and players get them: `/api/video`, `/v/…`, thumbnails, what was found.

use std::time::Duration;

use alidav::config::Segments;
use alidav::sim::{Fault, FaultKind, Film, Preview, Rendition};
use reqwest::Response;
use serde_json::{Value, json};

use crate::harness::{Fixture, a_later_moment};

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

impl Fixture {
    async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// The film at a path, whose listing is known.
    async fn film(&self, path: &str) -> Value {
        self.hrefs("/dav/").await;
        self.sim.reset_calls();
        self.json(&format!("/api/video?path={path}")).await
    }

    async fn browser(&self, path: &str) -> Response {
        self.get_as(BROWSER, path).await
    }

    async fn text(&self, path: &str) -> String {
        let answer = self.browser(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }
}

/// The lines of a playlist that are addresses, against its own.
fn lines(path: &str, playlist: &str) -> Vec<String> {
    let folder = &path[..=path.split('?').next().unwrap().rfind('/').unwrap()];
    playlist.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{folder}{line}")).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn allow_simulator(config: &mut alidav::config::Config) {
    config.web.media_hosts = vec!["*".to_owned()];
}

#[tokio::test]
async fn opening_a_film_is_one_call_and_playing_it_in_every_quality_is_none() {
    let world = Fixture::with(allow_simulator).await;
    world.sim.write("/a b#.mkv", "film");
    let film = world.film("/a%20b%23.mkv").await;
    assert_eq!((text(&film["state"]), film["renditions"].as_array().unwrap().len()), ("ready", 4));
    let master = text(&film["master"]).to_owned();
    let playlist = world.text(&master).await;
    assert!(
        playlist.contains("BANDWIDTH=4500000,RESOLUTION=1920x1080,SUBTITLES=\"subs\"\nFHD.m3u8?sign="),
        "{playlist}"
    );
    for rendition in lines(&master, &playlist) {
        let answer = world.browser(&rendition).await;
        assert_eq!(answer.headers()["content-type"], "application/vnd.apple.mpegurl");
        assert_eq!(
            (&answer.headers()["cache-control"], &answer.headers()["access-control-allow-origin"]),
            (&"no-store".parse().unwrap(), &"*".parse().unwrap())
        );
        let playlist = answer.text().await.unwrap();
        assert!(playlist.contains("#EXTINF:0.500,") && playlist.ends_with("#EXT-X-ENDLIST\n"));
        let segments = lines(&rendition, &playlist);
        assert_eq!(segments.len(), 7);
        assert!(segments[0].len() - rendition.len() < 30, "a line stays short");
        for segment in [&segments[0], &segments[6]] {
            let answer = world.browser(segment).await;
            assert_eq!(
                (answer.status().as_u16(), answer.headers()["cache-control"].to_str().unwrap()),
                (302, "no-store")
            );
            assert_eq!(
                (&answer.headers()["referrer-policy"], &answer.headers()["access-control-allow-origin"]),
                (&"no-referrer".parse().unwrap(), &"*".parse().unwrap())
            );
            let target = answer.headers()["location"].to_str().unwrap().to_owned();
            let bytes = world.http.get(target).send().await.unwrap().bytes().await.unwrap();
            assert_eq!(bytes[0], 0x47);
        }
        assert_eq!(world.browser(&segments[6].replace("/6.ts", "/7.ts")).await.status(), 404);
    }
    let subtitles = text(&film["subtitles"][0]["url"]).to_owned();
    assert!(world.text(&subtitles).await.starts_with("WEBVTT"));
    assert_eq!((world.sim.api_calls(), world.sim.calls()["preview playlist"]), (1, 4));
}

#[tokio::test]
async fn only_who_has_the_sign_of_this_film_gets_it() {
    let world = Fixture::start().await;
    world.sim.write("/a.mkv", "film");
    world.sim.write("/b.mkv", "other");
    let master = text(&world.film("/a.mkv").await["master"]).to_owned();
    let sign = master.split("sign=").nth(1).unwrap();
    for (path, status) in [
        (format!("/v/b.mkv/master.m3u8?sign={sign}"), 401),
        ("/v/a.mkv/master.m3u8".to_owned(), 401),
        (format!("/d/a.mkv?sign={sign}"), 401),
        (format!("/v/a.mkv?sign={sign}"), 404),
        (format!("/v/a.mkv/LD/x.ts?sign={sign}"), 404),
        (master.clone(), 200),
    ] {
        assert_eq!(world.browser(&path).await.status().as_u16(), status, "{path}");
    }
    assert_eq!(world.request("POST", &master).send().await.unwrap().status(), 405);
}

#[tokio::test]
async fn segments_go_through_alidav_where_a_player_cannot_reach_the_drive() {
    let world = Fixture::start().await;
    world.sim.write("/a.mkv", "film");
    let master = text(&world.film("/a.mkv").await["master"]).to_owned();
    let first = async |master: &str| {
        let rendition = lines(master, &world.text(master).await).remove(0);
        lines(&rendition, &world.text(&rendition).await).remove(1)
    };
    // The simulator's host is none that a page may load from.
    let segment = first(&master).await;
    let answer = world.browser(&segment).await;
    assert_eq!(
        (answer.status(), &answer.headers()["content-type"]),
        (http::StatusCode::OK, &"video/mp2t".parse().unwrap())
    );
    assert_eq!(answer.headers()["content-security-policy"], "sandbox; default-src 'none'");
    let whole = answer.bytes().await.unwrap();
    let part = world.request("GET", &segment).header("user-agent", BROWSER).header("range", "bytes=188-375").send();
    let part = part.await.unwrap();
    assert_eq!(
        (part.status().as_u16(), part.headers()["content-range"].to_str().unwrap()),
        (206, &*format!("bytes 188-375/{}", whole.len()))
    );
    assert_eq!(part.bytes().await.unwrap(), whole.slice(188..376));
    // Addresses that end before their time are renewed behind the player.
    world.sim.expire_links();
    a_later_moment().await;
    assert_eq!(world.browser(&segment).await.bytes().await.unwrap(), whole);
    let proxied = Fixture::with(|config| {
        allow_simulator(config);
        config.web.segments = Segments::Redirect;
    })
    .await;
    proxied.sim.write("/a.mkv", "film");
    let master = format!("{}&via=proxy", text(&proxied.film("/a.mkv").await["master"]));
    let rendition = lines(&master, &proxied.text(&master).await).remove(0);
    let segment = lines(&rendition, &proxied.text(&rendition).await).remove(0);
    assert!(segment.ends_with("&via=proxy"));
    assert_eq!(proxied.browser(&segment).await.status(), 200);
    assert_eq!(proxied.browser(&segment.replace("&via=proxy", "")).await.status(), 302);
}

#[tokio::test]
async fn a_segment_counts_as_under_way_to_its_last_byte() {
    let world = Fixture::start().await;
    world.sim.write("/a.mkv", "film");
    let master = text(&world.film("/a.mkv").await["master"]).to_owned();
    let rendition = lines(&master, &world.text(&master).await).remove(0);
    let segment = lines(&rendition, &world.text(&rendition).await).remove(0);
    let running = async || {
        let metrics = world.get("/metrics").await.text().await.unwrap();
        let line = metrics.lines().find(|line| line.starts_with("alidav_upstream_running "));
        line.unwrap().rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    world.sim.fault(Fault::once("preview segment", FaultKind::Stall { after: 1000 }));
    let mut answer = world.browser(&segment).await;
    assert!(!answer.chunk().await.unwrap().unwrap().is_empty());
    assert!(running().await >= 1.0);
    // Whoever leaves takes it along. Other tests of this process may have calls of their own for a while.
    drop(answer);
    while running().await > 0.0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_player_is_told_when_the_film_was_replaced() {
    let world = Fixture::with(allow_simulator).await;
    world.sim.write("/a.mkv", "film");
    let master = text(&world.film("/a.mkv").await["master"]).to_owned();
    let rendition = lines(&master, &world.text(&master).await).remove(0);
    let segment = lines(&rendition, &world.text(&rendition).await).remove(0);
    assert_eq!(world.browser(&segment).await.status(), 302);
    assert!(world.request("PUT", "/dav/a.mkv").body("another film").send().await.unwrap().status().is_success());
    assert_eq!(world.browser(&segment).await.status(), 410);
    assert_eq!(world.browser(&rendition).await.status(), 200);
}

#[tokio::test]
async fn each_state_of_a_film_is_told_in_words() {
    let world = Fixture::start().await;
    world.sim.write("/a.mkv", "film");
    let state = async |film: Film| {
        world.sim.film("/a.mkv", film);
        let told = world.film("/a.mkv").await;
        assert!(text(&told["original"]["url"]).starts_with("/api/raw?path="), "{told}");
        assert!(told["words"].is_string() && told["master"].is_null(), "{told}");
        (text(&told["state"]).to_owned(), text(&told["code"]).to_owned(), told["retry_after_ms"].as_u64())
    };
    let preview = |preview| Film { preview, ..Film::default() };
    let all = |rendition| Film {
        renditions: ["LD", "SD", "HD", "FHD"].map(|id| (id.to_owned(), rendition)).into(),
        ..Film::default()
    };
    let told = |state: &str, code: &str, retry| (state.to_owned(), code.to_owned(), retry);
    for status in [202, 400] {
        let waits = state(preview(Preview::Waits { status, calls: 1 })).await;
        assert_eq!(waits, told("transcoding", "busy", Some(5000)));
    }
    assert_eq!(state(preview(Preview::Impossible)).await, told("none", "not_found", None));
    assert_eq!(state(all(Rendition::MembersOnly)).await, told("none", "not_found", None));
    assert_eq!(state(all(Rendition::Running)).await, told("transcoding", "busy", Some(5000)));
    world.sim.rules(|rules| rules.over_capacity = true);
    assert_eq!(state(Film::default()).await, told("none", "quota", None));
    world.sim.rules(|rules| rules.over_capacity = false);
    let only_some = Film { renditions: [("FHD".to_owned(), Rendition::MembersOnly)].into(), ..Film::default() };
    world.sim.film("/a.mkv", only_some);
    let told = world.film("/a.mkv").await;
    let states: Vec<_> = told["renditions"].as_array().unwrap().iter().map(|each| text(&each["state"])).collect();
    assert_eq!((text(&told["state"]), states), ("ready", vec!["usable", "usable", "usable", "withheld"]));
    let busy = FaultKind::Code { status: 429, code: "TooManyRequests".to_owned(), retry_after_ms: Some(600_000) };
    world.sim.fault(Fault::once("openFile/getVideoPreviewPlayInfo", busy));
    assert_eq!(world.get("/api/video?path=/a.mkv").await.status(), 503);
}

#[tokio::test]
async fn subtitles_beside_a_film_are_found_by_name_and_read_in_any_encoding() {
    let world = Fixture::start().await;
    world.sim.write("/a.mkv", "film");
    let line = "1\r\n00:00:01,000 --> 00:00:02,000\r\n";
    let (words, _, _) = encoding_rs::GB18030.encode("你好，世界，这是旁边的字幕文件，看看编码对不对");
    world.sim.write("/a.srt", [line.as_bytes(), &words].concat());
    world.sim.write("/a.en.ass", "[Script Info]\n");
    world.sim.write("/a.jpn.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nx\n");
    world.sim.write("/ab.srt", "other film");
    world.sim.write("/a.nfo", "text");
    let film = world.film("/a.mkv").await;
    let told: Vec<_> =
        film["subtitles"].as_array().unwrap().iter().map(|s| (text(&s["form"]), text(&s["language"]))).collect();
    assert_eq!(told, [("vtt", "zh"), ("vtt", "und"), ("ass", "en"), ("vtt", "ja")], "the drive's own first");
    let answer = world.browser(text(&film["subtitles"][1]["url"])).await;
    assert_eq!(answer.headers()["content-type"], "text/vtt; charset=utf-8");
    assert!(answer.text().await.unwrap().starts_with("WEBVTT\n\n1\n00:00:01.000 --> 00:00:02.000\n你好，世界"));
    assert_eq!(world.text(text(&film["subtitles"][2]["url"])).await, "[Script Info]\n");
}

#[tokio::test]
async fn where_a_film_was_left_is_kept_and_found_again() {
    let world = Fixture::start().await;
    world.sim.write("/films/a.mkv", "film");
    let send = async |body: Value| {
        world.request("POST", "/api/video/cursor").json(&body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(send(json!({ "path": "/films/a.mkv", "cursor": 12.5, "duration": 60.5 })).await, 204);
    for bad in
        [json!({}), json!({ "path": "/films/a.mkv", "cursor": -1 }), json!({ "path": "/films/a.mkv", "cursor": "1" })]
    {
        assert_eq!(send(bad).await, 400);
    }
    assert_eq!(send(json!({ "path": "/films/none.mkv", "cursor": 1 })).await, 404);
    assert_eq!(world.film("/films/a.mkv").await["cursor"].as_f64(), Some(12.5));
}

#[tokio::test]
async fn pictures_of_a_folder_are_gathered_into_a_call_for_each_hundred() {
    let world = Fixture::with(allow_simulator).await;
    (0..120).for_each(|n| drop(world.sim.write(&format!("/{n}.jpg"), format!("{n}"))));
    world.sim.write("/a.txt", "text");
    world.hrefs("/dav/").await;
    world.sim.reset_calls();
    let paths: Vec<String> = (0..120).map(|n| format!("/api/thumb?path=/{n}.jpg&w=256")).collect();
    let answers = futures_util::future::join_all(paths.iter().map(|path| world.get(path))).await;
    for answer in &answers {
        assert_eq!(answer.status(), 302);
        let age = answer.headers()["cache-control"].to_str().unwrap().strip_prefix("private, max-age=").unwrap();
        assert!((600..900).contains(&age.parse::<u32>().unwrap()), "{age}");
    }
    let calls = world.sim.calls()["openFile/batch/get"];
    assert!((2..=4).contains(&calls), "{calls} calls: all were asked for within a moment");
    assert_eq!(world.sim.api_calls(), calls);
    let again = world.get(&paths[0]).await;
    let picture = world.http.get(again.headers()["location"].to_str().unwrap()).send().await.unwrap();
    assert_eq!((picture.status(), world.sim.api_calls()), (http::StatusCode::OK, calls));
    assert_eq!(world.get("/api/thumb?path=/a.txt").await.status(), 404);
    assert_eq!(world.get("/api/thumb?path=/0.jpg&w=257").await.status(), 400);
}

#[tokio::test]
async fn a_picture_comes_through_alidav_where_a_page_may_not_load_it_from_the_drive() {
    let world = Fixture::start().await;
    world.sim.write("/a.mkv", "film");
    world.hrefs("/dav/").await;
    // The simulator's host is none that a page may load from.
    let answer = world.get("/api/thumb?path=/a.mkv&w=256").await;
    assert_eq!(
        (answer.status(), &answer.headers()["content-type"]),
        (http::StatusCode::OK, &"image/jpeg".parse().unwrap())
    );
    assert_eq!(answer.headers()["content-security-policy"], "sandbox; default-src 'none'");
    assert!(answer.headers()["cache-control"].to_str().unwrap().starts_with("private, max-age="));
    assert!(answer.bytes().await.unwrap().starts_with(b"\xff\xd8\xff"));
    let direct = Fixture::with(allow_simulator).await;
    direct.sim.write("/a.mkv", "film");
    direct.hrefs("/dav/").await;
    assert_eq!(direct.get("/api/thumb?path=/a.mkv").await.status(), 302);
    assert_eq!(direct.get("/api/thumb?path=/a.mkv&via=proxy").await.status(), 200);
}

#[tokio::test]
async fn pictures_within_a_film_are_asked_for_once_in_ten_seconds_of_it() {
    let world = Fixture::with(allow_simulator).await;
    world.sim.write("/a.mkv", "film");
    world.sim.write("/b.jpg", "picture");
    world.hrefs("/dav/").await;
    world.sim.reset_calls();
    let target = async |at: u32| {
        let answer = world.get(&format!("/api/thumb?path=/a.mkv&w=256&at={at}")).await;
        assert_eq!(answer.status(), 302);
        answer.headers()["location"].to_str().unwrap().to_owned()
    };
    let first = target(61).await;
    assert!(first.contains("t_60000"), "{first}");
    assert_eq!(target(69).await, first);
    assert_eq!(world.sim.api_calls(), 1);
    assert!(target(70).await.contains("t_70000"));
    assert_eq!(world.sim.api_calls(), 2);
    for bad in ["path=/a.mkv&at=-1", "path=/a.mkv&at=x", "path=/a.mkv&at=99999999"] {
        assert_eq!(world.get(&format!("/api/thumb?{bad}")).await.status(), 400, "{bad}");
    }
    assert_eq!(world.get("/api/thumb?path=/b.jpg&at=10").await.status(), 404);
}

#[tokio::test]
async fn length_size_and_sound_of_a_film_are_told_as_the_drive_tells_them() {
    let world = Fixture::start().await;
    world.sim.write("/a.mkv", "film");
    world
        .sim
        .film("/a.mkv", Film { duration_s: 60.5, height: 720, width: 1280, sound: "dca".into(), ..Film::default() });
    world.sim.write("/a.txt", "text");
    let film = world.film("/a.mkv").await;
    assert_eq!(film["original"]["sound"], json!(["dts"]));
    assert_eq!(film["renditions"][0]["state"], "usable");
    world.sim.reset_calls();
    assert_eq!(world.json("/api/stat?path=/a.mkv").await["media"], Value::Null);
    assert_eq!(world.json("/api/stat?path=/a.txt&media=1").await["media"], Value::Null);
    assert_eq!(world.sim.api_calls(), 0);
    let told = json!({ "duration": 60.5, "width": 1280, "height": 720, "video": ["h264"], "sound": ["dca"] });
    assert_eq!(world.json("/api/stat?path=/a.mkv&media=1").await["media"], told);
    assert_eq!(world.sim.api_calls(), 1);
    // Without them the rest is told all the same.
    let gone = FaultKind::Code { status: 404, code: "NotFound.File".to_owned(), retry_after_ms: None };
    world.sim.fault(Fault::once("openFile/get", gone));
    let told = world.json("/api/stat?path=/a.mkv&media=1").await;
    assert_eq!((text(&told["entry"]["name"]), &told["media"]), ("a.mkv", &Value::Null));
    // Where it was left is in the next listing.
    assert_eq!(world.json("/api/list?path=/").await["entries"][0]["cursor"], Value::Null);
    let left = json!({ "path": "/a.mkv", "cursor": 12.5, "duration": 60.5 });
    assert_eq!(world.request("POST", "/api/video/cursor").json(&left).send().await.unwrap().status(), 204);
    let listed = world.json("/api/list?path=/&refresh=1").await;
    let film = listed["entries"].as_array().unwrap().iter().find(|entry| entry["name"] == "a.mkv").unwrap();
    assert_eq!(film["cursor"], 12);
}

#[tokio::test]
async fn what_is_found_is_told_by_the_callers_own_paths() {
    let world = Fixture::start().await;
    world.sim.write("/films/one.mkv", "film 1");
    world.sim.write("/films/two.mkv", "film 2");
    world.sim.write("/films/two.txt", "words");
    let film = world.film("/films/one.mkv").await;
    assert_eq!((&film["previous"], text(&film["next"])), (&Value::Null, "two.mkv"));
    let hits = world.json("/api/search?q=two").await;
    let mut paths: Vec<_> = hits["entries"].as_array().unwrap().iter().map(|hit| text(&hit["path"])).collect();
    paths.sort_unstable();
    assert_eq!((paths, &hits["next"]), (vec!["/films/two.mkv", "/films/two.txt"], &Value::Null));
    assert_eq!(world.json("/api/search?q=two&path=/other").await["entries"], json!([]));
    assert_eq!(world.get("/api/search?q=%20").await.status(), 400);
    assert_eq!(world.json("/api/starred").await["entries"], json!([]));
    assert_eq!(world.json("/api/recent").await["entries"], json!([]));
    let left = json!({ "path": "/films/two.mkv", "cursor": 12.5, "duration": 60.5 });
    assert_eq!(world.request("POST", "/api/video/cursor").json(&left).send().await.unwrap().status(), 204);
    let recent = world.json("/api/recent").await;
    let film = &recent["entries"][0];
    assert_eq!((text(&film["path"]), text(&film["kind"]), &film["cursor"]), ("/films/two.mkv", "video", &json!(12.5)));
}

#[tokio::test]
async fn a_link_to_a_films_renditions_needs_no_password() {
    let world = Fixture::start().await;
    world.sim.write("/a b.mkv", "film");
    let wanted = json!({ "path": "/a b.mkv", "hours": 1, "as": "video" });
    let answer = world.request("POST", "/api/link").json(&wanted).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let told: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let playlist = crate::harness::client().get(text(&told["url"])).send().await.unwrap();
    assert_eq!(playlist.status(), 200);
    assert!(playlist.text().await.unwrap().starts_with("#EXTM3U"));
    let other = json!({ "path": "/a b.mkv", "as": "song" });
    assert_eq!(world.request("POST", "/api/link").json(&other).send().await.unwrap().status(), 400);
}
