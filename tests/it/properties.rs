//! Stored properties: kept as they came, refused where the server computes them, bounded.

use crate::harness::Fixture;

async fn patch(world: &Fixture, body: &str) -> (u16, String) {
    let answer = world.request("PROPPATCH", "/dav/a").body(body.to_owned()).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn asked(world: &Fixture, property: &str) -> String {
    let body = format!("<D:propfind xmlns:D=\"DAV:\"><D:prop>{property}</D:prop></D:propfind>");
    let answer = world.request("PROPFIND", "/dav/a").header("depth", "0").body(body).send().await.unwrap();
    assert_eq!(answer.status(), 207);
    let text = answer.text().await.unwrap();
    assert!(xmltree::Element::parse(text.as_bytes()).is_ok(), "{text}");
    text
}

async fn world() -> Fixture {
    let world = Fixture::start().await;
    world.sim.write("/a", "x");
    world
}

// Keeps 110.
#[tokio::test]
async fn a_property_comes_back_exactly_as_it_was_stored() {
    let world = world().await;
    for (property, name, kept) in [
        (
            "<n:t xmlns:n=\"urn:n\" xml:lang=\"en\" n:q=\"1\"> <n:b> </n:b> <![CDATA[<&]]> &amp; </n:t>",
            "<n:t xmlns:n=\"urn:n\"/>",
            " <n:b> </n:b> <![CDATA[<&]]> &amp; </n:t>",
        ),
        (
            "<n:t xmlns:n=\"urn:n\" xml:lang=\"en\" n:q=\"1\"/>",
            "<n:t xmlns:n=\"urn:n\"/>",
            "xml:lang=\"en\" n:q=\"1\"/>",
        ),
        ("<t xmlns=\"http://h/?a=1&amp;b=2\">v</t>", "<x:t xmlns:x=\"http://h/?a=1&amp;b=2\"/>", ">v</t>"),
        ("<t xmlns=\"\">none</t>", "<t xmlns=\"\"/>", ">none</t>"),
        ("<D:comment>in DAV:</D:comment>", "<D:comment/>", ">in DAV:</D:comment>"),
        (
            "<n:电影 xmlns:n=\"urn:n\">\u{10000}&#x10000;</n:电影>",
            "<n:电影 xmlns:n=\"urn:n\"/>",
            ">\u{10000}&#x10000;</n:电影>",
        ),
    ] {
        let set = format!(
            "<D:propertyupdate xmlns:D=\"DAV:\" xml:lang=\"zh\"><D:set><D:prop>{property}</D:prop></D:set></D:propertyupdate>"
        );
        let (status, answer) = patch(&world, &set).await;
        assert!(status == 207 && answer.contains("200 OK"), "{answer}");
        let found = asked(&world, name).await;
        assert!(found.contains(kept) && !found.contains("404"), "{property}\n{found}");
        assert!(found.contains("xml:lang=\"en\"") || found.contains("xml:lang=\"zh\""), "{found}");
    }
    let all = world.propfind("/dav/a", "0").await.text().await.unwrap();
    assert!(xmltree::Element::parse(all.as_bytes()).is_ok(), "{all}");
}

#[tokio::test]
async fn what_the_server_computes_is_protected_and_says_so() {
    let world = world().await;
    let set = "<propertyupdate xmlns=\"DAV:\"><set><prop><n xmlns=\"urn:n\">1</n><getetag>x</getetag></prop></set></propertyupdate>";
    let (status, answer) = patch(&world, set).await;
    assert_eq!(status, 207);
    for part in ["424 Failed Dependency", "403 Forbidden", "<D:error><D:cannot-modify-protected-property/></D:error>"] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
    assert!(asked(&world, "<n xmlns=\"urn:n\"/>").await.contains("404"));
}

// Keeps 25.
#[tokio::test]
async fn bodies_that_would_exhaust_a_reader_are_refused() {
    let world = world().await;
    let deep = "<a>".repeat(9000) + &"</a>".repeat(9000);
    let set = format!("<propertyupdate xmlns=\"DAV:\"><set><prop>{deep}</prop></set></propertyupdate>");
    assert_eq!(patch(&world, &set).await.0, 400);
    let lock = format!("<lockinfo xmlns=\"DAV:\"><owner>{deep}</owner></lockinfo>");
    assert_eq!(world.request("LOCK", "/dav/a").body(lock).send().await.unwrap().status(), 400);
    let wide = "<!DOCTYPE a [<!ENTITY b \"c\">]><propertyupdate xmlns=\"DAV:\"><set><prop><a>&b;</a></prop></set></propertyupdate>";
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(wide.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(world.request("PROPPATCH", "/dav/a").body(wide).send().await.unwrap().status(), 400);
    for name in ["<1/>", "<a&b/>", "<n:a xmlns:n=\"&#1;\"/>"] {
        let body = format!("<propfind xmlns=\"DAV:\"><prop>{name}</prop></propfind>");
        let answer = world.request("PROPFIND", "/dav/a").header("depth", "0").body(body).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{name}");
    }
    assert_eq!(world.propfind("/dav/a", "0").await.status(), 207);
}

// Keeps 110.
#[tokio::test]
async fn a_lock_s_owner_comes_back_as_it_came() {
    let world = world().await;
    for owner in [
        "<owner>me &amp; you</owner>",
        "<owner xml:lang=\"en\"><href>http://h/?a&amp;b</href><n:x xmlns:n=\"urn:n\" n:y=\"1\"/></owner>",
    ] {
        let body = format!(
            "<lockinfo xmlns=\"DAV:\"><unknown/><locktype><write/></locktype><lockscope><shared/></lockscope>{owner}</lockinfo>"
        );
        let kept = owner.split_once('>').unwrap().1;
        let locked = world.request("LOCK", "/dav/a").body(body).send().await.unwrap();
        assert_eq!(locked.status(), 200);
        let token = crate::harness::header(&locked, "lock-token").to_owned();
        let locked = locked.text().await.unwrap();
        let refreshed = world.request("LOCK", "/dav/a").header("if", format!("({token})")).send().await.unwrap();
        let refreshed = refreshed.text().await.unwrap();
        let listed = world.propfind("/dav/a", "0").await.text().await.unwrap();
        for text in [locked, refreshed, listed] {
            assert!(text.contains(kept) && text.contains("<D:depth>infinity</D:depth>"), "{text}");
            assert!(xmltree::Element::parse(text.as_bytes()).is_ok(), "{text}");
        }
        world.request("UNLOCK", "/dav/a").header("lock-token", token).send().await.unwrap();
    }
}

// Keeps 109.
#[tokio::test]
async fn an_item_has_no_more_properties_than_can_be_asked_for() {
    let world = world().await;
    let set = |from: usize, to: usize| {
        let named: String = (from..to).map(|n| format!("<p{n} xmlns=\"u\">v</p{n}>")).collect();
        format!("<propertyupdate xmlns=\"DAV:\"><set><prop>{named}</prop></set></propertyupdate>")
    };
    assert_eq!(patch(&world, &set(0, 257)).await.0, 400);
    assert_eq!(patch(&world, &set(0, 256)).await.0, 207);
    assert_eq!(patch(&world, &set(250, 260)).await.0, 507);
    assert_eq!(patch(&world, &set(200, 256)).await.0, 207);
    assert_eq!(world.propfind("/dav/a", "0").await.text().await.unwrap().matches(">v<").count(), 256);
}

#[tokio::test]
async fn a_copy_of_a_folder_alone_has_its_properties() {
    let world = Fixture::start().await;
    world.sim.mkdir("/a");
    patch(&world, "<propertyupdate xmlns=\"DAV:\"><set><prop><p xmlns=\"u\">kept</p></prop></set></propertyupdate>")
        .await;
    let copy = world.request("COPY", "/dav/a").header("depth", "0").header("destination", world.url("/dav/b"));
    assert_eq!(copy.send().await.unwrap().status(), 201);
    assert!(world.propfind("/dav/b", "0").await.text().await.unwrap().contains(">kept<"));
}

// Keeps 112.
#[tokio::test]
async fn a_copy_or_move_takes_the_time_that_comes_with_it() {
    let world = world().await;
    for (method, from, to) in [("COPY", "/dav/a", "/dav/b"), ("MOVE", "/dav/b", "/dav/c")] {
        let request =
            world.request(method, from).header("destination", world.url(to)).header("x-oc-mtime", "1400000000");
        let answer = request.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), crate::harness::header(&answer, "x-oc-mtime")), (201, "accepted"));
        assert_eq!(crate::harness::header(&world.head(to).await, "last-modified"), "Tue, 13 May 2014 16:53:20 GMT");
    }
}

#[tokio::test]
async fn the_roots_of_two_drives_and_the_folder_above_them_keep_their_own() {
    let world = Fixture::with(|config| {
        config.mounts[0].path = "/one".to_owned();
        let mut second = alidav::config::Mount::at("/two", "main");
        second.drive_type = alidav::config::DriveType::Resource;
        config.mounts.push(second);
    })
    .await;
    for path in ["/dav/", "/dav/one/", "/dav/two/"] {
        let set = format!(
            "<propertyupdate xmlns=\"DAV:\"><set><prop><p xmlns=\"u\">of {path}</p></prop></set></propertyupdate>"
        );
        assert_eq!(world.request("PROPPATCH", path).body(set).send().await.unwrap().status(), 207);
    }
    for path in ["/dav/", "/dav/one/", "/dav/two/"] {
        let own = world.propfind(path, "0").await.text().await.unwrap();
        assert!(own.contains(&format!(">of {path}<")), "{own}");
    }
    let all = world.propfind("/dav/", "1").await.text().await.unwrap();
    assert_eq!(all.matches(">of /dav/").count(), 3, "{all}");
    assert!(!world.propfind("/", "0").await.text().await.unwrap().contains(">of "), "what lies above has none of them");
}

// Keeps 22. rclone 1.76 with `vendor=nextcloud` asks so after each new time of a file, and gives up on any other answer.
#[tokio::test]
async fn a_files_checksum_is_told_to_who_asks_for_it() {
    let world = world().await;
    world.sim.write("/folder/b", "y");
    let ask = async |path: &str, kind: &str| {
        let answer = world.request("PATCH", path).header("x-recalculate-hash", kind).send().await.unwrap();
        let told = answer.headers().get("oc-checksum").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), told)
    };
    let sum = "SHA1:11f6ad8ec52a2984abaafd7c3b516503785c2072".to_owned();
    assert_eq!(ask("/dav/a", "sha1").await, (204, Some(sum.clone())));
    assert_eq!(ask("/dav/a", "SHA1").await, (204, Some(sum)));
    assert_eq!(ask("/dav/a", "md5").await, (400, None));
    assert_eq!(ask("/dav/folder/", "sha1").await, (400, None));
    assert_eq!(ask("/dav/none", "sha1").await, (404, None));
    assert_eq!(world.request("PATCH", "/dav/a").send().await.unwrap().status(), 405);
}
