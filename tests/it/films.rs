//! Films and pictures of the tree, and what they cost, without a page in between.

use std::collections::HashMap;
use std::time::Duration;

use alidav::drive::{Error, ErrorKind, Freshness, Path, Picture, Resource, Tree};
use alidav::sim::{Fault, FaultKind, Film, Preview, Rendition, Simulator, Track};
use alidav::state::Store;
use alidav::upstream::Client;

struct Films {
    sim: Simulator,
    tree: Tree,
}

impl Films {
    async fn start(fill: impl FnOnce(&Simulator)) -> Self {
        let options = alidav::sim::Options { rules: crate::harness::rules(), ..Default::default() };
        let sim = Simulator::start(options).await.unwrap();
        fill(&sim);
        let config = crate::harness::config(&sim);
        let store = Store::open(&config.state).await.unwrap();
        let client = Client::new(&config.accounts[0], &config, store.clone()).unwrap();
        let tree = Tree::new(&config, HashMap::from([("main".to_owned(), client)]), &store);
        Self { sim, tree }
    }

    /// What is at a path; the calls that this took are not counted.
    async fn at(&self, path: &str) -> Resource {
        let file = self.tree.stat(&Path::parse(path).unwrap(), Freshness::Refresh).await.unwrap();
        self.sim.reset_calls();
        file
    }

    fn calls(&self, name: &str) -> u64 {
        self.sim.calls().get(name).copied().unwrap_or(0)
    }
}

#[tokio::test]
async fn opening_a_film_is_one_call_and_all_its_renditions_and_segments_are_none() {
    let films = Films::start(|sim| drop(sim.write("/a.mkv", "film"))).await;
    let file = films.at("/a.mkv").await;
    let info = films.tree.films().open(&file).await.unwrap();
    assert_eq!((info.renditions.len(), info.duration_s), (4, Some(60.5)));
    for template in ["LD", "SD", "HD", "FHD", "best", "FHD"] {
        let rendition = films.tree.films().rendition(&file, template).await.unwrap();
        assert_eq!(rendition.playlist.durations_ms().len(), 7);
        for number in 0..7 {
            films.tree.films().segment(&file, template, number, &rendition.mark).await.unwrap();
        }
        let beyond = films.tree.films().segment(&file, template, 7, &rendition.mark).await.unwrap_err();
        assert_eq!(beyond.kind(), ErrorKind::NotFound);
    }
    assert_eq!(films.sim.api_calls(), 1);
    assert_eq!(films.calls("preview playlist"), 5, "one for each name");
    let text = String::from_utf8(films.tree.films().subtitles(&file, 0).await.unwrap()).unwrap();
    assert!(text.contains("字幕") && films.sim.api_calls() == 1);
    let mark = films.tree.films().rendition(&file, "HD").await.unwrap().mark;
    let segment = films.tree.films().open_segment(&file, "HD", 0, &mark, Some("bytes=0-187")).await.unwrap();
    assert_eq!((segment.partial, segment.length), (true, Some(188)));
}

#[tokio::test]
async fn many_who_begin_at_once_share_one_call() {
    let films = Films::start(|sim| drop(sim.write("/a.mkv", "film"))).await;
    let file = films.at("/a.mkv").await;
    let all = futures_util::future::join_all((0..8).map(|_| films.tree.films().rendition(&file, "HD"))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!((films.sim.api_calls(), films.calls("preview playlist")), (1, 1));
}

#[tokio::test]
async fn an_address_that_is_refused_before_its_time_is_renewed_once() {
    let films = Films::start(|sim| drop(sim.write("/a.mkv", "film"))).await;
    let file = films.at("/a.mkv").await;
    films.tree.films().open(&file).await.unwrap();
    films.sim.expire_links();
    crate::harness::a_later_moment().await;
    films.tree.films().rendition(&file, "HD").await.unwrap();
    assert_eq!(films.sim.api_calls(), 2);
}

#[tokio::test]
async fn what_is_valid_is_used_while_the_drive_throttles() {
    let films = Films::start(|sim| {
        sim.write("/a.mkv", "film");
        sim.rules(|rules| rules.preview_url_s = 8);
    })
    .await;
    let file = films.at("/a.mkv").await;
    let first = films.tree.films().rendition(&file, "HD").await.unwrap();
    let life = first.playlist.life;
    let busy = FaultKind::Code { status: 429, code: "TooManyRequests".to_owned(), retry_after_ms: Some(60_000) };
    films.sim.fault(Fault::always("openFile/getVideoPreviewPlayInfo", busy));
    crate::harness::until(|| life.left() <= life.whole() / 2).await;
    for number in 0..5 {
        films.tree.films().segment(&file, "HD", number, &first.mark).await.unwrap();
    }
    crate::harness::until(|| films.calls("openFile/getVideoPreviewPlayInfo") >= 2).await;
    films.tree.films().segment(&file, "HD", 5, &first.mark).await.unwrap();
    assert_eq!(films.calls("openFile/getVideoPreviewPlayInfo"), 2, "one try, beside the players");
}

#[tokio::test]
async fn a_film_lives_through_three_addresses_with_one_call_each() {
    let films = Films::start(|sim| {
        sim.write("/a.mkv", "film");
        sim.rules(|rules| rules.preview_url_s = 5);
    })
    .await;
    let file = films.at("/a.mkv").await;
    let mark = films.tree.films().rendition(&file, "HD").await.unwrap().mark;
    let mut lives = std::collections::BTreeSet::new();
    while lives.len() < 3 {
        let url = films.tree.films().segment(&file, "HD", 2, &mark).await.unwrap();
        films.tree.films().open_segment(&file, "HD", 2, &mark, None).await.unwrap();
        lives.insert(url.expose().to_string());
        // As a player asks: one piece after another while time passes.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((films.sim.api_calls(), films.calls("preview playlist")), (3, 3));
}

#[tokio::test]
async fn a_replaced_film_or_one_in_other_pieces_is_not_gone_on_with() {
    let films = Films::start(|sim| drop(sim.write("/a.mkv", "film"))).await;
    let file = films.at("/a.mkv").await;
    let mark = films.tree.films().rendition(&file, "HD").await.unwrap().mark;
    films.sim.film("/a.mkv", Film { duration_s: 40.0, ..Film::default() });
    films.tree.films().forget(&file).await.unwrap();
    let error = films.tree.films().segment(&file, "HD", 0, &mark).await.unwrap_err();
    assert!(matches!(error, Error::OtherFilm), "{error}");
    let mark = films.tree.films().rendition(&file, "HD").await.unwrap().mark;
    films.sim.write("/a.mkv", "another film");
    films.sim.film("/a.mkv", Film { duration_s: 40.0, ..Film::default() });
    let file = films.at("/a.mkv").await;
    assert!(matches!(films.tree.films().segment(&file, "HD", 0, &mark).await, Err(Error::OtherFilm)));
}

#[tokio::test]
async fn a_template_stands_for_the_best_that_is_not_above_it() {
    let films = Films::start(|sim| drop(sim.write("/a.mkv", "film"))).await;
    let state = |states: &[(&str, Rendition)]| Film {
        renditions: states.iter().map(|(id, state)| ((*id).to_owned(), *state)).collect(),
        ..Film::default()
    };
    let file = films.at("/a.mkv").await;
    let height = async |template: &str| {
        films.tree.films().forget(&file).await.unwrap();
        let rendition = films.tree.films().rendition(&file, template).await.unwrap();
        let url = rendition.playlist.segment(0).unwrap().expose().path().to_owned();
        url.rsplit('/').nth(1).unwrap().to_owned()
    };
    films.sim.film("/a.mkv", state(&[("FHD", Rendition::MembersOnly), ("SD", Rendition::Failed)]));
    for (asked, got) in [("FHD", "HD"), ("QHD", "HD"), ("best", "HD"), ("SD", "LD"), ("LD", "LD")] {
        assert_eq!(height(asked).await, got, "{asked}");
    }
    films.sim.film("/a.mkv", state(&[("LD", Rendition::Failed)]));
    assert_eq!(height("LD").await, "SD", "the least there is");
    let unknown = films.tree.films().rendition(&file, "XXL").await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NoPreview);
    let all = ["LD", "SD", "HD", "FHD"].map(|id| (id, Rendition::MembersOnly));
    films.sim.film("/a.mkv", state(&all));
    films.tree.films().forget(&file).await.unwrap();
    let none = films.tree.films().rendition(&file, "HD").await.unwrap_err();
    assert!(matches!(&none, Error::NoRendition(Some(words)) if words.contains("权益包")), "{none}");
    for (preview, kind) in [
        (Preview::Waits { status: 202, calls: 1 }, ErrorKind::Transcoding),
        (Preview::Waits { status: 400, calls: 1 }, ErrorKind::Transcoding),
        (Preview::Impossible, ErrorKind::NoPreview),
    ] {
        films.sim.film("/a.mkv", Film { preview, ..Film::default() });
        films.tree.films().forget(&file).await.unwrap();
        assert_eq!(films.tree.films().rendition(&file, "HD").await.unwrap_err().kind(), kind);
    }
}

#[tokio::test]
async fn thumbnails_of_a_folder_are_a_call_for_each_hundred_and_none_again() {
    let films = Films::start(|sim| {
        (0..250).for_each(|n| drop(sim.write(&format!("/d/{n}.jpg"), format!("{n}"))));
        sim.write("/d/a.txt", "text");
    })
    .await;
    let mut files = Vec::new();
    for n in 0..250 {
        files.push(films.tree.stat(&Path::parse(&format!("/d/{n}.jpg")).unwrap(), Freshness::Cached).await.unwrap());
    }
    let text = films.at("/d/a.txt").await;
    let all = async |width| {
        futures_util::future::join_all(
            files.iter().map(|file| films.tree.films().thumbnail(file, Picture { width, at_ms: None })),
        )
        .await
    };
    let told = all(256).await;
    assert!(
        told.iter().all(|told| told
            .as_ref()
            .unwrap()
            .as_ref()
            .unwrap()
            .url
            .expose()
            .query()
            .unwrap()
            .contains("w_256"))
    );
    assert_eq!(films.calls("openFile/batch/get"), 3);
    all(256).await;
    assert_eq!((films.calls("openFile/batch/get"), films.sim.api_calls()), (3, 3));
    all(480).await;
    assert_eq!(films.calls("openFile/batch/get"), 6, "of another width they are other pictures");
    for _ in 0..2 {
        assert!(films.tree.films().thumbnail(&text, Picture { width: 256, at_ms: None }).await.unwrap().is_none());
    }
    assert_eq!(films.calls("openFile/batch/get"), 7);
}

#[tokio::test]
async fn where_a_film_was_left_is_kept_and_found_again_with_its_path() {
    let films = Films::start(|sim| {
        sim.write("/films/deep/a.mkv", "film");
        sim.write("/films/deep/b.mkv", "other film");
        sim.film("/films/deep/a.mkv", Film { subtitles: Vec::<Track>::new(), ..Film::default() });
    })
    .await;
    let file = films.at("/films/deep/a.mkv").await;
    films.tree.films().keep_cursor(&file, 12.5, Some(60.5)).await.unwrap();
    assert_eq!(films.sim.play_cursor("/films/deep/a.mkv").as_deref(), Some("12.500"));
    let recent = films.tree.films().recent(&Path::root()).await.unwrap();
    let told: Vec<_> = recent.finds.iter().map(|find| (find.path.as_str(), find.cursor_s)).collect();
    assert_eq!(told, [("/films/deep/a.mkv", Some(12.5))]);
    assert_eq!(films.tree.films().open(&file).await.unwrap().cursor_s, Some(12.5));
    let found = films.tree.films().search(&Path::root(), "mkv", None).await.unwrap();
    let mut paths: Vec<_> = found.finds.iter().map(|find| find.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/films/deep/a.mkv", "/films/deep/b.mkv"]);
    assert!(found.next.is_empty() && found.failed.is_empty());
    let below = films.tree.films().search(&Path::parse("/other").unwrap(), "mkv", None).await.unwrap();
    assert!(below.finds.is_empty());
    let quoted = films.tree.films().search(&Path::root(), "it's \\ \"x", None).await.unwrap();
    assert!(quoted.finds.is_empty());
}
