//! The simulated preview host: films that play, subtitles and thumbnails as the reference tells them.

use std::io::Write as _;
use std::process::{Command, Stdio};

use alidav::sim::{Film, Preview, Rendition, Rules, SignatureVersion, Track};
use serde_json::{Value, json};

use crate::service::{Service, quiet, service};

impl Service {
    async fn play_info(&self, id: &str, more: Value) -> (u16, Value) {
        let mut body = json!({ "file_id": id, "category": "live_transcoding" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.call("openFile/getVideoPreviewPlayInfo", body).await
    }

    async fn renditions(&self, id: &str) -> Vec<Value> {
        let (_, info) = self.play_info(id, json!({})).await;
        info["video_preview_play_info"]["live_transcoding_task_list"].as_array().unwrap().clone()
    }

    async fn get(&self, url: &str) -> reqwest::Response {
        self.http.get(url).send().await.unwrap()
    }
}

/// The addresses of a playlist's segments.
fn segments(url: &str, playlist: &str) -> Vec<String> {
    let url: url::Url = url.parse().unwrap();
    let lines = playlist.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| url.join(line).unwrap().to_string()).collect()
}

#[tokio::test]
async fn a_playlist_is_of_relative_lines_each_signed_by_itself_until_the_playlist_s_own_end() {
    for (signature, word) in [(SignatureVersion::V2, "OSS2"), (SignatureVersion::V4, "OSS4-HMAC-SHA256")] {
        let service = service(Rules { preview_signature: signature, ..quiet() }).await;
        let id = service.sim.write("/clip.mp4", "film");
        let all = service.renditions(&id).await;
        let names: Vec<_> = all.iter().map(|task| task["template_id"].as_str().unwrap()).collect();
        assert_eq!(names, ["LD", "SD", "HD", "FHD"], "none is larger than the film");
        let url = all[3]["url"].as_str().unwrap();
        let (path, query) = url.split_once('?').unwrap();
        assert!(
            path.contains("/lt/") && path.contains("_4__sha1_bj29_") && path.ends_with("/FHD/media.m3u8"),
            "{path}"
        );
        assert!(query.contains(&format!("x-oss-signature-version={word}")), "{query}");
        let playlist = service.get(url).await.text().await.unwrap();
        assert!(playlist.starts_with("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-TARGETDURATION:10\n"));
        assert!(playlist.contains("#EXTINF:0.500,\nmedia-6.ts?") && playlist.ends_with("#EXT-X-ENDLIST\n"));
        let segments = segments(url, &playlist);
        assert_eq!(segments.len(), 7);
        assert_eq!(service.get(&segments[1]).await.bytes().await.unwrap()[0], 0x47);
        let signature = |url: &str| url.split("x-oss-signature=").nth(1).unwrap().split('&').next().unwrap().to_owned();
        assert_ne!(signature(&segments[0]), signature(&segments[1]));
        // Neither unsigned, nor of another rendition or number, nor after its time.
        for other in [path.to_owned(), url.replace("FHD", "HD"), segments[0].replace("media-0", "media-1")] {
            assert_eq!(service.get(&other).await.status(), 403);
        }
        service.sim.rules(|rules| rules.clock_offset_s = 901);
        for late in [url, &segments[0]] {
            assert_eq!(service.get(late).await.status(), 403);
        }
    }
}

#[tokio::test]
async fn joined_segments_are_one_film_of_that_length_and_height() {
    let service = service(quiet()).await;
    let id = service.sim.write("/clip.mp4", "film");
    service.sim.film("/clip.mp4", Film { duration_s: 34.5, width: 2560, height: 1440, ..Film::default() });
    for task in service.renditions(&id).await {
        let url = task["url"].as_str().unwrap();
        let playlist = service.get(url).await.text().await.unwrap();
        let mut film = Vec::new();
        for segment in segments(url, &playlist) {
            film.extend_from_slice(&service.get(&segment).await.bytes().await.unwrap());
        }
        let told = ["-show_entries", "stream=height:format=duration", "-of", "default=nw=1"];
        let Some(words) = tool("ffprobe", &[&["-v", "error"][..], &told, &["-"]].concat(), &film) else { return };
        assert!(words.contains(&format!("height={}\n", task["template_height"])), "{words}");
        let errors = tool("ffmpeg", &["-v", "warning", "-i", "-", "-c", "copy", "-f", "null", "-"], &film);
        assert_eq!(errors.unwrap(), "", "{}", task["template_id"]);
        if task["template_id"] == "LD" {
            let errors = tool("ffmpeg", &["-v", "warning", "-xerror", "-i", "-", "-f", "null", "-"], &film);
            assert_eq!(errors.unwrap(), "");
        }
        let duration = tool(
            "ffprobe",
            &[
                "-v",
                "error",
                "-show_entries",
                "packet=pts_time,duration_time",
                "-select_streams",
                "v",
                "-of",
                "csv=p=0",
                "-",
            ],
            &film,
        )
        .unwrap();
        let times: Vec<f64> = duration.lines().filter_map(|line| line.split(',').next()?.parse().ok()).collect();
        let length = times.last().unwrap() + 0.125 - times[0];
        assert!((length - 34.5).abs() < 0.01, "{length}");
    }
}

/// What a program says of what it reads; nothing where it is not installed.
fn tool(name: &str, arguments: &[&str], input: &[u8]) -> Option<String> {
    let mut command = Command::new(name);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = command.spawn().ok()?;
    let mut stdin = program.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input).ok());
    let output = program.wait_with_output().unwrap();
    writer.join().unwrap();
    Some(String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[tokio::test]
async fn a_foreign_referer_is_refused_and_web_urls_need_the_service_s_own() {
    let service = service(quiet()).await;
    let id = service.sim.write("/clip.mp4", "film");
    for web in [false, true] {
        service.sim.rules(|rules| rules.preview_referer = web);
        let url = service.renditions(&id).await[0]["url"].as_str().unwrap().to_owned();
        assert_eq!(url.contains("x-oss-additional-headers=referer"), web);
        let status = async |referer: &str| {
            service.http.get(&url).header("referer", referer).send().await.unwrap().status().as_u16()
        };
        assert_eq!(service.get(&url).await.status().as_u16(), if web { 403 } else { 200 });
        assert_eq!((status("https://me.example/").await, status("https://www.aliyundrive.com/").await), (403, 200));
    }
}

#[tokio::test]
async fn only_the_preview_host_lets_other_origins_read_unless_switched() {
    let service = service(quiet()).await;
    let id = service.sim.write("/clip.mp4", "film");
    let playlist = service.renditions(&id).await[0]["url"].as_str().unwrap().to_owned();
    let (_, link) = service.call("openFile/getDownloadUrl", json!({ "file_id": id })).await;
    let download = link["url"].as_str().unwrap().to_owned();
    let open = async |url: &str| {
        let answer = service.http.get(url).header("origin", "http://page.example").send().await.unwrap();
        answer.headers().get("access-control-allow-origin").is_some_and(|origin| origin == "*")
    };
    assert_eq!((open(&playlist).await, open(&download).await), (true, false));
    service.sim.rules(|rules| (rules.preview_cors, rules.data_cors) = (false, true));
    assert_eq!((open(&playlist).await, open(&download).await), (false, true));
}

#[tokio::test]
async fn what_stands_in_the_way_of_playing_is_said_as_the_service_does() {
    let service = service(quiet()).await;
    let id = service.sim.write("/clip.mp4", "film");
    let code = async || {
        let (status, answer) = service.play_info(&id, json!({})).await;
        (status, answer["code"].as_str().unwrap_or("none").to_owned())
    };
    for status in [202, 400] {
        service.sim.film("/clip.mp4", Film { preview: Preview::Waits { status, calls: 1 }, ..Film::default() });
        assert_eq!(code().await, (status, "VideoPreviewWaitAndRetry".to_owned()));
        assert_eq!(code().await, (200, "none".to_owned()));
    }
    service.sim.film("/clip.mp4", Film { preview: Preview::Impossible, ..Film::default() });
    assert_eq!(code().await, (404, "NotFound.VideoPreviewInfo".to_owned()));
    service.sim.rules(|rules| rules.over_capacity = true);
    assert_eq!(code().await, (403, "ExceedCapacityForbidden".to_owned()));
    service.sim.punish("/clip.mp4", 2);
    assert_eq!(code().await, (403, "UserNotAllowedAccessResource".to_owned()));
    let document = service.sim.write("/a.txt", "text");
    assert_eq!(service.play_info(&document, json!({})).await.0, 403);
}

#[tokio::test]
async fn renditions_may_run_fail_or_be_for_members() {
    let service = service(quiet()).await;
    let id = service.sim.write("/clip.mp4", "film");
    let states = [("SD", Rendition::Running), ("HD", Rendition::Failed), ("FHD", Rendition::MembersOnly)];
    let renditions = states.map(|(id, state)| (id.to_owned(), state)).into();
    service.sim.film("/clip.mp4", Film { renditions, ..Film::default() });
    let told: Vec<_> = service
        .renditions(&id)
        .await
        .iter()
        .map(|task| {
            let text = |name: &str| task[name].as_str().unwrap_or_default().to_owned();
            (text("status"), !text("url").is_empty(), !text("description").is_empty())
        })
        .collect();
    let told: Vec<_> = told.iter().map(|(status, url, words)| (status.as_str(), *url, *words)).collect();
    let expected =
        [("finished", true, false), ("running", false, false), ("failed", false, false), ("finished", false, true)];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn subtitles_of_one_language_have_addresses_of_their_own_and_times_may_lack_hours() {
    let service = service(quiet()).await;
    let id = service.sim.write("/clip.mp4", "film");
    let track =
        |text: &str| Track { language: "chi".to_owned(), text: format!("WEBVTT\n\n00:01.000 --> 00:02.500\n{text}\n") };
    service.sim.film("/clip.mp4", Film { subtitles: vec![track("简"), track("繁")], ..Film::default() });
    let (_, info) = service.play_info(&id, json!({ "with_play_cursor": true })).await;
    let tracks = info["video_preview_play_info"]["live_transcoding_subtitle_task_list"].as_array().unwrap();
    let urls: Vec<_> = tracks.iter().map(|track| track["url"].as_str().unwrap()).collect();
    assert!(urls[0].contains("/subtitle/chi_0.vtt?") && urls[1].contains("/subtitle/subtitle_1.vtt?"), "{urls:?}");
    assert!(service.get(urls[1]).await.text().await.unwrap().contains("00:01.000 --> 00:02.500\n繁"));
    assert!(info["video_preview_play_info"].get("play_cursor").is_some());
    service.sim.rules(|rules| rules.cursor_beside = true);
    let (_, info) = service.play_info(&id, json!({ "with_play_cursor": true })).await;
    assert!(info["video_preview_play_info"].get("play_cursor").is_none() && info.get("play_cursor").is_some());
}

#[tokio::test]
async fn a_segment_that_nobody_has_asked_for_is_made_first() {
    let service = service(Rules { segment_making_ms: 300, ..quiet() }).await;
    let id = service.sim.write("/clip.mp4", "film");
    let task = &service.renditions(&id).await[0];
    assert_eq!((task["status"].as_str(), task["stage"].as_str()), (Some("finished"), Some("stage_none")));
    let url = task["url"].as_str().unwrap();
    let segments = segments(url, &service.get(url).await.text().await.unwrap());
    let waited = async |number: usize| {
        let start = std::time::Instant::now();
        assert_eq!(service.get(&segments[number]).await.status(), 200);
        start.elapsed().as_millis() >= 300
    };
    assert!(waited(3).await, "the first three are there already");
    assert_eq!(service.sim.calls()["preview segment"], 1);
    let range = service.http.get(&segments[3]).header("range", "bytes=188-375").send().await.unwrap();
    assert_eq!((range.status().as_u16(), range.bytes().await.unwrap().len()), (206, 188));
}

#[tokio::test]
async fn thumbnails_are_jpegs_of_the_width_asked_for_that_expire() {
    let service = service(quiet()).await;
    let film = service.sim.write("/clip.mp4", "film");
    let image = service.sim.write("/photo.png", "png");
    service.sim.write("/a.txt", "text");
    let (_, listed) =
        service.call("openFile/list", json!({ "parent_file_id": "root", "image_thumbnail_width": 256 })).await;
    let (_, got) = service.call("openFile/get", json!({ "file_id": film, "video_thumbnail_time": 5000 })).await;
    let (drive, body) =
        (service.sim.drive_ids().1, |id: &str| json!({ "drive_id": service.sim.drive_ids().1, "file_id": id }));
    let list = json!({ "file_list": [body(&film), body(&image)], "video_thumbnail_width": 1920, "drive_id": drive });
    let request = service.http.post(format!("{}/adrive/v1.0/openFile/batch/get", service.sim.url()));
    let mut list = list;
    list.as_object_mut().unwrap().remove("drive_id");
    let batch = request.bearer_auth(&service.token).json(&list).send().await.unwrap().text().await.unwrap();
    let batch: Value = serde_json::from_str(&batch).unwrap();
    let of = |items: &Value, id: &str| {
        let items = items["items"].as_array().unwrap();
        items.iter().find(|item| item["file_id"] == id).unwrap()["thumbnail"].as_str().unwrap().to_owned()
    };
    assert!(of(&listed, &image).contains("w_256"));
    assert!(
        listed["items"].as_array().unwrap().iter().any(|item| item["name"] == "a.txt" && item["thumbnail"].is_null())
    );
    assert!(got["thumbnail"].as_str().unwrap().contains("t_5000"));
    assert!(of(&batch, &film).contains("w_1920"));
    for url in [of(&listed, &image), of(&batch, &film)] {
        let bytes = service.get(&url).await.bytes().await.unwrap();
        assert!(bytes.starts_with(&[0xff, 0xd8]) && bytes.ends_with(&[0xff, 0xd9]), "a whole JPEG");
        assert_eq!(service.get(&url.replace("w_", "w_1")).await.status(), 403);
    }
    assert_eq!(service.sim.calls()["preview thumbnail"], 4);
    service.sim.rules(|rules| rules.clock_offset_s = 901);
    assert_eq!(service.get(&of(&listed, &image)).await.status(), 403);
}

#[tokio::test]
async fn films_played_last_come_first() {
    let service = service(quiet()).await;
    let mut ids = Vec::new();
    for name in ["/a.mp4", "/b.mp4", "/c.mp4"] {
        ids.push(service.sim.write(name, name));
    }
    let record = async |id: &str, cursor: Value| {
        let body = json!({ "file_id": id, "play_cursor": cursor, "duration": "60.5" });
        service.call("openFile/video/updateRecord", body).await
    };
    assert_eq!(record(&ids[0], json!("12.5")).await.1["name"], "a.mp4");
    crate::harness::a_later_moment().await;
    assert_eq!(record(&ids[1], json!("3")).await.0, 200);
    assert_eq!(record(&ids[2], json!(3)).await.0, 400, "a number is no string");
    let request = service.http.post(format!("{}/adrive/v1.1/openFile/video/recentList", service.sim.url()));
    let body = json!({ "video_thumbnail_width": 480 });
    let recent = request.bearer_auth(&service.token).json(&body).send().await.unwrap().text().await.unwrap();
    let recent: Value = serde_json::from_str(&recent).unwrap();
    let told: Vec<_> =
        recent["items"].as_array().unwrap().iter().map(|item| item["play_cursor"].as_str().unwrap()).collect();
    assert_eq!(told, ["3", "12.5"]);
}
