//! Signing in and out on the pages.

use alidav::config::{Permission, StateLocation, User};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::harness::{Fixture, header};

fn user(name: &str, base_path: &str, permission: Permission) -> User {
    User { name: name.into(), password: "secret".into(), base_path: base_path.into(), permission }
}

pub(super) fn users(config: &mut alidav::config::Config) {
    config.anonymous = Permission::None;
    config.users = vec![
        user("me", "/", Permission::Write),
        user("kid", "/films", Permission::Read),
        user("out", "/", Permission::None),
    ];
}

async fn sign_in(world: &Fixture, name: &str, password: &str) -> Response {
    let login = json!({ "name": name, "password": password });
    world.request("POST", "/api/session").json(&login).send().await.unwrap()
}

/// `name=value` of the cookie that an answer sets.
fn cookie(answer: &Response) -> String {
    header(answer, "set-cookie").split(';').next().unwrap().to_owned()
}

/// As a page calls: with its cookie, and the word that it is ours.
fn call(world: &Fixture, method: &str, path: &str, cookie: &str) -> RequestBuilder {
    let request = world.request(method, path).header("cookie", cookie);
    request.header("sec-fetch-site", "same-origin").header("sec-fetch-mode", "cors")
}

/// How a call of the cookie's is answered, and whom it is told that it is of.
async fn who(world: &Fixture, cookie: &str) -> (u16, Value) {
    let status = call(world, "GET", "/api/status", cookie).send().await.unwrap().status().as_u16();
    let told = call(world, "GET", "/api/session", cookie).send().await.unwrap();
    (status, told.json().await.unwrap())
}

// Keeps 123.
#[tokio::test]
async fn a_session_is_a_cookie_of_the_pages_until_it_is_signed_out() {
    let world = Fixture::with(users).await;
    let answer = sign_in(&world, "kid", "secret").await;
    assert_eq!(answer.status(), 200);
    let set = header(&answer, "set-cookie").to_owned();
    assert!(set.starts_with("alidav="), "{set}");
    assert!(set.ends_with("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict"), "{set}");
    let cookie = cookie(&answer);
    let told: Value = answer.json().await.unwrap();
    assert_eq!((&told["user"], &told["permission"]), (&json!("kid"), &json!("read")));
    assert_eq!((&told["base_path"], &told["features"]["sign_in"]), (&json!("/films"), &json!(false)));
    assert_eq!(who(&world, &cookie).await.1["by"], "cookie");
    // It is good for nothing but the pages.
    let dav = call(&world, "PROPFIND", "/dav/", &cookie).header("depth", "0").send().await.unwrap();
    assert_eq!(dav.status(), 401);
    let out = call(&world, "DELETE", "/api/session", &cookie).send().await.unwrap();
    assert_eq!(out.status(), 204);
    assert!(header(&out, "set-cookie").starts_with("alidav=; Path=/; Max-Age=0;"), "{out:?}");
    let (status, told) = who(&world, &cookie).await;
    // To a page that asks who it is for, nobody is an answer and no failure.
    assert_eq!((status, &told["permission"], &told["user"]), (401, &json!("none"), &Value::Null));
    // A second time is no failure.
    assert_eq!(call(&world, "DELETE", "/api/session", &cookie).send().await.unwrap().status(), 204);
}

// Keeps 123.
#[tokio::test]
async fn over_https_the_cookie_goes_nowhere_else() {
    let world = Fixture::with(|config| {
        users(config);
        config.trusted_proxies = vec!["127.0.0.1".parse::<std::net::IpAddr>().unwrap().into()];
        config.public_url = Some("https://dav.example".parse().unwrap());
    })
    .await;
    let login = json!({ "name": "me", "password": "secret" });
    let https = world.request("POST", "/api/session").header("x-forwarded-proto", "https");
    let answer = https.json(&login).send().await.unwrap();
    let set = header(&answer, "set-cookie").to_owned();
    assert!(set.starts_with("__Host-alidav=") && set.ends_with("; SameSite=Strict; Secure"), "{set}");
    let named = world.request("POST", "/api/session").header("host", "dav.example").json(&login).send().await.unwrap();
    assert!(header(&named, "set-cookie").ends_with("; Secure"));
    let plain = world.request("POST", "/api/session").header("x-forwarded-proto", "http").json(&login);
    assert!(header(&plain.send().await.unwrap(), "set-cookie").starts_with("alidav="));
}

// Keeps 124.
#[tokio::test]
async fn a_session_outlives_a_restart_and_ends_with_the_password_or_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alidav.db");
    let world = Fixture::with(|config| {
        users(config);
        config.state = StateLocation::File(file.clone());
    })
    .await;
    let (first, second) = (sign_in(&world, "me", "secret").await, sign_in(&world, "me", "secret").await);
    let kid = cookie(&sign_in(&world, "kid", "secret").await);
    let (first, second) = (cookie(&first), cookie(&second));
    // Nothing in the file opens a session.
    let kept =
        std::fs::read(&file).unwrap().into_iter().chain(std::fs::read(folder.path().join("alidav.db-wal")).unwrap());
    let kept: Vec<u8> = kept.collect();
    let token = first.split_once('=').unwrap().1.as_bytes();
    assert!(!kept.windows(token.len()).any(|window| window == token));
    let world = world.restart().await;
    assert_eq!(who(&world, &first).await.0, 200);
    let all = call(&world, "DELETE", "/api/session?everywhere=1", &first).send().await.unwrap();
    assert_eq!(all.status(), 204);
    assert_eq!((who(&world, &first).await.0, who(&world, &second).await.0), (401, 401));
    assert_eq!(who(&world, &kid).await.0, 200);
    // What changes for the user holds from the next call on.
    let mut config = world.config.clone();
    config.users[1].permission = Permission::None;
    world.server.reload(&config).await.unwrap();
    assert_eq!(who(&world, &kid).await.0, 403);
    config.users[1] = User { password: "other".into(), ..user("kid", "/films", Permission::Read) };
    world.server.reload(&config).await.unwrap();
    assert_eq!(who(&world, &kid).await.0, 401);
    config.users.remove(1);
    world.server.reload(&config).await.unwrap();
    assert_eq!(who(&world, &kid).await.0, 401);
}

// Keeps 125.
#[tokio::test]
async fn wrong_passwords_are_slowed_as_elsewhere_and_no_browser_is_challenged() {
    let world = Fixture::with(users).await;
    for name in ["me", "nobody", "", "a:b", "a\u{0}b"] {
        let answer = sign_in(&world, name, "wrong").await;
        assert_eq!((answer.status().as_u16(), header(&answer, "www-authenticate")), (401, ""), "{name}");
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], "unauthenticated");
    }
    for body in
        ["{\"name\": \"me\"}", "[]", "{\"name\": \"\\ud800\", \"password\": \"x\"}", "{\"name\": 1, \"password\": 2}"]
    {
        let sent = world.request("POST", "/api/session").header("content-type", "application/json").body(body);
        assert_eq!(sent.send().await.unwrap().status(), 400, "{body}");
    }
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(10 << 20));
    let sent = world.request("POST", "/api/session").header("content-type", "application/json").body(large);
    assert_eq!(sent.send().await.unwrap().status(), 413);
    assert_eq!(sign_in(&world, "out", "secret").await.status(), 403);
    for _ in 0..6 {
        sign_in(&world, "me", "wrong").await;
    }
    let locked = sign_in(&world, "me", "secret").await;
    assert_eq!(locked.status(), 429);
    let told: Value = locked.json().await.unwrap();
    assert!(told["code"] == "throttled" && told["retry_after_ms"].as_u64().unwrap() > 0, "{told}");
    for (name, value) in [("sec-fetch-mode", "cors"), ("user-agent", "Mozilla/5.0 (X11)")] {
        let asked = world.request("GET", "/api/list").header(name, value).send().await.unwrap();
        assert_eq!((asked.status().as_u16(), header(&asked, "www-authenticate")), (401, ""), "{name}");
    }
    let program = world.get("/api/session").await;
    assert!(header(&program, "www-authenticate").starts_with("Basic"));
    let kid = world.request("GET", "/api/session").basic_auth("kid", Some("secret")).send().await.unwrap();
    assert_eq!(kid.json::<Value>().await.unwrap()["by"], "basic");
}

// Keeps 126.
#[tokio::test]
async fn another_site_s_page_is_not_heard() {
    let world = Fixture::with(users).await;
    let cookie = cookie(&sign_in(&world, "me", "secret").await);
    for (name, value) in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil")]
    {
        for method in ["GET", "POST", "DELETE", "PUT"] {
            let asked = world.request(method, "/api/session").header("cookie", &cookie).header(name, value);
            let answer = asked.send().await.unwrap();
            assert_eq!(answer.status(), 403, "{method} {name} {value}");
        }
    }
    // A session is a browser's, which tells where a change comes from.
    let silent = world.request("DELETE", "/api/session").header("cookie", &cookie).send().await.unwrap();
    assert_eq!(silent.status(), 403);
    assert_eq!(who(&world, &cookie).await.0, 200);
    for forged in ["alidav=", "alidav=AAAA", &format!("alidav={}", "A".repeat(43)), "alidav=\u{7f}", "__Host-alidav=x"]
    {
        assert_eq!(who(&world, &forged.replace('\u{7f}', "~")).await.0, 401, "{forged}");
    }
}

#[tokio::test]
async fn strangers_are_told_what_they_may() {
    let world = Fixture::with(|config| config.anonymous = Permission::Read).await;
    let told: Value = world.get("/api/session").await.json().await.unwrap();
    assert_eq!((&told["user"], &told["permission"], &told["by"]), (&Value::Null, &json!("read"), &json!("anonymous")));
    let none = world.get("/api/nonsense").await;
    assert_eq!((none.status().as_u16(), header(&none, "cache-control")), (404, "no-store"));
    let off = Fixture::with(|config| config.web.enabled = false).await;
    assert_eq!(off.get("/api/session").await.status(), 404);
    assert_eq!(sign_in(&off, "me", "secret").await.status(), 404);
}
