//! What a client sees while the database server is away. Each test has a server of its own, by `tests/postgres.sh`; they
//! run where `POSTGRES_FOR_TESTS` says that PostgreSQL is there.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use alidav::config::{Config, StateLocation};
use serde_json::Value;

use crate::harness::{Fixture, a_later_moment, eventually, header};

/// Longest that a client may be kept waiting: twice the time of a statement, some of those, and a loaded machine.
const BOUND: Duration = Duration::from_secs(12);

/// A server that can be stopped and started.
struct Postgres {
    script: Child,
    url: String,
    control: String,
    pid_file: String,
}

impl Postgres {
    fn start() -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "no setting of the program")]
        std::env::var("POSTGRES_FOR_TESTS").ok()?;
        let told = r#"printf '%s\n' "$POSTGRES_FOR_TESTS" "$POSTGRES_CONTROL" "$POSTGRES_PID_FILE"; read -r end"#;
        let mut script = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres.sh"))
            .args(["sh", "-c", told])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(script.stdout.take().unwrap()).lines();
        let mut line = || lines.next().unwrap().unwrap();
        Some(Self { url: line(), control: line(), pid_file: line(), script })
    }

    fn location(&self) -> StateLocation {
        let text =
            format!("state = {:?}\n[[account]]\nname = \"a\"\n[[mount]]\npath = \"/\"\naccount = \"a\"", self.url);
        Config::read(&text, None, &std::collections::BTreeMap::new()).unwrap().config.state
    }

    fn control(&self, arguments: &str) {
        let command = format!("{} {arguments} >/dev/null", self.control);
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success(), "{arguments}");
    }

    /// Sends a signal to the server and the processes of its sessions.
    fn signal(&self, name: &str) {
        let server = std::fs::read_to_string(&self.pid_file).unwrap().lines().next().unwrap().to_owned();
        let sessions = std::fs::read_to_string(format!("/proc/{server}/task/{server}/children")).unwrap();
        let all = std::iter::once(server.as_str()).chain(sessions.split_whitespace());
        // One that has just ended is none any more.
        Command::new("kill").arg(name).args(all).stderr(Stdio::null()).status().unwrap();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // At the end of its input the script ends, and the server with it.
        drop(self.script.stdin.take());
        self.script.wait().ok();
    }
}

async fn health(world: &Fixture) -> Value {
    serde_json::from_str(&world.get("/healthz").await.text().await.unwrap()).unwrap()
}

/// Waits until nothing is wrong any more.
async fn recovers(world: &Fixture) {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let told = health(world).await;
        if told["status"] == "ok" {
            return;
        }
        assert!(Instant::now() < until, "{told}");
    }
}

async fn put(world: &Fixture, path: &str, content: &'static str) -> reqwest::Response {
    world.request("PUT", path).body(content).send().await.unwrap()
}

/// What goes on, what is refused, and that everything works again.
async fn endures(away: impl Fn(&Postgres), back: impl Fn(&Postgres)) {
    let Some(postgres) = Postgres::start() else { return };
    let world = Fixture::with(|config| {
        config.state = postgres.location();
        config.timeouts.store_busy = Duration::from_secs(1);
    })
    .await;
    world.sim.write("/f/a", "old");
    assert_eq!(put(&world, "/dav/f/b", "b").await.status(), 201);
    assert_eq!(world.hrefs("/dav/f/").await.len(), 3);
    assert_eq!(health(&world).await["status"], "ok");
    a_later_moment().await;

    away(&postgres);
    for path in ["/dav/f/a", "/dav/f/new"] {
        let begun = Instant::now();
        let answer = put(&world, path, "new").await;
        assert_eq!(answer.status(), 503, "{path}");
        assert!(header(&answer, "retry-after").parse::<u64>().unwrap() > 0);
        let told = answer.text().await.unwrap();
        assert!(!told.contains("postgres://"), "{told}");
        assert!(begun.elapsed() < BOUND, "{path}: {:?}", begun.elapsed());
    }
    let begun = Instant::now();
    assert_eq!(world.hrefs("/dav/f/").await.len(), 3);
    let told = health(&world).await;
    assert_eq!(told["status"], "degraded");
    assert!(told["reasons"][0].as_str().unwrap().contains("state store"), "{told}");
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
    assert_eq!(world.sim.read("/f/a").unwrap(), b"old");
    assert_eq!(world.sim.read("/f/new"), None);

    back(&postgres);
    eventually(async || put(&world, "/dav/f/a", "new").await.status() == 204).await;
    assert_eq!(put(&world, "/dav/f/new", "new").await.status(), 201);
    assert_eq!(world.sim.read("/f/a").unwrap(), b"new");
    recovers(&world).await;
    world.server.stop().await;
}

// Keeps 170.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_server_that_crashes_and_comes_back_is_used_again() {
    endures(|postgres| postgres.control("stop -m immediate"), |postgres| postgres.control("start")).await;
}

// Keeps 170.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_server_that_stands_still_keeps_nobody_waiting_for_long() {
    endures(|postgres| postgres.signal("-STOP"), |postgres| postgres.signal("-CONT")).await;
}

// Keeps 173.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_instances_is_as_it_was_while_the_server_is_away() {
    let Some(postgres) = Postgres::start() else { return };
    let world = Fixture::with(|config| {
        config.state = postgres.location();
        config.instance = "lonely".to_owned();
        config.timeouts.store_busy = Duration::from_secs(1);
        config.timeouts.instance_life = Duration::from_secs(3);
    })
    .await;
    assert_eq!(
        (health(&world).await["instance"].as_str(), health(&world).await["instances"].as_u64()),
        (Some("lonely"), Some(1))
    );
    let status = async || -> Value { world.get("/api/status").await.json().await.unwrap() };
    assert_eq!(status().await["errors"].as_array().unwrap().len(), 0);

    postgres.signal("-STOP");
    let complains = |told: &Value| told.to_string().contains("instance lonely last reached the database");
    eventually(async || complains(&health(&world).await["reasons"])).await;
    assert_eq!(health(&world).await["instances"], 1);
    let told = status().await;
    assert!(complains(&told["errors"]), "{told}");
    assert_eq!(
        (&told["instances"]["all"][0]["name"], &told["instances"]["all"][0]["own"]),
        (&"lonely".into(), &true.into())
    );
    let metrics = world.get("/metrics").await.text().await.unwrap();
    let unseen = metrics.lines().find_map(|line| line.strip_prefix("alidav_instance_unseen_seconds ")).unwrap();
    assert!(unseen.parse::<f64>().unwrap() >= 3.0, "{unseen}");

    postgres.signal("-CONT");
    recovers(&world).await;
    assert_eq!(status().await["errors"].as_array().unwrap().len(), 0);
    world.server.stop().await;
}
