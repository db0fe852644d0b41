//! The program as a person starts it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Output, Stdio};

use crate::harness::World;

fn alidav() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alidav"));
    command.env_clear();
    command
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_demo_prints_where_it_is_and_serves() {
    let mut child = alidav()
        .args(["demo", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let _running = Running(child);
    let url = lines.next().unwrap().unwrap().strip_prefix("listening on ").unwrap().to_owned();
    assert!(lines.next().unwrap().unwrap().contains(&format!("{url}/dav/   user demo   password demo")));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answer = runtime.block_on(async {
        // A client that adds no Referer, as the drive demands of those who follow a redirect.
        let client = reqwest::Client::builder().referer(false).build().unwrap();
        let request =
            client.get(format!("{url}/dav/%E6%96%87%E6%A1%A3/%E8%AF%BB%E6%88%91.md")).basic_auth("demo", Some("demo"));
        request.send().await.unwrap().text().await.unwrap()
    });
    assert!(answer.contains("alidav"));
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
    let output = alidav().args(["--config", "/nowhere/x.toml"]).output().unwrap();
    assert_eq!((output.status.code(), text(&output).contains("/nowhere/x.toml")), (Some(2), true));
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
    let world = World::start().await;
    world.sim.write("/a", "x");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alidav.toml");
    let settings = |token: &str| {
        format!(
            "state = \"sqlite:{}\"\n[upstream]\napi_url = \"{url}\"\n[[account]]\noauth_token_urls = [\"{url}/alicloud/renewapi\"]\n\
             refresh_token = \"{token}\"\n[[mount]]\npath = \"/\"\n",
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
        "ok   account main, token and drives",
        "ok   account main, space",
        "ok   mount /, listing: 1 entries",
        "ok   mount /, link",
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
    assert!(text(&bad).contains("FAIL account main, token and drives") && text(&bad).contains("refresh_token"));
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

#[test]
fn a_terminated_server_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = alidav()
        .current_dir(folder.path())
        .env("ALIDAV_LISTEN", "127.0.0.1:0")
        .env("ALIDAV_MOUNT__0__PATH", "/")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on http://127.0.0.1:"), "{line}");
    let ended = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(ended.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
