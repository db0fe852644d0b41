//! The static documents: where they are, what they may load, how a browser keeps them.

use alidav::config::Config;

use crate::harness::{Fixture, header};

fn assets(shell: &str) -> &str {
    let at = shell.find("/assets/").unwrap();
    shell[..at + "/assets/".len() + 16].rsplit('"').next().unwrap()
}

// Keeps 119.
#[tokio::test]
async fn the_address_leads_to_the_files_and_webdav_stays_at_the_root() {
    let world = Fixture::start().await;
    for method in ["GET", "HEAD"] {
        let root = world.request(method, "/").send().await.unwrap();
        assert_eq!((root.status().as_u16(), header(&root, "location")), (302, "/files/"), "{method}");
    }
    assert_eq!(world.hrefs("/").await, ["/", "/dav/"]);
    assert_eq!(header(&world.request("OPTIONS", "/").send().await.unwrap(), "dav"), "1, 2, 3");
    for page in ["/files/", "/files/%E7%94%B5%E5%BD%B1/a%20b.mkv", "/login?next=/files/", "/accounts", "/status"] {
        let answer = world.get(page).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "cache-control")), (200, "no-cache"), "{page}");
        assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8");
        let again = world.request("GET", page).header("if-none-match", header(&answer, "etag")).send().await.unwrap();
        assert_eq!((again.status().as_u16(), again.bytes().await.unwrap().len()), (304, 0), "{page}");
        let posted = world.request("POST", page).send().await.unwrap();
        assert_eq!((posted.status().as_u16(), header(&posted, "allow")), (405, "GET, HEAD"));
    }
    let icon = world.get("/favicon.ico").await;
    assert_eq!((icon.status().as_u16(), header(&icon, "location")), (308, "/favicon.svg"));
    let head = world.head("/login").await;
    assert!(header(&head, "content-length").parse::<usize>().unwrap() > 100);
}

// Keeps 120.
#[tokio::test]
async fn a_page_loads_nothing_but_its_own_and_the_drive_s() {
    let world = Fixture::with(|config| config.web.media_hosts = vec!["http://127.0.0.1:9".to_owned()]).await;
    let answer = world.get("/files/").await;
    let hosts = "https://*.aliyundrive.net https://*.aliyundrive.cloud https://*.aliyuncs.com \
                 https://*.alicloudccp.com http://127.0.0.1:9";
    assert_eq!(
        header(&answer, "content-security-policy"),
        format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
             img-src 'self' data: blob: {hosts}; media-src 'self' blob: {hosts}; connect-src 'self' {hosts}; \
             worker-src 'self'; manifest-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'self'; object-src 'none'"
        )
    );
    assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    assert_eq!(header(&answer, "referrer-policy"), "same-origin");
    assert_eq!(header(&answer, "cross-origin-opener-policy"), "same-origin");
    assert_eq!(header(&answer, "permissions-policy"), "camera=(), microphone=(), geolocation=()");
}

// A second visit is to cost little: a browser that has the page gets neither it nor its headers again, unless one of
// them has changed.
#[tokio::test]
async fn a_page_comes_packed_and_then_not_at_all() {
    let world = Fixture::start().await;
    let ask = async |world: &Fixture, tag: &str| {
        let request = world.request("GET", "/files/").header("accept-encoding", "gzip").header("if-none-match", tag);
        request.send().await.unwrap()
    };
    let first = ask(&world, "\"0\"").await;
    assert_eq!((header(&first, "content-encoding"), header(&first, "vary")), ("gzip", "Accept-Encoding"));
    let tag = header(&first, "etag").to_owned();
    let again = ask(&world, &tag).await;
    assert_eq!((again.status().as_u16(), again.headers().get("content-security-policy")), (304, None));
    let other = Fixture::with(|config| config.web.media_hosts = vec!["http://127.0.0.1:9".to_owned()]).await;
    let other = ask(&other, &tag).await;
    assert!(header(&other, "content-security-policy").contains("127.0.0.1:9"));
}

// Keeps 121.
#[tokio::test]
async fn files_of_the_pages_are_kept_for_good_under_an_address_of_their_version() {
    let world = Fixture::start().await;
    let shell = world.get("/files/").await.text().await.unwrap();
    let script = format!("{}/app/main.js", assets(&shell));
    let plain = world.get(&script).await;
    assert_eq!(header(&plain, "content-type"), "text/javascript; charset=utf-8");
    assert_eq!(header(&plain, "cache-control"), "public, max-age=31536000, immutable");
    let tag = header(&plain, "etag").to_owned();
    let text = plain.text().await.unwrap();
    let again = world.request("GET", &script).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    let icon = world.request("GET", "/favicon.svg").header("accept-encoding", "gzip, br").send().await.unwrap();
    let packed = world.request("GET", &script).header("accept-encoding", "br, gzip").send().await.unwrap();
    assert_eq!((icon.status().as_u16(), header(&packed, "vary")), (200, "Accept-Encoding"));
    if header(&packed, "content-encoding") == "gzip" {
        assert_ne!(header(&packed, "etag"), tag);
        assert!(packed.bytes().await.unwrap().len() < text.len());
    }
    for gone in ["/assets/0000000000000000/app/main.js", "/assets/x", &format!("{}/../Cargo.toml", assets(&shell))] {
        assert_eq!(world.get(gone).await.status(), 404, "{gone}");
    }
    let manifest: serde_json::Value = world.get("/manifest.webmanifest").await.json().await.unwrap();
    assert_eq!(manifest["start_url"], "/files/");
}

fn below_a_path(config: &mut Config) {
    config.public_url = Some("https://example.org/cloud/".parse().unwrap());
    config.web.title = "</script><b>".to_owned();
}

// Keeps 122.
#[tokio::test]
async fn everything_can_be_below_a_path_of_a_host() {
    let world = Fixture::with(below_a_path).await;
    world.sim.write("/a.txt", "x");
    for root in ["/cloud", "/cloud/"] {
        assert_eq!(header(&world.get(root).await, "location"), "/cloud/files/");
    }
    let shell = world.get("/cloud/files/x").await.text().await.unwrap();
    let boot = shell.split_once("id=\"boot\">").unwrap().1.split_once("</script>").unwrap().0;
    let boot: serde_json::Value = serde_json::from_str(boot).unwrap();
    assert_eq!((&boot["base"], &boot["title"]), (&"/cloud".into(), &"</script><b>".into()));
    assert_eq!(boot["assets"].as_str().unwrap(), assets(&shell));
    assert!(!shell.contains("<b>"), "{shell}");
    assert_eq!(world.get(&format!("{}/app/main.js", boot["assets"].as_str().unwrap())).await.status(), 200);
    assert_eq!(world.hrefs("/cloud/dav/").await, ["/cloud/dav/", "/cloud/dav/a.txt"]);
    assert_eq!(world.hrefs("/cloud/").await, ["/cloud/", "/cloud/dav/"]);
    let moved = world.request("MOVE", "/cloud/dav/a.txt").header("destination", "https://example.org/cloud/dav/b.txt");
    assert_eq!(moved.send().await.unwrap().status(), 201);
    assert_eq!(world.get("/cloud/dav/b.txt").await.text().await.unwrap(), "x");
    for beside in ["/cloudy/files/", "/files/", "/dav/a.txt"] {
        assert_eq!(world.get(beside).await.status(), 404, "{beside}");
    }
    assert_eq!(world.get("/healthz").await.status(), 200);
    assert_eq!(world.get("/cloud/healthz").await.status(), 200);
}

#[tokio::test]
async fn pages_can_be_off() {
    let off = Fixture::with(|config| config.web.enabled = false).await;
    assert_eq!(off.get("/files/").await.status(), 404);
    assert!(off.get("/").await.text().await.unwrap().contains("/dav/"));
    // At the root everything is WebDAV's.
    let root = Fixture::with(|config| config.dav_prefix = String::new()).await;
    root.sim.write("/login", "a file");
    assert_eq!(root.get("/login").await.text().await.unwrap(), "a file");
}
