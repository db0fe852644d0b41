//! Views: trees of addresses for media servers, and what they cost.

use alidav::config::{Config, Permission, Quality, View, ViewForm, ViewLinks};
use alidav::sim::{Film, Preview, Rendition};
use serde_json::{Value, json};

use crate::harness::{Fixture, a_later_moment, header};

/// As the settings would have it behind a proxy.
const BASE: &str = "https://dav.example";

fn view() -> View {
    View { source: "/films".to_owned(), ..View::at("/strm", BASE.parse().unwrap()) }
}

async fn world_with(change: impl FnOnce(&mut Config)) -> Fixture {
    let world = Fixture::with(|config| {
        config.views = vec![view()];
        change(config);
    })
    .await;
    world.sim.write("/films/片 1#.mkv", "film 1");
    world.sim.write("/films/Show/E01.mkv", "episode 1");
    world.sim.write("/films/Show/E01.nfo", "<nfo/>");
    world.sim.write("/films/Show/E01.zh.srt", "subtitles");
    world.sim.write("/films/Show/notes.docx", "hidden");
    world.sim.write("/other/x.mkv", "elsewhere");
    world
}

async fn world() -> Fixture {
    world_with(|_| {}).await
}

impl Fixture {
    /// The text of a file, which must be there.
    async fn line(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }

    /// Where the address of a file leads on this server, whatever it calls itself.
    async fn target(&self, path: &str) -> String {
        let line = self.line(path).await;
        line.lines().last().unwrap().strip_prefix(BASE).unwrap().to_owned()
    }
}

// Keeps 134, 135.
#[tokio::test]
async fn a_view_shows_films_as_addresses_beside_what_belongs_to_them() {
    let world = world().await;
    assert!(world.hrefs("/dav/").await.contains(&"/dav/strm/".to_owned()));
    assert_eq!(world.hrefs("/dav/strm/").await, ["/dav/strm/", "/dav/strm/Show/", "/dav/strm/%E7%89%87%201%23.strm"]);
    let show = world.hrefs("/dav/strm/Show").await;
    assert_eq!(
        show,
        ["/dav/strm/Show/", "/dav/strm/Show/E01.nfo", "/dav/strm/Show/E01.zh.srt", "/dav/strm/Show/E01.strm"]
    );
    let line = world.line("/dav/strm/%E7%89%87%201%23.strm").await;
    assert!(
        line.starts_with("https://dav.example/d/films/%E7%89%87%201%23.mkv?sign=") && line.ends_with("\n"),
        "{line}"
    );
    assert_eq!(line.lines().count(), 1);
    let film = world.get(&world.target("/dav/strm/%E7%89%87%201%23.strm").await).await;
    assert_eq!((film.status().as_u16(), film.text().await.unwrap().as_str()), (200, "film 1"));
    assert_eq!(world.line("/dav/strm/Show/E01.nfo").await, "<nfo/>");
    assert_eq!(world.get("/dav/strm/Show/notes.docx").await.status(), 404);
    assert_eq!(world.get("/dav/strm/Show/E01.mkv").await.status(), 404);
}

// Keeps 136.
#[tokio::test]
async fn reading_a_view_costs_no_call_beyond_its_sources_listings() {
    let world = world().await;
    world.hrefs("/dav/films").await;
    world.hrefs("/dav/films/Show").await;
    world.sim.reset_calls();
    world.hrefs("/dav/strm").await;
    world.hrefs("/dav/strm/Show").await;
    let path = "/dav/strm/Show/E01.strm";
    let listed = world.propfind(path, "0").await.text().await.unwrap();
    let answer = world.get(path).await;
    let (length, etag) = (header(&answer, "content-length").to_owned(), header(&answer, "etag").to_owned());
    let modified = header(&answer, "last-modified").to_owned();
    assert!(listed.contains(&format!("<D:getcontentlength>{length}</D:getcontentlength>")), "{listed}");
    assert!(listed.contains(&etag.replace('"', "&quot;")) || listed.contains(&etag), "{listed}");
    let text = answer.text().await.unwrap();
    assert_eq!(text.len().to_string(), length);
    let head = world.head(path).await;
    assert_eq!((header(&head, "content-length"), header(&head, "etag")), (&*length, &*etag));
    let part = world.range(path, "bytes=0-4").await;
    assert_eq!((part.status().as_u16(), part.text().await.unwrap().as_str()), (206, "https"));
    let again = world.request("GET", path).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(world.calls(), [], "of a view");
    let film = world.head("/dav/films/Show/E01.mkv").await;
    assert_eq!(header(&film, "last-modified"), modified);
}

// Keeps 137.
#[tokio::test]
async fn a_view_follows_its_source_at_once() {
    let world = world().await;
    world.hrefs("/dav/strm/Show").await;
    let put = world.request("PUT", "/dav/films/Show/E02.mkv").body("episode 2").send().await.unwrap();
    assert_eq!(put.status(), 201);
    assert!(world.hrefs("/dav/strm/Show").await.contains(&"/dav/strm/Show/E02.strm".to_owned()));
    let to = world.url("/dav/films/Show/E03.mkv");
    let moved = world.request("MOVE", "/dav/films/Show/E02.mkv").header("destination", to).send().await.unwrap();
    assert_eq!(moved.status(), 201);
    assert_eq!(world.get("/dav/strm/Show/E02.strm").await.status(), 404);
    assert!(world.target("/dav/strm/Show/E03.strm").await.starts_with("/d/films/Show/E03.mkv?"));
    // Of another form of the same film each keeps its extension.
    world.request("PUT", "/dav/films/Show/E03.mp4").body("other").send().await.unwrap();
    assert_eq!(world.get("/dav/strm/Show/E03.strm").await.status(), 404);
    assert!(world.target("/dav/strm/Show/E03.mp4.strm").await.starts_with("/d/films/Show/E03.mp4?"));
    assert!(world.target("/dav/strm/Show/E03.mkv.strm").await.starts_with("/d/films/Show/E03.mkv?"));
}

// Keeps 138.
#[tokio::test]
async fn a_view_takes_no_changes_and_gives_copies() {
    let world = world().await;
    let to = world.url("/dav/other/copy");
    for (method, path) in [
        ("PUT", "/dav/strm/new.strm"),
        ("PUT", "/dav/strm/Show/E01.strm"),
        ("DELETE", "/dav/strm/Show/E01.strm"),
        ("DELETE", "/dav/strm/Show/E01.nfo"),
        ("DELETE", "/dav/strm/Show"),
        ("DELETE", "/dav/strm"),
        ("MKCOL", "/dav/strm/new"),
        ("MOVE", "/dav/strm/Show/E01.strm"),
        ("MOVE", "/dav/strm"),
        ("LOCK", "/dav/strm/Show/E01.strm"),
        ("LOCK", "/dav/strm/new.strm"),
        ("PROPPATCH", "/dav/strm/Show/E01.strm"),
    ] {
        let answer = world.request(method, path).header("destination", &to).send().await.unwrap();
        let status = answer.status();
        let words = answer.text().await.unwrap();
        assert!(status == 403 && words.contains("this is a view"), "{method} {path}: {status} {words}");
    }
    let into = async |method: &str, from: &str, to: &str| {
        let request = world.request(method, from).header("destination", world.url(to)).send();
        request.await.unwrap().status().as_u16()
    };
    assert_eq!(into("MOVE", "/dav/other/x.mkv", "/dav/strm/x.mkv").await, 403);
    assert_eq!(into("COPY", "/dav/other/x.mkv", "/dav/strm/Show/E01.strm").await, 403);
    assert_eq!(world.get("/dav/other/x.mkv").await.status(), 200);
    // A copy is a file of its own, on the drive.
    let line = world.line("/dav/strm/Show/E01.strm").await;
    assert_eq!(into("COPY", "/dav/strm/Show/E01.strm", "/dav/other/E01.strm").await, 201);
    assert_eq!(world.sim.read("/other/E01.strm").unwrap(), line.as_bytes());
    assert_eq!(into("COPY", "/dav/strm/Show/E01.nfo", "/dav/other/E01.nfo").await, 201);
    assert_eq!(world.sim.read("/other/E01.nfo").unwrap(), b"<nfo/>");
    assert_eq!(into("COPY", "/dav/strm/Show", "/dav/other/Show").await, 403);
    assert_eq!(world.get("/dav/films/Show/E01.nfo").await.status(), 200, "the source is as it was");
}

#[tokio::test]
async fn no_view_shows_another_nor_what_one_covers() {
    let world = world_with(|config| {
        let base = || BASE.parse().unwrap();
        config.views = vec![View::at("/strm", base()), View::at("/deep/er/hls", base())];
    })
    .await;
    world.sim.write("/strm/covered.mkv", "covered");
    world.sim.write("/deep/a.mkv", "shown");
    let top = world.hrefs("/dav/strm").await;
    assert_eq!(top, ["/dav/strm/", "/dav/strm/deep/", "/dav/strm/films/", "/dav/strm/other/"]);
    assert_eq!(world.get("/dav/strm/strm/covered.strm").await.status(), 404);
    assert_eq!(world.propfind("/dav/strm/strm", "1").await.status(), 404);
    assert_eq!(world.get("/dav/strm/covered.mkv").await.status(), 404);
    // A folder on the way to a view is made up only where there is none.
    assert_eq!(world.hrefs("/dav/deep").await, ["/dav/deep/", "/dav/deep/er/", "/dav/deep/a.mkv"]);
    assert_eq!(world.hrefs("/dav/deep/er").await, ["/dav/deep/er/", "/dav/deep/er/hls/"]);
    assert!(world.hrefs("/dav/deep/er/hls").await.contains(&"/dav/deep/er/hls/films/".to_owned()));
    assert_eq!(world.request("DELETE", "/dav/deep").send().await.unwrap().status(), 403, "a view lies in it");
}

#[tokio::test]
async fn a_view_of_a_folder_that_is_gone_is_missing_never_empty() {
    let world = world().await;
    assert_eq!(world.hrefs("/dav/strm").await.len(), 3);
    assert_eq!(world.request("DELETE", "/dav/films").send().await.unwrap().status(), 204);
    assert_eq!(world.propfind("/dav/strm", "1").await.status(), 404);
    assert_eq!(world.get("/dav/strm/Show/E01.strm").await.status(), 404);
    assert!(world.hrefs("/dav/").await.contains(&"/dav/strm/".to_owned()));
}

#[tokio::test]
async fn several_qualities_are_a_file_each_and_playlists_have_one_address() {
    let world = world_with(|config| {
        let quality = vec![Quality::Original, Quality::Best, Quality::Hd];
        config.views[0] = View { form: ViewForm::M3u8, quality, ..view() };
    })
    .await;
    let shown = world.hrefs("/dav/strm/Show").await;
    for name in ["E01%20-%20original.m3u8", "E01%20-%20best.m3u8", "E01%20-%20720p.m3u8"] {
        assert!(shown.contains(&format!("/dav/strm/Show/{name}")), "{shown:?}");
    }
    let text = world.line("/dav/strm/Show/E01%20-%20720p.m3u8").await;
    let head = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=2200000,RESOLUTION=1280x720\nhttps://dav.example/v/films/Show/E01.mkv/HD.m3u8?sign=";
    assert!(text.starts_with(head) && text.lines().count() == 3, "{text}");
    world.sim.reset_calls();
    let playlist = world.line(&world.target("/dav/strm/Show/E01%20-%20720p.m3u8").await).await;
    assert!(playlist.contains("#EXT-X-ENDLIST"), "{playlist}");
    assert_eq!(world.sim.api_calls(), 1);
    let playlist = world.line(&world.target("/dav/strm/Show/E01%20-%20best.m3u8").await).await;
    assert!(playlist.contains("\nbest/0.ts?e="), "{playlist}");
}

// Keeps 139.
#[tokio::test]
async fn who_may_read_a_view_may_play_its_source_and_nothing_else() {
    let user = |name: &str, base: &str| alidav::config::User {
        name: name.to_owned(),
        password: "secret".into(),
        base_path: base.to_owned(),
        permission: Permission::Read,
    };
    let world = world_with(|config| {
        config.anonymous = Permission::None;
        config.users = vec![user("tv", "/strm"), user("other", "/other")];
    })
    .await;
    let get = async |name: &str, path: &str| {
        world.request("GET", path).basic_auth(name, Some("secret")).send().await.unwrap()
    };
    let line = get("tv", "/dav/Show/E01.strm").await.text().await.unwrap();
    let address = line.trim().strip_prefix(BASE).unwrap();
    assert_eq!(world.get(address).await.text().await.unwrap(), "episode 1");
    assert_eq!(get("other", "/dav/strm/Show/E01.strm").await.status(), 404);
    assert_eq!(get("tv", "/dav/films/Show/E01.mkv").await.status(), 404);
    // A sign is of its path, and whole.
    let sign = address.split("sign=").nth(1).unwrap();
    for wrong in [
        format!("/d/other/x.mkv?sign={sign}"),
        format!("/v/films/Show/E01.mkv/master.m3u8?sign={sign}"),
        format!("/d/films/Show/E01.mkv?sign=A{}", &sign[1..]),
        "/d/films/Show/E01.mkv".to_owned(),
        "/v/films/Show/E01.mkv/best.m3u8".to_owned(),
    ] {
        assert_eq!(world.get(&wrong).await.status(), 401, "{wrong}");
    }
    // Nor does a user get a sign of what lies outside the base path.
    let wanted = json!({ "path": "/films/Show/E01.mkv", "as": "video" });
    let asked =
        world.request("POST", "/api/link").basic_auth("other", Some("secret")).json(&wanted).send().await.unwrap();
    assert_eq!(asked.status(), 404);
}

#[tokio::test]
async fn another_key_ends_all_addresses_and_views_have_new_ones_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let state = alidav::config::StateLocation::File(folder.path().join("state.db"));
    let world = world_with(|config| {
        config.state = state.clone();
        config.views[0].quality = vec![Quality::Original, Quality::Best];
    })
    .await;
    let paths = ["/dav/strm/Show/E01%20-%20original.strm", "/dav/strm/Show/E01%20-%20best.strm"];
    let mut old = Vec::new();
    for path in paths {
        old.push((world.target(path).await, header(&world.get(path).await, "etag").to_owned()));
        assert_eq!(world.get(&old.last().unwrap().0).await.status(), 200);
    }
    let other = alidav::state::Store::open(&state).await.unwrap();
    other.renew_link_key().await.unwrap();
    for (path, (address, etag)) in paths.into_iter().zip(old) {
        assert_eq!(world.get(&address).await.status(), 401);
        assert_ne!(header(&world.get(path).await, "etag"), etag);
        assert_eq!(world.get(&world.target(path).await).await.status(), 200);
    }
}

#[tokio::test]
async fn a_player_of_a_view_is_told_why_a_rendition_does_not_play() {
    let world = world_with(|config| config.views[0].quality = vec![Quality::Fhd]).await;
    world.sim.write("/films/new/a.txt", "");
    let number = std::cell::Cell::new(0);
    let put = async |film: Film| {
        // Of each film it is told but once.
        number.set(number.get() + 1);
        let name = format!("N{}", number.get());
        world.sim.write(&format!("/films/new/{name}.mkv"), name.clone());
        world.sim.film(&format!("/films/new/{name}.mkv"), film);
        let fresh =
            world.request("PROPFIND", "/dav/films/new").header("cache-control", "no-cache").header("depth", "1");
        assert_eq!(fresh.send().await.unwrap().status(), 207);
        let answer = world.get(&world.target(&format!("/dav/strm/new/{name}.strm")).await).await;
        let (status, wait) = (answer.status().as_u16(), header(&answer, "retry-after").to_owned());
        (status, wait, answer.text().await.unwrap())
    };
    let preview = |preview| Film { preview, ..Film::default() };
    let all = |rendition| Film {
        renditions: ["LD", "SD", "HD", "FHD"].map(|id| (id.to_owned(), rendition)).into(),
        ..Film::default()
    };
    for status in [202, 400] {
        let (status, wait, words) = put(preview(Preview::Waits { status, calls: 1 })).await;
        assert_eq!((status, &*wait, words.contains("transcoding")), (503, "5", true), "{words}");
    }
    let (status, _, words) = put(preview(Preview::Impossible)).await;
    assert_eq!((status, words.contains("play the original")), (404, true), "{words}");
    let (status, _, words) = put(all(Rendition::MembersOnly)).await;
    assert_eq!((status, words.contains("权益包")), (404, true), "{words}");
    let (status, ..) = put(all(Rendition::Running)).await;
    assert_eq!(status, 503);
    // The next lower one answers under the same address.
    let lower = Film { renditions: [("FHD".to_owned(), Rendition::MembersOnly)].into(), ..Film::default() };
    let (status, _, playlist) = put(lower).await;
    assert_eq!((status, playlist.contains("\nFHD/0.ts?e=")), (200, true), "{playlist}");
    world.sim.rules(|rules| rules.over_capacity = true);
    assert_eq!(put(Film::default()).await.0, 507);
}

#[tokio::test]
async fn a_film_in_other_pieces_or_replaced_is_not_gone_on_with() {
    let world = world_with(|config| {
        config.views[0].quality = vec![Quality::Best];
        config.web.segments = alidav::config::Segments::Proxy;
    })
    .await;
    let address = world.target("/dav/strm/Show/E01.strm").await;
    let playlist = world.line(&address).await;
    let folder = address.split("best.m3u8").next().unwrap();
    let piece = |playlist: &str, at: usize| {
        format!("{folder}{}", playlist.lines().filter(|line| !line.starts_with('#')).nth(at).unwrap())
    };
    let first = piece(&playlist, 0);
    assert_eq!(world.get(&first).await.status(), 200);
    assert_eq!(world.get(&first.replace("/0.ts", "/700.ts")).await.status(), 404);
    let put = world.request("PUT", "/dav/films/Show/E01.mkv").body("another film").send().await.unwrap();
    assert!(put.status().is_success());
    assert_eq!(world.get(&first).await.status(), 410);
    let second = piece(&world.line(&address).await, 1);
    assert_eq!(world.get(&second).await.status(), 200);
    // Its addresses end, and the new playlist has other pieces.
    world.sim.film("/films/Show/E01.mkv", Film { duration_s: 40.0, ..Film::default() });
    world.sim.expire_links();
    a_later_moment().await;
    assert_eq!(world.get(&second).await.status(), 410);
}

#[tokio::test]
async fn pages_show_views_by_the_same_tree() {
    let world = world().await;
    let list: Value = serde_json::from_str(&world.line("/api/list?path=/strm/Show").await).unwrap();
    let names: Vec<_> = list["entries"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!((names, &list["write"]), (vec!["E01.nfo", "E01.zh.srt", "E01.strm"], &json!(false)));
    let text: Value = serde_json::from_str(&world.line("/api/text?path=/strm/Show/E01.strm").await).unwrap();
    assert!(text["text"].as_str().unwrap().starts_with("https://dav.example/d/films/Show/E01.mkv?sign="), "{text}");
    world.sim.write("/films/Show/a.txt", "hidden");
    world.propfind("/dav/films/Show", "1").await;
    let beside: Value = serde_json::from_str(&world.line("/api/stat?path=/strm/Show/E01.nfo").await).unwrap();
    assert_eq!((&beside["write"], &beside["siblings"]["previous"]), (&json!(false), &Value::Null), "{beside}");
    let gone = json!({ "paths": ["/strm/Show/E01.strm"] });
    let answer = world.request("POST", "/api/delete").json(&gone).send().await.unwrap().text().await.unwrap();
    assert!(answer.contains("read_only"), "{answer}");
}

#[tokio::test]
async fn addresses_without_a_sign_open_for_those_who_may_read_the_source() {
    let user = alidav::config::User {
        name: "tv".to_owned(),
        password: "a b".into(),
        base_path: "/films".to_owned(),
        permission: Permission::Read,
    };
    let world = world_with(|config| {
        config.anonymous = Permission::None;
        config.users = vec![user];
        config.views[0] = View {
            links: ViewLinks::Userinfo,
            credentials: Some("tv:a%20b".into()),
            quality: vec![Quality::Original, Quality::Best],
            path: "/films/strm".to_owned(),
            ..view()
        };
    })
    .await;
    let as_tv = async |path: &str| world.request("GET", path).basic_auth("tv", Some("a b")).send().await.unwrap();
    let line = as_tv("/dav/strm/Show/E01%20-%20original.strm").await.text().await.unwrap();
    assert_eq!(line, "https://tv:a%20b@dav.example/d/films/Show/E01.mkv\n");
    assert_eq!(as_tv("/d/films/Show/E01.mkv").await.text().await.unwrap(), "episode 1");
    let playlist = as_tv("/v/films/Show/E01.mkv/best.m3u8").await.text().await.unwrap();
    let piece = playlist.lines().find(|line| !line.starts_with('#')).unwrap();
    assert_eq!(as_tv(&format!("/v/films/Show/E01.mkv/{piece}")).await.status(), 200);
    assert_eq!(as_tv("/d/other/x.mkv").await.status(), 401, "of no source of such a view");
    let stranger = world.get("/d/films/Show/E01.mkv").await;
    assert_eq!((stranger.status().as_u16(), header(&stranger, "www-authenticate").is_empty()), (401, false));
    assert_eq!(world.get("/v/films/Show/E01.mkv/best.m3u8").await.status(), 401);
}
