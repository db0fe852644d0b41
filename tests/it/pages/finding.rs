//! What is found without knowing where it is, in all drives that a caller sees.

use alidav::config::{Account, Config, Mount};
use alidav::sim::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::harness::Fixture;

async fn get(world: &Fixture, call: &str) -> (u16, Value) {
    let answer = world.get(&format!("/api/{call}")).await;
    (answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
}

fn paths(told: &Value) -> Vec<&str> {
    let mut paths: Vec<_> =
        told["entries"].as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    paths
}

/// The drive at `/mine`, one of its folders at `/mine/films`, and an account that is signed out at `/lost`.
fn several(config: &mut Config) {
    let mut lost = Account::named("lost");
    lost.oauth_token_urls = config.accounts[0].oauth_token_urls.clone();
    lost.refresh_token = Some("of nobody".into());
    config.accounts.push(lost);
    config.mounts = vec![Mount::at("/mine", "main"), Mount::at("/lost", "lost")];
}

// Keeps 142.
#[tokio::test]
async fn a_search_from_above_the_mounts_looks_through_all_of_them_and_says_what_is_missing() {
    let world = Fixture::with(several).await;
    world.sim.write("/films/one.mkv", "1");
    world.sim.write("/one.txt", "2");
    for call in ["search?q=one", "search?q=one&path=/", "search?q=one&path=/mine"] {
        let (status, told) = get(&world, call).await;
        assert_eq!((status, paths(&told)), (200, vec!["/mine/films/one.mkv", "/mine/one.txt"]), "{call}: {told}");
        let failed = told["failed"].as_array().unwrap();
        assert_eq!(failed.len(), usize::from(!call.ends_with("mine")), "{told}");
        for failed in failed {
            assert_eq!((&failed["account"], &failed["code"]), (&json!("lost"), &json!("sign_in_needed")), "{told}");
            assert!(failed["error"].as_str().unwrap().contains("alidav login"), "{told}");
        }
    }
    // What nobody answers is a failure, not nothing.
    let (status, told) = get(&world, "search?q=one&path=/lost").await;
    assert_eq!((status, &told["code"]), (503, &json!("sign_in_needed")), "{told}");
    let left = json!({ "path": "/mine/films/one.mkv", "cursor": 12.5, "duration": 60.5 });
    assert_eq!(world.request("POST", "/api/video/cursor").json(&left).send().await.unwrap().status(), 204);
    let (status, told) = get(&world, "recent").await;
    assert_eq!((status, paths(&told), told["failed"].as_array().unwrap().len()), (200, vec!["/mine/films/one.mkv"], 1));
    world.sim.star("/films");
    let (status, told) = get(&world, "starred").await;
    assert_eq!((status, paths(&told), told["failed"].as_array().unwrap().len()), (200, vec!["/mine/films"], 1));
    assert_eq!(told["entries"][0]["kind"], "folder");
    assert_eq!(get(&world, "search?q=one&cursor=7").await.0, 400);
    assert_eq!(get(&world, "search?q=one&path=/nowhere").await.1["entries"], json!([]));
}

// Keeps 142.
#[tokio::test]
async fn one_drive_is_asked_once_however_many_mounts_show_it_and_page_by_page() {
    let mut inner = Mount::at("/all/films", "main");
    let world = Fixture::with(|config| {
        inner.root_folder_id = "root".to_owned();
        config.mounts = vec![Mount::at("/all", "main"), inner.clone()];
    })
    .await;
    (0..150).for_each(|n| drop(world.sim.write(&format!("/one {n}.txt"), "1")));
    world.sim.write("/films/one.mkv", "covered");
    get(&world, "list?path=/all").await;
    world.sim.reset_calls();
    let (_, first) = get(&world, "search?q=one").await;
    assert_eq!(world.sim.calls()["openFile/search"], 1);
    let next: String = url::form_urlencoded::byte_serialize(first["next"].as_str().unwrap().as_bytes()).collect();
    let (_, second) = get(&world, &format!("search?q=one&cursor={next}")).await;
    assert_eq!((&second["next"], world.sim.calls()["openFile/search"]), (&Value::Null, 2));
    let mut all = [paths(&first), paths(&second)].concat();
    all.sort_unstable();
    // By both ways that show it, and not by the one that a mount point covers.
    assert!(all.contains(&"/all/one 7.txt") && all.contains(&"/all/films/one 7.txt"), "{all:?}");
    assert!(all.contains(&"/all/films/films/one.mkv") && !all.contains(&"/all/films/one.mkv"), "{all:?}");
    assert_eq!(all.len(), 301);
    let refused = FaultKind::Code { status: 403, code: "Forbidden".to_owned(), retry_after_ms: None };
    world.sim.fault(Fault::once("openFile/search", refused));
    assert_eq!(get(&world, "search?q=one").await.0, 403);
}

// Keeps 144.
#[tokio::test]
async fn a_star_is_given_and_taken_away_and_the_listing_knows() {
    let world = Fixture::start().await;
    world.sim.write("/films/one.mkv", "1");
    let star = async |path: &str, starred: bool| {
        let call = world.request("POST", "/api/star").json(&json!({ "path": path, "starred": starred }));
        let answer = call.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let listed = async |path: &str| get(&world, &format!("list?path={path}")).await.1["entries"][0]["starred"] == true;
    assert!(!listed("/films").await && !listed("/").await);
    for path in ["/films/one.mkv", "/films"] {
        assert_eq!(star(path, true).await.0, 200, "{path}");
    }
    world.sim.reset_calls();
    assert!(listed("/films").await && listed("/").await);
    // What is so already costs no call.
    assert_eq!(star("/films", true).await, (200, json!({ "path": "/films", "ok": true, "starred": true })));
    assert_eq!(world.sim.api_calls(), 0, "{:?}", world.sim.calls());
    let (_, told) = get(&world, "starred").await;
    assert_eq!((paths(&told), &told["entries"][0]["starred"]), (vec!["/films", "/films/one.mkv"], &json!(true)));
    assert_eq!((star("/films", false).await.0, listed("/").await), (200, false));
    assert_eq!(paths(&get(&world, "starred").await.1), ["/films/one.mkv"]);
    for (path, status, code) in [("/none", 404, "not_found"), ("/none/x", 404, "not_found"), ("/", 400, "bad_request")]
    {
        let told = star(path, true).await;
        assert_eq!((told.0, &told.1["code"]), (status, &json!(code)), "{path}: {}", told.1);
    }
    // Its answer may be lost: it is asked once more.
    world.sim.fault(Fault::once("openFile/update", FaultKind::CloseAfter));
    assert_eq!((star("/films", true).await.0, listed("/").await), (200, true));
}
