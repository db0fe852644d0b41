//! What the demo's drive holds: films that play, an album, songs, documents in both languages, a large folder. What
//! bears a film's name has renditions, and plays as its original too, always with the clip's picture. All of it is
//! 5 GiB, so that somebody who copies it has a full disk rarely.

mod made;

use bytes::Bytes;

use crate::sim::media;
use crate::sim::media::original::Original;
use crate::sim::world::content::Content;
use crate::sim::world::drive::Drive;
use crate::sim::world::film::{Film, Preview, Rendition, Track};

const MIB: u64 = 1 << 20;

/// Files of the large folder.
const MANY: u64 = 10_000;

/// Fills a drive.
pub(in crate::sim) fn fill(drive: &mut Drive) {
    films(drive);
    series(drive);
    pictures(drive);
    music(drive);
    documents(drive);
    for path in ["/照片/2025", "/电影/Short film (1080p).mp4", "/文档/读我.md"] {
        let id = drive.find(path);
        if let Some(node) = id.and_then(|id| drive.nodes.get_mut(&id)) {
            node.starred = true;
        }
    }
    let many = drive.mkdir("/一万个文件");
    for number in 1..=MANY {
        let content = Content::Generated { size: 200 + number % 1000, seed: number };
        drive.add(&many, &format!("文件 {number} file.bin"), Some(content));
    }
}

fn films(drive: &mut Drive) {
    let folder = drive.mkdir("/电影");
    let mut film = |name: &str, minutes: u64, mib: u64, film: Film| original(drive, &folder, name, minutes, mib, film);
    let track = |language: &str, lines: [&str; 3]| Track { language: language.to_owned(), text: vtt(lines) };
    let three = vec![
        track("chi", ["你好，世界", "这是盘里自带的字幕", "简体中文"]),
        track("chi", ["你好，世界", "這是盤裡自帶的字幕", "繁體中文"]),
        track("eng", ["Hello, world", "A subtitle of the drive's own", "English"]),
    ];
    film("大片 (2160p).mp4", 120, 1536, Film { subtitles: three, ..Film::of("2160p", 0) });
    film("Short film (1080p).mp4", 9, 300, Film::of("1080p", 0));
    film("有 DTS 声音 (1080p).mp4", 100, 700, Film { sound: "dts".to_owned(), ..Film::of("1080p", 0) });
    let members = [("FHD", Rendition::MembersOnly), ("QHD", Rendition::MembersOnly)];
    let renditions = members.map(|(id, rendition)| (id.to_owned(), rendition)).into();
    film("Members only (1440p).mp4", 90, 600, Film { renditions, ..Film::of("1440p", 0) });
    let preview = Preview::Waits { status: 202, calls: 3 };
    film("还在转码 (720p).mp4", 60, 300, Film { preview, ..Film::of("720p", 0) });
    film("No preview.mp4", 45, 200, Film { preview: Preview::Impossible, ..Film::default() });
    for (stem, poster) in ["大片 (2160p)", "Short film (1080p)", "Members only (1440p)"].iter().zip(media::POSTERS) {
        drive.add(&folder, &format!("{stem}-poster.jpg"), Some(Content::Kept(Bytes::from_static(poster))));
    }
    let lines = "1\n00:00:01,000 --> 00:00:08,000\nBeside the film\n\n2\n00:04:00,000 --> 00:04:30,000\nIts middle\n";
    text(drive, &folder, "Short film (1080p).en.srt", lines);
    text(drive, &folder, "大片 (2160p).srt", "1\n00:00:01,000 --> 00:00:04,000\n你好（旁边的字幕）\n");
    let ass = "[Script Info]\nScriptType: v4.00+\nPlayResX: 1280\nPlayResY: 720\n\n[V4+ Styles]\n\
        Format: Name, Fontname, Fontsize, PrimaryColour, Bold, Alignment, MarginV\nStyle: Default,sans-serif,48,&H0000FFFF,1,8,30\n\n\
        [Events]\nFormat: Layer, Start, End, Style, Text\nDialogue: 0,0:00:01.00,0:00:09.00,Default,A styled subtitle\n";
    text(drive, &folder, "大片 (2160p).en.ass", ass);
    let clips = drive.mkdir("/电影/短片");
    drive.add(&clips, "plasma.avi", Some(Content::Kept(made::avi().into())));
    let clip = drive.add(&clips, "原片 clip (360p).mp4", Some(Content::Kept(Bytes::from_static(media::CLIP))));
    if let Some(node) = drive.nodes.get_mut(&clip) {
        node.film = Some(Film { duration_s: 10.0, width: 640, height: 360, ..Film::default() });
    }
}

/// A film of so many minutes and MiB, as its original is and as the transcoder sees it.
fn original(drive: &mut Drive, folder: &str, name: &str, minutes: u64, mib: u64, film: Film) {
    let original = Original::new(minutes * 60, mib * MIB);
    let film = Film { duration_s: original.duration_s(), ..film };
    let id = drive.add(folder, name, Some(Content::Film(original.into())));
    if let Some(node) = drive.nodes.get_mut(&id) {
        node.film = Some(film);
    }
}

fn vtt(lines: [&str; 3]) -> String {
    let mut text = "WEBVTT\n".to_owned();
    // The service writes times below an hour without one (reference 3.22).
    for (at, line) in (0..60).zip(lines.iter().cycle()) {
        text.push_str(&format!("\n{at:02}:01.000 --> {at:02}:06.000\n{line}\n"));
    }
    text
}

fn series(drive: &mut Drive) {
    let folder = drive.mkdir("/剧集/第一季");
    drive.add(&folder, "poster.jpg", Some(Content::Kept(Bytes::from_static(media::POSTERS[3]))));
    for episode in 1..=12 {
        let name = format!("E{episode:02}.mp4");
        original(drive, &folder, &name, 24, 120, Film::of(&name, 0));
        let line = format!("1\n00:00:01,000 --> 00:00:05,000\n第 {episode} 集\n");
        text(drive, &folder, &format!("E{episode:02}.zh.srt"), &line);
    }
}

fn pictures(drive: &mut Drive) {
    let folder = drive.mkdir("/照片/2025");
    let names =
        ["日落", "Blue hour", "紫色的山", "Green valley", "正午", "月夜 Moonlight", "Red evening", "晴天 & clouds"];
    for (name, (picture, _)) in names.iter().zip(media::PHOTOS) {
        drive.add(&folder, &format!("{name}.jpg"), Some(Content::Kept(Bytes::from_static(picture))));
    }
    let (still, moving) = (media::PHOTOS[3].0, media::CLIP);
    let whole = made::zip(&[("IMG_0001.JPG", still), ("IMG_0001.MOV", moving)]);
    let photo = drive.add(&folder, "IMG_0001.livp", Some(Content::Kept(whole.into())));
    if let Some(node) = drive.nodes.get_mut(&photo) {
        node.streams = Some((Content::Kept(Bytes::from_static(still)), Content::Kept(Bytes::from_static(moving))));
    }
}

fn music(drive: &mut Drive) {
    let folder = drive.mkdir("/音乐");
    for (name, song) in ["晨光.mp3", "Evening Bells.mp3"].iter().zip(media::SONGS) {
        drive.add(&folder, name, Some(Content::Kept(Bytes::from_static(song))));
    }
    drive.add(&folder, "440 Hz.wav", Some(Content::Kept(made::wav().into())));
    drive.add(&folder, "folder.jpg", Some(Content::Kept(Bytes::from_static(media::PHOTOS[4].1))));
    text(drive, &folder, "晨光.lrc", "[ti:晨光]\n[00:01.00]天亮了\n[00:05.00]山在发光\n[00:10.00]早安\n");
}

fn documents(drive: &mut Drive) {
    let folder = drive.mkdir("/文档");
    text(
        drive,
        &folder,
        "读我.md",
        "# alidav\n\n这是模拟盘里的一个文件。\n\n- [x] 浏览\n- [ ] 上传\n\n| 名称 | 大小 |\n| --- | --- |\n| 电影 | 大 |\n",
    );
    text(drive, &folder, "Read me.md", "# A simulated drive\n\nNothing here is on the *real* one. `Ctrl-C` ends it.\n");
    text(drive, &folder, "names & signs +%#.txt", "Names are shown as they are.\n");
    text(
        drive,
        &folder,
        "page.html",
        "<!doctype html><title>page</title><script>document.title = 'run'</script><p>A page\n",
    );
    // 你好，世界 as GB18030 writes it.
    let old = b"\xc4\xe3\xba\xc3\xa3\xac\xca\xc0\xbd\xe7\n".repeat(3);
    drive.add(&folder, "旧编码 GB18030.txt", Some(Content::Kept(old.into())));
    let page = made::pdf(&["A simulated drive", "This page was computed."]);
    drive.add(&folder, "Manual.pdf", Some(Content::Kept(page.into())));
    drive.mkdir("/文档/空文件夹");
}

fn text(drive: &mut Drive, parent: &str, name: &str, text: &str) {
    drive.add(parent, name, Some(Content::Kept(Bytes::copy_from_slice(text.as_bytes()))));
}
