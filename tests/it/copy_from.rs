//! `alidav copy` from WebDAV servers: another alidav, and one that lies.

use std::collections::HashMap;
use std::sync::Arc;

use alidav::config::{Permission, User};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::copy::{Copy, said};
use crate::harness::{Fixture, noise, sha1};

/// A server that answers each address with what a test has put there, and notes what it was asked.
struct Server {
    url: String,
    /// Request line and credential, in order.
    asked: Arc<Mutex<Vec<(String, bool)>>>,
    answers: Arc<Mutex<HashMap<String, String>>>,
    /// Of these the connection stays open when all is said.
    stalls: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            asked: Arc::default(),
            answers: Arc::default(),
            stalls: Arc::default(),
        };
        let (asked, answers, stalls) = (server.asked.clone(), server.answers.clone(), server.stalls.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (asked, answers, stalls) = (asked.clone(), answers.clone(), stalls.clone());
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        match stream.read_u8().await {
                            Ok(byte) => head.push(byte),
                            Err(_) => return,
                        }
                    }
                    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
                    let line = head.lines().next().unwrap().rsplit_once(' ').unwrap().0.to_owned();
                    asked.lock().push((line.clone(), head.contains("authorization: basic")));
                    let ranged = format!("{line}{}", if head.contains("\r\nrange:") { " range" } else { "" });
                    let answer = {
                        let answers = answers.lock();
                        answers.get(&ranged).or_else(|| answers.get(&line)).cloned()
                    };
                    let nothing =
                        || "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned();
                    stream.write_all(answer.unwrap_or_else(nothing).as_bytes()).await.ok();
                    if stalls.lock().contains(&ranged) {
                        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.ok();
                    }
                    // What came besides is read, so that the answer is not lost with the connection.
                    stream.shutdown().await.ok();
                    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.ok();
                });
            }
        });
        server
    }

    /// What a request, as `get /path`, is answered by.
    fn answers(&self, line: &str, head: &str, body: &str) {
        let answer = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n{body}");
        self.answers.lock().insert(line.to_owned(), answer);
    }

    /// The listing of `/d/`: name, length, sum, each as told.
    fn lists(&self, files: &[(&str, usize, &str)]) {
        let mut document = "<?xml version=\"1.0\"?><multistatus xmlns=\"DAV:\"><response><href>/d/</href><propstat><prop>\
                            <resourcetype><collection/></resourcetype></prop><status>HTTP/1.1 200 OK</status></propstat></response>"
            .to_owned();
        for (href, size, sum) in files {
            document += &format!(
                "<response><href>{href}</href><propstat><prop><resourcetype/><getcontentlength>{size}</getcontentlength>\
                 <checksums xmlns=\"http://owncloud.org/ns\"><checksum>SHA1:{sum}</checksum></checksums></prop>\
                 <status>HTTP/1.1 200 OK</status></propstat></response>"
            );
        }
        document += "</multistatus>";
        self.answers("propfind /d/", &format!("207 Multi-Status\r\nContent-Length: {}", document.len()), &document);
    }

    fn gives(&self, name: &str, content: &str) {
        self.answers(&format!("get /d/{name}"), &format!("200 OK\r\nContent-Length: {}", content.len()), content);
    }
}

// Keeps 157.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_server_tells_the_sums_of_is_carried_only_if_the_drive_lacks_it() {
    let (from, copy) = (Fixture::start().await, Copy::start().await);
    // A small file is read whole by its listed address, whatever is wanted of it.
    from.by_links_alone();
    for at in 0..6 {
        let content: Vec<u8> = noise(400_000 + at);
        from.sim.write(&format!("/films/{}/{at}.bin", at % 2), content.clone());
        if at < 4 {
            copy.sim.write(&format!("/elsewhere/{at}"), content);
        }
    }
    let url = from.url("/dav/films");
    let told = copy.run(&[&url, "drive:/"], 0);
    assert!(told.contains("4 attached without sending, 2 sent"), "{told}");
    assert_eq!(copy.sim.read("/films/1/5.bin").unwrap(), noise(400_005));
    from.sim.wait_open_downloads(0).await;
    assert!(from.sim.downloaded() < 900_000, "{}", from.sim.downloaded());
    copy.sim.reset_calls();
    let told = copy.run(&[&url, "drive:/"], 0);
    assert!(told.contains("6 present"), "{told}");
    assert_eq!((copy.calls("openFile/create"), copy.calls("data PUT")), (0, 0));
}

// Keeps 157.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_comes_by_the_environment_and_a_wrong_one_is_told() {
    let from = Fixture::with(|config| {
        config.anonymous = Permission::None;
        config.users = vec![User {
            name: "me".to_owned(),
            password: "secret word".into(),
            base_path: "/".to_owned(),
            permission: Permission::Read,
        }];
    })
    .await;
    from.sim.write("/d/a", "a");
    let copy = Copy::start().await;
    let url = from.url("/dav/d");
    let run = |password: &str, code| {
        let mut command = copy.command(&[&url, "drive:/", "--user", "me"]);
        said(command.env("WEBDAV_PASSWORD", password).spawn().unwrap(), code)
    };
    let told = run("wrong", 1);
    assert!(told.contains("refuses the user or the password") && !told.contains("wrong"), "{told}");
    run("secret word", 0);
    assert_eq!(copy.files(), ["/d/a"]);
    assert!(copy.run(&[&url, "drive:/", "--user", "me"], 1).contains("set WEBDAV_PASSWORD"));
    assert!(copy.run(&[&url.replace("//", "//me:secret@"), "drive:/"], 2).contains("everybody's to read"));
}

// Keeps 158.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lies_puts_no_wrong_file_anywhere() {
    let (server, copy) = (Server::start().await, Copy::start().await);
    let content = "x".repeat(3000);
    let sum = sha1(content.as_bytes());
    server.lists(&[
        ("/d/right", 3000, &sum),
        ("/d/other", 3000, &sum),
        ("/d/less", 3000, &sum),
        ("/d/more", 3000, &sum),
        ("/d/cut", 3000, &sum),
        ("/d/gone", 3000, &sum),
        ("/d/", 3000, &sum),
        ("/d/sub/deep", 3000, &sum),
        ("http://evil.example/x", 3000, &sum),
        ("/d/%2e%2e/up", 3000, &sum),
        ("/d/a%2Fb", 3000, &sum),
    ]);
    for (name, told) in [("right", &*content), ("other", &"y".repeat(3000)), ("less", "x"), ("more", &"x".repeat(3001))]
    {
        server.gives(name, told);
    }
    server.answers("get /d/cut", "200 OK\r\nContent-Length: 3000", &content[..1500]);
    let told = copy.run(&[&format!("{}/d/", server.url), "drive:/"], 3);
    for name in ["other", "less", "more", "cut", "gone"] {
        assert!(told.contains(&format!("{name}: failed")), "{name}: {told}");
    }
    assert!(told.contains("4 left out, 5 failed"), "{told}");
    assert_eq!(copy.files(), ["/right"]);
    assert_eq!(copy.sim.read("/right").unwrap(), content.as_bytes());
    let asked = server.asked.lock().clone();
    assert!(asked.iter().all(|(line, _)| !line.contains("up") && !line.contains("deep")), "{asked:?}");
}

// Keeps 158.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_goes_to_no_other_host() {
    let (server, other, copy) = (Server::start().await, Server::start().await, Copy::start().await);
    let content = "z".repeat(2000);
    server.lists(&[("/d/away", 2000, &sha1(content.as_bytes()))]);
    server.answers("get /d/away", &format!("302 Found\r\nContent-Length: 0\r\nLocation: {}/d/away", other.url), "");
    other.gives("away", &content);
    let run = |url: &str, code| {
        let mut command = copy.command(&[url, "drive:/", "--user", "me"]);
        said(command.env("WEBDAV_PASSWORD", "secret").spawn().unwrap(), code)
    };
    run(&format!("{}/d/", server.url), 0);
    assert_eq!(copy.sim.read("/away").unwrap(), content.as_bytes());
    assert!(server.asked.lock().iter().all(|(_, signed)| *signed));
    assert!(other.asked.lock().iter().all(|(_, signed)| !*signed) && !other.asked.lock().is_empty());
    // A listing is asked of no other host.
    server.answers("propfind /d/", &format!("307 Moved\r\nContent-Length: 0\r\nLocation: {}/d/", other.url), "");
    let told = run(&format!("{}/d/", server.url), 1);
    assert!(told.contains("redirects to another host"), "{told}");
    assert!(other.asked.lock().iter().all(|(line, _)| line.starts_with("get")));
}

// Keeps 167.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_told_and_asked_for_the_rest() {
    let (server, copy) = (Server::start().await, Copy::start().await);
    let content = "s".repeat(3000) + "t";
    server.lists(&[("/d/slow", 3001, &sha1(content.as_bytes()))]);
    server.answers("get /d/slow", "200 OK\r\nContent-Length: 3001", &content[..1500]);
    server.stalls.lock().push("get /d/slow".to_owned());
    // One range is answered, that of the rest: so no bytes of a proof are asked for.
    let rest = "206 Partial Content\r\nContent-Length: 1501\r\nContent-Range: bytes 1500-3000/3001";
    server.answers("get /d/slow range", rest, &content[1500..]);
    let settings = std::fs::read_to_string(copy.config()).unwrap();
    std::fs::write(copy.config(), settings.replace("[[mount]]\n", "[[mount]]\nrapid_upload = false\n")).unwrap();
    let told = copy.run(&[&format!("{}/d/", server.url), "drive:/", "--silence-s", "7"], 0);
    assert!(told.contains("s for the WebDAV server to send") && told.contains("1 sent"), "{told}");
    assert_eq!(copy.sim.read("/slow").unwrap(), content.as_bytes());
}

// Keeps 152.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_whose_token_expires_in_mid_copy_goes_on() {
    let (from, copy) = (Fixture::start().await, Copy::start().await);
    for at in 0..4 {
        from.sim.write(&format!("/d/{at}"), noise(500_000 + at));
    }
    let child = copy.spawn(&[&from.url("/dav/d/"), "drive:/", "--transfers", "1"]);
    crate::harness::until(|| copy.calls("data PUT") >= 2).await;
    from.sim.expire_access_tokens();
    copy.sim.expire_access_tokens();
    said(child, 0);
    assert_eq!(copy.files(), ["/0", "/1", "/2", "/3"]);
    assert!(copy.sim.read("/3").unwrap() == noise(500_003));
}
