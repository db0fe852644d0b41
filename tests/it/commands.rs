//! The program as a person starts it.

use std::io::{BufRead as _, Write as _};
use std::process::{Output, Stdio};

use crate::harness::{Fixture, client, eventually};
use crate::process::{Process, alidav};

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_demo_prints_where_it_is_and_serves() {
    let mut demo = Process::start(alidav().args(["demo", "--listen", "127.0.0.1:0"]).stderr(Stdio::null()));
    let url = demo.url.clone();
    let mut lines = (&mut demo.out).lines();
    assert!(lines.next().unwrap().unwrap().contains(&format!("{url}/   user demo   password demo")));
    assert!(lines.next().unwrap().unwrap().contains(&format!("{url}/dav/   user demo   password demo")));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answer = runtime.block_on(async {
        let request = client()
            .get(format!("{url}/dav/%E6%96%87%E6%A1%A3/%E8%AF%BB%E6%88%91.md"))
            .basic_auth("demo", Some("demo"));
        request.send().await.unwrap().text().await.unwrap()
    });
    assert!(answer.contains("alidav"));
}

/// What a player's GET of a range of the demo's address gives.
async fn range(film: &str, range: &str) -> (Option<u64>, Vec<u8>) {
    let answer = client().get(film).header("Range", range).send().await.unwrap();
    assert_eq!(answer.status(), 206);
    let total = answer.headers()["content-range"].to_str().unwrap().rsplit('/').next().unwrap().parse().ok();
    (total, answer.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn the_demos_films_are_films_of_their_length_from_every_offset() {
    let mut demo = Process::start(alidav().args(["demo", "--listen", "127.0.0.1:0"]).stderr(Stdio::null()));
    let printed = (&mut demo.out).lines().map_while(Result::ok).find(|line| line.starts_with("film ")).unwrap();
    let film = printed.split_whitespace().nth(1).unwrap();
    let size = range(film, "bytes=0-0").await.0.unwrap();
    // Boxes, each with its size before it, end where the file ends.
    let mut at = 0;
    let mut kinds = Vec::new();
    while at < size {
        let (_, head) = range(film, &format!("bytes={at}-{}", at + 15)).await;
        kinds.push(String::from_utf8_lossy(&head[4..8]).into_owned());
        at += match u32::from_be_bytes(head[..4].try_into().unwrap()) {
            1 => u64::from_be_bytes(head[8..].try_into().unwrap()),
            small => u64::from(small),
        };
    }
    assert_eq!((at, kinds), (size, ["ftyp", "moov", "mdat"].map(str::to_owned).into()));
    let episode = film
        .replace("%E7%94%B5%E5%BD%B1/Short%20film%20%281080p%29", "%E5%89%A7%E9%9B%86/%E7%AC%AC%E4%B8%80%E5%AD%A3/E01");
    let whole = client().get(&episode).send().await.unwrap();
    let told = whole.content_length();
    let whole = whole.bytes().await.unwrap();
    assert_eq!(told, Some(whole.len() as u64));
    for (first, last) in
        [(0, 0), (1, 70_000), (262_143, 262_144), (50_000_001, 51_234_567), (whole.len() - 1, whole.len() - 1)]
    {
        assert!(range(&episode, &format!("bytes={first}-{last}")).await.1 == whole[first..=last], "{first} to {last}");
    }
}

#[test]
fn wrong_settings_end_with_2_and_name_every_fault() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my.toml");
    std::fs::write(&file, "listen = 8080\n[upstream]\nmax_stream = 1\n").unwrap();
    let output = alidav().args(["serve", "--config", file.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output);
    assert!(
        told.contains("my.toml: listen:") && told.contains("did you mean max_streams?") && told.contains("mount"),
        "{told}"
    );
    // On either side of the command, and without one.
    for line in [
        &["--config", "/nowhere/x.toml"][..],
        &["--config", "/nowhere/x.toml", "check"],
        &["check", "--config", "/nowhere/x.toml"],
    ] {
        let output = alidav().args(line).output().unwrap();
        assert_eq!((output.status.code(), text(&output).contains("/nowhere/x.toml: cannot be read")), (Some(2), true));
    }
    let output = alidav().args(["--config", "x.toml", "hash-password"]).output().unwrap();
    assert_eq!((output.status.code(), text(&output).contains("reads no settings")), (Some(2), true));
    let output = alidav().current_dir(folder.path()).output().unwrap();
    assert_eq!((output.status.code(), text(&output).contains("/etc/alidav/alidav.toml")), (Some(2), true));
}

#[test]
fn certificates_that_are_named_are_trusted_or_told_to_be_missing() {
    let output = alidav()
        .args(["demo", "--listen", "127.0.0.1:0"])
        .envs([("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")])
        .output()
        .unwrap();
    let told = text(&output);
    assert!(told.contains("connections to the drive: not possible: no CA certificate can be read from"), "{told}");
    assert!(told.contains("SSL_CERT_FILE (/nonexistent)") && !told.contains("--listen"), "{told}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn completions_and_manual_pages_tell_of_every_command() {
    let commands = [
        "serve",
        "demo",
        "check",
        "login",
        "copy",
        "export",
        "renew-links",
        "state",
        "hash-password",
        "simulate",
        "man",
    ];
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = alidav().args(["completions", shell]).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && output.stderr.is_empty());
        assert!(commands.iter().all(|command| script.contains(command)), "{shell}: {script}");
    }
    let page = text(&alidav().arg("man").output().unwrap());
    assert!(page.contains(".TH alidav 1") && page.contains("alidav\\-check(1)"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let output = alidav().args(["man", "--dir"]).arg(&pages).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(std::fs::read_to_string(pages.join("alidav.1")).unwrap(), page);
    assert!(commands.iter().all(|command| pages.join(format!("alidav-{command}.1")).exists()));
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let told = text(&alidav().args(["man", "--dir"]).arg(&file).output().unwrap());
    assert!(told.contains("cannot be written"), "{told}");
    let output = alidav().args(["man", "--config", "x.toml"]).output().unwrap();
    assert!(text(&output).contains("reads no settings"));
}

#[test]
fn the_version_names_the_commit_and_its_day() {
    let told = text(&alidav().arg("--version").output().unwrap());
    assert_eq!(told.trim(), format!("alidav {}", alidav::version::WORDS));
    assert!(alidav::version::WORDS.starts_with(alidav::version::NUMBER));
    let (commit, given) = (alidav::version::COMMIT, option_env!("ALIDAV_COMMIT").or(option_env!("SOURCE_DATE_EPOCH")));
    if commit.is_empty() || given.is_some() {
        return;
    }
    let mut git = std::process::Command::new("git");
    git.args(["show", "--no-patch", "--date=format-local:%Y-%m-%d", "--format=(%h %cd)", commit]).env("TZ", "UTC");
    let output = git.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert_eq!(told.trim(), format!("alidav {} {}", alidav::version::NUMBER, text(&output).trim()));
}

#[test]
fn a_password_from_a_pipe_becomes_an_argon2_string() {
    let mut child = alidav().arg("hash-password").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"secret\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(text(&output).starts_with("$argon2id$"));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_what_works_and_what_does_not() {
    let world = Fixture::start().await;
    world.sim.write("/a", "x");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alidav.toml");
    let settings = |token: &str| {
        format!(
            "state = \"sqlite:{}\"\n[upstream]\napi_url = \"{url}\"\n[[account]]\noauth_token_urls = [\"{url}/alicloud/renewapi\"]\n\
             refresh_token = \"{token}\"\n[[mount]]\npath = \"/\"\n[anonymous]\npermission = \"read\"\n",
            folder.path().join("state.db").display(),
            url = world.sim.url(),
        )
    };
    std::fs::write(&file, settings(&world.sim.refresh_token())).unwrap();
    let run = || alidav().args(["check", "--config", file.to_str().unwrap()]).output().unwrap();
    let good = run();
    let told = text(&good);
    assert_eq!(good.status.code(), Some(0), "{told}");
    for part in [
        "ok   settings",
        "ok   state store: SQLite 3",
        "state.db: readable and writable",
        "ok   account main, token and drives",
        "ok   account main, space",
        "ok   mount /, listing: 1 entries",
        "ok   mount /, link: of \"a\"",
        "     host: 127.0.0.1",
        "     signature: version 4",
        "     life: 8",
        "ok   mount /, read by alidav: 1 bytes",
        "ok   mount /, read by a redirected player: status 206, 1 bytes",
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    // A reader that has gone, such as `head`, changes nothing about the exit code.
    let mut gone = alidav().args(["check", "--config", file.to_str().unwrap()]).stdout(Stdio::piped()).spawn().unwrap();
    drop(gone.stdout.take());
    assert_eq!(gone.wait().unwrap().code(), Some(0));
    std::fs::remove_file(folder.path().join("state.db")).unwrap();
    std::fs::write(&file, settings("not.a.token")).unwrap();
    let bad = run();
    assert_eq!(bad.status.code(), Some(1));
    let told = text(&bad);
    assert!(told.contains("FAIL account main, token and drives") && told.contains("refresh_token"), "{told}");
    // One cause, told once; what hangs on it is no fault of its own.
    assert!(told.matches("FAIL").count() == 1 && !told.contains("lasts until"), "{told}");
    assert!(told.contains("account main, space: not tried") && told.contains("mount /: not tried"), "{told}");
    let closed = settings("not.a.token").replace("\"read\"", "\"none\"");
    std::fs::write(&file, closed).unwrap();
    let told = text(&run());
    assert!(told.contains("FAIL users: nobody can come in; add a [[user]]"), "{told}");
}

/// What `alidav check` says and ends with, for a simulator that is also the way to the data hosts by their names.
fn check_by_name(sim: &alidav::sim::Simulator, folder: &std::path::Path) -> (Option<i32>, String) {
    let file = folder.join("alidav.toml");
    let settings = format!(
        "state = \"sqlite:{}\"\n[upstream]\napi_url = \"{url}\"\noutbound_proxy = \"{url}\"\n[[account]]\n\
         oauth_token_urls = [\"{url}/alicloud/renewapi\"]\nrefresh_token = \"{}\"\n[[mount]]\n[anonymous]\npermission = \"read\"\n",
        folder.join("state.db").display(),
        sim.refresh_token(),
        url = sim.url(),
    );
    std::fs::write(&file, settings).unwrap();
    let output = alidav().args(["check", "--config", file.to_str().unwrap()]).output().unwrap();
    (output.status.code(), text(&output))
}

#[tokio::test(flavor = "multi_thread")]
async fn check_reads_as_alidav_does_and_as_a_redirected_player() {
    use alidav::sim::{Fault, FaultKind, HostMood, Options, Rules, SignatureVersion, Simulator};
    let rules = Rules { named_hosts: true, unsteady_links: true, ..crate::harness::rules() };
    let sim = Simulator::start(Options { rules, ..Options::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    sim.mkdir("/empty");
    sim.write("/nothing", "");
    let (code, told) = check_by_name(&sim, folder.path());
    assert!(code == Some(0) && told.contains("no file to read"), "{told}");
    sim.write("/films/deep/film.mkv", vec![7; 5000]);
    sim.rules(|rules| rules.unsteady_host = HostMood::Forbids);
    let (code, told) = check_by_name(&sim, folder.path());
    assert_eq!(code, Some(0), "{told}");
    for part in [
        "of \"film.mkv\"",
        "host: cn-beijing-data.aliyundrive.net",
        "read by alidav: 1024 bytes",
        "status 206, 1024 bytes",
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    // Reads have a second host, players have not.
    sim.rules(|rules| {
        (rules.steady_host, rules.unsteady_host, rules.signature) =
            (HostMood::Forbids, HostMood::Serves, SignatureVersion::V2);
    });
    let (code, told) = check_by_name(&sim, folder.path());
    assert_eq!(code, Some(1), "{told}");
    for part in [
        "signature: version 2",
        "ok   mount /, read by alidav",
        "FAIL mount /, read by a redirected player",
        "status 403",
        "link_policy",
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    sim.rules(|rules| rules.steady_host = HostMood::Serves);
    sim.fault(Fault::always(
        "data GET",
        FaultKind::Code { status: 403, code: "AccessDenied".to_owned(), retry_after_ms: None },
    ));
    let (code, told) = check_by_name(&sim, folder.path());
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("FAIL mount /, read by alidav") && told.contains("steady_data_host"), "{told}");
}

#[test]
fn the_live_check_asks_where_the_server_listens() {
    let folder = tempfile::tempdir().unwrap();
    let check = |address: &str| {
        let mut command = alidav();
        command.current_dir(folder.path()).env("ALIDAV_LISTEN", address).env("ALIDAV_MOUNT__0__PATH", "/");
        command.args(["check", "--live"]).output().unwrap()
    };
    for address in ["127.0.0.1:0", "[::1]:0", "127.0.0.2:0", "unix:alidav.sock"] {
        let variables = [("ALIDAV_LISTEN", address), ("ALIDAV_STATE", "sqlite::memory:")];
        let running = serve(folder.path(), &variables, Stdio::null());
        let bound = running.url.trim_start_matches("http://").to_owned();
        let output = check(&bound);
        assert_eq!(output.status.code(), Some(0), "{address}: {}", text(&output));
        drop(running);
        let output = check(&bound);
        assert_eq!((output.status.code(), text(&output).contains(&bound)), (Some(1), true), "{}", text(&output));
    }
}

#[test]
fn check_names_a_certificate_that_cannot_be_served() {
    let folder = tempfile::tempdir().unwrap();
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.path().join("cert.pem"), pair.cert.pem()).unwrap();
    let check = |key: &str| {
        std::fs::write(folder.path().join("key.pem"), key).unwrap();
        let mut command = alidav();
        command.current_dir(folder.path()).env("ALIDAV_MOUNT__0__PATH", "/");
        command.env("ALIDAV_UPSTREAM__API_URL", "http://127.0.0.1:9").env("ALIDAV_UPSTREAM__MAX_WAIT_S", "1");
        command.env("ALIDAV_TLS__CERT", "cert.pem").env("ALIDAV_TLS__KEY", "key.pem");
        text(&command.arg("check").output().unwrap())
    };
    let told = check(&pair.signing_key.serialize_pem());
    assert!(told.contains("ok   certificate: cert.pem goes with key.pem"), "{told}");
    let another = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for key in ["nonsense", &another.signing_key.serialize_pem()] {
        let told = check(key);
        assert!(told.contains("FAIL certificate: ") && told.contains("key.pem"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_and_serve_name_a_state_store_that_cannot_be_used() {
    use sqlx::Connection as _;
    let folder = tempfile::tempdir().unwrap();
    let (file, state) = (folder.path().join("alidav.toml"), folder.path().join("state.db"));
    std::fs::write(&file, format!("state = \"sqlite:{}\"\n[[mount]]\n", state.display())).unwrap();
    let run = |command: &str| alidav().args([command, "--config", file.to_str().unwrap()]).output().unwrap();
    std::fs::write(&state, [b'x'; 5000]).unwrap();
    for command in ["check", "serve"] {
        let output = run(command);
        let told = text(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("state.db") && told.contains("move the file away"), "{told}");
    }
    std::fs::remove_file(&state).unwrap();
    drop(alidav::state::Store::open(&alidav::config::StateLocation::File(state.clone())).await.unwrap());
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&state);
    let mut other = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let output = run("check");
    let told = text(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("FAIL state store") && told.contains("another program holds the file"), "{told}");
}

/// A server whose settings come from the environment.
fn serve(folder: &std::path::Path, variables: &[(&str, &str)], log: Stdio) -> Process {
    Process::start(
        alidav()
            .current_dir(folder)
            .env("ALIDAV_LISTEN", "127.0.0.1:0")
            .env("ALIDAV_MOUNT__0__PATH", "/")
            .envs(variables.iter().copied())
            .stderr(log),
    )
}

#[test]
fn a_terminated_server_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = serve(folder.path(), &[], Stdio::null());
    let url = &running.url;
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    running.signal("-TERM");
    assert_eq!(running.code(), Some(0));
}

#[tokio::test]
async fn without_a_file_a_hangup_reads_the_settings_again_and_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "first").unwrap();
    let variables = [("ALIDAV_USER__ME__PASSWORD_FILE", password.to_str().unwrap())];
    let running = serve(folder.path(), &variables, Stdio::null());
    let url = &running.url;
    let http = client();
    let status = async |password: &str| {
        http.head(format!("{url}/dav/")).basic_auth("me", Some(password)).send().await.unwrap().status().as_u16()
    };
    assert_ne!(status("first").await, 401);
    std::fs::write(&password, "second").unwrap();
    running.signal("-HUP");
    // The old password passes until then; a wrong one would be slowed.
    eventually(async || status("first").await == 401).await;
    assert_ne!(status("second").await, 401);
}

// Keeps 51.
#[tokio::test]
async fn a_log_that_takes_no_more_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let running = serve(folder.path(), &[("ALIDAV_LOG", "debug")], full.into());
    for _ in 0..3 {
        assert_eq!(client().get(format!("{}/healthz", running.url)).send().await.unwrap().status(), 200);
    }
}

// Keeps 51.
#[tokio::test]
async fn a_name_cannot_feign_a_line_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut running = serve(folder.path(), &[], std::fs::File::create(&log).unwrap().into());
    let http = client();
    let request = http.get(format!("{}/dav/", running.url)).basic_auth("me\n2026 INFO feigned\u{1b}[31m", Some("x"));
    assert_eq!(request.send().await.unwrap().status(), 401);
    running.signal("-TERM");
    running.code();
    let told = std::fs::read_to_string(&log).unwrap();
    assert!(told.contains(r"user=me\n2026 INFO feigned\u{1b}[31m"), "{told}");
}

// Keeps 47.
#[tokio::test(flavor = "multi_thread")]
async fn the_access_log_tells_which_program_was_sent_which_way() {
    let world = Fixture::start().await;
    world.by_links_alone();
    world.sim.write("/a.mkv", "film");
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let sim = world.sim.url();
    let token = world.sim.refresh_token();
    let renewals = format!("{sim}/alicloud/renewapi");
    let settings = [
        ("ALIDAV_UPSTREAM__API_URL", sim.as_ref()),
        ("ALIDAV_ACCOUNT__MAIN__OAUTH_TOKEN_URLS", renewals.as_str()),
        ("ALIDAV_ACCOUNT__MAIN__REFRESH_TOKEN", token.as_str()),
        ("ALIDAV_ANONYMOUS__PERMISSION", "read"),
    ];
    let mut running = serve(folder.path(), &settings, std::fs::File::create(&log).unwrap().into());
    let http = crate::harness::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let long = "x".repeat(9000);
    for (agent, status) in [("VLC/3.0.20 LibVLC/3.0.20", 302), ("My\tPlayer/1\u{9b}31m", 200), (long.as_str(), 200)] {
        let request = http.get(format!("{}/dav/a.mkv", running.url)).header("user-agent", agent);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{agent}");
        answer.bytes().await.unwrap();
    }
    http.get(format!("{}/healthz", running.url)).send().await.unwrap();
    running.signal("-TERM");
    running.code();
    let told = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = told.lines().filter(|line| line.contains("access:")).collect();
    let [vlc, mine, longest, health] = lines[..] else { panic!("{told}") };
    assert!(vlc.contains(r#" agent="VLC/3.0.20 LibVLC/3.0.20" "#) && vlc.contains(r#" policy="redirect" "#), "{vlc}");
    assert!(
        mine.contains(" agent=\"My\u{fffd}Player/1\u{fffd}31m\" ") && mine.contains(r#" policy="proxy" "#),
        "{mine}"
    );
    assert!(longest.contains(&format!("agent=\"{}…\"", "x".repeat(200))) && longest.len() < 600, "{longest}");
    assert!(!health.contains("agent=") && !health.contains("policy="), "{health}");
}

// Keeps 50, 51.
#[tokio::test]
async fn the_lines_of_one_request_are_json_with_its_id() {
    use alidav::sim::{Fault, FaultKind};

    let sim = alidav::sim::Simulator::start(Default::default()).await.unwrap();
    sim.rules(|rules| rules.rate_limits = false);
    sim.write_generated("/film", 9_000_000, 5);
    sim.write("/a\n{\"level\":\"ERROR\"}\u{1b}/b", "x");
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let (url, token) = (sim.url(), sim.refresh_token());
    let server = format!("{url}/alicloud/renewapi");
    let variables = [
        ("ALIDAV_UPSTREAM__API_URL", url.as_str()),
        ("ALIDAV_ACCOUNT__MAIN__OAUTH_TOKEN_URLS", &server),
        ("ALIDAV_ACCOUNT__MAIN__REFRESH_TOKEN", &token),
        ("ALIDAV_USER__ME__PASSWORD", "pass-phrase-7"),
        ("ALIDAV_LOG", "info,alidav=debug"),
        ("ALIDAV_LOG_FORMAT", "json"),
        ("ALIDAV_LOG_TIME", "local"),
        ("TZ", "CST-8"),
    ];
    let mut running = serve(folder.path(), &variables, std::fs::File::create(&log).unwrap().into());
    let propfind = reqwest::Method::from_bytes(b"PROPFIND").unwrap();
    let mut ids = Vec::new();
    for path in ["/dav/", "/dav/a%0A%7B%22level%22:%22ERROR%22%7D%1B/", "/dav/none/"] {
        let request = client().request(propfind.clone(), format!("{}{path}", running.url));
        let answer = request.header("depth", "1").basic_auth("me", Some("pass-phrase-7")).send().await.unwrap();
        ids.push(answer.headers()["x-request-id"].to_str().unwrap().to_owned());
    }
    // The body is sent, and its connection to the drive resumed, long after the request was answered.
    sim.fault(Fault::once("data GET", FaultKind::Cut { after: 6_000_000 }));
    let film = client().get(format!("{}/dav/film?link_policy=proxy", running.url));
    let film = film.basic_auth("me", Some("pass-phrase-7")).send().await.unwrap();
    ids.push(film.headers()["x-request-id"].to_str().unwrap().to_owned());
    assert_eq!(film.bytes().await.unwrap().len(), 9_000_000);
    running.signal("-TERM");
    running.code();
    let told = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<serde_json::Value> =
        told.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    let named = |line: &serde_json::Value, id: &str| line["id"] == id || line["spans"][0]["id"] == id;
    let ours = |id: &str| lines.iter().filter(|line| named(line, id)).collect::<Vec<_>>();
    for id in &ids {
        let access = ours(id).into_iter().filter(|line| line["target"] == "access").collect::<Vec<_>>();
        let [access] = access[..] else { panic!("{id}: {told}") };
        assert!(access["timestamp"].as_str().unwrap().ends_with("+08:00"), "{access}");
        assert!(access["user"] == "me" && access["method"].is_string() && access["status"].is_u64(), "{access}");
    }
    // A name is told as it is, and cannot begin a line.
    let path = |id: &str| ours(id).into_iter().find_map(|line| line["path"].as_str()).map(str::to_owned);
    assert_eq!(path(&ids[1]).unwrap(), "/dav/a\n{\"level\":\"ERROR\"}\u{1b}/");
    let called = |id: &str| -> Vec<String> {
        let calls = ours(id).into_iter().flat_map(|line| line["spans"].as_array().cloned().unwrap_or_default());
        let calls = calls.filter(|span| span["name"] == "call" && span["account"] == "main");
        calls.map(|span| span["endpoint"].as_str().unwrap().to_owned()).collect()
    };
    // The renewal of the token is a part of the first call that needs it; a listing runs in a task of its own.
    assert!(called(&ids[0]).iter().any(|name| name == "openFile/list"), "{told}");
    assert!(ours(&ids[0]).iter().any(|line| line["message"] == "renewing the access token"), "{told}");
    assert!(ours(&ids[0]).iter().any(|line| line["spans"][0]["user"] == "me"), "{told}");
    assert!(called(&ids[1]).iter().any(|name| name == "openFile/list"), "{told}");
    assert!(ours(&ids[2]).iter().any(|line| line["message"] == "request refused"), "{told}");
    assert!(ours(&ids[3]).iter().any(|line| line["message"] == "resuming a stream"), "{told}");
    assert!(!told.contains(&token) && !told.contains("pass-phrase-7"), "{told}");
}

// Keeps 10.
#[tokio::test]
async fn odd_entries_of_a_listing_are_one_line_of_the_log_with_their_number_and_folder() {
    let sim = alidav::sim::Simulator::start(Default::default()).await.unwrap();
    let id = sim.fill("/f", 250);
    sim.rules(|rules| (rules.odd_items, rules.rate_limits) = (alidav::sim::OddItems::Some, false));
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let (url, token) = (sim.url(), sim.refresh_token());
    let server = format!("{url}/alicloud/renewapi");
    let variables = [
        ("ALIDAV_UPSTREAM__API_URL", url.as_str()),
        ("ALIDAV_ACCOUNT__MAIN__OAUTH_TOKEN_URLS", &server),
        ("ALIDAV_ACCOUNT__MAIN__REFRESH_TOKEN", &token),
        ("ALIDAV_ANONYMOUS__PERMISSION", "read"),
    ];
    let mut running = serve(folder.path(), &variables, std::fs::File::create(&log).unwrap().into());
    let propfind = reqwest::Method::from_bytes(b"PROPFIND").unwrap();
    let answer =
        client().request(propfind, format!("{}/dav/f/", running.url)).header("depth", "1").send().await.unwrap();
    assert_eq!(answer.status(), 207);
    running.signal("-TERM");
    running.code();
    let told = std::fs::read_to_string(&log).unwrap();
    // Two pages, each with four of them.
    let lines: Vec<&str> = told.lines().filter(|line| line.contains("not shown") && line.contains(&id)).collect();
    assert!(lines.len() == 1 && lines[0].contains("count=8"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_whether_the_addresses_of_views_lead_to_this_server() {
    let world = Fixture::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alidav.toml");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let check = |base: &str| {
        let settings = format!(
            "listen = [\"127.0.0.1:{port}\"]\nstate = \"sqlite:{}\"\n[upstream]\napi_url = \"{url}\"\n[[account]]\n\
             oauth_token_urls = [\"{url}/alicloud/renewapi\"]\nrefresh_token = \"{}\"\n[[mount]]\n[anonymous]\npermission = \"read\"\n[[view]]\npath = \"/strm\"\n\
             base_url = \"{base}\"\n",
            folder.path().join("state.db").display(),
            world.sim.refresh_token(),
            url = world.sim.url(),
        );
        std::fs::write(&file, settings).unwrap();
        let output = alidav().args(["check", "--config", file.to_str().unwrap()]).output().unwrap();
        (output.status.code(), text(&output))
    };
    let here = format!("http://127.0.0.1:{port}");
    let (code, told) = check(&here);
    assert!(code == Some(0) && told.contains("no server runs from this state store"), "{told}");
    let server = Process::serve(&file);
    let (code, told) = check(&here);
    assert!(code == Some(0) && told.contains(&format!("ok   views, address {here}: leads to this server")), "{told}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (base, words) in [
        (world.url(""), "an alidav with another state store"),
        (world.sim.url(), "as this server does not"),
        (format!("{here}/cloud"), "as this server does not"),
        (format!("http://{nobody}"), "refused"),
    ] {
        let (code, told) = check(&base);
        let line = told.lines().find(|line| line.starts_with("FAIL views")).unwrap_or_else(|| panic!("{told}"));
        assert!(
            code == Some(1) && line.contains(words) && line.contains("set base_url") && !line.contains("sign"),
            "{line}"
        );
    }
    drop(server);
}
