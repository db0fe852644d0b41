//! What the API tells of folders and files.

use std::io::Read as _;
use std::time::Instant;

use alidav::config::{LinkPolicy, Mount, Permission, RemoveWay, User};
use serde_json::{Value, json};

use crate::harness::{Fixture, header, noise};

async fn get(world: &Fixture, call: &str) -> (u16, Value) {
    let answer = world.get(&format!("/api/{call}")).await;
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
}

fn names(listing: &Value) -> Vec<&str> {
    listing["entries"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

// Keeps 127.
#[tokio::test]
async fn a_folder_is_told_whole_without_a_call_while_it_is_believed() {
    let world = Fixture::with(|config| config.cache.watch = std::time::Duration::ZERO).await;
    for n in 0..5_000 {
        world.sim.write(&format!("/many/a & b <{n}> 空格 ' % # ? +.mkv"), "x");
    }
    let first = get(&world, "list?path=/many").await.1;
    assert_eq!(
        (&first["path"], &first["write"], &first["bin"], &first["stale"]),
        (&json!("/many"), &json!(true), &json!(true), &json!(false))
    );
    world.sim.reset_calls();
    let started = Instant::now();
    let again = get(&world, "list?path=/many").await.1;
    println!("5,000 entries in {:?}", started.elapsed());
    assert_eq!((world.calls(), names(&again).len()), (vec![], 5_000));
    assert_eq!(again["entries"], first["entries"]);
    let entry = &first["entries"][0];
    assert_eq!((&entry["kind"], &entry["size"], &entry["thumb"]), (&json!("video"), &json!(1), &json!(true)));
    assert!(first["fetched_at"].as_i64().unwrap() > 1_700_000_000_000);
    let packed = world.request("GET", "/api/list?path=/many").header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(header(&packed, "content-encoding"), "gzip");
    let packed = packed.bytes().await.unwrap();
    let mut plain = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut plain).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&plain).unwrap()["entries"], first["entries"]);
    assert!(packed.len() * 5 < plain.len());
    // Asking anew asks the drive.
    assert_eq!(get(&world, "list?path=/many&refresh=1").await.0, 200);
    assert_eq!(world.calls(), [("openFile/list".to_owned(), 25)]);
}

// Keeps 127.
#[tokio::test]
async fn a_listing_is_complete_or_an_error_in_words() {
    let world = Fixture::start().await;
    world.sim.write("/dir/a.txt", "a");
    for (call, status, code) in [
        ("list?path=/none", 404, "not_found"),
        ("list?path=/dir/a.txt", 400, "bad_request"),
        ("list?path=dir", 400, "bad_request"),
        ("list?path=/dir/../dir", 400, "bad_request"),
        ("list?path=/%00", 400, "bad_request"),
        (&format!("list?path=/{}", "x".repeat(1025)), 400, "bad_name"),
        ("stat?path=/none", 404, "not_found"),
        ("text?path=/dir", 400, "bad_request"),
        ("raw?path=/dir", 400, "bad_request"),
        ("raw?path=/none", 404, "not_found"),
        ("raw?path=/dir/a.txt&via=moon", 400, "bad_request"),
        ("text?path=/dir/a.txt&encoding=klingon", 400, "bad_request"),
    ] {
        let (got, told) = get(&world, call).await;
        assert_eq!((got, told["code"].as_str()), (status, Some(code)), "{call}: {told}");
        assert!(told["error"].as_str().is_some_and(|words| !words.is_empty()) && told["request_id"].is_string());
    }
    let posted = world.request("POST", "/api/list").send().await.unwrap();
    assert_eq!(posted.status(), 405);
}

// Keeps 128.
#[tokio::test]
async fn a_user_sees_his_part_of_the_tree_and_what_he_may() {
    let user = |name: &str, base: &str, permission| User {
        name: name.into(),
        password: "secret".into(),
        base_path: base.into(),
        permission,
    };
    let world = Fixture::with(|config| {
        config.anonymous = Permission::None;
        config.users = vec![user("kid", "/films", Permission::Read), user("me", "/", Permission::Write)];
        let mut bin = Mount::at("/mine", "main");
        (bin.read_only, bin.remove_way) = (true, RemoveWay::Delete);
        config.mounts.push(bin);
    })
    .await;
    world.sim.write("/films/E2.mkv", "2");
    world.sim.write("/films/E10.mkv", "10");
    world.sim.write("/films/E1.mkv", "1");
    world.sim.write("/films/E2.srt", "s");
    world.sim.write("/private", "secret");
    let ask = async |name: &str, call: &str| {
        let asked = world.request("GET", &format!("/api/{call}")).basic_auth(name, Some("secret"));
        asked.send().await.unwrap().json::<Value>().await.unwrap()
    };
    let listing = ask("kid", "list?path=/").await;
    assert_eq!(names(&listing).len(), 4);
    assert_eq!((&listing["write"], &listing["read_only_reason"]), (&json!(false), &json!("user")));
    assert_eq!(ask("kid", "list?path=/private").await["code"], "not_found");
    let top = ask("kid", "stat?path=/").await;
    assert_eq!((&top["entry"]["name"], &top["entry"]["kind"]), (&json!(""), &json!("folder")));
    let mine = ask("me", "list?path=/mine").await;
    assert_eq!(
        (&mine["write"], &mine["bin"], &mine["read_only_reason"]),
        (&json!(false), &json!(false), &json!("mount"))
    );
    let film = ask("kid", "stat?path=/E2.mkv").await;
    assert_eq!(film["siblings"], json!({ "previous": "E1.mkv", "next": "E10.mkv" }));
    assert_eq!(film["entry"]["checksum"], crate::harness::sha1(b"2").to_uppercase());
    // None without a password, whatever is asked.
    assert_eq!(world.get("/api/list?path=/").await.status(), 401);
}

// Keeps 129.
#[tokio::test]
async fn a_file_s_bytes_are_inert_in_a_browser() {
    let world = Fixture::with(|config| config.mounts[0].link_policy = LinkPolicy::Redirect).await;
    world.by_links_alone();
    let browser = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
    for name in ["a.html", "a.xhtml", "a.svg", "a.xml", "a.pdf", "a.png", "空 格.txt", "a.atom"] {
        world.sim.write(&format!("/{name}"), "<script>alert(1)</script>");
    }
    let sandbox = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";
    for (name, form, policy) in [
        ("a.html", "attachment; filename*=UTF-8''a.html", sandbox),
        ("a.xhtml", "attachment; filename*=UTF-8''a.xhtml", sandbox),
        ("a.svg", "attachment; filename*=UTF-8''a.svg", sandbox),
        ("a.xml", "attachment; filename*=UTF-8''a.xml", sandbox),
        ("a.atom", "attachment; filename*=UTF-8''a.atom", sandbox),
        ("a.png", "inline; filename*=UTF-8''a.png", sandbox),
        ("a.pdf", "inline; filename*=UTF-8''a.pdf", "default-src 'none'; frame-ancestors 'self'"),
        ("空 格.txt", "inline; filename*=UTF-8''%E7%A9%BA%20%E6%A0%BC.txt", sandbox),
    ] {
        let answer = world.get_as(browser, &format!("/api/raw?via=proxy&path=/{name}")).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "content-disposition")), (200, form), "{name}");
        assert_eq!(header(&answer, "content-security-policy"), policy, "{name}");
        assert_eq!(header(&answer, "cross-origin-resource-policy"), "same-origin");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
        let saved = world.get_as("curl/8.5.0", &format!("/api/raw?via=proxy&download=1&path=/{name}")).await;
        assert!(header(&saved, "content-disposition").starts_with("attachment"), "{name}");
    }
    // By the policy a browser is sent on, but for a PDF, which the drive's link would have it save.
    let sent = world.get_as(browser, "/api/raw?path=/a.png").await;
    assert_eq!((sent.status().as_u16(), header(&sent, "referrer-policy")), (302, "no-referrer"));
    assert_eq!(world.get_as(browser, "/api/raw?path=/a.pdf").await.status(), 200);
    assert_eq!(world.get_as(browser, "/api/raw?path=/a.pdf&download=1").await.status(), 302);
    let range =
        world.request("GET", "/api/raw?via=proxy&path=/a.png").header("range", "bytes=1-6").send().await.unwrap();
    assert_eq!((range.status().as_u16(), range.text().await.unwrap().as_str()), (206, "script"));
    let head = world.head("/api/raw?path=/a.png").await;
    assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, "25"));
    let known = world.request("GET", "/api/raw?path=/a.png").header("if-none-match", header(&head, "etag"));
    assert_eq!(known.send().await.unwrap().status(), 304);
}

// Keeps 130.
#[tokio::test]
async fn text_is_read_in_the_encoding_that_it_is_in() {
    let world = Fixture::start().await;
    let words = "这是一个用来测试编码的文本文件，内容是中文。".repeat(4);
    let japanese = "これは文字コードを調べるための日本語の文章です。".repeat(4);
    let traditional = "這是一個用來測試編碼的文字檔案，內容是繁體中文。".repeat(4);
    let files = [
        ("utf8.txt", words.clone().into_bytes(), "UTF-8", &words),
        ("mark.txt", [b"\xef\xbb\xbf", words.as_bytes()].concat(), "UTF-8", &words),
        ("gb.txt", encoding_rs::GB18030.encode(&words).0.into_owned(), "GBK", &words),
        ("big5.txt", encoding_rs::BIG5.encode(&traditional).0.into_owned(), "Big5", &traditional),
        ("sjis.txt", encoding_rs::SHIFT_JIS.encode(&japanese).0.into_owned(), "Shift_JIS", &japanese),
        (
            "wide.txt",
            words.encode_utf16().fold(b"\xff\xfe".to_vec(), |all, unit| [&all[..], &unit.to_le_bytes()].concat()),
            "UTF-16LE",
            &words,
        ),
    ];
    for (name, bytes, ..) in &files {
        world.sim.write(&format!("/{name}"), bytes.clone());
    }
    world.sim.write("/large.txt", format!("ab{}", "字".repeat(1 << 19)));
    world.sim.write("/noise.txt", noise(5000));
    world.sim.write(
        "/docs/read.md",
        "# Hi <script>alert(1)</script>\n\n[next](other%20one.md) ![p](p.png) [x](javascript:alert(1))",
    );
    world.sim.write("/empty.txt", "");
    for (name, _, encoding, text) in files {
        let (_, told) = get(&world, &format!("text?path=/{name}")).await;
        assert_eq!((&told["encoding"], &told["text"]), (&json!(encoding), &json!(text)), "{name}");
        assert_eq!(
            (&told["truncated"], &told["guessed"]),
            (&json!(false), &json!(matches!(encoding, "GBK" | "Big5" | "Shift_JIS"))),
            "{name}"
        );
    }
    let (_, told) = get(&world, "text?path=/gb.txt&encoding=big5").await;
    assert_eq!((&told["encoding"], &told["guessed"]), (&json!("Big5"), &json!(false)));
    // Of a large one the beginning, with whole characters.
    let (_, told) = get(&world, "text?path=/large.txt").await;
    let text = told["text"].as_str().unwrap();
    assert_eq!(
        (&told["truncated"], &told["encoding"], text.len()),
        (&json!(true), &json!("UTF-8"), (1 << 20) - ((1 << 20) - 2) % 3)
    );
    assert!(!text.contains('\u{fffd}'));
    assert_eq!(get(&world, "text?path=/noise.txt").await.0, 200);
    assert_eq!(get(&world, "text?path=/empty.txt").await.1["text"], "");
    let (_, told) = get(&world, "markdown?path=/docs/read.md").await;
    let html = told["html"].as_str().unwrap();
    assert!(
        html.contains("href=\"/files/docs/other%20one.md\"") && html.contains("src=\"/api/raw?path=%2Fdocs%2Fp.png\""),
        "{html}"
    );
    assert!(!html.contains("<script") && !html.contains("=\"javascript"), "{html}");
}
