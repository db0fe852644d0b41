//! What several servers on one database tell of themselves and of each other, and what of the pages is everywhere.

use alidav::config::{Config, Permission, User};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{eventually, header, rules};
use crate::pair::Pair;

async fn told(pair: &Pair, server: usize, path: &str) -> Value {
    pair.request(server, "GET", path).send().await.unwrap().json().await.unwrap()
}

fn me(config: &mut Config) {
    config.anonymous = Permission::None;
    let user =
        User { name: "me".into(), password: "secret".into(), base_path: "/".into(), permission: Permission::Write };
    config.users = vec![user];
}

// Keeps 173.
#[tokio::test(flavor = "multi_thread")]
async fn each_says_its_name_and_who_else_there_is() {
    let Some(pair) = Pair::start(rules(), |_| {}).await else { return };
    for (server, name) in [(0, "one"), (1, "two")] {
        eventually(async || told(&pair, server, "/healthz").await["instances"] == 2).await;
        assert_eq!(told(&pair, server, "/healthz").await["instance"], name);
        let told = told(&pair, server, "/api/status").await;
        let all = told["instances"]["all"].as_array().unwrap();
        let seen = all.iter().map(|one| (one["name"].as_str().unwrap(), one["own"] == true)).collect::<Vec<_>>();
        assert_eq!(seen, [("one", name == "one"), ("two", name == "two")], "{told}");
        assert!(all.iter().all(|one| one["started_at"].as_i64() <= told["instances"]["at"].as_i64()), "{told}");
        let metrics = pair.text(server, "/metrics").await;
        assert!(metrics.contains(&format!("alidav_instance_info{{name=\"{name}\"}} 1\n")), "{metrics}");
        assert!(metrics.contains("alidav_instances 2\n") && metrics.contains("alidav_instance_unseen_seconds "));
    }
    pair.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signed_in_at_one_is_signed_in_at_both_until_he_signs_out() {
    let Some(pair) = Pair::start(rules(), me).await else { return };
    let login = json!({ "name": "me", "password": "secret" });
    let answer = pair.request(0, "POST", "/api/session").json(&login).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let cookie = header(&answer, "set-cookie").split(';').next().unwrap().to_owned();
    let call = |server: usize, method: &str, path: &str| {
        let request = pair.request(server, method, path).header("cookie", &cookie);
        request.header("sec-fetch-site", "same-origin").header("sec-fetch-mode", "cors").send()
    };
    for server in [1, 0] {
        assert_eq!(call(server, "GET", "/api/status").await.unwrap().status(), 200);
    }
    assert!(call(0, "DELETE", "/api/session").await.unwrap().status().is_success());
    eventually(async || call(1, "GET", "/api/status").await.unwrap().status() == 401).await;
    pair.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_signed_by_one_opens_at_both_until_all_are_ended() {
    let Some(pair) = Pair::start(rules(), me).await else { return };
    pair.sim.write("/a.txt", "a file");
    let post = async |server: usize, call: &str, body: Value| {
        let request = pair.request(server, "POST", &format!("/api/{call}")).basic_auth("me", Some("secret"));
        request.json(&body).send().await.unwrap()
    };
    let answer: Value = post(0, "link", json!({ "path": "/a.txt" })).await.json().await.unwrap();
    let link: url::Url = answer["url"].as_str().unwrap().parse().unwrap();
    let path = format!("{}?{}", link.path(), link.query().unwrap());
    let open = async |server: usize| pair.request(server, "GET", &path).send().await.unwrap();
    for server in [1, 0] {
        let opened = open(server).await;
        assert_eq!((opened.status(), opened.text().await.unwrap()), (StatusCode::OK, "a file".to_owned()));
    }
    assert_eq!(post(1, "links/end", json!({})).await.status(), 204);
    for server in [0, 1] {
        assert_eq!(open(server).await.status(), 401);
    }
    pair.end().await;
}

// What a balancer has to keep together.
#[tokio::test(flavor = "multi_thread")]
async fn chunks_are_known_where_the_upload_was_begun_alone() {
    let Some(pair) = Pair::start(rules(), |_| {}).await else { return };
    let upload = "/remote.php/dav/uploads/anonymous/one";
    let (chunk, whole) = (format!("{upload}/00001"), format!("{upload}/.file"));
    assert_eq!(pair.request(0, "MKCOL", upload).send().await.unwrap().status(), 201);
    let elsewhere = pair.request(1, "PUT", &chunk).body("chunk").send().await.unwrap();
    assert_eq!(elsewhere.status(), 404);
    assert!(elsewhere.text().await.unwrap().contains("begin it anew"));
    assert_eq!(pair.put(0, &chunk, "chunk").await, 201);
    for (server, status) in [(1, 404), (0, 201)] {
        let to = pair.url(server, "/remote.php/dav/files/anonymous/a.txt");
        assert_eq!(
            pair.request(server, "MOVE", &whole).header("destination", to).send().await.unwrap().status(),
            status
        );
    }
    eventually(async || pair.text(1, "/dav/a.txt").await == "chunk").await;
    pair.end().await;
}
