//! Conditions and locks that guard a change, and headers that cannot be read.

use crate::harness::{Fixture, header, hrefs, until};

const LOCK: &str =
    r#"<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>"#;

/// PUT with one more header.
async fn put(world: &Fixture, path: &str, name: &'static str, value: &str) -> u16 {
    world.request("PUT", path).header(name, value).body("new").send().await.unwrap().status().as_u16()
}

async fn lock(world: &Fixture, path: &str) -> String {
    let answer = world.request("LOCK", path).header("timeout", "Second-3600").body(LOCK).send().await.unwrap();
    assert!(answer.status().is_success());
    header(&answer, "lock-token").to_owned()
}

async fn unlock(world: &Fixture, path: &str, token: &str) -> u16 {
    world.request("UNLOCK", path).header("lock-token", token).send().await.unwrap().status().as_u16()
}

// Keeps 108.
#[tokio::test]
async fn who_lost_the_lock_does_not_write_over_what_came_since() {
    let world = Fixture::start().await;
    world.sim.write("/a", "old");
    let token = lock(&world, "/dav/a").await;
    assert_eq!(unlock(&world, "/dav/a", &token).await, 204);
    assert_eq!(world.request("PUT", "/dav/a").body("of another").send().await.unwrap().status(), 204);
    assert_eq!(put(&world, "/dav/a", "if", &format!("({token})")).await, 412);
    let deleted = world.request("DELETE", "/dav/a").header("if", format!("({token})")).send().await.unwrap();
    assert_eq!(deleted.status(), 412);
    assert_eq!(world.request("LOCK", "/dav/a").header("if", format!("({token})")).send().await.unwrap().status(), 412);
    assert_eq!(world.sim.read("/a").unwrap(), b"of another");
}

#[tokio::test]
async fn if_lists_mean_what_the_standard_says() {
    let world = Fixture::start().await;
    world.sim.write("/a", "old");
    world.sim.write("/other", "x");
    let etag = header(&world.head("/dav/other").await, "etag").to_owned();
    let token = lock(&world, "/dav/a").await;
    let url = world.url("/dav");
    for (value, status) in [
        (format!("({token})"), 204),
        (format!("(<urn:uuid:none>) ({token})"), 204),
        (format!("({token} Not <DAV:no-lock>)"), 204),
        (format!("({token}) (Not <DAV:no-lock>)"), 204),
        (format!("</dav/a> ({token})"), 204),
        (format!("<{url}/a> ({token})"), 204),
        (format!("<{url}/a>(<urn:uuid:none>)({token})"), 204),
        (format!("</dav/other> ([{etag}]) </dav/a> ({token})"), 204),
        (format!("</dav/other> ([{etag}])"), 423),
        ("(Not <urn:uuid:none>)".to_owned(), 423),
        (format!("(Not {token})"), 412),
        (format!("</dav/other> ({token})"), 412),
        (format!("</elsewhere> ({token})"), 412),
        (format!("({token} [\"another\"])"), 412),
        ("(<urn:uuid:none>)".to_owned(), 412),
        ("(<DAV:no-lock>)".to_owned(), 412),
    ] {
        assert_eq!(put(&world, "/dav/a", "if", &value).await, status, "{value}");
    }
}

// Keeps 108.
#[tokio::test]
async fn conditions_that_cannot_be_read_are_refused_and_not_forgotten() {
    let world = Fixture::start().await;
    world.sim.write("/a", "old");
    for value in ["((((", "(<abc>)", "([\"abc])", "([abc])", "()", "<a>"] {
        assert_eq!(put(&world, "/dav/a", "if", value).await, 400, "{value}");
    }
    assert_eq!(put(&world, "/dav/a", "if-match", "\"").await, 412);
    let etag = header(&world.head("/dav/a").await, "etag").to_owned();
    assert_eq!(put(&world, "/dav/a", "if-none-match", &format!("W/{etag}")).await, 412);
    assert_eq!(put(&world, "/dav/new", "if-match", "*").await, 412);
    assert_eq!(world.sim.read("/a").unwrap(), b"old");
    assert_eq!(put(&world, "/dav/new", "if-none-match", "*").await, 201);
}

#[tokio::test]
async fn a_date_is_compared_with_the_time_that_is_listed() {
    let world = Fixture::start().await;
    world.sim.write("/a", "old");
    let set = r#"<propertyupdate xmlns="DAV:"><set><prop><lastmodified>1400000000</lastmodified></prop></set></propertyupdate>"#;
    assert_eq!(world.request("PROPPATCH", "/dav/a").body(set).send().await.unwrap().status(), 207);
    let modified = header(&world.head("/dav/a").await, "last-modified").to_owned();
    assert_eq!(put(&world, "/dav/a", "if-unmodified-since", "Tue, 13 May 2014 16:53:19 GMT").await, 412);
    assert_eq!(put(&world, "/dav/a", "if-unmodified-since", &modified).await, 204);
}

// Keeps 107.
#[tokio::test]
async fn a_lock_is_as_long_as_it_was_asked_for_up_to_a_day() {
    let world = Fixture::start().await;
    world.sim.write("/a", "old");
    for (asked, granted) in [
        ("Second-3600", "Second-3600"),
        ("Infinite, Second-4100000000", "Second-86400"),
        ("Second-99999999999999999999", "Second-86400"),
        ("Extend-5, Second-120", "Second-120"),
    ] {
        let answer = world.request("LOCK", "/dav/a").header("timeout", asked).body(LOCK).send().await.unwrap();
        let token = header(&answer, "lock-token").to_owned();
        assert!(answer.text().await.unwrap().contains(granted), "{asked}");
        let refreshed = world.request("LOCK", "/dav/a").header("if", format!("({token})")).send().await.unwrap();
        assert!(refreshed.text().await.unwrap().contains(granted), "{asked}");
        assert_eq!(unlock(&world, "/dav/a", &token).await, 204);
    }
}

// Keeps 104.
#[tokio::test]
async fn destinations_are_read_as_strictly_as_urls() {
    let world = Fixture::start().await;
    world.sim.write("/a", "a");
    let host = world.url("");
    for (destination, status) in [
        ("/dav/".to_owned(), 403),
        ("/dav".to_owned(), 403),
        ("/".to_owned(), 502),
        ("/davx/b".to_owned(), 502),
        (format!("{host}/elsewhere/b"), 502),
        (String::new(), 400),
        ("b".to_owned(), 400),
        ("/dav/%zz".to_owned(), 400),
        ("/dav/%00".to_owned(), 400),
        ("/dav/%ff".to_owned(), 400),
        ("/dav/x/../b".to_owned(), 400),
        (format!("{host}/dav/%2e%2e/b"), 400),
        (format!("{host}/dav/a#b"), 400),
        (format!("/dav/{}", "n".repeat(1025)), 400),
    ] {
        let copy = world.request("COPY", "/dav/a").header("destination", &destination).send().await.unwrap();
        assert_eq!(copy.status(), status, "{destination}");
    }
    assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/a"]);
    for destination in ["/dav/b%2fc".to_owned(), "//dav//b//d".to_owned(), format!("{host}/dav/%28%e7%94%b5)")] {
        world.request("MKCOL", "/dav/b").send().await.unwrap();
        let copy = world.request("COPY", "/dav/a").header("destination", &destination).send().await.unwrap();
        assert_eq!(copy.status(), 201, "{destination}");
    }
    assert!(["/b/c", "/b/d", "/(电)"].iter().all(|path| world.sim.read(path).unwrap() == b"a"));
}

// Keeps 104.
#[tokio::test]
async fn overwrite_and_depth_are_not_guessed() {
    let world = Fixture::start().await;
    for path in ["/a", "/b", "/dir/x"] {
        world.sim.write(path, path.to_owned());
    }
    for (method, from, name, value, status) in [
        ("MOVE", "/dav/a", "overwrite", "f", 412),
        ("MOVE", "/dav/a", "overwrite", "no", 400),
        ("COPY", "/dav/a", "depth", "1", 400),
        ("COPY", "/dav/a", "depth", "two", 400),
        ("MOVE", "/dav/dir/", "depth", "0", 400),
        ("DELETE", "/dav/dir/", "depth", "0", 400),
        ("DELETE", "/dav/dir", "depth", "1", 400),
        ("LOCK", "/dav/dir", "depth", "1", 400),
    ] {
        let request = world.request(method, from).header("destination", world.url("/dav/b")).header(name, value);
        assert_eq!(request.send().await.unwrap().status(), status, "{method} {from} {name}: {value}");
    }
    assert_eq!(world.sim.read("/b").unwrap(), b"/b");
    assert_eq!(world.sim.read("/dir/x").unwrap(), b"/dir/x");
    let file = world.request("MOVE", "/dav/a").header("destination", world.url("/dav/b")).header("depth", "0");
    assert_eq!(file.send().await.unwrap().status(), 204);
    assert_eq!(world.request("DELETE", "/dav/b").header("depth", "0").send().await.unwrap().status(), 204);
}

// Keeps 104.
#[tokio::test]
async fn a_copy_onto_the_other_unicode_form_of_its_own_name_keeps_the_file() {
    let world = Fixture::start().await;
    world.sim.write("/caf\u{e9}", "x");
    let copy = world.request("COPY", "/dav/caf%C3%A9").header("destination", world.url("/dav/cafe%CC%81"));
    assert_eq!(copy.send().await.unwrap().status(), 403);
    assert_eq!(world.sim.read("/caf\u{e9}").unwrap(), b"x");
    assert!(!world.sim.calls().contains_key("openFile/recyclebin/trash"));
}

#[tokio::test]
async fn a_prefix_of_any_letters_is_served_for_writing_too() {
    let world = Fixture::with(|config| config.dav_prefix = "/我的 盘".to_owned()).await;
    for prefix in ["/%E6%88%91%E7%9A%84%20%E7%9B%98", "/%e6%88%91%e7%9a%84%20%e7%9b%98"] {
        assert!(world.request("PUT", &format!("{prefix}/a")).body("x").send().await.unwrap().status().is_success());
        let moved =
            world.request("MOVE", &format!("{prefix}/a")).header("destination", world.url(&format!("{prefix}/b")));
        assert!(moved.send().await.unwrap().status().is_success());
    }
    let locked = world.request("LOCK", "/%E6%88%91%E7%9A%84%20%E7%9B%98/b").body(LOCK).send().await.unwrap();
    let answer = locked.text().await.unwrap();
    assert!(answer.contains("<D:lockroot><D:href>/%E6%88%91%E7%9A%84%20%E7%9B%98/b</D:href>"), "{answer}");
    let listed = world.propfind("/%E6%88%91%E7%9A%84%20%E7%9B%98/", "1").await.text().await.unwrap();
    assert_eq!(hrefs(&listed).len(), 2);
}

#[tokio::test]
async fn a_refusal_names_the_lock_that_is_in_the_way() {
    let world = Fixture::start().await;
    world.sim.write("/dir (1)/a", "x");
    lock(&world, "/dav/dir%20(1)").await;
    let refused = world.request("PUT", "/dav/dir%20(1)/a").body("x").send().await.unwrap();
    assert_eq!(refused.status(), 423);
    let root = "<D:href>/dav/dir%20%281%29</D:href>";
    let text = refused.text().await.unwrap();
    assert!(text.contains(&format!("<D:lock-token-submitted>{root}</D:lock-token-submitted>")), "{text}");
    let second = world.request("LOCK", "/dav/dir%20(1)/a").body(LOCK).send().await.unwrap();
    assert_eq!(second.status(), 423);
    let text = second.text().await.unwrap();
    assert!(text.contains(&format!("<D:no-conflicting-lock>{root}</D:no-conflicting-lock>")), "{text}");
}

// Keeps 107.
#[tokio::test]
async fn a_lock_holds_for_both_unicode_forms_of_a_name() {
    let world = Fixture::start().await;
    world.sim.write("/caf\u{e9}/a", "x");
    let token = lock(&world, "/dav/caf%C3%A9").await;
    for path in ["/dav/cafe%CC%81/a", "/dav/cafe%CC%81/new", "/dav/caf%C3%A9/a"] {
        assert_eq!(world.request("PUT", path).body("y").send().await.unwrap().status(), 423, "{path}");
    }
    let put = world.request("PUT", "/dav/cafe%CC%81/a").header("if", format!("</dav/cafe%CC%81> ({token})")).body("y");
    assert_eq!(put.send().await.unwrap().status(), 204);
    assert!(world.propfind("/dav/caf%C3%A9/a", "0").await.text().await.unwrap().contains("activelock"));
    assert_eq!(unlock(&world, "/dav/cafe%CC%81", &token).await, 204);
}

// Keeps 86.
#[tokio::test]
async fn a_condition_still_holds_when_a_long_upload_ends() {
    for (name, value) in [("if-none-match", "*"), ("if-match", "\"86f7e437faa5a7fce15d1ddcb9eaeaea377667b8\"")] {
        let world = Fixture::with(|config| config.upload.part_size = 200_000).await;
        if name == "if-match" {
            world.sim.write("/a", "a");
        }
        world.hrefs("/dav/").await;
        let (pieces, body) = tokio::sync::mpsc::channel::<Result<bytes::Bytes, std::io::Error>>(1);
        let body =
            futures_util::stream::unfold(body, |mut body| async { body.recv().await.map(|piece| (piece, body)) });
        let put = world.request("PUT", "/dav/a").header(name, value).body(reqwest::Body::wrap_stream(body)).send();
        let put = tokio::spawn(put);
        pieces.send(Ok(vec![1; 500_000].into())).await.unwrap();
        until(|| world.sim.calls().contains_key("data PUT")).await;
        assert!(world.request("PUT", "/dav/a").body("of another").send().await.unwrap().status().is_success());
        drop(pieces);
        assert_eq!(put.await.unwrap().unwrap().status(), 412, "{name}");
        assert_eq!(world.sim.read("/a").unwrap(), b"of another");
        assert_eq!(world.hrefs("/dav/").await, ["/dav/", "/dav/a"]);
    }
}

#[tokio::test]
async fn of_many_who_want_an_exclusive_lock_one_gets_it() {
    let world = Fixture::start().await;
    world.sim.write("/a", "x");
    world.hrefs("/dav/").await;
    let asked = (0..20).map(|_| world.request("LOCK", "/dav/a").body(LOCK).send());
    let answers = futures_util::future::join_all(asked).await;
    assert_eq!(answers.iter().filter(|answer| answer.as_ref().unwrap().status() == 200).count(), 1);
}
