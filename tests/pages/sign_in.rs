//! Signing in and out of the pages, and signing the drive itself in.

use alidav::config::{Permission, StateLocation, User};
use alidav::sim::{CLIENT_ID, CLIENT_SECRET};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::world::{World, one_user, page_of};

impl World {
    /// Fills the login's form and sends it.
    async fn sign_in(&self, name: &str, password: &str) {
        self.fill("[name=username]", name).await;
        self.fill("[name=password]", password).await;
        self.click("button", "Sign in").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_signs_in_comes_to_the_page_he_asked_for_and_signs_out() {
    let world = World::with(one_user).await;
    world.site.sim.write("/a & b/c.txt", "text");
    world.visit_file("/a & b/").await;
    world.until("location.pathname === '/login'").await;
    world.provokes("401");
    world.sign_in("me", "wrong").await;
    world.sees("[role=alert]", "Name or password is wrong").await;
    world.sign_in("me", "secret").await;
    world.lists(&["c.txt"]).await;
    assert_eq!(world.path().await, page_of("/a & b/"));
    world.click("button", "You and settings").await;
    world.sees("[role=menu]", "").await;
    world.reads("Signed in as me").await;
    world.click("[role=menuitem]", "Sign out").await;
    world.until("location.pathname === '/login'").await;
    world.visit_file("/").await;
    world.until("location.pathname === '/login'").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_in_particular_is_no_error_of_the_page() {
    let world = World::with(one_user).await;
    world.visit("/status").await;
    world.until("location.pathname === '/login'").await;
    assert_eq!(world.text("new URLSearchParams(location.search).get('next')").await, "/status");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_leads_nowhere_but_to_our_own_pages() {
    let world = World::with(one_user).await;
    let elsewhere =
        ["//elsewhere.example/", "/\\elsewhere.example", "https://elsewhere.example/", "javascript:alert(1)"];
    for next in elsewhere {
        let next = percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC);
        world.visit(&format!("/login?next={next}")).await;
        world.sign_in("me", "secret").await;
        world.until("location.pathname === '/files/'").await;
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_passwords_is_told_how_long_to_wait() {
    let world = World::with(one_user).await;
    world.visit("/login").await;
    world.fill("[name=username]", "me").await;
    world.fill("[name=password]", "secret").await;
    // Each further one is made to wait longer; the first wait is over before a person has read of it.
    crate::harness::eventually(async || {
        let wrong = json!({ "name": "me", "password": "wrong" });
        let answer = world.site.request("POST", "/api/session").json(&wrong).send().await.unwrap();
        let told: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        told["retry_after_ms"].as_u64() > Some(3000)
    })
    .await;
    world.provokes("429");
    world.click("button", "Sign in").await;
    world.reads("Too many wrong passwords. Try again in ").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_a_restart_and_ends_everywhere_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alidav.db");
    let world = World::with(|config| {
        one_user(config);
        config.state = StateLocation::File(file.clone());
    })
    .await;
    world.site.sim.write("/a.txt", "text");
    world.visit("/login").await;
    world.sign_in("me", "secret").await;
    world.lists(&["a.txt"]).await;
    let world = world.restart().await;
    world.visit_file("/").await;
    world.lists(&["a.txt"]).await;
    // Another browser of the same user ends all.
    let login = json!({ "name": "me", "password": "secret" });
    let other = world.site.request("POST", "/api/session").json(&login).send().await.unwrap();
    let cookie = other.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let all = world.site.request("DELETE", "/api/session?everywhere=1").header("cookie", cookie);
    assert_eq!(all.header("sec-fetch-site", "same-origin").send().await.unwrap().status(), 204);
    world.provokes("401");
    world.click("button", "Refresh").await;
    world.until("location.pathname === '/login'").await;
    world.sign_in("me", "secret").await;
    world.lists(&["a.txt"]).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_page_changes_nothing() {
    // Whoever comes may write, so that nothing but where the call comes from stands in its way.
    let world = World::open().await;
    world.site.sim.write("/a.txt", "text");
    let target = world.site.url("/api/delete");
    let body = r#"{"paths":["/a.txt"],"x":""#;
    let page = format!(
        "<form method=post enctype=text/plain action='{target}'><input name='{body}' value='\"}}'><button>Send</button></form>\
         <script>fetch('{target}', {{ method: 'POST', mode: 'no-cors', body: '{{\"paths\":[\"/a.txt\"]}}' }})\
         .finally(() => {{ document.title = 'sent' }})</script>"
    );
    world.provokes("403");
    let elsewhere = elsewhere(page).await;
    world.goto(&format!("http://{elsewhere}/")).await;
    world.until("document.title === 'sent'").await;
    world.click("button", "Send").await;
    world.until("location.pathname === '/api/delete'").await;
    world.reads("\"code\":\"forbidden\"").await;
    assert_eq!(world.site.sim.read("/a.txt").unwrap(), b"text");
    world.finish_with(&[elsewhere]).await;
}

/// Another site: to browsers, this machine's name is another than its number. It has one page.
async fn elsewhere(page: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
        page.len()
    );
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            if stream.read(&mut head).await.is_ok_and(|read| read > 0) {
                stream.write_all(answer.as_bytes()).await.ok();
            }
        }
    });
    format!("localhost:{port}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_signed_out_says_so_and_what_to_do_here() {
    let reader = |config: &mut alidav::config::Config| {
        one_user(config);
        let reader = User { name: "kid".into(), permission: Permission::Read, ..config.users[0].clone() };
        config.users.push(reader);
    };
    let world = World::with(reader).await;
    world.site.sim.write("/dir/deep/a.txt", "text");
    world.visit("/login").await;
    world.sign_in("me", "secret").await;
    world.lists(&["dir"]).await;
    world.visit("/accounts").await;
    world.sees(".pill", "Works").await;
    world.sees("main button", "Sign in again").await;
    world.site.sim.revoke_refresh_tokens();
    world.site.sim.expire_access_tokens();
    assert_ne!(
        world
            .site
            .request("GET", "/api/list?path=/&refresh=1")
            .basic_auth("me", Some("secret"))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    world.click("main button", "Refresh").await;
    world.sees(".pill", "Signed out").await;
    world.reads("The drive's sign-in has ended. Sign in again here, with the drive's app on your phone.").await;
    world.sees("main button.primary", "Sign in by QR code").await;
    // The page of the state says how it is done without this page, and a folder leads here.
    world.visit("/status").await;
    world.reads("alidav login").await;
    world.provokes("503");
    world.visit_file("/dir/deep/").await;
    world.click("main a", "Accounts").await;
    world.sees("main button.primary", "Sign in by QR code").await;
    // Who may only look is not offered it.
    world.click("button", "You and settings").await;
    world.click("[role=menuitem]", "Sign out").await;
    world.until("location.pathname === '/login'").await;
    world.sign_in("kid", "secret").await;
    world.until("location.pathname !== '/login'").await;
    world.visit("/status").await;
    world.sees(".pill", "Signed out").await;
    world.until("!document.querySelector('nav [href$=\"/accounts\"]')").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drives_account_is_signed_in_by_its_code() {
    let world = World::with(|config| {
        let account = &mut config.accounts[0];
        account.refresh_token = None;
        account.client_id = Some(CLIENT_ID.to_owned());
        account.client_secret = Some(CLIENT_SECRET.into());
    })
    .await;
    world.site.sim.write("/a.txt", "text");
    world.provokes("503");
    world.visit_file("/").await;
    world.reads("The drive account is signed out.").await;
    world.click("main a", "Accounts").await;
    world.click("main button", "Sign in by QR code").await;
    world.sees("dialog img", "QR code to sign the drive in").await;
    let code = async || {
        let told = world.answer("/api/signin/start").await;
        told["qr_text"].as_str().unwrap().rsplit('=').next().unwrap().to_owned()
    };
    let first = code().await;
    assert!(world.site.sim.qr(&first, "refuse"));
    world.reads("It was refused in the app.").await;
    world.click("dialog button", "New code").await;
    world.sees("dialog img", "QR code to sign the drive in").await;
    let second = code().await;
    assert_ne!(first, second);
    assert!(world.site.sim.qr(&second, "scan"));
    world.reads("Now confirm it in the app.").await;
    assert!(world.site.sim.qr(&second, "confirm"));
    world.reads("demo is signed in.").await;
    world.click("dialog .dialog-main button", "Close").await;
    world.sees(".card", "").await;
    world.reads("Works").await;
    world.click("nav a", "Files").await;
    world.lists(&["a.txt"]).await;
    world.finish().await;
}
