//! What pages change: uploads, folders, names, places, links; and what the status tells.

use alidav::clock::UnixMillis;
use alidav::config::{Config, Mount, Permission, User};
use alidav::sim::{Fault, FaultKind, Moment};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::harness::{Fixture, sha1};

async fn sent(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
}

async fn post(world: &Fixture, call: &str, body: Value) -> (u16, Value) {
    sent(world.request("POST", &format!("/api/{call}")).json(&body)).await
}

fn put(world: &Fixture, query: &str, content: &str) -> RequestBuilder {
    world.request("PUT", &format!("/api/file?path={query}")).body(content.to_owned())
}

fn text(world: &Fixture, path: &str) -> Option<String> {
    world.sim.read(path).map(|bytes| String::from_utf8(bytes).unwrap())
}

// Keeps 131.
#[tokio::test]
async fn an_upload_replaces_nothing_unless_it_says_so() {
    let world = Fixture::start().await;
    world.sim.mkdir("/dir");
    let (status, told) =
        sent(put(&world, "/dir/a b.txt", "one").header("x-mtime", "1700000000123").header("x-sha1", sha1(b"one")))
            .await;
    assert_eq!((status, &told["name"], &told["size"]), (201, &json!("a b.txt"), &json!(3)), "{told}");
    assert_eq!(told["checksum"], sha1(b"one").to_uppercase());
    let listed = sent(world.request("GET", "/api/stat?path=/dir/a b.txt")).await.1;
    assert_eq!(listed["entry"]["modified"], 1_700_000_000_123_i64);
    let (status, again) = sent(put(&world, "/dir/a b.txt", "two")).await;
    assert_eq!((status, again["code"].as_str()), (409, Some("exists")), "{again}");
    assert_eq!(text(&world, "/dir/a b.txt").as_deref(), Some("one"));
    for expected in ["/dir/a b (1).txt", "/dir/a b (2).txt"] {
        let (status, told) = sent(put(&world, "/dir/a b.txt&conflict=keep_both", "both")).await;
        assert_eq!((status, told["path"].as_str()), (201, Some(expected)), "{told}");
    }
    let (status, told) = sent(put(&world, "/dir/a b.txt&conflict=replace", "new")).await;
    assert_eq!((status, text(&world, "/dir/a b.txt").as_deref()), (200, Some("new")), "{told}");
    // An editor saves what it has read, and nothing else.
    let tag = told["etag"].as_str().unwrap().to_owned();
    let (status, _) = sent(put(&world, "/dir/a b.txt", "edited").header("if-match", &tag)).await;
    assert_eq!((status, text(&world, "/dir/a b.txt").as_deref()), (200, Some("edited")));
    let (status, told) = sent(put(&world, "/dir/a b.txt", "late").header("if-match", &tag)).await;
    assert_eq!((status, told["code"].as_str()), (412, Some("changed")), "{told}");
    for (query, header, value, code, expected) in [
        ("/none/a", "x", "y", "not_found", 404),
        ("/dir", "x", "y", "exists", 409),
        ("/", "x", "y", "bad_request", 400),
        ("/dir/b&conflict=merge", "x", "y", "bad_request", 400),
        ("/dir/b", "x-mtime", "yesterday", "bad_request", 400),
        ("/dir/b", "x-sha1", "abc", "bad_request", 400),
        ("/dir/b", "x-sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "bad_request", 400),
        ("/dir/b", "content-range", "bytes 0-1/2", "bad_request", 400),
    ] {
        let (status, told) = sent(put(&world, query, "x").header(header, value)).await;
        assert_eq!((status, told["code"].as_str()), (expected, Some(code)), "{query} {value}: {told}");
    }
    assert_eq!(world.sim.read("/dir/b"), None);
}

// Keeps 131.
#[tokio::test]
async fn a_lock_of_a_program_holds_for_pages_too() {
    let world = Fixture::start().await;
    world.sim.write("/a.txt", "old");
    let lock = "<D:lockinfo xmlns:D=\"DAV:\"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>";
    assert_eq!(world.request("LOCK", "/dav/a.txt").body(lock).send().await.unwrap().status(), 200);
    let (status, told) = sent(put(&world, "/a.txt&conflict=replace", "new")).await;
    assert_eq!((status, told["code"].as_str()), (503, Some("busy")), "{told}");
    let (_, told) = post(&world, "delete", json!({ "paths": ["/a.txt"] })).await;
    assert_eq!((&told["results"][0]["ok"], &told["results"][0]["code"]), (&json!(false), &json!("busy")), "{told}");
    assert_eq!(text(&world, "/a.txt").as_deref(), Some("old"));
}

// Keeps 132.
#[tokio::test]
async fn each_path_of_a_change_is_told_by_itself() {
    let world = Fixture::start().await;
    let strange = "/from/& < ' % # ? + 空格 😀.txt";
    world.sim.write(strange, "s");
    world.sim.write("/from/b.txt", "b");
    world.sim.write("/to/b.txt", "old");
    world.sim.write("/from/tree/c.txt", "c");
    assert_eq!(post(&world, "mkdir", json!({ "path": "/new" })).await.0, 200);
    assert_eq!(post(&world, "mkdir", json!({ "path": "/new" })).await.1["code"], "exists");
    assert_eq!(post(&world, "mkdir", json!({ "path": "/no/new" })).await.1["code"], "not_found");
    let (status, told) =
        post(&world, "move", json!({ "paths": [strange, "/from/b.txt", "/from/none", "/"], "to": "/to" })).await;
    let codes: Vec<_> = told["results"].as_array().unwrap().iter().map(|one| one["code"].as_str()).collect();
    assert_eq!((status, codes), (200, vec![None, Some("exists"), Some("not_found"), Some("bad_request")]), "{told}");
    assert_eq!(told["results"][0]["to"], strange.replace("/from", "/to"));
    assert_eq!(text(&world, &strange.replace("/from", "/to")).as_deref(), Some("s"));
    assert_eq!(
        (text(&world, "/from/b.txt").as_deref(), text(&world, "/to/b.txt").as_deref()),
        (Some("b"), Some("old"))
    );
    let (_, told) =
        post(&world, "copy", json!({ "paths": ["/from/b.txt", "/from/tree"], "to": "/to", "conflict": "keep_both" }))
            .await;
    assert_eq!(told["results"][0]["to"], "/to/b (1).txt", "{told}");
    assert_eq!(text(&world, "/to/tree/c.txt").as_deref(), Some("c"));
    let (_, told) = post(&world, "copy", json!({ "paths": ["/to/b.txt"], "to": "/to", "conflict": "keep_both" })).await;
    assert_eq!(told["results"][0]["to"], "/to/b (2).txt", "{told}");
    let (_, told) = post(&world, "move", json!({ "paths": ["/from/b.txt"], "to": "/to", "conflict": "replace" })).await;
    assert_eq!((&told["results"][0]["ok"], text(&world, "/to/b.txt").as_deref()), (&json!(true), Some("b")), "{told}");
    let (_, told) = post(&world, "move", json!({ "paths": ["/to"], "to": "/to/tree" })).await;
    assert_eq!(told["results"][0]["ok"], false, "{told}");
    let (_, told) = post(&world, "rename", json!({ "path": "/to/b.txt", "name": "ü.txt" })).await;
    assert_eq!((&told["to"], text(&world, "/to/ü.txt").as_deref()), (&json!("/to/ü.txt"), Some("b")));
    for name in ["", ".", "..", "a/b", "a\u{0}b", &"x".repeat(2000)] {
        assert_eq!(
            post(&world, "rename", json!({ "path": "/to/ü.txt", "name": name })).await.1["code"],
            "bad_name",
            "{name}"
        );
    }
    assert_eq!(post(&world, "rename", json!({ "path": "/to/ü.txt", "name": "tree" })).await.1["code"], "exists");
    let (_, told) = post(&world, "delete", json!({ "paths": ["/to/tree", "/to/none"] })).await;
    assert_eq!((&told["results"][0]["ok"], &told["results"][1]["code"]), (&json!(true), &json!("not_found")), "{told}");
    assert_eq!(world.sim.read("/to/tree/c.txt"), None);
    let many: Vec<String> = (0..1001).map(|n| format!("/{n}")).collect();
    for (call, body) in
        [("delete", json!({ "paths": many })), ("delete", json!({ "paths": "/to" })), ("move", json!([1]))]
    {
        assert_eq!(post(&world, call, body).await.0, 400, "{call}");
    }
    let form = world.request("POST", "/api/delete").header("content-type", "text/plain").body("{\"paths\":[\"/to\"]}");
    assert_eq!(sent(form).await.0, 400);
    assert!(world.sim.read("/to/ü.txt").is_some());
}

fn reader(config: &mut Config) {
    let user = |name: &str, base: &str, permission| User {
        name: name.into(),
        password: "secret".into(),
        base_path: base.into(),
        permission,
    };
    config.anonymous = Permission::None;
    config.users = vec![user("kid", "/films", Permission::Read), user("me", "/", Permission::Write)];
}

// Keeps 128.
#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    let world = Fixture::with(|config| {
        reader(config);
        let mut locked = Mount::at("/locked", "main");
        locked.read_only = true;
        config.mounts.push(locked);
    })
    .await;
    world.sim.write("/films/a", "a");
    let as_kid =
        |method: &str, call: &str| world.request(method, &format!("/api/{call}")).basic_auth("kid", Some("secret"));
    for (call, body) in [
        ("mkdir", json!({ "path": "/x" })),
        ("rename", json!({ "path": "/a", "name": "b" })),
        ("move", json!({ "paths": ["/a"], "to": "/" })),
        ("copy", json!({ "paths": ["/a"], "to": "/" })),
        ("delete", json!({ "paths": ["/a"] })),
        ("star", json!({ "path": "/a", "starred": true })),
        ("signin/start", json!({})),
    ] {
        let (status, told) = sent(as_kid("POST", call).json(&body)).await;
        assert_eq!((status, told["code"].as_str()), (403, Some("forbidden")), "{call}: {told}");
    }
    assert_eq!(sent(as_kid("PUT", "file?path=/b").body("x")).await.0, 403);
    let me = world.request("PUT", "/api/file?path=/locked/x").basic_auth("me", Some("secret")).body("x");
    let (status, told) = sent(me).await;
    assert_eq!((status, told["code"].as_str()), (403, Some("read_only")), "{told}");
    assert_eq!(text(&world, "/films/a").as_deref(), Some("a"));
}

// Keeps 133.
#[tokio::test]
async fn a_link_opens_one_file_until_its_end_or_a_new_key() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("alidav.db");
    let world = Fixture::with(|config| {
        reader(config);
        config.state = alidav::config::StateLocation::File(state.clone());
    })
    .await;
    world.sim.write("/films/片 1.mkv", "film");
    let make = async |body: Value| {
        sent(world.request("POST", "/api/link").basic_auth("kid", Some("secret")).json(&body)).await
    };
    let (status, told) = make(json!({ "path": "/片 1.mkv", "hours": 2 })).await;
    assert_eq!(status, 200, "{told}");
    let left = told["expires_at"].as_i64().unwrap() - UnixMillis::now().0;
    assert!((7_100_000..=7_200_000).contains(&left), "{left}");
    let url = told["url"].as_str().unwrap();
    assert!(url.starts_with(&world.url("/d/films/")), "{url}");
    assert_eq!(world.http.get(url).send().await.unwrap().text().await.unwrap(), "film");
    for other in [
        url.replace("/d/films/", "/d/"),
        url.replace("%201", "%202"),
        format!("{url}0"),
        world.url("/d/films/%E7%89%87%201.mkv"),
    ] {
        assert_eq!(world.http.get(&other).send().await.unwrap().status(), 401, "{other}");
    }
    for (body, code) in [
        (json!({ "path": "/../private" }), "bad_request"),
        (json!({ "path": "/none" }), "not_found"),
        (json!({ "path": "/" }), "bad_request"),
        (json!({ "path": "/片 1.mkv", "hours": 0 }), "bad_request"),
        (json!({ "path": "/片 1.mkv", "hours": 100_000 }), "bad_request"),
    ] {
        assert_eq!(make(body.clone()).await.1["code"], code, "{body}");
    }
    alidav::state::Store::open(&alidav::config::StateLocation::File(state))
        .await
        .unwrap()
        .renew_link_key()
        .await
        .unwrap();
    assert_eq!(world.http.get(url).send().await.unwrap().status(), 401);
}

// Keeps 143.
#[tokio::test]
async fn who_may_change_everything_ends_all_links() {
    let world = Fixture::with(reader).await;
    world.sim.write("/films/a", "film");
    let post = |name: &str, call: &str, body: Value| {
        sent(world.request("POST", &format!("/api/{call}")).basic_auth(name.to_owned(), Some("secret")).json(&body))
    };
    let link = post("kid", "link", json!({ "path": "/a" })).await.1;
    let code = link["qr_svg"].as_str().unwrap();
    assert!(code.starts_with("<?xml") && code.contains("<svg"), "{code:.100}");
    let open = async || world.http.get(link["url"].as_str().unwrap()).send().await.unwrap().status().as_u16();
    assert_eq!(open().await, 200);
    let (status, told) = post("kid", "links/end", json!({})).await;
    assert_eq!((status, told["code"].as_str(), open().await), (403, Some("forbidden"), 200));
    assert_eq!((post("me", "links/end", json!({})).await.0, open().await), (204, 401));
    let session =
        async |name: &str| sent(world.request("GET", "/api/session").basic_auth(name, Some("secret"))).await.1;
    assert_eq!(
        (&session("me").await["features"]["all"], &session("kid").await["features"]["all"]),
        (&json!(true), &json!(false))
    );
    let status = async |name: &str| sent(world.request("GET", "/api/status").basic_auth(name, Some("secret"))).await.1;
    assert!(status("me").await["log"].is_array() && status("kid").await["log"].is_null());
}

#[tokio::test]
async fn the_status_tells_of_the_caller_s_part_and_what_to_do() {
    let world = Fixture::with(reader).await;
    world.sim.write("/films/a", "a");
    let ask = async |name: &str| sent(world.request("GET", "/api/status").basic_auth(name, Some("secret"))).await.1;
    let list = world.request("GET", "/api/list?path=/").basic_auth("me", Some("secret"));
    assert_eq!(sent(list).await.0, 200);
    let told = ask("me").await;
    assert_eq!((&told["accounts"][0]["name"], &told["mounts"][0]["path"]), (&json!("main"), &json!("/")), "{told}");
    assert!(told["space"][0]["total"].as_u64().unwrap() > 0, "{told}");
    world.sim.revoke_refresh_tokens();
    world.sim.expire_access_tokens();
    let (status, list) =
        sent(world.request("GET", "/api/list?path=/&refresh=1").basic_auth("kid", Some("secret"))).await;
    assert_eq!((status, list["code"].as_str()), (503, Some("sign_in_needed")), "{list}");
    let told = ask("kid").await;
    assert_eq!(told["accounts"][0]["state"], "sign_in_needed", "{told}");
    assert!(told["errors"][0]["words"].as_str().unwrap().contains("alidav login"), "{told}");
    assert!(
        told["calls"].as_array().unwrap().iter().any(|one| one["class"] == "list" && one["calls"].as_u64() > Some(0)),
        "{told}"
    );
}

// Keeps 145.
#[tokio::test]
async fn the_status_remembers_what_was_wrong_and_counts_uploads() {
    let world = Fixture::start().await;
    let errors = async || sent(world.request("GET", "/api/status")).await.1["errors"].as_array().unwrap().clone();
    assert_eq!(errors().await, Vec::<Value>::new());
    let full = FaultKind::Code { status: 403, code: "QuotaExhausted.Drive".to_owned(), retry_after_ms: None };
    world.sim.fault(Fault::once("openFile/create", full));
    assert_eq!(sent(put(&world, "/a", "x")).await.0, 507);
    // It is over with the next call that succeeds, and a service that is away is told once, however often it is asked.
    let broken = FaultKind::Text { status: 502, body: "away".to_owned() };
    world.sim.fault(Fault::always("openFile/list", broken));
    for _ in 0..2 {
        assert_ne!(sent(world.request("GET", "/api/list?path=/&refresh=1")).await.0, 200);
    }
    let told = errors().await;
    assert_eq!((told.len(), &told[0]["account"], &told[0]["at"]), (2, &json!("main"), &Value::Null), "{told:?}");
    assert!(told[0]["words"].as_str().unwrap().contains("unavailable"), "{told:?}");
    assert!(told[1]["words"].as_str().unwrap().contains("quota") && told[1]["at"].is_i64(), "{told:?}");
    world.sim.clear_faults();
    assert_eq!(sent(world.request("GET", "/api/list?path=/&refresh=1")).await.0, 200);
    let told = errors().await;
    assert!(told.len() == 2 && told.iter().all(|error| error["at"].is_i64()), "{told:?}");
    let running = async || sent(world.request("GET", "/api/status")).await.1["uploads"]["running"].clone();
    let mut gate = world.sim.gate("openFile/complete", &[Moment::Start]);
    let upload = tokio::spawn(put(&world, "/b", "x").send());
    let held = gate.arrival().await;
    assert_eq!(running().await, 1);
    drop((held, gate));
    assert_eq!(upload.await.unwrap().unwrap().status(), 201);
    assert_eq!(running().await, 0);
}
