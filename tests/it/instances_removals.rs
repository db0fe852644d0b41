//! What one of two servers has replaced, or has not decided yet, before the other: hidden, left alone, removed, taken over.

use std::net::SocketAddr;
use std::time::Duration;

use alidav::config::Config;
use alidav::server::Server;
use alidav::sim::{Fault, FaultKind, Options, Simulator};
use reqwest::Client;
use tokio::runtime::Runtime;

use crate::harness::{builder, config, eventually, rules};
use crate::pair::{Database, Pair, on_drive};

const TRASH: &str = "openFile/recyclebin/trash";
const COMMIT: &str = "openFile/complete";

fn refused() -> FaultKind {
    FaultKind::Code { status: 500, code: "InternalError".to_owned(), retry_after_ms: None }
}

fn soon(config: &mut Config) {
    config.timeouts.instance_life = Duration::from_millis(1500);
    config.upstream.max_wait = Duration::from_secs(2);
}

// Keeps 171.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_has_replaced_the_other_shows_no_more_though_the_drive_removes_nothing() {
    let Some(pair) = Pair::start(rules(), soon).await else { return };
    for folder in ["/f0", "/f1"] {
        pair.sim.mkdir(folder);
        pair.sim.write(&format!("{folder}/a"), "old");
        pair.sim.write(&format!("{folder}/b"), "newest");
    }
    for (server, other) in [(0, 1), (1, 0)] {
        let (folder, on_drive_a) = (format!("/dav/f{server}/"), format!("/f{server}/a"));
        let (a, b) = (format!("{folder}a"), format!("{folder}b"));
        assert_eq!(pair.members(other, &folder).await.len(), 3);
        pair.sim.fault(Fault::always(TRASH, refused()));
        assert_eq!(pair.put(server, &a, "new").await, 204);
        eventually(async || pair.text(other, &a).await == "new").await;
        assert_eq!(pair.members(other, &folder).await, [folder.clone(), a.clone(), b.clone()]);
        assert_eq!(on_drive(&pair.sim).await.iter().filter(|path| **path == on_drive_a).count(), 2);
        // What the first could not remove is in the way of none at the second.
        let moved = pair.request(other, "MOVE", &b).header("destination", pair.url(other, &a));
        assert_eq!(moved.send().await.unwrap().status(), 204);
        assert_eq!(pair.text(other, &a).await, "newest");
        pair.sim.clear_faults();
        eventually(async || {
            let all = on_drive(&pair.sim).await;
            all.iter().filter(|path| path.starts_with(&format!("/f{server}/"))).collect::<Vec<_>>() == [&on_drive_a]
        })
        .await;
        assert_eq!(pair.sim.read(&on_drive_a).unwrap(), b"newest");
    }
    pair.end().await;
}

// Keeps 171.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_one_has_freed_is_free_at_the_other() {
    let Some(pair) = Pair::start(rules(), soon).await else { return };
    pair.sim.write("/a", "old");
    pair.members(1, "/dav/").await;
    // The old version lies beside the new one, which goes in its turn; then nothing is to be there.
    pair.sim.fault(Fault::once(TRASH, refused()));
    assert_eq!(pair.put(0, "/dav/a", "new").await, 204);
    pair.sim.clear_faults();
    assert_eq!(pair.request(1, "DELETE", "/dav/a").send().await.unwrap().status(), 204);
    for server in [0, 1] {
        eventually(async || pair.request(server, "GET", "/dav/a").send().await.unwrap().status() == 404).await;
    }
    assert_eq!(pair.request(1, "MKCOL", "/dav/a").send().await.unwrap().status(), 201);
    eventually(async || on_drive(&pair.sim).await == ["/a"]).await;
    pair.end().await;
}

/// A server that can be killed: all that it does ends, and it gives nothing back.
struct Mortal {
    /// Absent once it is dead.
    runtime: Option<Runtime>,
    addr: SocketAddr,
    _server: Server,
}

impl Mortal {
    async fn start(config: &Config) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let config = config.clone();
        let server = runtime.spawn(async move { Server::start(&config).await.unwrap() }).await.unwrap();
        Self { addr: server.addr().unwrap(), runtime: Some(runtime), _server: server }
    }

    fn kill(&mut self) {
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

/// One that is to die, and one that lives on, before one drive.
struct Survivors {
    sim: Simulator,
    database: Database,
    mortal: Mortal,
    other: Server,
    http: Client,
}

impl Survivors {
    async fn start() -> Option<Self> {
        let database = Database::make().await?;
        let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
        let mut config = config(&sim);
        config.state = database.location();
        soon(&mut config);
        let mortal = Mortal::start(&config).await;
        let other = Server::start(&config).await.unwrap();
        Some(Self { sim, database, mortal, other, http: builder().build().unwrap() })
    }

    async fn put(&self, addr: SocketAddr, path: &str, body: &'static str) -> u16 {
        self.http.put(format!("http://{addr}{path}")).body(body).send().await.unwrap().status().as_u16()
    }

    fn other(&self) -> SocketAddr {
        self.other.addr().unwrap()
    }

    async fn is_written(&self, stage: &str) {
        let count = match stage {
            "Committed" => "SELECT count(*)::bigint FROM removals WHERE facts LIKE '%Committed%'",
            _ => "SELECT count(*)::bigint FROM removals WHERE due",
        };
        eventually(async || self.database.number(count).await == 1).await;
    }
}

// Keeps 171.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_that_died_was_to_remove_another_removes() {
    let Some(mut world) = Survivors::start().await else { return };
    world.sim.write("/a", "old");
    world.sim.fault(Fault::always(TRASH, refused()));
    assert_eq!(world.put(world.mortal.addr, "/dav/a", "new").await, 204);
    world.is_written("due").await;
    world.mortal.kill();
    world.sim.clear_faults();
    eventually(async || on_drive(&world.sim).await == ["/a"]).await;
    assert_eq!(world.sim.read("/a").unwrap(), b"new");
    eventually(async || world.database.number("SELECT count(*)::bigint FROM removals").await == 0).await;
    world.other.stop().await;
    world.database.administer(&format!("DROP DATABASE {} WITH (FORCE)", world.database.name)).await;
}

// Keeps 171.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_that_died_was_committing_is_decided_by_who_needs_the_name() {
    for takes_effect in [true, false] {
        let Some(mut world) = Survivors::start().await else { return };
        world.sim.write("/a", "old");
        let kind = if takes_effect { FaultKind::Slow { ms: 60_000 } } else { FaultKind::Hang };
        world.sim.fault(Fault::once(COMMIT, kind));
        let (http, addr) = (world.http.clone(), world.mortal.addr);
        let cut = tokio::spawn(async move { http.put(format!("http://{addr}/dav/a")).body("new").send().await });
        world.is_written("Committed").await;
        world.mortal.kill();
        cut.abort();
        world.sim.clear_faults();
        // At once: nobody has counted it out yet, but its turn at the name is asked for.
        eventually(async || matches!(world.put(world.other.addr().unwrap(), "/dav/a", "newest").await, 201 | 204))
            .await;
        eventually(async || on_drive(&world.sim).await == ["/a"]).await;
        assert_eq!(world.sim.read("/a").unwrap(), b"newest");
        world.other.stop().await;
        world.database.administer(&format!("DROP DATABASE {} WITH (FORCE)", world.database.name)).await;
    }
}

// Keeps 171.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_taken_for_dead_tells_nobody_that_its_change_was_made() {
    let Some(mut world) = Survivors::start().await else { return };
    world.sim.write("/a", "old");
    world.sim.fault(Fault::once(COMMIT, FaultKind::Slow { ms: 3000 }));
    let (http, addr) = (world.http.clone(), world.mortal.addr);
    let putting = tokio::spawn(async move { http.put(format!("http://{addr}/dav/a")).body("new").send().await });
    world.is_written("Committed").await;
    // As if it had stood still, and another had taken over meanwhile.
    let usurped = "UPDATE removals SET owner = 7; DELETE FROM instances; DELETE FROM leases; \
                   INSERT INTO instances (id, name, alive_until) VALUES (7, 'x', clock_timestamp() + interval '1 hour')";
    world.database.run(usurped).await;
    assert_eq!(putting.await.unwrap().unwrap().status(), 503);
    // Nothing is removed by it; the change is the other's to decide.
    assert_eq!(on_drive(&world.sim).await, ["/a", "/a"]);
    world.database.run("DELETE FROM instances WHERE id = 7").await;
    eventually(async || on_drive(&world.sim).await == ["/a"]).await;
    assert_eq!(world.sim.read("/a").unwrap(), b"new");
    let answer = world.http.get(format!("http://{}/dav/a", world.other())).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "new");
    world.other.stop().await;
    world.mortal.kill();
    world.database.administer(&format!("DROP DATABASE {} WITH (FORCE)", world.database.name)).await;
}
