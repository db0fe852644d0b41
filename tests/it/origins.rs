//! Programs within a browser that come from other origins, and documents that are packed for who takes it.

use std::io::Read as _;

use alidav::config::{LinkPolicy, Permission, User};
use reqwest::{RequestBuilder, Response};

use crate::harness::{Fixture, header};

const APP: &str = "app://obsidian.md";
const KODI: &str = "Kodi/20.1 (X11; Linux x86_64)";

async fn server(origins: &[&str]) -> Fixture {
    let fixture = Fixture::with(|config| {
        config.cors_origins = origins.iter().map(|&origin| origin.to_owned()).collect();
        config.anonymous = Permission::None;
        config.mounts[0].link_policy = LinkPolicy::Redirect;
        config.users = vec![User {
            name: "me".into(),
            password: "secret".into(),
            base_path: "/".into(),
            permission: Permission::Write,
        }];
    });
    fixture.await
}

fn preflight(fixture: &Fixture, origin: &str) -> RequestBuilder {
    fixture
        .request("OPTIONS", "/dav/notes.md")
        .header("origin", origin)
        .header("access-control-request-method", "PROPFIND")
        .header("access-control-request-headers", "authorization,depth")
}

fn allowed(answer: &Response) -> (&str, &str) {
    (header(answer, "access-control-allow-origin"), header(answer, "access-control-allow-credentials"))
}

#[tokio::test]
async fn a_listed_origin_is_answered_before_it_has_a_password_and_reads_what_it_gets() {
    let fixture = server(&["https://other.example", APP]).await;
    fixture.sim.write("/notes.md", "words");
    fixture.sim.write("/film.mkv", vec![7; 8 << 20]);
    let asked = preflight(&fixture, APP).send().await.unwrap();
    assert_eq!((asked.status().as_u16(), allowed(&asked)), (204, (APP, "true")));
    assert!(header(&asked, "access-control-allow-methods").contains("PROPFIND"));
    assert_eq!(header(&asked, "access-control-allow-headers"), "authorization,depth");
    // A refusal can be read too, else the program could not tell what is wrong.
    let refused = fixture.request("GET", "/dav/notes.md").header("origin", APP).send().await.unwrap();
    assert_eq!((refused.status().as_u16(), allowed(&refused)), (401, (APP, "true")));
    // The drive's hosts of files let no script read, so the bytes come from here whoever asks.
    let get = || fixture.request("GET", "/dav/film.mkv").basic_auth("me", Some("secret")).header("user-agent", KODI);
    assert_eq!(get().send().await.unwrap().status(), 302);
    let read = get().header("origin", APP).send().await.unwrap();
    assert_eq!((read.status().as_u16(), allowed(&read)), (200, (APP, "true")));
    assert!(header(&read, "access-control-expose-headers").contains("ETag"));
    assert_eq!(header(&read, "vary"), "Origin");
    assert_eq!(read.bytes().await.unwrap().len(), 8 << 20);
}

#[tokio::test]
async fn another_origin_gets_nothing_and_the_pages_api_is_for_no_other() {
    let fixture = server(&[APP]).await;
    for origin in ["https://evil.example", "null", "app://obsidian.md.evil"] {
        let asked = preflight(&fixture, origin).send().await.unwrap();
        assert_eq!((asked.status().as_u16(), allowed(&asked)), (401, ("", "")), "{origin}");
    }
    let api = fixture.request("GET", "/api/session").header("origin", APP).send().await.unwrap();
    assert_eq!((api.status().as_u16(), allowed(&api)), (403, ("", "")));
    let closed = server(&[]).await;
    let asked = preflight(&closed, APP).send().await.unwrap();
    assert_eq!((asked.status().as_u16(), header(&asked, "vary")), (401, ""));
}

#[tokio::test]
async fn where_all_origins_may_come_none_uses_the_password_that_the_browser_keeps() {
    let fixture = server(&["*"]).await;
    let asked = preflight(&fixture, "https://anything.example").send().await.unwrap();
    assert_eq!((asked.status().as_u16(), allowed(&asked)), (204, ("*", "")));
}

fn unpacked(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn listings_are_packed_for_who_takes_it_and_files_never() {
    let fixture = Fixture::start().await;
    for n in 0..300 {
        fixture.sim.write(&format!("/folder/a file of some name {n}.mkv"), "x");
    }
    let table = serde_json::json!({ "a": vec![7; 5000] }).to_string();
    fixture.sim.write("/table.json", table.clone());
    let list = |path: &str| fixture.request("PROPFIND", path).header("depth", "1");
    let plain = list("/dav/folder/").send().await.unwrap();
    assert_eq!((header(&plain, "content-encoding"), header(&plain, "vary")), ("", "Accept-Encoding"));
    let plain = plain.text().await.unwrap();
    let packed = list("/dav/folder/").header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(
        (header(&packed, "content-encoding"), header(&packed, "content-type")),
        ("gzip", "application/xml; charset=utf-8")
    );
    let packed = packed.bytes().await.unwrap();
    assert!(packed.len() * 10 < plain.len(), "{} of {}", packed.len(), plain.len());
    assert_eq!(unpacked(&packed), plain);
    let file = fixture.request("GET", "/dav/table.json").header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(
        (header(&file, "content-encoding"), header(&file, "content-length")),
        ("", table.len().to_string().as_str())
    );
    assert_eq!(file.text().await.unwrap(), table);
}

#[tokio::test]
async fn search_machines_are_told_to_stay_away() {
    let fixture = Fixture::start().await;
    let robots = fixture.get("/robots.txt").await;
    assert_eq!((robots.status().as_u16(), header(&robots, "content-type")), (200, "text/plain; charset=utf-8"));
    assert!(robots.text().await.unwrap().contains("\nDisallow: /\n"));
}
