//! Which way a download goes, and the calls of download proxies.

use alidav::config::{ClientRule, LinkPolicy};
use alidav::link::sign::{sign, verify};

use crate::harness::{Fixture, header};
use alidav::clock::UnixSeconds;

const TOKEN: &str = "example-token-0123456789";

async fn world(policy: LinkPolicy) -> Fixture {
    let world = Fixture::with(|config| {
        let mount = &mut config.mounts[0];
        mount.link_policy = policy;
        mount.down_proxy_urls = vec!["https://proxy.example".parse().unwrap()];
        mount.down_proxy_token = Some(TOKEN.into());
        config.anonymous = alidav::config::Permission::Read;
    })
    .await;
    world.by_links_alone();
    world.sim.write("/电影/a b.mp4", "film");
    world
}

const FILM: &str = "/dav/%E7%94%B5%E5%BD%B1/a%20b.mp4";

// Keeps 43.
#[tokio::test]
async fn a_redirect_works_without_a_password_and_must_not_be_remembered() {
    let world = world(LinkPolicy::Redirect).await;
    let answer = world.request("GET", FILM).header("user-agent", "Kodi/20.1").send().await.unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!((header(&answer, "cache-control"), header(&answer, "referrer-policy")), ("no-store", "no-referrer"));
    let target = header(&answer, "location").to_owned();
    assert!(target.contains("%20filename%2A%3DUTF-8%27%27"), "the link is not as the drive wrote it: {target}");
    let direct = world.http.get(&target).header("range", "bytes=1-2").send().await.unwrap();
    assert_eq!((direct.status().as_u16(), direct.text().await.unwrap().as_str()), (206, "il"));
    // HEAD is answered here: the link is signed for GET.
    let head = world.request("HEAD", FILM).header("user-agent", "Kodi/20.1").send().await.unwrap();
    assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, "4"));
    assert_eq!(world.http.head(&target).send().await.unwrap().status(), 403);
}

// Keeps 47.
#[tokio::test]
async fn only_programs_that_are_known_to_follow_are_redirected() {
    let world = world(LinkPolicy::Redirect).await;
    for agent in [
        "rclone/v1.70",
        "Microsoft-WebDAV-MiniRedir/10.0.22621",
        "WebDAVFS/3.0.0",
        "davfs2/1.7 neon/0.33",
        "Python-urllib/3.11",
        "Python/3.11 aiohttp/3.9.5",
        "Java-http-client/21.0.1",
        "okhttp/4.12.0",
        "Dart/3.4 (dart:io)",
        "Mozilla/5.0 (compatible; DAVx5/4.4)",
        "SomebodysPlayer/1.0",
        "",
    ] {
        let answer = world.get_as(agent, FILM).await;
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "film"), "{agent}");
    }
    // Nor is one that names nothing.
    assert_eq!(world.get(FILM).await.status(), 200);
    for agent in ["Infuse-Direct/8.5.2", "gvfs/1.50.3", "curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64) KIO/5.116"] {
        assert_eq!(world.get_as(agent, FILM).await.status(), 302, "{agent}");
    }
}

#[tokio::test]
async fn a_program_that_follows_in_its_own_way_reads_by_the_default_policy() {
    let world = world(LinkPolicy::Redirect).await;
    // As the library comes: it follows, and adds a Referer.
    let http = crate::harness::builder().build().unwrap();
    let read = async |policy: &str| {
        let answer = http.get(world.url(&format!("{FILM}{policy}"))).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, told) = read("?link_policy=redirect").await;
    assert!(status == 403 && told.contains("referer"), "a redirect would serve it: {status} {told}");
    assert_eq!(read("").await, (200, "film".to_owned()));
}

// Keeps 47.
#[tokio::test]
async fn a_rule_forces_either_way() {
    let rule = |agent: &str, link_policy| ClientRule {
        user_agent: Some(regex::Regex::new(agent).unwrap()),
        network: None,
        user: None,
        link_policy,
    };
    let world = Fixture::with(|config| {
        config.mounts[0].link_policy = LinkPolicy::Redirect;
        config.clients = vec![rule("^VLC/", LinkPolicy::Proxy), rule("我的播放器", LinkPolicy::Redirect)];
    })
    .await;
    world.sim.write("/a", "film");
    assert_eq!(world.get_as("VLC/3.0.20 LibVLC/3.0.20", "/dav/a").await.status(), 200);
    assert_eq!(world.get_as("我的播放器/1.0", "/dav/a").await.status(), 302);
    assert_eq!(world.get_as("我的播放器/1.0", "/dav/a?link_policy=proxy").await.status(), 200);
}

// Keeps 47.
#[tokio::test]
async fn a_request_can_name_its_policy() {
    let world = world(LinkPolicy::Proxy).await;
    assert_eq!(world.get(&format!("{FILM}?link_policy=302_redirect")).await.status(), 302);
    assert_eq!(world.get(&format!("{FILM}?link_policy=proxy")).await.status(), 200);
    assert_eq!(world.get(&format!("{FILM}?link_policy=nonsense")).await.status(), 400);
    let proxied = world.get(&format!("{FILM}?link_policy=proxy_url")).await;
    let (base, given) =
        header(&proxied, "location").split_once("?sign=").map(|(b, s)| (b.to_owned(), s.to_owned())).unwrap();
    assert_eq!(base, "https://proxy.example/%E7%94%B5%E5%BD%B1/a%20b.mp4");
    assert_eq!(verify(TOKEN, "/电影/a b.mp4", &given, UnixSeconds(0)), Ok(()));
}

// Keeps 78.
#[tokio::test]
async fn a_download_proxy_gets_its_link_as_alist_s_would() {
    let world = world(LinkPolicy::ProxyUrl).await;
    let ask = |token: &'static str, path: &str| {
        let body = serde_json::json!({ "path": path }).to_string();
        let request = world.request("POST", "/api/fs/link").header("authorization", token);
        let request = request.header("content-type", "application/json;charset=UTF-8").body(body).send();
        async { serde_json::from_str::<serde_json::Value>(&request.await.unwrap().text().await.unwrap()).unwrap() }
    };
    let answer = ask(TOKEN, "/电影/a b.mp4").await;
    assert_eq!((answer["code"].as_u64(), answer["message"].as_str()), (Some(200), Some("success")));
    let direct = world.http.get(answer["data"]["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(direct.text().await.unwrap(), "film");
    world.hrefs("/dav/").await;
    world.hrefs("/dav/%E7%94%B5%E5%BD%B1/").await;
    world.sim.reset_calls();
    assert_eq!(ask("wrong", "/电影/a b.mp4").await["code"], 401);
    assert_eq!(ask(TOKEN, "/电影/none.mp4").await["code"], 404);
    assert_eq!(ask(TOKEN, "/电影").await["code"], 400);
    assert_eq!(ask(TOKEN, "/../x").await["code"], 400);
    assert_eq!(world.sim.api_calls(), 0);
}

// Keeps 78.
#[tokio::test]
async fn a_signed_link_opens_one_file_until_its_time() {
    let world = world(LinkPolicy::Proxy).await;
    let below = FILM.strip_prefix("/dav").unwrap();
    let link = |path: &str, sign: &str| format!("/d{path}?sign={sign}");
    let now = UnixSeconds::now();
    let good = sign(TOKEN, "/电影/a b.mp4", now.plus(60));
    let answer = world.get(&link(below, &good)).await;
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "film"));
    let ranged = world.range(&link(below, &good), "bytes=0-0").await;
    assert_eq!(ranged.status(), 206);
    assert_eq!(world.get(&link("/%E7%94%B5%E5%BD%B1/other", &good)).await.status(), 401);
    let over = world.get(&link(below, &sign(TOKEN, "/电影/a b.mp4", now.plus(-1)))).await;
    assert_eq!((over.status().as_u16(), over.text().await.unwrap().contains("sign expired")), (401, true));
    assert_eq!(world.get(&format!("/d{below}")).await.status(), 401);
    assert_eq!(world.request("PUT", &link(below, &good)).send().await.unwrap().status(), 405);
}
